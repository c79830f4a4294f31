"""Code lists: keys of several parts, validity days, overlapping entries refused by line."""

import json
from datetime import date
from pathlib import Path

import pytest

from hub.cli import main
from mappings import CodeLists, MappingError, load_mapping
from mappings.codelists import check_lists
from mappings.mapped import Refused
from mappings.units import REFORM, units
from schemas.statuses import NATIONAL_STATUSES

HEAD = "list: units\nwhat: w\nsource: '[style]'\nto: text\nparts: [code]\n"


@pytest.fixture
def load(tmp_path: Path):
    def load_lists(text: str, folder: str = "a", name: str = "units", under: str | None = None) -> CodeLists:
        for place, body in ((folder, text), ("under", under)):
            if body is not None:
                file = tmp_path / place / "codelists" / f"{name}.yaml"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(body, encoding="utf-8")
        return CodeLists.load([tmp_path / folder, tmp_path / "under"])

    return load_lists


def fault(load, text, **more):
    with pytest.raises(MappingError) as error:
        load(text, **more)
    return error.value


def test_the_sub_status_wins_and_number_and_name_must_agree():
    status = CodeLists.load()["vnpt_igate_status"]

    assert status.look_up((99, "?", "Đang xử lý")) == 4
    assert status.look_up(("2", "đang  xử lý", None)) == 4
    assert status.look_up((2, "Đang xử lý", "Việc riêng của tỉnh")) == 4
    assert status.look_up((None, None, None)) is None
    for unknown in ((2, "Đã trả kết quả", None), (2, None, None), (None, "Đang xử lý", None)):
        with pytest.raises(Refused) as refusal:
            status.look_up(unknown)
        assert refusal.value.reason == "unmapped_status"


def test_every_national_status_of_the_systems_vocabularies_is_one():
    lists = CodeLists.load()
    names = [name for name in lists.names() if name.endswith("_status")]
    assert len(names) == 10
    for name in names:
        assert {line.value for line in lists[name].lines} <= set(NATIONAL_STATUSES), name


def test_the_national_statuses_go_by_name_and_by_number():
    lists = CodeLists.load()
    for number, name in NATIONAL_STATUSES.items():
        assert lists["national_status"].look_up([name]) == number
        assert lists["national_status_name"].look_up([number]) == name


SEEN: dict[str, dict[int | str, int]] = {
    "civil_status_status": {1: 4, 2: 5, 3: 4, 4: 9},
    "criminal_record_status": {3: 4, 4: 4, 5: 9},
    "birth_death_status": {1: 1, 2: 5, 3: 2, 7: 4, 4: 9, 5: 10, 6: 3},
    "opencps_status": {
        **{"receiving": 1, "processing": 4, "waiting": 5, "paying": 6, "releasing": 9},
        **{"posting": 9, "unresolved": 8, "cancelled": 7, "denied": 3, "done": 10},
    },
}


@pytest.mark.parametrize("name", SEEN)
def test_vocabularies_that_were_seen_are_as_seen(name):
    chosen = CodeLists.load()[name]

    assert {word: chosen.look_up([word]) for word in SEEN[name]} == SEEN[name]
    assert len(chosen.lines) == len(SEEN[name]) and "[seen]" in chosen.source


def test_the_igate_family_vocabulary_is_as_seen():
    """CONTRACTS section 4: numbers 0..9 and 12..19; each has one name here, and counts only together with it."""
    lines = [line for line in CodeLists.load()["vnpt_igate_status"].lines if line.parts == ("id", "name")]

    assert {int(str(line.key[0])): line.value for line in lines} == dict(
        zip([*range(10), *range(12, 20)], [1, 4, 4, 5, 4, 10, 9, 7, 8, 6, 4, 4, 6, 4, 3, 4, 7, 2], strict=True)
    )


DATED = HEAD + (
    "entries:\n"
    "  - {code: '00001', is: old, valid_to: 2025-06-30}\n"
    "  - {code: '00001', is: new, valid_from: 2025-07-01}\n"
    "  - {code: '00002', is: gone, valid_to: 2025-06-30}\n"
)


def test_the_day_decides_between_dated_entries(load):
    units = load(DATED)["units"]

    assert units.dated
    assert units.look_up(["00001"], date(2025, 6, 30)) == "old"
    assert units.look_up(["00001"], date(2025, 7, 1)) == "new"
    for code, on in (("00002", date(2025, 7, 1)), ("00001", None)):
        with pytest.raises(Refused):
            units.look_up([code], on)


def test_a_rule_on_a_dated_list_takes_the_day_of_receipt_or_the_time_it_names(load, tmp_path, igate):
    lists = load(DATED)
    base = (Path(__file__).parents[2] / "mappings/vnpt_igate.yaml").read_text("utf-8")
    rule = "commune: {from: applicant.data.village.value, list: units%s}"
    folder = tmp_path / "own"
    folder.mkdir()

    def mapping(more):
        text = base.replace("commune:              applicant.data.village.value", rule % more)
        (folder / "vnpt_igate.yaml").write_text(text, encoding="utf-8")
        return load_mapping("vnpt_igate", folders=[folder], lists=lists)

    with pytest.raises(MappingError, match="Did you mean `received_at`"):
        mapping(", at: recieved_at")

    record = igate(acceptedDate="2025-06-30T17:00:00.000+0000")
    record["applicant"]["data"]["village"]["value"] = "00001"
    for more in ("", ", at: received_at"):
        record["acceptedDate"] = "2025-06-30T17:00:00.000+0000"
        assert mapping(more).map(record).record["commune"] == "new"
        record["acceptedDate"] = "2025-06-30T16:59:59.000+0000"
        assert mapping(more).map(record).record["commune"] == "old"
    record["acceptedDate"], record["appliedDate"] = "", "2025-06-30T17:00:00.000+0000"
    assert mapping("").map(record).record["commune"] == "new", "not received yet: the day it was submitted"
    record["acceptedDate"] = "2025-06-30T16:59:59.000+0000"
    record["applicant"]["data"]["village"]["value"] = "00009"
    (finding,) = mapping("").map(record).findings
    assert (finding.reason, finding.value) == ("unmapped_commune", "00009 / 2025-06-30")


def test_a_dated_list_in_a_record_without_a_time_is_told_with_both_lines(load, tmp_path):
    lists = load(DATED)
    (tmp_path / "own").mkdir()
    rules = "procedure:\n  procedure_code: code\n  name: name\n  level: {from: level, list: units}\n"
    (tmp_path / "own/mine.yaml").write_text(f"mapping: mine\nsource: '[style] made'\n{rules}", encoding="utf-8")

    with pytest.raises(MappingError) as caught:
        load_mapping("mine", "procedure", folders=[tmp_path / "own"], lists=lists)

    said = str(caught.value)
    assert "mine.yaml:6:" in said and "a/codelists/units.yaml:7" in said and "take valid_from and valid_to off" in said


def test_overlapping_days_are_refused_with_both_lines(load):
    error = fault(load, DATED.replace("valid_from: 2025-07-01", "valid_from: 2025-06-30"))

    assert (error.file, error.line) == ("a/codelists/units.yaml", 8)
    assert "already decided for the same days on line 7" in str(error)


def test_a_code_said_twice_in_other_letters_is_refused(load):
    error = fault(load, HEAD + "entries:\n  - {code: Ab, is: x}\n  - {code: aB, is: y}\n")

    assert error.line == 8


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (HEAD + "entries:\n  - {cod: '1', is: x}\n", 7, "Did you mean `code`?"),
        (HEAD + "entries:\n  - {is: x}\n", 7, "the entry decides by nothing"),
        (HEAD + "entries:\n  - {code: '', is: x}\n", 7, "a part of the key is blank"),
        (HEAD + "entries:\n  - {code: '1'}\n", 7, "this key is missing"),
        (HEAD + "entries:\n  - {code: '1', is: x, valid_from: soon}\n", 7, "not a day"),
        (HEAD + "entries:\n  - {code: '1', is: x, valid_from: 2026-01-02, valid_to: 2026-01-01}\n", 7, "lies before"),
        (HEAD.replace("to: text", "to: int") + "entries:\n  - {code: '1', is: x}\n", 7, "not a whole number"),
        (HEAD.replace("to: text", "to: txt") + "entries: []\n", 4, "Did you mean `text`?"),
        (HEAD + "match: [[cod]]\nentries: []\n", 6, "Did you mean `code`?"),
        (HEAD.replace("list: units", "list: unit") + "entries: []\n", 1, "the file is named `units`"),
        (HEAD + "extend: true\nentries: []\n", 6, "no other folder has a list `units`"),
        (HEAD + "rows: {file: none.csv, is: name}\n", 6, "cannot be read"),
        (HEAD + "rows: {file: ../../none.csv, is: name}\n", 6, "is not the name of a file"),
    ],
)
def test_a_lists_errors_name_file_and_line(load, text, line, told):
    error = fault(load, text)

    assert (error.file, error.line) == ("a/codelists/units.yaml", line)
    assert told in str(error)


def test_ones_own_list_replaces_or_extends_the_one_below(load):
    under = HEAD + "entries:\n  - {code: '1', is: a}\n  - {code: '2', is: b}\n"
    over = HEAD + "extend: true\nentries:\n  - {code: '2', is: B}\n  - {code: '3', is: C}\n"

    extended = load(over, under=under)["units"]
    assert [extended.look_up([code]) for code in "123"] == ["a", "B", "C"]

    replaced = load(over.replace("extend: true\n", ""), under=under)["units"]
    with pytest.raises(Refused):
        replaced.look_up(["1"])


def test_codes_with_leading_zeros_stay_text(load):
    codes = load(HEAD + "entries:\n  - {code: 010, is: 01}\n  - {code: 1.001612, is: no}\n")["units"]

    assert (codes.look_up(["010"]), codes.look_up(["1.001612"])) == ("01", "no")
    with pytest.raises(Refused):
        codes.look_up(["8"])


def test_lists_may_stand_beside_ones_own_mappings(load, tmp_path):
    load(HEAD + "entries:\n  - {code: '1', is: a}\n")
    (tmp_path / "a" / "mappings").mkdir()

    assert "units" in CodeLists.load([tmp_path / "a" / "mappings"])


def test_the_agency_codes_come_from_their_table():
    agencies = CodeLists.load()["agencies"]

    assert (agencies.look_up(["H38"]), agencies.look_up(["H48"])) == ("Lào Cai", "Quảng Ngãi")
    assert len(agencies.lines) == 67
    assert sorted({str(line.note).split(";")[0] for line in agencies.lines}) == [
        "confidence: direct",
        "confidence: interpolated",
    ]


def test_a_surviving_provinces_code_also_serves_those_it_absorbed():
    """Lào Cai (old 10) kept its name and took the code 15 of Yên Bái, whose area goes by H38 since then."""
    lists, edition = CodeLists.load(), units()
    before, after = date(2025, 6, 30), REFORM
    served = lists["province_agencies"]

    assert (served.look_up(["15"], before), served.look_up(["15"], after)) == ("H63", "H38")
    assert (served.look_up(["10"], before), served.look_up(["10"], after)) == ("H38", "H38")
    for old, new in edition.province_successor.items():
        codes = {province: _or_none(served, province, after) for province in (old, new)}
        assert codes[old] == codes[new], f"{old} and {new} are one province"
    for line in served.lines:
        unit = edition.unit(str(line.key[0]), before if line.last < after else after)
        name = lists["agencies"].look_up([line.value]).removeprefix("Thừa Thiên ")
        assert unit is None or name in unit.name


def _or_none(chosen, code, on):
    try:
        return chosen.look_up([code], on)
    except Refused:
        return None


def test_words_of_channels_applicants_and_levels_have_their_national_numbers():
    lists = CodeLists.load()

    assert [lists["channels"].look_up([word]) for word in ("trực tiếp", "online", "Dịch vụ bưu chính")] == [1, 2, 3]
    assert [lists["applicant_kinds"].look_up([w]) for w in ("Công dân", "Doanh nghiệp", "Tổ chức")] == [1, 2, 4]
    levels = lists["levels"]
    assert [levels.look_up([word], REFORM) for word in ("Cấp Bộ", "cấp tỉnh", "Cấp xã")] == [0, 1, 3]
    assert levels.look_up(["Cấp huyện"], date(2025, 6, 30)) == 2
    with pytest.raises(Refused):
        levels.look_up(["Cấp huyện"], REFORM)


def test_result_types_and_procedures_come_from_their_tables():
    lists = CodeLists.load()

    assert len(lists["result_types"].lines) == 2_278 and len(lists["procedures"].lines) == 2_851
    assert lists["result_types"].look_up(["KQ.G01.000005"]).startswith("Giấy phép vào khu vực cấm")
    assert lists["procedures"].look_up(["1.000005"]).startswith("Thủ tục hải quan")


TABLE = HEAD + "rows: {file: units.csv, is: name, notes: [why]}\n"


@pytest.mark.parametrize(
    ("table", "line", "told"),
    [
        ("code,name,why,valid_from\n1,a,,\n1,b,,\n", 3, "already decided for the same days on line 2"),
        ("code,name,why,valid_from\n1,a,,\n,b,,\n", 3, "the row is filled in no part"),
        ("code,name,why,valid_from\n1,,,\n", 2, "the code is blank"),
        ("code,name,why,valid_from\n1,a,,soon\n", 2, "this is not a day"),
        ("code,name\n1,a\n", 6, "`units.csv` has no column `why`"),
    ],
)
def test_a_tables_errors_name_its_own_line(load, tmp_path, table, line, told):
    (tmp_path / "a" / "codelists").mkdir(parents=True)
    (tmp_path / "a" / "codelists" / "units.csv").write_text(table, encoding="utf-8")
    lists = load(TABLE)
    assert "units" in lists, "a table is read when its list is asked"

    with pytest.raises(MappingError) as error:
        lists["units"]

    name = "units.yaml" if "column" in told else "units.csv"
    assert (error.value.file, error.value.line) == (f"a/codelists/{name}", line)
    assert told in str(error.value)
    assert dict(check_lists([tmp_path / "a"]))["units"] == error.value.faults


def test_an_entry_and_a_table_that_decide_the_same_are_refused_with_both_files(load, tmp_path):
    (tmp_path / "a" / "codelists").mkdir(parents=True)
    (tmp_path / "a" / "codelists" / "units.csv").write_text("code,name,why\n1,a,x\n", encoding="utf-8")

    with pytest.raises(MappingError) as error:
        load(TABLE + "entries:\n  - {code: '1', is: b}\n")["units"]

    assert (error.value.file, error.value.line) == ("a/codelists/units.csv", 2)
    assert "already decided for the same days on a/codelists/units.yaml:8" in str(error.value)


def test_a_finding_says_which_list_does_not_know_the_value(igate):
    record = igate()
    record["dossierStatus"] = {"id": 77, "name": "Chờ trời"}
    record["dossierTaskStatus"] = None

    (finding,) = [one for one in load_mapping("vnpt_igate").map(record).findings if one.field == "status"]

    assert (finding.reason, finding.detail) == ("unmapped_status", "list vnpt_igate_status")
    assert finding.value and "77 / Chờ trời" in finding.value


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    (tmp_path / "own").mkdir()
    monkeypatch.setenv("LIENTHONG_CONFIG", str(tmp_path / "own"))
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path / "home"))

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(("codes", *words))
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


def test_the_commands_list_show_and_check(say, load):
    code, text, _ = say("list", "--json")
    found = {one["list"]: one for one in json.loads(text)["lists"]}
    assert code == 0 and found["levels"]["dated"] and not found["channels"]["dated"]
    assert all("[" in one["source"] or one["entries"] == 0 for one in found.values())
    code, text, _ = say("show", "province_agencies", "15", "--on", "30/06/2025", "--json")
    assert (code, json.loads(text)["is"]) == (0, "H63")
    assert json.loads(say("show", "province_agencies", "15", "--json")[1])["reason"] == "dated"
    assert say("show", "vnpt_igate_status", "-", "-", "Đang xử lý")[0] == 0
    code, text, _ = say("show", "vnpt_igate_status", "2", "--json")
    assert (code, json.loads(text)["reason"]) == (1, "unmapped_status")
    assert say("show", "vnpt_igate_statu")[0] == 2 and say("show", "channels", "a", "b")[0] == 2
    assert say("check")[0] == 0
    fault(load, DATED.replace("2025-07-01", "2025-06-30"), folder="own")
    code, text, _ = say("check", "--json")
    assert code == 1 and json.loads(text)["ok"] is False
    (told,) = json.loads(text)["faults"]
    assert (told["file"], told["line"]) == ("own/codelists/units.yaml", 8)
