"""The work list: who waits for what, since when, in which order; and the file that goes to the vendor."""

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from hub import audit
from hub.cli import main
from hub.cli.item import which_step
from hub.config import Settings
from hub.context import Hub
from hub.errors import ConfigurationError
from hub.quarantine import groups, listed, total
from hub.waivers import Waiver, keep
from hub.worklist.chosen import Chosen
from hub.worklist.export import HEADINGS, export
from hub.worklist.work import assign
from tests.hub.held import START, Town

NOW = START + timedelta(days=100)
LAN = "Nguyễn Thị Lan"


@pytest.fixture
def town(lao_cai: Hub) -> Town:
    """Five dossiers held: three for x, two for y; of one of them two versions; at ages of 0, 1, 5, 20, 40 days."""
    town = Town(lao_cai)
    found = [("A", 1, "x"), ("B", 2, "x"), ("C", 3, "y"), ("D", 4, "x"), ("E", 5, "y"), ("E", 6, "y")]
    town.arrive(*(town.record(key, hour, word) for key, hour, word in found))
    for key, days in zip("ABCDE", (0, 1, 5, 20, 40), strict=True):
        town.do(
            "UPDATE quarantine SET held_at = :at WHERE province = :province AND source_key = :key",
            at=NOW - timedelta(days=days, hours=1),
            key=f"{town.name}-{key}",
        )
    return town


def codes(town: Town, **given: Any) -> str:
    """Last letters of the dossiers that are listed."""
    found = listed(town.hub.engine, Chosen(province=town.name, **given))
    return "".join(one["dossier_code"][-1] for one in found)


def test_a_group_says_how_many_dossiers_wait_for_each_value_and_for_how_long(town: Town) -> None:
    [group] = groups(town.hub.engine, Chosen(province=town.name), NOW)
    assert (group["reason"], group["field"], group["items"], group["dossiers"]) == ("unmapped_status", "status", 6, 5)
    assert group["ages"] == {"days_0_1": 2, "days_2_7": 1, "days_8_30": 1, "older": 1}
    assert group["values"] == [
        {"value": "x", "items": 3, "dossiers": 3},
        {"value": "y", "items": 3, "dossiers": 2},
    ]


def test_a_dossier_that_two_findings_hold_waits_for_both_and_a_persons_value_is_not_grouped(town: Town) -> None:
    town.do(
        "UPDATE quarantine SET findings = findings || CAST(:more AS jsonb) WHERE province = :province"
        " AND source_key LIKE '%-A'",
        more='[{"reason": "bad_identity", "field": "identifiers", "value": "01019000123", "rule": "s.yaml:3"}]',
    )
    found = {group["reason"]: group for group in groups(town.hub.engine, Chosen(province=town.name), NOW)}
    assert found["unmapped_status"]["dossiers"] == 5
    assert (found["bad_identity"]["dossiers"], found["bad_identity"]["values"]) == (1, [])
    only = groups(town.hub.engine, Chosen(province=town.name, reason="bad_identity"), NOW)
    assert [group["reason"] for group in only] == ["bad_identity"]


def test_values_beyond_the_most_frequent_are_counted(town: Town) -> None:
    town.arrive(*(town.record(f"v{number}", 9, f"word {number}") for number in range(9)))
    [group] = groups(town.hub.engine, Chosen(province=town.name), NOW)
    assert [one["value"] for one in group["values"][:2]] == ["x", "y"] and len(group["values"]) + group["more"] == 11


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "ABCDEE"),
        ({"value": "x"}, "ABD"),
        ({"value": "x "}, ""),
        ({"reason": "unmapped_status", "field": "status", "value": "y"}, "CEE"),
        ({"reason": "bad_identity", "value": "x"}, ""),
        ({"rule": "words.yaml"}, "ABCDEE"),
        ({"rule": "words.yaml:7"}, "ABCDEE"),
        ({"rule": "mappings/words.yaml:7", "value": "y"}, "CEE"),
        ({"rule": "words.yaml:1"}, ""),
        ({"rule": "ords.yaml:7"}, ""),
        ({"stage": "map"}, "ABCDEE"),
        ({"stage": "push"}, ""),
        ({"held_before": NOW - timedelta(days=7)}, "DEE"),
        ({"assignee": "nobody"}, "ABCDEE"),
        ({"item_ids": (2**70,)}, ""),
    ],
)
def test_filters_take_what_fits_and_nothing_else(town: Town, given: dict[str, Any], found: str) -> None:
    assert codes(town, **given) == found
    assert total(town.hub.engine, Chosen(province=town.name, **given)) == len(found)


def test_a_persons_items_are_found_by_the_name(town: Town) -> None:
    assign(town.hub.engine, [town.item("C")], LAN, LAN)
    assert (codes(town, assignee=LAN), codes(town, assignee="nobody")) == ("C", "ABDEE")


def test_pages_follow_each_other_without_a_gap_also_where_times_are_missing(town: Town) -> None:
    town.arrive(*(town.record(key, None, "x") for key in "FGH"))
    found, last = [], None
    while page := listed(town.hub.engine, Chosen(province=town.name), 2, last):
        found += [one["dossier_code"][-1] for one in page]
        last = page[-1]["item_id"]
    assert "".join(found) == "ABCDEEFGH"


def lines_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def write(town: Town, path: Path, **given: Any) -> int:
    asked: dict[str, Any] = {"who": None, "why": None, "unmasked": False, **given}
    return export(town.hub.engine, Chosen(province=town.name, value=asked.pop("value", None)), path, **asked)


def with_a_person(town: Town) -> None:
    """Dossier A is held for a person's name that begins like a formula, and for an identity number."""
    findings = [
        {"reason": "bad_value", "field": "applicant_name", "value": "=cmd|' /C calc'!A1", "rule": "m.yaml:1"},
        {"reason": "bad_identity", "field": "identifiers", "value": "010190001234", "rule": "s.yaml:3"},
        {"reason": "bad_value", "field": "receipt_no", "value": "-2+3\x07", "rule": "@SUM(1)"},
    ]
    town.do(
        "UPDATE quarantine SET findings = CAST(:findings AS jsonb) WHERE item_id = :id",
        findings=json.dumps(findings),
        id=town.item("A"),
    )


def test_the_csv_opens_in_excel_as_it_is_meant(town: Town, tmp_path: Path) -> None:
    with_a_person(town)
    path = tmp_path / "cho_vnpt.csv"
    assert write(town, path) == 8
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") and path.stat().st_mode & 0o77 == 0
    heading, *lines = lines_of(path)
    assert heading == list(HEADINGS)
    found = [dict(zip(heading, line, strict=True)) for line in lines]
    assert found[1]["Giá trị"] == "*********234" and found[0]["Giá trị"] == "'=. /. c."
    assert found[2]["Giá trị"] == "'-2+3\x07" and found[2]["Quy tắc"] == "'@SUM(1)"
    assert found[3]["Lý do"] == "Trạng thái không có trong bảng mã" and found[3]["Bên xử lý"] == "Kỹ sư tích hợp"
    assert found[3]["Thay đổi lúc"] == "01/06/2026 10:00" and found[3]["Mã hồ sơ"].endswith("-B")


def test_the_applicants_name_is_masked_in_other_fields_too(town: Town, tmp_path: Path) -> None:
    town.do(
        "UPDATE quarantine SET findings = CAST(:findings AS jsonb) WHERE item_id = :id",
        findings=json.dumps([{"reason": "bad_subject", "field": "subject", "value": "Khai sinh: Nguyễn Văn An"}]),
        id=town.item("A"),
    )
    write(town, tmp_path / "a.csv")
    found = (tmp_path / "a.csv").read_text("utf-8-sig")
    assert "Khai sinh: N. V. A." in found and "Nguyễn" not in found


def test_the_workbook_says_the_same_and_no_cell_is_a_formula(town: Town, tmp_path: Path) -> None:
    with_a_person(town)
    write(town, tmp_path / "a.csv"), write(town, tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    rows = list(sheet.iter_rows())
    assert {cell.data_type for row in rows for cell in row} <= {"s", "n", "inlineStr"}
    plain = [[str(cell.value or "").lstrip("'") for cell in row] for row in rows]
    assert plain == [[value.lstrip("'").replace("\x07", "") for value in line] for line in lines_of(tmp_path / "a.csv")]
    assert sheet.freeze_panes == "A2"


def test_personal_data_in_clear_needs_a_permission_a_name_and_a_reason(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_person(town)
    path = tmp_path / "a.csv"
    monkeypatch.delenv("LIENTHONG_USER", raising=False)
    monkeypatch.delenv("LIENTHONG_MAY_UNMASK", raising=False)
    for given, said in (
        ({"who": None, "why": "đối soát"}, "nobody's name"),
        ({"who": LAN, "why": "đối soát"}, "may not export"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            write(town, path, unmasked=True, **given)
    monkeypatch.setenv("LIENTHONG_MAY_UNMASK", f"Lê Thị Hoa, {LAN}")
    with pytest.raises(ConfigurationError, match="needs a reason"):
        write(town, path, unmasked=True, who=LAN, why=" ")
    assert not path.exists() and audit.entries(town.hub.engine, action="export") == []
    write(town, path, unmasked=True, who=LAN, why="đối soát với CA tỉnh")
    assert "010190001234" in path.read_text("utf-8")
    [told] = audit.entries(town.hub.engine, action="export")
    assert (told["who"], told["details"]["unmasked"], told["details"]["lines"]) == (LAN, True, 8)
    assert told["details"]["filter"] == {"province": town.name}


def test_a_file_is_written_whole_or_not_at_all(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text("yesterday's", "utf-8")

    def torn(*given: Any) -> str:
        raise RuntimeError("the power went")

    with monkeypatch.context() as tearing, pytest.raises(RuntimeError):
        tearing.setattr("hub.worklist.export._local", torn)
        write(town, path)
    assert path.read_text("utf-8") == "yesterday's" and [one.name for one in tmp_path.iterdir()] == ["a.csv"]
    assert audit.entries(town.hub.engine, action="export") == []
    with pytest.raises(ConfigurationError, match="not a kind of file"):
        write(town, tmp_path / "a.pdf")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write(town, path / "b.csv")


@pytest.fixture
def say(town: Town, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run one command on the town's items, which are Lào Cai's now: (exit code, standard output, standard error)."""
    town.do("UPDATE quarantine SET province = 'lao_cai' WHERE province = :province")
    monkeypatch.setenv("LIENTHONG_HOME", str(town.hub.settings.home))
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", database)
    monkeypatch.delenv("LIENTHONG_USER", raising=False)
    monkeypatch.setattr("hub.cli.quarantine.open_hub", lambda slug, settings: town.hub)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


def test_the_list_fits_eighty_columns_and_says_what_the_json_says(say: Any) -> None:
    code, text, _ = say("quarantine", "list", "lao_cai", "--limit", "2")
    assert code == 0 and max(map(len, text.splitlines())) <= 80
    assert "= x" in text and "6 items in all" in text and "--after" in text
    found = json.loads(say("quarantine", "list", "--value", "y", "--json")[1])
    assert found["total"] == 3 and found["groups"][0]["dossiers"] == 2 and len(found["items"]) == 3
    assert "Nothing that is held fits" in say("quarantine", "list", "--value", "z")[1]


def test_an_item_is_worked_on_from_the_command_line(say: Any) -> None:
    number = str(json.loads(say("quarantine", "list", "--json")[1])["items"][0]["item_id"])
    for words, code in (
        (("assign", number, "--to", LAN), 2),
        (("assign", number, "--to", LAN, "--by", LAN), 0),
        (("note", number, "gọi 0912345678", "--by", LAN), 0),
        (("note", number, "muộn", "--by", LAN, "--version", "0"), 2),
        (("waive", number, "--by", LAN, "--why", " "), 2),
        (("reopen", number, "--by", LAN, "--why", "chưa ai quyết định"), 2),
        (("list", "--stage", "nowhere"), 2),
        (("list", "--older-than", "7"), 2),
    ):
        assert say("quarantine", *words)[0] == code, words
    code, text, _ = say("quarantine", "show", number)
    assert code == 0 and "as received" in text and "********78" in text and "0912345678" not in text and LAN in text
    shown = json.loads(say("quarantine", "show", number, "--json")[1])
    assert shown["version"] == 2 and [one["action"] for one in shown["history"]] == ["assign", "note"]
    told = json.loads(say("audit", "list", "--who", LAN, "--json")[1])["entries"]
    assert [one["action"] for one in told] == ["assign", "note"] and "********78" in told[1]["details"]["text"]
    assert "note" in say("audit", "list", "--item", number)[1]


def test_no_number_of_a_person_and_no_fee_is_wrong_in_the_json_of_an_item(town: Town, say: Any) -> None:
    number, key = "003090001234", f"{town.name}-A"
    [[item_id]] = town.ask("SELECT max(item_id) FROM quarantine WHERE source_key = :key", key=key)
    finding = {"reason": "bad_identity", "field": "identifiers", "value": f'[{{"number": "{number}"}}]'}
    town.do(
        "UPDATE quarantine SET findings = CAST(:findings AS jsonb), mapped = CAST(:mapped AS jsonb)"
        " WHERE item_id = :id",
        findings=json.dumps([{**finding, "detail": number}]),
        mapped=json.dumps({"fees": [{"amount": 150_000_000}], "identifiers": [{"number": number}]}),
        id=item_id,
    )
    with town.hub.engine.begin() as connection:
        given = Waiver("lao_cai", key, None, finding["reason"], finding["field"], finding["value"])
        keep(connection, given, LAN, f"số {number} đã đối chiếu")
    code, said, _ = say("quarantine", "show", str(item_id), "--json")
    assert code == 0 and number not in said and json.loads(said)["mapped"]["fees"] == [{"amount": 150_000_000}]
    assert len(json.loads(said)["waivers"]) == 1
    assert number not in say("quarantine", "show", str(item_id))[1]
    assert number not in say("quarantine", "list", "lao_cai", "--json")[1]


def test_raw_and_mapped_stand_side_by_side_where_the_screen_is_wide(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    number = str(json.loads(say("quarantine", "list", "--json")[1])["items"][0]["item_id"])
    monkeypatch.setattr("hub.cli.item.out.width", 140)
    wide = say("quarantine", "show", number)[1]
    assert any('"hour": 1' in line and '"' in line.partition('"hour": 1')[2] for line in wide.splitlines())


def test_an_export_from_the_command_line(say: Any, tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "out" / "held.csv"
    found = json.loads(say("quarantine", "export", "lao_cai", "--to", str(path), "--value", "x", "--json")[1])
    assert found == {"file": str(path), "lines": 3, "unmasked": False} and len(lines_of(path)) == 4


def test_rivals_are_shown_by_the_fields_in_which_they_differ_masked(town: Town, say: Any) -> None:
    [[item_id]] = town.ask("SELECT item_id FROM quarantine WHERE source_key = :key", key=f"{town.name}-A")
    town.do(
        "UPDATE quarantine SET dossier_code = (SELECT dossier_code FROM quarantine WHERE item_id = :id), findings ="
        " CAST(:found AS jsonb) WHERE source_key IN (:a, :b)",
        id=item_id,
        found='[{"reason": "conflicting_duplicate", "field": "dossier_code", "rule": "s.yaml:1"}]',
        a=f"{town.name}-A",
        b=f"{town.name}-B",
    )
    town.do(
        "UPDATE quarantine SET mapped = mapped || CAST(:other AS jsonb) WHERE source_key = :b",
        other='{"applicant_name": "Hồ Gia Nam", "due_at": "2026-06-03T10:00:00+07:00"}',
        b=f"{town.name}-B",
    )
    told = {
        one["field"]: one for one in json.loads(say("quarantine", "show", str(item_id), "--json")[1])["differences"]
    }
    assert told["applicant_name"] == {"field": "applicant_name", "this": "N. V. A.", "rival": "H. G. N."}
    assert told["due_at"]["rival"] == "03/06/2026 10:00" and told.keys() <= {
        "applicant_name", "due_at", "subject", "dossier_code"
    }  # fmt: skip
    assert "applicant_name: N. V. A. | H. G. N." in say("quarantine", "show", str(item_id))[1]


def test_a_held_step_is_named_by_its_place_and_time() -> None:
    step = {"kind": "step", "stage": "map", "source_key": "a/b/2", "mapped": {"at": "2026-06-01T09:00:00+07:00"}}
    assert which_step(step, {"steps_kept": 3}) == "step 5 of its progress · 01/06/2026 09:00 · status –"
    assert which_step({**step, "mapped": {"status": 4}}, None) == "step 2 of its progress · no time · status 4"
