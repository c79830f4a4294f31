"""A migration that is killed: its command as a process, ended without warning at points of its progress."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
from sqlalchemy import Engine, text

GLANCE = 0.5
"""Seconds between two looks at the progress."""

PROGRESS = """
SELECT coalesce(sum((SELECT sum(m.records) FROM message m JOIN migration_chunk c USING (run_id)
                     WHERE c.migration_id = a.migration_id)), 0),
       coalesce(sum((SELECT count(*) FROM migrated r
                     WHERE r.migration_id = a.migration_id AND r.loaded_at IS NOT NULL)), 0)
FROM migration a WHERE a.plan = :plan AND a.kind = 'cutover'
"""


def points(seed: int, kills: int) -> list[float]:
    """Where to kill: shares of the whole work, in order, none at its very ends; equal seeds give equal points."""
    random = Random(seed)
    return sorted(random.uniform(0.03, 0.95) for _ in range(kills))


@dataclass
class Killed:
    """One process that was killed: where, and how far reading and loading were."""

    share: float
    read: int
    loaded: int


@dataclass
class Killer:
    """Runs a command again and again until it ends by itself, killing it at each point once."""

    command: Sequence[str]
    environment: Mapping[str, str]
    logs: Path
    engine: Engine
    plan: str
    expected: int
    at: list[float]
    meanwhile: Callable[[float], None] = lambda share: None
    sleep: Callable[[float], None] = time.sleep
    kills: list[Killed] = field(default_factory=list)
    starts: int = 0

    def run(self) -> int:
        """Returns the exit code of the process that ended by itself."""
        while True:
            process = self._start()
            code = self._watch(process)
            if code is not None:
                return code

    def progress(self) -> tuple[int, int]:
        """Records landed and dossiers loaded so far by the plan's cutover."""
        with self.engine.connect() as connection:
            read, loaded = connection.execute(text(PROGRESS), {"plan": self.plan}).one()
        return int(read), int(loaded)

    def _start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"migrate-run-{self.starts}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "hub", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    def _watch(self, process: subprocess.Popen[bytes]) -> int | None:
        """Wait until it ends (its exit code) or has come to the next point and is killed (None)."""
        try:
            while process.poll() is None:
                self.sleep(GLANCE)
                read, loaded = self.progress()
                share = (read + loaded) / (2 * self.expected)
                self.meanwhile(share)
                if self.at and share >= self.at[0]:
                    self.at.pop(0)
                    kill_whole(process)
                    self.kills.append(Killed(share, read, loaded))
                    return None
            return process.returncode
        except BaseException:
            kill_whole(process)
            raise


def kill_whole(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all it started, as a power cut would: none is asked."""
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)
    process.wait()
