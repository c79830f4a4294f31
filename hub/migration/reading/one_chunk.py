"""Reading: one chunk of a source pulled page by page, recoded, checked, and brought into the account.

A chunk is merged in pieces, so that neither memory nor the database's work grows with its length. What a kill costs is
the page that was on its way: landed pages stay staged, merged pieces stay merged.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.errors import DeadlockDetected
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import OperationalError

from connectors import Page
from hub.check import apply_gate
from hub.context import Hub
from hub.errors import Refused
from hub.landing import AHEAD, prepare_staging
from hub.memory import give_back
from hub.messages import landed, last_message
from hub.migration.attempt import Migrating
from hub.migration.deciding.remapping import BY_DECISION, map_again
from hub.migration.plans.plan import Source
from hub.migration.reading import account
from hub.migration.reading.account import PIECE
from hub.migration.reading.chunks import Chunk, get_chunk, mark_chunk
from hub.migration.reading.recoding import refresh
from hub.migration.watching.clock import maybe_tick
from hub.pages import read_window
from hub.runs import Run, end_stage, fail_run, get_run
from hub.staging import drop_staging, staged_count
from hub.store import province_lock
from schemas import tables
from schemas.migration_tables import OVER, migration_chunk

NEWEST = "SELECT max(at) FROM migration_decision WHERE plan = :plan AND source = :source AND at > :behind"

DECIDED = """
m.chunk = ANY(:chunks) AND m.state <> 'out_of_scope' AND EXISTS (
    SELECT FROM migration_decision d WHERE d.plan = :plan AND d.source = m.source AND d.at > :behind
    AND d.source_key IN ('', m.source_key) AND (
        m.dossier_code = d.code AND d.field = 'dossier_code' OR m.record ->> d.field = d.code
        OR m.findings @> jsonb_build_array(jsonb_build_object('field', d.field, 'value', d.code))
        OR m.record -> 'former' @> jsonb_build_array(jsonb_build_object('field', d.field, 'code', d.code))))
"""
"""Rows that a decision is about which came while they were read."""


def read_chunk(m: Migrating, source: str, number: int) -> dict[str, Any]:
    """Read what of the chunk's window is not read yet; a chunk that is done is left alone.

    Returns:
        Counts of the chunk: `pages`, `records` and `bytes` as landed; versions `new`, `changed`, `same`, `older`; of
        those taken `held` and `out_of_scope`; `failed_rules` and `warned_rules` of the gate {reason: rows}.

    Raises:
        Busy: another process reads this chunk.
        StageFailed: names peer, page and what goes on; what landed stays, and the next reading resumes behind it.
    """
    with province_lock(m.engine, source, f"migration {m.attempt_id}, chunk {number}"):
        chunk = get_chunk(m, source, number)
        if chunk.state == "done":
            return chunk.counts
        _must_be_open(m)
        run = _take_up(m, chunk)
        with _failing(m, chunk, run):
            return _Reading(m, chunk, run).to_the_end()


def _must_be_open(m: Migrating) -> None:
    if (attempt := m.attempt).state in OVER:
        raise Refused(
            f"this {attempt.kind} is {attempt.state.replace('_', ' ')}; nothing is read for it any more",
            where=f"migration {m.plan.slug}",
            next_step=f"lienthong migrate clock {m.plan.slug} shows where the plan stands.",
        )


@dataclass
class _Reading:
    """One chunk while it is read: its run, and how many records wait for the gate."""

    m: Migrating
    chunk: Chunk
    run: Run

    def __post_init__(self) -> None:
        refresh(self.m, self.chunk.source)  # what was decided since the chunk before
        self.decided = self.newest = _begun(self.m, self.chunk)
        self.hub: Hub = self.m.source(self.chunk.source)
        self.source: Source = next(one for one in self.m.plan.sources if one.province == self.chunk.source)
        self.counts = dict(self.chunk.counts)
        self.waiting = 0
        # Nothing comes behind the last delta: what a source dates ahead of this machine's clock belongs to it.
        self.lead = AHEAD if self.chunk.kind == "final" else timedelta()

    def to_the_end(self) -> dict[str, Any]:
        again = f"lienthong migrate run {self.m.plan.slug}"
        prepare_staging(self.hub, self.run, behind=self.counts.get("merged_to", 0), lead=self.lead)
        with self.m.engine.connect() as connection:
            self.waiting = staged_count(connection, self.run.run_id)
        read_window(self.hub, self.run, again=again, then=self._landed, lead=self.lead)
        while not self._merge(again, last=True):
            behind, self.decided = self.decided, self.newest
            given = {"plan": self.m.plan.slug, "behind": behind, "chunks": [self.chunk.number, BY_DECISION]}
            map_again(self.m, self.chunk.source, DECIDED, **given)
        return self.counts

    def _landed(self, page: Page, records: int) -> None:
        self.waiting += records
        if page.total is not None and "total" not in self.counts:
            self.counts["total"] = page.total
            with self.m.engine.begin() as connection:
                mark_chunk(connection, self.chunk, "reading", counts=self.counts)
        if self.waiting >= PIECE and not page.last:
            self._merge(f"lienthong migrate run {self.m.plan.slug}", last=False)
            refresh(self.m, self.chunk.source)
            gc.collect()  # it is paused while pages come; the gate's library leaves cycles
            give_back()
        maybe_tick(self.m)

    def _merge(self, again: str, *, last: bool) -> bool:
        """Check and account for what is staged in one transaction with the chunk's counts, and its state at its end.

        Returns:
            Whether the chunk is done: the last piece leaves it open when people decided something meanwhile.
        """

        counts, done = self.counts, last

        def enter(connection: Connection, found: dict[str, Any]) -> None:
            nonlocal counts, done
            newest = account.newest_staged(connection, self.run.run_id)
            taken = account.enter(connection, self.m, self.source, self.chunk.number, self.run.run_id)
            counts = _together(self.counts, taken, found) | landed(connection, self.run.run_id)
            if newest is not None:
                counts["newest"] = max(counts.get("newest", ""), newest.astimezone(UTC).isoformat())
            counts["merged_to"] = last_message(connection, self.run.run_id)
            done = last and not self._decided_meanwhile(connection)
            mark_chunk(connection, self.chunk, "done" if done else "reading", counts=counts)
            if done:
                end_stage(connection, self.run.run_id, "done", counts)
                drop_staging(connection, self.run.run_id)

        for more in (True, True, False):
            try:
                if self.waiting:
                    apply_gate(self.hub, self.run.run_id, enter, alone=True, again=again)
                else:
                    with self.m.engine.begin() as connection:
                        enter(connection, {"failed_rules": {}, "warned_rules": {}})
                break
            except OperationalError as error:
                # The load writes into the same rows; of two that wait for each other the database ends one.
                if not (more and isinstance(error.orig, DeadlockDetected)):
                    raise
        self.counts, self.waiting = counts, 0
        return done

    def _decided_meanwhile(self, connection: Connection) -> bool:
        """Whether a decision came that not every record of the chunk was mapped by; none is under way beside a merge.

        What was decided of records that stood in the account by then is mapped already.
        """
        given = {"plan": self.m.plan.slug, "source": self.chunk.source, "behind": self.decided}
        newest = connection.scalar(text(NEWEST), given)
        self.newest = newest or self.decided
        return newest is not None


def _begun(m: Migrating, chunk: Chunk) -> datetime:
    """When the chunk was begun, by the database's clock, as decisions are dated."""
    named = {"migration_id": m.attempt_id, "source": chunk.source, "number": chunk.number}
    with m.engine.connect() as connection:
        return connection.execute(select(migration_chunk.c.started_at).filter_by(**named)).scalar_one()


def _together(counts: dict[str, Any], taken: dict[str, int], found: dict[str, Any]) -> dict[str, Any]:
    """Counts so far and those of one more piece."""
    merged = dict(counts)
    for name, value in taken.items():
        merged[name] = merged.get(name, 0) + value
    for name in ("failed_rules", "warned_rules"):
        rules = dict(merged.get(name, {}))
        for reason, rows in found[name].items():
            rules[reason] = rules.get(reason, 0) + rows
        merged[name] = rules
    return merged


def _take_up(m: Migrating, chunk: Chunk) -> Run:
    """The chunk's run: opened with it, or the one that was left behind."""
    with m.engine.begin() as connection:
        run_id = chunk.run_id
        if run_id is None:
            fresh = {"kind": "migration", "province": chunk.source, "fixed": True}
            made = insert(tables.run).values(**fresh, since=chunk.since, until=chunk.until)
            run_id = int(connection.scalar(made.returning(tables.run.c.run_id)) or 0)
        else:
            again = {"state": "running", "error": None, "ended_at": None, "attempt": tables.run.c.attempt + 1}
            connection.execute(update(tables.run).filter_by(run_id=run_id).values(**again))
        mark_chunk(connection, chunk, "reading", run_id=run_id)
    return get_run(m.engine, run_id)


@contextmanager
def _failing(m: Migrating, chunk: Chunk, run: Run) -> Iterator[None]:
    """Whatever goes wrong inside marks the chunk failed and its run with the sentence, and goes on up."""
    try:
        yield
    except BaseException as error:
        stopped = KeyboardInterrupt("stopped by Ctrl-C; the next run resumes")
        fail_run(m.engine, run.run_id, stopped if isinstance(error, KeyboardInterrupt) else error)
        with m.engine.begin() as connection:
            mark_chunk(connection, chunk, "failed")
        raise
