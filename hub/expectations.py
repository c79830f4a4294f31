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
        ConfigurationError: an entry without `expect`, `reason` or `field`, with file and line.
    """
    node = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
    entries = dict((key.value, value) for key, value in node.value)["expectations"].value  # type: ignore[union-attr]
    suite = yaml.safe_load(path.read_text("utf-8"))["expectations"]
    for entry, place in zip(suite, entries, strict=True):
        entry["line"] = place.start_mark.line + 1
        for key in _OURS - entry.keys():
            raise ConfigurationError(
                f"the expectation has no '{key}'",
                where=f"{path}:{entry['line']}",
                next_step="Each entry names expect, its arguments, reason and field.",
            )
    return suite


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
    except ValueError as error:
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
