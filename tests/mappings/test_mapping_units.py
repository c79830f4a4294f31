"""The administrative units that come with the package, counted, and their names on a day."""

import csv
import shutil
from datetime import date

import pytest

from mappings import MappingError
from mappings.units import COUNTS, FOLDER, counts, load_units, unit_name, units


def test_the_edition_holds_both_eras_and_the_whole_crosswalk():
    assert counts(units()) == COUNTS


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


def test_an_edition_with_a_missing_commune_is_refused(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "units")
    file = tmp_path / "units" / "admin_units_new.csv"
    file.write_text("\n".join(file.read_text("utf-8").splitlines()[:-1]) + "\n", encoding="utf-8")

    with pytest.raises(MappingError, match=r"new communes.* holds 3,320, not 3,321"):
        load_units(tmp_path / "units")


def test_a_code_that_lost_its_zero_is_refused_by_line(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "units")
    file = tmp_path / "units" / "admin_units_new.csv"
    lines = file.read_text("utf-8").splitlines()
    lines[1] = lines[1].removeprefix("0")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    with pytest.raises(MappingError, match=r"admin_units_new.csv:2: code: `1` is not the code of a province"):
        load_units(tmp_path / "units")


def test_every_agency_of_the_code_list_lies_in_a_known_province():
    edition = units()
    with (FOLDER.parent / "codelists" / "agency_codes.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["level"] == "province"]
    assert all(edition.province_successor[row["old_province_code"]] == row["new_province_code"] for row in rows)
