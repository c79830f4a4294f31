"""What a run looks like as a whole, beside what is usual in its province: volume, freshness, filled fields, values.

The suite `batch` runs on a table with one row for each measure. A figure that has no history is empty in it, and
Great Expectations passes over what is empty: first runs pass.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from sqlalchemy import Connection, text

from hub.gate.columns import literal
from hub.gate.great import Outcome
from hub.gate.suite import Suite
from hub.messages import STREAM
from hub.runs import Run
from hub.working_days import NONE, SATURDAY, is_working_day
from schemas.records import VIET_NAM
from schemas.tables import holding_table, staging_table

KEY = ("name", "key")
COLUMNS = (
    *("name", "key", "value", "usual", "days"),
    *("volume_ratio", "stale_hours", "fill_loss", "share_new", "share_gone"),
)
"""Columns of the table: the measure and what is usual (median of earlier days, `days` of them), then one column for
each kind of comparison."""

SHORTEST_WINDOW = timedelta(hours=12)
"""A run over less, public holidays left out, is no day's work, and says nothing of the volume."""
VOLUME = "records_a_day"
ENOUGH_DAYS = 3
"""Earlier days that make something usual."""
ENOUGH_RECORDS = 100
"""Records of a run whose shares mean something."""
FEWEST = 20
"""A province that brings fewer records a day has no volume to speak of."""
REMEMBERED = timedelta(days=60)
_SAMPLE = 5_000
_CODED = ("status", "channel", "applicant_kind", "portal")

_NOW = """
CREATE TEMP TABLE measured (name text, key text, value double precision) ON COMMIT DROP
"""

_REACHED = """
SELECT greatest(c.changed_until, (SELECT max(r.until) FROM run r WHERE r.province = :province AND r.kind = 'sync'
    AND r.stage IN ('merged', 'pushed', 'reconciled', 'done') AND NOT r.fixed AND NOT r.dry_run AND r.until <= :until))
FROM cursor c WHERE c.province = :province AND c.stream = :stream
"""
"""Up to where the province was read: the last run's end, for after the newest change nothing may have happened."""
_VOLUME = """
INSERT INTO measured
SELECT '{volume}', '', ((SELECT count(*) FROM {staging}) + (SELECT count(*) FROM {holding})) / :work_days
WHERE :work_days > 0
"""
_FRESHNESS = """
INSERT INTO measured
SELECT 'freshness_hours', '', extract(epoch FROM :now - max(changed_at)) / 3600 FROM (
    SELECT max(changed_at) AS changed_at FROM {staging}
    UNION ALL SELECT changed_until FROM cursor WHERE province = :province AND stream = :stream) seen
HAVING max(changed_at) IS NOT NULL
"""
_FILLED = """
INSERT INTO measured
WITH sample AS MATERIALIZED (SELECT record FROM {staging} TABLESAMPLE BERNOULLI (:percent) REPEATABLE (1)),
     fields AS (SELECT field.key FROM sample, jsonb_each(sample.record) AS field
                WHERE field.value NOT IN ('null', '""', '[]'))
SELECT 'filled', f.key, count(*)::float / (SELECT count(*) FROM sample) FROM fields f
WHERE (SELECT count(*) FROM sample) >= :enough GROUP BY f.key
"""
_SHARES = """
INSERT INTO measured
SELECT 'share', CASE {cases} END, count(*)::float / (SELECT count(*) FROM {staging})
FROM {staging} s WHERE (SELECT count(*) FROM {staging}) >= :enough
GROUP BY GROUPING SETS ({sets})
"""

_COMPARED = """
CREATE UNLOGGED TABLE {gate} AS
WITH past AS (
    SELECT name, key, (at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, max(value) AS value FROM measure
    WHERE province = :province AND run_id <> :run_id AND at BETWEEN :since AND :now
      AND (at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date <> (:now AT TIME ZONE 'Asia/Ho_Chi_Minh')::date
      AND (name <> 'records_a_day' OR extract(isodow FROM at AT TIME ZONE 'Asia/Ho_Chi_Minh')
           = extract(isodow FROM :now AT TIME ZONE 'Asia/Ho_Chi_Minh'))
    GROUP BY 1, 2, 3
), days AS (
    SELECT name, count(DISTINCT day) AS days FROM past GROUP BY name
), usual AS (
    SELECT p.name, p.key, d.days, percentile_cont(0.5) WITHIN GROUP (ORDER BY p.value) AS median,
           sum(p.value) / d.days AS mean
    FROM past p JOIN days d USING (name) WHERE d.days >= :days GROUP BY p.name, p.key, d.days
), both_sides AS (
    SELECT name, key, coalesce(m.value, 0) AS value, coalesce(u.median, 0) AS usual, coalesce(u.mean, 0) AS mean,
           coalesce(u.days, d.days, 0) AS days, d.days >= :days AS known
    FROM measured m FULL JOIN (SELECT * FROM usual WHERE name IN (SELECT name FROM measured)) u USING (name, key)
    LEFT JOIN days d USING (name)
)
SELECT g.*{derived} FROM (
SELECT name, key, value, usual, days,
       CASE WHEN name = 'records_a_day' AND known AND usual >= :fewest THEN value / usual END AS volume_ratio,
       CASE WHEN name = 'freshness_hours' AND known THEN value END AS stale_hours,
       CASE WHEN name = 'filled' AND known THEN usual - value END AS fill_loss,
       CASE WHEN name = 'share' AND known AND mean = 0 THEN value END AS share_new,
       CASE WHEN name = 'share' AND known AND value = 0 THEN mean END AS share_gone
FROM both_sides) g
"""


def _work_days(since: datetime | None, until: datetime, own_days: Mapping[date, bool]) -> float:
    """Days of a window without the hours of public holidays, at least 1; 0 when that is too short for a volume.

    Tết is no failure of a source, and the first night after it brings one day's work.
    """
    if since is None:
        return 0.0
    worked, day = until - since, since.astimezone(VIET_NAM).date()
    while (start := datetime.combine(day, time(), VIET_NAM)) < until:
        end = start + timedelta(days=1)
        if day.weekday() < SATURDAY and not is_working_day(day, own_days):
            worked -= min(until, end) - max(since, start)
        day += timedelta(days=1)
    return max(1.0, worked / timedelta(days=1)) if worked >= SHORTEST_WINDOW else 0.0


def make_measures(
    connection: Connection, run: Run, suite: Suite, now: datetime, own_days: Mapping[date, bool] = NONE
) -> str:
    """Measure the run's staging and make the table of comparisons; answers with its name.

    Leaves the measures in the temporary table `measured` of this transaction, for `keep_measures`.
    """
    gate = f"gate_batch_{run.run_id}"
    names = {"staging": staging_table(run.run_id).name, "holding": holding_table(run.run_id).name}
    staged = int(connection.scalar(text(f"SELECT count(*) FROM {names['staging']}")) or 0)
    given = {
        "province": run.province,
        "run_id": run.run_id,
        "stream": STREAM,
        "until": run.until,
        "now": now,
        "since": now - REMEMBERED,
        "percent": min(100.0, 100.0 * _SAMPLE / max(staged, 1)),
        "enough": ENOUGH_RECORDS,
        "days": ENOUGH_DAYS,
        "fewest": FEWEST,
    }
    given["work_days"] = _work_days(connection.scalar(text(_REACHED), given), run.until, own_days)
    cases = " ".join(f"WHEN grouping({name}) = 0 THEN '{name}=' || coalesce({name}::text, '')" for name in _CODED)
    sets = ", ".join(f"({name})" for name in _CODED)
    connection.execute(text(f"DROP TABLE IF EXISTS {gate}"))
    connection.execute(text("DROP TABLE IF EXISTS measured"))
    for statement in (_NOW, _VOLUME, _FRESHNESS, _FILLED, _SHARES):
        connection.execute(text(statement.format(**names, volume=VOLUME, cases=cases, sets=sets)), given)
    derived = "".join(f", ({literal(one.expression)}) AS {one.name}" for one in suite.columns)
    connection.execute(text(_COMPARED.format(gate=gate, derived=derived)), given)
    return gate


def keep_measures(connection: Connection, run: Run, gate: str, now: datetime) -> None:
    """Write what was measured beside the earlier runs; a run that is checked again is measured anew."""
    connection.execute(text("DELETE FROM measure WHERE run_id = :run_id"), {"run_id": run.run_id})
    connection.execute(
        text(
            "INSERT INTO measure (run_id, name, key, province, value, at)"
            f" SELECT :run_id, name, key, :province, value, :now FROM {gate} WHERE value <> 0 OR key = ''"
        ),
        {"run_id": run.run_id, "province": run.province, "now": now},
    )


def forget_volume(connection: Connection, province: str) -> int:
    """Delete the province's measures of volume. Returns how many."""
    deleted = text("DELETE FROM measure WHERE province = :province AND name = :name")
    return connection.execute(deleted, {"province": province, "name": VOLUME}).rowcount


def in_words(connection: Connection, gate: str, outcome: Outcome) -> str:
    """The figures that failed a rule: `records_a_day 12, usually 480 (6 days)`."""
    if outcome.query is None:
        return "the run as a whole"
    rows = connection.exec_driver_sql(
        f"SELECT g.name, g.key, g.value, g.usual, g.days FROM ({outcome.query}) f JOIN {gate} g USING (name, key)"
        " ORDER BY g.name, g.key"
    )
    return ", ".join(
        f"{' '.join(filter(None, (row.name, row.key)))} {row.value:.4g}, usually {row.usual:.4g} ({row.days} days)"
        for row in rows
    )
