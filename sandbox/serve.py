"""Peers as processes: `python -m sandbox serve <peer> …`, started and ended by `sandbox.processes`."""

import gc
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from importlib import import_module

import uvicorn

from sandbox.national import NationalPeer
from sandbox.processes import note_pid
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


def serve_all(folder: Folder, names: Sequence[str], handles: Sequence[int]) -> None:
    """Become these peers, each in a process of its own that is forked from this one, which is the last of them.

    What they need is loaded once. `handles` are the listening sockets that the starter bound, in the same order.
    """
    for name in names:
        if name != NATIONAL:
            import_module(PEERS[ALL[name].kind][0])
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for name, handle in zip(names, handles, strict=True):
        if name == names[-1] or os.fork() == 0:
            for other in handles:
                if other != handle:
                    os.close(other)
            _serve(folder, name, handle)
            return


def _serve(folder: Folder, name: str, handle: int) -> None:
    """Runs until it is told to end."""
    with folder.log(name).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    listener = socket.socket(fileno=handle)
    note_pid(folder, name, os.getpid(), listener.getsockname()[1])
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
