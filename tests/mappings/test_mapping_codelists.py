"""Code lists: keys of several parts, validity days, overlapping entries refused by line."""

from datetime import date
from pathlib import Path

import pytest

from mappings import CodeLists, MappingError, load_mapping
from mappings.mapped import Refused

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
    for name in ("vnpt_igate_status", "viettel_onegate_status"):
        assert {line.value for line in CodeLists.load()[name].lines} <= set(range(1, 11))


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


def test_a_dated_list_without_a_day_is_an_error_of_the_rule(load, tmp_path, igate):
    lists = load(DATED)
    base = (Path(__file__).parents[2] / "mappings/vnpt_igate.yaml").read_text("utf-8")
    rule = "commune: {from: applicant.data.village.value, list: units%s}"
    folder = tmp_path / "own"
    folder.mkdir()

    def mapping(more):
        text = base.replace("commune:              applicant.data.village.value", rule % more)
        (folder / "vnpt_igate.yaml").write_text(text, encoding="utf-8")
        return load_mapping("vnpt_igate", folders=[folder], lists=lists)

    with pytest.raises(MappingError, match="has dated entries, so a code needs a day"):
        mapping("")
    with pytest.raises(MappingError, match="Did you mean `received_at`"):
        mapping(", at: recieved_at")

    record = igate(acceptedDate="2025-06-30T17:00:00.000+0000")
    record["applicant"]["data"]["village"]["value"] = "00001"
    assert mapping(", at: received_at").map(record).record["commune"] == "new"
    record["acceptedDate"] = "2025-06-30T16:59:59.000+0000"
    assert mapping(", at: received_at").map(record).record["commune"] == "old"
    record["applicant"]["data"]["village"]["value"] = "00009"
    (finding,) = mapping(", at: received_at").map(record).findings
    assert (finding.reason, finding.value) == ("unmapped_commune", "00009 / 2025-06-30")


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
