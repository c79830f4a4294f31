"""A province behind an LGSP, end to end: dossiers from four services under a quota, judged by the peers' ledgers."""

from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from hub.config import Settings
from hub.sync import sync
from tests.conftest import Sandbox
from tests.hub.vendors import Served, served

PARTS = ("supplements", "attachments", "postal")
SUPPLEMENTS = "DanhSachHoSoBoSung"


@pytest.fixture
def thai_nguyen(settings: Settings, engine: Engine, sandbox: Sandbox) -> Served:
    """The province behind the LGSP, over fresh peers."""
    return served("thai_nguyen", settings, engine, sandbox)


@pytest.mark.dossiers(150)
def test_all_is_delivered_or_held_with_its_reason_and_a_second_run_sends_nothing(thai_nguyen: Served) -> None:
    first = sync(thai_nguyen.hub)
    assert thai_nguyen.ledgers_agree() == first["delivered"] > 130
    assert thai_nguyen.held()
    writes = thai_nguyen.writes()
    again = sync(thai_nguyen.hub)
    assert (again["merged"], again["delivered"], again["steps_delivered"]) == (0, 0, 0)
    assert thai_nguyen.writes() == writes


@pytest.mark.dossiers(150)
def test_each_service_beside_the_list_is_asked_once_for_a_page(thai_nguyen: Served) -> None:
    thai_nguyen.small_pages(40)
    sync(thai_nguyen.hub)
    pages = len(thai_nguyen.calls("dossiers"))
    assert pages == 4 and [len(thai_nguyen.calls(part)) for part in PARTS] == [pages] * 3
    assert len(thai_nguyen.calls("token")) == 1


def test_what_the_four_services_say_stands_in_the_national_dossier(thai_nguyen: Served, sandbox: Sandbox) -> None:
    sync(thai_nguyen.hub)
    told, posted, asked = rows_by_code(thai_nguyen), 0, 0
    for sent in sandbox.sent().values():
        body: dict[str, Any] = sent["body"]
        files = told["tepDinhKem"].get(sent["code"], [])
        if not files:
            continue  # it goes under the portal's code
        assert {file["DuongDanTaiTepTin"] for file in body["TaiLieuNop"]} >= {
            row["duongDan"] for row in files if row["duongDan"].startswith("https://") and "##" not in row["duongDan"]
        }
        by_post = any(row["chieu"] == "TRA" for row in told["buuChinh"].get(sent["code"], []))
        assert body["HinhThuc"] == str(int(by_post))
        supplements = told["hoSoBoSung"].get(sent["code"], [])
        assert not supplements or body["GhiChu"] == supplements[-1]["noiDung"]
        assert [(one["NoiDungBoSung"], one["NgayBoSung"], one["NgayTiepNhanBoSung"]) for one in body[SUPPLEMENTS]] == [
            (row["noiDung"], row["ngayYeuCau"], row["ngayBoSung"]) for row in supplements
        ]
        posted, asked = posted + by_post, asked + bool(supplements)
    assert posted > 20 and asked


def rows_by_code(province: Served) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """What the services beside the list say of all dossiers, by service and dossier code, asked by plain HTTP."""
    peer = province.hub.source.peer
    keys = {"AppName": str(peer.extra["app_name"]), "AccessKey": peer.login, "SecretKey": peer.password}
    token = requests.post(f"{peer.url}/lgsp/1.0/token", headers=keys, timeout=10).json()["data"]["token"]
    ids = [f"19-{number:010d}" for number in range(150)]
    told: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for service in ("hoSoBoSung", "tepDinhKem", "buuChinh"):
        answer = requests.post(
            f"{peer.url}/apiQLHS/1.0/{service}",
            json={"dsHoSoId": ids},
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        ).json()
        rows: dict[str, list[dict[str, Any]]] = {}
        for row in answer["data"]["items"]:
            rows.setdefault(row["soHoSo"], []).append(row)
        told[service] = rows
    return told


def test_a_day_later_exactly_what_changed_and_came_new_is_sent(thai_nguyen: Served) -> None:
    sync(thai_nguyen.hub)
    assert thai_nguyen.day_passes()


@pytest.mark.dossiers(150)
def test_the_ledgers_are_equal_after_a_bad_night(thai_nguyen: Served) -> None:
    """Tokens end and quotas are over in the middle of a page, answers break off, a page comes again or shuffled."""
    thai_nguyen.small_pages(15)
    thai_nguyen.arm(operation="dossiers", kind="expired", after=2)
    thai_nguyen.arm(operation="dossiers", kind="quota", after=4, times=2, seconds=7)
    thai_nguyen.arm(operation="dossiers", kind="reset", after=7)
    thai_nguyen.arm(operation="dossiers", kind="repeat_page", after=9)
    thai_nguyen.arm(operation="dossiers", kind="shuffle_page", after=11, times=2)
    thai_nguyen.arm(operation="attachments", kind="expired", after=1)
    thai_nguyen.arm(operation="postal", kind="quota", after=2, seconds=9)
    thai_nguyen.arm(operation="supplements", kind="reset", after=3)
    sync(thai_nguyen.hub)
    assert thai_nguyen.sandbox.status()["systems"]["thai_nguyen"]["faults"] == 10
    assert thai_nguyen.ledgers_agree() > 130
    assert len(thai_nguyen.calls("token")) == 3
    assert {7, 9} <= set(thai_nguyen.time.naps), "Retry-After is what is waited for"


@pytest.mark.dossiers(150)
def test_what_changes_while_it_is_paged_is_neither_lost_nor_sent_twice(thai_nguyen: Served) -> None:
    thai_nguyen.small_pages(20)
    thai_nguyen.arm(operation="dossiers", kind="change_while_paging", after=2, records=7)
    sync(thai_nguyen.hub)
    sync(thai_nguyen.hub)  # what moved to the front of the list behind the reader comes with the next run
    assert thai_nguyen.ledgers_agree() > 130


def test_its_procedures_differ_from_the_national_ones_as_planted(thai_nguyen: Served) -> None:
    assert thai_nguyen.procedures_agree() > 1000
