"""A province's list against the national one, judged by what the sandbox planted in it."""

import csv
import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine

from connectors.spec.pages import Queue
from hub.config import Settings, load_province
from hub.context import Hub
from hub.errors import ConfigurationError, StageFailed
from hub.procedures import Portal, compare, pull_national, pull_province, write_comparison
from hub.procedures.decisions import decision_numbers, same_decision
from hub.procedures.listing import LocalProcedure, write_listing
from hub.procedures.names import folded
from tests.conftest import Sandbox
from tests.procedures.doubles import Adapter, record

Rows = Callable[..., list[dict[str, Any]]]
NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(("slug", "peer"), [("lao_cai", "vnpt_lao_cai"), ("quang_ngai", "viettel_quang_ngai")])
def test_exactly_the_planted_differences_are_found(
    engine: Engine, at_peers: Settings, peers: Sandbox, slug: str, peer: str
) -> None:
    planted = peers.get(peer, "procedures")
    listed = peers.status()["systems"][slug]["procedures"]["listed"]
    pulled = pull_province(Hub(load_province(at_peers, slug), at_peers, engine))
    found = compare(engine, slug)

    assert pulled["new"] == pulled["listed"] == listed
    assert pulled["unreadable"] == {}
    assert [one.procedure_code for one in found.of("missing")] == planted["missing"]
    assert {one.procedure_code: one.field for one in found.of("stale")} == planted["stale"]
    assert sorted(one.local_code or "" for one in found.of("unknown")) == sorted(planted["unknown"])
    assert (found.of("closed"), found.of("doubled")) == ([], [])
    forms = {(one.local_code or "")[8:] for one in found.of("stale")}
    assert len(forms) == 3, "the base, the long and the short suffix form all occur"
    assert not found.equal


def test_a_queue_is_never_taken_for_the_whole_list(engine: Engine, at_peers: Settings, rows: Rows) -> None:
    hub = Hub(load_province(at_peers, "lao_cai"), at_peers, engine)
    known, spec = hub.source, hub.source.spec
    listed = spec.streams["procedures"].model_copy(update={"pages": Queue(by="queue", acknowledge="seen")})
    hub.source = known.beside(spec=spec.model_copy(update={"streams": {**spec.streams, "procedures": listed}}))
    runs = rows(engine, "SELECT run_id FROM run ORDER BY 1")
    with pytest.raises(ConfigurationError, match=r"vnpt_igate.yaml:\d+ \(streams.procedures.pages\): a queue gives"):
        pull_province(hub)
    assert rows(engine, "SELECT run_id FROM run ORDER BY 1") == runs, "nothing was begun"


def test_a_second_pull_of_a_province_moves_nothing(engine: Engine, at_peers: Settings, rows: Rows) -> None:
    hub = Hub(load_province(at_peers, "quang_ngai"), at_peers, engine)
    first = pull_province(hub)
    second = pull_province(hub)
    assert (second["unchanged"], second["new"], second["changed"], second["gone"]) == (first["listed"], 0, 0, 0)
    kept = rows(engine, "SELECT sum(records) AS records FROM message WHERE province = 'quang_ngai'")
    assert kept == [{"records": 2 * first["listed"]}]


def test_a_province_whose_system_is_down_keeps_its_list(engine: Engine, at_peers: Settings, peers: Sandbox) -> None:
    hub = Hub(load_province(at_peers, "quang_ngai"), at_peers, engine)
    listed = pull_province(hub)["listed"]
    peers.fault("viettel_quang_ngai", operation="LayDanhSachThuTuc", kind="soap_fault", after=1, text="Lỗi máy chủ")
    with pytest.raises(StageFailed, match="page 2") as failed:
        pull_province(Hub(load_province(at_peers, "quang_ngai"), at_peers, engine))
    assert "The list is as it was before" in failed.value.next_step
    assert compare(engine, "quang_ngai").listed == listed


@pytest.fixture
def lists(portal: Portal, adapter: Adapter) -> Callable[..., None]:
    """Stores a national list of four and a province's list."""

    def store(*local: LocalProcedure) -> None:
        adapter.records = {
            "1.000001": record("1.000001", "Thủ tục hòa giải cơ sở"),
            "1.000002": record("1.000002", "Đăng ký khai sinh", CAPTHUCHIEN=[{"CAPTHUCHIEN": "3"}]),
            "1.000003": record("1.000003", "Việc của bộ", CAPTHUCHIEN=[{"CAPTHUCHIEN": "0"}]),
            "1.000004": record("1.000004", "Chưa công khai", TRANGTHAI="0"),
            "1.000005": record("1.000005", "Sắp bãi bỏ"),
        }
        pull_national(portal)
        del adapter.records["1.000005"]
        pull_national(portal)
        with portal.engine.begin() as connection:
            write_listing(connection, 1, "lao_cai", local, source="pull", now=NOW)

    return store


def local(code: str, name: str, field: str | None = "Hộ tịch", decision: str | None = "10/QĐ-BTP") -> LocalProcedure:
    return LocalProcedure(code, name, field, "Cấp tỉnh", decision)


def test_case_spaces_unicode_form_and_the_place_of_a_tone_make_no_difference(
    portal: Portal, lists: Callable[..., None]
) -> None:
    lists(
        local("1.000001.H38", unicodedata.normalize("NFD", "THỦ TỤC  HOÀ GIẢI cơ sở "), "HỘ  TỊCH"),
        local("1.000002.000.00.00.H38", "đăng ký khai sinh", decision="Quyết định số 10/QĐ-BTP ngày 01/02/2026"),
    )
    found = compare(portal.engine, "lao_cai")
    assert found.equal
    assert found.counts()["agreeing"] == found.counts()["national"] == 2


def test_each_kind_of_difference_is_told_with_both_values(portal: Portal, lists: Callable[..., None]) -> None:
    lists(
        local("1.000001", "Thủ tục hoa giải cơ sở", decision="11/QĐ-BTP"),
        local("1.000001.H38", "Thủ tục hòa giải cơ sở", field=None, decision=None),
        local("1.000005.H38", "Sắp bãi bỏ"),
        local("1.000002.01", "Đăng ký khai sinh, dịch vụ 01"),
        local("1.777777", "Đăng ký khai  sinh."),
        local("H38.TTDP.001", "Đăng kí khai sinh"),
        local("H38.TTDP.002", "Lễ hội làng"),
    )
    found = compare(portal.engine, "lao_cai")
    assert [one.procedure_code for one in found.of("missing")] == ["1.000002"]
    assert [(one.field, one.province, one.national) for one in found.of("stale")] == [
        ("name", "Thủ tục hoa giải cơ sở", "Thủ tục hòa giải cơ sở"),
        ("decision", "11/QĐ-BTP", "10/QĐ-BTP"),
    ]
    assert [(one.local_code, one.national) for one in found.of("closed")] == [("1.000005.H38", "2026-07-01")]
    assert [one.province for one in found.of("doubled")] == ["1.000001 · 1.000001.H38"]
    hints = {one.local_code: one.hint for one in found.of("unknown")}
    assert hints["1.000002.01"] == "begins with 1.000002: Đăng ký khai sinh"
    assert hints["1.777777"] == hints["H38.TTDP.001"] == "named like 1.000002: Đăng ký khai sinh"
    assert hints["H38.TTDP.002"] is None
    assert found.counts() == {
        "national": 2,
        "listed": 7,
        "agreeing": 0,
        "missing": 1,
        "stale": 1,
        "unknown": 4,
        "closed": 1,
        "doubled": 1,
    }


def test_what_leaves_a_province_s_list_is_gone_and_comes_back_as_itself(
    portal: Portal, lists: Callable[..., None], rows: Rows
) -> None:
    lists(local("1.000001", "Thủ tục hòa giải cơ sở"), local("DP01", "Lễ hội làng"))
    with portal.engine.begin() as connection:
        kept = write_listing(connection, 2, "lao_cai", [], source="list.xlsx", now=NOW, kept=["DP01"])
    assert (kept["gone"], kept["unchanged"]) == (1, 0)
    query = "SELECT local_code, gone_at IS NULL AS there FROM province_procedure ORDER BY 1"
    assert rows(portal.engine, query) == [
        {"local_code": "1.000001", "there": False},
        {"local_code": "DP01", "there": True},
    ]
    with portal.engine.begin() as connection:
        back = write_listing(
            connection, 3, "lao_cai", [local("1.000001", "Thủ tục hòa giải cơ sở")], source="pull", now=NOW
        )
    assert (back["reopened"], back["gone"]) == (1, 1)


def test_without_a_list_the_command_to_get_it_is_told(portal: Portal, lists: Callable[..., None]) -> None:
    with pytest.raises(ConfigurationError, match="national list is not here") as first:
        compare(portal.engine, "lao_cai")
    assert "lienthong procedures pull" in first.value.next_step
    lists()
    with pytest.raises(ConfigurationError, match="province's list is not here") as second:
        compare(portal.engine, "lao_cai")
    assert "--province lao_cai" in second.value.next_step


def test_every_line_is_in_the_file_whatever_its_kind(
    portal: Portal, lists: Callable[..., None], tmp_path: Path
) -> None:
    lists(local("=1+1", "=HYPERLINK(1)"), local("1.000001", "Thủ\x0b tục khác"))
    found = compare(portal.engine, "lao_cai")
    assert len(found.differences) == 3

    book = load_workbook(write_comparison(found, tmp_path / "a" / "d.xlsx"))
    lines = list(book["Khác biệt"].iter_rows(min_row=2))
    assert [line[0].value for line in lines] == ["Thiếu", "Khác", "Không có trong CSDLQG"]
    assert (lines[2][2].value, lines[2][2].data_type) == ("=1+1", "s")
    assert {row[0]: row[1] for row in book["Tóm tắt"].iter_rows(min_row=2, values_only=True)}["Thiếu (missing)"] == 1

    with write_comparison(found, tmp_path / "d.csv").open(encoding="utf-8-sig", newline="") as file:
        read = list(csv.DictReader(file))
    assert [line["kind"] for line in read] == ["missing", "stale", "unknown"]
    assert read[2]["local_code"] == "'=1+1"

    told = json.loads(write_comparison(found, tmp_path / "d.json").read_bytes())
    assert told == json.loads(json.dumps(found.as_dict()))
    with pytest.raises(ConfigurationError, match=r"'\.pdf' is not a kind of file"):
        write_comparison(found, tmp_path / "d.pdf")


def test_texts_are_folded_as_a_reader_would() -> None:
    assert folded("Thuỷ  lợi") == folded("THỦY LỢI")
    assert folded("quý") == folded("qúy")
    assert folded("“A” – B.") == folded('"a" - b')
    assert folded("hoà") != folded("hoa")
    assert folded("dân") != folded("đan")
    assert folded("Tỉnh, xã.") == f"{folded('tỉnh')}, {folded('xã')}"
    assert folded("mận") != folded("mẫn")


def test_decisions_are_found_in_what_is_written_around_them() -> None:
    assert decision_numbers("QĐ số 0135/QĐ - BTP ngày 5/2/2026; 12/2025/QĐ-UBND") == {"135/qđ-btp", "12/2025/qđ-ubnd"}
    assert same_decision("135/QĐ-BTP", "Quyết định 135/QĐ-BTP (sửa đổi)")
    assert not same_decision("135/QĐ-BTP", "135/QĐ-BTC")
    assert same_decision("theo Luật", "Theo  luật")
