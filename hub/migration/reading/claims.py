"""Claims: codes that more than one record wants, settled for the whole attempt whatever the order in which they came.

Of one source: copies (the same content under another key) count once, and the others are `older_version`; records that
contradict each other are held, both, until a person decides for one. Of two sources: one code would be two dossiers of
the new province, so both are held as `code_collision`; one that the target has taken stays, and the other is held.
"""

from typing import Any

from sqlalchemy import Connection, text

from schemas.migration_tables import KNOWN_TO_TARGET

TOUCHED = """
CREATE TEMP TABLE touched ON COMMIT DROP AS
WITH mine AS (
    SELECT i.source_key, c.code FROM incoming i, LATERAL (VALUES (i.dossier_code), (i.national_code)) c (code)
    WHERE i.verdict IN ('new', 'changed') AND i.passed AND i.outside IS NULL AND c.code IS NOT NULL
), left_behind AS (
    SELECT i.source_key, c.code FROM incoming i, LATERAL (VALUES (i.code_before), (i.national_before)) c (code)
    WHERE i.verdict = 'changed' AND c.code IS NOT NULL
), all_codes AS (SELECT * FROM mine UNION SELECT * FROM left_behind)
SELECT code FROM mine GROUP BY code HAVING count(DISTINCT source_key) > 1
UNION
SELECT a.code FROM all_codes a WHERE EXISTS (
    SELECT FROM migrated m WHERE m.migration_id = :id AND m.dossier_code = a.code
    AND (m.source, m.source_key) <> (:source, a.source_key) OFFSET 0)
UNION
SELECT a.code FROM all_codes a WHERE EXISTS (
    SELECT FROM migrated m WHERE m.migration_id = :id AND m.national_code = a.code
    AND (m.source, m.source_key) <> (:source, a.source_key) OFFSET 0)
"""
"""Codes that somebody else claims too, or claimed beside a record that has given them up."""

BY_CODE = (
    "CREATE INDEX ON incoming (dossier_code)",
    "CREATE INDEX ON incoming (national_code)",
    "CREATE INDEX ON touched (code)",
    "ANALYZE touched",
)

CLOSURE = """
WITH RECURSIVE reached (code) AS (
    SELECT code FROM touched
    UNION
    SELECT o.code FROM reached r, LATERAL (
        SELECT dossier_code, national_code FROM migrated WHERE migration_id = :id AND dossier_code = r.code
        UNION ALL
        SELECT dossier_code, national_code FROM migrated WHERE migration_id = :id AND national_code = r.code
        UNION ALL
        SELECT dossier_code, national_code FROM incoming WHERE dossier_code = r.code
        UNION ALL
        SELECT dossier_code, national_code FROM incoming WHERE national_code = r.code
    ) m, LATERAL (VALUES (m.dossier_code), (m.national_code)) o (code) WHERE o.code IS NOT NULL
)
INSERT INTO touched SELECT code FROM reached EXCEPT SELECT code FROM touched
"""

STOOD = f"""
CREATE TEMP TABLE stood ON COMMIT DROP AS
SELECT m.source, m.source_key, m.state FROM touched t, LATERAL (
    SELECT * FROM migrated WHERE migration_id = :id AND dossier_code = t.code AND {KNOWN_TO_TARGET} OFFSET 0) m
"""
"""Here and below each code and each row asks the index (`OFFSET 0` keeps the planner from another way): a plan that
reads all of `migrated`, or pairs it with all that came, would cost every chunk more than the one before it."""

ASIDE = """
UPDATE migrated m SET state = 'held', reason = 'conflicting_duplicate'
FROM (SELECT x.place FROM stood s, LATERAL (
    SELECT y.ctid AS place FROM migrated y
    WHERE y.migration_id = :id AND y.source = s.source AND y.source_key = s.source_key LIMIT 1 FOR UPDATE) x) d
WHERE m.ctid = d.place
"""

CONTESTED = """
UPDATE incoming SET contested = true
WHERE dossier_code IN (SELECT code FROM touched) OR national_code IN (SELECT code FROM touched)
"""

SETTLED = f"""
CREATE TEMP TABLE settled ON COMMIT DROP AS
WITH claimant AS (
    SELECT m.* FROM (
        SELECT n.source, n.source_key FROM touched t, LATERAL (
            SELECT source, source_key FROM migrated WHERE migration_id = :id AND dossier_code = t.code OFFSET 0) n
        UNION
        SELECT n.source, n.source_key FROM touched t, LATERAL (
            SELECT source, source_key FROM migrated WHERE migration_id = :id AND national_code = t.code OFFSET 0) n
    ) c, LATERAL (
        SELECT * FROM migrated
        WHERE migration_id = :id AND source = c.source AND source_key = c.source_key OFFSET 0) m
    WHERE ({KNOWN_TO_TARGET}
          OR (m.state = 'held' AND m.reason IN ('conflicting_duplicate', 'code_collision'))
          OR (m.state = 'out_of_scope' AND m.reason IN ('older_version', 'laid_aside')))
), claim AS (
    SELECT DISTINCT m.source, m.source_key, m.dossier_code, m.content_hash, c.code
    FROM claimant m, LATERAL (VALUES (m.dossier_code), (m.national_code)) c (code) WHERE c.code IS NOT NULL
), in_source AS (
    SELECT source, code, array_agg(DISTINCT source_key) AS keys,
           (count(DISTINCT source_key) > 1 AND count(DISTINCT content_hash) > 1)
           OR count(DISTINCT dossier_code) > 1 AS contradicted
    FROM claim GROUP BY source, code
), anywhere AS (
    SELECT code, array_agg(DISTINCT source) AS sources FROM claim GROUP BY code
), judged AS (
    SELECT c.source, c.source_key, bool_or(i.contradicted) AS contradicted,
           bool_or(cardinality(a.sources) > 1) AS collides,
           min(array_to_string((array_remove(i.keys, c.source_key))[1:5], ', ')) FILTER (WHERE i.contradicted)
           AS rivals,
           min(array_to_string(array_remove(a.sources, c.source), ', ')) FILTER (WHERE cardinality(a.sources) > 1)
           AS others
    FROM claim c JOIN in_source i USING (source, code) JOIN anywhere a USING (code) GROUP BY c.source, c.source_key
), placed AS (
    SELECT j.*, m.dossier_code, m.content_hash, m.loaded_hash, w.waiver_id,
           max(w.waiver_id) OVER (PARTITION BY m.source, m.dossier_code) AS decided,
           row_number() OVER (PARTITION BY m.source, m.dossier_code ORDER BY w.waiver_id DESC NULLS LAST,
               m.loaded_hash IS NOT NULL DESC, m.changed_at DESC NULLS LAST, m.message_id DESC, m.position DESC)
           AS place
    FROM judged j JOIN claimant m USING (source, source_key) LEFT JOIN LATERAL (
        SELECT max(x.waiver_id) AS waiver_id FROM waiver x WHERE x.province = m.source
        AND x.source_key = m.source_key AND x.reason = 'conflicting_duplicate' AND x.value = m.dossier_code
        AND x.ended_at IS NULL) w ON true
), said AS (
    SELECT p.*, s.state AS stood, CASE WHEN p.decided IS NOT NULL AND p.place > 1 THEN 'laid_aside'
                     WHEN p.decided IS NULL AND p.contradicted THEN 'conflicting_duplicate'
                     WHEN p.place > 1 THEN 'older_version'
                     WHEN p.collides AND p.loaded_hash IS NULL AND coalesce(s.state, '') NOT IN ('loading', 'unknown')
                     THEN 'code_collision' END AS reason
    FROM placed p LEFT JOIN stood s USING (source, source_key)
)
SELECT d.source, d.source_key, d.reason,
       CASE WHEN d.reason IN ('conflicting_duplicate', 'code_collision') THEN 'held'
            WHEN d.reason IS NOT NULL THEN 'out_of_scope'
            WHEN d.stood IN ('loading', 'unknown') THEN d.stood
            WHEN d.content_hash = d.loaded_hash THEN 'migrated' ELSE 'read' END AS state,
       CASE WHEN d.reason IN ('conflicting_duplicate', 'code_collision') THEN jsonb_build_array(jsonb_build_object(
            'reason', d.reason, 'field', 'dossier_code', 'value', d.dossier_code, 'rule', 'the attempt''s account',
            'detail', CASE d.reason WHEN 'code_collision' THEN 'also a code of ' || d.others
                      ELSE 'also claimed by ' || d.rivals END)) END AS findings
FROM said d
"""
"""What the target has taken, or may have, keeps its code: who comes later is held."""

WRITTEN = """
UPDATE migrated m SET state = d.state, reason = d.reason,
    findings = CASE WHEN d.findings IS NOT NULL THEN d.findings
                    WHEN m.findings @> '[{{"rule": "the attempt''s account"}}]' THEN NULL ELSE m.findings END
FROM (SELECT r.*, x.place FROM settled r, LATERAL (
    SELECT y.ctid AS place FROM migrated y
    WHERE y.migration_id = :id AND y.source = r.source AND y.source_key = r.source_key LIMIT 1 FOR UPDATE) x
    WHERE {which}) d
WHERE m.ctid = d.place
"""


def set_aside(connection: Connection, given: dict[str, Any]) -> int:
    """Find the codes in question and take them from whoever has them, until it is settled. Returns how many.

    Stands on the temporary table `incoming` and fills its column `contested`; two records never own one code.
    """
    connection.execute(text(TOUCHED), given)
    if not connection.scalar(text("SELECT count(*) FROM touched")):
        return 0
    for statement in (*BY_CODE, CLOSURE, STOOD, ASIDE, CONTESTED):
        connection.execute(text(statement), given)
    return int(connection.scalar(text("SELECT count(*) FROM touched")) or 0)


def settle(connection: Connection, given: dict[str, Any]) -> None:
    """Decide for every record that claims a code in question; who has it back is written last."""
    connection.execute(text(SETTLED), given)
    for which in ("r.reason IS NOT NULL", "r.reason IS NULL"):
        connection.execute(text(WRITTEN.format(which=which)), given)
