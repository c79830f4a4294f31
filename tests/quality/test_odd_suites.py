"""Suites of odd shapes, and words of a person that cannot be kept: told in a sentence, never a traceback."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub import audit
from hub.cli import main
from hub.errors import ConfigurationError
from hub.gate.arguments import refuse_unknown_fields
from hub.gate.great import expectation
from hub.gate.suite import Rule, Suite, read_suite
from hub.worklist.work import assign, note

EXPECT = "expect_column_values_to_not_be_null"
OURS = {"reason": "r", "field": "f"}


@pytest.mark.parametrize(
    ("suite", "told"),
    [
        ({"meta": "x", "expectations": []}, "'meta' is a map"),
        ({"expectations": [{"type": EXPECT, "kwargs": ["column"], "meta": OURS}]}, "'kwargs' is not a map"),
        ({"expectations": [{"type": EXPECT, "kwargs": "column", "meta": OURS}]}, "'kwargs' is not a map"),
        ({"expectations": [{"type": EXPECT, "kwargs": {"column": "status"}, "meta": "x"}]}, "'meta' is not a map"),
        ({"expectations": [{"type": EXPECT, "kwargs": {"column_list": 5}, "meta": OURS}]}, "'column_list' is a list"),
    ],
)
def test_a_suite_of_another_shape_is_told_with_file_and_line(tmp_path: Path, suite: Any, told: str) -> None:
    path = tmp_path / "dossier.json"
    path.write_text(json.dumps({"name": "dossier", **suite}), "utf-8")
    with pytest.raises(ConfigurationError, match=told) as failed:
        read_suite(path)
    assert failed.value.where == f"{path}:1"


def test_a_name_holds_nothing_that_a_screen_obeys() -> None:
    assert audit.person(" Lê\x07 Thị\x1b\t Hoa\u202e ") == "Lê Thị Hoa"
    with pytest.raises(ConfigurationError, match="nobody's name"):
        audit.person("\x1b\u202e")


def test_nobody_and_nothing_are_refused_before_the_database_is_asked() -> None:
    nowhere: Any = None
    with pytest.raises(ConfigurationError, match="no person is named"):
        assign(nowhere, [1], " \x1b", "Lan")
    with pytest.raises(ConfigurationError, match="says nothing"):
        note(nowhere, [1], " \n", "Lan")


def test_bytes_of_another_charset_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["quarantine", "note", "1", "b\udcffd", "--by", "Lan"])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and "UTF-8" in said and "Traceback" not in said


def test_a_limit_past_any_table_is_a_wrong_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["quality", "warnings", "--limit", "9" * 21])
    assert ended.value.code == 2 and "--limit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"colum": "status", "min_value": 1}, "it does not take 'colum', did you mean 'column'?"),
        ({"column": "status", "min_value": "fourteen"}, "'min_value' cannot be 'fourteen'"),
        ({"column": "status"}, "min_value and max_value cannot both be None"),
    ],
)
def test_an_argument_that_an_expectation_does_not_take_is_told_in_one_line(arguments: Any, told: str) -> None:
    with pytest.raises(ConfigurationError) as failed:
        expectation(Rule("expect_column_values_to_be_between", arguments, "r", "status", "dossier.yaml:3"))

    assert failed.value.what == f"'expect_column_values_to_be_between': {told}"
    assert failed.value.where == "dossier.yaml:3" and "Its arguments: column, " in failed.value.next_step


def test_a_field_that_no_dossier_has_is_told_with_the_nearest_one() -> None:
    rule = Rule(EXPECT, {"column": "phone"}, "r", "phon", "dossier.yaml:3")
    with pytest.raises(ConfigurationError, match="no field 'phon', did you mean 'phone'") as failed:
        refuse_unknown_fields(Suite("dossier", (rule,)))

    assert failed.value.where == "dossier.yaml:3"
    refuse_unknown_fields(Suite("batch", (replace(rule, field="records"),)), ("records",))
