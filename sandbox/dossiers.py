"""One dossier from its row number: every choice comes out of one hash of (seed, system, row).

So any row is made on its own. A `Dossier` is neutral: statuses are national numbers, times are office seconds, texts
are UTF-8 bytes without characters that JSON or XML must escape. The renderers write it in their systems' words.
"""

import struct
import unicodedata
from dataclasses import dataclass, replace
from hashlib import blake2b

from sandbox import calendar, limits
from sandbox.calendar import DAY_SECONDS
from sandbox.dirt import CORRECTABLE, OLD_PERIOD, OUTSIDE_GATEWAY, PERIOD, WARNED, WITHOUT, Pattern
from sandbox.old_era import OldEra
from sandbox.people import FAMILY, GIVEN, MIDDLE, PHONE_PREFIX, STREETS, tax_code
from sandbox.planting import soil
from sandbox.procedures import LocalProcedure, charged, local_list, national, used_by_dossiers
from sandbox.provinces import DEPARTMENT_OF, Office, Place, Profile, offices, places
from sandbox.statuses import ENDED
from sandbox.timeline import Timeline

_UNPACK = struct.Struct("<32H").unpack
_ROW = struct.Struct("<Q").pack

_DONE = (
    [(2, 4, 9, 10)] * 8 + [(1, 2, 4, 9, 10)] * 3 + [(2, 4, 4, 9, 10)] * 3 + [(2, 4, 5, 4, 9, 10)] + [(2, 6, 4, 9, 10)]
    + [(2, 4, 9)] * 4 + [(2, 4, 4, 9)] * 3 + [(1, 3)] + [(2, 9, 10)] * 6 + [(2, 4, 7)] + [(2, 4, 8)]
)  # fmt: skip
_CLOSED = [path for path in _DONE if path[-1] in ENDED]
_OPEN = [
    (1,),
    (1, 2),
    (2,),
    (2,),
    (2, 4),
    (2, 4),
    (2, 4),
    (2, 4, 4),
    (2, 4, 5),
    (2, 6),
    (2, 4, 6),
    (1, 2, 4),
    (2, 4, 9),
    (2, 5, 4),
]
_NEW = [(1,), (1,), (1, 2), (2,), (2,), (2, 4)]
_NEXT = {
    1: (2, 2, 2, 3), 2: (4, 4, 4, 6), 4: (9, 9, 9, 5), 5: (4, 4, 4, 9), 6: (4, 4, 9, 4), 7: (4, 8, 4, 4),
    8: (4, 4, 4, 4), 9: (10, 10, 10, 10),
}  # fmt: skip
_ILLEGAL = ((2, 4, 10), (2, 4, 2, 9), (1, 4, 9), (2, 4, 9, 4))
_HOUR = 3600
NEWEST_FIRST = frozenset({"vnpt", "mobifone", "tan_dan"})
"""Kinds of systems whose list begins with the newest change."""


@dataclass(slots=True, init=False, eq=False)
class Dossier:
    """One record as the generator means it. -1 stands for a time or a day that is absent."""

    row: int
    kind: str
    """Label that is still true; empty when clean or corrected."""
    number: int
    """The row that gives the record its id: a stale copy has its record's."""
    code: bytes
    national_code: bytes
    procedure: int
    form: int
    owner: bytes
    filer: bytes
    identity: bytes
    tax: bytes
    phone: bytes
    email: bytes
    address: bytes
    place: Place
    office: Office
    subject: bytes
    target: int
    channel: int
    back: int
    pay: int
    vneid: bool
    on_national: bool
    path: tuple[int, ...]
    times: list[int]
    changed: int
    submitted: int
    received: int
    due_day: int
    finished: int
    returned: int
    refused: int
    withdrawn: int
    documents: int
    digitised: int
    picks: tuple[int, ...]
    bad_status: bool
    lost_time: int
    """Position of the step that lost its time, -1 for none."""
    shuffled: bool
    year_slip: bool
    url: bytes
    fee: int
    """A wrong fee in đồng; 0 when the procedure's own stands in the record."""
    correction: bool


class Generator:
    """Makes any row of one system; holds a few thousand pieces and the timeline, never records."""

    def __init__(self, profile: Profile, size: int, seed: int) -> None:
        self.profile, self.size, self.seed = profile, size, seed
        self._key = f"{seed}:{profile.slug}".encode()
        self._births = [prefix.encode() for prefix in profile.cccd]
        self._national_unit = f"G22.{profile.agency[1:]}".encode()
        self.pattern = Pattern(
            seed,
            profile.joins or profile.slug,
            size,
            profile.kind in NEWEST_FIRST,
            without=WITHOUT.get(profile.kind, ()),
            period=OLD_PERIOD if profile.joins else PERIOD,
        )
        """Those that join one province share a pattern: so their odd codes, which count rows, are the same ones."""
        self.listing = local_list(profile.slug, profile.agency, seed)
        used = used_by_dossiers(self.listing, seed, profile.slug)
        self.procedures: list[LocalProcedure] = [*used, *(p for p in self.listing.listed if p.base is None)]
        self.usual = len(used)
        """Procedures from here on are the province's own inventions."""
        self._due = [limits.due_days(p) for p in self.procedures]
        self._only = {
            "fee_off": [n for n, p in enumerate(used) if charged(p)],
            "due_beyond_limit": [n for n, p in enumerate(used) if limits.longest(p)],
        }
        self._subjects = [f"{_plain(p.name)[:90].strip()} - ".encode() for p in self.procedures]
        self.old_places, self.new_places = places(profile.slug)
        departments, committees = offices(profile.slug)
        self.handled_by: list[list[Office]] = []
        for p in self.procedures:
            known = national().get(p.base or "")
            department = departments[DEPARTMENT_OF.get(known.agency_code, 4)] if known and "1" in known.levels else None
            self.handled_by.append([department] if department else committees)
        self.old_era = OldEra(profile.slug, self.procedures) if profile.joins else None
        era_places, era_offices = (self.old_era.places, self.old_era.offices) if self.old_era else ([], [])
        self.offices = [*departments, *committees, *era_offices]
        known_places = [*self.old_places, *self.new_places, *era_places]
        self.unknown_place = {id(p): replace(p, commune=f"9{p.commune[1:]}") for p in known_places}
        """A place of the same name under a code that no unit ever had, by the `id` of the right one."""
        self.places = [*known_places, *self.unknown_place.values()]
        self._address = {id(p): f"{p.commune_name}, {p.province_name}".encode() for p in known_places}
        self._code_stems = {id(o): (f"{o.old}-".encode(), f"{o.new}-".encode()) for o in self.offices}
        self._gateway = calendar.office_second(profile.gateway)
        self.timeline = Timeline(
            seed,
            profile.slug,
            size,
            self.pattern,
            lambda _, row: self.path_of(row)[-1] not in ENDED,
            self._gateway + DAY_SECONDS,
            calendar.FIRST_OLD_DAY if profile.joins else calendar.FIRST_BASE_DAY,
        )

    # -- public

    def dossier(self, row: int) -> Dossier:
        """The record of a row as it is served now."""
        role = self.timeline.role(row)
        if role.twin and role.kind == "stale_copy":
            return self._stale(row, role.main)
        history = self.timeline.history.get(row)
        d = self._clean(row, role.kind, history)
        if role.twin:
            d.kind = role.kind
            d.code = self._clean(role.main, role.kind, None).code
            d.national_code = b""
        elif role.kind:
            if role.kind not in WARNED:
                d.national_code = b""
            if role.kind in CORRECTABLE and row in self.timeline.corrected:
                d.correction = True
            else:
                d.kind = role.kind
                soil(d, self)
        return d

    def code_of(self, row: int) -> str:
        return self.dossier(row).code.decode()

    def path_of(self, row: int) -> tuple[int, ...]:
        """National statuses a record has been through, with every change up to now."""
        role = self.timeline.role(row)
        h = self._hash(row)
        path = self._path(row, role.kind, h)
        for n in range(len(self.timeline.history.get(row, ()))):
            path = self._extended(path, row, n, role.kind)
        return path

    def due_day(self, procedure: int, received: int) -> int:
        """The office day on which a dossier of the procedure at this place is due, by the office second of receipt."""
        return self._due[procedure][received // DAY_SECONDS]

    def tax_code(self, d: Dossier) -> bytes:
        """The right tax code of the enterprise that a record would belong to."""
        return tax_code(d.picks[17] * 150 + d.row % 150)

    # -- the clean record

    def _hash(self, row: int) -> tuple[int, ...]:
        return _UNPACK(blake2b(_ROW(row), digest_size=64, key=self._key).digest())

    def _path(self, row: int, kind: str, h: tuple[int, ...]) -> tuple[int, ...]:
        if kind:
            if kind == "impossible_transition":
                return _ILLEGAL[h[0] % len(_ILLEGAL)]
            if kind in ("unsorted_progress", "step_without_time", "stale_copy"):
                return _DONE[h[0] % 8]
            if kind == OUTSIDE_GATEWAY:
                return (2,)
        base = self.timeline.base_rows
        if row >= base:
            return _NEW[h[0] % len(_NEW)]
        if self.old_era:  # one in twenty has not ended, nearly all of these among the last fifth
            late = max(0, 5 * row - 4 * base)
            closed = h[1] < 65_300 - (42_000 * late * late // (base * base))
            return _CLOSED[h[0] % len(_CLOSED)] if closed else _OPEN[h[0] % len(_OPEN)]
        # The older, the likelier it has ended: 97 % at the beginning of the year, 35 % in the last week.
        done = 63_500 - (40_500 * row * row // (base * base))
        return _DONE[h[0] % len(_DONE)] if h[1] < done else _OPEN[h[0] % len(_OPEN)]

    def _extended(self, path: tuple[int, ...], row: int, n: int, kind: str) -> tuple[int, ...]:
        last = path[-1]
        if last in ENDED or (kind in CORRECTABLE and n == 0):
            return path
        return (*path, _NEXT[last][(row * 7 + n * 3 + self.seed) % 4])

    def _clean(self, row: int, kind: str, history: list[int] | None) -> Dossier:
        timeline = self.timeline
        h = self._hash(row)
        d = Dossier()
        d.row = d.number = row
        d.kind = ""
        d.picks = h
        d.bad_status = d.shuffled = d.year_slip = d.correction = False
        d.fee = 0
        d.lost_time = -1
        d.url = b""

        path = self._path(row, kind, h)
        w = changed = timeline.first_w(row)
        w -= h[2] & 31
        times = [w]
        for n in range(len(path) - 1):
            w -= 900 + h[3 + n] * 2
            times.append(w)
        times.reverse()
        first = times[0]
        if path[0] == 1:
            submitted, received = first, times[1] if len(path) > 1 and path[1] == 2 else first
        else:
            received, submitted = first, first - 60 - (h[9] >> 2)
        procedure = h[10] * h[11] * self.usual >> 32
        if kind and kind in self._only:
            procedure = self._only[kind][procedure % len(self._only[kind])]
        d.procedure = procedure
        d.form = h[12] % 5
        if history:
            for n, at in enumerate(history):
                longer = self._extended(path, row, n, kind)
                if len(longer) > len(path):
                    times.append(at)
                path, changed = longer, at
        d.path, d.times, d.changed = path, times, changed
        d.submitted, d.received, d.due_day = submitted, received, self._due[procedure][received // DAY_SECONDS]
        d.finished = d.returned = d.refused = d.withdrawn = -1
        for status, at in zip(path, times, strict=True):
            if status == 9:
                d.finished = at
            elif status == 10:
                d.returned = at
            elif status == 3:
                d.refused = at
            elif status == 7:
                d.withdrawn = at

        given = h[15] % _GIVEN_NAMES
        middle = MIDDLE[h[14] % _MIDDLE_NAMES]
        d.owner = b"%b %b %b" % (FAMILY[h[13] % _FAMILIES], middle, GIVEN[given])
        woman = middle == _WOMAN
        year = 55 + h[16] % 50
        sex = (1 if woman else 0) + (2 if year > 99 else 0)
        serial = h[17] * 15 + row % 13
        if h[16] & 0x3F00 == 0:
            d.identity = b"%09d" % (100_000_000 + h[17] * 4000 + row % 4000)
        else:
            prefix = self._births[(h[16] >> 15) % len(self._births)]
            d.identity = b"%b%d%02d%06d" % (prefix, sex, year % 100, serial % 1_000_000)
        d.target = (0, 0, 0, 0, 0, 1, 1, 3, 0, 2, 0, 0, 0, 1, 0, 0)[h[18] & 15]
        d.tax = self.tax_code(d) if d.target == 1 else b""
        d.filer = d.owner
        if h[18] & 0x0F00 == 0:
            d.filer = b"%b %b" % (FAMILY[h[19] % _FAMILIES], GIVEN[h[20] % _GIVEN_NAMES])
        d.phone = b"%b%07d" % (PHONE_PREFIX[h[21] % _PREFIXES], h[22] * 152 + row % 151)
        d.email = b"%b%d@example.vn" % (_MAIL[given], h[22]) if h[21] & 0x4000 else b""
        offices_ = self.handled_by[procedure]
        if self.old_era and received < calendar.REFORM:
            place, end, office = self.old_era.filed(procedure, h[24], h[25] // 300, offices_)
        else:
            pool = self.old_places if h[23] % 3 == 0 else self.new_places
            place = pool[h[24] % len(pool)]
            end, office = self._address[id(place)], offices_[h[26] % len(offices_)]
        d.place, d.office = place, office
        d.address = b"S\xe1\xbb\x91 %d, %b%b" % (1 + h[25] % 300, STREETS[h[25] % _STREETS], end)
        d.code = b"%b%b-%07d" % (
            self._code_stems[id(office)][h[26] >> 15],
            calendar.CODE_DAY[submitted // DAY_SECONDS],
            row + 1,
        )
        d.national_code = (
            b"%b.99-%b-%07d" % (self._national_unit, calendar.CODE_LONG_DAY[submitted // DAY_SECONDS], row + 1)
            if h[27] < 1966
            else b""
        )
        d.subject = self._subjects[procedure] + d.owner
        bits = h[28]
        d.channel = (0, 0, 0, 0, 0, 1, 1, 2)[bits & 7]
        d.back = bits >> 3 & 1
        d.pay = (2, 3, 0, 1)[bits >> 4 & 3]
        d.vneid = d.channel == 0 and bits & 64 == 0
        d.on_national = bool(d.national_code) or bits >> 7 & 7 == 0 or (d.channel == 0 and submitted >= self._gateway)
        d.documents = (1, 2, 2, 3, 3, 3, 4, 5)[bits >> 10 & 7]
        d.digitised = h[29]
        return d

    # -- what is wrong with it

    def _stale(self, row: int, main: int) -> Dossier:
        """The older version of `main`: without its last step, changed before the newer one."""
        d = self._clean(main, "stale_copy", None)
        d.row, d.kind, d.national_code = row, "stale_copy", b""
        d.path, d.times = d.path[:-1], d.times[:-1]
        d.returned = -1
        before = self.timeline.first_w(row) if row < main else self.timeline.first_w(main) - _HOUR
        d.changed = min(before, self.timeline.first_w(main) - 1)
        return d


_WOMAN = "Thị".encode()
_FAMILIES, _MIDDLE_NAMES, _GIVEN_NAMES = len(FAMILY), len(MIDDLE), len(GIVEN)
_PREFIXES, _STREETS = len(PHONE_PREFIX), len(STREETS)


def _plain(text: str) -> str:
    """Without characters that JSON or XML must escape."""
    return " ".join(
        text.replace('"', "'").replace("\\", "/").replace("&", "và").replace("<", "(").replace(">", ")").split()
    )


def _ascii(text: bytes) -> bytes:
    letters = unicodedata.normalize("NFD", text.decode().lower().replace("đ", "d"))
    return "".join(c for c in letters if c.isascii()).encode()


_MAIL = [_ascii(name) for name in GIVEN]
