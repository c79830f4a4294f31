"""A plan's table of agencies: which agency of the new province has taken each one of the old ones.

A CSV with the columns `source,old_code,commune,new_code,new_name,level,note`, one row each (`note` is for people, and
`commune` may be left out where no agency goes by the commune):

- **taken over**: an old code and a new one. The dossiers go there; `level` (1 province, 3 commune) is theirs from then.
- **by the commune**: an old code, no new one, level 3. The committee of the dossier's own commune has it: such as the
  committee of an old commune that was split.
- **by the procedure's level** (`theo cấp thực hiện`): an old code, neither a new one nor a level. It was a district's;
  districts ended on 2025-07-01. A procedure that communes carry out goes to the committee of the dossier's commune, one
  that only the province carries out to the department of a second row of the same old code, with level 1, or of the
  source's row with the old code `*`. That what both carry out stays near the citizen is [inferred]: the communes took
  the districts' tasks but for those that were given to the province.
- **committee**: no source, no old code, a commune and the code of its committee.

A code is written in two ways [seen], `000.07.40.H30` and `H30.40.07`; both mean one agency.
"""

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from mappings.errors import Fault, MappingError, near
from mappings.units import Units

NEEDED = ("source", "old_code", "new_code", "new_name", "level")
PROVINCE, COMMUNE = 1, 3
"""Levels of handling [seen: CAPTHUCHIEN]; 2, the district's, has ended."""
ANY = "*"
"""As an old code: every agency of the source that goes by level and has no department of its own."""

_FIRST = re.compile(r"[GH]\d\d")
_ZEROS = re.compile(r"0+")
_TOLD = 20
"""Faults that are told of one file."""


def agency_key(code: str) -> str:
    """A code in one form, whichever of the two it is written in.

    >>> agency_key("000.07.40.H30"), agency_key("h30.40.07"), agency_key("000.00.11.H30"), agency_key("KHAC")
    ('H30.40.07', 'H30.40.07', 'H30.11', 'KHAC')
    """
    parts = code.strip().upper().split(".")
    if not _FIRST.fullmatch(parts[0]):
        if not _FIRST.fullmatch(parts[-1]):
            return ".".join(parts)
        parts.reverse()
    while len(parts) > 1 and _ZEROS.fullmatch(parts[-1]):
        parts.pop()
    return ".".join(parts)


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency of the new province; `level` is that of the dossiers it takes over, None where the table is silent."""

    code: str
    name: str
    level: int | None


@dataclass(frozen=True, slots=True)
class Way:
    """Where an old agency's dossiers go: to one agency, by the dossier's commune, or by its procedure's level too."""

    to: Agency | None = None
    by_level: bool = False
    department: Agency | None = None


@dataclass(slots=True)
class NewAgencies:
    """The whole table: ways by (source, agency key), committees by commune, new agencies by agency key."""

    file: str
    ways: dict[tuple[str, str], Way] = field(default_factory=dict)
    committees: dict[str, Agency] = field(default_factory=dict)
    known: dict[str, Agency] = field(default_factory=dict)

    def way(self, source: str, code: str) -> Way | None:
        """What becomes of a code of a source; None for one that the table does not know.

        The code of a new agency stays what it is.
        """
        key = agency_key(code)
        found = self.ways.get((source, key))
        if found is None:
            new = self.known.get(key)
            return Way(new) if new else None
        if found.by_level and found.department is None and (source, ANY) in self.ways:
            return self.ways[source, ANY]
        return found

    def agency(self, code: str) -> Agency:
        """The new agency of a code; one that the table does not have keeps its code for a name."""
        return self.known.get(agency_key(code)) or Agency(code, code, None)


def read_agencies(path: Path, sources: Collection[str], edition: Units, on: date) -> NewAgencies:
    """Read the table of a plan; communes are those in force on the plan's day.

    Raises:
        MappingError: everything that is wrong in it, with file and line.
    """
    reading = _Reading(path.name, sources, edition, on)
    for line, row in reading.rows(path):
        reading.take(line, row)
    reading.end()
    if reading.faults:
        raise MappingError(reading.faults[:_TOLD])
    return reading.table


Row = dict[str, str]
Target = tuple[Agency | None, int | None]
"""The new agency of a row, and its level."""


class _Reading:
    """The table while it is read: the rows of each old code, and what is wrong."""

    def __init__(self, file: str, sources: Collection[str], edition: Units, on: date) -> None:
        self.file, self.sources, self.edition, self.on = file, sources, edition, on
        self.table = NewAgencies(file)
        self.faults: list[Fault] = []
        self._rows: dict[tuple[str, str], dict[Target, int]] = {}
        self._lines: dict[str, int] = {}

    def rows(self, path: Path) -> Iterator[tuple[int, Row]]:
        """Lines with their cells; a missing column or file is a fault."""
        try:
            with path.open(encoding="utf-8-sig", newline="") as lines:
                reader = csv.reader(lines, strict=True)
                head = [name.strip() for name in next(reader, [])]
                for name in NEEDED:
                    if name not in head:
                        self._say(1, name, "there is no such column.", near(name, head))
                if self.faults:
                    return
                for cells in reader:
                    if len(cells) == len(head):
                        yield reader.line_num, {"commune": "", **dict(zip(head, map(str.strip, cells), strict=True))}
                    elif any(cells):
                        what = f"the row has {len(cells)} cells, the header {len(head)}."
                        self._say(reader.line_num, "", what, "Put texts that hold a comma in quotes.")
        except OSError as error:
            self._say(1, "", f"cannot be read: {error.strerror}.", "Put the table beside the plan, or name it right.")
        except (UnicodeDecodeError, csv.Error) as error:
            self._say(1, "", f"cannot be read: {error}.", "Save it as UTF-8 CSV.")

    def take(self, line: int, row: Row) -> None:
        """One row into the table."""
        level = self._level(line, row)
        agency = self._agency(line, row, level)
        if row["commune"]:
            self._committee(line, row, agency)
        elif row["source"] not in self.sources:
            what = f"`{row['source']}` is no source of the plan."
            self._say(line, "source", what, near(row["source"], self.sources))
        elif not row["old_code"]:
            self._say(line, "old_code", "the row says no old code.", "Write it, or a commune whose committee it is.")
        elif agency is None and level == PROVINCE:
            what = f"`{row['old_code']}` goes to the province, and no department is named."
            self._say(line, "new_code", what, "Write its code, or leave the level blank: by the procedure's.")
        else:
            key = ANY if row["old_code"] == ANY else agency_key(row["old_code"])
            self._rows.setdefault((row["source"], key), {}).setdefault((agency, level), line)

    def end(self) -> None:
        """What the rows of each old code say together."""
        for (source, key), targets in self._rows.items():
            by_level = (None, None) in targets
            named = [agency for agency, _ in targets if agency is not None]
            rest = len(targets) - by_level
            if key == ANY and (by_level or rest != 1 or not named or named[0].level != PROVINCE):
                what = "the row of every agency that goes by level names one department of the province."
                self._say(max(targets.values()), "new_code", what, "Write one new code, and level 1.")
            elif key == ANY or (by_level and rest == 0):
                self.table.ways[source, key] = Way(None, True, named[0] if named else None)
            elif by_level and rest == 1 and named and named[0].level == PROVINCE:
                self.table.ways[source, key] = Way(None, True, named[0])
            elif rest == 1 and not by_level:
                self.table.ways[source, key] = Way(named[0] if named else None)
            else:
                self._twice(source, key, targets)

    def _level(self, line: int, row: Row) -> int | None:
        if row["level"] in ("", "1", "3"):
            return int(row["level"]) if row["level"] else None
        what = f"`{row['level']}` is no level of handling."
        self._say(line, "level", what, "Write 1 (province) or 3 (commune), or leave it blank; districts ended.")
        return None

    def _agency(self, line: int, row: Row, level: int | None) -> Agency | None:
        code, name = row["new_code"], row["new_name"]
        if not code:
            return None
        if not name:
            self._say(line, "new_name", f"`{code}` has no name.", "Dossiers go out with the agency's name: write it.")
        agency = Agency(code, name, COMMUNE if row["commune"] else level)
        before = self.table.known.setdefault(agency_key(code), agency)
        if name and before.name and before.name != name:
            what = f"`{code}` is `{before.name}` on another line."
            self._say(line, "new_name", what, "One agency has one name.")
        return agency

    def _committee(self, line: int, row: Row, agency: Agency | None) -> None:
        code, unit = row["commune"], self.edition.unit(row["commune"], self.on)
        if row["source"] or row["old_code"]:
            what = "a row is about an old code, or about a commune's committee."
            self._say(line, "commune", what, "Write two rows.")
        elif unit is None or unit.level != "commune":
            what = f"no commune has the code `{code}` on {self.on:%d/%m/%Y}."
            self._say(line, "commune", what, "Write a code of that day; leading zeros belong to it.")
        elif agency is None:
            self._say(line, "new_code", f"the committee of {unit.name} has no code.", "Write its code and name.")
        elif agency_key(self.table.committees.setdefault(code, agency).code) != agency_key(agency.code):
            before = f"{self.table.committees[code].code} ({self.file}:{self._lines[code]})"
            self._say(line, "commune", f"{unit.name} has already the committee {before}.", "Keep one of the two.")
        else:
            self._lines.setdefault(code, line)

    def _twice(self, source: str, key: str, targets: dict[Target, int]) -> None:
        *_, (before, first), (new, line) = sorted(((t[0], at) for t, at in targets.items()), key=lambda one: one[1])
        was, then = (one.code if one else "the committee of the dossier's commune" for one in (before, new))
        what = f"{key} of {source} goes to {was} (line {first}) and to {then}."
        self._say(line, "old_code", what, "Keep one of the two.")

    def _say(self, line: int, key: str, what: str, next_step: str) -> None:
        self.faults.append(Fault(self.file, line, key, what, next_step))
