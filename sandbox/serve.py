"""One peer as a process: `python -m sandbox serve <peer>`, started and ended by `sandbox.processes`."""

import socket
import time
from collections.abc import Callable

import uvicorn

from sandbox.national import NationalPeer
from sandbox.provinces import PROFILES
from sandbox.state import NATIONAL, Folder
from sandbox.viettel import ViettelPeer
from sandbox.vnpt import VnptPeer
from sandbox.wire import App, Peer


def build(folder: Folder, name: str, clock: Callable[[], float] | None = None) -> Peer:
    """The peer of that name over a started folder; `clock` replaces the machine's (monotonic; for SOAP epoch)."""
    config = folder.config()
    if config is None:
        raise SystemExit(f"no sandbox state in {folder.path}; run: python -m sandbox start")
    if name == NATIONAL:
        return NationalPeer(folder, config, clock or time.monotonic)
    if PROFILES[name].kind == "vnpt":
        return VnptPeer(folder, config, name, clock or time.monotonic)
    return ViettelPeer(folder, config, name, clock or time.time)


def serve(folder: Folder, name: str, handle: int) -> None:
    """Runs until it is told to end; `handle` is the listening socket that the starter bound."""
    listener = socket.socket(fileno=handle)
    config = uvicorn.Config(
        App(build(folder, name)),
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=2,
        server_header=False,
        date_header=True,
    )
    uvicorn.Server(config).run(sockets=[listener])
