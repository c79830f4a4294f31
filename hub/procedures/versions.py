"""Versions of national procedures: a change closes the old version and opens a new one; nothing is ever deleted."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Connection, text

from hub.procedures.record import Procedure
from hub.store import raw_cursor

SERVICE = "pull"
"""`source` of a version that came from the portal's own service; an imported list's versions carry the file's name."""

_COLUMNS = "procedure_code, name, field_code, field_name, levels, decision, public, content_hash, record"

_STAGING = """
CREATE UNLOGGED TABLE IF NOT EXISTS {table} (
    procedure_code text PRIMARY KEY, name text NOT NULL, field_code text, field_name text, levels jsonb NOT NULL,
    decision text, public boolean NOT NULL, content_hash text NOT NULL, record jsonb NOT NULL,
    fetched_at timestamptz NOT NULL
)
"""

_INCOMING = """
CREATE TEMP TABLE incoming ON COMMIT DROP AS
SELECT s.*, v.content_hash AS current_hash,
       EXISTS (SELECT FROM procedure_version p WHERE p.procedure_code = s.procedure_code) AS known
FROM {table} s
JOIN unnest(CAST(:listed AS text[])) l(code) ON l.code = s.procedure_code
LEFT JOIN procedure_version v ON v.procedure_code = s.procedure_code AND v.valid_to IS NULL
WHERE :source = 'pull'
   OR NOT EXISTS (SELECT FROM procedure_version p WHERE p.procedure_code = s.procedure_code AND p.source = 'pull')
"""

_COUNTS = """
SELECT count(*) FILTER (WHERE current_hash IS NULL AND NOT known) AS new,
       count(*) FILTER (WHERE current_hash <> content_hash) AS changed,
       count(*) FILTER (WHERE current_hash IS NULL AND known) AS reopened,
       count(*) FILTER (WHERE current_hash = content_hash) AS unchanged
FROM incoming
"""

_CLOSE_CHANGED = """
UPDATE procedure_version v SET valid_to = :now FROM incoming i
WHERE v.procedure_code = i.procedure_code AND v.valid_to IS NULL AND v.content_hash <> i.content_hash
"""

_CLOSE_GONE = """
UPDATE procedure_version v SET valid_to = :now
WHERE v.valid_to IS NULL AND (:source = 'pull' OR v.source <> 'pull')
  AND NOT EXISTS (SELECT FROM unnest(CAST(:listed AS text[])) l(code) WHERE l.code = v.procedure_code)
"""

_OPEN = f"""
INSERT INTO procedure_version ({_COLUMNS}, valid_from, source, run_id)
SELECT {_COLUMNS}, :now, :source, :run_id FROM incoming WHERE current_hash IS DISTINCT FROM content_hash
"""


def staging_name(run_id: int) -> str:
    return f"staging_procedure_{run_id}"


def create_staging(connection: Connection, run_id: int) -> None:
    """The run's own unlogged table; it outlives a failed run, so that the next attempt asks only for the rest."""
    connection.execute(text(_STAGING.format(table=staging_name(run_id))))


def drop_staging(connection: Connection, run_id: int) -> None:
    connection.execute(text(f"DROP TABLE IF EXISTS {staging_name(run_id)}"))


def staged_codes(connection: Connection, run_id: int, since: datetime) -> set[str]:
    """Codes that an earlier attempt landed; what is older than `since` is forgotten, to be asked again."""
    table = staging_name(run_id)
    connection.execute(text(f"DELETE FROM {table} WHERE fetched_at < :since"), {"since": since})
    return set(connection.scalars(text(f"SELECT procedure_code FROM {table}")))


def stage(connection: Connection, run_id: int, procedures: Iterable[Procedure], at: datetime) -> None:
    """COPY procedures into the run's staging table; each code at most once."""
    statement = f"COPY {staging_name(run_id)} ({_COLUMNS}, fetched_at) FROM STDIN"
    with raw_cursor(connection).copy(statement) as copy:
        for one in procedures:
            levels = orjson.dumps(one.levels).decode()
            row = (one.code, one.name, one.field_code, one.field_name, levels, one.decision, one.public)
            copy.write_row((*row, one.content_hash, one.record, at))


def write_versions(
    connection: Connection, run_id: int, listed: Collection[str], *, source: str, now: datetime
) -> dict[str, int]:
    """Bring the table to what is staged, and close what is not `listed`, in the caller's transaction.

    A code that is listed and not staged keeps the version it has. An imported list (`source` other than `pull`) never
    touches a procedure of which the portal's service has spoken: its word wins.

    Returns:
        `new`, `changed`, `reopened`, `unchanged` and `closed`.
    """
    values = {"listed": list(listed), "source": source, "run_id": run_id, "now": _after_all(connection, now)}
    connection.execute(text(_INCOMING.format(table=staging_name(run_id))), values)
    counts = {name: int(value) for name, value in connection.execute(text(_COUNTS)).one()._mapping.items()}
    connection.execute(text(_CLOSE_CHANGED), values)
    closed = connection.execute(text(_CLOSE_GONE), values).rowcount
    connection.execute(text(_OPEN), values)
    return {**counts, "closed": int(closed)}


def current_count(connection: Connection, *, imported: bool = False) -> int:
    """How many procedures are in force; only those of imported lists with `imported`."""
    query = "SELECT count(*) FROM procedure_version WHERE valid_to IS NULL"
    return int(connection.scalar(text(query + (" AND source <> 'pull'" if imported else ""))) or 0)


def _after_all(connection: Connection, now: datetime) -> datetime:
    """`now`, or just after the newest version where the clock stands behind it: versions never overlap."""
    newest = connection.scalar(text("SELECT greatest(max(valid_from), max(valid_to)) FROM procedure_version"))
    return now if newest is None or newest < now else newest + timedelta(microseconds=1)
