"""Loading: what was read, recoded and passed goes to the target, batch by batch; created once, whatever breaks off.

The intent is committed before a call and every answer right after it, so a killed process leaves `loading` behind,
which the next one takes for `unknown`: looked up by its version before anything is sent again. One process loads a
source at a time; a dossier is in one call at a time, so an older version never overtakes a newer one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from threading import Event
from typing import Any

import orjson
from sqlalchemy import text

from connectors.errors import ConfigError, PeerError
from hub.errors import StageFailed
from hub.migration.attempt import Migrating
from hub.migration.target.batches import Claimed, Importing, Settled, deliver
from hub.migration.target.outgoing import outgoing_of as outgoing_of
from hub.migration.target.state import mark, must_be_under_way
from hub.migration.watching.clock import maybe_tick, tick
from hub.staging import printable
from hub.store import province_lock
from schemas.migration_tables import OWED

CLAIM = f"""
WITH chosen AS (
    SELECT source_key, state, extract(epoch FROM clock_timestamp() - intent_at)::float AS age FROM migrated
    WHERE migration_id = :id AND source = :source AND {OWED} AND source_key <> ALL(:left) {{behind}}
    ORDER BY received_at, source_key LIMIT :limit FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE migrated m SET state = 'loading', intent_at = clock_timestamp(), attempts = m.attempts + 1
    FROM chosen c WHERE m.migration_id = :id AND m.source = :source AND m.source_key = c.source_key
    RETURNING m.source, m.source_key, m.dossier_code, m.content_hash, m.record, m.loaded_hash, c.state AS was,
              coalesce(c.age, 0) AS age, m.received_at
)
SELECT * FROM taken ORDER BY received_at, source_key
"""
BEHIND = "AND (received_at, source_key) > (:at, :key)"

ANSWERED = """
UPDATE migrated m SET
    state = CASE WHEN m.state <> 'loading' AND m.state <> 'unknown' THEN m.state
                 WHEN m.content_hash <> a.sent AND a.state <> 'unknown' THEN 'read' ELSE a.state END,
    reason = CASE WHEN m.state NOT IN ('loading', 'unknown') THEN m.reason
                  WHEN m.content_hash = a.sent THEN a.reason END,
    findings = CASE WHEN m.state NOT IN ('loading', 'unknown') THEN m.findings
                    WHEN m.content_hash = a.sent THEN CAST(a.findings AS jsonb) END,
    loaded_hash = CASE WHEN a.state = 'migrated' THEN a.sent ELSE m.loaded_hash END,
    loaded_at = CASE WHEN a.state = 'migrated' THEN clock_timestamp() ELSE m.loaded_at END,
    outcome = coalesce(a.outcome, m.outcome), target_id = coalesce(a.target_id, m.target_id), answer = a.words,
    intent_at = CASE WHEN a.state = 'unknown' THEN m.intent_at END
FROM (SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:sent AS text[]), CAST(:states AS text[]),
        CAST(:reasons AS text[]), CAST(:findings AS text[]), CAST(:outcomes AS text[]), CAST(:ids AS text[]),
        CAST(:words AS text[])) AS x(source_key, sent, state, reason, findings, outcome, target_id, words)) a
WHERE m.migration_id = :id AND m.source = :source AND m.source_key = a.source_key
"""
"""A newer version may have come while the call was under way: it is owed next, and what the target took is kept."""

BESIDE_MERGES = "SELECT pg_advisory_xact_lock_shared(hashtext('lienthong.account'), :id)"
"""A merge of what was read and the loading touch the same rows, in orders of their own: never at once."""

LEFT_BEHIND = """
SELECT source, source_key, dossier_code, content_hash, NULL AS record, loaded_hash, 'unknown' AS was,
       extract(epoch FROM clock_timestamp() - intent_at)::float AS age
FROM migrated WHERE migration_id = :id AND source = :source AND state IN ('held', 'out_of_scope')
AND intent_at IS NOT NULL LIMIT :limit
"""
"""Sent without an answer by a process that was killed, and held since, for a newer version or another record."""

LOOKED_UP = """
UPDATE migrated m SET intent_at = NULL, loaded_hash = coalesce(x.version, m.loaded_hash),
    target_id = coalesce(x.target_id, m.target_id)
FROM (SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:versions AS text[]), CAST(:ids AS text[]))
      AS x(source_key, version, target_id)) x
WHERE m.migration_id = :id AND m.source = :source AND m.source_key = x.source_key
"""

WAITING = f"SELECT count(*) FROM migrated WHERE migration_id = :id AND source = ANY(:sources) AND {OWED}"


def load(m: Migrating, source: str | None = None, stop: Event | None = None) -> dict[str, Any]:
    """Load everything that is owed of one source, or of all of the plan.

    Returns:
        Counts of this call: `created`, `updated`, `unchanged`, `refused`, `target_differs` and `unsayable` (held),
        `unknown`, `waiting` (still owed), `seconds` by the clock.

    Raises:
        StageFailed: the target cannot be reached, or takes nothing; what was answered is kept, and the next call goes
            on. `Busy` while another process loads the same source.
        Refused: the attempt is over.
    """
    begun, stop = m.clock(), stop or Event()
    sources = [source] if source else [one.province for one in m.plan.sources]
    must_be_under_way(m)
    mark(m)
    importing = Importing(m)
    counts: Counter[str] = Counter()
    total = waiting(m, sources)
    for one in sources:
        with province_lock(m.engine, one, f"loading {m.attempt_id}"):
            must_be_under_way(m)
            try:
                _load_source(m, importing, one, stop, counts, total)
            except (PeerError, ConfigError) as error:
                raise _explained(m, error, sources) from error
    tick(m)
    names = ("created", "updated", "unchanged", "refused", "target_differs", "unsayable", "unknown")
    spent = (m.clock() - begun).total_seconds()
    return {**{name: counts[name] for name in names}, "waiting": waiting(m, sources), "seconds": round(spent, 1)}


def waiting(m: Migrating, sources: Sequence[str]) -> int:
    """Rows of these sources that are owed to the target."""
    with m.engine.connect() as connection:
        return int(connection.scalar(text(WAITING), {"id": m.attempt_id, "sources": list(sources)}) or 0)


def _load_source(
    m: Migrating, importing: Importing, source: str, stop: Event, counts: Counter[str], total: int
) -> None:
    """Claim and send with as many calls at once as the target takes; each call under way still ends in order."""
    parallel = importing.connector.spec.limits.parallel
    left: list[str] = []
    _look_up_left_behind(m, importing, source)
    pending: set[Future[list[Settled]]] = set()
    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="load") as pool:
        while True:
            taken = False
            try:
                for batch in _claims(m, importing, source, left, stop):
                    taken = True
                    pending.add(pool.submit(_deliver, m, importing, batch, stop))
                    if len(pending) > parallel:
                        _collect(m, wait(pending, return_when=FIRST_COMPLETED).done, pending, counts, left, total)
                _collect(m, wait(pending).done, pending, counts, left, total)
            except BaseException:
                stop.set()
                raise
            # A walk from the start finds what came meanwhile: newer versions, rows without a day of receipt.
            if not taken or stop.is_set():
                return


def _look_up_left_behind(m: Migrating, importing: Importing, source: str) -> None:
    """Whether the target has what was held after it was sent: then the account says that an older version is there."""
    most = importing.connector.spec.operations["find"].batch or 1
    while True:
        given: dict[str, Any] = {"id": m.attempt_id, "source": source}
        with m.engine.connect() as connection:
            found = connection.execute(text(LEFT_BEHIND), {**given, "limit": most})
            rows = [Claimed(**row._mapping) for row in found]
        if not rows:
            return
        importing.settle(min(row.age for row in rows))
        known = importing.look_up(rows)
        there = [known.get(row.dossier_code) for row in rows]
        given["keys"] = [row.source_key for row in rows]
        given["versions"] = [one and str(one["version"]) for one in there]
        given["ids"] = [one and str(one["id"]) for one in there]
        with m.engine.begin() as connection:
            connection.execute(text(LOOKED_UP), given)


def _collect(
    m: Migrating,
    done: set[Future[list[Settled]]],
    pending: set[Future[list[Settled]]],
    counts: Counter[str],
    left: list[str],
    total: int,
) -> None:
    for future in list(done):
        pending.discard(future)
        for one in future.result():
            counts[_name(one)] += 1
            if one.state in ("unknown", "read"):
                left.append(one.row.source_key)
    m.progress("load", sum(counts.values()), max(total, sum(counts.values())))
    maybe_tick(m)


def _name(one: Settled) -> str:
    """Under which count a settled row goes."""
    if one.state == "migrated":
        return one.outcome or "created"
    if one.state == "held":
        return {"refused_by_target": "refused", "target_differs": "target_differs"}.get(one.reason or "", "unsayable")
    return one.state


def _claims(m: Migrating, importing: Importing, source: str, left: list[str], stop: Event) -> Iterator[list[Claimed]]:
    """Batches with their intent committed, in the order of receipt; `left` are those that this call leaves unknown."""
    most = min(m.plan.chunks.batch, importing.connector.spec.operations["load"].batch or m.plan.chunks.batch)
    at: datetime | None = None
    key = ""
    while not stop.is_set():
        given = {"id": m.attempt_id, "source": source, "left": left, "limit": most, "at": at, "key": key}
        with m.engine.begin() as connection:
            connection.execute(text(BESIDE_MERGES), given)
            query = CLAIM.format(behind=BEHIND if at is not None else "")
            rows = connection.execute(text(query), given).all()
        if not rows:
            return
        yield [Claimed(*row[:-1]) for row in rows]
        at, key = rows[-1].received_at, rows[-1].source_key
        if at is None:
            return


def _deliver(m: Migrating, importing: Importing, rows: Sequence[Claimed], stop: Event) -> list[Settled]:
    """A batch from its look-up to its answers, all of them kept.

    Raises:
        PeerError, ConfigError: the stage cannot go on; what was not sent is owed as before.
    """
    settled: list[Settled] = []

    def keep(some: Sequence[Settled]) -> None:
        _keep(m, some)
        settled.extend(some)

    if stop.is_set():
        keep([Settled(row, "unknown" if row.is_unanswered else "read") for row in rows])
        return []
    items, held = importing.items(rows)
    keep(held)
    if items:
        deliver(importing, items, keep)
    return settled


def _keep(m: Migrating, settled: Sequence[Settled]) -> None:
    """Write down what became of rows of one source."""
    if not settled:
        return
    ordered = sorted(settled, key=lambda one: one.row.source_key)
    given = {
        "id": m.attempt_id,
        "source": ordered[0].row.source,
        "keys": [one.row.source_key for one in ordered],
        "sent": [one.row.content_hash for one in ordered],
        "states": [one.state for one in ordered],
        "reasons": [one.reason for one in ordered],
        "findings": [_json(one) for one in ordered],
        "outcomes": [one.outcome for one in ordered],
        "ids": [one.target_id for one in ordered],
        "words": [printable(one.words) if one.words else None for one in ordered],
    }
    with m.engine.begin() as connection:
        connection.execute(text(BESIDE_MERGES), given)
        connection.execute(text(ANSWERED), given)


def _json(one: Settled) -> str | None:
    return orjson.dumps([finding.as_dict() for finding in one.findings]).decode() if one.findings else None


def _explained(m: Migrating, error: PeerError | ConfigError, sources: Sequence[str]) -> StageFailed:
    return StageFailed(
        error.what,
        where=f"migration {m.plan.slug} · loading · {error.where}",
        next_step=f"{waiting(m, sources):,} dossiers wait; nothing that was answered is lost.\n  {error.next_step}\n"
        f"  Go on: lienthong migrate run {m.plan.slug}",
    )
