"""The Excel list that the portal exports: read wherever its header stands, refused whole when a cell is wrong."""

import random
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import Engine

from hub.errors import ConfigurationError, StageFailed
from hub.procedures import Portal, compare, import_list, pull_national, read_list
from tests.procedures.doubles import HEADINGS, Adapter, line, many, reconnected, record

Rows = Callable[..., list[dict[str, Any]]]
Excel = Callable[..., Path]
NOW = datetime(2026, 7, 1, tzinfo=UTC)


def test_titles_order_and_spelling_of_the_header_do_not_matter(excel: Excel) -> None:
    spelled = {name: unicodedata.normalize("NFD", f" {name.upper()} ") for name in HEADINGS}
    headings = ("STT", *random.Random(5).sample(list(spelled.values()), 8))
    lines = [{spelled[key]: value for key, value in line("1.000001", " Cấp  thẻ ").items()} | {"STT": 1}]
    read = read_list(excel([*lines, {}, {}], headings=headings, titles=6))
    (one,) = read.lines
    assert (one.code, one.name, one.field_name) == ("1.000001", "Cấp thẻ", "Hộ tịch")
    assert (one.level, one.decision, one.row) == ("Cấp Tỉnh, Cấp Xã", "10/QĐ-BTP", 8)
    assert one.values["STT"] == "1"
    assert (read.absent, read.repeated) == ((), 0)


def test_a_code_that_excel_took_for_a_number_gets_its_zeros_back(excel: Excel) -> None:
    read = read_list(excel([line(1.00119, "A"), line(2.0011, "B"), line("1.000003", "C")]))
    assert [one.code for one in read.lines] == ["1.001190", "2.001100", "1.000003"]


def test_all_bad_cells_are_told_with_sheet_row_and_column(excel: Excel) -> None:
    lines = [line("1.000001", "A"), line("", "B"), line("1.000003", ""), line("1.000001", "khác"), line("#N/A", "E")]
    with pytest.raises(ConfigurationError) as told:
        read_list(excel(lines))
    assert told.value.what.splitlines() == [
        "4 cells cannot be used",
        "  sheet DanhSach, row 5, column Mã TTHC: the cell is empty",
        "  sheet DanhSach, row 6, column Tên TTHC: the cell is empty",
        "  sheet DanhSach, row 8, column Mã TTHC: the cell shows #N/A",
        "  sheet DanhSach, row 7, column Mã TTHC: 1.000001 is also in row 4 with another name (“A”, here “khác”)",
    ]
    assert told.value.where.endswith("list.xlsx")


def test_a_missing_column_is_named_with_what_it_may_be(excel: Excel) -> None:
    headings = tuple("Mã số thủ tục TTHC" if name == "Mã TTHC" else name for name in HEADINGS if name != "Lĩnh vực")
    with pytest.raises(ConfigurationError) as told:
        read_list(excel([line("", "A")], headings=headings))
    assert told.value.what == "missing column “Mã TTHC” (is it “Mã số thủ tục TTHC”?), “Lĩnh vực”"
    assert told.value.where.endswith("list.xlsx, sheet DanhSach, row 3")


def test_a_sheet_without_the_header_is_passed_over_and_named(excel: Excel, tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "Hướng dẫn"  # type: ignore[union-attr]
    book.active.append(["Xem trang sau"])  # type: ignore[union-attr]
    for name, code in (("Bộ Tư pháp", "1.000001"), ("Bộ Y tế", "1.000002")):
        sheet = book.create_sheet(name)
        sheet.append(list(HEADINGS))
        sheet.append(list(line(code, f"Việc của {name}").values()))
    book.save(tmp_path / "two.xlsx")
    read = read_list(tmp_path / "two.xlsx")
    assert [(one.sheet, one.code) for one in read.lines] == [("Bộ Tư pháp", "1.000001"), ("Bộ Y tế", "1.000002")]
    assert read.passed_over == ("Hướng dẫn",)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "an old .xls, or an Excel file with a password"),
        (b"<html><body><table><tr><td>M\xc3\xa3 TTHC", "a web page"),
        ("Mã TTHC,Tên TTHC\n1.000001,A".encode(), "not an Excel file"),
        (b"PK\x03\x04 broken", "not an Excel file that can be read"),
        (b"", "not an Excel file"),
    ],
)
def test_another_kind_of_file_is_called_by_its_name(tmp_path: Path, body: bytes, says: str) -> None:
    (tmp_path / "list.xlsx").write_bytes(body)
    with pytest.raises(ConfigurationError, match=says) as told:
        read_list(tmp_path / "list.xlsx")
    assert "save it as .xlsx" in told.value.next_step


def test_a_damaged_file_is_refused_wherever_it_is_damaged(excel: Excel) -> None:
    path = excel([line(f"1.{n:06d}", f"Thủ tục {n}") for n in range(60)])
    whole, rng = path.read_bytes(), random.Random(3)
    refused = 0
    for _ in range(40):
        body, at = bytearray(whole), rng.randrange(30, len(whole))
        body[at : at + 40] = rng.randbytes(40)
        path.write_bytes(bytes(body[: rng.choice((len(body), at + 100))]))
        try:
            assert len(read_list(path).lines) == 60
        except ConfigurationError:
            refused += 1
    assert refused > 20


def test_no_header_and_no_lines_are_told_apart(excel: Excel, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing under its header"):
        read_list(excel([]))
    with pytest.raises(ConfigurationError, match="no sheet has the header of a procedure list; only “Mã TTHC”"):
        read_list(excel([{"a": 1}], headings=("Mã TTHC", "a")))
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_list(tmp_path / "absent.xlsx")


def test_a_list_becomes_the_province_s_own(portal: Portal, adapter: Adapter, excel: Excel, rows: Rows) -> None:
    adapter.records = many(5)
    pull_national(portal)
    lines = [line(f"{code}.H38", one["TENTTHC"]) for code, one in adapter.records.items()]
    file = excel([*lines[:4], lines[0], line("DP01", "Lễ hội làng")], name="danh mục.xlsx")
    counts = import_list(portal.engine, file, now=NOW, province="lao_cai")
    assert (counts["listed"], counts["new"], counts["repeated"]) == (5, 5, 1)
    found = compare(portal.engine, "lao_cai")
    assert found.source == "danh mục.xlsx"
    assert [one.procedure_code for one in found.of("missing")] == ["1.000005"]
    assert [one.local_code for one in found.of("unknown")] == ["DP01"]
    assert found.counts()["agreeing"] == 4
    (run,) = rows(portal.engine, "SELECT state, counts FROM run WHERE province = 'lao_cai'")
    assert (run["state"], run["counts"]["file"]) == ("done", "danh mục.xlsx")


def test_an_imported_national_list_yields_to_the_portal_s_own_word(
    portal: Portal, adapter: Adapter, excel: Excel, rows: Rows
) -> None:
    pulled = many(10)
    adapter.records = dict(pulled)
    pull_national(portal)
    lines = [line("1.000001", "tên cũ"), line("2.000001", "Chỉ có trong tệp", **{"Tình trạng": "Hết hiệu lực"})]
    counts = import_list(portal.engine, excel(lines, name="a.xlsx"), now=NOW)
    assert (counts["new"], counts["left_to_portal"], counts["closed"]) == (1, 1, 0)
    query = "SELECT * FROM procedure_version WHERE valid_to IS NULL AND procedure_code = :code"
    (own,) = rows(portal.engine, query, code="2.000001")
    assert (own["source"], own["public"], own["levels"]) == ("a.xlsx", False, ["1", "3"])
    assert own["record"]["Cơ quan công khai"] == "Bộ Tư pháp"
    assert rows(portal.engine, query, code="1.000001")[0]["source"] == "pull"

    again = import_list(portal.engine, excel(lines, name="a.xlsx"), now=NOW)
    assert (again["new"], again["unchanged"], again["changed"]) == (0, 1, 0)
    adapter.records["2.000001"] = record("2.000001", "Nay cổng đã có")
    assert pull_national(portal)["changed"] == 1
    assert rows(portal.engine, query, code="2.000001")[0]["source"] == "pull"


def test_an_import_leaves_a_failed_pull_to_be_taken_up(portal: Portal, adapter: Adapter, excel: Excel) -> None:
    adapter.records, adapter.gone_after = many(40), 30
    with pytest.raises(StageFailed):
        pull_national(portal)
    assert import_list(portal.engine, excel([line("1.000001", "Từ tệp")]), now=NOW)["new"] == 1
    adapter.gone_after = None
    counts = pull_national(reconnected(portal, adapter))
    assert (counts["fetched"], counts["new"], counts["changed"]) == (40 - len(set(adapter.asked[:30])), 39, 1)


def test_a_list_alone_is_enough_to_compare_with(blank: Engine, excel: Excel) -> None:
    national = [
        line("1.000001", "Hòa giải"),
        line("1.000002", "Khai sinh"),
        line("1.000003", "x", **{"Cấp thực hiện": "Cấp Bộ"}),
    ]
    import_list(blank, excel(national), now=NOW)
    import_list(blank, excel([line("1.000001.H48", "Hoà giải")]), now=NOW, province="quang_ngai")
    found = compare(blank, "quang_ngai")
    assert found.counts()["national"] == 2
    assert [(one.kind, one.procedure_code) for one in found.differences] == [("missing", "1.000002")]


def test_codes_that_slipped_a_row_against_their_names_are_refused(
    portal: Portal, adapter: Adapter, excel: Excel, rows: Rows
) -> None:
    adapter.records = many(12)
    pull_national(portal)
    names = [one["TENTTHC"] for one in adapter.records.values()]
    slipped = [line(code, name) for code, name in zip(adapter.records, [names[0], *names[:-1]], strict=True)]
    for province in (None, "lao_cai"):
        with pytest.raises(ConfigurationError, match="11 lines have the code of the line above or below") as told:
            import_list(portal.engine, excel(slipped), now=NOW, province=province)
        assert "sheet DanhSach, row 5, column Mã TTHC" in told.value.what
    swapped = [line(code, name) for code, name in zip(adapter.records, [names[1], names[0], *names[2:]], strict=True)]
    assert import_list(portal.engine, excel(swapped), now=NOW, province="lao_cai")["shifted"] == 2
    assert len(rows(portal.engine, "SELECT 1 FROM province_procedure")) == 12


def test_a_national_list_with_local_codes_is_refused(blank: Engine, excel: Excel, rows: Rows) -> None:
    with pytest.raises(ConfigurationError, match="1 codes are no national procedure codes") as told:
        import_list(blank, excel([line("1.000001", "A"), line("DP01", "B")]), now=NOW)
    assert "row 5, column Mã TTHC: DP01" in told.value.what
    assert rows(blank, "SELECT 1 FROM procedure_version") == []


def test_a_suddenly_short_file_changes_nothing(blank: Engine, excel: Excel, rows: Rows) -> None:
    lines = [line(f"1.{n:06d}", f"Thủ tục {n}") for n in range(1, 21)]
    import_list(blank, excel(lines), now=NOW, province="lao_cai")
    with pytest.raises(StageFailed, match="15 procedures where 20"):
        import_list(blank, excel(lines[:15]), now=NOW, province="lao_cai")
    assert len(rows(blank, "SELECT 1 FROM province_procedure WHERE gone_at IS NULL")) == 20
    assert import_list(blank, excel(lines[:15]), now=NOW, province="lao_cai", accept_short=True)["gone"] == 5
