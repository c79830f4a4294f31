"""What an undecided code may become, for the person who decides."""

from typing import Any

from mappings.new_agencies import ANY, Agency
from mappings.recoding import Recoding
from mappings.units import Unit

Candidate = dict[str, Any]
"""`code`, `name`, and of a unit `took` and `note`: the crosswalk's words on what part it took."""


def candidates_of(recoding: Recoding, field: str, code: str) -> list[Candidate]:
    """The units or agencies that a code may become; none where nothing is known of it."""
    if field == "agency_code":
        return [_agency(one) for one in _departments(recoding, code)]
    if field not in ("commune", "province"):
        return []
    found: dict[str, Candidate] = {}
    for old in (True, False):
        reading = recoding.reading(field, code, old)
        for one in reading.resolution.candidates:
            found.setdefault(one.unit.code, _unit(one.unit, one.split_part or one.kind, one.official_note))
        if reading.code is not None and reading.resolution.unit is not None:
            found.setdefault(reading.code, _unit(reading.resolution.unit, reading.way, ""))
    return list(found.values())


def _unit(unit: Unit, took: str, note: str) -> Candidate:
    return {"code": unit.code, "name": unit.name, "took": took, "note": note}


def _departments(recoding: Recoding, code: str) -> list[Agency]:
    """Agencies that the table names for the code, or for every agency of its source that goes by level."""
    if recoding.agencies is None:
        return []
    ways = [recoding.agencies.way(recoding.source, code), recoding.agencies.ways.get((recoding.source, ANY))]
    found = {one.code: one for way in ways if way for one in (way.to, way.department) if one}
    return list(found.values())


def _agency(agency: Agency) -> Candidate:
    return {"code": agency.code, "name": agency.name, "took": "", "note": ""}
