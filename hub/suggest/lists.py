"""Lists that the mapping does not fill (documents, fees, results, steps): a source list and its entries' fields."""

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.survey.fields import FieldSeen, Profile
from hub.suggest.fields import alike, filled, rule_path, status_rule
from hub.suggest.model import Proposal, said
from hub.suggest.shapes import share, time_format
from hub.suggest.words import LIST_NAMES
from mappings import CodeLists, Mapping
from mappings.paths import entries_at, parse_each
from schemas.records import DOSSIER, Field

LEAST = 75
"""Score of 100 below which a list, or a field of its entries, is not proposed."""


def proposals(
    mapping: Mapping, records: Sequence[dict[str, Any]], profile: Profile, lists: CodeLists
) -> list[Proposal]:
    """One line for each list without a rule, or whose rule finds nothing: the likeliest source list."""
    plans = {plan.target: plan for plan in mapping.plans}
    found = []
    for field in DOSSIER:
        if field.name in LIST_NAMES and (field.name not in plans or not filled(plans[field.name], records)):
            found += sorted(_of(field, mapping, records, profile, lists), key=lambda one: -one.score)[:1]
    return found


def _of(
    field: Field, mapping: Mapping, records: Sequence[dict[str, Any]], profile: Profile, lists: CodeLists
) -> Iterator[Proposal]:
    names = LIST_NAMES[field.name]
    for prefix in sorted({path.rpartition("[]")[0] + "[]" for path in profile.fields if "[]." in path}):
        score = alike(prefix.replace("[]", ""), names["list"])
        if score < LEAST:
            continue
        entries = [around[-1] for record in records for around in entries_at(parse_each(prefix), record)]
        rules = {}
        for item in field.items:
            best = _best(item, names[item.name], prefix, profile)
            if best is not None:
                rules[item.name] = _rule(item, *best, [one for one in entries if isinstance(one, dict)], mapping, lists)
        if rules and all(item.name in rules for item in field.items if item.mandatory):
            dossiers = sum(1 for record in records if next(entries_at(parse_each(prefix), record), None))
            entry = ", ".join(f"{name}: {rule}" for name, rule in rules.items())
            line = f"{field.name}: {{each: {said(prefix)}, {entry}}}"
            why = f"name {score}, {len(rules)} of {len(field.items)} fields of an entry found"
            yield Proposal("fields", "dossier", line, score, why, dossiers)


def _best(item: Field, names: list[str], prefix: str, profile: Profile) -> tuple[str, FieldSeen] | None:
    """The field of an entry whose name fits best and whose values do not contradict."""
    found = []
    for path, seen in profile.fields.items():
        inside = path.removeprefix(f"{prefix}.")
        if inside == path or not seen.values or not _fits(item, seen):
            continue
        short = rule_path(inside, _inside(profile, prefix))
        if short is not None:
            found.append((alike(inside.replace("[]", ""), names), short, seen))
    best = max(found, key=lambda one: (one[0], one[2].records), default=None)
    return best[1:] if best and best[0] >= LEAST else None


def _inside(profile: Profile, prefix: str) -> Profile:
    """The profile of a list's entries."""
    inner = Profile(profile.name)
    inner.fields = {path.removeprefix(f"{prefix}."): seen for path, seen in profile.fields.items()}
    return inner


def _fits(item: Field, seen: FieldSeen) -> bool:
    if item.kind == "time":
        return time_format(seen) is not None
    if item.name == "url":
        return share(seen, lambda value: "://" in value) >= 0.5
    if item.kind in ("int", "flag") and item.name != "status":
        return share(seen, lambda value: value.isdigit() or value.casefold() in ("true", "false", "có", "không")) >= 0.9
    return time_format(seen) is None


def _rule(
    item: Field, path: str, seen: FieldSeen, entries: list[dict[str, Any]], mapping: Mapping, lists: CodeLists
) -> str:
    if item.kind == "time":
        end = ", as: date_end_of_day" if item.name == "due_at" else ""
        return f"{{from: {said(path)}{end}, format: {said(time_format(seen) or 'iso')}}}"
    if item.name == "status":
        return status_rule(path, lists, entries, mapping)
    return f"{{from: {said(path)}, as: link}}" if item.name == "url" else said(path)
