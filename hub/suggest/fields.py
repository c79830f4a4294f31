"""Fields that the mapping does not fill: candidates among the source's, by name and by the look of the values."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from rapidfuzz import fuzz

from connectors.survey.fields import FieldSeen, Profile
from hub.suggest.model import Proposal, said
from hub.suggest.shapes import CODED, shape, telling, time_format
from hub.suggest.words import CODE_WORDS, FIELD_NAMES, bare
from mappings import CodeList, CodeLists, Mapping
from mappings.mapped import Refused
from mappings.paths import Path, entries_at, parse_path, value_at
from mappings.planned import FieldPlan, ListPlan
from schemas.records import DOSSIER, Field

LEAST = 60
"""Score of 100 below which no field is proposed."""
MOST = 3
"""Candidates for one field."""
CLEARLY = 15
"""By how much a name must fit another field better to be that one."""
VIETNAMESE = "228"
"""`languageId` of Vietnamese in lists of translations [seen: iGate]."""

_OF_EVERY_TIME = frozenset({"ngay", "thoi", "diem", "gio", "date", "time", "at"})

_AS = {"dossier_code": "dossier_code", "procedure_code": "procedure_base", "identifiers": "citizen_number"}


def filled(plan: FieldPlan | ListPlan, records: Iterable[dict[str, Any]]) -> int:
    """In how many records the source has something for a rule; a constant fills all."""
    if isinstance(plan, FieldPlan) and plan.take == "value":
        return sum(1 for _ in records)
    return sum(1 for record in records if _has(plan, record))


def _has(plan: FieldPlan | ListPlan, record: dict[str, Any]) -> bool:
    if isinstance(plan, ListPlan):
        return next(entries_at(plan.levels, record), None) is not None
    return any(value_at(path, record) not in (None, "", [], {}) for path in plan.paths if path is not None)


def unfilled(mapping: Mapping, records: Sequence[dict[str, Any]]) -> list[Field]:
    """Canonical fields without a rule, or whose rule finds nothing in any record; mandatory ones first."""
    plans = {plan.target: plan for plan in mapping.plans}
    empty = [
        field
        for field in DOSSIER
        if (field.kind != "list" or field.name == "identifiers")
        and (field.name not in plans or not filled(plans[field.name], records))
    ]
    return sorted(empty, key=lambda field: not field.mandatory)


def proposals(
    mapping: Mapping, records: Sequence[dict[str, Any]], profile: Profile, lists: CodeLists
) -> list[Proposal]:
    """Rules for unfilled fields, best first; one that another field reads already is not proposed again."""
    used = {path.text for plan in mapping.plans if isinstance(plan, FieldPlan) for path in plan.paths if path}
    found = []
    for field in unfilled(mapping, records):
        ours = []
        for score, path, seen, names in candidates(field, profile, used)[:MOST]:
            rule = _rule(field, path, seen, lists, records, mapping)
            why = f"name {names}, {_look(field, seen)}, filled in {seen.records} of {profile.records}"
            mandatory = " · mandatory" if field.mandatory else ""
            why = f"{why}; e.g. {', '.join(seen.examples(2))}{mandatory}"
            ours.append(Proposal("fields", "dossier", f"{field.name}: {rule}", score, why, seen.records))
        found += sorted(ours, key=lambda one: ": ?" in one.line)
    return found


def candidates(field: Field, profile: Profile, used: Iterable[str] = ()) -> list[tuple[int, str, FieldSeen, int]]:
    """Source fields for a canonical one: (score, path as a rule writes it, what was seen, score of the name)."""
    taken, found = set(used), []
    for seen in profile.shown():
        path = rule_path(seen.path, profile)
        if path is None or path in taken or not seen.values:
            continue
        looks = shape(field, seen)
        if looks is None:
            continue
        names = name_score(field.name, seen.path)
        if names < _best_name(seen.path) - CLEARLY:
            continue  # its name says that it is another field
        score = max(round(0.65 * names + 0.35 * looks) if names >= 60 else 0, telling(field, looks))
        if score >= LEAST:
            found.append((score, path, seen, names))
    return sorted(found, key=lambda one: (-one[0], -one[2].records, one[1]))


@lru_cache(maxsize=4_096)
def _best_name(path: str) -> int:
    return max(name_score(field, path) for field in FIELD_NAMES)


@lru_cache(maxsize=65_536)
def name_score(field: str, path: str) -> int:
    """How alike a path's last keys and the known names of a field are, 0..100."""
    return alike(path.replace("[]", ""), FIELD_NAMES.get(field, [field.replace("_", " ")]))


def alike(path: str, names: Iterable[str]) -> int:
    """How alike the last keys of a path are to the nearest of some names, 0..100."""
    said = [bare(key) for key in path.split(".")]
    keys = [key for number, key in enumerate(said) if not number or key != said[number - 1]]
    forms = {_core(keys[-1]), _core(" ".join(keys[-2:]))}
    best = 0.0
    for known in map(_core, names):
        for form in forms:
            apart = fuzz.token_sort_ratio(form, known)
            best = max(best, apart, fuzz.ratio(form.replace(" ", ""), known.replace(" ", "")))
    return round(best)


@lru_cache(maxsize=8_192)
def _core(name: str) -> str:
    """A name without the words that every time has: `ngay hen tra`, `thoi diem hen tra` -> `hen tra`."""
    return " ".join(word for word in name.split() if word not in _OF_EVERY_TIME) or name


def rule_path(path: str, profile: Profile) -> str | None:
    """A profiled path as a rule writes it; None inside a list, unless the list holds translations."""
    if "[]" not in path:
        return path
    above, _, below = path.partition("[].")
    if below and "[]" not in below and f"{above}[].languageId" in profile.fields and below != "languageId":
        return f"{above}[languageId={VIETNAMESE}].{below}"
    return None


def _look(field: Field, seen: FieldSeen) -> str:
    if form := time_format(seen):
        return f"times {form}"
    if field.name in CODED:
        return f"{seen.distinct} distinct values"
    return f"values fit {shape(field, seen)}"


def _rule(
    field: Field,
    path: str,
    seen: FieldSeen,
    lists: CodeLists,
    records: Sequence[dict[str, Any]],
    mapping: Mapping,
) -> str:
    """The rule as a flow of YAML."""
    parts = {"from": said(path)}
    if field.kind == "time":
        form = time_format(seen) or "iso"
        if field.name == "due_at":
            parts["as"] = "date_end_of_day"
        parts["format"] = said(form)
    elif field.name == "status":
        return status_rule(path, lists, records, mapping)
    elif field.name in CODE_WORDS:
        table = _guessed(field.name, seen)
        parts["table"] = "{" + ", ".join(f"{said(value)}: {code}" for value, code in table.items()) + "}"
    elif field.name in _AS:
        parts["as"] = _AS[field.name]
    return (
        parts["from"] if len(parts) == 1 else "{" + ", ".join(f"{key}: {value}" for key, value in parts.items()) + "}"
    )


def _guessed(name: str, seen: FieldSeen) -> dict[str, int | str]:
    """Codes of a few words by what the words say; `?` where they say nothing, as a number alone does."""
    return {value: _code_of(bare(value), CODE_WORDS[name]) for value in sorted(seen.values)}


def _code_of(value: str, words: dict[int, list[str]]) -> int | str:
    """The code whose longest word stands in the value, letter for letter or nearly."""
    found = [(len(word), code) for code, known in words.items() for word in known if f" {word} " in f" {value} "]
    found += [(0, code) for code, known in words.items() if any(fuzz.ratio(value, word) >= 85 for word in known)]
    return max(found)[1] if found else "?"


def status_rule(path: str, lists: CodeLists, records: Sequence[dict[str, Any]], mapping: Mapping) -> str:
    """The status by the code list that knows most of the values, with the name beside the number where it needs one."""
    names = sorted(
        (name for name in lists.names() if "status" in name and _may_serve(lists[name], mapping)),
        key=lambda name: (mapping.name not in name, len(lists[name].parts) == 1),
    )
    beside = _siblings(path, records)
    best: tuple[int, int, str, list[str]] | None = None
    for order, name in enumerate(names):
        for paths in ([path], *([path, other] for other in beside), *([other, path] for other in beside)):
            if len(paths) > len(lists[name].parts):
                continue
            known = _known(name, [parse_path(one) for one in paths], records, lists)
            if known and (best is None or (known, -order) > (best[0], best[1])):
                best = (known, -order, name, paths)
    if best is None:
        return f"{{from: {said(path)}, list: {mapping.name}_status}}"
    _, _, name, paths = best
    shown = said(paths[0]) if len(paths) == 1 else "[" + ", ".join(map(said, paths)) + "]"
    return f"{{from: {shown}, list: {name}}}"


def _may_serve(codes: CodeList, mapping: Mapping) -> bool:
    """A list that goes by numbers alone serves its own system only: vendors give them other meanings [seen]."""
    return codes.to == "int" and (codes.parts != ("number",) or mapping.name in codes.name)


def _siblings(path: str, records: Sequence[dict[str, Any]]) -> list[str]:
    """Texts beside a field whose names speak of a status."""
    above = path.rpartition(".")[0]
    inside: Any = value_at(parse_path(above), records[0]) if above else records[0]
    lead = f"{above}." if above else ""
    keys = [key for key in (inside if isinstance(inside, dict) else {}) if not isinstance(inside[key], dict | list)]
    wanted = ("trang thai", "status", "name", "ten", "id", "number", "code")
    return [lead + key for key in keys if lead + key != path and any(word in bare(key) for word in wanted)]


def _known(name: str, paths: list[Path], records: Sequence[dict[str, Any]], lists: CodeLists) -> int:
    count = 0
    for record in records:
        try:
            count += lists[name].look_up([value_at(path, record) for path in paths]) is not None
        except (Refused, TypeError):
            continue
    return count
