"""A province's own list of procedures in the store: what disappears from it is marked gone, never deleted."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from sqlalchemy import Connection, text

from hub.staging import content_hash
from hub.store import raw_cursor
from schemas.identifiers import procedure_base

_COLUMNS = "local_code, procedure_code, name, field_name, level, decision, content_hash, place"

_CREATE = """
CREATE TEMP TABLE listed (
    local_code text PRIMARY KEY, procedure_code text, name text NOT NULL, field_name text, level text, decision text,
    content_hash text NOT NULL, place int
) ON COMMIT DROP
"""

_COUNTS = """
SELECT count(*) FILTER (WHERE p.local_code IS NULL) AS new,
       count(*) FILTER (WHERE p.gone_at IS NULL AND p.content_hash <> l.content_hash) AS changed,
       count(*) FILTER (WHERE p.gone_at IS NOT NULL) AS reopened,
       count(*) FILTER (WHERE p.gone_at IS NULL AND p.content_hash = l.content_hash) AS unchanged
FROM listed l LEFT JOIN province_procedure p ON p.province = :province AND p.local_code = l.local_code
"""

_UPSERT = f"""
INSERT INTO province_procedure AS p (province, {_COLUMNS}, source, run_id, seen_at)
SELECT :province, {_COLUMNS}, :source, :run_id, :now FROM listed
ON CONFLICT (province, local_code) DO UPDATE SET
    procedure_code = excluded.procedure_code, name = excluded.name, field_name = excluded.field_name,
    level = excluded.level, decision = excluded.decision, content_hash = excluded.content_hash,
    place = excluded.place, source = excluded.source, seen_at = excluded.seen_at, gone_at = NULL,
    run_id = CASE WHEN p.content_hash = excluded.content_hash THEN p.run_id ELSE excluded.run_id END
"""

_GONE = """
UPDATE province_procedure p SET gone_at = :now
WHERE p.province = :province AND p.gone_at IS NULL AND NOT p.local_code = ANY(CAST(:kept AS text[]))
  AND NOT EXISTS (SELECT FROM listed l WHERE l.local_code = p.local_code)
"""


@dataclass(frozen=True, slots=True)
class LocalProcedure:
    """A line of a province's list; `code` as the province writes it, texts as the list has them.

    `place` is its line in the list, from 1; where it stands does not make it another line.
    """

    code: str
    name: str
    field_name: str | None
    level: str | None
    decision: str | None
    place: int | None = field(default=None, compare=False)

    @property
    def base(self) -> str | None:
        """The national code inside the local form, where it has one."""
        return procedure_base(self.code)

    @property
    def content_hash(self) -> str:
        return content_hash(orjson.dumps((self.name, self.field_name, self.level, self.decision)))


def write_listing(
    connection: Connection,
    run_id: int,
    province: str,
    listed: Iterable[LocalProcedure],
    *,
    source: str,
    now: datetime,
    kept: Collection[str] = (),
) -> dict[str, int]:
    """Bring the province's list to `listed`, in the caller's transaction; each code at most once.

    Codes in `kept` are on the list but could not be read: what is stored of them stays as it is.

    Returns:
        `new`, `changed`, `reopened`, `unchanged` and `gone`.
    """
    connection.execute(text(_CREATE))
    with raw_cursor(connection).copy(f"COPY listed ({_COLUMNS}) FROM STDIN") as copy:
        for one in listed:
            row = (one.code, one.base, one.name, one.field_name, one.level, one.decision, one.content_hash, one.place)
            copy.write_row(row)
    values = {"province": province, "source": source, "run_id": run_id, "now": now, "kept": list(kept)}
    counts = {name: int(value) for name, value in connection.execute(text(_COUNTS), values).one()._mapping.items()}
    connection.execute(text(_UPSERT), values)
    gone = connection.execute(text(_GONE), values).rowcount
    return {**counts, "gone": int(gone)}


def present_count(connection: Connection, province: str) -> int:
    """How many procedures the province's list has now."""
    query = "SELECT count(*) FROM province_procedure WHERE province = :province AND gone_at IS NULL"
    return int(connection.scalar(text(query), {"province": province}) or 0)
