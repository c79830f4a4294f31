"""Which unit in force on a day a code means, or the candidates and why it is not decided.

A code is read in two ways, and both count unless one of them is excluded:

- as the **unit in force** on the day;
- as a **former unit**: one that ended before or on the day, followed through the crosswalk. Dossiers filed after the
  reform still carry abolished districts and old communes [seen], and 3,316 of the 3,321 new commune codes were old
  codes of other areas, so a code that is in force does not say which of the two its sender means.

Rules, in this order:

1. Without a day no code is read. Before the reform every code is read as the unit in force and nothing else.
2. When all readings lead to one unit, that is the answer. A former commune leads to the unit that took it whole, or
   that took all its people (`part_area_all_population`); else to each unit that took a part. 3,178 of the 3,316 reused
   codes lead to the unit of their own code either way.
3. When they lead to several, the address decides, if it names exactly one of them (`mappings.unit_evidence`).
4. Else the answer is the set of all of them, with what the crosswalk says of each, for a person to decide. Nothing
   is picked because it is larger, first, or another list's habit.

`era` says what is known of the sender: `new` excludes the former units, `old` the unit in force.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from mappings import unit_evidence
from mappings.unit_names import bare
from mappings.units import LEVELS, REFORM, Level, Successor, Unit, Units, units

Era = Literal["old", "new"]

WHY = {
    "bad_code": "a code has 2 digits for a province, 3 for a district, 5 for a commune; leading zeros belong to it",
    "unknown_code": "no unit ever had this code",
    "not_in_force": "no unit had this code on that day",
    "split": "the commune was split among several, and nothing says which part is meant",
    "split_or_new": "the code is of a commune that was split and of a new one; nothing says which is meant",
    "abolished_district": "the district was abolished and its communes went to several",
}
"""Why nothing was decided, in a sentence for people."""

_WHOLE = "part_area_all_population"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit in force on the day that the code may mean, and the crosswalk's words on what it took."""

    unit: Unit
    kind: str
    split_part: str | None
    official_note: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer: `unit`, or none and a `reason` of `WHY` with the `candidates`.

    `way` names what led to the unit: `in_force`, a kind of the crosswalk (`unchanged`, `whole`,
    `part_area_all_population`, `district_to_commune`), `address`, and `later_change` when the unit got its present
    name or type after the reform. `old` is the former unit that the code may mean; `evidence` what the address gave.
    """

    code: str
    on: date
    level: Level | None
    unit: Unit | None = None
    candidates: tuple[Candidate, ...] = ()
    reason: str | None = None
    way: tuple[str, ...] = ()
    old: Unit | None = None
    evidence: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the address is not in it."""
        return {
            "code": self.code,
            "on": self.on,
            "level": self.level,
            "resolved": self.unit is not None,
            "unit": unit_dict(self.unit),
            "way": list(self.way),
            "old": unit_dict(self.old),
            "reason": self.reason,
            "why": WHY[self.reason] if self.reason else None,
            "evidence": self.evidence,
            "candidates": [
                {
                    **(unit_dict(one.unit) or {}),
                    "kind": one.kind,
                    "split_part": one.split_part,
                    "official_note": one.official_note,
                }
                for one in self.candidates
            ],
        }


def unit_dict(unit: Unit | None) -> dict[str, Any] | None:
    """A unit's row for JSON."""
    if unit is None:
        return None
    return {
        "code": unit.code,
        "name": unit.name,
        "level": unit.level,
        "province": unit.province,
        "district": unit.district,
        "valid_from": unit.valid_from,
        "valid_to": unit.valid_to,
        "established_by": unit.established_by,
    }


def resolve(
    code: str, on: date, address: str | None = None, *, era: Era | None = None, among: Units | None = None
) -> Resolution:
    """The unit in force on a day that a code means, by the rules above. The address is compared here and kept nowhere.

    `among` are the units to look in, by default the package's. A missing day is a ValueError.
    """
    if not isinstance(on, date):
        raise ValueError("a code without a day means nothing: almost every new code was an old one of another area")
    edition = units() if among is None else among
    level = LEVELS.get(len(code)) if code.isascii() and code.isdigit() else None
    blank = Resolution(code, on, level)
    if level is None:
        return replace(blank, reason="bad_code")
    own = edition.unit(code, on)
    if on < REFORM:
        return _own(edition, blank, None if era == "new" else own)
    return _since_reform(edition, blank, None if era == "old" else own, address, former_too=era != "new")


def _since_reform(
    edition: Units, blank: Resolution, own: Unit | None, address: str | None, *, former_too: bool
) -> Resolution:
    former, groups = _former(edition, blank.code, blank.on) if former_too else (None, [])
    if former is None:
        return _own(edition, blank, own)
    blank = replace(blank, old=former)
    people = _ends(edition, [one for group in groups for one in _with_people(group)], blank.on)
    meant = {one.code for one in people} | ({own.code} if own else set())
    if len(meant) == 1:
        return _decided(edition, blank, people[0].code, _way(people[0]))
    ends = _ends(edition, [one for group in groups for one in group], blank.on)
    candidates = _candidates(edition, ends, own, blank.on)
    evidence = None
    if address:
        in_force = {one.unit.code: one.unit for one in candidates}
        chosen, evidence, inside = unit_evidence.decide(address, edition, former, in_force, blank.on)
        if chosen is not None:
            return replace(_decided(edition, blank, chosen, "address"), evidence=evidence)
        if inside:
            return _inside_district(edition, blank, inside, candidates)
    reason = "abolished_district" if blank.level == "district" else "split_or_new" if own else "split"
    return replace(blank, candidates=candidates, reason=reason, evidence=evidence)


def _former(edition: Units, code: str, on: date) -> tuple[Unit | None, list[list[Successor]]]:
    """The unit that had the code before its last row in the crosswalk, and what took it or its communes until a day."""
    own = _groups(edition, code, on)
    groups = [group for child in edition.children.get(code, ()) for group in _groups(edition, child, on)]
    groups = own + (groups if len(code) == 3 else [])
    if not groups:
        return None, []
    return edition.unit(code, (own or groups)[-1][0].day - timedelta(days=1)), groups


def _way(one: Successor) -> str:
    return _WHOLE if one.split_part == _WHOLE else one.kind


def _groups(edition: Units, code: str, on: date, after: date = date.min) -> list[list[Successor]]:
    """What became of a unit, for each day on which something did, until a day."""
    found: dict[date, list[Successor]] = {}
    for one in edition.successors.get(code, ()):
        if after < one.day <= on and one.kind != "unpopulated_area":
            found.setdefault(one.day, []).append(one)
    return [found[day] for day in sorted(found)]


def _with_people(group: list[Successor]) -> list[Successor]:
    """The part that took everybody, else all parts."""
    return [one for one in group if one.split_part == _WHOLE] or group


def _ends(edition: Units, successors: list[Successor], on: date) -> list[Successor]:
    """Successors followed through later changes until a day, each unit once."""
    ends: dict[str, Successor] = {}
    for one in successors:
        later = _groups(edition, one.code, on, after=one.day)
        for end in _ends(edition, _with_people(later[0]), on) if later else [one]:
            ends.setdefault(end.code, end)
    return list(ends.values())


def _candidates(edition: Units, ends: list[Successor], own: Unit | None, on: date) -> tuple[Candidate, ...]:
    units_then = [(edition.unit(one.code, on), one) for one in ends]
    found = [Candidate(unit, one.kind, one.split_part, one.official_note) for unit, one in units_then if unit]
    if own and own.code not in {one.code for one in ends}:
        found.append(Candidate(own, "in_force", None, ""))
    return tuple(found)


def _inside_district(
    edition: Units, blank: Resolution, communes: tuple[str, ...], candidates: tuple[Candidate, ...]
) -> Resolution:
    """An abolished district with an address that names one or more of its old communes."""
    parts = [
        _since_reform(edition, replace(blank, code=code, level="commune"), None, None, former_too=True)
        for code in communes
    ]
    found = {part.unit.code for part in parts if part.unit} | {
        one.unit.code for part in parts for one in part.candidates
    }
    if len(found) == 1 and parts[0].unit:
        return replace(_decided(edition, blank, parts[0].unit.code, "address"), evidence="names_one")
    left = tuple(one for one in candidates if one.unit.code in found)
    both = {bare(unit.name) for code in communes for unit in edition.rows(code)[:1]} & {bare(c.unit.name) for c in left}
    if both:
        return replace(blank, candidates=left, reason="abolished_district", evidence="names_old_and_new")
    reason = parts[0].reason if len(parts) == 1 and parts[0].reason else "abolished_district"
    return replace(blank, candidates=left, reason=reason, evidence="names_old_unit")


def _own(edition: Units, blank: Resolution, own: Unit | None) -> Resolution:
    if own is not None:
        return _decided(edition, blank, own.code, "in_force")
    return replace(blank, reason="not_in_force" if edition.rows(blank.code) else "unknown_code")


def _decided(edition: Units, blank: Resolution, code: str, word: str) -> Resolution:
    unit = edition.unit(code, blank.on)
    assert unit is not None, f"the crosswalk leads to {code}, which editions.py holds to be in force"
    later = unit.valid_from is not None and unit.valid_from > REFORM
    return replace(blank, unit=unit, way=(word, "later_change") if later else (word,))
