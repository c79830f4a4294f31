"""The account: staged versions of a source's records brought into `migrated`, set-based, inside one transaction.

A newer version (by change time, then by when it was read) replaces an older one. A version that is the same changes
nothing but the time up to which it is known. What more than one record claims is settled in hub.migration.claims.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hub.migration.attempt import Migrating
from hub.migration.plans.plan import Source
from hub.migration.reading import claims
from schemas.tables import holding_table, staging_table

PIECE = 25_000
"""Records that are checked and merged at once: so many that the gate's own half second does not count."""

INCOMING = """
CREATE TEMP TABLE incoming ON COMMIT DROP AS
WITH version AS (
    SELECT source_key, message_id, position, changed_at, dossier_code, national_code, status, received_at,
           md5(content_hash || steps_hash) AS content_hash, true AS passed, NULL::jsonb AS findings
    FROM {staging}
    UNION ALL
    SELECT source_key, message_id, position, changed_at, dossier_code, mapped ->> 'national_code',
           (mapped ->> 'status')::smallint, (mapped ->> 'received_at')::timestamptz, content_hash, false, findings
    FROM {holding}
), newest AS (
    SELECT DISTINCT ON (source_key) * FROM version
    ORDER BY source_key, changed_at DESC NULLS LAST, message_id DESC, position DESC
)
SELECT n.*, m.state AS before, m.loaded_hash, m.dossier_code AS code_before, m.national_code AS national_before,
       CASE WHEN m.source_key IS NULL THEN 'new'
            WHEN CASE WHEN n.changed_at <> m.changed_at THEN n.changed_at < m.changed_at
                 ELSE (n.message_id, n.position) < (m.message_id, m.position) END THEN 'older'
            WHEN n.content_hash = m.content_hash AND (n.passed OR n.findings = m.findings) THEN 'same'
            ELSE 'changed' END AS verdict,
       CASE WHEN m.loaded_hash IS NOT NULL OR m.state IN ('loading', 'unknown') THEN NULL
            WHEN :in_progress AND n.status IN (3, 8, 10) THEN 'scope'
            WHEN n.received_at < :since THEN 'since' END AS outside,
       false AS contested
FROM newest n LEFT JOIN LATERAL (
    SELECT * FROM migrated x
    WHERE x.migration_id = :id AND x.source = :source AND x.source_key = n.source_key LIMIT 1) m ON true
"""
"""Where either time is missing, the one that was read later is the newer. What the target has stays in the plan's
scope when it ends: the target must hear of that. Each row asks the index: a join that reads all of `migrated` would
cost every chunk more than the one before it."""

TAKEN = """
INSERT INTO migrated AS m (migration_id, source, source_key, dossier_code, national_code, status, finished, received_at,
    changed_at, content_hash, state, reason, findings, record, message_id, position, chunk)
SELECT :id, :source, i.source_key, i.dossier_code, i.national_code, i.status, coalesce(i.status IN (3, 8, 10), false),
       i.received_at, i.changed_at, i.content_hash,
       CASE WHEN i.outside IS NOT NULL THEN 'out_of_scope'
            WHEN NOT i.passed OR i.contested THEN 'held'
            WHEN i.before IN ('loading', 'unknown') THEN i.before
            WHEN i.content_hash = i.loaded_hash THEN 'migrated'
            ELSE 'read' END,
       CASE WHEN i.outside IS NOT NULL THEN i.outside
            WHEN NOT i.passed THEN i.findings -> 0 ->> 'reason'
            WHEN i.contested THEN 'conflicting_duplicate' END,
       CASE WHEN i.passed THEN nullif(s.held_steps, '[]') ELSE i.findings END,
       CASE WHEN i.outside IS NOT NULL THEN NULL
            WHEN i.passed THEN s.record || jsonb_build_object('steps', s.steps)
            ELSE h.mapped END,
       i.message_id, i.position, :chunk
FROM incoming i
LEFT JOIN {staging} s ON i.passed AND (s.message_id, s.position) = (i.message_id, i.position)
LEFT JOIN {holding} h ON NOT i.passed AND (h.message_id, h.position) = (i.message_id, i.position)
WHERE i.verdict IN ('new', 'changed')
ON CONFLICT (migration_id, source, source_key) DO UPDATE SET
    dossier_code = excluded.dossier_code, national_code = excluded.national_code, status = excluded.status,
    finished = excluded.finished, received_at = excluded.received_at, changed_at = excluded.changed_at,
    content_hash = excluded.content_hash, state = excluded.state, reason = excluded.reason,
    findings = excluded.findings, record = excluded.record, message_id = excluded.message_id,
    position = excluded.position, chunk = excluded.chunk
"""
"""What is on its way to the target stays `loading` or `unknown` until the target's word is known; the record that is
sent next is the newest. A version that is held takes the place of one that the target has: `loaded_hash` says which."""

SEEN = """
UPDATE migrated m SET changed_at = i.changed_at, message_id = i.message_id, position = i.position
FROM (SELECT n.*, x.place FROM incoming n, LATERAL (
    SELECT y.ctid AS place FROM migrated y
    WHERE y.migration_id = :id AND y.source = :source AND y.source_key = n.source_key
      AND (y.message_id, y.position) IS DISTINCT FROM (n.message_id, n.position) LIMIT 1 FOR UPDATE) x
    WHERE n.verdict = 'same') i
WHERE m.ctid = i.place
"""
"""A record that changed and changed back is as new as its last reading."""

COUNTS = """
SELECT count(*) FILTER (WHERE verdict = 'new') AS new, count(*) FILTER (WHERE verdict = 'changed') AS changed,
       count(*) FILTER (WHERE verdict = 'same') AS same, count(*) FILTER (WHERE verdict = 'older') AS older,
       count(*) FILTER (WHERE taken AND outside IS NOT NULL) AS out_of_scope,
       count(*) FILTER (WHERE taken AND outside IS NULL AND (NOT passed OR contested)) AS held
FROM (SELECT *, verdict IN ('new', 'changed') AS taken FROM incoming) i
"""


def enter(connection: Connection, m: Migrating, source: Source, chunk: int, run_id: int) -> dict[str, int]:
    """Bring what the run has staged into the account, and empty its staging.

    One merge of an attempt is at work at a time: two sources that claim one code would wait for each other.

    Returns:
        Versions: `new`, `changed`, `same`, `older`; of those taken `held` and `out_of_scope`.
    """
    staging, holding = staging_table(run_id).name, holding_table(run_id).name
    given: dict[str, Any] = {
        "id": m.attempt_id,
        "source": source.province,
        "chunk": chunk,
        "in_progress": source.scope == "in_progress",
        "since": source.since or BEGINNING,
    }

    def say(statement: str) -> None:
        connection.execute(text(statement.format(staging=staging, holding=holding)), given)

    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('lienthong.account'), :id)"), given)
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    say(INCOMING)
    connection.execute(text("ANALYZE incoming"))
    contested = claims.set_aside(connection, given)
    say(TAKEN)
    say(SEEN)
    if contested:
        claims.settle(connection, given)
    counts = connection.execute(text(COUNTS)).one()._mapping
    say("TRUNCATE {staging}, {holding}")
    return {name: int(value) for name, value in counts.items()}


def newest_staged(connection: Connection, run_id: int) -> datetime | None:
    """The newest change time among what the run has staged."""
    staged = (staging_table(run_id).name, holding_table(run_id).name)
    both = " UNION ALL ".join(f"SELECT max(changed_at) AS newest FROM {name}" for name in staged)
    found: datetime | None = connection.scalar(text(f"SELECT max(newest) FROM ({both}) s"))
    return found


BEGINNING = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
"""Before anything was received."""
