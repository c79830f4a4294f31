"""One peer as a process: `python -m sandbox serve <peer>`, started and ended by `sandbox.processes`."""

import socket
import time
from collections.abc import Callable
from importlib import import_module

import uvicorn

from sandbox.national import NationalPeer
from sandbox.provinces import ALL
from sandbox.state import NATIONAL, Folder
from sandbox.wire import App, Peer

# Imported when it is served: a REST peer does not pay for the SOAP stack.
PEERS: dict[str, tuple[str, str, Callable[[], float]]] = {
    "vnpt": ("sandbox.vnpt", "VnptPeer", time.monotonic),
    "viettel": ("sandbox.viettel", "ViettelPeer", time.time),
    "fpt_soap": ("sandbox.fpt_soap", "FptSoapPeer", time.monotonic),
    "fpt_rest": ("sandbox.fpt_rest", "FptRestPeer", time.time),
    "mobifone": ("sandbox.mobifone", "MobiFonePeer", time.monotonic),
    "tan_dan": ("sandbox.tan_dan", "TanDanPeer", time.monotonic),
    "vnpt_import": ("sandbox.target", "TargetPeer", time.monotonic),
}
"""Module, class and clock of the peer that speaks for a kind of system."""


def build(folder: Folder, name: str, clock: Callable[[], float] | None = None) -> Peer:
    """The peer of that name over a started folder; `clock` replaces the machine's (monotonic; for SOAP epoch)."""
    config = folder.config()
    if config is None:
        raise SystemExit(f"no sandbox state in {folder.path}; run: python -m sandbox start")
    if name == NATIONAL:
        return NationalPeer(folder, config, clock or time.monotonic)
    module, made, own_clock = PEERS[ALL[name].kind]
    peer: Peer = getattr(import_module(module), made)(folder, config, name, clock or own_clock)
    return peer


def build_again(folder: Folder, name: str) -> Peer:
    """The peer as on its first day, by the folder's present size and seed: what it gave and took is forgotten."""
    for ledger in (folder.ledger(name), folder.served(name)):
        for file in ledger.parent.glob(f"{ledger.name}*"):
            file.unlink()
    return build(folder, name)


def serve(folder: Folder, name: str, handle: int) -> None:
    """Runs until it is told to end; `handle` is the listening socket that the starter bound."""
    listener = socket.socket(fileno=handle)
    config = uvicorn.Config(
        App(build(folder, name), again=lambda: build_again(folder, name)),
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=2,
        server_header=False,
        date_header=True,
    )
    uvicorn.Server(config).run(sockets=[listener])
