"""Check: resolve staged rows against what the hub knows, run the expectations in SQL, set failing rows apart."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, text

from hub.config import Settings
from hub.context import Hub
from hub.errors import ConfigurationError
from hub.gate import columns, measures
from hub.gate.arguments import refuse_unknown_fields
from hub.gate.findings import forget_old, keep_outcomes, select_failing, set_apart, warn
from hub.gate.great import Outcome, expectation, outcomes
from hub.gate.stops import refuse_stops, use_up
from hub.gate.suite import NAMES, Rule, Suite, load_suite
from hub.landing import prepare_staging
from hub.own_days import own_days
from hub.runs import Run, end_stage, failing, get_run
from hub.store import province_lock


def check(hub: Hub, run_id: int) -> dict[str, Any]:
    """Set every row that fails an expectation apart, with each rule it failed; warn of what goes on all the same.

    Returns:
        `check_held` (rows), `failed_rules` {reason: rows} of level hold, `warned_rules` {reason: rows} of level warn,
        and `batch_warnings` {reason: figures} of the run as a whole.

    Raises:
        StageFailed: a rule of level stop failed, and nobody has accepted it.
        CheckBroken: a rule's query moved other rows than GX counted; nothing was moved and the run failed.
    """
    with province_lock(hub.engine, hub.slug, "sync"):
        run = get_run(hub.engine, run_id)
        if run.past("checked"):
            return run.counts
        with failing(hub.engine, run_id):
            prepare_staging(hub, run)
            return apply_gate(
                hub, run_id, lambda connection, counts: end_stage(connection, run_id, "checked", counts), run
            )


def apply_gate(
    hub: Hub,
    run_id: int,
    ended: Callable[[Connection, dict[str, Any]], None],
    run: Run | None = None,
    *,
    alone: bool = False,
    again: str | None = None,
) -> dict[str, Any]:
    """Run the suites on a run's staging tables and set failing rows apart; `ended` is called in that transaction.

    Without `run`, or with a dry one, nothing is kept but what is set apart: no outcomes, warnings or measures. `alone`
    judges each record by itself, not by other records nor by what a sync has stored; `again` is the command that goes
    on after a stop was accepted.
    """
    kept = run if run is not None and not run.dry_run else None
    suite = checked_suite(hub.settings, "dossier")
    if alone:
        suite = replace(suite, rules=tuple(rule for rule in suite.rules if not {*rule.columns} & set(_BESIDE)))
    with hub.engine.begin() as connection:
        if alone:
            for name in _STORED:  # of this transaction; it stands before the hub's own of the name
                connection.execute(text(f"CREATE TEMP TABLE {name} (LIKE {name}) ON COMMIT DROP"))
        gate = columns.make_gate(connection, hub, run_id, suite)
    found = outcomes(hub.engine, gate, suite, columns.KEY)
    whole = _look_at_the_whole(hub, kept) if kept and kept.kind == "sync" and not kept.fixed else None
    if kept:
        with hub.engine.begin() as connection:
            keep_outcomes(connection, hub.slug, run_id, suite, found, hub.clock())
    _must_have_queries(found)
    with hub.engine.begin() as connection:
        stopped = [(one, f"{one.failed:,} of {one.evaluated:,} rows") for one in found if _failed(one, "stop")]
        if again is None:
            command = "quarantine redrive" if kept and kept.kind == "redrive" else "sync"
            again = f"lienthong {command} {hub.slug}"
        used = refuse_stops(connection, hub.slug, run_id, stopped + (whole.stops if whole else []), again)
        select_failing(connection, [one for one in found if _failed(one, "hold")], "failing")
        held = set_apart(connection, hub.slug, run_id)
        counts: dict[str, Any] = {
            "check_held": held,
            "failed_rules": _by_reason(found, "hold"),
            "warned_rules": _by_reason(found, "warn", "stop"),
        }
        if kept:
            warned = [one for one in found if _failed(one, "warn") or _failed(one, "stop")]
            select_failing(connection, warned, "warned")
            warn(connection, hub.slug, run_id, suite, hub.clock())
            forget_old(connection, hub.slug, hub.clock())
            use_up(connection, hub.slug, run_id, used, last=whole is not None)
        if kept and whole:
            measures.keep_measures(connection, kept, whole.table, hub.clock())
            counts["batch_warnings"] = whole.warnings
            connection.execute(text(f"DROP TABLE {whole.table}"))
        connection.execute(text(f"DROP TABLE {gate}"))
        ended(connection, counts)
    return counts


_STORED = ("dossier", "quarantine")
"""What a sync has stored of a province."""
_BESIDE = ("rival", "status_before", "status_fault")
"""Columns of the gate that compare a record with another one or with what is stored."""


class _Whole:
    """What the suite `batch` says of a run: rules that stop it, and warnings {reason: figures}."""

    def __init__(self, table: str, found: Sequence[Outcome], figures: dict[int, str]) -> None:
        self.table = table
        self.stops = [(one, figures[one.number]) for one in found if _failed(one, "stop") or _failed(one, "hold")]
        self.warnings: dict[str, str] = {}
        for one in found:
            if _failed(one, "warn"):
                before = self.warnings.get(one.rule.reason)
                self.warnings[one.rule.reason] = "; ".join(filter(None, (before, figures[one.number])))


def _look_at_the_whole(hub: Hub, run: Run) -> _Whole:
    """Measure the run and let the suite `batch` judge it; outcomes are kept also when the run ends here."""
    suite = checked_suite(hub.settings, "batch")
    with hub.engine.begin() as connection:
        table = measures.make_measures(connection, run, suite, hub.clock(), own_days(hub.settings.folders))
    found = outcomes(hub.engine, table, suite, measures.KEY)
    with hub.engine.begin() as connection:
        keep_outcomes(connection, hub.slug, run.run_id, suite, found, hub.clock())
        figures = {one.number: measures.in_words(connection, table, one) for one in found if one.failed}
    return _Whole(table, found, figures)


def _failed(one: Outcome, level: str) -> bool:
    return bool(one.failed) and one.rule.level == level


def _by_reason(found: Sequence[Outcome], *levels: str) -> dict[str, int]:
    counted: dict[str, int] = {}
    for one in found:
        if one.failed and one.rule.level in levels:
            counted[one.rule.reason] = counted.get(one.rule.reason, 0) + one.failed
    return counted


def _must_have_queries(found: Sequence[Outcome]) -> None:
    for one in found:
        if _failed(one, "hold") and one.query is None:
            raise ConfigurationError(
                f"'{one.rule.expect}' judges the table as a whole and cannot say which rows to hold",
                where=one.rule.where,
                next_step="Give it the level warn or stop, or use an expectation on column values.",
            )


def checked_suite(settings: Settings, name: str) -> Suite:
    """The suite as it runs, every rule on a column that is there and about a field that a dossier has.

    Raises:
        ConfigurationError: what is wrong in a file, with its line.
    """
    suite = load_suite(settings.folders, name)
    known = {"dossier": (*columns.COLUMNS,), "batch": measures.COLUMNS}[name]
    columns.refuse_unknown_columns(suite, known)
    refuse_unknown_fields(suite, _OF_A_RUN if name == "batch" else ())
    return suite


_OF_A_RUN = ("record", "records", "changed_at")
"""What rules on a run as a whole are about, beside canonical fields."""


def check_suites(hub: Hub) -> str:
    """Read both suites, build every expectation, and compute the derived columns of an empty run.

    Raises:
        ConfigurationError: as `checked_suite`; an expectation that GX does not know, SQL that cannot run.
    """
    told = []
    for name in NAMES:
        suite = checked_suite(hub.settings, name)
        for rule in suite.rules:
            expectation(rule)
        told.append(f"{len(suite.rules)} expectations in {' + '.join(suite.files)}")
    with hub.engine.connect() as connection:
        columns.try_columns(connection, hub, checked_suite(hub.settings, "dossier"))
    return "; ".join(told)


def rules_of(settings: Settings) -> list[tuple[str, Rule]]:
    """Every rule of the suites as they run: (suite, rule)."""
    return [(name, rule) for name in NAMES for rule in checked_suite(settings, name).rules]
