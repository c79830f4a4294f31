"""The clock of a migration: where it stands, how fast it goes, when it ends, and what is in the way of the hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from hub.migration.attempt import Attempt, Migrating, current
from hub.migration.plans.plan import Plan
from hub.migration.watching.hindrances import Hindrance, hindrances
from hub.migration.watching.pace import WINDOW, Span, Tick, pace

APART = timedelta(seconds=5)
"""Ticks are written at most so often."""

COST = 20
"""Counting a million rows takes seconds: between two ticks pass so many times what the last one took."""

COUNTS = """
SELECT source, state, count(*) AS dossiers FROM migrated WHERE migration_id = :id GROUP BY source, state
"""

FILES = """
SELECT count(*) FILTER (WHERE state NOT IN ('owed', 'sending')) AS done,
       count(*) FILTER (WHERE state IN ('owed', 'sending')) AS left,
       CAST(coalesce(sum(size) FILTER (WHERE state = 'migrated'), 0) AS bigint) AS bytes
FROM migrated_file WHERE migration_id = :id
"""

CHUNKS = """
SELECT source, state, CAST(counts ->> 'records' AS bigint) AS records, CAST(counts ->> 'total' AS bigint) AS total
FROM migration_chunk WHERE migration_id = :id AND kind = 'history'
"""

LAST_TICK = "SELECT max(at) FROM migration_tick WHERE migration_id = :id"

ADD_TICK = """
INSERT INTO migration_tick (migration_id, at, read, expected, migrated, held, out_of_scope, files, bytes)
VALUES (:id, :at, :read, :expected, :migrated, :held, :out_of_scope, :files, :bytes) ON CONFLICT DO NOTHING
"""

TICKS = """
SELECT at, read, expected, migrated, held, out_of_scope, files, bytes FROM migration_tick
WHERE migration_id = :id AND at >= coalesce(
    (SELECT max(at) FROM migration_tick WHERE migration_id = :id AND at < :since), CAST(:since AS timestamptz))
  AND at <= :now ORDER BY at
"""

NEWEST_TICK = """
SELECT at, read, expected, migrated, held, out_of_scope, files, bytes FROM migration_tick
WHERE migration_id = :id AND at <= :now ORDER BY at DESC LIMIT 1
"""

EARLIER = """
SELECT (max(read) - min(read)) / nullif(extract(epoch FROM
           min(at) FILTER (WHERE read = top_read) - coalesce(max(at) FILTER (WHERE read = 0), min(at))), 0) AS read,
       (max(migrated) - min(migrated)) / nullif(extract(epoch FROM
           min(at) FILTER (WHERE migrated = top_migrated) - coalesce(max(at) FILTER (WHERE migrated = 0), min(at))), 0)
       AS load,
       (max(files) - min(files)) / nullif(extract(epoch FROM
           min(at) FILTER (WHERE files = top_files) - coalesce(max(at) FILTER (WHERE files = 0), min(at))), 0) AS files
FROM (SELECT at, read, migrated, files, max(read) OVER () AS top_read, max(migrated) OVER () AS top_migrated,
             max(files) OVER () AS top_files
      FROM migration_tick WHERE migration_id = (
          SELECT max(migration_id) FROM migration JOIN migration_tick USING (migration_id)
          WHERE plan = :plan AND migration_id < coalesce(:id, 9223372036854775807) AND migrated > 0)) ticks
"""
"""Rates a second of the last attempt, before one or of all, that loaded something, by work."""

DELTAS = """
SELECT extract(epoch FROM avg(ended_at - started_at)) FROM migration_chunk
WHERE migration_id = :id AND kind <> 'history' AND ended_at IS NOT NULL AND started_at IS NOT NULL
"""

PROVED_AT = "SELECT max(at) FROM migration_proof WHERE migration_id = :id"


@dataclass(frozen=True, slots=True)
class Clock:
    """A migration at a moment. Rates are per second; without an ETA `why_no_eta` is unknown, idle, stalled or
    unmeasured. `left` is how long what waits now takes; the ETA of a cutover lies behind the freeze."""

    plan: str
    kind: str | None
    state: str
    at: datetime
    tick: Tick | None
    remaining: int | None
    files_left: int
    rate: float
    rates: Mapping[str, float]
    assumed: tuple[str, ...]
    left: Span | None
    eta_low: datetime | None
    eta: datetime | None
    eta_high: datetime | None
    why_no_eta: str | None
    freeze: datetime
    deadline: datetime
    margin: timedelta
    complete_at: datetime | None
    hindrances: tuple[Hindrance, ...] = ()

    @property
    def read(self) -> int:
        return self.tick.read if self.tick else 0

    @property
    def expected(self) -> int | None:
        return self.tick.expected if self.tick else None

    @property
    def migrated(self) -> int:
        return self.tick.migrated if self.tick else 0

    @property
    def held(self) -> int:
        return self.tick.held if self.tick else 0

    @property
    def out_of_scope(self) -> int:
        return self.tick.out_of_scope if self.tick else 0

    @property
    def blocking(self) -> list[str]:
        """What is in the way, the worst first."""
        return [one.text for one in self.hindrances]

    @property
    def late(self) -> bool:
        """The deadline is missed, or would be at the late end of the estimate. A rehearsal is never late."""
        if self.kind == "rehearsal":
            return False
        ends = self.complete_at or self.eta_high
        return ends > self.deadline if ends else self.at > self.deadline

    @property
    def at_risk(self) -> bool:
        """The late end of the estimate is nearer to the deadline than the plan's margin, or nothing moves any more."""
        if self.kind == "rehearsal" or self.complete_at:
            return self.late
        return self.why_no_eta == "stalled" or (self.eta_high or self.at) > self.deadline - self.margin

    def as_dict(self) -> dict[str, Any]:
        """For --json and the webhook: counts and times, no dossier."""
        times = ("at", "eta_low", "eta", "eta_high", "freeze", "deadline", "complete_at")
        shown = {name: moment.isoformat() if (moment := getattr(self, name)) else None for name in times}
        counts = ("plan", "kind", "state", "read", "expected", "migrated", "held", "out_of_scope", "remaining")
        names = ("files_left", "why_no_eta", "late", "at_risk", "blocking")
        return {
            **{name: getattr(self, name) for name in counts},
            **{name: getattr(self, name) for name in names},
            "files": self.tick.files if self.tick else 0,
            "bytes": self.tick.bytes if self.tick else 0,
            "rate": round(self.rate, 2),
            "rates": {work: round(rate, 2) for work, rate in self.rates.items()},
            "assumed": list(self.assumed),
            "left_seconds": [int(one.total_seconds()) for one in self.left.ends] if self.left else None,
            "margin_seconds": int(self.margin.total_seconds()),
            **shown,
        }


def maybe_tick(m: Migrating) -> None:
    """`tick`, when the last one of any process is long enough ago; for stages to call after every page or batch."""
    now = m.clock()
    with m.engine.connect() as connection:
        last = connection.scalar(text(LAST_TICK), {"id": m.attempt_id})
    if last is None or now - last >= max(APART, COST * m.tick_took):
        tick(m)


def tick(m: Migrating) -> Tick:
    """Write where the attempt stands, and tell people when the hour comes into danger or out of it."""
    from hub.migration.watching.alerts import watch

    begun = m.clock()
    with m.engine.begin() as connection:
        found = _counted(connection, m.attempt_id, begun)
        row = {name: getattr(found, name) for name in Tick.__dataclass_fields__}
        connection.execute(text(ADD_TICK), {"id": m.attempt_id, **row})
    watch(m)
    m.tick_took = m.clock() - begun
    return found


def _counted(connection: Connection, migration_id: int, at: datetime) -> Tick:
    given = {"id": migration_id}
    by_source: dict[str, int] = {}
    by_state: dict[str, int] = {}
    for source, state, dossiers in connection.execute(text(COUNTS), given):
        by_source[source] = by_source.get(source, 0) + dossiers
        by_state[state] = by_state.get(state, 0) + dossiers
    files = connection.execute(text(FILES), given).one()
    chunks = [(one.source, one.state, one.records, one.total) for one in connection.execute(text(CHUNKS), given)]
    return Tick(
        at=at,
        read=sum(by_source.values()),
        expected=expected(chunks, by_source),
        migrated=by_state.get("migrated", 0),
        held=by_state.get("held", 0),
        out_of_scope=by_state.get("out_of_scope", 0),
        files=files.done,
        bytes=files.bytes,
    )


def expected(chunks: Sequence[tuple[str, str, int | None, int | None]], read: Mapping[str, int]) -> int | None:
    """How many dossiers there are in all, from chunks of (source, state, records read, total that the peer says).

    A source whose history is read has what was read; in another a chunk of which nothing is known holds as much as the
    known ones on average. None while a source says nothing at all.
    """
    sources: dict[str, list[tuple[str, int | None, int | None]]] = {}
    for source, state, records, total in chunks:
        sources.setdefault(source, []).append((state, records, total))
    amount = 0
    for source, found in sources.items():
        if all(state == "done" for state, _, _ in found):
            amount += read.get(source, 0)
            continue
        known = [records if state == "done" else total for state, records, total in found]
        sure = [one for one in known if one is not None]
        if not sure:
            return None
        amount += max(round(sum(sure) / len(sure) * len(known)), read.get(source, 0))
    return amount if sources else None


def ticks_of(connection: Connection, migration_id: int, since: datetime, now: datetime) -> list[Tick]:
    """The ticks since a moment, with the last one before it, in time order."""
    given = {"id": migration_id, "since": since, "now": now}
    return [Tick(**row._mapping) for row in connection.execute(text(TICKS), given)]


def clock_of(engine: Engine, plan: Plan, now: datetime, attempt: Attempt | None = None) -> Clock:
    """The clock of an attempt, without it of the plan's newest; before the first there is nothing but the hours."""
    attempt = attempt or current(engine, plan.slug)
    with engine.connect() as connection:
        found = hindrances(connection, plan, attempt, now)
        if attempt is None:
            return _clock(plan, None, now, None, found=found)
        given = {"id": attempt.migration_id, "now": now}
        row = connection.execute(text(NEWEST_TICK), given).one_or_none()
        last = Tick(**row._mapping) if row else None
        files_left = connection.execute(text(FILES), given).one().left
        if attempt.past("proved"):
            proved = connection.scalar(text(PROVED_AT), given) or attempt.ended_at or now
            return _clock(plan, attempt, now, last, found=found, complete_at=proved)
        ticks = ticks_of(connection, attempt.migration_id, now - WINDOW, now)
        rates = _earlier(connection, plan.slug, attempt.migration_id)
        tail = timedelta(seconds=float(connection.scalar(text(DELTAS), given) or 0))
    return _clock(plan, attempt, now, last, found=found, files_left=files_left, ticks=ticks, earlier=rates, tail=tail)


def earlier_rates(engine: Engine, plan: str) -> dict[str, float]:
    """Rates a second of the newest attempt at a plan that loaded something, by work."""
    with engine.connect() as connection:
        return _earlier(connection, plan, None)


def _earlier(connection: Connection, plan: str, before: int | None) -> dict[str, float]:
    row = connection.execute(text(EARLIER), {"plan": plan, "id": before}).one()
    return {work: float(rate) for work, rate in row._mapping.items() if rate}


def _clock(
    plan: Plan,
    attempt: Attempt | None,
    now: datetime,
    last: Tick | None,
    *,
    found: Sequence[Hindrance],
    complete_at: datetime | None = None,
    files_left: int = 0,
    ticks: Sequence[Tick] = (),
    earlier: Mapping[str, float] | None = None,
    tail: timedelta = timedelta(),
) -> Clock:
    """`tail`: how long the last delta takes, behind the freeze."""
    to_read = last.expected - last.read if last and last.expected is not None else None
    to_load = last.read - last.settled if last else 0
    left = {"read": to_read, "load": None if to_read is None else to_load + to_read, "files": files_left}
    running = attempt is not None and complete_at is None
    gone = pace(ticks, left, now, earlier or {}) if running else None
    span = gone.left if gone else None
    ends = _ends(plan, attempt, now, span, tail) if span else None
    rates = gone.rates if gone else {}
    doing = "read" if rates.get("read") and to_read else "load"
    return Clock(
        plan=plan.slug,
        kind=attempt.kind if attempt else None,
        state=attempt.state if attempt else "planned",
        at=now,
        tick=last,
        remaining=0 if complete_at else None if to_read is None else to_read + to_load,
        files_left=files_left,
        rate=rates.get(doing, 0.0),
        rates=rates,
        assumed=gone.assumed if gone else (),
        left=span,
        eta_low=ends[0] if ends else None,
        eta=ends[1] if ends else None,
        eta_high=ends[2] if ends else None,
        why_no_eta=gone.why if gone else None if complete_at else "idle",
        freeze=plan.freeze,
        deadline=plan.deadline,
        margin=plan.alert.margin,
        complete_at=complete_at,
        hindrances=tuple(found),
    )


def _ends(
    plan: Plan, attempt: Attempt | None, now: datetime, span: Span, tail: timedelta
) -> tuple[datetime, datetime, datetime]:
    """A cutover ends with the delta behind the freeze, however early its history is done; a rehearsal has none."""
    ends = [now + one for one in span.ends]
    if attempt and attempt.kind == "cutover":
        ends = [max(one, plan.freeze) + tail for one in ends]
    return ends[0], ends[1], ends[2]
