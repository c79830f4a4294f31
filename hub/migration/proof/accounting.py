"""The account of a migration: every source dossier in exactly one of migrated, held and out of scope, or in none."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, text

IN_BOTH = """coalesce(r.loaded_hash IS NULL AND t.source = r.source AND coalesce(r.reason, '') <> 'target_differs'
        AND NOT EXISTS (SELECT FROM migrated o WHERE o.migration_id = :id AND o.dossier_code = r.dossier_code
                        AND o.state = 'migrated'), false)"""
"""The hub never loaded it, no other record has its code, and the target lists it as this source's all the same."""

ACCOUNT = f"""
CREATE TEMP TABLE account AS
SELECT coalesce(r.source, a.source) AS source, coalesce(r.source_key, a.source_key) AS source_key, r.dossier_code,
       r.status, r.state, r.content_hash, t.target_id, t.differs,
       coalesce(t.ours, r.content_hash) AS version,
       r.loaded_hash IS NOT NULL AND r.state <> 'migrated' AND t.code IS NOT NULL AS older_there,
       :reread AND a.source_key IS NULL AS gone,
       coalesce((a.changed_at > r.changed_at OR a.digest <> l.digest)
                AND coalesce(a.changed_at, '-infinity') <= :horizon, false) AS changed,
       CASE WHEN r.source IS NULL THEN 'unaccounted'
            WHEN r.state = 'migrated' AND t.code IS NOT NULL THEN 'migrated'
            WHEN r.state IN ('held', 'out_of_scope') AND NOT {IN_BOTH} THEN r.state
            ELSE 'unaccounted' END AS verdict,
       CASE WHEN r.source IS NULL THEN 'unread'
            WHEN r.state = 'migrated' THEN CASE WHEN t.code IS NULL THEN 'not_in_target' END
            WHEN r.state IN ('read', 'loading') THEN 'owed'
            WHEN r.state = 'unknown' THEN 'unknown'
            WHEN {IN_BOTH} THEN r.state || '_and_in_target'
            ELSE r.reason END AS reason
FROM (SELECT * FROM migrated WHERE migration_id = :id) r
FULL JOIN again a ON a.source = r.source AND a.source_key = r.source_key
LEFT JOIN (SELECT DISTINCT ON (code) * FROM there WHERE imported ORDER BY code, place) t ON t.code = r.dossier_code
LEFT JOIN logged l ON l.message_id = r.message_id AND l.position = r.position
WHERE r.source IS NOT NULL OR coalesce(a.changed_at, '-infinity') <= :horizon
"""
"""One row for each source record that was read, or that its source has by now. What the hub calls migrated counts only
when the target lists it. `older_there`: a version before this one was loaded; this one waits or is held."""

DIFFERENCES = {
    "only_source": """
SELECT source, dossier_code, NULL, content_hash,
       (SELECT 'not imported: the target''s own' FROM there t WHERE t.code = account.dossier_code LIMIT 1)
FROM account WHERE reason = 'not_in_target'""",
    "only_target": """
SELECT DISTINCT coalesce(a.source, t.source), t.code, NULL, a.reason, t.version
FROM there t LEFT JOIN account a ON a.dossier_code = t.code AND a.reason IN ('held_and_in_target',
                                                                            'out_of_scope_and_in_target')
WHERE t.imported AND (a.source IS NOT NULL
    OR ((coalesce(t.source, '') = '' OR t.source = ANY(:sources))
        AND NOT EXISTS (SELECT FROM account o WHERE o.dossier_code = t.code)))""",
    "twice": """
SELECT max(t.source), t.code, NULL, '1', count(*)::text FROM there t WHERE t.imported GROUP BY t.code
HAVING count(*) > 1""",
    "unread": "SELECT source, source_key, NULL, NULL, NULL FROM account WHERE reason = 'unread'",
    "gone": "SELECT source, coalesce(dossier_code, source_key), NULL, state, NULL FROM account WHERE gone",
    "changed": "SELECT source, coalesce(dossier_code, source_key), NULL, state, NULL FROM account WHERE changed",
    "field": """
SELECT a.source, a.dossier_code, d ->> 0, d ->> 1, d ->> 2 FROM account a, jsonb_array_elements(a.differs) d
WHERE a.verdict = 'migrated'""",
    "file": """
SELECT coalesce(o.source, t.source), coalesce(o.code, t.code), coalesce(o.file_id, t.file_id), o.digest, t.digest
FROM (SELECT f.source, f.dossier_code AS code, f.file_id, f.digest FROM migrated_file f
      JOIN account a USING (source, source_key)
      WHERE f.migration_id = :id AND f.state = 'migrated' AND a.verdict = 'migrated') o
FULL JOIN (SELECT a.source, t.* FROM there_file t JOIN account a ON a.dossier_code = t.code AND a.verdict = 'migrated'
     ) t ON t.code = o.code AND t.file_id = o.file_id
WHERE o.digest IS DISTINCT FROM t.digest""",
}
"""By kind: source, dossier code, field (of a file its id), what the hub has, what the other side has."""

ACCOUNTED = """
SELECT source, status, verdict, reason, count(*) AS dossiers, count(*) FILTER (WHERE gone) AS gone,
       count(*) FILTER (WHERE changed) AS changed, count(*) FILTER (WHERE older_there) AS older_there
FROM account GROUP BY source, status, verdict, reason ORDER BY source, status, verdict, reason
"""

ROWS = """
SELECT (SELECT count(*) FROM account WHERE state = 'migrated') AS sent,
       (SELECT count(*) FROM there WHERE imported) AS there,
       (SELECT count(*) FROM there WHERE NOT imported) AS own,
       (SELECT count(*) FROM account WHERE verdict = 'migrated') AS joined,
       (SELECT count(*) FROM account WHERE verdict = 'migrated' AND differs = '[]') AS full_match
"""

FILES = """
SELECT (SELECT coalesce(jsonb_object_agg(state, n), '{}') FROM (
            SELECT state, count(*) AS n FROM migrated_file WHERE migration_id = :id GROUP BY state) s) AS by_state,
       (SELECT coalesce(sum(size), 0)::bigint FROM migrated_file
        WHERE migration_id = :id AND state = 'migrated') AS bytes,
       count(t.code) AS there, coalesce(sum(t.size), 0)::bigint AS bytes_there
FROM there_file t JOIN account a ON a.dossier_code = t.code AND a.verdict = 'migrated'
"""

BY_KIND = "SELECT kind, count(*) FROM difference GROUP BY kind ORDER BY kind"
BY_FIELD = "SELECT field, count(*) FROM difference WHERE kind = 'field' GROUP BY field ORDER BY field"

LINES = {
    "ours": """SELECT source, dossier_code, version FROM account WHERE state = 'migrated'
ORDER BY source COLLATE "C", dossier_code COLLATE "C" """,
    "theirs": """SELECT coalesce(source, ''), code, coalesce(version, '') FROM there WHERE imported
ORDER BY coalesce(source, '') COLLATE "C", code COLLATE "C", place""",
    "there_now": """SELECT source, source_key, digest FROM again
ORDER BY source COLLATE "C", source_key COLLATE "C" """,
}
"""What the digests are made of, in a fixed order."""


def make_account(
    connection: Connection, migration_id: int, sources: Iterable[str], *, reread: bool, until: datetime | None = None
) -> None:
    """Join what was read, what the sources have and what the target lists: the tables `account` and `difference`.

    What changed at a source after `until`, the mark of a rehearsal, was not to be read.
    """
    horizon = until or datetime.max.replace(tzinfo=UTC)
    given = {"id": migration_id, "sources": list(sources), "reread": reread, "horizon": horizon}
    connection.execute(text(ACCOUNT), given)
    connection.execute(text("CREATE INDEX ON account (dossier_code)"))
    connection.execute(text("ANALYZE account"))
    columns = ("kind", "source", "dossier_code", "field", "ours", "theirs")
    connection.execute(text(f"CREATE TEMP TABLE difference ({', '.join(f'{name} text' for name in columns)})"))
    for kind, query in DIFFERENCES.items():
        into = "INSERT INTO difference (source, dossier_code, field, ours, theirs, kind)"
        connection.execute(text(f"{into} SELECT x.*, '{kind}' FROM ({query}) x"), given)
    connection.execute(text("ANALYZE difference"))
    connection.commit()


def counted(connection: Connection, migration_id: int, fields: Iterable[str]) -> dict[str, Any]:
    """Counts of the account: per source and status, of both sides, per field, files, differences by kind, digests."""
    rows = dict(connection.execute(text(ROWS)).one()._mapping)
    by_kind, by_field = (_numbers(connection, query) for query in (BY_KIND, BY_FIELD))
    rows |= {
        "partial_match": rows["joined"] - rows["full_match"],
        "equal": _share(rows["full_match"], rows["joined"]),
        **{kind: by_kind.get(kind, 0) for kind in ("only_source", "only_target", "twice")},
    }
    digests = {side: dict(digests_of(connection, side)) for side in LINES}
    return {
        "sources": _by_source(connection, digests),
        "rows": rows,
        "fields": {
            name: {
                "compared": rows["joined"],
                "equal": rows["joined"] - by_field.get(name, 0),
                "share": _share(rows["joined"] - by_field.get(name, 0), rows["joined"]),
            }
            for name in fields
        },
        "files": dict(connection.execute(text(FILES), {"id": migration_id}).one()._mapping)
        | {"differences": by_kind.get("file", 0)},
        "differences": by_kind,
    }


def _numbers(connection: Connection, query: str) -> dict[str, int]:
    return {str(name): int(count) for name, count in connection.execute(text(query))}


def _share(part: int, whole: int) -> float:
    """A share of nothing is whole."""
    return part / whole if whole else 1.0


def _by_source(connection: Connection, digests: dict[str, dict[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in connection.execute(text(ACCOUNTED)):
        one = found.setdefault(
            row.source,
            {
                "dossiers": 0,
                **dict.fromkeys(("migrated", "held", "out_of_scope", "unaccounted", "gone", "changed"), 0),
                "older_there": 0,
                "by_status": {},
                "by_reason": {},
                "digests": {side: by_source.get(row.source, "") for side, by_source in digests.items()},
            },
        )
        one["dossiers"] += row.dossiers
        one[row.verdict] += row.dossiers
        for name in ("gone", "changed", "older_there"):
            one[name] += getattr(row, name)
        status = one["by_status"].setdefault("" if row.status is None else str(row.status), {})
        status[row.verdict] = status.get(row.verdict, 0) + row.dossiers
        if row.reason is not None:
            reasons = one["by_reason"].setdefault(row.verdict, {})
            reasons[row.reason] = reasons.get(row.reason, 0) + row.dossiers
    return found


def digests_of(connection: Connection, side: str) -> Iterator[tuple[str, str]]:
    """(source, SHA-256 over its lines `code TAB hash`) of one side, in the order of sources."""
    rows = connection.execute(text(LINES[side]), execution_options={"yield_per": 5000})
    for source, group in groupby(rows, lambda row: str(row[0])):
        digest = sha256()
        for row in group:
            digest.update(f"{row[1]}\t{row[2]}\n".encode())
        yield source, digest.hexdigest()
