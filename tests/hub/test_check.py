"""The gate: what GX counts is what is moved, or nothing is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.config import BASE
from hub.context import Hub
from hub.errors import CheckBroken, ConfigurationError
from hub.gate.columns import KEY
from hub.gate.great import Outcome, expectation, outcomes
from hub.gate.suite import load_suite, read_suite
from hub.sync import sync
from tests.conftest import Sandbox


def failures(hub: Hub, path: Path) -> list[Outcome]:
    """What the rules of a suite file find in the table `gate`, failed ones only."""
    return [one for one in outcomes(hub.engine, "gate", read_suite(path)[0], KEY) if one.failed]


@pytest.fixture
def gate(lao_cai: Hub) -> Hub:
    """A table of 500 rows: every 10th without a name, every 25th with a year of 202."""
    with lao_cai.engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE gate AS SELECT 1::bigint AS message_id, n AS position,"
                " 'O''Brien \"x\" %s \\:y' AS agency,"
                " CASE WHEN n % 10 = 0 THEN NULL ELSE 'Nguyễn' END AS applicant_name,"
                " CASE WHEN n % 25 = 0 THEN 202 ELSE 2026 END AS received_year FROM generate_series(1, 500) n"
            )
        )
    return lao_cai


def suite(path: Path, *entries: str) -> Path:
    path.write_text("suite: t\nexpectations:\n" + "".join(f"  - {entry}\n" for entry in entries), "utf-8")
    return path


def test_each_failing_rule_comes_with_its_count_and_a_query_for_every_row(gate: Hub, tmp_path: Path) -> None:
    path = suite(
        tmp_path / "s.yaml",
        "{expect: expect_column_values_to_not_be_null, column: applicant_name, reason: missing, field: applicant_name}",
        "{expect: expect_column_values_to_be_between, column: received_year, min_value: 1990, max_value: 2100,"
        " reason: dates, field: received_at}",
        '{expect: expect_column_values_to_match_regex, column: agency, regex: "^O\'B.*%s :y$", reason: r, field: f}',
    )
    found = {one.rule.reason: one for one in failures(gate, path)}
    assert {reason: (one.failed, one.evaluated) for reason, one in found.items()} == {
        "missing": (50, 500),
        "dates": (20, 500),
    }
    with gate.engine.connect() as connection:
        for one in found.values():
            assert len(connection.exec_driver_sql(str(one.query)).all()) == one.failed
    assert found["missing"].rule.where.endswith("s.yaml:3")


def test_an_unknown_expectation_names_file_and_line(gate: Hub, tmp_path: Path) -> None:
    path = suite(tmp_path / "s.yaml", "{expect: expect_nothing_at_all, column: a, reason: r, field: f}")
    with pytest.raises(ConfigurationError, match="expect_nothing_at_all") as failed:
        failures(gate, path)
    assert failed.value.where.endswith("s.yaml:3")


def test_an_expectation_on_a_column_that_is_not_there_cannot_run(gate: Hub, tmp_path: Path) -> None:
    path = suite(tmp_path / "s.yaml", "{expect: expect_column_values_to_not_be_null, column: nme, reason: r, field: f}")
    with pytest.raises(ConfigurationError, match="could not run") as failed:
        failures(gate, path)
    assert failed.value.where.endswith("s.yaml:3")


def test_an_expectation_without_a_reason_is_refused(tmp_path: Path) -> None:
    path = suite(tmp_path / "s.yaml", "{expect: expect_column_values_to_not_be_null, column: a, field: f}")
    with pytest.raises(ConfigurationError, match="'reason'"):
        read_suite(path)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("suite: mine\n", 1, "the key 'expectations' is missing"),
        ("", 1, "the key 'expectations' is missing"),
        ("- a\n", 1, "the key 'expectations' is missing"),
        ("suite: mine\nexpectations: all\n", 2, "the key 'expectations' is not a list"),
        ("suite: mine\nexpectations:\n  - {expect: x\n", 4, "not YAML"),
        ("suite: mine\nexpectations:\n  - expect_nothing\n", 3, "not a map"),
        ("suite: mine\nexpectations:\n  - {expect: 3, reason: r, field: f}\n", 3, "'expect' is not text (it says 3)"),
        ("suite: mine\nexpectations: &a\n  - *a\n", 2, "holds itself"),
        ("# a bell: \a\n", 1, "U+0007"),
    ],
)
def test_a_broken_suite_of_ones_own_names_file_and_line(tmp_path: Path, content: str, line: int, words: str) -> None:
    path = tmp_path / "dossier.yaml"
    path.write_text(content, "utf-8")
    with pytest.raises(ConfigurationError) as failed:
        read_suite(path)
    told = failed.value
    assert told.where == f"{path}:{line}" and words in told.what and told.next_step


def test_arguments_that_an_expectation_does_not_take_name_file_and_line(tmp_path: Path) -> None:
    path = suite(tmp_path / "s.yaml", "{expect: expect_column_values_to_not_be_null, 3: a, reason: r, field: f}")
    with pytest.raises(ConfigurationError, match="does not take") as failed:
        expectation(read_suite(path)[0].rules[0])
    assert failed.value.where.endswith("s.yaml:3")


def test_when_moved_rows_are_not_the_counted_rows_the_run_fails_and_nothing_is_merged(
    lao_cai: Hub, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_row_short(*given: Any) -> list[Outcome]:
        return [
            replace(one, query=f"SELECT * FROM ({one.query}) q LIMIT {one.failed - 1}") if one.query else one
            for one in outcomes(*given)
        ]

    monkeypatch.setattr("hub.check.outcomes", one_row_short)
    with pytest.raises(CheckBroken, match="counted"):
        sync(lao_cai)
    with lao_cai.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM dossier")) == 0
        assert connection.scalar(text("SELECT state FROM run WHERE kind = 'sync'")) == "failed"
    assert sandbox.sent() == {}


def test_the_suite_of_the_hub_names_a_reason_and_a_field_for_every_rule() -> None:
    rules = load_suite((BASE,), "dossier").rules
    assert len(rules) >= 13 and all(rule.reason and rule.field for rule in rules)
