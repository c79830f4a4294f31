"""Workers: sources read side by side, each by a process of its own, for reading is work for the processor.

Sources behind one address go to one worker: what a peer bears is counted inside a process. A worker whose parent is
gone ends at once, so that the next run finds no chunk locked. All are forked from one process that has loaded what
reading needs, so that it is loaded once.
"""

import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from queue import Empty
from typing import Any
from urllib.parse import urlsplit

from connectors.errors import ConnectorError
from hub.config import Settings
from hub.context import Progress
from hub.errors import HubError, StageFailed
from hub.migration.attempt import Migrating
from hub.migration.plans.plan import Plan
from hub.store import engine_of
from mappings.errors import MappingError

Read = Callable[[Migrating, str], dict[str, Any]]
"""Reads one source of an attempt; importable by its name."""
Ended = tuple[dict[str, dict[str, Any]], list[tuple[str, Exception]]]
"""Counts of the sources that were read, and what went wrong with the others."""

PATIENCE = 20.0
"""Seconds that workers have to mark their chunk when they are told to stop."""


@dataclass(frozen=True)
class _Given:
    """What a worker needs of `Migrating`, as it goes to another process; `ahead` is the clock's lead over this
    machine's."""

    plan: Plan
    settings: Settings
    database: str
    attempt_id: int
    ahead: timedelta


class Died(StageFailed):
    """A worker ended without a word."""


def in_turn(m: Migrating, sources: Sequence[str], read: Read) -> Ended:
    """Read sources one after the other in this process; one that fails does not keep the others from being read."""
    done: dict[str, dict[str, Any]] = {}
    failed: list[tuple[str, Exception]] = []
    for source in sources:
        try:
            done[source] = read(m, source)
        except Exception as error:
            failed.append((source, error))
    return done, failed


def side_by_side(m: Migrating, sources: Sequence[str], read: Read, processes: int) -> Ended:
    """As `in_turn`, in so many processes at once. Ctrl-C stops them all; each marks its chunk before it ends."""
    groups = _by_address(m, sources)
    world = get_context("forkserver")  # a fork of this process would share the database's connections
    world.set_forkserver_preload(["hub.migration.reading.loaded"])
    jobs, said = world.Queue(), world.Queue()
    address = m.engine.url.render_as_string(hide_password=False)
    given = _Given(m.plan, m.settings, address, m.attempt_id, m.clock() - datetime.now(UTC))
    workers = [
        world.Process(target=_work, args=(given, read, jobs, said), daemon=True)
        for _ in range(min(processes, len(groups)))
    ]
    for group in [*groups, *[None] * len(workers)]:
        jobs.put(group)
    for worker in workers:
        worker.start()
    try:
        return _listen(m.progress, list(sources), workers, said)
    finally:
        _stop(workers)


def _listen(progress: Progress, sources: list[str], workers: list[Any], said: Any) -> Ended:
    done: dict[str, dict[str, Any]] = {}
    failed: list[tuple[str, Exception]] = []
    while len(done) + len(failed) < len(sources):
        alive = any(worker.is_alive() for worker in workers)
        try:
            kind, *words = said.get(timeout=0.5)
        except Empty:
            if alive:
                continue
            missing = [one for one in sources if one not in done and one not in dict(failed)]
            died = Died(
                f"the process that read {', '.join(missing)} was ended",
                where="migration · reading",
                next_step="What landed stays; run it again and it goes on there. Was it out of memory?",
            )
            return done, [*failed, *((one, died) for one in missing)]
        if kind == "progress":
            progress(*words)
        elif kind == "done":
            done[words[0]] = words[1]
        else:
            failed.append((words[0], words[1]))
    return done, failed


def _stop(workers: list[Any]) -> None:
    """Let workers end; those still at it are told so, as Ctrl-C does, and in the end they are ended."""
    for worker in workers:
        worker.join(1.0)
    for worker in workers:
        if worker.is_alive():
            os.kill(worker.pid, signal.SIGINT)
    for worker in workers:
        worker.join(PATIENCE)
        worker.terminate()


def _by_address(m: Migrating, sources: Sequence[str]) -> list[tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for source in sources:
        found.setdefault(urlsplit(m.source(source).source.peer.url).netloc, []).append(source)
    return [tuple(group) for group in found.values()]


def _work(given: _Given, read: Read, jobs: Any, said: Any) -> None:
    """A worker's life: groups of sources until there are no more."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    m = Migrating(given.plan, given.settings, engine_of(given.database), given.attempt_id)
    m = replace(
        m,
        clock=lambda: datetime.now(UTC) + given.ahead,
        progress=lambda stage, done, total: said.put(("progress", stage, done, total)),
    )
    try:
        while (group := jobs.get()) is not None:
            for source in group:
                try:
                    said.put(("done", source, read(m, source)))
                except Exception as error:
                    said.put(("failed", source, _to_send(error)))
    except KeyboardInterrupt:
        said.cancel_join_thread()


def _to_send(error: Exception) -> Exception:
    """The error as another process can take it; a defect keeps its traceback in its words."""
    if isinstance(error, HubError | ConnectorError | MappingError):
        error.__cause__ = error.__context__ = None
        return error
    return RuntimeError("".join(traceback.format_exception(error)))


def _end_with_the_parent() -> None:
    if (parent := parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)
