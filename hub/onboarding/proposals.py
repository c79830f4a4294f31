"""What the shipped lists know of a province before anybody has asked it: code, name, agency code."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from mappings import CodeLists
from mappings.units import Unit, Units, units

PROVINCIAL = re.compile(r"H\d{2}")
FORMS = re.compile(r"^(Tỉnh|Thành phố)\s+")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A province of the units in force; `agency` is None where the list of agency codes does not know it."""

    code: str
    name: str
    agency: str | None


def fold(text: str) -> str:
    """A name as a slug: small letters without marks, `_` between words.

    >>> fold("Tỉnh Thanh Hóa"), fold("Bà Rịa - Vũng Tàu")
    ('thanh_hoa', 'ba_ria_vung_tau')
    """
    bare = unicodedata.normalize("NFD", FORMS.sub("", text).casefold().replace("đ", "d"))
    return re.sub(r"[^a-z0-9]+", "_", "".join(c for c in bare if not unicodedata.combining(c))).strip("_")


def propose(word: str, lists: CodeLists, on: date, among: Units | None = None) -> Proposal | None:
    """The province in force on a day whose name or slug this is; None when it is none of them."""
    wanted = fold(word)
    for unit in (among or units()).of_era("province", new=True):
        if unit.holds_on(on) and fold(unit.name) == wanted:
            return Proposal(unit.code, FORMS.sub("", unit.name), agency_of(unit, lists))
    return None


def agency_of(unit: Unit, lists: CodeLists) -> str | None:
    """The agency code under a province's own name; the code of a province that it absorbed is not proposed."""
    name = fold(unit.name)
    lines = lists["agencies"].lines if "agencies" in lists else ()
    codes = [str(line.key[0]).upper() for line in lines if fold(str(line.value)) == name]
    return next((code for code in codes if PROVINCIAL.fullmatch(code)), None)
