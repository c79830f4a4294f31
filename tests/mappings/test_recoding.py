"""Recoding: every code becomes one of the plan's day or is held with its candidates; the old one stays beside it."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.errors import MappingError
from mappings.new_agencies import NewAgencies, agency_key, read_agencies
from mappings.recoding import Levels, Recoding
from mappings.resolving import resolve
from mappings.units import Unit, units
from schemas.records import VIET_NAM

ON = date(2026, 7, 1)
BEFORE, AFTER = datetime(2025, 3, 4, 8, tzinfo=VIET_NAM), datetime(2026, 3, 4, 8, tzinfo=VIET_NAM)
HEAD = "source,old_code,commune,new_code,new_name,level,note"
TABLE = f"""{HEAD}
,,31120,H13.50.01,UBND phường Cái Khế,3,
,,31150,H13.50.04,UBND phường An Bình,3,
hau_giang,000.00.11.H30,,H13.11,Sở Tư pháp,1,
hau_giang,000.07.40.H30,,,,,theo cấp thực hiện
hau_giang,000.08.40.H30,,,,,theo cấp thực hiện
hau_giang,000.08.40.H30,,H13.15,Sở Nội vụ,1,
hau_giang,H30.47.12,,,,3,xã bị chia
soc_trang,000.01.40.H51,,,,,
soc_trang,*,,H13.15,Sở Nội vụ,1,
"""
LEVELS = {"1.000001": frozenset({1}), "1.000003": frozenset({3}), "1.000013": frozenset({0, 1, 3})}


def levels(code: str) -> frozenset[int]:
    return LEVELS.get(code, frozenset())


def table(tmp_path: Path, text: str = TABLE) -> NewAgencies:
    path = tmp_path / "x.agencies.csv"
    path.write_text(text, "utf-8")
    return read_agencies(path, ["hau_giang", "soc_trang"], units(), ON)


def recoding(source: str = "hau_giang", agencies: NewAgencies | None = None, **more: Any) -> Recoding:
    known: Levels = levels
    return Recoding(source, ON, units(), agencies, levels=known, **more)


def dossier(commune: str | None = None, at: datetime = BEFORE, **more: Any) -> dict[str, Any]:
    record = {"dossier_code": "H30-1", "received_at": at, "commune": commune, "province": None, "address": None}
    return {**record, "agency_code": None, "agency_name": None, "procedure_code": None, **more}


def old_communes() -> Iterator[Unit]:
    return units().of_level("commune", date(2025, 6, 30))


def test_every_old_commune_becomes_a_unit_in_force_or_is_held_with_the_candidates_and_none_is_guessed() -> None:
    recode, seen, held = recoding().recode, 0, 0
    successors = units().successors
    for old in old_communes():
        record = dossier(old.code, province=old.province)
        findings = recode(record)
        seen += 1
        parts = {one.code for one in successors[old.code] if one.kind != "unpopulated_area"}
        if findings:
            held += 1
            [one] = findings
            assert (one.reason, one.field, one.value) == ("commune_undecided", "commune", old.code)
            named = {word.split()[0] for word in (one.detail or "").split("; ")}
            assert named == parts and len(parts) > 1
            assert "part_area_all_population" not in {one.split_part for one in successors[old.code]}
            assert record["commune"] == old.code
            assert not [part for part in record.get("former", ()) if part["field"] == "commune"]
            continue
        unit = units().unit(record["commune"], ON)
        assert unit and unit.level == "commune"
        assert record["province"] == unit.province
        if len(parts) == 1:
            kept = [part for part in record.get("former", ()) if part["field"] == "commune"]
            assert kept or (unit.code, unit.name) == (old.code, old.name)
            assert all(one == {**one, "code": old.code, "name": old.name, "on": "2025-03-04"} for one in kept)
    assert seen == 10_035
    assert 0 < held < 500


@settings(max_examples=150)
@given(
    code=st.sampled_from([*sorted(one.code for one in old_communes()), "00000", "99999", "3123", "916", "92", "Xã X"]),
    at=st.datetimes(datetime(2024, 1, 1), datetime(2026, 6, 30)),
    address=st.none() | st.sampled_from(["Ấp 3", "Phường An Bình, Thành phố Cần Thơ", "Xã Tân Lập (nay là Xã Hòa An)"]),
)
def test_a_code_of_any_day_is_in_force_on_the_plan_s_day_or_stays_and_holds(
    code: str, at: datetime, address: str | None
) -> None:
    record = dossier(code, at.replace(tzinfo=VIET_NAM), address=address)
    findings = recoding().recode(record)
    if findings:
        assert record["commune"] == code
        assert {one.reason for one in findings} <= {"commune_undecided", "unknown_commune", "bad_code"}
    else:
        unit = units().unit(record["commune"], ON)
        assert unit and unit.level == "commune"
        if record["commune"] != code:
            assert [one["code"] for one in record["former"]] == [code]


def test_the_day_of_the_dossier_decides_what_a_reused_code_means() -> None:
    """31120 was Phường An Hòa, which became part of the new Phường Cái Khế with the same code."""
    old, new = dossier("31120"), dossier("31120", AFTER)
    assert not recoding().recode(old) and not recoding().recode(new)
    assert old["commune"] == new["commune"] == "31120"
    assert [(one["code"], one["name"], one["way"]) for one in old["former"]] == [("31120", "Phường An Hòa", "whole")]
    assert "former" not in new  # it may be the new one: nothing is said of it


def test_a_split_commune_is_told_by_its_address_and_held_without() -> None:
    recode = recoding().recode
    held = dossier("31183")
    [one] = recode(held)
    assert one.detail == "31150 Phường An Bình; 31183 Phường Long Tuyền"
    told = dossier("31183", address="Phường Long Tuyền, Quận Bình Thủy (nay là Phường An Bình, Thành phố Cần Thơ)")
    assert not recode(told)
    assert (told["commune"], told["former"][0]["way"]) == ("31150", "address")


def test_a_district_where_a_commune_is_expected_is_held_or_told_by_the_address() -> None:
    recode = recoding().recode
    [one] = recode(dossier("916", AFTER))
    assert one.reason == "commune_undecided" and "31120 Phường Cái Khế" in (one.detail or "")
    told = dossier("916", AFTER, address="Số 1, phường An Hòa, quận Ninh Kiều, thành phố Cần Thơ")
    assert not recode(told)
    assert told["commune"] == "31120"


@pytest.mark.parametrize(
    ("code", "reason"),
    [("99999", "unknown_commune"), ("3123", "bad_code"), ("92", "bad_code"), ("Cái Khế", "bad_code")],
)
def test_a_code_that_no_crosswalk_knows_is_held_by_name_and_stays(code: str, reason: str) -> None:
    record = dossier(code)
    assert [one.reason for one in recoding().recode(record)] == [reason]
    assert record["commune"] == code and "former" not in record


def test_the_old_province_becomes_the_new_one() -> None:
    record = dossier(province="93")
    assert not recoding().recode(record)
    assert record["province"] == "92"
    [kept] = record["former"]
    assert kept == {**kept, "field": "province", "code": "93", "name": "Tỉnh Hậu Giang", "on": "2025-03-04"}
    [one] = recoding().recode(dossier(province="99"))
    assert one.reason == "province_undecided"


def test_a_record_without_codes_is_left_as_it_was() -> None:
    record = dossier()
    assert not recoding().recode(record)
    assert record == dossier()


def test_an_agency_is_known_by_both_forms_of_its_code(tmp_path: Path) -> None:
    agencies = table(tmp_path)
    for code in ("000.00.11.H30", "H30.11", "h30.11"):
        record = dossier(agency_code=code, agency_name="Sở Tư pháp tỉnh Hậu Giang")
        assert not recoding(agencies=agencies).recode(record)
        assert (record["agency_code"], record["agency_name"], record["level"]) == ("H13.11", "Sở Tư pháp", 1)
        assert record["former"][0]["name"] == "Sở Tư pháp tỉnh Hậu Giang"
    new = dossier(agency_code="000.00.11.H13", agency_name="Sở Tư pháp")
    assert not recoding(agencies=agencies).recode(new)
    assert agency_key(new["agency_code"]) == "H13.11"


@pytest.mark.parametrize(
    ("source", "agency", "procedure", "becomes", "level"),
    [
        ("hau_giang", "000.07.40.H30", "1.000003", "H13.50.01", 3),
        ("hau_giang", "000.07.40.H30", "1.000013", "H13.50.01", 3),
        ("hau_giang", "H30.40.07", "1.000001", None, None),
        ("hau_giang", "000.08.40.H30", "1.000001", "H13.15", 1),
        ("hau_giang", "000.08.40.H30", "1.000003", "H13.50.01", 3),
        ("hau_giang", "000.08.40.H30", "9.999999", None, None),
        ("hau_giang", "000.12.47.H30", "9.999999", "H13.50.01", 3),
        ("soc_trang", "000.01.40.H51", "1.000001", "H13.15", 1),
        ("soc_trang", "000.99.40.H51", "1.000001", None, None),
    ],
)
def test_a_district_s_dossiers_go_by_the_level_that_carries_the_procedure_out_today(
    tmp_path: Path, source: str, agency: str, procedure: str, becomes: str | None, level: int | None
) -> None:
    record = dossier("31117", agency_code=agency, agency_name="UBND huyện", procedure_code=procedure)
    findings = recoding(source, table(tmp_path)).recode(record)
    if becomes:
        assert not findings
        assert (record["agency_code"], record["level"]) == (becomes, level)
        assert (record["former"][-1]["code"], record["former"][-1]["name"]) == (agency, "UBND huyện")
    else:
        assert [(one.reason, one.value) for one in findings] == [("agency_not_recoded", agency)]
        assert findings[0].detail and record["agency_code"] == agency


def test_the_committee_waits_for_the_commune_and_needs_a_row(tmp_path: Path) -> None:
    recode = recoding(agencies=table(tmp_path)).recode
    undecided = dossier("31183", agency_code="000.07.40.H30", procedure_code="1.000003")
    assert [one.field for one in recode(undecided)] == ["commune"]
    for commune, words in (("31135", "no row names the committee of commune 31135"), (None, "the dossier names none")):
        [one] = recode(dossier(commune, agency_code="000.07.40.H30", procedure_code="1.000003"))
        assert one.reason == "agency_not_recoded" and words in (one.detail or "")


def test_what_a_person_decided_of_one_record_counts_most_and_of_a_code_where_nothing_else_tells(tmp_path: Path) -> None:
    decisions = {
        ("commune", "31183", ""): "31150",
        ("commune", "31183", "K1"): "31183",
        ("commune", "31120", "K2"): "31150",
        ("agency_code", "000.99.40.H30", ""): "H13.11",
        ("dossier_code", "H30-1", ""): "H30-1-HG",
    }
    recode = recoding(agencies=table(tmp_path), decisions=decisions).recode

    def became(key: str, commune: str, **more: Any) -> tuple[Any, ...]:
        record = dossier(commune, agency_code="000.99.40.H30", **more)
        assert not recode(record, key)
        assert ("dossier_code", "H30-1", "decision") in {(p["field"], p["code"], p["way"]) for p in record["former"]}
        return record["commune"], record["agency_code"], record["dossier_code"]

    assert became("K0", "31183") == ("31150", "H13.11", "H30-1-HG")
    assert became("K1", "31183")[0] == "31183"
    assert became("K2", "31120")[0] == "31150"
    named = "Phường Long Tuyền, Quận Bình Thủy (nay là Phường Long Tuyền, Thành phố Cần Thơ)"
    by_address = resolve("31183", ON, named, era="old").unit
    assert became("K0", "31183", address=named)[0] == (by_address.code if by_address else "31150")


@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        ("soctrang,000.01.40.H51,,,,,", 2, "no source of the plan. Did you mean `soc_trang`"),
        ("hau_giang,000.00.11.H30,,H13.1,A,1,\nhau_giang,H30.11,,H13.2,B,1,", 3, "goes to H13.1 (line 2)"),
        ("hau_giang,000.00.11.H30,,H13.11,,1,", 2, "has no name"),
        ("hau_giang,000.00.11.H30,,H13.11,Sở Tư pháp,2,", 2, "no level of handling"),
        ("hau_giang,000.00.11.H30,,,,1,", 2, "no department is named"),
        (",,31117,H13.50.01,UBND phường Cái Khế,3,", 2, "no commune has the code `31117` on 01/07/2026"),
        (",,31120,H13.1,A,3,\n,,31120,H13.2,B,3,", 3, "has already the committee H13.1"),
        ("hau_giang,*,,,,,", 2, "names one department"),
        ("hau_giang,000.00.11.H30", 2, "the row has 2 cells, the header 7"),
    ],
)  # fmt: skip
def test_a_wrong_row_of_the_table_is_told_with_file_and_line(tmp_path: Path, rows: str, line: int, words: str) -> None:
    with pytest.raises(MappingError) as error:
        table(tmp_path, f"{HEAD}\n{rows}\n")
    assert (error.value.file, error.value.line) == ("x.agencies.csv", line)
    assert words in str(error.value)


def test_a_missing_column_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"x.agencies.csv:1: new_name: there is no such column"):
        table(tmp_path, "source,old_code,new_code,level\n")
