"""The CSV tables of administrative units, read row by row: what cannot be read is told by file and line."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from mappings.errors import Fault, MappingError, near
from mappings.units import LEVELS, REFORM, TYPES, Level, Successor, Unit, type_of

KINDS = ("unchanged", "whole", "split", "district_to_commune", "unpopulated_area")
"""What became of a unit, in the words of the crosswalk."""
PARTS = ("part_area_and_population", "part_area_all_population", "part_area", "part_population", "area_only", "other")
"""What a unit took of one that was split. `part_area_all_population`: everybody who lived there."""

_TOLD = 20
"""Faults that are told of one file; a table that lost a column is wrong in every row."""
_DAY = timedelta(days=1)

Row = dict[str, str]


class Tables:
    """Units and crosswalk while editions are laid over each other, with the line that each row came from."""

    def __init__(self) -> None:
        self.units: dict[tuple[Level, str], list[Unit]] = {}
        self.successors: dict[str, list[Successor]] = {}
        self.faults: list[Fault] = []
        self.lines: dict[tuple[str, date | None], tuple[str, int]] = {}

    def take_units(self, path: Path, shown: str, columns: tuple[str, ...], first: date | None) -> None:
        """Lay unit rows over what is there: a row of the same code and first day is replaced, an open one before it
        ends the day before. `first` is the first day of a row that says none."""
        for line, row in self._rows(path, shown, ("code", "level", "name", "province_code", *columns)):
            unit = self._unit(row, first, shown, line)
            if unit is not None:
                self._lay(unit, shown, line)

    def _lay(self, unit: Unit, shown: str, line: int) -> None:
        rows = self.units.setdefault((unit.level, unit.code), [])
        begin, end = unit.valid_from or date.min, unit.valid_to or date.max
        if begin > end:
            what = f"`{unit.code}`: valid_to lies before valid_from."
            return self._say(shown, line, "valid_to", what, "Exchange the two days.")
        kept = []
        for other in rows:
            if other.valid_from == unit.valid_from:
                file, before = self.lines[unit.code, other.valid_from]
                if file == shown:
                    what = f"`{unit.code}` is already said for this first day on line {before}."
                    return self._say(shown, line, "code", what, "Keep one of the two.")
                continue
            if other.valid_to is None and (other.valid_from or date.min) < begin:
                other = replace(other, valid_to=begin - _DAY)
            elif (other.valid_from or date.min) <= end and begin <= (other.valid_to or date.max):
                file, before = self.lines[unit.code, other.valid_from]
                what = f"`{unit.code}` is on some of these days already `{other.name}` ({file}:{before})."
                return self._say(shown, line, "valid_from", what, "Part the days by valid_from and valid_to.")
            kept.append(other)
        rows[:] = sorted([*kept, unit], key=lambda one: one.valid_from or date.min)
        self.lines[unit.code, unit.valid_from] = (shown, line)
        return None

    def take_crosswalk(self, path: Path, shown: str, old: str, new: str, day: date) -> None:
        """Add crosswalk rows of a day; `old` and `new` name the columns with the codes. A row without an old code is
        about its district (`old_district_code`)."""
        for line, row in self._rows(path, shown, (old, new)):
            source, target = row[old] or row.get("old_district_code", ""), row[new]
            kind, part = row.get("kind") or "whole", row.get("split_part") or None
            for word, known, key in ((kind, KINDS, "kind"), (part, PARTS, "split_part")):
                if word is not None and word not in known:
                    self._say(shown, line, key, f"`{word}` is not known here.", near(word, known))
            if len(source) not in LEVELS or len(target) not in LEVELS:
                what = f"`{source}` -> `{target}`: these are not two codes."
                self._say(shown, line, old, what, "Keep leading zeros: codes are text.")
                continue
            self.lines[f"{source}>{target}", day] = (shown, line)
            successor = Successor(target, kind, part, row.get("official_note", ""), day)
            self.successors.setdefault(source, []).append(successor)

    def drop(self, day: date) -> None:
        """Take back what began on a day: its rows go, those that ended the day before are open again."""
        for rows in self.units.values():
            if any(unit.valid_from == day for unit in rows):
                rows[:] = [_reopened(unit, day) for unit in rows if unit.valid_from != day]
        for found in self.successors.values():
            found[:] = [one for one in found if one.day != day]

    def _unit(self, row: Row, first: date | None, shown: str, line: int) -> Unit | None:
        code, name = row["code"], row["name"]
        level = LEVELS.get(len(code)) if code.isdigit() else None
        if level is None or level != row["level"]:
            what = f"`{code}` is not the code of a {row['level'] or 'unit'}."
            self._say(shown, line, "code", what, "Keep leading zeros: codes are text.")
            return None
        days: list[date | None] = []
        for key in ("valid_from", "valid_to"):
            try:
                days.append(date.fromisoformat(row[key]) if row.get(key) else None)
            except ValueError:
                self._say(shown, line, key, f"`{row[key]}` is not a day.", "Write 2025-07-01.")
                return None
        begin = days[0] or first
        kind = type_of(name)
        if not kind:
            words = ", ".join(TYPES)
            self._say(shown, line, "name", f"`{name}` does not say what it is.", f"A name starts with one of: {words}.")
            return None
        province, district = row["province_code"] or None, row.get("district_code") or None
        return Unit(code, level, name, kind, province, district, begin, days[1], row.get("established_by") or None)

    def _rows(self, path: Path, shown: str, columns: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
        try:
            with path.open(encoding="utf-8-sig", newline="") as lines:
                reader = csv.reader(lines, strict=True)
                head = next(reader, [])
                missing = [name for name in columns if name not in head]
                for name in missing:
                    self._say(shown, 1, name, "there is no such column.", near(name, head))
                if missing:
                    return
                for cells in reader:
                    if len(cells) != len(head):
                        what = f"the row has {len(cells)} cells, the header {len(head)}."
                        self._say(shown, reader.line_num, "", what, "Put texts that hold a comma in quotes.")
                    else:
                        yield reader.line_num, dict(zip(head, cells, strict=True))
        except OSError as error:
            self._say(shown, 1, "", f"cannot be read: {error.strerror}.", "Give all files.")
        except (UnicodeDecodeError, csv.Error) as error:
            self._say(shown, 1, "", f"cannot be read: {error}.", "Save it as UTF-8 CSV.")

    def _say(self, shown: str, line: int, key: str, what: str, next_step: str) -> None:
        if sum(fault.file == shown for fault in self.faults) < _TOLD:
            self.faults.append(Fault(shown, line, key, what, next_step))

    def refuse_faults(self) -> None:
        """Raise MappingError when anything was wrong so far."""
        if self.faults:
            raise MappingError(self.faults)


def _reopened(unit: Unit, day: date) -> Unit:
    if unit.valid_to != day - _DAY or day == REFORM:
        return unit
    return replace(unit, valid_to=None)
