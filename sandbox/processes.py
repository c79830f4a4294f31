"""Starting, finding and ending the peers as detached processes on loopback."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from sandbox.provinces import ALL, STARTED
from sandbox.state import INTAKES, NATIONAL, REPOSITORY, Folder

_STARTED_WITHIN = 40.0
_ENDED_WITHIN = 8.0


class SandboxError(Exception):
    """Something the person at the command line has to do; the message says what."""


@dataclass(frozen=True, slots=True)
class Process:
    """A running peer."""

    peer: str
    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def peers(provinces: tuple[str, ...]) -> tuple[str, ...]:
    return (NATIONAL, *provinces)


def running(folder: Folder, peer: str) -> Process | None:
    """The peer's process, if the pid file is true: a stale one (dead, or another program now) is removed."""
    file = folder.pid_file(peer)
    try:
        body = json.loads(file.read_text())
        found = Process(peer, int(body["pid"]), int(body["port"]))
    except (FileNotFoundError, ValueError, KeyError):
        return None
    if _is_ours(found.pid, peer, folder):
        return found
    file.unlink(missing_ok=True)
    return None


def _is_ours(pid: int, peer: str, folder: Folder) -> bool:
    """Whether this pid is alive and, where the system tells, runs `sandbox serve <peer>` on this very state."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
        with open(f"/proc/{pid}/stat", "rb") as file:
            zombie = file.read().rpartition(b")")[2].split()[0] == b"Z"
    except FileNotFoundError:
        done = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return "sandbox" in done.stdout and peer in done.stdout and str(folder.path) in done.stdout
    wanted = {b"sandbox", b"serve", peer.encode(), os.fsencode(folder.path)}
    return not zombie and wanted <= set(words)


def start(folder: Folder, provinces: tuple[str, ...], port_base: int) -> tuple[list[Process], list[str]]:
    """Starts what is not running and waits until each answers: (all peers, names of those started now).

    Ports are `port_base`, +1, ... in the order national, provinces; 0 takes free ones. SandboxError when a port is busy
    or a peer dies.
    """
    found: dict[str, Process | None] = {name: running(folder, name) for name in peers(provinces)}
    fresh = [name for name, here in found.items() if here is None]
    listeners: dict[str, socket.socket] = {}
    try:
        for n, name in enumerate(found):
            if name in fresh:
                listeners[name] = _listen(name, port_base + n if port_base else 0)
        ports = {name: int(listener.getsockname()[1]) for name, listener in listeners.items()}
        starter = _spawn(folder, listeners) if fresh else None
    finally:
        for listener in listeners.values():
            listener.close()
    try:
        for name in fresh:
            found[name] = _wait(folder, name, ports[name], starter)
    except SandboxError:
        stop(folder, tuple(fresh))
        if starter is not None:  # and whoever of them has not come so far as to be found
            with contextlib.suppress(ProcessLookupError):
                os.killpg(starter.pid, signal.SIGKILL)
        raise
    return [process for process in found.values() if process], fresh


def write_addresses(folder: Folder, found: list[Process]) -> None:
    """Where each peer listens, into the accounts under which the hub calls it."""
    accounts = folder.accounts()
    for process in found:
        name = ALL[process.peer].connection if process.peer in ALL else process.peer
        accounts[name]["host"] = process.url
        if process.peer in ALL and (intake := INTAKES.get(ALL[process.peer].kind)):
            accounts[intake.format(slug=process.peer)]["host"] = process.url
    folder.write_accounts(accounts)


def _listen(peer: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as problem:
        listener.close()
        raise SandboxError(
            f"port {port} for the peer {peer} is taken by another program ({problem.strerror}); "
            "end that program, or choose other ports with --port-base (0 takes free ones)"
        ) from problem
    listener.listen(512)
    return listener


def _spawn(folder: Folder, listeners: dict[str, socket.socket]) -> "subprocess.Popen[bytes]":
    """One process that loads what the peers need and becomes all of them, each a process of its own."""
    handles = [listener.fileno() for listener in listeners.values()]
    command = [sys.executable, "-m", "sandbox", "serve", *listeners, "--state", str(folder.path), "--sockets"]
    with folder.log(next(iter(listeners))).open("ab") as log:
        return subprocess.Popen(
            [*command, *map(str, handles)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=handles,
        )


def note_pid(folder: Folder, peer: str, pid: int, port: int) -> None:
    """Where the peer is found by who comes later; whole, whenever it is read."""
    file = folder.pid_file(peer)
    fresh = file.with_name(f"{file.name}.{pid}")
    fresh.write_text(json.dumps({"pid": pid, "port": port}))
    fresh.replace(file)


def _wait(folder: Folder, peer: str, port: int, starter: "subprocess.Popen[bytes] | None") -> Process:
    end = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < end:
        noted = folder.pid_file(peer).exists()
        process = running(folder, peer)
        if process is None and (noted or (starter is not None and starter.poll() is not None)):
            raise SandboxError(f"the peer {peer} ended while starting; see {folder.log(peer)}")
        if process is not None:
            with contextlib.suppress(OSError, ValueError):
                call(process, "/_sandbox/status", timeout=5)
                return process
        time.sleep(0.02)
    raise SandboxError(f"the peer {peer} does not answer on port {port}; see {folder.log(peer)}")


def stop(folder: Folder, names: tuple[str, ...]) -> list[str]:
    """Ends the peers that run, all at once, and gives their names; a stale pid file just goes."""
    ended = {name: here.pid for name in names if (here := running(folder, name))}
    for pid in ended.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _ENDED_WITHIN
    for name, pid in ended.items():
        while time.monotonic() < end and _is_ours(pid, name, folder):
            _reap(pid)
            time.sleep(0.02)
        if _is_ours(pid, name, folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            _reap(pid)
        folder.pid_file(name).unlink(missing_ok=True)
    return list(ended)


def _reap(pid: int) -> None:
    """Takes the exit status when the peer is a child of this very process (in tests)."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def all_names(folder: Folder) -> tuple[str, ...]:
    config = folder.config()
    return peers(config.provinces if config else STARTED)


def call(process: Process, path: str, body: Any = None, method: str = "", timeout: float = 60) -> Any:
    """One control call; OSError when the peer does not answer, SandboxError with its words when it refuses."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(process.url + path, data=data, method=method or ("POST" if data else "GET"))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as problem:
        raise SandboxError(json.loads(problem.read()).get("error", str(problem))) from problem
