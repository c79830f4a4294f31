"""`lienthong inbound`: what a person reads, and what a program does, without anybody's data."""

import json
from typing import Any

import pytest

from hub.cli import main
from hub.context import Hub
from tests.inbound.conftest import Desk, message

CODE = "G22.99-20260630-7000001"


@pytest.fixture
def say(alone: Hub, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("LIENTHONG_HOME", str(alone.settings.home))
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", database)

    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(words)
        return int(ended.value.code or 0), capsys.readouterr().out

    return run


def test_list_and_show_tell_where_a_dossier_stands_and_nothing_of_the_person(desk: Desk, say: Any) -> None:
    assert desk.send(message(desk.hub))["status"] == 200
    assert desk.send(message(desk.hub, MaHoSo="G22.99-20260630-7000002", MaTTHC="9.999999"))["status"] == 404
    code, shown = say("inbound", "list", "lao_cai", "--json")
    found = json.loads(shown)
    assert code == 0 and found["counts"]["received"] == found["counts"]["unmapped"] == 1
    assert [one["national_code"] for one in found["dossiers"]] == [CODE]
    assert [one["answer"] for one in found["not_taken"]] == [404]
    pages = [say("inbound", *words)[1] for words in (("list",), ("show", "lao_cai", CODE), ("list", "lao_cai"))]
    pages += [shown, say("inbound", "show", "lao_cai", CODE, "--json")[1]]
    assert CODE in pages[0] and "Đăng ký mới" in pages[1]
    for page in pages:
        assert "010190001234" not in page and "Giàng Thị Mỷ" not in page and "Tổ 3" not in page


def test_a_code_that_never_came_and_a_province_without_a_way_in_are_told(alone: Hub, say: Any) -> None:
    code, shown = say("inbound", "show", "lao_cai", "G22.99-1", "--json")
    assert code == 2 and "lienthong inbound list lao_cai" in json.loads(shown)["next_step"]
    code, shown = say("inbound", "push", "nghe_an", "--json")
    assert code == 2 and "takes no dossiers" in json.loads(shown)["what"]
