"""Great Expectations runs a suite on a table: each rule's verdict, its count and its query for every failing row."""

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from hub.errors import ConfigurationError
from hub.gate.arguments import refused
from hub.gate.suite import Rule, Suite
from hub.later import import_later
from hub.memory import for_modules

BATCH = "gate"
_COUNTS: dict[str, Any] = {"result_format": "BOOLEAN_ONLY"}
_QUERY = ".unexpected_index_query"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule found: rows it looked at, rows that failed, and GX's own query that selects those with their key
    columns. A rule on a table as a whole has no query and counts itself."""

    number: int
    rule: Rule
    evaluated: int
    failed: int
    query: str | None


@dataclass(frozen=True, slots=True)
class _Planned:
    """One rule as GX resolves it: its expectation and the metrics that answer it, with all that these stand on."""

    number: int
    rule: Rule
    expectation: Any
    metrics: dict[str, Any]
    edges: tuple[Any, ...]


def outcomes(engine: Engine, table: str, suite: Suite, key: Sequence[str]) -> list[Outcome]:
    """Validate the table against the suite; `key` are the columns that name a row. One outcome for each rule.

    `Batch.validate` costs 15 ms of Python for each rule, however few the rows: it copies and renders configurations,
    and builds the same graph of metrics in every run. What is done here is its own way without that: expectations name
    their metrics, GX's execution engine resolves all counts in one query on the hub's connections, and the expectation
    judges them; GX is asked for the query of failing rows only where there are any. Stands on what authors of
    expectations and engines write against: `get_validation_dependencies`, `metrics_validate`, `ValidationGraph`,
    `SqlAlchemyExecutionEngine.load_batch_data`. A test holds that it answers what `Batch.validate` answers.

    Raises:
        ConfigurationError: an expectation GX does not know, or that could not run; names the suite's line.
    """
    if not suite.rules:
        return []
    great_expectations()
    execution = _execution(engine, table)
    planned = _plan(suite, execution)
    resolved = _resolve(execution, planned)
    failed = [one for one in planned if not _passed(one, resolved, execution)]
    asked = [
        _plan_of(one.number, one.rule, one.expectation, execution, _asking(one.rule, key), only=_QUERY)
        for one in failed
    ]
    answers = _resolve(execution, asked) if asked else {}
    queries = {one.number: next(iter(_answers(one, answers).values()), None) for one in asked}
    return [_outcome(one, _answers(one, resolved), queries) for one in planned]


def _asking(rule: Rule, key: Sequence[str]) -> dict[str, Any]:
    """GX's result format for the query of failing rows: their key, the rule's own columns and its `detail`."""
    own = {rule.arguments.get(name) for name in ("column", "column_A", "column_B")}
    beside = [rule.detail] if rule.detail and rule.detail not in own else []
    return {**_COUNTS, "return_unexpected_index_query": True, "unexpected_index_column_names": [*key, *beside]}


def _outcome(one: _Planned, counts: dict[str, Any], queries: dict[int, str | None]) -> Outcome:
    """`counts` are the rule's metrics; `queries` those for failing rows, of the rules that did not pass."""
    rows = counts.get("table.row_count") or 0
    looks_at_blanks = getattr(one.expectation, "map_metric", None) in ("column_values.nonnull", "column_values.null")
    ignored = 0 if looks_at_blanks else counts.get("column_values.nonnull.unexpected_count") or 0
    if one.number not in queries:
        return Outcome(one.number, one.rule, int(rows - ignored), 0, None)
    query, count = queries[one.number], _unexpected(one, counts)
    query = query.rstrip().rstrip(";") if query else None
    return Outcome(one.number, one.rule, int(rows - ignored), int(count) if query and count is not None else 1, query)


def _execution(engine: Engine, table: str) -> Any:
    """GX's execution engine on the hub's own connections, with the table as its batch."""
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData

    execution = SqlAlchemyExecutionEngine(engine=engine)
    execution.load_batch_data(BATCH, SqlAlchemyBatchData(execution, table_name=table, create_temp_table=False))
    return execution


_plans: dict[str, list[_Planned]] = {}
_KEPT = 8


def _plan(suite: Suite, execution: Any) -> list[_Planned]:
    """The suite's rules as GX resolves them, built once in a process; holds nothing of a database or a table."""
    known = repr(suite.rules)
    if known not in _plans:
        if len(_plans) >= _KEPT:
            _plans.clear()
        built = [(number, rule, expectation(rule)) for number, rule in enumerate(suite.rules)]
        _plans[known] = [_plan_of(number, rule, one, execution, _COUNTS) for number, rule, one in built]
    return _plans[known]


def _plan_of(
    number: int, rule: Rule, built: Any, execution: Any, answer_format: dict[str, Any], only: str = ""
) -> _Planned:
    """`only`: of all its metrics those with this ending."""
    from great_expectations.validator.validation_graph import ValidationGraph

    needs = built.get_validation_dependencies(
        execution_engine=execution, runtime_configuration={"result_format": answer_format}
    )
    metrics = {name: metric for name, metric in needs.metric_configurations.items() if name.endswith(only)}
    graph = ValidationGraph(execution)
    for metric in metrics.values():
        graph.build_metric_dependency_graph(metric)
    return _Planned(number, rule, built, metrics, tuple(graph.edges))


def _resolve(execution: Any, planned: list[_Planned]) -> dict[Any, Any]:
    """Values of all metrics by id; names the rule whose metrics cannot be computed."""
    from great_expectations.validator.validation_graph import ValidationGraph

    graph = ValidationGraph(execution)
    for one in planned:
        for edge in one.edges:
            graph.add(edge)
    resolved, aborted = graph.resolve(show_progress_bars=False)
    if aborted and len(planned) > 1:  # GX computes many rules in one query: each alone says which one it is
        for one in planned:
            _resolve(execution, [one])
    for one in planned:
        if any(metric.id not in resolved for metric in one.metrics.values()):
            said = next((broken["exception_info"].exception_message for broken in aborted.values()), "no answer")
            raise ConfigurationError(
                f"the expectation could not run: {said.splitlines()[0]}",
                where=one.rule.where,
                next_step="Check the column name and the arguments; the run stopped before the merge.",
            )
    return dict(resolved)


def _answers(one: _Planned, resolved: dict[Any, Any]) -> dict[str, Any]:
    return {name: resolved[metric.id] for name, metric in one.metrics.items()}


def _passed(one: _Planned, resolved: dict[Any, Any], execution: Any) -> bool:
    """GX's verdict; an expectation on column values that no row fails needs no second look."""
    if _unexpected(one, _answers(one, resolved)) == 0:
        return True
    given = {"result_format": dict(_COUNTS)}
    return bool(
        one.expectation.metrics_validate(resolved, execution_engine=execution, runtime_configuration=given).success
    )


def _unexpected(one: _Planned, answers: dict[str, Any]) -> Any:
    """The count of failing rows; None for an expectation that counts none."""
    kind = getattr(one.expectation, "map_metric", None)
    return answers.get(f"{kind}.unexpected_count") if kind else None


def great_expectations() -> Any:
    """The library, without analytics, and without 80 MB that only its drawings and distribution tests need."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import_later("altair", "scipy.stats", "jsonschema")
    with nullcontext() if "great_expectations" in sys.modules else for_modules():
        import great_expectations as gx
        from great_expectations import expectations  # noqa: F401

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    return gx


def expectation(rule: Rule) -> Any:
    """GX's own expectation for a rule.

    Raises:
        ConfigurationError: GX does not know it, or it does not take these arguments; with file and line.
    """
    great_expectations()
    from great_expectations import expectations

    kind = getattr(expectations, "".join(part.capitalize() for part in rule.expect.split("_")), None)
    if kind is None:
        raise ConfigurationError(
            f"Great Expectations has no '{rule.expect}'",
            where=rule.where,
            next_step="Its gallery lists the names: https://greatexpectations.io/expectations",
        )
    try:
        return kind(**rule.arguments)
    except (ValueError, TypeError) as error:
        raise refused(rule, kind, error) from None
