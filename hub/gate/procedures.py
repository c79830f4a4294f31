"""What the gate knows of the procedures that a run's dossiers name: versions in force, time limits, fees, results."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from hub.procedures import due_day
from hub.procedures.limits import longest_limit, objects, times_of
from mappings.mapped import Refused
from mappings.transforms import read_number

THOUSAND = 1000
"""Fees on public portals are off by this factor [seen]."""

LAST_DAY = f"CASE WHEN p.limited THEN {due_day.LAST_DAY} END"
JOINS = f"""
LEFT JOIN gate_day r ON r.day = (s.received_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date
{due_day.joins("gate_day")}
LEFT JOIN gate_fee fee ON fee.content_hash = p.content_hash AND fee.amounts = s.fee_amounts
"""
"""Joined to the staged row `s` and its procedure `p`: the last day that the time limit allows, and what is wrong with
the fees."""

_VERSIONS = """
CREATE TEMP TABLE gate_procedure ON COMMIT DROP AS
SELECT v.procedure_code, v.content_hash, v.name,
       CASE WHEN row_number() OVER w = 1 THEN '-infinity'::timestamptz ELSE v.valid_from END AS valid_from,
       least(coalesce(v.valid_to, 'infinity'), coalesce(lead(v.valid_from) OVER w, 'infinity')) AS valid_to,
       false AS limited, 0 AS working_days, 0 AS days, 0 AS months, false AS result_due
FROM procedure_version v WHERE v.procedure_code IN (SELECT DISTINCT procedure_code FROM {staging})
WINDOW w AS (PARTITION BY v.procedure_code ORDER BY v.valid_from)
"""
"""The first version that the hub saw counts as open to the past: what was before it nobody told the hub."""

_KNOWN = """
CREATE TEMP TABLE gate_procedure_known ON COMMIT DROP AS
SELECT DISTINCT ON (procedure_code) procedure_code, name, valid_to AS until FROM gate_procedure
ORDER BY procedure_code, valid_to DESC
"""

_TERMS = """
SELECT DISTINCT ON (content_hash) content_hash, record -> 'CACHTHUCTHUCHIEN' AS ways,
       record -> 'KETQUATHUCHIEN' AS results
FROM procedure_version WHERE content_hash = ANY(:hashes)
"""

_READ = """
UPDATE gate_procedure p SET limited = t.limited, working_days = t.working_days, days = t.days, months = t.months,
    result_due = t.result_due
FROM unnest(CAST(:hashes AS text[]), CAST(:limited AS boolean[]), CAST(:working_days AS integer[]),
            CAST(:days AS integer[]), CAST(:months AS integer[]), CAST(:result_due AS boolean[]))
     AS t (content_hash, limited, working_days, days, months, result_due)
WHERE p.content_hash = t.content_hash
"""

_CHARGED = """
SELECT DISTINCT p.content_hash, s.fee_amounts AS amounts
FROM (SELECT DISTINCT procedure_code, fee_amounts FROM {staging} WHERE fee_amounts <> '') s
JOIN gate_procedure p USING (procedure_code)
"""


class Terms:
    """What one version of a procedure says of time, money and papers; read from LayThuTuc's record once."""

    __slots__ = ("amounts", "days", "limited", "months", "result_due", "working_days")

    def __init__(self, ways: Any, results: Any) -> None:
        record = {"CACHTHUCTHUCHIEN": ways}
        limit = longest_limit(record)
        self.working_days, self.days, self.months = limit.working_days, limit.days, limit.months
        self.limited = limit.known and limit.sure
        self.amounts = published_amounts(record)
        self.result_due = any(entry.get("MAKETQUA") for entry in objects(results))

    def fee_fault(self, amounts: Iterable[float]) -> str | None:
        """An amount that is a thousand times one that is published, or a thousandth of it."""
        for amount in amounts:
            if self.amounts and amount and amount not in self.amounts:
                for meant in (amount * THOUSAND, amount / THOUSAND):
                    if meant in self.amounts:
                        return f"{amount:.0f}, published {meant:.0f}"
        return None


def published_amounts(record: dict[str, Any]) -> frozenset[float] | None:
    """Every SOTIEN of PHILEPHI in đồng ("Không" is 0); None when one of them cannot be read, so that nothing can be
    compared with them."""
    found = set[float]()
    for entry in times_of(record):
        for fee in objects(entry.get("PHILEPHI")):
            try:
                amount = read_number(fee.get("SOTIEN"))
            except Refused:
                return None
            if amount is not None:
                found.add(float(amount))
    return frozenset(found)


_terms: dict[str, Terms] = {}
_KEPT = 20_000


def make_tables(connection: Connection, staging: str, own_days: Mapping[date, bool]) -> None:
    """Temporary tables of this transaction: `gate_procedure` (versions with the days from and until which each holds,
    and its time limit), `gate_procedure_known`, `gate_fee` and `gate_day`."""
    connection.execute(text(_VERSIONS.format(staging=staging)))
    connection.execute(text(_KNOWN))
    hashes = list(connection.scalars(text("SELECT DISTINCT content_hash FROM gate_procedure")))
    _read_terms(connection, hashes)
    read = [_terms[one] for one in hashes]
    given: dict[str, Any] = {"hashes": hashes}
    for name in ("limited", "working_days", "days", "months", "result_due"):
        given[name] = [getattr(terms, name) for terms in read]
    connection.execute(text(_READ), given)
    _make_fees(connection, staging)
    _make_days(connection, staging, own_days)
    for table in ("gate_procedure", "gate_procedure_known", "gate_fee", "gate_day"):
        connection.execute(text(f"ANALYZE {table}"))


def _read_terms(connection: Connection, hashes: list[str]) -> None:
    """Parse the records that this process has not parsed yet; a record's hash names its content."""
    if len(_terms) > _KEPT:
        _terms.clear()
    fresh = [one for one in hashes if one not in _terms]
    if fresh:
        for row in connection.execute(text(_TERMS), {"hashes": fresh}):
            _terms[row.content_hash] = Terms(row.ways, row.results)


def _make_fees(connection: Connection, staging: str) -> None:
    rows: list[Row[Any]] = list(connection.execute(text(_CHARGED.format(staging=staging))))
    connection.execute(text("CREATE TEMP TABLE gate_fee (content_hash text, amounts text, fault text) ON COMMIT DROP"))
    found = [
        {"hash": row.content_hash, "amounts": row.amounts, "fault": fault}
        for row in rows
        if (fault := _terms[row.content_hash].fee_fault(map(float, row.amounts.split())))
    ]
    if found:
        connection.execute(text("INSERT INTO gate_fee VALUES (:hash, :amounts, :fault)"), found)


def _make_days(connection: Connection, staging: str, own_days: Mapping[date, bool]) -> None:
    """The calendar around the staged days: some days before, and as long behind as the longest time limit reaches."""
    span = connection.execute(
        text(
            "SELECT min(received_at)::date AS first, max(received_at)::date AS last,"
            f" (SELECT coalesce(max({due_day.REACH}), 0) FROM gate_procedure p) AS longest"
            f" FROM {staging} WHERE received_at BETWEEN '{FIRST_DAY}' AND '{LAST_YEAR}-12-31'"
        )
    ).one()
    first = span.first or FIRST_DAY
    due_day.make_days(connection, "gate_day", first - timedelta(days=5), span.last or first, span.longest, own_days)


FIRST_DAY = date(2000, 1, 1)
LAST_YEAR = 2100
