"""Codes of an old province's dossiers written anew for the new one: commune, province, agency, level of handling.

The day of the dossier decides what a code means: that of receipt, else of submission. Before the reform of 2025-07-01
a commune's code is the unit of that day, followed to the plan's day; after it codes of both eras come mixed, and
`mappings.resolving` tells them apart. What a person decided about one record comes before everything; what was decided
about a code, where nothing else tells. What nothing decides holds the record, with the candidates beside it; nothing is
picked because it is likely.

The code that stood in the source stays beside the new one, in `former`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from mappings.new_agencies import COMMUNE, PROVINCE, Agency, NewAgencies, Way
from mappings.resolving import WHY, Resolution, resolve
from mappings.units import REFORM, Units
from schemas.findings import Finding

Decisions = Mapping[tuple[str, str, str], str]
"""(field, code in the source, source key or "" for every record) -> the code it becomes, as people decided."""

Levels = Callable[[str], frozenset[int]]
"""The levels that carry out a national procedure today, none for an unknown one."""

DECISION, TABLE, BY_COMMUNE, BY_LEVEL = "decision", "table", "by_commune", "by_level"
"""Ways to a new code, beside those of `mappings.resolving`."""

_REASONS = {"unknown_code": "unknown_commune", "not_in_force": "unknown_commune", "bad_code": "bad_code"}
_MOST = 100_000
"""Readings that are kept; a source that writes anything into a code fills no memory."""

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a commune's or province's code of an era means: `code` and `name` of the unit, or why nothing is decided.

    `was` is its name before, `way` what led to the unit, `same` tells that nothing changed.
    """

    resolution: Resolution
    code: str | None = None
    was: str | None = None
    way: str = ""
    same: bool = False


@dataclass(slots=True)
class _Work:
    """One record while it is recoded: the day of its codes, its source key, and what is found."""

    record: Record
    old: bool
    on: str
    key: str
    former: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def write(self, name: str, new: str, way: str, was: str | None) -> None:
        """Put a new code in the old one's place, and keep that beside it."""
        self.former.append({"field": name, "code": self.record[name], "name": was, "way": way, "on": self.on})
        self.record[name] = new


@dataclass(slots=True)
class Recoding:
    """The recoder of one source: `recode` changes a canonical record in place and tells what nothing decides."""

    source: str
    on: date
    edition: Units
    agencies: NewAgencies | None = None
    decisions: Decisions = field(default_factory=dict)
    levels: Levels = lambda _: frozenset()
    _readings: dict[tuple[str, str, bool], Reading] = field(default_factory=dict, repr=False)
    _ways: dict[str, Way | None] = field(default_factory=dict, repr=False)

    def recode(self, record: Record, key: str = "") -> list[Finding]:
        """Write a record's codes anew; `key` is its source key, by which single records are decided.

        Returns:
            What holds it. A code that is held stays as it was.
        """
        moment = record.get("received_at") or record.get("submitted_at")
        if not isinstance(moment, datetime):
            return [] if not record.get("commune") else [_undecided("commune", record["commune"], "no day", "")]
        day = moment.date()
        work = _Work(record, day < REFORM, day.isoformat(), key)
        self._unit(work, "commune")
        self._unit(work, "province")
        level = self._agency(work)
        code = record.get("dossier_code")
        if self.decisions and code and (new := self._decided("dossier_code", code, key, "")):
            work.write("dossier_code", new, DECISION, None)
        if level is not None:
            record["level"] = level
        if work.former:
            record["former"] = work.former
        return work.findings

    def reading(self, name: str, code: str, old: bool, address: str | None = None) -> Reading:
        """What a code means in a field of a dossier of before the reform (`old`) or after it."""
        found = resolve(code, self.on, address, era="old" if old else None, among=self.edition)
        if old and found.unit is None and not found.candidates:  # no unit of then: it can only be one of today
            found = resolve(code, self.on, address, among=self.edition)
        if found.unit is not None and found.unit.level != name:
            return Reading(Resolution(code, self.on, found.level, reason="bad_code"))
        if found.unit is None:
            return Reading(found)
        unit, was = found.unit, found.old.name if found.old else found.unit.name
        same = code == unit.code and (not old or was == unit.name)
        return Reading(found, unit.code, was, found.way[0], same)

    def _unit(self, work: _Work, name: str) -> None:
        """Write the code of a commune or province anew, or tell why it is held."""
        code = work.record.get(name)
        if not code:
            return
        if self.decisions and (new := self._decided(name, code, work.key)):
            work.write(name, new, DECISION, self._name(name, code))
            return
        found = self._readings.get((name, code, work.old))
        if found is None:
            if len(self._readings) >= _MOST:
                self._readings.clear()
            found = self._readings[name, code, work.old] = self.reading(name, code, work.old)
        if found.code is None and found.resolution.candidates and (address := work.record.get("address")):
            found = self.reading(name, code, work.old, address)
        if found.code is not None:
            if not found.same:
                work.write(name, found.code, found.way, found.was)
        elif self.decisions and (new := self._decided(name, code, "")):
            work.write(name, new, DECISION, self._name(name, code))
        else:
            work.findings.append(finding_of(name, code, found.resolution))

    def _agency(self, work: _Work) -> int | None:
        """Write the agency anew. Returns the level of handling, None where nothing says it."""
        code, agencies = work.record.get("agency_code"), self.agencies
        if not code or agencies is None:
            return self._level_of(work.record)
        found: Agency | str
        if self.decisions and (decided := self._decided("agency_code", code, work.key)):
            found, way = agencies.agency(decided), DECISION
        else:
            if code not in self._ways:
                if len(self._ways) >= _MOST:
                    self._ways.clear()
                self._ways[code] = agencies.way(self.source, code)
            known = self._ways[code]
            if known is not None and known.to is not None:
                found, way = known.to, TABLE
            elif known is not None and any(one.field == "commune" for one in work.findings):
                return None  # the commune is to be decided first, and with it its committee
            else:
                found, way = self._by_place(work.record, known), BY_LEVEL if known and known.by_level else BY_COMMUNE
            if isinstance(found, str) and self.decisions and (decided := self._decided("agency_code", code, "")):
                found, way = agencies.agency(decided), DECISION
        if isinstance(found, str):
            work.findings.append(Finding("agency_not_recoded", "agency_code", code, agencies.file, detail=found))
            return None
        name = work.record.get("agency_name")
        if found.code != code or found.name != name:
            work.write("agency_code", found.code, way, name)
            work.record["agency_name"] = found.name
        return found.level if found.level is not None else self._level_of(work.record)

    def _by_place(self, record: Record, way: Way | None) -> Agency | str:
        """The committee of the dossier's commune, or the department; else why neither can be said."""
        assert self.agencies is not None
        if way is None:
            return f"no row of {self.source} names it"
        if way.by_level:
            procedure = record.get("procedure_code") or "none"
            levels = self.levels(procedure)
            if COMMUNE not in levels:
                if PROVINCE in levels:
                    return way.department or "the province carries the procedure out, and no row names a department"
                return f"neither province nor communes carry out the procedure {procedure}"
        commune = record.get("commune")
        if not commune:
            return "it goes to the committee of the commune, and the dossier names none"
        return self.agencies.committees.get(commune) or f"no row names the committee of commune {commune}"

    def _level_of(self, record: Record) -> int | None:
        levels = self.levels(record.get("procedure_code") or "") & {PROVINCE, COMMUNE}
        return min(levels) if len(levels) == 1 else None

    def _name(self, name: str, code: str) -> str | None:
        return next((unit.name for unit in self.edition.rows(code) if unit.level == name), None)

    def _decided(self, name: str, code: str, *keys: str) -> str | None:
        """What was decided about a code of the first of these records that has a decision; "": of every record."""
        return next((new for key in keys if (new := self.decisions.get((name, code, key)))), None)


def finding_of(name: str, code: str, found: Resolution) -> Finding:
    """Why a unit's code is held, with the units that it may mean."""
    if found.candidates:
        return _undecided(name, code, found.reason or "", candidates_in_words(found))
    reason = _REASONS[found.reason or "bad_code"] if name == "commune" else f"{name}_undecided"
    return Finding(reason, name, code, f"units: {found.reason}", detail=WHY[found.reason or "bad_code"])


def candidates_in_words(found: Resolution) -> str:
    """`31150 Phường An Bình; 31183 Phường Long Tuyền`."""
    return "; ".join(f"{one.unit.code} {one.unit.name}" for one in found.candidates)


def _undecided(name: str, code: str, rule: str, detail: str) -> Finding:
    return Finding(f"{name}_undecided", name, code, f"units: {rule}", detail=detail or None)
