"""Administrative units before and after the reform of 2025-07-01, and which old commune went where.

Codes are reused: almost every new commune code was an old code of another area, so a unit is a code and a day. Codes
are text: 2 digits a province, 3 a district (abolished), 5 a commune. Sources in `units/SOURCES.md`.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

from mappings.errors import Fault, MappingError

Level = Literal["province", "district", "commune"]

FOLDER = Path(__file__).resolve().parent / "units"
REFORM = date(2025, 7, 1)
"""First day of the two-level units."""

_LEVELS: dict[int, Level] = {2: "province", 3: "district", 5: "commune"}
COUNTS = {
    "old provinces": 63,
    "old districts": 696,
    "old communes": 10_035,
    "new provinces": 34,
    "new communes": 3_321,
    "old communes with a new unit": 10_035,
    "old communes that were split": 440,
    "old provinces with a new one": 63,
}
"""What every edition of the data must hold; distinct codes."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit under one name, from and until a day (inclusive; open ends are None)."""

    code: str
    level: Level
    name: str
    province: str | None
    district: str | None
    valid_from: date | None
    valid_to: date | None
    established_by: str | None

    def holds_on(self, on: date) -> bool:
        return (self.valid_from or date.min) <= on <= (self.valid_to or date.max)


@dataclass(frozen=True, slots=True)
class Successor:
    """A new commune that took an old one, or a part of it. `kind` and `split_part` are the table's own words."""

    code: str
    name: str
    province: str
    kind: str
    split_part: str | None
    official_note: str


@dataclass(frozen=True, slots=True)
class Units:
    """Both eras and the crosswalk between them. `by_code` holds a unit's rows in time order."""

    by_code: dict[tuple[Level, str], tuple[Unit, ...]]
    successors: dict[str, tuple[Successor, ...]]
    province_successor: dict[str, str]

    def unit(self, code: str, on: date) -> Unit | None:
        """The unit of a code on a day; None when no unit has that code then."""
        level = _LEVELS.get(len(code))
        rows = self.by_code.get((level, code), ()) if level else ()
        return next((unit for unit in rows if unit.holds_on(on)), None)

    def of_era(self, level: Level, new: bool) -> Iterator[Unit]:
        """Rows of the units before the reform, or from it on."""
        for (unit_level, _), rows in self.by_code.items():
            if unit_level == level:
                yield from (unit for unit in rows if (unit.valid_to is None or unit.valid_to >= REFORM) == new)


def unit_name(code: str, on: date) -> str | None:
    """The name of a unit on a day (`Phường Sa Pa`), None for a code that no unit has then."""
    unit = units().unit(code, on)
    return unit.name if unit else None


@lru_cache(maxsize=1)
def units() -> Units:
    """The units that come with the package, read once and checked."""
    return load_units(FOLDER)


def load_units(folder: Path) -> Units:
    """Read an edition: admin_units_old, admin_units_new, commune_crosswalk, province_crosswalk (.csv).

    Raises MappingError, with file and line, when a row cannot be read or a count of `COUNTS` is not met.
    """
    rows: dict[tuple[Level, str], list[Unit]] = {}
    for file, era in (("admin_units_old.csv", None), ("admin_units_new.csv", REFORM)):
        for line, row in _rows(folder / file):
            unit = _unit(row, era, file, line)
            rows.setdefault((unit.level, unit.code), []).append(unit)
    successors: dict[str, list[Successor]] = {}
    for _, row in _rows(folder / "commune_crosswalk.csv"):
        successor = Successor(
            row["new_commune_code"],
            row["new_commune_name"],
            row["new_province_code"],
            row["kind"],
            row["split_part"] or None,
            row["official_note"],
        )
        successors.setdefault(row["old_commune_code"], []).append(successor)
    provinces = {
        row["old_province_code"]: row["new_province_code"] for _, row in _rows(folder / "province_crosswalk.csv")
    }
    made = Units(
        {key: tuple(sorted(found, key=lambda unit: unit.valid_from or date.min)) for key, found in rows.items()},
        {code: tuple(found) for code, found in successors.items()},
        provinces,
    )
    _check(made, folder)
    return made


def counts(edition: Units) -> dict[str, int]:
    """Distinct codes of an edition, under the names of `COUNTS`."""

    def distinct(level: Level, new: bool) -> set[str]:
        return {unit.code for unit in edition.of_era(level, new)}

    old = distinct("commune", False)
    new = distinct("commune", True)
    provinces = distinct("province", True)
    mapped = {code for code in old if any(s.code in new for s in edition.successors.get(code, ()))}
    split = {code for code in mapped if any(s.kind == "split" for s in edition.successors[code])}
    old_provinces = distinct("province", False)
    return {
        "old provinces": len(old_provinces),
        "old districts": len(distinct("district", False)),
        "old communes": len(old),
        "new provinces": len(provinces),
        "new communes": len(new),
        "old communes with a new unit": len(mapped),
        "old communes that were split": len(split),
        "old provinces with a new one": len(
            {p for p in old_provinces if edition.province_successor.get(p) in provinces}
        ),
    }


def _check(edition: Units, folder: Path) -> None:
    found = counts(edition)
    faults = [
        Fault(f"{folder.name}/", 1, name, f"the edition holds {found[name]:,}, not {expected:,}.", "Nothing was taken.")
        for name, expected in COUNTS.items()
        if found[name] != expected
    ]
    if faults:
        raise MappingError(faults)


def _unit(row: dict[str, str], era: date | None, file: str, line: int) -> Unit:
    level = _LEVELS.get(len(row["code"]))
    if level is None or level != row["level"]:
        what = f"`{row['code']}` is not the code of a {row['level']}."
        raise MappingError([Fault(file, line, "code", what, "Keep leading zeros: codes are text.")])
    return Unit(
        row["code"],
        level,
        row["name"],
        row.get("province_code") or None,
        row.get("district_code") or None,
        _day(row.get("valid_from"), file, line) or era,
        _day(row["valid_to"], file, line),
        row.get("established_by") or None,
    )


def _day(text: str | None, file: str, line: int) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise MappingError([Fault(file, line, "valid_from", f"`{text}` is not a day.", "Write 2025-07-01.")]) from None


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            for row in reader:
                yield reader.line_num, row
    except OSError as error:
        raise MappingError(
            [Fault(path.name, 1, "", f"cannot be read: {error.strerror}.", "Give all files.")]
        ) from error
