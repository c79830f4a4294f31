"""The MobiFone peer by plain HTTP: three keys, a quota that is counted, four services that make one dossier."""

from itertools import pairwise
from typing import Any

import pytest

from sandbox.mobifone import BASE, BURST, MOST_KEYS, PER_SECOND, TOKEN_SECONDS
from tests.sandbox.conftest import Answer, Bench, make_bench

EVER = {"tuNgay": "20250101000000", "denNgay": "20271231235959"}


class Gateway:
    """A caller with the three keys and a token."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.http = bench, bench.client("thai_nguyen")
        self.headers: dict[str, str] = {}
        self.login()

    def token(self, **other: str) -> Answer:
        account = self.bench.account("mobifone_thai_nguyen")
        keys = {
            "AppName": account["extra"]["app_name"],
            "AccessKey": account["login"],
            "SecretKey": account["password"],
        }
        return self.http.post("/lgsp/1.0/token", headers=keys | other)

    def login(self) -> None:
        self.headers = {"Authorization": f"Bearer {self.token().json()['data']['token']}"}

    def get(self, service: str, **query: Any) -> Answer:
        return self.http.get(f"{BASE}/{service}", query, self.headers)

    def ask(self, service: str, ids: list[str]) -> Answer:
        return self.http.post(f"{BASE}/{service}", json={"dsHoSoId": ids}, headers=self.headers)

    def page(self, number: int, size: int = 100, **query: Any) -> dict[str, Any]:
        return dict(self.get("danhSachHoSo", page=number, size=size, **(EVER | query)).json()["data"])

    def all(self, size: int = 200, **query: Any) -> list[dict[str, Any]]:
        first = self.page(1, size, **query)
        pages = [self.page(n, size, **query)["items"] for n in range(2, -(-first["total"] // size) + 1)]
        return [record for items in (first["items"], *pages) for record in items]


@pytest.fixture
def gateway(bench: Bench) -> Gateway:
    return Gateway(bench)


def test_each_of_the_three_keys_is_needed_for_a_token(gateway: Gateway) -> None:
    for key in ("AppName", "AccessKey", "SecretKey"):
        refused = gateway.token(**{key: "other"})
        assert refused.status == 403 and refused.json()["code"] == 1003


def test_a_token_ends_after_its_time_and_a_new_one_serves(gateway: Gateway) -> None:
    assert gateway.get("danhSachDonVi").json()["code"] == 0
    gateway.bench.clock.now += TOKEN_SECONDS + 1
    ended = gateway.get("danhSachDonVi")
    assert (ended.status, ended.json()["code"]) == (401, 1001)
    gateway.login()
    assert gateway.get("danhSachDonVi").status == 200


def test_over_the_quota_it_answers_429_with_the_pause_after_which_it_serves_again(gateway: Gateway) -> None:
    assert int(gateway.get("taiTep").headers["x-ratelimit-remaining"]) == BURST - 2, "the token was a call too"
    assert {gateway.get("taiTep").status for _ in range(BURST - 2)} == {200}
    refused = gateway.get("taiTep")
    assert (refused.status, refused.json()["code"], refused.retry_after) == (429, 1029, "1")
    head = {name: refused.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")}
    assert head == {"limit": str(BURST), "remaining": "0", "reset": str(BURST // PER_SECOND)}
    gateway.bench.clock.now += 1
    assert [gateway.get("taiTep").status for _ in range(PER_SECOND + 1)] == [200] * PER_SECOND + [429]


def test_pages_hold_every_dossier_once_newest_change_first(gateway: Gateway) -> None:
    records = gateway.all()
    ids = [record["hoSoId"] for record in records]
    labels = gateway.http.get("/_sandbox/status").json()
    assert len(records) == gateway.page(1)["total"] == labels["records"]
    assert len({record["soHoSo"] for record in records}) == labels["dossiers"]
    times = [record["ngayCapNhat"] for record in records]
    out_of_order = sum(later > earlier for earlier, later in pairwise(times))
    assert out_of_order <= len(ids) - len(set(ids)), "only older copies may stand out of order"


def test_the_window_takes_its_edges(gateway: Gateway) -> None:
    records = gateway.all()
    edge = records[300]["ngayCapNhat"]
    inside = gateway.all(tuNgay=edge, denNgay=edge)
    assert records[300] in inside and all(record["ngayCapNhat"] <= edge for record in inside)


def test_the_services_beside_the_list_give_rows_of_the_dossiers_that_were_asked_for(gateway: Gateway) -> None:
    records = {record["hoSoId"]: record for record in gateway.all()}
    ids = list(records)[:MOST_KEYS]
    for service, wanted in (("tepDinhKem", 200), ("hoSoBoSung", 1), ("buuChinh", 1)):
        rows = gateway.ask(service, ids).json()["data"]["items"]
        assert len(rows) >= wanted
        assert {row["hoSoId"] for row in rows} <= set(ids)
        assert all(row["soHoSo"] == records[row["hoSoId"]]["soHoSo"] for row in rows)
    asked = {row["hoSoId"] for row in gateway.ask("hoSoBoSung", ids).json()["data"]["items"]}
    assert asked == {one for one in ids if any(step["trangThai"] == 4 for step in records[one]["quaTrinhXuLy"])}


def test_more_ids_than_the_service_takes_are_refused(gateway: Gateway) -> None:
    refused = gateway.ask("buuChinh", ["19-0000000001"] * (MOST_KEYS + 1))
    assert refused.status == 400 and str(MOST_KEYS) in refused.json()["message"]


def test_a_dossier_by_its_code_is_the_one_of_the_list_and_an_unknown_code_is_told(gateway: Gateway) -> None:
    record = gateway.page(1)["items"][5]
    assert gateway.get("chiTietHoSo", soHoSo=record["soHoSo"]).json()["data"]["items"] == [record]
    assert gateway.get("chiTietHoSo", soHoSo="H55.11-260101-9999999").json()["code"] == 2004


def test_a_malformed_page_or_time_is_refused_with_the_name_of_the_parameter(gateway: Gateway) -> None:
    assert "page" in gateway.get("danhSachHoSo", page="0", **EVER).json()["message"]
    assert "tuNgay" in gateway.get("danhSachHoSo", tuNgay="2026-06-01", denNgay="20260701000000").json()["message"]


def test_faults_shuffle_repeat_and_move_what_is_paged(gateway: Gateway) -> None:
    plain = gateway.page(2)["items"]
    gateway.http.arm(operation="dossiers", kind="shuffle_page")
    shuffled = gateway.page(2)["items"]
    assert shuffled != plain and sorted(map(str, shuffled)) == sorted(map(str, plain))
    gateway.http.arm(operation="dossiers", kind="repeat_page")
    assert gateway.page(3)["items"] == plain
    gateway.http.arm(operation="dossiers", kind="change_while_paging", records=5)
    assert [record["hoSoId"] for record in gateway.page(2)["items"][5:]] == [one["hoSoId"] for one in plain[:-5]]
    gateway.http.arm(operation="dossiers", kind="unknown_status")
    assert gateway.page(2)["items"][0]["trangThai"] == 77


def test_the_same_seed_gives_the_same_page(bench: Bench, tmp_path: Any) -> None:
    other = make_bench(tmp_path / "other")
    assert Gateway(bench).page(2) == Gateway(other).page(2)
