"""The table that the rules of the suite `dossier` look at: one narrow row for each staged dossier.

Beside the staged scalars stand what the hub knows of the procedure on the day of receipt, what is stored of the
dossier, who else claims its code, and the columns that the suite derives. Where a column names a fault it is empty for
a right row, so that a rule can expect it to be empty.
"""

import difflib
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from hub.context import Hub
from hub.errors import ConfigurationError
from hub.gate import procedures, values
from hub.gate.suite import DerivedColumn, Rule, Suite
from hub.own_days import own_days
from schemas.statuses import NATIONAL_STATUSES, went_back
from schemas.tables import STAGED, staging_table

KEY = ("message_id", "position")
"""Columns that name a staged row."""

LONGEST = "10min"
"""What the gate's table may take: a steward's SQL that does not end must not hold the province."""

SLACK = timedelta(days=1)
"""How far another system's clock may be ahead before a date counts as lying in the future."""

_STAGED = tuple(name for name, _ in STAGED)
DERIVING = ("record", "steps", "held_steps", "notes")
"""What a derived column may look into as well; not kept in the gate."""
COLUMNS = {
    **{name: f"s.{name}" for name in _STAGED if name not in (*DERIVING, "content_hash", "steps_hash")},
    "received_year": "extract(year FROM s.received_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::integer",
    "procedure_name": "coalesce(p.name, k.name)",
    "procedure_closed": "CASE WHEN p.name IS NULL"
    " THEN 'closed ' || to_char(k.until AT TIME ZONE 'Asia/Ho_Chi_Minh', 'DD/MM/YYYY') END",
    "result_due": "coalesce(p.result_due, false)",
    "fee_fault": "fee.fault",
    "received_day": "r.day",
    "due_day": "(s.due_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date",
    "last_day": procedures.LAST_DAY,
    "last_sensible": "CAST(:horizon AS timestamptz)",
    "gateway": "CAST(:gateway AS timestamptz)",
    "tax_code_fault": "t.fault",
    "phone_fault": "h.fault",
    "commune_fault": "m.fault",
    "status_before": "d.status",
    "status_fault": "b.fault",
    "rival": "coalesce(c.rival, n.rival, o.rival, e.rival, 'record ' || CASE"
    " WHEN q.first <> s.source_key THEN q.first WHEN q.last <> s.source_key THEN q.last"
    " WHEN v.first <> s.source_key THEN v.first WHEN v.last <> s.source_key THEN v.last END || ' is held for it')",
}
"""Columns of the gate and where each comes from."""

_ROWS = """
WITH claims AS (
    SELECT dossier_code AS code, dossier_code, source_key, content_hash || steps_hash AS content FROM {staging}
    UNION
    SELECT national_code, dossier_code, source_key, content_hash || steps_hash FROM {staging}
    WHERE national_code IS NOT NULL
), contested AS (
    SELECT code, array_agg(DISTINCT source_key) AS claimed_by FROM claims GROUP BY code
    HAVING (count(DISTINCT source_key) > 1 AND count(DISTINCT content) > 1) OR count(DISTINCT dossier_code) > 1
), contested_rows AS (
    SELECT code, 'also claimed by ' || array_to_string(claimed_by[1:5], ', ') AS rival FROM contested
), held_claims AS (
    SELECT code, min(source_key) AS first, max(source_key) AS last
    FROM quarantine, LATERAL (VALUES (dossier_code), (mapped ->> 'national_code')) claimed (code)
    WHERE province = :province AND state = 'held' AND kind = 'dossier' AND code IS NOT NULL
      AND findings @> '[{{"reason": "conflicting_duplicate"}}]'
    GROUP BY code
), backward (before, after, fault) AS (VALUES {backward})
SELECT {columns}{deriving}
FROM {staging} s
LEFT JOIN gate_procedure p ON p.procedure_code = s.procedure_code
     AND coalesce(s.received_at, s.submitted_at, :now) >= p.valid_from
     AND coalesce(s.received_at, s.submitted_at, :now) < p.valid_to
LEFT JOIN gate_procedure_known k ON k.procedure_code = s.procedure_code
{joins}
LEFT JOIN gate_tax_code t ON t.value = s.tax_code
LEFT JOIN gate_phone h ON h.value = s.phone
LEFT JOIN gate_commune m ON m.value = s.commune AND s.received_at >= m.valid_from AND s.received_at < m.valid_to
LEFT JOIN contested_rows c ON c.code = s.dossier_code
LEFT JOIN contested_rows n ON n.code = s.national_code
LEFT JOIN dossier d ON d.province = :province AND d.dossier_code = s.dossier_code
LEFT JOIN backward b ON b.before = d.status AND b.after = s.status AND d.source_key = s.source_key
     AND s.changed_at > d.changed_at
LEFT JOIN LATERAL (SELECT 'record ' || d.source_key || ' has it' AS rival WHERE d.source_key <> s.source_key
     AND (d.content_hash, d.steps_hash) <> (s.content_hash, s.steps_hash)) e ON true
LEFT JOIN succession i ON i.province = :province AND i.dossier_code = s.dossier_code
LEFT JOIN (SELECT outgoing_code, province, dossier_code, 'province ' || province || ' has it' AS rival FROM dossier
           WHERE succeeded_by IS NULL) o
     ON o.outgoing_code = coalesce(i.outgoing_code, s.national_code, s.dossier_code)
     AND (o.province, o.dossier_code) IS DISTINCT FROM (:province, s.dossier_code)
LEFT JOIN held_claims q ON q.code = s.dossier_code
LEFT JOIN held_claims v ON v.code = s.national_code
"""


def make_gate(connection: Connection, hub: Hub, run_id: int, suite: Suite) -> str:
    """Make the run's gate table; answers with its name.

    Raises:
        ConfigurationError: a derived column that cannot be computed, with file and line.
    """
    gate = f"gate_{run_id}"
    connection.execute(text(f"DROP TABLE IF EXISTS {gate}"))
    _make(connection, hub, suite, staging_table(run_id).name, f"UNLOGGED TABLE {gate}")
    return gate


def try_columns(connection: Connection, hub: Hub, suite: Suite) -> None:
    """Make the gate of a run without rows, beside everything, and leave nothing: whether its SQL can run at all.

    Raises:
        ConfigurationError: a derived column that cannot be computed, with file and line.
    """
    nowhere = Table("staging_trial", MetaData(), *(Column(name, kind) for name, kind in STAGED), prefixes=["TEMP"])
    with connection.begin() as trial:
        connection.execute(CreateTable(nowhere))
        _make(connection, hub, suite, nowhere.name, "TEMP TABLE gate_trial")
        trial.rollback()


def _make(connection: Connection, hub: Hub, suite: Suite, staging: str, table: str) -> None:
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    procedures.make_tables(connection, staging, own_days(hub.settings.folders))
    values.make_tables(connection, staging, hub.units)
    now = hub.clock()
    given = {"province": hub.slug, "now": now, "horizon": now + SLACK, "gateway": hub.province.gateway}
    rows = _ROWS.format(
        staging=staging,
        columns=", ".join(f"{source} AS {name}" for name, source in COLUMNS.items()),
        deriving="".join(f", s.{name}" for name in DERIVING) if suite.columns else "",
        backward=_BACKWARD,
        joins=procedures.JOINS,
    )
    kept = ", ".join(f"g.{name}" for name in COLUMNS)
    made = "".join(f", ({literal(one.expression)}) AS {one.name}" for one in suite.columns)
    with _telling_which(connection, suite.columns, rows, given):
        connection.execute(text(f"SET LOCAL statement_timeout = '{LONGEST}'"))
        connection.execute(text(f"CREATE {table} AS SELECT {kept}{made} FROM ({rows}) g"), given)
        connection.execute(text("SET LOCAL statement_timeout = 0"))


_BACKWARD = ", ".join(
    f"({before}, {after}, '{before} -> {after}')"
    for before in NATIONAL_STATUSES
    for after in NATIONAL_STATUSES
    if went_back(before, after)
)


def literal(expression: str) -> str:
    """A steward's SQL in a statement that has parameters: its colons are not the start of a parameter's name."""
    return expression.replace(":", "\\:")


class _telling_which:
    """Turns the error of a statement with several derived columns into that of the column that is at fault."""

    def __init__(
        self, connection: Connection, columns: tuple[DerivedColumn, ...], rows: str, given: dict[str, Any]
    ) -> None:
        self._connection, self._columns, self._rows, self._given = connection, columns, rows, given

    def __enter__(self) -> None:
        self._before = self._connection.begin_nested() if self._columns else None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._before is None:
            return
        if error is None:
            self._before.commit()
            return
        self._before.rollback()
        if not isinstance(error, DBAPIError):
            return
        for column in self._columns:
            self._try(column)

    def _try(self, column: DerivedColumn) -> None:
        made = f"SELECT ({literal(column.expression)}) AS {column.name} FROM ({self._rows}) g"
        alone = f"CREATE TEMP TABLE gate_column AS {made}"  # as the gate does: a table takes fewer kinds than a query
        point = self._connection.begin_nested()
        try:
            self._connection.execute(text(f"SET LOCAL statement_timeout = '{LONGEST}'"))
            self._connection.execute(text(alone), self._given)
        except DBAPIError as error:
            point.rollback()
            said = str(error.orig).splitlines()[0]
            raise ConfigurationError(
                f"the column '{column.name}' cannot be computed: {said}",
                where=column.where,
                next_step="Its SQL stands over the gate's row and the staged `record`; docs/quality.md lists both.",
            ) from None
        point.rollback()


def refuse_unknown_columns(suite: Suite, known: tuple[str, ...]) -> None:
    """Raises ConfigurationError, with file and line, for a rule on a column that the gate has not."""
    names = [*known, *(column.name for column in suite.columns)]
    for column in suite.columns:
        if column.name in known:
            raise ConfigurationError(
                f"the gate has a column '{column.name}' already", where=column.where, next_step="Give it another name."
            )
    for rule in suite.rules:
        for name in rule.columns:
            if name not in names:
                raise unknown_column(rule, name, names)


def unknown_column(rule: Rule, name: str, known: list[str]) -> ConfigurationError:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean '{near[0]}'?" if near else "a canonical field needs a line under columns:"
    return ConfigurationError(
        f"the gate has no column '{name}'; {hint}",
        where=rule.where,
        next_step="docs/quality.md lists the columns; columns: in the suite adds one.",
    )
