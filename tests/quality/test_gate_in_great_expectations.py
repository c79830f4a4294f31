"""The gate's own way through Great Expectations answers what its public `Batch.validate` answers, for less."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from hub.gate.columns import KEY
from hub.gate.great import Outcome, great_expectations, outcomes
from hub.gate.suite import read_suite

ROWS = """
CREATE TABLE gate_equal AS SELECT 1::bigint AS message_id, n AS position,
    CASE WHEN n % 10 = 0 THEN NULL ELSE n END AS a, n % 7 AS b,
    CASE WHEN n % 9 = 0 THEN 'x' ELSE '01' || n END AS c, n % 3 AS d FROM generate_series(1, 300) n
"""

RULES: tuple[dict[str, Any], ...] = (
    {"expect": "expect_column_values_to_not_be_null", "column": "a"},
    {"expect": "expect_column_values_to_be_between", "column": "b", "min_value": 1, "max_value": 5},
    {"expect": "expect_column_values_to_be_in_set", "column": "d", "value_set": [0, 1, 2]},
    {"expect": "expect_column_values_to_match_regex", "column": "c", "regex": "^01"},
    {"expect": "expect_column_pair_values_a_to_be_greater_than_b", "column_A": "a", "column_B": "b"},
    {"expect": "expect_column_values_to_be_unique", "column": "c"},
    {"expect": "expect_column_values_to_not_be_null", "column": "a", "mostly": 0.5},
)


def failures(engine: Engine, suite: Path) -> list[Outcome]:
    return [one for one in outcomes(engine, "gate_equal", read_suite(suite)[0], KEY) if one.failed]


def by_the_public_way(engine: Engine) -> list[tuple[bool, int]]:
    """What `Batch.validate` says of each rule: (success, rows)."""
    gx = great_expectations()
    context = gx.get_context(mode="ephemeral")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = context.data_sources.add_sql("t", connection_string=engine.url.render_as_string(hide_password=False))
    batch = source.add_table_asset("t", table_name="gate_equal").add_batch_definition_whole_table("all").get_batch()
    suite = gx.ExpectationSuite(name="t")
    for number, rule in enumerate(RULES):
        kind = "".join(part.capitalize() for part in str(rule["expect"]).split("_"))
        arguments: dict[str, Any] = {key: value for key, value in rule.items() if key != "expect"}
        suite.add_expectation(getattr(gx.expectations, kind)(**arguments, meta={"number": number}))
    answers = batch.validate(suite, result_format={"result_format": "COMPLETE", "partial_unexpected_count": 0}).results
    source.get_execution_engine().engine.dispose()
    answers.sort(key=lambda answer: answer.expectation_config.meta["number"])
    return [(answer.success, answer.result["unexpected_count"]) for answer in answers]


def test_verdicts_and_counts_are_those_of_batch_validate_and_each_query_selects_the_counted_rows(
    engine: Engine, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(text(ROWS))
    suite = tmp_path / "t.yaml"
    lines = (", ".join(f"{key}: {value!r}" for key, value in rule.items()) for rule in RULES)
    body = "".join(f"  - {{{line}, reason: r{number}, field: f}}\n" for number, line in enumerate(lines))
    suite.write_text(f"suite: t\nexpectations:\n{body}", "utf-8")
    found = {one.rule.reason: one for one in failures(engine, suite)}
    public = {f"r{number}": told for number, told in enumerate(by_the_public_way(engine))}
    assert {reason: (False, one.failed) for reason, one in found.items()} == {
        reason: told for reason, told in public.items() if not told[0]
    }
    assert set(found) == {"r0", "r1", "r3", "r4", "r5"}
    with engine.connect() as connection:
        for one in found.values():
            rows = connection.exec_driver_sql(str(one.query)).all()
            assert len(rows) == one.failed and set(KEY) <= set(rows[0]._fields)


def test_a_second_look_at_a_suite_builds_nothing_anew_and_asks_one_query_for_all_counts(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        connection.execute(text(ROWS))
    suite = tmp_path / "t.yaml"
    rule = (
        "{{expect: expect_column_values_to_be_between, column: b, min_value: -{0}, max_value: 9, reason: r, field: f}}"
    )
    suite.write_text("suite: t\nexpectations:\n" + "".join(f"  - {rule.format(n)}\n" for n in range(9)), "utf-8")
    assert failures(engine, suite) == []
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    monkeypatch.setattr(
        "great_expectations.validator.validation_graph.ValidationGraph.build_metric_dependency_graph", None
    )
    assert failures(engine, suite) == []
    assert len([one for one in asked if "gate_equal" in one and "CASE WHEN" in one]) == 1
