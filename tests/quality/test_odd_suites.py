"""Suites of odd shapes, and words of a person that cannot be kept: told in a sentence, never a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub import audit
from hub.cli import main
from hub.errors import ConfigurationError
from hub.gate.suite import read_suite
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
