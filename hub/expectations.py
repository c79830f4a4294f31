"""Great Expectations on a run's gate table: each rule of a YAML suite, its count, its query for every failing row."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine

from hub.errors import CheckBroken, ConfigurationError
from hub.later import import_later
from schemas import yaml_told

KEY = ("message_id", "position")
"""Columns that name a staged row."""

_OURS = {"expect", "reason", "field"}


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule that rows failed: how many, and GX's own query that selects them all with their key columns."""

    rule: str
    reason: str
    field: str
    count: int
    query: str


def load_suite(path: Path) -> list[dict[str, Any]]:
    """Read a suite file; each entry keeps its line.

    Raises:
        ConfigurationError: no YAML, no list `expectations`, an entry without `expect`, `reason` or `field` or with
            another value than text in them; with file and line.
    """
    try:
        content = path.read_text("utf-8")
        node, suite = yaml_told.load(content)
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise _wrong("the file is not UTF-8", path, line, "Save it as UTF-8 (without BOM).") from None
    except yaml.YAMLError as error:
        problem, found = yaml_told.problem_of(error, content)
        raise _wrong(f"this is not YAML: {problem}", path, found or 1, "Mend the line, or the one above it.") from None
    entries = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(entries, list):
        key = "the key 'expectations' is not a list" if entries is not None else "the key 'expectations' is missing"
        raise _wrong(key, path, _line_of(node, "expectations"), "A suite is suite: and expectations: with a list.")
    for entry, line in zip(entries, _lines_of(node), strict=True):
        if not isinstance(entry, dict):
            raise _wrong("the expectation is not a map of keys", path, line, _ENTRY)
        entry["line"] = line
        for key in sorted(_OURS):
            if key not in entry:
                raise _wrong(f"the expectation has no '{key}'", path, line, _ENTRY)
            if not isinstance(entry[key], str):
                raise _wrong(f"the expectation's '{key}' is not text (it says {entry[key]!r})", path, line, _ENTRY)
    return entries


_ENTRY = "Each entry names expect, its arguments, reason and field."


def _wrong(what: str, path: Path, line: int, next_step: str) -> ConfigurationError:
    return ConfigurationError(what, where=f"{path}:{line}", next_step=next_step)


def _line_of(node: yaml.Node | None, key: str) -> int:
    """The line of a key of the document, or its first."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((name.start_mark.line + 1 for name, _ in pairs if name.value == key), 1)


def _lines_of(node: yaml.Node | None) -> list[int]:
    """The line of each entry; of a key that stands twice YAML takes the last."""
    assert isinstance(node, yaml.MappingNode)
    listed = [value for name, value in node.value if name.value == "expectations"][-1]
    return [entry.start_mark.line + 1 for entry in listed.value]


@dataclass(frozen=True, slots=True)
class _Planned:
    """One rule as GX resolves it: its expectation and the metrics that answer it, with all that these stand on."""

    rule: dict[str, Any]
    expectation: Any
    metrics: dict[str, Any]
    edges: tuple[Any, ...]

    def asks_anew(self, execution: Any, answer_format: dict[str, Any]) -> "_Planned":
        return _plan_of(self.rule, self.expectation, execution, answer_format)


BATCH = "gate"
_COUNTS = {"result_format": "BOOLEAN_ONLY"}
_QUERY = {**_COUNTS, "return_unexpected_index_query": True, "unexpected_index_column_names": list(KEY)}


def failures(engine: Engine, table: str, path: Path) -> Iterator[Failure]:
    """Validate the table against the suite and yield each rule that rows failed.

    `Batch.validate` costs 15 ms of Python for each rule, however few the rows: it copies and renders configurations,
    and builds the same graph of metrics in every run. What is done here is its own way without that: expectations name
    their metrics, GX's execution engine resolves all counts in one query on the hub's connections, and the expectation
    judges them; GX is asked for the query of failing rows only where there are any. Stands on what authors of
    expectations and engines write against: `get_validation_dependencies`, `metrics_validate`, `ValidationGraph`,
    `SqlAlchemyExecutionEngine.load_batch_data`. A test holds that it answers what `Batch.validate` answers.

    Raises:
        ConfigurationError: an expectation GX does not know, or that could not run; names the suite's line.
    """
    great_expectations()
    execution = _execution(engine, table)
    planned = _plan(path, path.read_bytes(), execution)
    resolved = _resolve(execution, planned, path)
    failed = [one for one in planned if not _passed(one, resolved, execution)]
    if not failed:
        return
    asked = [one.asks_anew(execution, _QUERY) for one in failed]
    queries = _resolve(execution, asked, path)
    for one in asked:
        where = f"{_shown(path)}:{one.rule['line']}"
        answers = {name: queries[metric.id] for name, metric in one.metrics.items()}
        count = _one_ending(answers, f"{_kind(one)}.unexpected_count")
        query = _one_ending(answers, ".unexpected_index_query")
        if not query or count is None:
            raise CheckBroken(
                "the expectation counts failing rows but gives no query for them",
                where=where,
                next_step="Use an expectation on column values; the run stopped before the merge.",
            )
        yield Failure(where, one.rule["reason"], one.rule["field"], count, query.rstrip().rstrip(";"))


def _execution(engine: Engine, table: str) -> Any:
    """GX's execution engine on the hub's own connections, with the table as its batch."""
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData

    execution = SqlAlchemyExecutionEngine(engine=engine)
    execution.load_batch_data(BATCH, SqlAlchemyBatchData(execution, table_name=table, create_temp_table=False))
    return execution


_plans: dict[tuple[Path, bytes], list[_Planned]] = {}


def _plan(path: Path, content: bytes, execution: Any) -> list[_Planned]:
    """The suite's rules as GX resolves them, built once in a process for each content of the file."""
    if (path, content) not in _plans:
        rules = load_suite(path)
        expectations = [_expectation(rule, number, path) for number, rule in enumerate(rules)]
        _plans[path, content] = [
            _plan_of(rule, expectation, execution, _COUNTS)
            for rule, expectation in zip(rules, expectations, strict=True)
        ]
    return _plans[path, content]


def _plan_of(rule: dict[str, Any], expectation: Any, execution: Any, answer_format: dict[str, Any]) -> _Planned:
    from great_expectations.validator.validation_graph import ValidationGraph

    needs = expectation.get_validation_dependencies(
        execution_engine=execution, runtime_configuration={"result_format": answer_format}
    )
    graph = ValidationGraph(execution)
    for metric in needs.get_metric_configurations():
        graph.build_metric_dependency_graph(metric)
    return _Planned(rule, expectation, needs.metric_configurations, tuple(graph.edges))


def _resolve(execution: Any, planned: list[_Planned], path: Path) -> dict[Any, Any]:
    """Values of all metrics by id; names the rule whose metrics cannot be computed."""
    from great_expectations.validator.validation_graph import ValidationGraph

    graph = ValidationGraph(execution)
    for one in planned:
        for edge in one.edges:
            graph.add(edge)
    resolved, aborted = graph.resolve(show_progress_bars=False)
    if aborted and len(planned) > 1:  # GX computes many rules in one query: each alone says which one it is
        for one in planned:
            _resolve(execution, [one], path)
    for one in planned:
        if any(metric.id not in resolved for metric in one.metrics.values()):
            said = next((broken["exception_info"].exception_message for broken in aborted.values()), "no answer")
            raise ConfigurationError(
                f"the expectation could not run: {said}",
                where=f"{_shown(path)}:{one.rule['line']}",
                next_step="Check the column name and the arguments; the run stopped before the merge.",
            )
    return dict(resolved)


def _passed(one: _Planned, resolved: dict[Any, Any], execution: Any) -> bool:
    """GX's verdict; an expectation on column values that no row fails needs no second look."""
    answers = {name: resolved[metric.id] for name, metric in one.metrics.items()}
    if _one_ending(answers, f"{_kind(one)}.unexpected_count") == 0:
        return True
    given = {"result_format": dict(_COUNTS)}
    return bool(
        one.expectation.metrics_validate(resolved, execution_engine=execution, runtime_configuration=given).success
    )


def _kind(one: _Planned) -> str:
    """The name of the map metric behind the expectation; the empty text for one that counts no rows."""
    return str(getattr(one.expectation, "map_metric", None) or "no map metric")


def _one_ending(answers: dict[str, Any], end: str) -> Any:
    return next((value for name, value in answers.items() if name.endswith(end)), None)


def _shown(path: Path) -> str:
    """The suite's name in findings: from the repository's root, or whole when it is one's own."""
    root = Path(__file__).resolve().parents[1]
    return path.resolve().relative_to(root).as_posix() if path.resolve().is_relative_to(root) else str(path)


def check_suite(path: Path) -> str:
    """Read a suite and build every expectation without running it; answers with how many there are.

    Raises:
        ConfigurationError: as `failures`, with the suite's line.
    """
    rules = load_suite(path)
    for number, rule in enumerate(rules):
        _expectation(rule, number, path)
    return f"{len(rules)} expectations in {_shown(path)}"


def great_expectations() -> Any:
    """The library, without analytics, and without 80 MB that only its drawings and distribution tests need."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import_later("altair", "scipy.stats", "jsonschema")
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    return gx


def _expectation(rule: dict[str, Any], number: int, path: Path) -> Any:
    from great_expectations import expectations

    kind = getattr(expectations, "".join(part.capitalize() for part in rule["expect"].split("_")), None)
    arguments = {key: value for key, value in rule.items() if key not in _OURS and key != "line"}
    if kind is None:
        raise ConfigurationError(
            f"Great Expectations has no '{rule['expect']}'",
            where=f"{path}:{rule['line']}",
            next_step="Its gallery lists the names: https://greatexpectations.io/expectations",
        )
    try:
        return kind(**arguments, meta={"number": number})
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"'{rule['expect']}' does not take these arguments: {error}", where=f"{path}:{rule['line']}"
        ) from None
