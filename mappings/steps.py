"""Progress in time order: the legal head goes, the rest waits (national receivers refuse progress out of order)."""

from itertools import pairwise
from typing import Any

from mappings.mapped import Step, Where
from schemas.findings import Finding, Note
from schemas.statuses import NATIONAL_STATUSES, may_follow

Faults = dict[int, list[Finding]]

_LEGAL = frozenset(
    (before, after) for before in (None, *NATIONAL_STATUSES) for after in NATIONAL_STATUSES if may_follow(before, after)
)


def in_order(
    steps: list[Step], faults: Faults, where: Where, notes: list[Note]
) -> tuple[list[Step], list[tuple[Step, Finding]]]:
    """Split mapped steps into the legal head, sorted by time with equal times in source order, and the held rest.

    `faults` holds the findings of single steps by their place in the source. A step without a readable time stays
    behind the step that precedes it in the source. From the first fault or impossible transition on, steps are held:
    the first with its own finding, those behind it as `waits_for_step`.
    """
    if not faults:
        last, before = None, None
        for step in steps:
            at, status = step["at"], step["status"]
            if (before, status) not in _LEGAL or (last is not None and at < last):
                break
            last, before = at, status
        else:
            return steps, []
    return _settle(steps, faults, where, notes)


def _settle(
    steps: list[Step], faults: Faults, where: Where, notes: list[Note]
) -> tuple[list[Step], list[tuple[Step, Finding]]]:
    order = _by_time(steps)
    if order != list(range(len(steps))):
        notes.append(Note("unsorted_progress", where.field, f"{len(steps)} steps sorted by time"))
    before: int | None = None
    for position, index in enumerate(order):
        finding = _fault_of(steps[index], before, faults.get(index), where)
        if finding is not None:
            notes.append(Note(finding.reason, where.field, f"{len(order) - position} of {len(order)} steps are held"))
            waits = Finding("waits_for_step", where.field, finding.reason, where.rule, where.path)
            rest = [(steps[later], waits) for later in order[position + 1 :]]
            return [steps[i] for i in order[:position]], [(steps[index], finding), *rest]
        before = steps[index]["status"]
    return [steps[index] for index in order], []


def _fault_of(step: Step, before: int | None, found: list[Finding] | None, where: Where) -> Finding | None:
    if found:
        return found[0]
    status = step["status"]
    if (before, status) in _LEGAL:
        return None
    move = f"{'-' if before is None else before} -> {status}"
    return Finding("impossible_transition", f"{where.field}.status", move, where.rule, where.path)


def _by_time(steps: list[Step]) -> list[int]:
    """Places of the steps in time order. A list told newest first is turned before timeless steps are placed."""
    timed = [step["at"] for step in steps if step["at"] is not None]
    places = list(range(len(steps)))
    if len(timed) > 1 and timed[0] > timed[-1] and all(a >= b for a, b in pairwise(timed)):
        places = _turned(steps)
    keys: dict[int, tuple[bool, Any]] = {}
    last: Any = None
    for place in places:
        last = steps[place]["at"] if steps[place]["at"] is not None else last
        keys[place] = (last is not None, last)
    with_time = [place for place in places if keys[place][0]]
    without = [place for place in places if not keys[place][0]]
    return without + sorted(with_time, key=lambda place: keys[place][1])


def _turned(steps: list[Step]) -> list[int]:
    """Source places from last to first, but steps of one time keep their source order."""
    groups: list[list[int]] = []
    for place, step in enumerate(steps):
        if groups and step["at"] is not None and steps[groups[-1][0]]["at"] == step["at"]:
            groups[-1].append(place)
        else:
            groups.append([place])
    return [place for group in reversed(groups) for place in group]
