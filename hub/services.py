"""The processes of `demo` and `up`: a log file each, stopped in order, and none left behind by a killed command."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from hub.errors import Busy, StageFailed


@dataclass(frozen=True, slots=True)
class Service:
    """A long-running process: its name, the Python module it is and that module's arguments."""

    name: str
    module: str
    arguments: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", self.module, *self.arguments]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process is asked to end, and the seconds it has before it is killed."""

    signal: int
    seconds: float


TERMINATED = Ending(signal.SIGTERM, 30)
"""A service ends its own children and closes its connections."""

AIRFLOW_SERVICES = (
    Service("api-server", "airflow", ("api-server",)),
    Service("dag-processor", "airflow", ("dag-processor",)),
    Service("triggerer", "airflow", ("triggerer", "--skip-serve-logs")),
    Service("scheduler", "airflow", ("scheduler", "--skip-serve-logs")),
)
"""Airflow's four services, in the order in which they start. docker/compose.yaml runs the same commands.

Nobody serves logs over HTTP: the api-server reads the shared log folder, and no port is open to the network.
"""

RECEIVER = Service("receiver", "hub", ("inbound", "serve"))
"""Takes what citizens file on the national portal, for every province with a way in."""

RECEIVER_PORT = 8090

STOP_FIRST = ("receiver", "scheduler")
"""The receiver promises nobody anything while the rest ends; the scheduler hands out work and holds the running tasks,
which still talk to the api-server while they end."""


class Services:
    """The processes of one data folder. A record on disk lets the next command stop what a killed one left running."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.logs = home / "logs"
        self.environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._record = home / "services.json"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._endings: dict[str, Ending] = {}

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        stdin: int = subprocess.DEVNULL,
        ending: Ending = TERMINATED,
    ) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own, so that Ctrl-C reaches only us and we stop it in order."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("wb") as output:
            process = subprocess.Popen(
                list(command),
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            )
        self._running[name] = process
        self._endings[name] = ending
        self._write_record()
        return process

    def log(self, name: str) -> Path:
        """The log file of a process; written anew at each start."""
        return self.logs / f"{name}.log"

    def fallen(self) -> str | None:
        """The name of a process that ended by itself."""
        return next((name for name, process in self._running.items() if process.poll() is not None), None)

    def failure(self, name: str) -> StageFailed:
        """What to tell of a process that ended by itself: its exit code and the end of its log."""
        log = self.log(name)
        code = self._running[name].poll()
        return StageFailed(
            f"{name} ended by itself (exit code {code}). Its last lines:\n{tail(log)}",
            where=name,
            next_step=f"The whole log is {log}",
        )

    def forget(self, name: str) -> None:
        """A process that was meant to end has ended."""
        self._running.pop(name, None)
        self._write_record()

    def stop(self, told: Callable[[str], None] = lambda name: None) -> None:
        """Stop everything that runs: the receiver and the scheduler first, then the others together."""
        first = [name for name in STOP_FIRST if name in self._running]
        for names in (first, [name for name in self._running if name not in STOP_FIRST]):
            asked = []
            for name in names:
                told(name)
                with suppress(psutil.NoSuchProcess):
                    asked.append((psutil.Process(self._running[name].pid), self._endings[name]))
            end_trees(asked)
            for name in names:
                self._running[name].wait()
                self.forget(name)

    def _write_record(self) -> None:
        entries = []
        for name, process in self._running.items():
            with suppress(psutil.NoSuchProcess):
                entries.append([name, process.pid, psutil.Process(process.pid).create_time()])
        self._record.parent.mkdir(parents=True, exist_ok=True)
        part = self._record.with_suffix(".part")
        part.write_text(json.dumps(entries), "utf-8")
        part.replace(self._record)


@contextmanager
def alone(home: Path, purpose: str) -> Iterator[list[str]]:
    """Let one `demo` or `up` at a time work on a data folder, and first stop what a killed one left: these names.

    Raises:
        Busy: another one is at work; it is named with its process id.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "services.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Busy(
                f"{file.read().strip() or 'another command'} is at work here",
                where=str(home),
                next_step="Wait for it, stop it with Ctrl-C, or use another data folder: LIENTHONG_HOME=...",
            ) from None
        file.truncate(0)
        file.write(f"lienthong {purpose} (process {os.getpid()})")
        file.flush()
        yield stop_leftovers(home)


def stop_leftovers(home: Path) -> list[str]:
    """Stop processes of an earlier command that was killed. Returns their names.

    A process counts only when its id and its time of start are those of the record: ids are used again.
    """
    record = home / "services.json"
    try:
        entries = json.loads(record.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    stopped = []
    for name, pid, created in entries:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if abs(process.create_time() - created) < 1:
                end_trees([(process, TERMINATED)])
                stopped.append(name)
    record.unlink(missing_ok=True)
    return stopped


def end_trees(processes: Sequence[tuple[psutil.Process, Ending]]) -> None:
    """End processes and everything they started: asked first, all at once, and killed when they do not listen."""
    asked: list[tuple[list[psutil.Process], float]] = []
    begun = time.monotonic()
    for process, ending in processes:
        with suppress(psutil.NoSuchProcess):
            asked.append(([process, *process.children(recursive=True)], ending.seconds))
            process.send_signal(ending.signal)
    for family, seconds in sorted(asked, key=lambda one: one[1]):
        _, alive = psutil.wait_procs(family, timeout=max(0, begun + seconds - time.monotonic()))
        for one in alive:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(alive, timeout=5)


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for a message to a person."""
    if not log.exists():
        return "  (there is no log)"
    return "\n".join(f"  {line[:300]}" for line in log.read_text("utf-8", "replace").splitlines()[-lines:])


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end us as Ctrl-C does, so that what we started is stopped; also in the background."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C interrupt the stopping."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(ready: Callable[[], bool], services: Services, what: str, seconds: float) -> None:
    """Wait until something is ready, no longer than it may take, and not when a process has ended meanwhile.

    Raises:
        StageFailed: the time is over, or a process ended by itself.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if name := services.fallen():
            raise services.failure(name)
        if time.monotonic() > deadline:
            raise StageFailed(
                f"{what} was not ready after {seconds:.0f} seconds",
                where=str(services.logs),
                next_step="The logs in that folder say why; a second try often finds a quieter machine.",
            )
        time.sleep(0.25)


def start_sandbox(home: Path, environment: Mapping[str, str], *options: str) -> None:
    """Start the simulated peers. Those that a person started before stay when `stop_sandbox` is called."""
    if not sandbox_running(home):
        _ours(home).touch()
    sandbox(environment, "start", *options)


def stop_sandbox(home: Path, environment: Mapping[str, str]) -> bool:
    """Stop the simulated peers that `demo` or `up` started, now or before it was killed. Returns whether it did."""
    if not _ours(home).exists():
        return False
    sandbox(environment, "stop")
    _ours(home).unlink()
    return True


def _ours(home: Path) -> Path:
    return home / "sandbox.started"


def sandbox(environment: Mapping[str, str], command: str, *arguments: str) -> dict[str, Any]:
    """Say a word to the simulated peers, which are a program of their own. Returns its JSON answer.

    Raises:
        StageFailed: it ended with an error; its own words are in the message.
    """
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", command, *arguments, "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise StageFailed(
            f"the simulated peers did not {command} (exit code {done.returncode}): {said}",
            where="sandbox",
            next_step=f"Try it by hand: lienthong sandbox {command}",
        )
    answer: dict[str, Any] = json.loads(done.stdout or "{}")
    return answer


def sandbox_running(home: Path) -> bool:
    """Whether any simulated peer of this data folder is alive."""
    for file in (home / "sandbox").glob("*.pid"):
        with suppress(ValueError, KeyError, OSError, psutil.Error):
            if "sandbox" in psutil.Process(json.loads(file.read_text("utf-8"))["pid"]).cmdline():
                return True
    return False
