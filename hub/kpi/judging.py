"""Every dossier judged by the formulas, set-based in PostgreSQL: one verdict for each indicator.

A verdict is `yes` (it counts), a reason (it is in the denominator and does not count), or `-` and a reason (it is not
in the denominator). Nothing of a dossier is changed: the verdicts stand in a temporary table of the caller's
transaction and are gone with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from hub.errors import ConfigurationError
from hub.procedures import due_day
from hub.procedures.limits import longest_limit, objects
from hub.store import raw_cursor
from schemas.records import VIET_NAM

_EVER = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))

_PROCEDURES = """
SELECT procedure_code, record -> 'CACHTHUCTHUCHIEN' AS channels, record -> 'KETQUATHUCHIEN' AS results,
       coalesce(lag(valid_from) OVER known IS NULL, true) AS first, valid_from, lead(valid_from) OVER known AS until
FROM procedure_version
WHERE procedure_code IN (SELECT DISTINCT d.procedure_code FROM dossier d WHERE d.province = :province)
WINDOW known AS (PARTITION BY procedure_code ORDER BY valid_from)
"""

_RULES = """
CREATE TEMP TABLE kpi_rule (
    procedure_code text, valid_from timestamptz, valid_to timestamptz, working_days int, days int, months int,
    sure boolean, gives_result boolean
) ON COMMIT DROP
"""

_SPAN = """
SELECT min(received_at), max(received_at) FROM dossier
WHERE province = :province AND due_at IS NULL AND received_at >= :first AND received_at < :after
"""

_HELD = """
CREATE TEMP TABLE kpi_held ON COMMIT DROP AS
SELECT DISTINCT ON (coalesce(q.dossier_code, q.source_key))
       coalesce(q.dossier_code, q.source_key) AS code, q.reason, q.mapped ->> 'procedure_code' AS procedure_code,
       q.mapped ->> 'agency_name' AS unit,
       CASE WHEN pg_input_is_valid(q.mapped ->> 'received_at', 'timestamptz')
            THEN (q.mapped ->> 'received_at')::timestamptz END AS received_at
FROM quarantine q
WHERE q.province = :province AND q.kind = 'dossier' AND q.state = 'held'
  AND NOT EXISTS (SELECT FROM dossier d WHERE d.province = q.province
                  AND (d.dossier_code = q.dossier_code OR d.dossier_code = q.source_key))
ORDER BY coalesce(q.dossier_code, q.source_key), q.changed_at DESC NULLS LAST, q.item_id DESC
"""
"""Dossiers of which no version was merged: read, and not to be found on the national side."""

_JUDGED = """
CREATE TEMP TABLE kpi_judged ON COMMIT DROP AS
WITH chosen AS (
    SELECT d.*, (d.received_at AT TIME ZONE :zone)::date AS received_on FROM dossier d
    WHERE d.province = :province AND d.received_at >= :first AND d.received_at < :after
), steps AS (
    SELECT p.dossier_code, count(*) FILTER (WHERE p.status = 5) AS supplements,
           max(p.happened_at) FILTER (WHERE p.status = 5) AS asked_at,
           max(p.happened_at) FILTER (WHERE p.status = 9) AS at_9,
           max(p.happened_at) FILTER (WHERE p.status = 10) AS at_10,
           max(p.happened_at) FILTER (WHERE p.status IN (8, 3)) AS at_8_3
    FROM progress_step p JOIN chosen c USING (province, dossier_code)
    GROUP BY p.dossier_code
), facts AS (
    SELECT c.dossier_code, c.procedure_code, c.status, c.received_at, c.due_at, c.record,
           CASE WHEN x.state = 'held' THEN coalesce(x.reason, 'refused_nationally')
                WHEN x.state = 'unknown' THEN 'unknown'
                WHEN x.state IS NULL AND c.delivered_hash = c.content_hash THEN 'yes'
                ELSE 'waiting' END AS sync,
           coalesce(s.supplements, 0) AS supplements, s.asked_at,
           CASE WHEN c.status IN (9, 10, 8, 3) THEN
                coalesce((c.record ->> 'finished_at')::timestamptz, s.at_9, s.at_10, s.at_8_3) END AS ended_at,
           coalesce(c.due_at, ({last_day} + time '23:59:59') AT TIME ZONE :zone) AS deadline,
           c.due_at IS NOT NULL OR coalesce(p.sure, false) AS sure,
           c.status IN (9, 10) AND coalesce(p.gives_result, true) AS result_due
    FROM chosen c
    LEFT JOIN steps s USING (dossier_code)
    LEFT JOIN delivery x ON x.province = c.province AND x.dossier_code = c.dossier_code AND x.state <> 'delivered'
    LEFT JOIN kpi_rule p ON p.procedure_code = c.procedure_code
         AND p.valid_from <= c.received_at AND c.received_at < p.valid_to
    LEFT JOIN kpi_day r ON c.due_at IS NULL AND r.day = c.received_on
    {joins}
), spent AS (
    SELECT f.*, CASE WHEN f.supplements = 1 AND f.asked_at < f.ended_at
                     THEN least(n.resumed_at, f.ended_at) - f.asked_at ELSE interval '0' END AS supplement
    FROM facts f LEFT JOIN LATERAL (
        SELECT min(p.happened_at) AS resumed_at FROM progress_step p
        WHERE f.supplements = 1 AND p.province = :province AND p.dossier_code = f.dossier_code AND p.status <> 5
          AND p.happened_at >= f.asked_at
    ) n ON true
), papers AS (
    SELECT s.*, CASE
        WHEN NOT result_due THEN '-no_result_due'
        WHEN jsonb_path_exists(record, '$.results[*] ? (@.url > "" && @.result_code > "")') THEN 'yes'
        WHEN NOT jsonb_path_exists(record, '$.results[*]') THEN 'result_missing'
        WHEN NOT jsonb_path_exists(record, '$.results[*] ? (@.url > "")') THEN 'result_without_link'
        WHEN NOT jsonb_path_exists(record, '$.results[*] ? (@.result_code > "")') THEN 'result_without_code'
        ELSE 'result_apart' END AS paper
    FROM spent s
), verdicts AS (
    SELECT p.dossier_code, p.procedure_code, p.record ->> 'agency_name' AS unit, p.status, p.received_at, p.due_at,
        p.sync,
        CASE WHEN status NOT IN (9, 10, 8, 3)
                  THEN CASE WHEN deadline < :now AND sure THEN '-open_overdue' ELSE '-open' END
             WHEN supplements >= 2 THEN 'two_supplements'
             WHEN ended_at IS NULL THEN 'no_end'
             WHEN deadline IS NULL THEN 'no_limit'
             WHEN ended_at - supplement <= deadline THEN 'yes'
             WHEN NOT sure THEN 'no_limit'
             WHEN due_at IS NULL THEN 'overdue_by_limit'
             ELSE 'overdue' END AS on_time,
        CASE WHEN (record ->> 'channel')::int IS DISTINCT FROM 2 THEN 'not_online'
             WHEN paper = '-no_result_due' THEN 'yes' ELSE paper END AS online,
        CASE WHEN NOT jsonb_path_exists(record, '$.fees[*] ? (!(@.amount == 0))') THEN '-no_fee'
             WHEN (record ->> 'online_payment')::int IN (1, 2) THEN 'yes'
             WHEN coalesce((record ->> 'online_payment')::int, 0) = 0 THEN 'payment_not_stated'
             ELSE 'not_paid_online' END AS online_payment,
        CASE WHEN jsonb_path_exists(record, '$.documents[*] ? (@.digitised == true)') THEN 'yes'
             WHEN NOT jsonb_path_exists(record, '$.documents[*]') THEN 'no_documents'
             ELSE 'not_digitised' END AS digitised,
        paper AS result_copy,
        CASE WHEN jsonb_path_exists(record, '$.documents[*] ? (@.from_store == true)') THEN 'yes'
             WHEN jsonb_path_exists(record, '$.documents[*] ? (@.from_store == false)') THEN 'not_reused'
             ELSE 'reuse_not_stated' END AS reuse,
        CASE (record ->> 'identity_verified')::boolean WHEN true THEN 'yes' WHEN false THEN 'not_verified'
             ELSE 'identity_not_stated' END AS identity
    FROM papers p
)
SELECT dossier_code, procedure_code, unit, status, received_at, due_at, sync, {synced} FROM verdicts
"""


@dataclass(frozen=True, slots=True)
class Month:
    """A month of receipt (NgayTiepNhan) in Viet Nam; which dossiers a month has is not in the formulas [inferred]."""

    year: int
    month: int

    @classmethod
    def read(cls, words: str) -> "Month":
        """From `2026-06` or `06/2026`.

        Raises:
            ConfigurationError: it is no month.
        """
        for form in ("%Y-%m", "%m/%Y"):
            try:
                found = datetime.strptime(words.strip(), form)
            except ValueError:
                continue
            return cls(found.year, found.month)
        raise ConfigurationError(f"'{words}' is no month", where="--month", next_step="Write it as 2026-06 or 06/2026.")

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The first moment of the month and of the next one."""
        first = datetime(self.year, self.month, 1, tzinfo=VIET_NAM)
        following = (first + timedelta(days=32)).replace(day=1)
        return first, following

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def on_screen(self) -> str:
        return f"{self.month:02d}/{self.year:04d}"


def judge(
    connection: Connection,
    province: str,
    month: Month | None,
    now: datetime,
    indicators: Iterable[str],
    own_days: Mapping[date, bool],
) -> dict[str, Any]:
    """Make the tables `kpi_judged` and `kpi_held` in the caller's transaction; both are dropped with it.

    Returns:
        The bound values that name the period: `province`, `first`, `after`.
    """
    first, after = month.span if month else _EVER
    given = {"province": province, "first": first, "after": after, "now": now, "zone": str(VIET_NAM)}
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    _load_rules(connection, province)
    _load_days(connection, given, own_days)
    synced = ", ".join(f"CASE WHEN sync = 'yes' THEN {name} ELSE '-not_synced' END AS {name}" for name in indicators)
    judged = _JUDGED.format(synced=synced, last_day=due_day.LAST_DAY, joins=due_day.joins("kpi_day"))
    connection.execute(text(judged), given)
    connection.execute(text(_HELD), given)
    return given


def _load_rules(connection: Connection, province: str) -> None:
    """What the procedure's record says at the time of receipt; before the first known version that one counts."""
    rows = connection.execute(text(_PROCEDURES), {"province": province}).all()
    connection.execute(text(_RULES))
    with raw_cursor(connection).copy("COPY kpi_rule FROM STDIN") as copy:
        for row in rows:
            limit = longest_limit({"CACHTHUCTHUCHIEN": row.channels})
            gives_result = row.results is None or bool(objects(row.results))
            start, end = "-infinity" if row.first else row.valid_from, row.until or "infinity"
            times = (limit.working_days, limit.days, limit.months, limit.sure)
            copy.write_row((row.procedure_code, start, end, *times, gives_result))


def _load_days(connection: Connection, given: dict[str, Any], own_days: Mapping[date, bool]) -> None:
    """The calendar around every receipt that has no due date, as far as the longest limit reaches."""
    first, last = connection.execute(text(_SPAN), given).one()
    longest = int(connection.scalar(text(f"SELECT max({due_day.REACH}) FROM kpi_rule p")) or 0)
    now = _day(given["now"])
    start = max(_day(first), date(1975, 1, 1)) if first else now
    end = min(_day(last), now) if last else now
    due_day.make_days(connection, "kpi_day", start, max(start, end), longest, own_days)


def _day(moment: datetime) -> date:
    return moment.astimezone(VIET_NAM).date()
