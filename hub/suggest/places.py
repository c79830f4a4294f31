"""Agencies and communes: whether their codes are known forms of this province, and what else they may be."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from rapidfuzz import fuzz, process

from hub.config import Place
from hub.suggest.model import Proposal, said
from hub.suggest.statuses import Sampled
from hub.suggest.words import bare
from mappings import Mapping
from mappings.planned import FieldPlan
from mappings.units import Units, units

LEAST = 85
"""Score of 100 below which a name is not proposed."""

_OLD = re.compile(r"(?:\d{2,3}\.){1,3}([A-Z]\d{2})")
_NEW = re.compile(r"([A-Z]\d{2})(?:\.\d{1,3}){0,4}")
_FIRST = re.compile(r"[A-Z]\d{2}")


def first_level(code: str) -> str | None:
    """The ministry or province of an agency code: `000.00.53.H48` (old) and `H48.53` (new) -> `H48`; else None."""
    match = _OLD.fullmatch(code) or _NEW.fullmatch(code)
    return match[1] if match else None


def agency_known(record: dict[str, Any], place: Place) -> bool | None:
    """Whether the handling agency's code is a known form of the province; None when the dossier states none."""
    code = record.get("agency_code")
    if not code:
        return False if record.get("agency_name") else None
    return first_level(code) == place.agency


def commune_known(record: dict[str, Any], place: Place, today: date, among: Units | None = None) -> bool | None:
    """Whether the commune's code holds on the dossier's day and lies in the province; None when none is stated."""
    code = record.get("commune")
    if not code:
        return None
    return _in_province(code, place, among or units())


def _day(record: dict[str, Any], today: date) -> date:
    stated = record.get("received_at") or record.get("submitted_at")
    return stated.date() if stated else today


def _in_province(code: str, place: Place, edition: Units) -> bool:
    """Codes of both eras come mixed [seen], so a code of the other era counts when it was one of this province."""
    rows = edition.by_code.get(("commune", code), ()) if len(code) == 5 else ()
    return any(edition.province_successor.get(unit.province or "", unit.province) == place.code for unit in rows)


def agency_proposals(mapping: Mapping, sampled: Sampled, place: Place) -> list[Proposal]:
    """A line for each agency whose code is blank or of no known form: by a code of the sample with the same name."""
    codes: dict[str, str] = {}
    unknown: dict[tuple[str, str], int] = {}
    for _, mapped in sampled:
        code, name = mapped.record.get("agency_code") or "", mapped.record.get("agency_name") or ""
        if first_level(code) == place.agency:
            codes.setdefault(bare(name), code)
        elif code or name:
            unknown[code, name] = unknown.get((code, name), 0) + 1
    found = [_agency(code, name, count, codes, place) for (code, name), count in unknown.items()]
    return _with_rule(mapping, "agency_code", ("agency_code", "agency_name"), "local_agencies", "agencies", found)


def _agency(code: str, name: str, count: int, codes: dict[str, str], place: Place) -> Proposal:
    key = f"code: {said(code)}" if code else f"name: {said(name)}"
    best = process.extractOne(bare(name), codes.keys(), scorer=fuzz.token_sort_ratio) if name else None
    if best is not None and best[1] >= LEAST:
        why = f"'{name}' has this code in other dossiers"
        return Proposal(
            "agencies", "local_agencies", f"- {{{key}, is: {said(codes[best[0]])}}}", round(best[1]), why, count
        )
    digits = re.sub(r"[^A-Z0-9]+", ".", code.upper()).strip(".")
    if code and first_level(digits) == place.agency:
        why = f"the form {digits} stands in the code"
        return Proposal("agencies", "local_agencies", f"- {{{key}, is: {said(digits)}}}", 80, why, count)
    other = _FIRST.search(code.upper())
    said_by = f"the code is one of {other[0]}, not {place.agency}" if other else f"'{name}' has no code in the sample"
    return Proposal("agencies", "local_agencies", f"- {{{key}, is: ?}}", 0, f"no candidate: {said_by}", count)


def unit_proposals(
    mapping: Mapping, sampled: Sampled, place: Place, today: date, among: Units | None = None
) -> list[Proposal]:
    """A line for each commune that is no code of the province: leading zeros that were lost, or its name."""
    edition = among or units()
    unknown: dict[tuple[str, bool], int] = {}
    for _, mapped in sampled:
        if commune_known(mapped.record, place, today, edition) is False:
            key = (str(mapped.record["commune"]), _day(mapped.record, today) >= date(2025, 7, 1))
            unknown[key] = unknown.get(key, 0) + 1
    found = [_unit(value, new, count, place, edition) for (value, new), count in unknown.items()]
    return _with_rule(mapping, "commune", ("commune",), "local_units", "units", found)


def _unit(value: str, new: bool, count: int, place: Place, edition: Units) -> Proposal:
    def proposal(is_: str, score: int, why: str) -> Proposal:
        return Proposal("units", "local_units", f"- {{code: {said(value)}, is: {said(is_)}}}", score, why, count)

    full = value.zfill(5)
    if value.isdigit() and len(value) < 5 and _in_province(full, place, edition):
        return proposal(full, 95, "a code has five digits; the zeros in front were lost")
    if value.isdigit():
        return proposal("?", 0, f"no candidate: no commune of {place.name} ever had this code")
    names = {bare(name): (code, name) for code, name in _communes(place, new, edition)}
    best = process.extractOne(bare(value), names.keys(), scorer=fuzz.token_sort_ratio)
    if best is None or best[1] < LEAST:
        nearest = f"the nearest name is '{names[best[0]][1]}' ({round(best[1])})" if best else "no name is near"
        return proposal("?", 0, f"no candidate: {nearest}")
    code, name = names[best[0]]
    return proposal(code, round(best[1]), f"like '{name}' of {place.name}, {'since' if new else 'before'} 01/07/2025")


def _communes(place: Place, new: bool, edition: Units) -> Iterator[tuple[str, str]]:
    for unit in edition.of_era("commune", new):
        if edition.province_successor.get(unit.province or "", unit.province) == place.code:
            yield unit.code, unit.name


def _with_rule(
    mapping: Mapping, field: str, of: tuple[str, ...], list_: str, part: Any, found: list[Proposal]
) -> list[Proposal]:
    """The lines with the rule that makes them count, unless the mapping has it."""
    plans = {plan.target: plan for plan in mapping.plans if isinstance(plan, FieldPlan)}
    paths = [plans[name].paths[0] for name in of if name in plans and plans[name].paths]
    reader = plans[field].reader if field in plans else None
    if found and paths and not (reader and reader.name == list_):
        texts = [said(path.text) for path in paths if path is not None]
        source = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        rule = f"{field}: {{from: {source}, as: text, list: {list_}}}"
        total = sum(one.dossiers for one in found)
        found = [Proposal(part, "dossier", rule, 100, f"makes the lines under {list_} count", total), *found]
    return sorted(found, key=lambda one: (one.place != "dossier", -one.dossiers))
