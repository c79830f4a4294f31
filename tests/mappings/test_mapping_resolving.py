"""What a code means on a day: every code, before, on and after the reform and the changes of 2026.

The tables themselves judge: these tests read the CSV files, not the tables that the program made of them.
"""

import csv
import unicodedata
from collections import defaultdict
from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.resolving import WHY, resolve
from mappings.unit_names import bare, fold
from mappings.units import FOLDER, REFORM, units

DAYS = [
    date(2019, 1, 1),
    *(REFORM + timedelta(shift) for shift in (-1, 0, 1)),
    *(day - timedelta(before) for day in (date(2026, 4, 30), date(2026, 9, 1), date(2026, 9, 20)) for before in (1, 0)),
    date(2026, 12, 31),
]


def table(name):
    with (FOLDER / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


OLD = [row["code"] for row in table("admin_units_old.csv") if row["level"] == "commune"]
NEW = {row["code"] for row in table("admin_units_new.csv")}
WENT: dict[str, list[dict[str, str]]] = defaultdict(list)
OF_DISTRICT: dict[str, set[str]] = defaultdict(set)
for one in table("commune_crosswalk.csv"):
    if one["old_commune_code"]:
        WENT[one["old_commune_code"]].append(one)
    if one["kind"] != "unpopulated_area":
        OF_DISTRICT[one["old_district_code"]].add(one["new_commune_code"])


OLD_CODES = {row["code"] for row in table("admin_units_old.csv")}


@cache
def in_force(on: date) -> set[str]:
    """The codes in force on a day, by the rows of the tables alone."""
    if on < REFORM:
        return OLD_CODES
    rows, day = table("admin_units_new.csv"), on.isoformat()
    return {
        row["code"] for row in rows if (row["valid_from"] or "2025-07-01") <= day <= (row["valid_to"] or "9999")
    }  # fmt: skip


LEADS = {
    code: (
        {row["new_commune_code"] for row in rows},
        {row["new_commune_code"] for row in rows if row["split_part"] == "part_area_all_population"},
    )
    for code, rows in WENT.items()
}
"""The units that took a part of an old commune, and the one that took all its people."""


@pytest.mark.parametrize("on", DAYS)
def test_every_old_code_gives_a_unit_in_force_or_exactly_the_crosswalks_candidates(on):
    assert len(OLD) == 10_035
    then = in_force(on)
    for code in OLD:
        found = resolve(code, on)
        targets, everybody = LEADS[code]
        if on < REFORM:
            assert found.unit and found.unit.code == code and found.way == ("in_force",)
        elif len(targets) == 1 or (len(everybody) == 1 and (code not in NEW or everybody == {code})):
            assert found.unit and {found.unit.code} == (everybody or targets), code
        else:
            assert found.unit is None and found.reason in ("split", "split_or_new")
            assert {one.unit.code for one in found.candidates} == targets, code
        for unit in [found.unit, *(one.unit for one in found.candidates)]:
            assert unit is None or (unit.holds_on(on) and unit.code in then)


@pytest.mark.parametrize("on", DAYS)
def test_every_new_code_gives_its_unit_where_no_old_commune_was_split_and_none_before_the_reform(on):
    for code in NEW - OLD_CODES:
        found = resolve(code, on)
        if on < REFORM:
            assert (found.unit, found.reason, found.candidates) == (None, "not_in_force", ())
        else:
            assert found.unit and found.unit.code == code and code in in_force(on)
    alone = [code for code in NEW & set(OLD) if len(WENT[code]) == 1]
    assert len(alone) == 3_178
    assert on < REFORM or all((unit := resolve(code, on).unit) and unit.code == code for code in alone)


@pytest.mark.parametrize("on", [date(2025, 6, 30), date(2025, 7, 1), date(2026, 10, 1)])
def test_districts_give_what_their_communes_became_and_provinces_the_one_that_took_them(on):
    for row in table("admin_units_old.csv"):
        found = resolve(row["code"], on)
        if on < REFORM:
            assert found.unit and found.unit.name == row["name"]
        elif row["level"] == "district":
            codes = {found.unit.code} if found.unit else {one.unit.code for one in found.candidates}
            assert codes == OF_DISTRICT[row["code"]], row["code"]
            assert (found.unit is None) == (len(codes) > 1)
    if on >= REFORM:
        for row in table("province_crosswalk.csv"):
            found = resolve(row["old_province_code"], on)
            assert found.unit and found.unit.code == row["new_province_code"]


@pytest.mark.parametrize(
    ("district", "zone"),
    [("318", "11948"), ("471", "19742"), ("498", "20333"), ("536", "21548"), ("755", "26732")],
)
def test_the_five_island_districts_without_communes_became_special_zones(district, zone):
    found = resolve(district, REFORM)

    assert found.unit and found.unit.code == zone and found.unit.name.startswith("Đặc khu ")
    assert found.way == ("district_to_commune",)


def test_what_is_known_of_the_sender_excludes_one_reading():
    """Old 00025, Ngọc Khánh, was split among three; new 00025 is Giảng Võ."""
    on = date(2026, 1, 5)

    assert resolve("00025", on).reason == "split_or_new"
    new, old = resolve("00025", on, era="new"), resolve("00025", on, era="old")
    assert new.unit and new.unit.name == "Phường Giảng Võ" and new.way == ("in_force",)
    assert (old.unit, old.reason, old.old and old.old.name) == (None, "split", "Phường Ngọc Khánh")
    assert resolve("00001", on, era="new").reason == "not_in_force"
    assert resolve("00025", date(2025, 6, 30), era="new").reason == "not_in_force"


SPLIT = [
    # Cống Vị (00007) -> Ngọc Hà, Giảng Võ. An old ward Giảng Võ stood in the same district.
    ("00007", "12 Đội Cấn, phường Giảng Võ, Hà Nội", "00025"),
    ("00007", "Phường Cống Vị, quận Ba Đình (nay là P. Giảng Võ), TP Hà Nội", "00025"),
    ("00007", "phuong Giang Vo, Ha Noi", None),
    ("00007", "phường Giảng Võ, quận Ba Đình, Hà Nội", None),
    ("00007", "số 3 Giảng Võ, Cống Vị, Ba Đình, Hà Nội", None),
    ("00007", "Giảng Võ, Hà Nội, Việt Nam", "00025"),
    ("00007", "phường Giảng Võ, phường Ngọc Hà, Hà Nội", None),
    ("00007", "phường Hồng Hà, Hà Nội", None),
    ("00007", "Số 9, Hà Nội", None),
    # Ngọc Hà (00016) -> Ba Đình, Ngọc Hà: the old name says nothing of the part.
    ("00016", "Phường Ngọc Hà, Hà Nội", None),
    ("00016", "phường Ngọc Hà cũ, Hà Nội", None),
    ("00016", "P.Ba Đình, TP.Hà Nội", "00004"),
    ("00016", "Ba Đình, Hà Nội", None),
    # Ngọc Khánh (00025) -> Ngọc Hà, Giảng Võ, Láng; the new 00025 is Giảng Võ.
    ("00025", "Phường Láng Hà Nội", "00199"),
    ("00025", "phường GIẢNG VÕ, Hà Nội", "00025"),
    ("00025", "Phường Ngọc Khánh, Ba Đình, Hà Nội", None),
]


@pytest.mark.parametrize(("code", "address", "decided"), SPLIT)
def test_a_split_commune_goes_by_the_one_candidate_that_an_address_names(code, address, decided):
    found = resolve(code, date(2026, 3, 1), address)

    assert (found.unit.code if found.unit else None) == decided
    if decided:
        assert (found.way, found.evidence) == (("address",), "names_one")
    else:
        assert {one.unit.code for one in found.candidates} == {row["new_commune_code"] for row in WENT[code]}
    assert address not in repr(found) and address not in str(found.as_dict())


def test_an_address_of_another_place_decides_nothing():
    assert resolve("00007", REFORM, "phường Hồng Hà, Hà Nội").evidence == "names_another"


def test_an_abolished_district_goes_by_its_commune_old_or_new():
    on = date(2026, 6, 1)

    def code(address):
        unit = resolve("001", on, address).unit
        return unit.code if unit else None

    assert code("Phường Phúc Xá, quận Ba Đình, Hà Nội") == "00097"
    assert code("phường Hồng Hà, Hà Nội") == "00097"
    narrowed = resolve("001", on, "Phường Cống Vị, quận Ba Đình, Hà Nội")
    assert narrowed.reason == "split"
    assert {one.unit.code for one in narrowed.candidates} == {"00008", "00025"}


UNDECIDED = sorted(code for code in OLD if len(WENT[code]) > 1 and resolve(code, REFORM).unit is None)


@given(st.sampled_from(UNDECIDED), st.sampled_from(DAYS[2:]), st.data())
def test_a_candidates_new_name_beside_the_new_province_decides_for_it_however_it_is_spelled(code, on, data):
    rows = WENT[code]
    row = data.draw(st.sampled_from(rows))
    unit = units().unit(row["new_commune_code"], on)
    province = units().unit(row["new_province_code"], on)
    assert unit and province
    spelled = data.draw(st.sampled_from([str, str.upper, str.lower, lambda text: unicodedata.normalize("NFD", text)]))

    found = resolve(code, on, spelled(f"tổ 4, {unit.name}, {province.name}"))

    if bare(unit.name) == bare(rows[0]["old_commune_name"]) and found.unit is None:
        assert found.evidence == "names_old_unit"
    else:
        assert found.unit and found.unit.code == unit.code


def test_the_provinces_name_tells_whether_a_communes_name_is_the_old_or_the_new_one():
    """Old X was split among new X and others: `X` beside the merged province is new, beside the old one not."""
    changed = [
        row
        for row in table("province_crosswalk.csv")
        if bare(row["old_province_name"]) != bare(row["new_province_name"])
    ]
    names = {row["old_province_code"]: (row["old_province_name"], row["new_province_name"]) for row in changed}
    tried = 0
    for code in UNDECIDED:
        for row in WENT[code]:
            if bare(row["new_commune_name"]) == bare(row["old_commune_name"]) and row["old_province_code"] in names:
                old, new = names[row["old_province_code"]]
                decided = resolve(code, REFORM, f"{row['new_commune_name']}, {new}")
                assert decided.unit and decided.unit.code == row["new_commune_code"]
                assert resolve(code, REFORM, f"{row['old_commune_name']}, {old}").unit is None
                tried += 1
    assert tried > 5


@given(st.sampled_from(UNDECIDED), st.text(st.sampled_from("Phường xã quận, Hà Nội tp. nay là cũ Giảng Võ;\n1́")))
def test_no_address_breaks_it_or_leads_out_of_the_candidates(code, address):
    found = resolve(code, REFORM, address)

    among = {found.unit.code} if found.unit else {one.unit.code for one in found.candidates}
    assert among <= LEADS[code][0] and (found.unit or among == LEADS[code][0])


def test_names_differ_by_tone_placement_only_and_are_one():
    pairs = [
        (row["name"], row["name_other_spelling"]) for row in table("admin_units_new.csv") if row["name_other_spelling"]
    ]
    assert len(pairs) > 180
    assert all(fold(name) == fold(other) for name, other in pairs)
    assert fold("Xã Hòa An") == fold("xã  HOÀ AN") != fold("Xã Hóa An")
    assert fold("Tân Lập") != fold("Tấn Lập")


def test_folding_merges_no_two_units_of_a_province():
    names = defaultdict(set)
    for row in table("admin_units_new.csv"):
        if row["level"] == "commune":
            names[row["province_code"], fold(row["name"])].add(row["code"])
    assert all(len(codes) == 1 for codes in names.values())


@pytest.mark.parametrize(
    ("code", "reason"), [("1", "bad_code"), ("", "bad_code"), ("H48", "bad_code"), ("٠٠٠٠١", "bad_code"),
                         ("99999", "unknown_code"), ("99", "unknown_code"), ("00001", None)],
)  # fmt: skip
def test_a_code_that_is_none_is_told_apart_from_one_that_nobody_has(code, reason):
    found = resolve(code, date(2026, 1, 1))

    assert found.reason == reason
    assert reason is None or (found.unit is None and reason in WHY)


def test_a_code_without_a_day_is_refused():
    with pytest.raises(ValueError, match="a code without a day means nothing"):
        resolve("00001", None)  # type: ignore[arg-type]


def test_a_name_that_an_old_ward_of_the_district_and_a_new_one_share_is_told_as_both():
    found = resolve("001", date(2026, 1, 1), "phường Ngọc Hà, Hà Nội")

    assert (found.reason, found.evidence) == ("abolished_district", "names_old_and_new")
    assert {one.unit.code for one in found.candidates} == {"00004", "00008"}
