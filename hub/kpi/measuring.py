"""The indicators of a province: counted in one pass over the verdicts, and the dossiers behind every figure."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, text

from hub.kpi.judging import Month, judge
from hub.kpi.model import DOSSIER_INDICATORS, INDICATORS, Figure, Name, figure, not_known, per_cent
from hub.kpi.reasons import Why, why
from hub.procedures.publication import Publication, publications
from hub.working_days import NONE

CHUNK = 2_000
"""Rows that are read from the server at once when a list is written whole."""

_COUNTS = "SELECT {names}, count(*) AS many FROM kpi_judged GROUP BY GROUPING SETS ({sets})"

_HELD_COUNTS = """
SELECT reason, count(*) FILTER (WHERE received_at >= :first AND received_at < :after) AS placed,
       count(*) FILTER (WHERE received_at IS NULL) AS unplaced
FROM kpi_held GROUP BY reason ORDER BY reason
"""

_ROWS = """
SELECT indicator, reason, code, procedure_code, unit, status, received_at, due_at FROM (
    SELECT v.place, v.indicator, v.reason, j.dossier_code AS code, j.procedure_code, j.unit, j.status, j.received_at,
           j.due_at
    FROM kpi_judged j CROSS JOIN LATERAL (VALUES {values}) v(place, indicator, reason)
    WHERE v.reason <> 'yes' AND v.reason NOT LIKE '-%'
    UNION ALL
    SELECT 0, 'sync', h.reason, h.code, h.procedure_code, h.unit, NULL, h.received_at, NULL FROM kpi_held h
    WHERE h.received_at >= :first AND h.received_at < :after
) found
WHERE CAST(:indicator AS text) IS NULL OR indicator = :indicator
ORDER BY place, reason, received_at, code COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One dossier (or procedure, for `publication`) that does not count in one indicator."""

    indicator: Name
    reason: str
    code: str
    procedure_code: str | None
    unit: str | None
    status: int | None
    received_at: datetime | None
    due_at: datetime | None

    @property
    def why(self) -> Why:
        return why(self.reason)

    def as_dict(self) -> dict[str, Any]:
        words = self.why
        return {
            "indicator": self.indicator,
            "reason": self.reason,
            "code": self.code,
            "procedure_code": self.procedure_code,
            "unit": self.unit,
            "status": self.status,
            "received_at": self.received_at.isoformat() if self.received_at else None,
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "meaning": words.meaning,
            "ly_do": words.nghia,
            "missing": words.remedy,
            "can": words.can,
            "who": words.who,
        }


@dataclass
class Kpi:
    """A province's indicators in one period; it stands on tables of an open transaction, and so do its lists."""

    province: str
    month: Month | None
    at: datetime
    connection: Connection
    period: dict[str, Any]
    figures: dict[Name, Figure] = field(default_factory=dict)
    published: list[Publication] = field(default_factory=list)

    def lines(self, indicator: Name | None = None, limit: int | None = None) -> Iterator[Line]:
        """What does not count, in order of indicator, reason and receipt; streamed, so that a million need no memory.

        Without an indicator those of all of them; a dossier comes once for each in which it does not count.
        """
        order: dict[Name, int] = {name: place for place, name in enumerate(INDICATORS)}
        columns: tuple[Name, ...] = ("sync", *DOSSIER_INDICATORS)
        values = ", ".join(f"({order[name]}, '{name}', j.{name})" for name in columns)
        statement = _ROWS.replace("{values}", values) + ("LIMIT :limit" if limit is not None else "")
        given = {**self.period, "indicator": indicator, "limit": limit}
        rows = self.connection.execution_options(yield_per=CHUNK).execute(text(statement), given)
        sent = 0
        for row in rows:
            sent += 1
            yield Line(**row._mapping)
        if indicator in (None, "publication"):
            for one in self._late():
                if limit is None or sent < limit:
                    sent += 1
                    yield Line("publication", "published_late", one.code, one.code, None, None, None, None)

    def _late(self) -> list[Publication]:
        return [one for one in self.published if one.late]

    def as_dict(self) -> dict[str, Any]:
        return {
            "province": self.province,
            "month": str(self.month) if self.month else None,
            "at": self.at.isoformat(),
            "indicators": {name: one.as_dict() for name, one in self.figures.items()},
        }


@contextmanager
def measured(
    engine: Engine, province: str, month: Month | None, now: datetime, own_days: Mapping[date, bool] = NONE
) -> Iterator[Kpi]:
    """The indicators of a province over the dossiers received in a month, or over all; `own_days` as in
    hub/own_days.py.

    Only the hub's own tables are read, in one transaction that is given up at the end: nothing is written, and no
    value of a dossier is touched.
    """
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            period = judge(connection, province, month, now, DOSSIER_INDICATORS, own_days)
            kpi = Kpi(province, month, now, connection, period)
            kpi.published = [one for one in publications(connection, own_days) if _within(one, month)]
            kpi.figures = _figures(connection, kpi)
            yield kpi
        finally:
            transaction.rollback()


def _within(one: Publication, month: Month | None) -> bool:
    """A decision belongs to the month of its day; one without a known day to no month but to the whole."""
    if month is None:
        return True
    return one.decided_on is None or (one.decided_on.year, one.decided_on.month) == (month.year, month.month)


def _figures(connection: Connection, kpi: Kpi) -> dict[Name, Figure]:
    names: tuple[Name, ...] = ("sync", *DOSSIER_INDICATORS)
    counts = _verdict_counts(connection, names)
    found: dict[Name, Figure] = {"sync": _sync(connection, kpi.period, counts["sync"])}
    synced, read = found["sync"].numerator or 0, found["sync"].denominator or 0
    rate = per_cent(synced, read)
    for name in DOSSIER_INDICATORS:
        verdicts = counts[name]
        inside = {reason: many for reason, many in verdicts.items() if not reason.startswith("-")}
        outside = {reason[1:]: many for reason, many in verdicts.items() if reason.startswith("-")}
        against = {reason: many for reason, many in inside.items() if reason != "yes"}
        found[name] = figure(
            name,
            inside.get("yes", 0),
            sum(inside.values()),
            against,
            outside,
            times=None if rate is None else rate / 100 if name == "online" else Decimal(1),
            **_note(name, inside),
        )
    found["publication"] = _publication(kpi.published)
    found["satisfaction"] = not_known(
        "satisfaction",
        "the hub has no ratings (DongBoDanhGia is not connected)",
        "chưa có dữ liệu đánh giá (DongBoDanhGia chưa kết nối)",
    )
    return found


def _note(name: Name, inside: dict[str, int]) -> dict[str, str]:
    if name == "reuse" and inside and set(inside) == {"reuse_not_stated"}:
        return {
            "note": "no document states DuocLayTuKhoDMQG, so that the national side counts none; ask the vendor for it",
            "ghi_chu": "không giấy tờ nào ghi DuocLayTuKhoDMQG nên phía quốc gia không tính; hỏi nhà cung cấp phần mềm",
        }
    return {}


def _verdict_counts(connection: Connection, names: tuple[Name, ...]) -> dict[Name, dict[str, int]]:
    """Dossiers by verdict for each indicator, in one pass; the most frequent verdict first."""
    columns, sets = ", ".join(names), ", ".join(f"({name})" for name in names)
    counts: dict[Name, dict[str, int]] = {name: {} for name in names}
    rows = connection.execute(text(_COUNTS.format(names=columns, sets=sets) + " ORDER BY many DESC"))
    for row in rows:
        for name in names:
            verdict = getattr(row, name)
            if verdict is not None:
                counts[name][verdict] = row.many
    return counts


def _sync(connection: Connection, period: dict[str, Any], verdicts: dict[str, int]) -> Figure:
    """What the national side accepted of what was read; a held dossier without a receipt is in no month."""
    against = {reason: many for reason, many in verdicts.items() if reason != "yes"}
    unplaced = 0
    for row in connection.execute(text(_HELD_COUNTS), period):
        unplaced += row.unplaced
        if row.placed:
            against[row.reason] = against.get(row.reason, 0) + row.placed
    numerator = verdicts.get("yes", 0)
    outside = {"no_receipt": unplaced} if unplaced else {}
    return figure("sync", numerator, numerator + sum(against.values()), against, outside)


def _publication(published: list[Publication]) -> Figure:
    judged = [one for one in published if one.late is not None]
    undated = sum(one.decided_on is None for one in published)
    before = sum(one.decided_on is not None and one.seen_on is None for one in published)
    note = (
        f"of {len(published):,} procedures the day of the decision is not known for {undated:,}, "
        f"the day of publication for {before:,} more"
    )
    ghi_chu = (
        f"trong {len(published)} thủ tục: {undated} chưa rõ ngày ban hành quyết định, {before} chưa rõ ngày công khai"
    )
    if not judged:
        return not_known("publication", note, ghi_chu)
    late = sum(bool(one.late) for one in judged)
    against = {"published_late": late} if late else {}
    return figure("publication", len(judged) - late, len(judged), against, note=note, ghi_chu=ghi_chu)
