"""Status words that no code list knows: the national status that their words speak of."""

from collections.abc import Iterator, Sequence
from typing import Any

from rapidfuzz import fuzz, process

from hub.suggest.model import Proposal, said
from hub.suggest.words import STATUS_WORDS, bare
from mappings import CodeList, CodeLists, Mapped, Mapping
from mappings.mapped import Refused
from mappings.paths import entries_at, value_at
from mappings.planned import FieldPlan, ListPlan
from mappings.transforms import read_key
from schemas.statuses import NATIONAL_STATUSES

LEAST = 70
"""Score of 100 below which a national status is not named."""

Sampled = Sequence[tuple[dict[str, Any], Mapped]]


def vocabulary(lists: CodeLists) -> dict[str, tuple[int, str]]:
    """Every known status word without marks -> its national status, and the word as it was written."""
    words = {bare(name): (number, name) for number, name in NATIONAL_STATUSES.items()}
    for number, known in STATUS_WORDS.items():
        for word in known:
            words.setdefault(word, (number, word))
    for name in lists.names():
        if "status" in name and lists[name].to == "int":
            for line in lists[name].lines:
                for part in line.key:
                    if part and not part.isdigit():
                        words[bare(part)] = (line.value, part)
    return words


def proposals(mapping: Mapping, sampled: Sampled, lists: CodeLists) -> list[Proposal]:
    """A line for each status of a dossier or a step that its list does not know, most frequent first."""
    words = vocabulary(lists)
    unknown: dict[tuple[str, tuple[str | None, ...]], tuple[list[Any], set[int]]] = {}
    for place, (record, mapped) in enumerate(sampled):
        for name, values in _stated(mapping, record):
            if name in lists and not _is_known(lists[name], values, mapped):
                key = (name, tuple(map(read_key, values)))
                unknown.setdefault(key, (values, set()))[1].add(place)
    found = [_proposal(lists[name], values, len(where), words) for (name, _), (values, where) in unknown.items()]
    return sorted(found, key=lambda one: -one.dossiers)


def guess(word: str, words: dict[str, tuple[int, str]]) -> tuple[int, int, str]:
    """The national status of a word: (status, score, the known word it is like)."""
    best = process.extractOne(bare(word), words.keys(), scorer=_alike)
    number, known = words[best[0]]
    return number, round(best[1]), known


def _alike(one: str, other: str, **_: Any) -> float:
    return max(fuzz.token_sort_ratio(one, other), 0.9 * fuzz.token_set_ratio(one, other))


def _stated(mapping: Mapping, record: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """The values of every status rule that uses a list, in the dossier and its steps: (name of the list, values)."""
    for plan in mapping.plans:
        if isinstance(plan, ListPlan) and plan.steps:
            for item in plan.items:
                if isinstance(item, FieldPlan) and item.target == "status" and item.take == "key" and item.reader:
                    for around in entries_at(plan.levels, record):
                        yield item.reader.name, _values(item, *around)
        elif isinstance(plan, FieldPlan) and plan.target == "status" and plan.take == "key" and plan.reader:
            yield plan.reader.name, _values(plan, record)


def _values(plan: FieldPlan, *around: Any) -> list[Any]:
    return [None if path is None else value_at(path, *around) for path in plan.paths]


def _is_known(codes: CodeList, values: list[Any], mapped: Mapped) -> bool:
    received = mapped.record.get("received_at")
    try:
        codes.look_up(values, received.date() if received else None)
    except Refused:
        return False
    except TypeError:  # a list or an object where a code belongs: not for a code list to mend
        return True
    return True


def _proposal(codes: CodeList, values: list[Any], dossiers: int, words: dict[str, tuple[int, str]]) -> Proposal:
    parts = dict(zip(codes.parts, values, strict=False))
    stated = {name: value for name, value in parts.items() if read_key(value) is not None}
    chosen = next((match for match in codes.match if set(match) <= set(stated)), tuple(stated))
    texts = [str(stated[name]) for name in chosen if bare(str(stated[name])) and not str(stated[name]).isdigit()]
    number, score, like = max((guess(text, words) for text in texts), key=lambda one: one[1], default=(0, 0, ""))
    entry = ", ".join(f"{name}: {said(stated[name])}" for name in chosen)
    if score < LEAST:
        nearest = f"the nearest known word is '{like}' ({score})" if score else "a number without words"
        why = f"no candidate: {nearest}; ask what it means"
        return Proposal("statuses", codes.name, f"- {{{entry}, is: ?}}", 0, why, dossiers)
    why = f"like '{like}', which is {number} {NATIONAL_STATUSES[number]}"
    return Proposal("statuses", codes.name, f"- {{{entry}, is: {number}}}", score, why, dossiers)
