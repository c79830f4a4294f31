"""What is other in a rehearsal than in the one before it; of older ones only the counts are kept."""

from typing import Any

from sqlalchemy import Connection, text

SAMPLES = 5
"""Dossier codes shown of each kind of change."""

LAST = """
SELECT migration_id, counts -> 'rehearsal' ->> 'mark' AS mark FROM migration
WHERE plan = :plan AND kind = 'rehearsal' AND migration_id < :id AND counts -> 'rehearsal' IS NOT NULL
ORDER BY migration_id DESC LIMIT 1
"""

BECAME = "state || coalesce(' (' || reason || ')', '')"

JOINED = f"""
CREATE TEMP TABLE other ON COMMIT DROP AS
SELECT CASE WHEN b.source_key IS NULL THEN 'new' WHEN a.source_key IS NULL THEN 'gone'
            WHEN a.became <> b.became THEN 'moved' ELSE 'content' END AS kind,
       coalesce(a.source, b.source) AS source, b.became AS before, a.became AS after,
       coalesce(a.dossier_code, b.dossier_code, a.source_key, b.source_key) AS code
FROM (SELECT source, source_key, dossier_code, content_hash, {BECAME} AS became
      FROM migrated WHERE migration_id = :id) a
FULL JOIN (SELECT source, source_key, dossier_code, content_hash, {BECAME} AS became
           FROM migrated WHERE migration_id = :last) b USING (source, source_key)
WHERE a.became IS DISTINCT FROM b.became OR a.content_hash IS DISTINCT FROM b.content_hash
"""

GROUPED = """
SELECT kind, source, before, after, max(of) AS dossiers, array_agg(code ORDER BY code) AS codes
FROM (SELECT *, row_number() OVER w AS place, count(*) OVER (PARTITION BY kind, source, before, after) AS of
      FROM other WINDOW w AS (PARTITION BY kind, source, before, after ORDER BY code)) o
WHERE place <= :samples GROUP BY kind, source, before, after ORDER BY kind, source, before, after
"""

OLDER = """
SELECT migration_id FROM migration
WHERE plan = :plan AND kind = 'rehearsal' AND migration_id <= :id ORDER BY migration_id DESC OFFSET 2
"""

FORGET = (
    "DELETE FROM message USING migration_chunk c WHERE c.migration_id = ANY(:older) AND message.run_id = c.run_id",
    "DELETE FROM migrated_file WHERE migration_id = ANY(:older)",
    "DELETE FROM migrated WHERE migration_id = ANY(:older)",
    "DELETE FROM migration_difference d USING migration_proof p"
    " WHERE p.proof_id = d.proof_id AND p.migration_id = ANY(:older)",
)


def compared(connection: Connection, plan: str, migration_id: int) -> dict[str, Any] | None:
    """Against the last rehearsal that came to its end: `same` dossiers, and `changes` by kind (`new`, `gone`, `moved`
    from one state or reason to another, other `content`), source, before and after, with some codes. None for the
    first one.
    """
    last = connection.execute(text(LAST), {"plan": plan, "id": migration_id}).one_or_none()
    if last is None:
        return None
    connection.execute(text(JOINED), {"id": migration_id, "last": last.migration_id})
    changes = [dict(row) for row in connection.execute(text(GROUPED), {"samples": SAMPLES}).mappings()]
    dossiers = connection.scalar(text("SELECT count(*) FROM migrated WHERE migration_id = :id"), {"id": migration_id})
    other = sum(one["dossiers"] for one in changes if one["kind"] != "gone")
    return {
        "with": last.migration_id,
        "mark": last.mark,
        "same": int(dossiers or 0) - other,
        "changes": changes,
    }


def forget_older(connection: Connection, plan: str, migration_id: int) -> list[int]:
    """Delete the rows and kept messages of rehearsals before the last two; their reports and evidence stay."""
    older = list(connection.scalars(text(OLDER), {"plan": plan, "id": migration_id}))
    if older:
        for statement in FORGET:
            connection.execute(text(statement), {"older": older})
    return older
