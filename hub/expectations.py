"""Great Expectations on a run's gate table: each rule of a YAML suite, its count, its query for every failing row."""

import logging
import os
import warnings
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


def failures(engine: Engine, table: str, path: Path) -> Iterator[Failure]:
    """Validate the table against the suite and yield each rule that rows failed.

    Raises:
        ConfigurationError: an expectation GX does not know, or that could not run; names the suite's line.
    """
    gx = great_expectations()
    rules = load_suite(path)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = gx.ExpectationSuite(name=path.stem)
    for number, rule in enumerate(rules):
        suite.add_expectation(_expectation(rule, number, path))
    address = engine.url.render_as_string(hide_password=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*more specific PostgresDatasource")  # it refuses socket addresses
        source = context.data_sources.add_sql("hub", connection_string=address)
    try:
        batch = source.add_table_asset("gate", table_name=table).add_batch_definition_whole_table("all").get_batch()
        result = batch.validate(
            suite,
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": list(KEY),
                "return_unexpected_index_query": True,
                "partial_unexpected_count": 0,
            },
        )
    finally:
        source.get_execution_engine().engine.dispose()
    for outcome in result.results:
        rule = rules[outcome.expectation_config.meta["number"]]
        where = f"{_shown(path)}:{rule['line']}"
        _must_have_run(outcome, where)
        if not outcome.success:
            count, query = outcome.result["unexpected_count"], outcome.result.get("unexpected_index_query")
            if not query:
                raise CheckBroken(
                    "the expectation counts failing rows but gives no query for them",
                    where=where,
                    next_step="Use an expectation on column values; the run stopped before the merge.",
                )
            yield Failure(where, rule["reason"], rule["field"], count, query.rstrip().rstrip(";"))


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
    import_later("altair", "scipy.stats")
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


def _must_have_run(outcome: Any, where: str) -> None:
    exception = outcome.exception_info or {}
    raised = exception if "raised_exception" in exception else next(iter(exception.values()), {})
    if raised.get("raised_exception"):
        raise ConfigurationError(
            f"the expectation could not run: {raised.get('exception_message')}",
            where=where,
            next_step="Check the column name and the arguments; the run stopped before the merge.",
        )
