"""One dossier three times: what the system sent, what it is in the hub, what the national side would get; masked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mappings import Mapping
from mappings.paths import entries_at, value_at
from mappings.plan import HUB_FIELDS
from mappings.planned import FieldPlan, ListPlan
from schemas.personal_fields import masked
from schemas.records import DOSSIER, VIET_NAM

Values = dict[str, str]

LISTS = {
    "documents": ("component_code",),
    "fees": ("fee_code", "amount"),
    "supplements": ("requested_at", "received_at"),
    "results": ("result_code",),
    "steps": ("at", "status"),
}
"""Of a list only its codes, times and amounts are shown: names of files and papers tell of people."""


@dataclass(frozen=True, slots=True)
class Row:
    """One canonical field: the source's values by path, the canonical one, the national ones by wire name."""

    field: str
    source: Values
    canonical: str
    national: Values

    @property
    def blank(self) -> bool:
        return not (self.canonical or any(self.source.values()) or any(self.national.values()))

    def as_dict(self) -> dict[str, Any]:
        return {"field": self.field, "source": self.source, "canonical": self.canonical, "national": self.national}


def rows_of(
    incoming: Mapping, outgoing: Mapping, source: dict[str, Any], canonical: dict[str, Any], payload: dict[str, Any]
) -> list[Row]:
    """The dossier field by field, in the order of the canonical record. `payload` is empty when nothing is sent."""
    plans = {plan.target: plan for plan in incoming.plans}
    wire = _wire_names(outgoing)
    names = _names(plans.get("applicant_name"), source, canonical)
    rows = []
    for field in (*DOSSIER, *HUB_FIELDS):
        if field.name in LISTS:
            row = _list_row(field.name, plans.get(field.name), wire.get(field.name, []), source, canonical, payload)
        else:
            row = _row(field.name, plans.get(field.name), wire.get(field.name, []), source, canonical, payload, names)
        if not row.blank:
            rows.append(row)
    return rows


def names_of(incoming: Mapping, source: dict[str, Any], canonical: dict[str, Any]) -> list[str]:
    """Every name of a person that the record's name fields give, longest first."""
    plan = next((plan for plan in incoming.plans if plan.target == "applicant_name"), None)
    return _names(plan, source, canonical)


def _names(plan: Any, source: dict[str, Any], canonical: dict[str, Any]) -> list[str]:
    said = {str(canonical.get("applicant_name") or ""), *map(_shown, _found(plan, source).values())}
    return sorted((name for name in said if len(name) > 3), key=len, reverse=True)


def _wire_names(outgoing: Mapping) -> dict[str, list[str]]:
    """National names by the canonical field that they are read from; of several that a rule may take, the first."""
    found: dict[str, list[str]] = {}
    for plan in outgoing.plans:
        if isinstance(plan, ListPlan):
            found.setdefault(plan.levels[0][0], []).append(plan.target)
        elif plan.paths and plan.paths[0] is not None:
            found.setdefault(plan.paths[0].segments[0].name, []).append(plan.target)
    return found


def _found(plan: FieldPlan | None, source: dict[str, Any]) -> dict[str, Any]:
    return {path.text: value_at(path, source) for path in (plan.paths if plan else ()) if path is not None}


def _that_count(plan: FieldPlan | None, source: dict[str, Any]) -> dict[str, Any]:
    """The values that make the field: of a rule's alternatives the one that was taken."""
    found = _found(plan, source)
    if plan is not None and plan.take == "first":
        taken = plan.taken(lambda path: value_at(path, source))
        return dict([next((one for one in found.items() if taken and one[0] == taken.text), next(iter(found.items())))])
    return found


def _row(
    name: str,
    plan: Any,
    wire: list[str],
    source: dict[str, Any],
    canonical: dict[str, Any],
    payload: dict[str, Any],
    names: list[str],
) -> Row:
    def shown(value: Any) -> str:
        return masked(name, _shown(value), names) if _shown(value) else ""

    value = canonical.get(name)
    if name == "identifiers":
        value = ", ".join(str(one.get("number")) for one in value or ())
    return Row(
        name,
        {path: shown(found) for path, found in _that_count(plan, source).items()},
        shown(value),
        {target: _national(name, payload.get(target), shown) for target in wire if target in payload},
    )


def _national(name: str, value: Any, shown: Callable[[Any], str]) -> str:
    if isinstance(value, list):
        numbers = [str(one.get("SoDinhDanh", "")) if isinstance(one, dict) else "" for one in value]
        return ", ".join(shown(number) for number in numbers) if name == "identifiers" else _entries(len(value))
    return shown(value)


def _list_row(
    name: str, plan: Any, wire: list[str], source: dict[str, Any], canonical: dict[str, Any], payload: dict[str, Any]
) -> Row:
    entries = canonical.get(name) or []
    seen = {}
    if isinstance(plan, ListPlan):
        seen[plan.where.path] = _entries(sum(1 for _ in entries_at(plan.levels, source)))
    codes = "; ".join(" ".join(_shown(one.get(key)) for key in LISTS[name] if one.get(key)) for one in entries)
    canonical_text = f"{_entries(len(entries))}: {codes}" if codes.strip("; ") else _entries(len(entries))
    national = {
        target: _entries(len(payload[target])) if isinstance(payload[target], list) else _shown(payload[target])
        for target in wire
        if target in payload
    }
    return Row(name, seen, canonical_text if entries else "", national)


def _entries(count: int) -> str:
    return "" if not count else "1 entry" if count == 1 else f"{count} entries"


def _shown(value: Any) -> str:
    """A value in few words; times as people write them, an object by its name only."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(VIET_NAM).strftime("%d/%m/%Y %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "(an object)"
    return _entries(len(value)) if isinstance(value, list) else str(value)
