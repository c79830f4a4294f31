"""What an address says about which of several units is meant. It is compared here, and neither kept nor passed on.

An address is old when it names a district, or its province by a name that ended with the reform; it is new when it
names the merged province by another name than the old one. What follows `nay là` or `nay thuộc` (now) is new, and a
name that ends in `cũ` (former) says nothing.

A commune's name counts for a candidate only when it cannot be an old name too: in an old address no commune of that
name may have stood in the district (or, when none is known, in the province); in one of neither kind it must not be the
name of the former unit itself. A name that belongs to neither the former unit nor a candidate decides nothing: the code
and the address speak of two places.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from mappings.unit_names import Mention, bare, fold, mentions
from mappings.units import REFORM, Unit, Units

Evidence = Literal["names_one", "names_none", "names_old_unit", "names_old_and_new", "names_several", "names_another"]
"""What the address gave: the name of one candidate, no commune, only a former unit's name, one that
a former unit and a candidate share, several, another's."""

Districts = Mapping[str, tuple[Unit, ...]]
"""Units of before the reform by bare name."""

_NOW = re.compile(r"\bnay\s+(?:là|thuộc)\b", re.IGNORECASE)
_FORMER, _COUNTRY = f" {fold('cũ')}", fold("Việt Nam")


@dataclass(frozen=True, slots=True)
class Stated:
    """An address against a code's old province: communes named, codes of the district (no code: an unknown one)."""

    communes: tuple[Mention, ...]
    district: tuple[str, ...] | None
    era: Literal["old", "new"] | None


def decide(
    address: str, edition: Units, former: Unit, candidates: Mapping[str, Unit], on: date
) -> tuple[str | None, Evidence, tuple[str, ...]]:
    """The candidate that an address names, what it gave, and, for a district, the codes of its communes named."""
    stated = read(address, edition, former, [bare(unit.name) for unit in candidates.values()], on)
    if not stated.communes:
        return None, "names_none", ()
    if former.level == "district":
        inside = _communes(edition, (former.code,), stated.communes)
        if inside:
            return None, "names_old_unit", inside
    own = {bare(former.name)} if former.level == "commune" else set()
    names = {mention.name for mention in stated.communes}
    named = {code: bare(unit.name) for code, unit in candidates.items() if bare(unit.name) in names}
    if names - set(named.values()) - own:
        return None, "names_another", ()
    old = _old_names(edition, former, stated, own)
    clear = [code for code, name in named.items() if name not in old]
    if len(clear) == 1:
        return clear[0], "names_one", ()
    return None, "names_several" if clear else "names_old_unit", ()


def _old_names(edition: Units, former: Unit, stated: Stated, own: set[str]) -> set[str]:
    """Names that the address may mean in the old sense."""
    if stated.era == "new":
        return set()
    if stated.era is None:
        return own
    inside = stated.district or edition.children.get(former.province or "", ())
    return {bare(unit.name) for code in inside for unit in _old_children(edition, code)}


def _old_children(edition: Units, district: str) -> list[Unit]:
    found = (edition.rows(code)[0] for code in edition.children.get(district, ()))
    return [unit for unit in found if unit.district == district]


def _communes(edition: Units, districts: Sequence[str], named: Sequence[Mention]) -> tuple[str, ...]:
    """Codes of the old communes of districts that an address names; `Thị trấn X` is not `Xã X`."""
    found = [unit for code in districts for unit in _old_children(edition, code)]
    by_name = [unit for unit in found if any(bare(unit.name) == one.name for one in named)]
    by_type = [unit for unit in by_name if any((bare(unit.name), unit.type) == (one.name, one.word) for one in named)]
    return tuple(unit.code for unit in by_type or by_name)


def read(address: str, edition: Units, former: Unit, known: Sequence[str], on: date) -> Stated:
    """What an address states beside a former unit on a day; `known` are bare names of communes to look for."""
    parts = _NOW.split(address)
    now = len(parts) > 1
    province = former.province or ""
    old_name, new_name = _province_names(edition, province)
    around = {*edition.of_level("province", REFORM), *edition.of_level("province", on), *edition.rows(province)[:1]}
    communes = [edition.rows(code)[0] for code in edition.children.get(former.code, ())]
    districts: dict[str, tuple[Unit, ...]] = {}
    for unit in (edition.rows(code)[0] for code in edition.children.get(province, ())):
        districts[bare(unit.name)] = (*districts.get(bare(unit.name), ()), unit)
    reading = _Reading(
        {bare(unit.name) for unit in around},
        {bare(unit.name) for unit in around if unit.type == "Thành phố"},
        districts,
        {*known, *(bare(unit.name) for unit in [former, *communes])},
    )
    reading.take(mentions(parts[-1]))
    if now:
        era: Literal["old", "new"] | None = "new"
    elif reading.district is not None or (old_name != new_name and {old_name} == reading.named & {old_name, new_name}):
        era = "old"
    else:
        era = "new" if old_name != new_name and new_name in reading.named else None
    return Stated(tuple(reading.communes), None if now else reading.district, era)


def _province_names(edition: Units, province: str) -> tuple[str, str]:
    """A province's bare name before the reform, and that of the province which took it."""
    old = edition.rows(province)
    new = edition.rows(edition.province_successor.get(province, ""))
    after = [unit for unit in new if unit.valid_from and unit.valid_from >= REFORM]
    return bare(old[0].name) if old else "", bare(after[0].name) if after else ""


class _Reading:
    """Reads mentions from the right: province, district, commune. `known` are the communes' bare names in question."""

    def __init__(self, provinces: set[str], cities: set[str], districts: Districts, known: set[str]) -> None:
        self.provinces, self.cities, self.districts, self.known = provinces, cities, districts, known
        self.communes: list[Mention] = []
        self.named: set[str] = set()
        self.district: tuple[str, ...] | None = None
        self._read_all = False

    def take(self, found: Sequence[Mention]) -> None:
        for position, one in reversed(list(enumerate(found))):
            if one.kind is None:
                self._bare(one)
            elif one.kind == "commune":
                self._commune(one)
            elif one.kind == "province" or (one.kind == "city" and self._is_province(one.name, position, found)):
                self.named.add(one.name)
            else:
                self._district(self._without_places(one.name, self.districts), one.word)

    def _is_province(self, name: str, position: int, found: Sequence[Mention]) -> bool:
        """A city is a province, unless the old province had a city of that name and another place follows."""
        return name in self.cities and (name not in self.districts or position == len(found) - 1)

    def _district(self, name: str, word: str = "") -> None:
        """`Thị xã Kỳ Anh` and `Huyện Kỳ Anh` are two; without the word both are meant."""
        found = self.districts.get(name, ())
        of_word = [unit for unit in found if unit.type == word]
        self.district = tuple(unit.code for unit in of_word or found)

    def _commune(self, one: Mention) -> None:
        name = self._without_places(one.name, self.known)
        if not name.endswith(_FORMER):
            self.communes.append(Mention(name, one.kind, one.word))

    def _bare(self, one: Mention) -> None:
        """A part without a word for what it is: province, district, then the one commune before them."""
        if one.name == _COUNTRY or self._read_all or self.communes:
            return
        if one.name in self.provinces and not self.named:
            self.named.add(one.name)
        elif one.name in self.districts and self.named and self.district is None:
            self._district(one.name)
        else:
            if one.name in self.known and (self.named or self.district is not None):
                self.communes.append(one)
            self._read_all = True

    def _without_places(self, name: str, known: Container[str]) -> str:
        """`tân lập đan phượng hà nội` -> `tân lập`, where district and province follow without a comma."""
        for places in (self.provinces, self.districts):
            place = next((place for place in places if name not in known and name.endswith(f" {place}")), None)
            if place is not None:
                name = name.removesuffix(f" {place}")
                if places is self.provinces:
                    self.named.add(place)
                else:
                    self._district(place)
        return name
