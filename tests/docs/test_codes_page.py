"""The commands on the page of codes and units answer as the page shows."""

import re
import shlex
from pathlib import Path

import pytest

from hub.cli import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "codes.md").read_text("utf-8")
SHOWN = [
    (match[1], [line for line in match[2].splitlines() if line != "…"])
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for match in re.finditer(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


@pytest.mark.parametrize(("typed", "lines"), SHOWN, ids=[typed for typed, _ in SHOWN])
def test_a_command_answers_as_shown(typed, lines, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.delenv("LIENTHONG_CONFIG", raising=False)
    command = typed.partition("; echo $?")[0]
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(command)[1:])
    said = capsys.readouterr().out.splitlines()

    code = lines.pop() if typed.endswith("echo $?") else "0"
    assert str(ended.value.code or 0) == code
    assert lines and [line for line in said if line in lines] == lines


def test_the_page_shows_commands():
    assert len(SHOWN) == 5
