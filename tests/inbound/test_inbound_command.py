"""`lienthong inbound`: what a person reads, and what a program does, without anybody's data."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from hub.cli import main
from hub.cli.up import start_receiver
from hub.config import Settings
from hub.context import Hub
from hub.services import Services
from tests.conftest import Sandbox
from tests.connectors.conftest import free_port
from tests.inbound.conftest import Desk, message, rows

CODE = "G22.99-20260630-7000001"


@pytest.fixture
def say(alone: Hub, command: Any) -> Any:
    """A command where no peer runs."""
    return command


@pytest.fixture
def command(
    settings: Settings, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """One command in this process: (exit code, standard output)."""
    monkeypatch.setenv("LIENTHONG_HOME", str(settings.home))
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


LOOK_UPS = {
    "lao_cai": {"find_file", "find_dossier", "find_step", "find_status"},
    "quang_ngai": {"find_received", "find_status"},
}


@pytest.mark.parametrize("slug", LOOK_UPS)
@pytest.mark.dossiers(10)
def test_check_tries_the_way_in_too_and_hands_nothing_over(hub: Hub, command: Any, slug: str) -> None:
    code, shown = command("check", slug, "--json")
    sides = json.loads(shown)["checks"]
    lines = {one["name"]: one for one in sides["inbound"]}
    assert [one for side in sides.values() for one in side if not one["ok"]] == []
    assert code == 0
    assert {name for name, one in lines.items() if one["detail"].startswith("answers not_found")} == LOOK_UPS[slug]
    assert {"mapping", "portal's account", "sequence", "own procedures", "connection", "login"} <= set(lines)
    assert not {"dossiers", "procedures", "file"} & set(lines), "what the source's own check tries is not tried again"
    peer = Sandbox(hub.settings.home)
    connection = {"lao_cai": "vnpt_lao_cai", "quang_ngai": "viettel_quang_ngai"}[slug]
    assert all(peer.ledger(f"intake_{kind}", connection) == [] for kind in ("numbers", "files", "taken", "sins"))


def test_check_tells_what_keeps_a_dossier_from_coming_in(alone: Hub, say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VNPT_LAO_CAI", "VNPT_INTAKE_LAO_CAI", "NATIONAL"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", f"http://user:secret@127.0.0.1:{free_port()}")
    monkeypatch.setenv("AIRFLOW_CONN_PORTAL_LAO_CAI", "http://login@nowhere.test")
    with alone.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM province_procedure")
    code, shown = say("check", "lao_cai", "--json")
    failed = {one["name"]: one for one in json.loads(shown)["checks"]["inbound"] if not one["ok"]}
    assert code == 1 and set(failed) == {"portal's account", "own procedures", "connection"}
    assert "procedures pull --province lao_cai" in failed["own procedures"]["next_step"]
    assert "no password" in failed["portal's account"]["detail"]
    monkeypatch.delenv("AIRFLOW_CONN_VNPT_INTAKE_LAO_CAI")
    code, shown = say("check", "lao_cai", "--json")
    failed = {one["name"]: one for one in json.loads(shown)["checks"]["inbound"] if not one["ok"]}
    assert code == 1 and "AIRFLOW_CONN_VNPT_INTAKE_LAO_CAI" in failed["sequence"]["next_step"]
    page = say("check", "lao_cai")[1]
    assert "inbound" in page and "secret" not in page


def test_up_receives_for_every_province_whose_portal_account_is_known(
    alone: Hub, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    running = Services(
        alone.settings.home, {"LIENTHONG_HOME": str(alone.settings.home), "LIENTHONG_DATABASE_URL": database}
    )
    try:
        served = start_receiver(running, alone.settings)
        assert set(served) == {"lao_cai"}, "quang_ngai has a way in too, and nobody knows what its portal shows"
        assert Desk(alone, served["lao_cai"]).send(message(alone))["status"] == 200
        assert start_receiver(running, replace(alone.settings, home=alone.settings.home / "empty")) == {}
    finally:
        running.stop()
    assert [row["national_code"] for row in rows(alone, "SELECT national_code FROM inbound_dossier")] == [CODE]
    logged = running.log("receiver").read_text("utf-8")
    assert len(re.findall(rf"lao_cai: {CODE} answered 200, \d+ bytes", logged)) == 1 and "Giàng" not in logged
