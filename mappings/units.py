"""Administrative units on a day, before and after the reform of 2025-07-01, and which unit became which.

Codes are reused: almost every new commune code was an old code of another area, so a unit is a code and a day. Codes
are text: 2 digits a province, 3 a district (abolished), 5 a commune. `mappings.resolving` answers for a code that may
be of either era; `mappings.editions` reads the tables. Sources in `units/SOURCES.md`.
"""

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mappings.editions import Edition

Level = Literal["province", "district", "commune"]

FOLDER = Path(__file__).resolve().parent / "units"
REFORM = date(2025, 7, 1)
"""First day of the two-level units."""

LEVELS: dict[int, Level] = {2: "province", 3: "district", 5: "commune"}
"""Level by the digits of a code."""

TYPES = ("Thành phố", "Tỉnh", "Quận", "Huyện", "Thị xã", "Phường", "Xã", "Thị trấn", "Đặc khu")
"""The words for what a unit is."""

_FIRST_WORDS = {word.split()[0]: len(word.split()) for word in TYPES}


def type_of(name: str) -> str:
    """The word for what a unit is, from its name, whatever its capitals (`Thị Trấn Yên Minh`); "" without one."""
    words = name.split(" ", 2)
    count = _FIRST_WORDS.get(words[0].capitalize(), 0)
    found = " ".join(words[:count]).capitalize()
    return found if count < len(words) and found in TYPES else ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit under one name, from and until a day (inclusive; open ends are None). `type` is one of `TYPES`."""

    code: str
    level: Level
    name: str
    type: str
    province: str | None
    district: str | None
    valid_from: date | None
    valid_to: date | None
    established_by: str | None

    def holds_on(self, on: date) -> bool:
        return (self.valid_from or date.min) <= on <= (self.valid_to or date.max)


@dataclass(frozen=True, slots=True)
class Successor:
    """A unit that took another one, or a part of it, on a day. `kind` and `split_part` are the table's own words."""

    code: str
    kind: str
    split_part: str | None
    official_note: str
    day: date = REFORM


@dataclass(frozen=True, slots=True)
class Units:
    """Every edition's units and the crosswalk between them.

    `by_code` holds a unit's rows in time order, `successors` what became of a province, a district without communes
    or a commune, `province_successor` the province of the reform by the code of each one before it, `children` the
    codes of the districts of a province before the reform and of the communes of a district.
    """

    by_code: Mapping[tuple[Level, str], tuple[Unit, ...]]
    successors: Mapping[str, tuple[Successor, ...]]
    province_successor: Mapping[str, str]
    children: Mapping[str, tuple[str, ...]] = field(repr=False)
    editions: tuple["Edition", ...] = ()
    _levels: dict[Level, tuple[Unit, ...]] = field(default_factory=dict, repr=False, compare=False)

    def rows(self, code: str) -> tuple[Unit, ...]:
        """All rows of a code in time order; none for an unknown one."""
        level = LEVELS.get(len(code))
        return self.by_code.get((level, code), ()) if level else ()

    def unit(self, code: str, on: date) -> Unit | None:
        """The unit of a code on a day; None when no unit has that code then."""
        return next((unit for unit in self.rows(code) if unit.holds_on(on)), None)

    def of_level(self, level: Level, on: date) -> Iterator[Unit]:
        """The units of a level in force on a day."""
        if level not in self._levels:  # an address asks for the provinces, of which there are few
            rows = (rows for (unit_level, _), rows in self.by_code.items() if unit_level == level)
            self._levels[level] = tuple(unit for some in rows for unit in some)
        yield from (unit for unit in self._levels[level] if unit.holds_on(on))

    def of_era(self, level: Level, new: bool) -> Iterator[Unit]:
        """Rows of the units before the reform, or from it on."""
        for (unit_level, _), rows in self.by_code.items():
            if unit_level == level:
                yield from (unit for unit in rows if (unit.valid_to is None or unit.valid_to >= REFORM) == new)


def unit_name(code: str, on: date) -> str | None:
    """The name of a unit on a day (`Phường Sa Pa`), None for a code that no unit has then."""
    unit = units().unit(code, on)
    return unit.name if unit else None


def units(folders: Sequence[Path] = ()) -> Units:
    """The units of the package with the editions of an engineer's own folders over them, read once and checked.

    `folders` are configuration roots, in which `units/<edition>/` are looked for. Raises MappingError.
    """
    own = tuple(Path(folder) / "units" for folder in folders)
    return _loaded(tuple(folder for folder in own if folder.is_dir()))


@lru_cache(maxsize=4)
def _loaded(own: tuple[Path, ...]) -> Units:
    from mappings.editions import load_units

    was_on = gc.isenabled()
    gc.disable()  # forty thousand objects that stay: looking for cycles among them takes a third of loading them
    try:
        return load_units(FOLDER, own)
    finally:
        if was_on:
            gc.enable()
