"""Which places an address names: its units alone, since everything else in it may be about a person."""

import re
import unicodedata
from itertools import groupby

from mappings.units import TYPES, Units

_KINDS = frozenset(
    [*map(str.casefold, TYPES), "p.", "x.", "tt.", "q.", "h.", "tx.", "tp.", "t.", "tt", "tx", "tp"],
)
_NOW = frozenset({"nay là", "nay thuộc"})
_ABBREVIATED = re.compile(r"\b(p|x|tt|q|h|tx|tp|t)\.(?=\S)", re.IGNORECASE)
_LONGEST = 6
"""Words of a unit's name without its kind."""


def place_names(units: Units) -> frozenset[str]:
    """Names of all units of every edition without their kind, in small letters."""
    rows = (unit for found in units.by_code.values() for unit in found)
    return frozenset(_plain(unit.name[len(unit.type) :]) for unit in rows)


def places_in(address: str | None, names: frozenset[str]) -> str:
    """An address without what is about a person: its units by kind and name, everything else as `***`.

    >>> known = frozenset({"long tuyền", "an bình", "cần thơ"})
    >>> places_in("Số 12, ấp Thới Hòa, phường Long Tuyền (nay là Phường An Bình), TP. Cần Thơ", known)
    '***, phường Long Tuyền, nay là Phường An Bình, TP. Cần Thơ'
    """
    parts = re.split(r"[,;()\n]+", unicodedata.normalize("NFC", address or ""))
    shown = [places for part in parts if (places := _places(part, names))]
    return ", ".join(part for part, _ in groupby(shown))


def _places(part: str, names: frozenset[str]) -> str:
    words, shown, at = _ABBREVIATED.sub(r"\1. ", part).split(), list[str](), 0
    while at < len(words):
        end = _unit_end(words, at, names)
        if end:
            shown.append(" ".join(words[at:end]))
        elif words[at] not in "-–" and shown[-1:] != ["***"]:
            shown.append("***")
        at = end or at + 1
    return " ".join(shown)


def _unit_end(words: list[str], at: int, names: frozenset[str]) -> int | None:
    """Behind the last word of the unit that begins here; None where none does."""
    if _plain(" ".join(words[at : at + 2])) in _NOW:
        at += 2
    for kind in (2, 1):
        if " ".join(words[at : at + kind]).casefold() in _KINDS:
            for end in range(min(at + kind + _LONGEST, len(words)), at + kind, -1):
                if _plain(" ".join(words[at + kind : end])) in names:
                    return end
    return None


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip(" .:").casefold()
