"""Merge: staged rows into dossiers, progress and the outbox, held rows into quarantine; set-based, one transaction."""

from typing import Any

from sqlalchemy import Connection, text, update
from sqlalchemy.exc import IntegrityError

from hub.context import Hub
from hub.errors import StageFailed
from hub.messages import STREAM, landed
from hub.runs import Run, end_stage, failing, get_run
from hub.staging import drop_staging, staged_count
from hub.store import province_lock
from hub.succession import ADOPTED, has_predecessors
from schemas import tables
from schemas.tables import holding_table, staging_table

NEWEST = """
CREATE TEMP TABLE verdict ON COMMIT DROP AS
WITH newest AS (
    SELECT DISTINCT ON (dossier_code)
           message_id, position, dossier_code, source_key, changed_at, content_hash, steps_hash
    FROM {staging}
    ORDER BY dossier_code, changed_at DESC NULLS LAST, message_id DESC, position DESC
)
SELECT n.*, d.content_hash AS before, d.delivered_hash,
       CASE WHEN d.dossier_code IS NULL THEN 'new'
            WHEN n.source_key <> d.source_key AND (n.content_hash, n.steps_hash) <> (d.content_hash, d.steps_hash)
            THEN CASE WHEN w.source_key IS NULL THEN 'rival' ELSE 'changed' END
            WHEN n.changed_at < d.changed_at THEN 'older'
            WHEN n.changed_at IS NULL AND d.changed_at IS NOT NULL AND n.content_hash <> d.content_hash THEN 'older'
            WHEN n.content_hash = d.content_hash AND n.steps_hash = d.steps_hash THEN 'same'
            WHEN n.changed_at IS NOT DISTINCT FROM d.changed_at AND n.message_id < d.message_id THEN 'older'
            ELSE 'changed' END AS verdict
FROM newest n LEFT JOIN dossier d ON d.province = :province AND d.dossier_code = n.dossier_code
LEFT JOIN (SELECT DISTINCT source_key, value FROM waiver
           WHERE province = :province AND reason = 'conflicting_duplicate' AND ended_at IS NULL) w
     ON w.source_key = n.source_key AND w.value = n.dossier_code
"""
"""Change times order the versions of one source record; of two with the same time the later read is the newer. Another
record takes a dossier over, whatever its time, only when a person decided for it; one that nobody decided for took its
place after the gate had looked, and the gate must look again."""

DOSSIERS = """
INSERT INTO dossier AS d (province, dossier_code, outgoing_code, source_key, procedure_code, status, changed_at,
    received_at, due_at, content_hash, steps_hash, record, notes, message_id, run_id)
SELECT :province, s.dossier_code, coalesce(x.outgoing_code, s.national_code, s.dossier_code), s.source_key,
       s.procedure_code, s.status, s.changed_at, s.received_at, s.due_at, s.content_hash, s.steps_hash, s.record,
       s.notes, s.message_id, :run_id
FROM verdict v JOIN {staging} s USING (message_id, position)
LEFT JOIN succession x ON x.province = :province AND x.dossier_code = s.dossier_code
WHERE v.verdict IN ('new', 'changed')
ON CONFLICT (province, dossier_code) DO UPDATE SET
    source_key = excluded.source_key, procedure_code = excluded.procedure_code, status = excluded.status,
    changed_at = CASE WHEN d.source_key = excluded.source_key THEN greatest(d.changed_at, excluded.changed_at)
                      ELSE excluded.changed_at END,
    received_at = excluded.received_at, due_at = excluded.due_at,
    content_hash = excluded.content_hash, steps_hash = excluded.steps_hash, record = excluded.record,
    notes = excluded.notes, message_id = excluded.message_id, run_id = excluded.run_id
"""

DELIVERIES = """
INSERT INTO delivery (province, dossier_code, content_hash, run_id)
SELECT :province, v.dossier_code, v.content_hash, :run_id FROM verdict v
WHERE v.verdict IN ('new', 'changed') AND (v.content_hash IS DISTINCT FROM v.delivered_hash
      OR EXISTS (SELECT FROM delivery x WHERE x.province = :province AND x.dossier_code = v.dossier_code
                 AND x.state <> 'delivered'))
ON CONFLICT (province, dossier_code) WHERE state <> 'delivered' DO UPDATE SET
    content_hash = excluded.content_hash, run_id = excluded.run_id, reason = NULL,
    state = CASE delivery.state WHEN 'held' THEN 'pending' ELSE delivery.state END
"""
"""A held delivery is owed again when its content changes; an unknown one stays unknown until it is probed. An open one
follows the newest content even when that was delivered before: the one in flight may arrive after it."""

STEPS = """
INSERT INTO progress_step
    (province, dossier_code, step_key, happened_at, status, ordinal, record, run_id, state, reason)
SELECT :province, n.dossier_code, n.step_key, n.happened_at, n.status, n.ordinal, n.step, :run_id,
       CASE WHEN n.happened_at <= x.settled_until THEN 'delivered' WHEN n.happened_at < l.sent_until THEN 'late'
            ELSE 'pending' END,
       CASE WHEN n.happened_at <= x.settled_until THEN NULL WHEN n.happened_at < l.sent_until THEN 'late_step' END
FROM (
    SELECT v.dossier_code, e.step, e.ordinal, (e.step ->> 'at')::timestamptz AS happened_at,
           (e.step ->> 'status')::smallint AS status,
           (e.step ->> 'at') || '|' || (e.step ->> 'status') || '|' || row_number() OVER (
               PARTITION BY v.dossier_code, e.step ->> 'at', e.step ->> 'status' ORDER BY e.ordinal) AS step_key
    FROM verdict v JOIN {staging} s USING (message_id, position),
         jsonb_array_elements(s.steps) WITH ORDINALITY AS e (step, ordinal)
    WHERE v.verdict IN ('new', 'changed')
) n
LEFT JOIN (
    SELECT p.dossier_code, max(p.happened_at) AS sent_until
    FROM progress_step p JOIN verdict v ON v.dossier_code = p.dossier_code AND v.verdict = 'changed'
    WHERE p.province = :province AND p.state IN ('delivered', 'sending', 'unknown') GROUP BY p.dossier_code
) l USING (dossier_code)
LEFT JOIN succession x ON x.province = :province AND x.dossier_code = n.dossier_code
ON CONFLICT (province, dossier_code, step_key) DO UPDATE SET record = excluded.record, ordinal = excluded.ordinal
    WHERE progress_step.state IN ('pending', 'held')
"""
"""Steps are told apart by time and status: a text corrected later is not a second step, and one that was not sent yet
goes out corrected. One that is older than what the national side has cannot be sent any more and waits for a person.
What an old province had reported before a cutover counts as delivered."""

WITHDRAWN_STEPS = """
DELETE FROM progress_step p USING verdict v
WHERE v.verdict = 'changed' AND p.province = :province AND p.dossier_code = v.dossier_code
  AND p.state IN ('pending', 'late')
  AND NOT EXISTS (
    SELECT FROM {staging} s, jsonb_array_elements(s.steps) e
    WHERE s.message_id = v.message_id AND s.position = v.position
      AND (e ->> 'at')::timestamptz = p.happened_at AND (e ->> 'status')::smallint = p.status)
"""
"""Steps that never went out and that the source's new version no longer has; the message log keeps them."""

HELD_STEPS = """
INSERT INTO quarantine (province, kind, stage, dossier_code, source_key, reason, findings, mapped, message_id, position,
    content_hash, changed_at, run_id, seen_run_id)
SELECT :province, 'step', 'map', s.dossier_code, s.source_key || '/' || e.ordinal, e.held -> 'finding' ->> 'reason',
       jsonb_build_array(e.held -> 'finding'), e.held -> 'step', s.message_id, s.position,
       md5(e.held::text), s.changed_at, :run_id, :run_id
FROM verdict v JOIN {staging} s USING (message_id, position),
     jsonb_array_elements(s.held_steps) WITH ORDINALITY AS e (held, ordinal)
WHERE v.verdict IN ('new', 'changed') OR (v.verdict = 'same' AND EXISTS (
    SELECT FROM quarantine q WHERE q.province = :province AND q.kind = 'step' AND q.stage = 'map' AND q.state = 'held'
    AND q.dossier_code = v.dossier_code AND q.message_id = v.message_id AND q.position = v.position))
ON CONFLICT (province, kind, source_key, content_hash) WHERE state = 'held' DO UPDATE SET
    seen_run_id = :run_id, message_id = excluded.message_id, position = excluded.position,
    changed_at = excluded.changed_at
"""
"""A version that is mapped again and gives the same steps may hold others than it did."""

LATE_STEPS = """
INSERT INTO quarantine (province, kind, stage, dossier_code, source_key, reason, findings, mapped, message_id, position,
    content_hash, changed_at, run_id, seen_run_id)
SELECT :province, 'step', 'merge', p.dossier_code, v.source_key || '/' || p.step_key, 'late_step',
       jsonb_build_array(jsonb_build_object('reason', 'late_step', 'field', 'steps.at', 'value', p.record ->> 'at',
           'rule', 'a later step was already sent')),
       p.record, v.message_id, v.position, md5(p.step_key), v.changed_at, :run_id, :run_id
FROM progress_step p JOIN verdict v USING (dossier_code)
WHERE p.province = :province AND p.state = 'late' AND v.verdict IN ('new', 'changed')
  AND NOT EXISTS (SELECT FROM quarantine q WHERE q.province = :province AND q.kind = 'step' AND q.state = 'waived'
                  AND q.dossier_code = p.dossier_code AND q.content_hash = md5(p.step_key))
ON CONFLICT (province, kind, source_key, content_hash) WHERE state = 'held' DO UPDATE SET seen_run_id = :run_id
"""

FREED_STEPS = """
UPDATE quarantine q SET state = CASE v.verdict WHEN 'same' THEN 'redriven' ELSE 'corrected' END,
    freed_run_id = :run_id, freed_at = clock_timestamp()
FROM verdict v
WHERE q.province = :province AND q.kind = 'step' AND q.stage IN ('map', 'merge') AND q.state = 'held'
  AND q.dossier_code = v.dossier_code AND q.seen_run_id <> :run_id
  AND (v.verdict = 'changed' OR (v.verdict = 'same' AND q.stage = 'map'
       AND q.message_id = v.message_id AND q.position = v.position))
"""
"""Steps held from an earlier version of a dossier, when its new version no longer holds them, and those that the same
version, mapped again, holds no longer."""

AGAIN = """
WITH again AS (
    SELECT DISTINCT ON (h.source_key, h.content_hash) q.item_id, h.*
    FROM {holding} h JOIN quarantine q ON q.province = :province AND q.kind = 'dossier' AND q.state = 'held'
         AND q.stage <> 'push' AND q.message_id = h.message_id AND q.position = h.position
         AND q.source_key = h.source_key AND q.content_hash <> h.content_hash
    WHERE NOT EXISTS (SELECT FROM quarantine o WHERE o.province = :province AND o.kind = 'dossier'
                      AND o.state = 'held' AND o.source_key = h.source_key AND o.content_hash = h.content_hash)
    ORDER BY h.source_key, h.content_hash, q.item_id
)
UPDATE quarantine q SET findings = h.findings, reason = h.findings -> 0 ->> 'reason', mapped = h.mapped,
    dossier_code = h.dossier_code, content_hash = h.content_hash, seen_run_id = :run_id, version = q.version + 1,
    stage = CASE WHEN (h.findings -> 0 ->> 'rule') LIKE '%expectations/%' THEN 'check' ELSE 'map' END
FROM again h WHERE q.item_id = h.item_id
"""
"""A record that was mapped again, to other words or up to another rule, and fails again is the same item, in a version
that nobody has seen yet."""

FOLDED = """
UPDATE quarantine q SET state = 'corrected', freed_run_id = :run_id, freed_at = clock_timestamp()
FROM {holding} h
WHERE q.province = :province AND q.kind = 'dossier' AND q.state = 'held' AND q.stage <> 'push'
  AND q.message_id = h.message_id AND q.position = h.position AND q.source_key = h.source_key
  AND q.content_hash <> h.content_hash
"""
"""One version that was read twice under different mappings is two items; mapped alike they are one, and the other's
old reason holds it no longer."""

HELD = """
INSERT INTO quarantine (province, kind, stage, dossier_code, source_key, reason, findings, mapped, message_id, position,
    content_hash, changed_at, run_id, seen_run_id)
SELECT DISTINCT ON (h.source_key, h.content_hash)
       :province, 'dossier', CASE WHEN (h.findings -> 0 ->> 'rule') LIKE '%expectations/%' THEN 'check' ELSE 'map' END,
       h.dossier_code, h.source_key, h.findings -> 0 ->> 'reason', h.findings, h.mapped, h.message_id, h.position,
       h.content_hash, h.changed_at, :run_id, :run_id
FROM {holding} h
WHERE NOT {overtaken} AND NOT {laid_aside}
ORDER BY h.source_key, h.content_hash, h.changed_at DESC NULLS LAST, h.message_id DESC, h.position DESC
ON CONFLICT (province, kind, source_key, content_hash) WHERE state = 'held' DO UPDATE SET
    seen_run_id = :run_id, findings = excluded.findings, reason = excluded.reason, mapped = excluded.mapped,
    message_id = excluded.message_id, position = excluded.position,
    changed_at = greatest(quarantine.changed_at, excluded.changed_at),
    version = quarantine.version + (quarantine.findings <> excluded.findings)::integer
"""
"""Holds what no later version of the same source record has overtaken; meeting it again only notes the run, and what a
person laid aside in favour of another record stays aside."""

OVERTAKEN = """(EXISTS (
    SELECT FROM verdict v WHERE v.source_key = h.source_key AND (v.changed_at > h.changed_at
    OR (v.changed_at IS NOT DISTINCT FROM h.changed_at AND (v.message_id, v.position) > (h.message_id, h.position)))
) OR EXISTS (
    SELECT FROM dossier d WHERE d.province = :province AND d.dossier_code = h.dossier_code
    AND d.source_key = h.source_key AND (d.changed_at > h.changed_at
    OR (d.changed_at IS NOT DISTINCT FROM h.changed_at AND d.message_id > h.message_id))))"""

LAID_ASIDE = """EXISTS (SELECT FROM quarantine a WHERE a.province = :province AND a.kind = 'dossier'
    AND a.state = 'superseded' AND a.dossier_code = h.dossier_code AND a.source_key = h.source_key
    AND a.content_hash = h.content_hash)"""

CORRECTED = """
UPDATE quarantine q SET freed_run_id = :run_id, freed_at = clock_timestamp(),
    state = CASE WHEN (q.message_id, q.position) IS DISTINCT FROM (v.message_id, v.position) THEN 'corrected'
                 WHEN EXISTS (SELECT FROM waiver w WHERE w.province = :province AND w.source_key = q.source_key
                              AND w.ended_at IS NULL AND q.findings @> jsonb_build_array(
                                  jsonb_build_object('reason', w.reason, 'field', w.field))) THEN 'waived'
                 ELSE 'redriven' END
FROM verdict v
WHERE q.province = :province AND q.kind = 'dossier' AND q.state = 'held' AND q.source_key = v.source_key
  AND (coalesce(q.changed_at, '-infinity'), q.message_id, coalesce(q.position, 0))
      <= (coalesce(v.changed_at, '-infinity'), v.message_id, v.position)
  AND (q.stage <> 'push' OR v.verdict = 'changed')
"""
"""A version that passes frees what was held of the same source record up to it, by time and then by when it was read;
what the national side refused, only when it changed and is owed anew."""

COUNTS = """
SELECT (SELECT count(*) FROM (SELECT coalesce(dossier_code, source_key) FROM {staging}
                              UNION SELECT coalesce(dossier_code, source_key) FROM {holding}) x) AS pulled,
       (SELECT count(*) FROM verdict WHERE verdict = 'same') AS unchanged,
       (SELECT count(*) FROM verdict WHERE verdict = 'older') AS older,
       (SELECT count(*) FROM verdict WHERE verdict IN ('new', 'changed')) AS merged,
       (SELECT count(DISTINCT coalesce(h.dossier_code, h.source_key)) FROM {holding} h
         WHERE NOT {overtaken} AND NOT {laid_aside}
       ) AS held
"""

CURSOR = """
INSERT INTO cursor (province, stream, changed_until, run_id)
SELECT :province, :stream, least(max(changed_at), :until), :run_id
FROM (SELECT changed_at FROM {staging} UNION ALL SELECT changed_at FROM {holding}) seen
HAVING max(changed_at) IS NOT NULL
ON CONFLICT (province, stream) DO UPDATE SET
    changed_until = greatest(cursor.changed_until, excluded.changed_until), run_id = excluded.run_id
"""


def merge(hub: Hub, run_id: int) -> dict[str, Any]:
    """Bring the run's staging into the hub's tables; a dry run only counts and leaves nothing behind.

    Returns:
        Counts of distinct dossier codes: `pulled`, `unchanged`, `older`, `merged`, `held`, `held_by_reason`.
    """
    with province_lock(hub.engine, hub.slug, "sync"):
        run = get_run(hub.engine, run_id)
        if run.past("merged"):
            return run.counts
        with failing(hub.engine, run_id):
            try:
                with hub.engine.begin() as connection:
                    _must_be_whole(connection, run)
                    counts = _merge(connection, run)
                    end_stage(connection, run_id, "merged", counts)
                return counts
            except (IntegrityError, NoLongerSo) as error:
                with hub.engine.begin() as connection:  # the gate must look again
                    connection.execute(update(tables.run).filter_by(run_id=run_id).values(stage="pulled"))
                raise StageFailed(
                    str(error) if isinstance(error, NoLongerSo) else TAKEN,
                    where=f"{run.province} · merge",
                    next_step=f"Nothing was merged. Run it again: lienthong sync {run.province}",
                ) from error


TAKEN = "another record took the same code meanwhile"


class NoLongerSo(Exception):
    """What the gate looked at is not what is here: staging was lost in a crash, or another record took a code."""


def _must_be_whole(connection: Connection, run: Run) -> None:
    if staged_count(connection, run.run_id) < landed(connection, run.run_id)["records"]:
        raise NoLongerSo("the staged rows were lost when the database server crashed")


def _merge(connection: Connection, run: Run) -> dict[str, Any]:
    names = {"staging": staging_table(run.run_id).name, "holding": holding_table(run.run_id).name}
    names |= {"overtaken": OVERTAKEN, "laid_aside": LAID_ASIDE}
    given = {"province": run.province, "run_id": run.run_id, "stream": STREAM, "until": run.until}

    def say(statement: str) -> int:
        return connection.execute(text(statement.format(**names)), given).rowcount

    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    say(NEWEST)
    connection.execute(text("CREATE INDEX ON verdict (source_key)"))  # each held row looks for what overtook it
    connection.execute(text("ANALYZE verdict"))
    if connection.scalar(text("SELECT count(*) FROM verdict WHERE verdict = 'rival'")):
        raise NoLongerSo(TAKEN)
    counts = dict(connection.execute(text(COUNTS.format(**names)), given).one()._mapping)
    counts["held_by_reason"] = _by_reason(connection, names["holding"])
    if not run.dry_run:
        say(DOSSIERS)
        if has_predecessors(connection, run.province):
            say(ADOPTED)
        say(DELIVERIES)
        say(WITHDRAWN_STEPS)
        counts["steps"] = say(STEPS)
        say(HELD_STEPS)
        say(LATE_STEPS)
        say(FREED_STEPS)
        say(AGAIN)
        say(FOLDED)
        say(HELD)
        say(CORRECTED)
        if not run.fixed:
            say(CURSOR)
    drop_staging(connection, run.run_id)
    return counts


def _by_reason(connection: Connection, holding: str) -> dict[str, int]:
    query = (
        "SELECT findings -> 0 ->> 'reason', count(DISTINCT coalesce(dossier_code, source_key))"
        f" FROM {holding} GROUP BY 1 ORDER BY 1"
    )
    return {str(reason): int(count) for reason, count in connection.execute(text(query))}
