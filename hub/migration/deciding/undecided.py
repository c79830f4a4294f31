"""The work list of a migration: what waits for a person, grouped by what is to be decided, and the single dossiers."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from hub.context import Hub
from hub.migration.attempt import Attempt, Migrating
from hub.migration.deciding.candidates import Candidate, candidates_of
from hub.migration.deciding.places import place_names, places_in
from hub.migration.reading.recoding import recoding_of
from hub.tabular import Sheet
from schemas.records import VIET_NAM

KINDS = {
    "communes": ("commune_undecided", "unknown_commune", "province_undecided"),
    "agencies": ("agency_not_recoded",),
    "collisions": ("code_collision", "target_differs"),
}
"""What waits, by the reason of its finding."""
BAD_CODE = "(f.reason = 'bad_code' AND f.field IN ('commune', 'province', 'agency_code'))"
"""A code without the form of one can be decided as well; others of this reason cannot."""

COUNTS = """
SELECT kind, count(DISTINCT (m.source, m.source_key)) AS dossiers, count(DISTINCT (m.source, f.value)) AS codes
FROM migrated m, jsonb_to_recordset(m.findings) AS f (reason text, field text, value text),
     LATERAL (SELECT CASE WHEN f.reason = ANY(:agencies) OR f.field = 'agency_code' THEN 'agencies'
                          WHEN f.reason = ANY(:collisions) THEN 'collisions' ELSE 'communes' END AS kind) k
WHERE m.migration_id = :id AND m.state = 'held' AND {waits} GROUP BY kind
"""

WAITS = f"(f.reason = ANY(:reasons) OR {BAD_CODE})"

CHOSEN = (
    f"m.migration_id = :id AND m.state = 'held' AND {WAITS}"
    " AND (CAST(:source AS text) IS NULL OR m.source = :source) AND (CAST(:field AS text) IS NULL OR f.field = :field)"
    " AND (CAST(:code AS text) IS NULL OR f.value = :code)"
)

GROUPS = f"""
SELECT m.source, f.field, f.value AS code, f.reason, count(*) AS dossiers,
       count(*) FILTER (WHERE NOT m.finished) AS in_progress, min(f.detail) AS why,
       min(m.received_at) AS first, max(m.received_at) AS last
FROM migrated m, jsonb_to_recordset(m.findings) AS f (reason text, field text, value text, detail text)
WHERE {CHOSEN} GROUP BY 1, 2, 3, 4
ORDER BY f.field <> 'commune', f.field <> 'agency_code', count(*) FILTER (WHERE NOT m.finished) DESC, count(*) DESC,
         m.source, code
"""

RECORDS = f"""
SELECT m.source, m.source_key, m.dossier_code, m.received_at, m.finished, f.field, f.value AS code, f.reason,
       f.detail AS why, m.record ->> 'address' AS address, m.record ->> 'procedure_code' AS procedure_code,
       m.record ->> 'agency_name' AS agency_name
FROM migrated m, jsonb_to_recordset(m.findings) AS f (reason text, field text, value text, detail text)
WHERE {CHOSEN} ORDER BY m.source, f.field, f.value, m.finished, m.received_at, m.source_key
"""

CLAIMANTS = """
SELECT source, bool_or(loaded_hash IS NOT NULL OR state IN ('loading', 'unknown')) AS loaded FROM migrated
WHERE migration_id = :id AND dossier_code = :code AND state <> 'out_of_scope' GROUP BY source
"""

SHEET = Sheet(
    "Việc cần quyết định",
    {
        "Nguồn": 14,
        "Trường": 14,
        "Mã": 24,
        "Lý do": 22,
        "Khóa bản ghi": 28,
        "Mã hồ sơ": 28,
        "Ngày tiếp nhận": 14,
        "Đang xử lý": 10,
        "Thủ tục": 12,
        "Cơ quan cũ": 32,
        "Địa chỉ (đã che)": 48,
        "Có thể là": 60,
        "Quyết định": 16,
    },
)
"""Columns of the exported list with their widths in characters; the last is for people to fill in."""


def undecided_counts(engine: Engine, migration_id: int) -> dict[str, dict[str, int]]:
    """How much waits for a person: `communes`, `agencies` and `collisions`, each with `dossiers` and `codes`."""
    given: dict[str, Any] = {**{name: list(reasons) for name, reasons in KINDS.items()}, **_of(migration_id)}
    with engine.connect() as connection:
        rows = {row.kind: row for row in connection.execute(text(COUNTS.format(waits=WAITS)), given)}
    return {
        name: {"dossiers": rows[name].dossiers, "codes": rows[name].codes}
        if name in rows
        else {"dossiers": 0, "codes": 0}
        for name in KINDS
    }


def groups(
    m: Migrating, attempt: Attempt, *, source: str | None = None, field: str | None = None, code: str | None = None
) -> list[dict[str, Any]]:
    """What is to be decided, most pressing first: source, field, code, why, how many dossiers and `candidates`."""
    given = _of(attempt.migration_id, source, field, code)
    with m.engine.connect() as connection:
        rows = connection.execute(text(GROUPS), given).all()
    proposals = _Proposals(m)
    return [{**row._mapping, "candidates": proposals.of(row)} for row in rows]


def records(
    m: Migrating,
    attempt: Attempt,
    *,
    source: str | None = None,
    field: str | None = None,
    code: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Single dossiers that wait; of the address only the places that it names."""
    given = _of(attempt.migration_id, source, field, code)
    with m.engine.connect() as connection:
        return list(_records(connection, given, limit, place_names(m.target_hub.units())))


def lines(
    m: Migrating, connection: Connection, attempt: Attempt, **chosen: str | None
) -> Iterator[tuple[Any, ...]]:  # fmt: skip
    """The rows of `SHEET`, read from a cursor on the server."""
    proposals, places = _Proposals(m), place_names(m.target_hub.units())
    for one in _records(connection, _of(attempt.migration_id, **chosen), None, places):
        known = "; ".join(f"{found['code']} {found['name']}".strip() for found in proposals.of_record(one))
        yield (
            one["source"],
            one["field"],
            one["code"],
            one["reason"],
            one["source_key"],
            one["dossier_code"] or "",
            f"{one['received_at'].astimezone(VIET_NAM):%d/%m/%Y}" if one["received_at"] else "",
            "" if one["finished"] else "x",
            one["procedure_code"] or "",
            one["agency_name"] or "",
            one["address"],
            known or one["why"] or "",
            "",
        )


def _records(
    connection: Connection, given: dict[str, Any], limit: int | None, known: frozenset[str]
) -> Iterator[dict[str, Any]]:  # fmt: skip
    query = RECORDS + (" LIMIT :limit" if limit is not None else "")
    streamed = {"stream_results": True, "yield_per": 2_000}
    for row in connection.execute(text(query), {**given, "limit": limit}, execution_options=streamed):
        yield {**row._mapping, "address": places_in(row.address, known)}


def _of(
    migration_id: int, source: str | None = None, field: str | None = None, code: str | None = None
) -> dict[str, Any]:  # fmt: skip
    reasons = [reason for some in KINDS.values() for reason in some]
    return {"id": migration_id, "reasons": reasons, "source": source, "field": field, "code": code}


class _Proposals:
    """Candidates by source, field and code, each looked for once."""

    def __init__(self, m: Migrating) -> None:
        self._m, self._recodings, self._found = m, dict[str, Any](), dict[tuple[str, str, str], list[Candidate]]()

    def of(self, row: Row[Any]) -> list[Candidate]:
        return self.of_record(row._mapping)

    def of_record(self, one: Any) -> list[Candidate]:
        key = (one["source"], one["field"], one["code"] or "")
        if key not in self._found:
            self._found[key] = self._look(one["reason"], *key)
        return self._found[key]

    def _look(self, reason: str, source: str, field: str, code: str) -> list[Candidate]:
        if field == "dossier_code":
            return self._another_code(reason, source, code)
        if source not in self._recodings:
            self._recodings[source] = recoding_of(self._m.plan, self._m.source(source))
        return candidates_of(self._recodings[source], field, code)

    def _another_code(self, reason: str, source: str, code: str) -> list[Candidate]:
        """With the old province's prefix; none for the source that keeps the code."""
        if reason == "code_collision" and source == self._keeper(code):
            return []
        hub: Hub = self._m.source(source)
        prefix = hub.province.province.agency
        fresh = f"{code}-{source}" if code.startswith(prefix) else f"{prefix}-{code}"
        return [{"code": fresh, "name": hub.province.province.name, "took": "", "note": ""}]

    def _keeper(self, code: str) -> str:
        """Of the sources that have a code the one whose dossier the target has taken, else the plan's first."""
        order = {one.province: place for place, one in enumerate(self._m.plan.sources)}
        with self._m.engine.connect() as connection:
            rows = connection.execute(text(CLAIMANTS), {"id": self._m.attempt_id, "code": code}).all()
        first = min(rows, key=lambda row: (not row.loaded, order.get(row.source, len(order))), default=None)
        return str(first.source) if first else ""
