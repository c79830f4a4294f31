"""Attachments: listed from the account, fetched, compared by digest, handed to the target and counted in bytes."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from threading import Event, Lock
from typing import Any

from sqlalchemy import text

from connectors import Connector
from connectors.errors import ConfigError, PeerError
from hub.context import Progress
from hub.errors import ConfigurationError, StageFailed
from hub.migration.attempt import Migrating
from hub.migration.target.files import Handed, Owed, hand_over
from hub.migration.target.state import must_be_under_way
from hub.migration.watching.clock import maybe_tick, tick
from hub.staging import printable
from hub.store import province_lock
from schemas.migration_tables import KNOWN_TO_TARGET

Stopped = Callable[[], bool]

CLAIM = 20
"""Files that one thread hands over one by one before their answers are kept: so many are handed over again when a
process is killed, and the target doubles none of them."""

LISTED = """
INSERT INTO migrated_file AS f (migration_id, source, source_key, file_id, dossier_code, name)
SELECT DISTINCT ON (m.source, m.source_key, d.file_id) m.migration_id, m.source, m.source_key, d.file_id,
       m.dossier_code, d.name
FROM migrated m, LATERAL (SELECT x ->> 'document_id' AS file_id, x ->> 'name' AS name
                          FROM jsonb_array_elements(m.record -> 'documents') x) d
WHERE m.migration_id = :id AND m.source = :source AND m.{known} {scope} AND coalesce(d.file_id, '') <> ''
  AND NOT EXISTS (SELECT FROM migrated_file k WHERE k.migration_id = :id AND k.source = :source
                  AND k.source_key = m.source_key AND k.file_id = d.file_id
                  AND (k.dossier_code, k.name) IS NOT DISTINCT FROM (m.dossier_code, d.name))
ORDER BY m.source, m.source_key, d.file_id
ON CONFLICT (migration_id, source, source_key, file_id) DO UPDATE
SET dossier_code = excluded.dossier_code, name = excluded.name
WHERE (f.dossier_code, f.name) IS DISTINCT FROM (excluded.dossier_code, excluded.name)
"""

NO_LONGER = f"""
DELETE FROM migrated_file f USING migrated m
WHERE f.migration_id = :id AND f.source = :source AND f.state IN ('owed', 'sending', 'missing', 'refused')
  AND (m.migration_id, m.source, m.source_key) = (f.migration_id, f.source, f.source_key)
  AND NOT coalesce(m.{KNOWN_TO_TARGET}
      AND m.record -> 'documents' @> jsonb_build_array(jsonb_build_object('document_id', f.file_id)), false)
"""
"""Files of dossiers that are held by now, and files that a newer version of a dossier does not have any more."""

CLAIMED = """
WITH chosen AS (
    SELECT f.source_key, f.file_id FROM migrated_file f
    JOIN migrated m ON (m.migration_id, m.source, m.source_key) = (f.migration_id, f.source, f.source_key)
    WHERE f.migration_id = :id AND f.source = :source AND f.state IN ('owed', 'sending') AND m.state = 'migrated'
      AND (f.source_key, f.file_id) > (:key, :file)
    ORDER BY f.source_key, f.file_id LIMIT :limit
), taken AS (
    UPDATE migrated_file f SET state = 'sending', at = clock_timestamp() FROM chosen c
    WHERE f.migration_id = :id AND f.source = :source AND (f.source_key, f.file_id) = (c.source_key, c.file_id)
    RETURNING f.source, f.source_key, f.file_id, f.dossier_code, f.name
)
SELECT * FROM taken ORDER BY source_key, file_id
"""

KEPT = """
UPDATE migrated_file f SET state = x.state, reason = x.reason, size = x.size, digest = x.digest,
       stated = x.stated, target_id = x.target_id, at = clock_timestamp()
FROM (SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:files AS text[]), CAST(:states AS text[]),
        CAST(:reasons AS text[]), CAST(:sizes AS bigint[]), CAST(:digests AS text[]), CAST(:stated AS text[]),
        CAST(:ids AS text[])) AS x(source_key, file_id, state, reason, size, digest, stated, target_id)) x
WHERE f.migration_id = :id AND f.source = :source AND (f.source_key, f.file_id) = (x.source_key, x.file_id)
"""

WAITING = """
SELECT count(*) FROM migrated_file WHERE migration_id = :id AND source = ANY(:sources)
AND state IN ('owed', 'sending')
"""

AGAIN = """
UPDATE migrated_file SET state = 'owed', reason = NULL WHERE migration_id = :id AND source = :source
AND state IN ('missing', 'refused')
"""


def list_files(m: Migrating, source: str) -> int:
    """Bring the list of a source's attachments in the plan's scope up to what the account says now; the caller holds
    its files. What stands there as it is, is not written again.

    Returns:
        Files of the source in the list, of whatever state.
    """
    given = {"id": m.attempt_id, "source": source}
    with m.engine.begin() as connection:
        if m.plan.attachments != "none":
            # A dossier that ends while the migration runs keeps its files in scope: they were listed while it ran.
            scope = "" if m.plan.attachments == "all" else "AND NOT m.finished"
            connection.execute(text(LISTED.format(known=KNOWN_TO_TARGET, scope=scope)), given)
        connection.execute(text(NO_LONGER), given)
        query = text("SELECT count(*) FROM migrated_file WHERE migration_id = :id AND source = :source")
        return int(connection.scalar(query, given) or 0)


def hand_over_files(
    m: Migrating, source: str | None = None, stop: Event | None = None, *, again: bool = False
) -> dict[str, Any]:
    """Hand over the files of dossiers that the target has; with `again` also those that were missing or refused.

    Returns:
        `listed` of these sources; `files` and `bytes` that the target took in this call, `missing`, `refused`;
        `waiting` for their dossier or an answer; `seconds` by the clock.

    Raises:
        ConfigurationError: a source's spec has no operation `file`.
        Refused: the attempt is over.
        StageFailed: a side cannot be reached; what was answered is kept, and the next call goes on.
    """
    begun, stop = m.clock(), stop or Event()
    sources = [source] if source else [one.province for one in m.plan.sources]
    must_be_under_way(m)
    listed = sum(_listed(m, one, again) for one in sources)
    counts = _from_all(m, sources, stop)
    tick(m)
    told = {"files": counts["migrated"], **{name: counts[name] for name in ("bytes", "missing", "refused")}}
    spent = round((m.clock() - begun).total_seconds(), 1)
    return {"listed": listed, **told, "waiting": waiting(m, sources), "seconds": spent}


def _listed(m: Migrating, source: str, again: bool) -> int:
    """A source's list brought up to date under its lock, so that no other process hands over by it meanwhile."""
    with province_lock(m.engine, source, _purpose(m)):
        if again:
            with m.engine.begin() as connection:
                connection.execute(text(AGAIN), {"id": m.attempt_id, "source": source})
        return list_files(m, source)


def _purpose(m: Migrating) -> str:
    return f"files {m.attempt_id}"


class _Tally:
    """What was handed over in one call, by all its threads together."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.counts: Counter[str] = Counter()
        self._progress, self._total, self._lock = progress, total, Lock()

    def add(self, handed: Sequence[Handed]) -> None:
        with self._lock:
            for one in handed:
                self.counts[one.state] += 1
                self.counts["bytes"] += (one.size or 0) if one.state == "migrated" else 0
            done = sum(self.counts.values()) - self.counts["bytes"]
            self._progress("files", done, max(self._total, done))


def _told(m: Migrating, stage: str, done: int, total: int | None) -> None:
    m.progress(stage, done, total)
    maybe_tick(m)


def _from_all(m: Migrating, sources: Sequence[str], stop: Event) -> Counter[str]:
    """All sources side by side, since each has limits of its own; what fails at one keeps no other from going on."""
    tally = _Tally(partial(_told, m), waiting(m, sources))
    owing = [one for one in sources if waiting(m, [one])]
    sides = {one: _source_of_files(m, one) for one in owing}
    if not owing:
        return tally.counts
    with ThreadPoolExecutor(max_workers=len(owing), thread_name_prefix="files of") as pool:
        asked = [pool.submit(_hand_over_source, m, one, sides[one], stop, tally) for one in owing]
        try:
            wait(asked)
        except BaseException:
            stop.set()
            raise
    for one in asked:
        one.result()
    return tally.counts


def waiting(m: Migrating, sources: Sequence[str]) -> int:
    """Files of these sources that are owed to the target."""
    with m.engine.connect() as connection:
        return int(connection.scalar(text(WAITING), {"id": m.attempt_id, "sources": list(sources)}) or 0)


def _source_of_files(m: Migrating, slug: str) -> Connector:
    """The source's connector; raises ConfigurationError where its spec cannot fetch files."""
    source = m.source(slug).source
    if "file" not in source.spec.operations:
        raise ConfigurationError(
            f"the spec {source.spec.system} has no operation `file`: attachments cannot be fetched",
            where=f"migrations/{m.plan.slug}.yaml (attachments)",
            next_step="Write the operation (docs/connector-language.md), or attachments: none in the plan.",
        )
    return source


def _hand_over_source(m: Migrating, slug: str, source: Connector, stop: Event, tally: _Tally) -> None:
    """Hand over what one source owes.

    Raises:
        StageFailed: a side is down; says how many files wait.
    """
    failed = Event()

    def stopped() -> bool:
        return stop.is_set() or failed.is_set()

    parallel = min(source.spec.limits.parallel, m.target.spec.limits.parallel)
    pending: set[Future[list[Handed]]] = set()
    with (
        province_lock(m.engine, slug, _purpose(m)),
        ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="files") as pool,
    ):
        try:
            must_be_under_way(m)
            for batch in _claims(m, slug, stopped):
                pending.add(pool.submit(_hand_over_some, m, source, batch, stopped))
                if len(pending) > parallel:
                    _collect(wait(pending, return_when=FIRST_COMPLETED).done, pending, tally)
            _collect(wait(pending).done, pending, tally)
        except (PeerError, ConfigError) as error:
            failed.set()
            wait(pending)
            raise _explained(m, error, slug) from error
        except BaseException:
            failed.set()
            raise


def _claims(m: Migrating, source: str, stopped: Stopped) -> Iterator[list[Owed]]:
    """Batches with their intent committed, each file once in a call."""
    key = file = ""
    while not stopped():
        given = {"id": m.attempt_id, "source": source, "key": key, "file": file, "limit": CLAIM}
        with m.engine.begin() as connection:
            rows = [Owed(**row._mapping) for row in connection.execute(text(CLAIMED), given)]
        if not rows:
            return
        key, file = rows[-1].source_key, rows[-1].file_id
        yield rows


def _hand_over_some(m: Migrating, source: Connector, owed: Sequence[Owed], stopped: Stopped) -> list[Handed]:
    """One file after the other; when a side is down, what is not handed over is owed as before."""
    done: list[Handed] = []
    try:
        for one in owed:
            if stopped():
                break
            done.append(hand_over(source, m.target, one))
    except Exception:
        _keep(m, [*done, *(Handed(one, "owed") for one in owed[len(done) :])])
        raise
    _keep(m, [*done, *(Handed(one, "owed") for one in owed[len(done) :])])
    return done


def _collect(done: set[Future[list[Handed]]], pending: set[Future[list[Handed]]], tally: _Tally) -> None:
    for future in list(done):
        pending.discard(future)
        tally.add(future.result())


def _keep(m: Migrating, handed: Sequence[Handed]) -> None:
    given = {
        "id": m.attempt_id,
        "source": handed[0].owed.source,
        "keys": [one.owed.source_key for one in handed],
        "files": [one.owed.file_id for one in handed],
        "states": [one.state for one in handed],
        "reasons": [printable(one.reason) if one.reason else None for one in handed],
        "sizes": [one.size for one in handed],
        "digests": [one.digest for one in handed],
        "stated": [one.stated for one in handed],
        "ids": [one.target_id for one in handed],
    }
    with m.engine.begin() as connection:
        connection.execute(text(KEPT), given)


def _explained(m: Migrating, error: PeerError | ConfigError, source: str) -> StageFailed:
    return StageFailed(
        error.what,
        where=f"migration {m.plan.slug} · files of {source} · {error.where}",
        next_step=f"{waiting(m, [source]):,} files wait; those that were handed over stay.\n  {error.next_step}\n"
        f"  Go on: lienthong migrate run {m.plan.slug}",
    )
