"""The administrative units that come with the package: counted on every edition's day, and their names on a day."""

import csv
import shutil
from datetime import date
from itertools import pairwise

import pytest

from mappings import MappingError
from mappings.editions import counts, load_units
from mappings.units import FOLDER, unit_name, units


def test_every_edition_holds_what_it_says():
    edition = units()
    assert [(one.day, one.counts.provinces, one.counts.communes, one.counts.wards) for one in edition.editions] == [
        (date(2025, 6, 30), 63, 10_035, 1_728),
        (date(2025, 7, 1), 34, 3_321, 687),
        (date(2026, 4, 30), 34, 3_321, 697),
        (date(2026, 9, 1), 34, 3_321, 697),
        (date(2026, 9, 20), 34, 3_321, 709),
    ]
    for one in edition.editions:
        assert counts(edition, one.day).items() >= one.counts.model_dump(exclude_none=True).items()
    assert counts(edition, date(2025, 6, 30))["districts"] == 696
    assert counts(edition, date(2025, 7, 1))["splits"] == 440


def test_the_changes_of_2026_are_three_cities_and_22_wards_under_their_old_codes():
    rows = units().by_code.values()
    changed = [
        (before, after)
        for found in rows
        for before, after in pairwise(found)
        if after.valid_from and after.valid_from > date(2025, 7, 1)
    ]
    assert sum(after.level == "province" and after.type == "Thành phố" for _, after in changed) == 3
    assert sum((before.type, after.type) == ("Xã", "Phường") for before, after in changed) == 22
    assert len(changed) == 25


def test_a_reused_code_names_another_unit_on_each_side_of_the_reform():
    assert unit_name("03006", date(2025, 6, 30)) == "Phường Phan Si Păng"
    assert unit_name("03006", date(2025, 7, 1)) == "Phường Sa Pa"


def test_later_changes_hold_from_their_day():
    assert unit_name("22", date(2026, 8, 31)) == "Tỉnh Quảng Ninh"
    assert unit_name("22", date(2026, 9, 1)) == "Thành phố Quảng Ninh"


def test_districts_end_with_the_reform():
    assert unit_name("001", date(2025, 6, 30)) == "Quận Ba Đình"
    assert unit_name("001", date(2025, 7, 1)) is None
    assert unit_name("99999", date(2025, 7, 1)) is None


def broken(tmp_path, name, change):
    folder = shutil.copytree(FOLDER, tmp_path / "units")
    lines = (folder / name).read_text("utf-8").splitlines()
    change(lines)
    (folder / name).chmod(0o644)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(MappingError) as error:
        load_units(folder)
    return str(error.value)


def test_tables_with_a_missing_commune_are_refused(tmp_path):
    told = broken(tmp_path, "admin_units_new.csv", lambda lines: lines.pop())

    assert "editions.reform_2025" not in told and "edition reform_2025 holds 3,320, not 3,321." in told
    assert "units/editions.yaml:12: editions.1.counts.communes:" in told


def test_a_code_that_lost_its_zero_is_refused_by_line(tmp_path):
    def change(lines):
        lines[1] = lines[1].removeprefix("0")

    assert "admin_units_new.csv:2: code: `1` is not the code of a province" in broken(
        tmp_path, "admin_units_new.csv", change
    )


def test_a_commune_that_went_nowhere_and_one_that_became_nothing_are_refused(tmp_path):
    def change(lines):
        assert lines[1].startswith("00001,") and lines[2].startswith("00004,")
        lines[1] = lines[1].replace(",00097,", ",00098,")
        del lines[2]

    told = broken(tmp_path, "commune_crosswalk.csv", change)

    assert "commune_crosswalk.csv:2: there is no unit `00098` that day" in told
    assert "`00004` Phường Trúc Bạch ends before 2025-07-01, and nothing says what became of it" in told


def test_every_agency_of_the_code_list_lies_in_a_known_province():
    edition = units()
    with (FOLDER.parent / "codelists" / "agency_codes.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["level"] == "province"]
    assert all(edition.province_successor[row["old_province_code"]] == row["new_province_code"] for row in rows)
