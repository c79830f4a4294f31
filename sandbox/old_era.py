"""What an old province had before 2025-07-01: its communes, with those that were split, and its district offices.

Codes of districts and of their communes' committees follow one scheme [style]: `000.07.40.H30` is the seventh district,
`000.12.67.H30` the committee of its twelfth commune. They were written in this one way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sandbox.procedures import LocalProcedure, national, rows
from sandbox.provinces import ALL, Office, Place, places

_DISTRICTS, _WITHIN_FIRST = 40, 61


@dataclass(frozen=True, slots=True)
class OldCommune:
    """A commune of before the reform: the offices that handle its people's dossiers, and what became of it."""

    place: Place
    district: Office
    committee: Office
    successors: tuple[Place, ...]
    """The new communes that took a part; one, unless it was split."""

    @property
    def address_ends(self) -> list[str]:
        """How an address there ends; of three in a commune split in two, two name the new one, as clerks added it."""
        old = f"{self.place.commune_name}, {self.place.district_name}, {self.place.province_name}"
        if len(self.successors) == 1:
            return [old]
        return [old, *(f"{old} (nay là {new.commune_name}, {new.province_name})" for new in self.successors)]


@lru_cache(maxsize=8)
def old_communes(slug: str) -> list[OldCommune]:
    """Every old commune of an old province, in order of its code."""
    profile = ALL[slug]
    new = {p.commune: p for p in places(slug)[1]}
    known: dict[str, Place] = {}
    successors: dict[str, list[Place]] = {}
    for r in rows("communes.csv"):
        if r["old_province_code"] == profile.code:
            code = r["old_code"]
            known[code] = Place(
                code, r["old_name"], r["old_district_code"], r["old_district_name"], profile.code, profile.name
            )
            successors.setdefault(code, []).append(new[r["code"]])
    districts: dict[str, Office] = {}
    for n, (code, name) in enumerate(sorted({(p.district or "", p.district_name) for p in known.values()}), 1):
        number = f"000.{n:02d}.{_DISTRICTS}.{profile.agency}"
        districts[code] = Office(number, number, f"UBND {_lower(name or '')}", f"UBND {profile.name}")
    order = list(districts)
    counted = dict.fromkeys(districts, 0)
    found = []
    for code, place in sorted(known.items()):
        district = place.district or ""
        counted[district] += 1
        number = f"000.{counted[district]:02d}.{_WITHIN_FIRST + order.index(district)}.{profile.agency}"
        committee = Office(number, number, f"UBND {_lower(place.commune_name)}", districts[district].name)
        found.append(OldCommune(place, districts[district], committee, tuple(successors[code])))
    return found


class OldEra:
    """Where and by whom a dossier was filed and handled before the reform; `procedures` by their place in the list."""

    def __init__(self, slug: str, procedures: Sequence[LocalProcedure]) -> None:
        communes = old_communes(slug)
        self.places = [one.place for one in communes]
        self.offices = [
            *{id(one.district): one.district for one in communes}.values(),
            *(c.committee for c in communes),
        ]
        self._communes = [(one, [end.encode() for end in one.address_ends]) for one in communes]
        self._at_district = [at_district(p) for p in procedures]

    def filed(self, procedure: int, where: int, house: int, handled_by: list[Office]) -> tuple[Place, bytes, Office]:
        """(commune, end of the address, office) of one dossier; one that a department handles today it handled then."""
        one, ends = self._communes[where % len(self._communes)]
        if self._at_district[procedure]:
            office = one.district
        else:
            office = handled_by[0] if len(handled_by) == 1 else one.committee
        return one.place, ends[house % len(ends)], office


def at_district(procedure: LocalProcedure) -> bool:
    """Whether the district handled a procedure that now lies with the commune: about half of them [style]."""
    known = national().get(procedure.base or "")
    return known is not None and "3" in known.levels and sum(known.code.encode()) % 2 == 0


def _lower(name: str) -> str:
    """`Huyện Châu Thành A` -> `huyện Châu Thành A`, as it stands behind UBND."""
    return name[:1].lower() + name[1:]
