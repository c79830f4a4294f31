"""Check: resolve staged rows against what the hub knows, run the expectations in SQL, set failing rows apart."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from hub.config import Settings
from hub.context import Hub
from hub.errors import CheckBroken
from hub.expectations import Failure, failures
from hub.landing import prepare_staging
from hub.runs import end_stage, failing, get_run
from hub.store import province_lock
from hub.waivers import spare_waived
from schemas.tables import HELD, holding_table, staging_table

GATE = """
CREATE UNLOGGED TABLE gate_{run} AS
WITH claims AS (
    SELECT dossier_code AS code, dossier_code, source_key, content_hash || steps_hash AS content
    FROM staging_dossier_{run}
    UNION
    SELECT national_code, dossier_code, source_key, content_hash || steps_hash FROM staging_dossier_{run}
    WHERE national_code IS NOT NULL
), contested AS (
    SELECT code FROM claims GROUP BY code
    HAVING (count(DISTINCT source_key) > 1 AND count(DISTINCT content) > 1) OR count(DISTINCT dossier_code) > 1
)
SELECT s.message_id, s.position, s.source_key, s.dossier_code, p.name AS procedure_name, s.status, s.channel,
       s.applicant_kind, s.applicant_name, s.agency_name, s.citizen_number, s.subject_length, s.submitted_at,
       s.received_at, extract(year FROM s.received_at)::integer AS received_year, s.due_at, s.finished_at,
       (CASE WHEN c.code IS NOT NULL OR n.code IS NOT NULL THEN 1 ELSE 0 END
        + CASE WHEN d.dossier_code IS NOT NULL OR o.dossier_code IS NOT NULL OR q.code IS NOT NULL THEN 1 ELSE 0 END
       ) AS rivals
FROM staging_dossier_{run} s
LEFT JOIN procedure_version p ON p.procedure_code = s.procedure_code AND p.valid_to IS NULL
LEFT JOIN contested c ON c.code = s.dossier_code
LEFT JOIN contested n ON n.code = s.national_code
LEFT JOIN dossier d ON d.province = :province AND d.dossier_code = s.dossier_code
     AND d.source_key <> s.source_key AND (d.content_hash, d.steps_hash) <> (s.content_hash, s.steps_hash)
LEFT JOIN dossier o ON o.outgoing_code = coalesce(s.national_code, s.dossier_code)
     AND (o.province, o.dossier_code) IS DISTINCT FROM (:province, s.dossier_code)
LEFT JOIN (SELECT DISTINCT dossier_code AS code, source_key FROM quarantine
           WHERE province = :province AND state = 'held' AND reason = 'conflicting_duplicate') q
     ON q.code = s.dossier_code AND q.source_key <> s.source_key
"""
"""The narrow table that the expectations read: staged scalars, the national name of the procedure, rival claims."""


def check(hub: Hub, run_id: int) -> dict[str, Any]:
    """Set every row that fails an expectation apart, with each rule it failed.

    Returns:
        `check_held` (rows) and `failed_rules` {reason: rows}.

    Raises:
        CheckBroken: a rule's query moved other rows than GX counted; nothing was moved and the run failed.
    """
    with province_lock(hub.engine, hub.slug, "sync"):
        run = get_run(hub.engine, run_id)
        if run.past("checked"):
            return run.counts
        with failing(hub.engine, run_id):
            prepare_staging(hub, run)
            return apply_gate(hub, run_id, lambda connection, counts: end_stage(connection, run_id, "checked", counts))


def apply_gate(hub: Hub, run_id: int, ended: Callable[[Connection, dict[str, Any]], None]) -> dict[str, Any]:
    """Run the suite on a run's staging tables and set failing rows apart; `ended` is called in that transaction."""
    gate = f"gate_{run_id}"
    with hub.engine.begin() as connection:
        connection.execute(text(f"DROP TABLE IF EXISTS {gate}"))
        connection.execute(text("SET LOCAL work_mem = '64MB'"))
        connection.execute(text(GATE.format(run=run_id)), {"province": hub.slug})
        connection.execute(text(f"ANALYZE {gate}"))
    failed = list(failures(hub.engine, gate, suite_path(hub.settings)))
    with hub.engine.begin() as connection:
        held = _set_apart(connection, hub.slug, run_id, failed)
        connection.execute(text(f"DROP TABLE {gate}"))
        by_reason: dict[str, int] = {}
        for failure in failed:
            by_reason[failure.reason] = by_reason.get(failure.reason, 0) + failure.count
        counts = {"check_held": held, "failed_rules": by_reason}
        ended(connection, counts)
    return counts


def _set_apart(connection: Connection, province: str, run_id: int, failed: list[Failure]) -> int:
    """Move failing rows from staging to holding; a row that fails several rules is moved once with all of them."""
    connection.execute(
        text(
            "CREATE TEMP TABLE failing (message_id bigint, position integer, rule integer, reason text, field text,"
            " rule_at text) ON COMMIT DROP"
        )
    )
    for number, failure in enumerate(failed):
        connection.exec_driver_sql(f"CREATE TEMP TABLE unexpected AS {failure.query}")
        selected = connection.execute(
            text("INSERT INTO failing SELECT message_id, position, :rule, :reason, :field, :rule_at FROM unexpected"),
            {"rule": number, "reason": failure.reason, "field": failure.field, "rule_at": failure.rule},
        ).rowcount
        connection.exec_driver_sql("DROP TABLE unexpected")
        if selected != failure.count:
            raise CheckBroken(
                f"GX counted {failure.count} rows for '{failure.reason}' but its query selects {selected}",
                where=failure.rule,
                next_step="Nothing was merged. Report this with the suite file; the run can be repeated.",
            )
    staging, holding = staging_table(run_id).name, holding_table(run_id).name
    spare_waived(connection, province, staging)
    moved = connection.execute(
        text(
            f"INSERT INTO {holding} ({', '.join(name for name, _ in HELD)})"
            " SELECT s.message_id, s.position, s.source_key, s.changed_at, s.dossier_code, s.content_hash, s.record,"
            "  (SELECT jsonb_agg(jsonb_build_object('reason', f.reason, 'field', f.field, 'rule', f.rule_at,"
            "    'value', s.record ->> f.field) ORDER BY f.rule) FROM failing f"
            "    WHERE f.message_id = s.message_id AND f.position = s.position)"
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


def suite_path(settings: Settings) -> Path:
    """The dossier suite: `expectations/dossier.yaml` of one's own folder, or the repository's."""
    own = (folder / "expectations" / "dossier.yaml" for folder in settings.folders)
    return next((path for path in own if path.is_file()), settings.folders[-1] / "schemas/expectations/dossier.yaml")
