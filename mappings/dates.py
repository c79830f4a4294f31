"""Dates and times of the wire, read by a named format and zone into aware datetimes in Viet Nam, and written back.

Format names are the vendors' own (`dd/MM/yyyy HH:mm:ss`), plus `iso`, `epoch_s` and `epoch_ms`. A value that carries
an offset keeps its instant; one that does not is in the rule's zone. A date without a time is that day in Viet Nam,
whatever the zone: nobody means five in the afternoon of the day before. Years outside 1990..2100 are
`impossible_dates`; what does not fit the format is `bad_date`.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mappings.mapped import Refused
from schemas.records import VIET_NAM

Read = Callable[[Any], datetime | None]

FIRST_YEAR, LAST_YEAR = 1990, 2100
NAMED = ("iso", "epoch_s", "epoch_ms")
ZONES: dict[str, ZoneInfo] = {"Asia/Ho_Chi_Minh": VIET_NAM, "UTC": ZoneInfo("UTC")}

# Viet Nam has kept +07:00 since 1975, so the wall clock is a fixed distance from any instant in range. Adding that
# distance to an aware start is twice as fast as `astimezone` and gives the same datetimes (a test compares them).
_START_UTC = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_START_NAIVE = datetime(FIRST_YEAR, 1, 1)
_START_OF_UTC = datetime(FIRST_YEAR, 1, 1, 7, tzinfo=VIET_NAM)
_START_LOCAL = datetime(FIRST_YEAR, 1, 1, tzinfo=VIET_NAM)
_REST_OF_DAY = timedelta(hours=23, minutes=59, seconds=59)

_TOKENS = {"yyyy": 4, "MM": 2, "dd": 2, "HH": 2, "mm": 2, "ss": 2, "SSS": 3}
_TOKEN = re.compile("|".join(_TOKENS))
_fromisoformat = datetime.fromisoformat


def is_format(name: str) -> bool:
    """Whether a format name can be read: one of `NAMED`, or year, month and day with optional time parts."""
    if name in NAMED:
        return True
    found = _TOKEN.findall(name)
    rest = _TOKEN.sub("", name)
    return len(found) == len(set(found)) and {"yyyy", "MM", "dd"} <= set(found) and not re.search("[A-Za-z0-9]", rest)


def datetime_reader(formats: tuple[str, ...], zone: str) -> Read:
    """A reader for one format, or for several that are tried in order."""
    readers = [_one_reader(name, ZONES[zone]) for name in formats]
    read = readers[0] if len(readers) == 1 else _in_turn(readers)
    width = _day_width(formats[0])
    return read if width is None else _remembering_reader(read, readers[0], formats[0], width)


def datetime_writer(form: str, zone: str) -> Callable[[Any], str]:
    """A writer for one format: `iso` with milliseconds and offset, numbers as text, patterns in the zone."""

    def write(value: Any) -> str:
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise Refused("bad_date")
        if form in ("epoch_s", "epoch_ms"):
            return str(int(value.timestamp() * (1000 if form == "epoch_ms" else 1)))
        local = value.astimezone(ZONES[zone])
        if form == "iso":
            return local.isoformat(timespec="milliseconds")
        parts = {"yyyy": f"{local.year:04}", "MM": f"{local.month:02}", "dd": f"{local.day:02}"}
        parts |= {"HH": f"{local.hour:02}", "mm": f"{local.minute:02}", "ss": f"{local.second:02}"}
        parts["SSS"] = f"{local.microsecond // 1000:03}"
        return _TOKEN.sub(lambda found: parts[found.group()], form)

    return write


def _in_turn(readers: list[Read]) -> Read:
    def read(value: Any) -> datetime | None:
        for reader in readers[:-1]:
            try:
                return reader(value)
            except Refused as refused:
                if refused.reason != "bad_date":
                    raise
        return readers[-1](value)

    return read


def _day_width(name: str) -> int | None:
    """How many characters the day takes, when a format starts with it and a time may follow."""
    if name == "iso":
        return 10
    if name in NAMED:
        return None
    tokens = [(token.group(), token.end()) for token in _TOKEN.finditer(name)]
    if len(tokens) == 3 or {token for token, _ in tokens[:3]} != {"yyyy", "MM", "dd"}:
        return None
    return tokens[2][1]


class _Days(dict[str, datetime]):
    """Midnight in Viet Nam of each day that was read, by the characters of the day."""

    __slots__ = ("read",)

    def __init__(self, read: Read) -> None:
        super().__init__()
        self.read = read

    def __missing__(self, text: str) -> datetime:
        day = self.read(text)
        if day is None:
            raise Refused("bad_date")
        self[text] = day
        return day


class _Clock(dict[str, timedelta]):
    """How far from midnight in Viet Nam each time of day is, by the characters behind the day."""

    __slots__ = ("read", "sample", "start")
    most = 40_000

    def __init__(self, read: Read, sample: str, start: datetime) -> None:
        super().__init__()
        self.read, self.sample, self.start = read, sample, start

    def __missing__(self, text: str) -> timedelta:
        at = self.read(self.sample + text)
        if at is None:
            raise Refused("bad_date")
        if len(self) >= self.most:
            self.clear()
        self[text] = at - self.start
        return self[text]


def _remembering_reader(read: Read, first: Read, name: str, width: int) -> Read:
    """A reader that adds a remembered day and a remembered time of day; what is unusual goes to `read`.

    Both zones keep one offset, so the two parts are independent. Twice as fast as cutting the value anew.
    """
    pattern = "yyyy-MM-dd" if name == "iso" else name[:width]
    days = _Days(_pattern_reader(pattern, VIET_NAM))
    sample = pattern.replace("yyyy", "2000").replace("MM", "01").replace("dd", "01")
    clock = _Clock(first, sample, days[sample])

    def read_quickly(value: Any) -> datetime | None:
        try:
            return days[value[:width]] + clock[value[width:]]
        except (Refused, TypeError):
            return read(value)

    return read_quickly


def end_of_day_reader(read: Read) -> Read:
    """Reads a limit: a due time at 00:00:00 in Viet Nam is a date, and holds until 23:59:59 of it [inferred]."""

    def read_limit(value: Any) -> datetime | None:
        at = read(value)
        if at is not None and not at.hour and not at.minute and not at.second:
            return at + _REST_OF_DAY
        return at

    return read_limit


def _one_reader(name: str, zone: ZoneInfo) -> Read:
    if name == "iso":
        return _iso_reader(zone)
    if name in ("epoch_s", "epoch_ms"):
        return _epoch_reader(1000 if name == "epoch_ms" else 1)
    return _pattern_reader(name, zone)


def _iso_reader(zone: ZoneInfo) -> Read:
    def read(value: Any) -> datetime | None:
        if value.__class__ is not str:
            if value is None:
                return None
            raise Refused("bad_value")
        try:
            t = _fromisoformat(value)
        except ValueError:
            if not value.strip():
                return None
            raise Refused("bad_date") from None
        if not FIRST_YEAR <= t.year <= LAST_YEAR:
            raise Refused("impossible_dates")
        if t.tzinfo is not None:
            return _START_OF_UTC + (t - _START_UTC)
        if zone is VIET_NAM or len(value) <= 10:
            return _START_LOCAL + (t - _START_NAIVE)
        return t.replace(tzinfo=zone).astimezone(VIET_NAM)

    return read


def _epoch_reader(per_second: int) -> Read:
    first = _START_UTC.timestamp() * per_second
    last = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp() * per_second

    def read(value: Any) -> datetime | None:
        if value is None or value == "":
            return None
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
            value = int(value)
        if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
            raise Refused("bad_date")
        if not first <= value < last:
            raise Refused("impossible_dates")
        return datetime.fromtimestamp(value / per_second, VIET_NAM)

    return read


def _pattern_reader(name: str, zone: ZoneInfo) -> Read:
    """A reader for fixed-width parts: the value is re-cut into ISO order, which the standard library reads fastest."""
    at: dict[str, slice] = {}
    marks: list[tuple[int, str]] = []
    position = last = 0
    for token in _TOKEN.finditer(name):
        for mark in name[last : token.start()]:
            marks.append((position, mark))
            position += 1
        at[token.group()] = slice(position, position + _TOKENS[token.group()])
        position += _TOKENS[token.group()]
        last = token.end()
    for mark in name[last:]:
        marks.append((position, mark))
        position += 1
    width = position
    if "HH" not in at:
        zone = VIET_NAM
    recut = _recut(at)

    def read(value: Any) -> datetime | None:
        if value.__class__ is not str:
            if value is None:
                return None
            if value.__class__ is not int:
                raise Refused("bad_value")
            value = str(value) if 0 <= value < 10**14 else ""
        if len(value) != width:
            value = value.strip()
            if not value:
                return None
            if len(value) != width:
                raise Refused("bad_date")
        try:
            t = _fromisoformat(recut(value))
        except ValueError:
            raise Refused("bad_date") from None
        for position, mark in marks:
            if value[position] != mark:
                raise Refused("bad_date")
        if not FIRST_YEAR <= t.year <= LAST_YEAR:
            raise Refused("impossible_dates")
        if zone is VIET_NAM:
            return _START_LOCAL + (t - _START_NAIVE)
        return t.replace(tzinfo=zone).astimezone(VIET_NAM)

    return read


def _recut(at: dict[str, slice]) -> Callable[[str], str]:
    """The generated one-liner that puts a pattern's parts into ISO order."""

    def cut(token: str) -> str:
        return f"{{v[{at[token].start}:{at[token].stop}]}}"

    day = f"{cut('yyyy')}-{cut('MM')}-{cut('dd')}"
    time = "".join(
        mark + cut(token) for mark, token in (("T", "HH"), (":", "mm"), (":", "ss"), (".", "SSS")) if token in at
    )
    namespace: dict[str, Any] = {}
    exec(f"def recut(v):\n    return f'{day}{time}'\n", namespace)
    made: Callable[[str], str] = namespace["recut"]
    return made
