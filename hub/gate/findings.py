"""What a gate found, kept: rows set apart, warnings opened and closed, the outcome of every rule."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from hub.errors import CheckBroken
from hub.gate.columns import literal
from hub.gate.great import Outcome
from hub.gate.suite import Suite
from hub.waivers import spare_waived
from schemas.quality_tables import rule_outcome
from schemas.tables import HELD, holding_table, staging_table

LAST_RUN = """(SELECT max(n.run_id) FROM rule_outcome n JOIN run r USING (run_id)
    WHERE n.province = o.province AND n.suite = o.suite AND r.kind = 'sync')"""
"""Of `rule_outcome o`: the province's last run that read its system; a redrive looks at a few held records only."""

_FAILING = """
CREATE TEMP TABLE {name} (message_id bigint, position integer, rule integer, reason text, field text, rule_at text,
    detail text, waivable boolean) ON COMMIT DROP
"""

_WARN = """
WITH concerned AS (
    SELECT dossier_code FROM {staging} JOIN warned USING (message_id, position)
    UNION SELECT dossier_code FROM warning WHERE province = :province AND gone_at IS NULL
), newest AS (
    SELECT DISTINCT ON (dossier_code) message_id, position, dossier_code, changed_at
    FROM {staging} JOIN concerned USING (dossier_code)
    ORDER BY dossier_code, changed_at DESC NULLS LAST, message_id DESC, position DESC
), judged AS (
    SELECT n.*, s.record FROM newest n JOIN {staging} s USING (message_id, position)
    LEFT JOIN dossier d ON d.province = :province AND d.dossier_code = n.dossier_code
    WHERE d.changed_at IS NULL OR n.changed_at >= d.changed_at
), found AS (
    SELECT DISTINCT ON (j.dossier_code, f.reason, f.field) j.dossier_code, f.reason, f.field, f.rule_at AS rule,
           concat_ws(' · ', CASE WHEN jsonb_typeof(j.record -> f.field) <> 'array'
                     THEN nullif(left(j.record ->> f.field, 500), '') END, f.detail) AS value
    FROM judged j JOIN warned f USING (message_id, position) ORDER BY j.dossier_code, f.reason, f.field, f.rule
), gone AS (
    UPDATE warning w SET gone_at = :now FROM judged j
    WHERE w.province = :province AND w.gone_at IS NULL AND w.dossier_code = j.dossier_code
      AND NOT EXISTS (SELECT FROM found f WHERE (f.dossier_code, f.reason, f.field)
                      = (w.dossier_code, w.reason, w.field))
)
INSERT INTO warning (province, dossier_code, reason, field, value, rule, run_id, seen_run_id, warned_at)
SELECT :province, dossier_code, reason, field, nullif(value, ''), rule, :run_id, :run_id, :now FROM found
ON CONFLICT (province, dossier_code, reason, field) WHERE gone_at IS NULL DO UPDATE SET
    value = excluded.value, rule = excluded.rule, seen_run_id = excluded.seen_run_id
"""
"""Of several versions the newest staged one speaks, when it is not older than what is stored; one that passes ends the
warnings of those before it."""


_UNSAID = """
UPDATE warning SET gone_at = :now WHERE province = :province AND gone_at IS NULL
AND (reason, field) NOT IN (SELECT * FROM unnest(CAST(:reasons AS text[]), CAST(:fields AS text[])))
"""

_KEPT = timedelta(days=400)
"""How long what rules found and what runs measured is kept: a year of nights to look back at, and a month more."""


def select_failing(connection: Connection, outcomes: Sequence[Outcome], table: str) -> int:
    """Fill the temporary table with every failing row, by GX's own queries. Returns the findings.

    Raises:
        CheckBroken: a query selects other rows than GX counted.
    """
    connection.execute(text(_FAILING.format(name=table)))
    found = 0
    for outcome in outcomes:
        if not outcome.failed or outcome.query is None:
            continue
        rule = outcome.rule
        detail = f"{rule.detail}::text" if rule.detail else "NULL::text"
        selected = connection.execute(
            text(
                f"INSERT INTO {table}"
                f" SELECT message_id, position, :number, :reason, :field, :rule_at, {detail}, :waivable"
                f" FROM ({literal(outcome.query)}) unexpected"
            ),
            {
                "number": outcome.number,
                "reason": rule.reason,
                "field": rule.field,
                "rule_at": rule.where,
                "waivable": rule.waivable,
            },
        ).rowcount
        if selected != outcome.failed:
            raise CheckBroken(
                f"GX counted {outcome.failed} rows for '{rule.reason}' but its query selects {selected}",
                where=rule.where,
                next_step="Nothing was merged. Report this with the suite file; the run can be repeated.",
            )
        found += selected
    return found


def set_apart(connection: Connection, province: str, run_id: int) -> int:
    """Move what stands in `failing` from staging to holding, without what is waived; a row that fails several rules is
    moved once with all of them. Returns the rows."""
    staging, holding = staging_table(run_id).name, holding_table(run_id).name
    spare_waived(connection, province, staging)
    moved = connection.execute(
        text(
            f"INSERT INTO {holding} ({', '.join(name for name, _ in HELD)})"
            " SELECT s.message_id, s.position, s.source_key, s.changed_at, s.dossier_code, s.content_hash, s.record,"
            "  (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('detail', f.detail)) || jsonb_build_object("
            "    'reason', f.reason, 'field', f.field, 'rule', f.rule_at, 'value', s.record ->> f.field)"
            "    ORDER BY f.rule) FROM failing f WHERE f.message_id = s.message_id AND f.position = s.position)"
            f" FROM {staging} s WHERE (s.message_id, s.position) IN (SELECT message_id, position FROM failing)"
        )
    ).rowcount
    distinct = connection.scalar(text("SELECT count(DISTINCT (message_id, position)) FROM failing"))
    removed = connection.execute(
        text(f"DELETE FROM {staging} WHERE (message_id, position) IN (SELECT message_id, position FROM failing)")
    ).rowcount
    if not moved == distinct == removed:
        raise CheckBroken(
            f"{distinct} rows failed, {moved} were held and {removed} taken from staging",
            where=f"run {run_id}",
            next_step="Nothing was merged; the run can be repeated.",
        )
    return int(moved)


def warn(connection: Connection, province: str, run_id: int, suite: Suite, now: datetime) -> int:
    """Open what stands in `warned` as warnings of the dossiers that go on, close what no longer holds, and what no rule
    of the suite says any more.

    Returns:
        Warnings of this run's dossiers.
    """
    end_unsaid(connection, province, suite, now)
    statement = text(_WARN.format(staging=staging_table(run_id).name))
    return connection.execute(statement, {"province": province, "run_id": run_id, "now": now}).rowcount


def end_unsaid(connection: Connection, province: str, suite: Suite, now: datetime) -> int:
    """Close the warnings whose reason and field no rule of the suite gives. Returns how many."""
    given: dict[str, Any] = {"reasons": [rule.reason for rule in suite.rules]}
    given |= {"fields": [rule.field for rule in suite.rules], "province": province, "now": now}
    return connection.execute(text(_UNSAID), given).rowcount


def keep_outcomes(
    connection: Connection, province: str, run_id: int, suite: Suite, found: Sequence[Outcome], now: datetime
) -> None:
    """Write what every rule of the suite found; a run that is checked again speaks anew."""
    connection.execute(
        text("DELETE FROM rule_outcome WHERE run_id = :run_id AND suite = :suite"),
        {"run_id": run_id, "suite": suite.name},
    )
    rows: list[dict[str, Any]] = [
        {
            "run_id": run_id,
            "suite": suite.name,
            "number": one.number,
            "province": province,
            "rule": one.rule.where,
            "expect": one.rule.expect,
            "arguments": one.rule.arguments,
            "level": one.rule.level,
            "reason": one.rule.reason,
            "field": one.rule.field,
            "evaluated": one.evaluated,
            "failed": one.failed,
            "at": now,
        }
        for one in found
    ]
    if rows:
        connection.execute(rule_outcome.insert(), rows)


def forget_old(connection: Connection, province: str, now: datetime) -> None:
    """Delete the province's outcomes and measures that are older than they are kept."""
    for table in ("rule_outcome", "measure"):
        connection.execute(
            text(f"DELETE FROM {table} WHERE province = :province AND at < :before"),
            {"province": province, "before": now - _KEPT},
        )
