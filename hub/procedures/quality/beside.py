"""Codes that stand beside another procedure's name: whole lists that slipped by one row, and single lines.

Public lists link procedures to the code of the row below [seen: CONTRACTS 8]. What the name says is judged by the
national names; the order of the rows is that of the list as it was read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from hub.procedures.names import folded

ALIKE = 90
"""How alike two names must be, of 100, to be the same procedure's."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: its row there, its code and base code, and its name."""

    row: int
    local_code: str
    base: str
    name: str


@dataclass(frozen=True, slots=True)
class Slip:
    """Consecutive rows whose names are those of the codes `shift` rows further down (+1) or up (-1)."""

    rows: tuple[Row, ...]
    shift: int


def slips(rows: Sequence[Row], national: Mapping[str, str]) -> tuple[list[Slip], list[tuple[Row, str]]]:
    """Ranges that slipped by one row, and single rows whose name is exactly another procedure's, with its code.

    Args:
        rows: in the list's order; only rows whose code is national.
        national: name by code.
    """
    codes_by_name: dict[str, list[str]] = {}
    for code, name in national.items():
        codes_by_name.setdefault(folded(name), []).append(code)
    shifts: list[int] = []
    others: list[tuple[Row, str]] = []
    for place, row in enumerate(rows):
        shift = _shift(rows, place, national)
        shifts.append(shift)
        if not shift and not _same(row.name, national[row.base]):
            codes = codes_by_name.get(folded(row.name), [])
            if codes and row.base not in codes:
                others.append((row, codes[0]))
    found = [Slip(tuple(rows[place] for place in run), shift) for shift, run in _runs(shifts) if shift]
    return found, others


def _runs(shifts: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    for shift, run in groupby(range(len(shifts)), key=shifts.__getitem__):
        yield shift, list(run)


def _shift(rows: Sequence[Row], place: int, national: Mapping[str, str]) -> int:
    """+1 when the row has the name of the next row's code, -1 of the one before, 0 when it has its own or neither's."""
    row = rows[place]
    if _same(row.name, national[row.base]):
        return 0
    own = _likeness(row.name, national[row.base])
    best, found = max(own, ALIKE - 1), 0
    for shift in (1, -1):
        if 0 <= place + shift < len(rows) and rows[place + shift].base != row.base:
            likeness = _likeness(row.name, national[rows[place + shift].base])
            if likeness > best:
                best, found = likeness, shift
    return found


def _same(one: str, other: str) -> bool:
    return folded(one) == folded(other)


def _likeness(one: str, other: str) -> float:
    from rapidfuzz import fuzz

    return float(fuzz.ratio(folded(one), folded(other)))
