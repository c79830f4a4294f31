"""Office time as one number, so that a million times are arithmetic and table look-ups.

An *office second* `w` counts the seconds that offices are open, from the first office day of the calendar: each office
day has `DAY_SECONDS` of them, 07:30-11:30 and 13:30-18:00 in Viet Nam. The base set ends with the day at 17:00; the
last hour is for changes made while somebody is reading. Up to the sandbox's first day only working days count; after it
every day does, so that `advance --days 1` always brings a day with something in it.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")
FIRST_NOW = datetime(2026, 6, 30, 18, 0, tzinfo=VIET_NAM)
"""The virtual now of a fresh sandbox."""

_MORNING = 4 * 3600
_OPEN = 7 * 3600 + 1800
_AFTERNOON = 13 * 3600 + 1800
REGULAR_SECONDS = 27_000
"""Office seconds up to 17:00: what the base set and a virtual day are spread over."""
DAY_SECONDS = 30_600
"""Office seconds of one day, with the hour up to 18:00."""

_HOLIDAYS = {
    date(2024, 9, 2), date(2024, 9, 3), date(2025, 1, 1), *(date(2025, 1, d) for d in range(27, 32)),
    date(2025, 4, 7), date(2025, 4, 30), date(2025, 5, 1), date(2025, 5, 2), date(2025, 9, 1), date(2025, 9, 2),
    date(2026, 1, 1), *(date(2026, 2, d) for d in range(16, 21)), date(2026, 4, 27), date(2026, 4, 30),
    date(2026, 5, 1), date(2026, 8, 31), date(2026, 9, 1), date(2026, 9, 2), date(2026, 11, 24), date(2027, 1, 1),
    *(date(2027, 2, d) for d in range(4, 11)), date(2027, 4, 16), date(2027, 4, 30), date(2027, 5, 3),
    date(2027, 9, 2), date(2027, 9, 3), date(2027, 11, 24),
}  # fmt: skip
_WORKED_SATURDAYS = {date(2025, 4, 26), date(2026, 8, 22)}


def is_working(day: date) -> bool:
    """Whether offices are open: the days off that were moved and the Saturdays worked instead are counted."""
    return day in _WORKED_SATURDAYS or (day.weekday() < 5 and day not in _HOLIDAYS)


def _office_days() -> list[date]:
    day, days = date(2024, 7, 1), []
    while day < date(2028, 1, 1):
        if day > FIRST_NOW.date() or is_working(day):
            days.append(day)
        day += timedelta(days=1)
    return days


DAYS = _office_days()
LAST_BASE_DAY = DAYS.index(FIRST_NOW.date())
FIRST_BASE_DAY = bisect_left(DAYS, date(2026, 1, 1))
FIRST_OLD_DAY = bisect_left(DAYS, date(2024, 8, 7))
"""The first changes of a system with two years of history: what changed then was received in July 2024."""
REFORM = bisect_left(DAYS, date(2025, 7, 1)) * DAY_SECONDS
"""The first office second of the units in force since 2025-07-01."""


def _clock_seconds(r: int) -> int:
    return _OPEN + r if r < _MORNING else _AFTERNOON + r - _MORNING


def _hms(seconds: int) -> bytes:
    return b"%02d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)


def _open_day(day: date) -> date:
    while not is_working(day):
        day += timedelta(days=1)
    return day


# Pieces of wire text, by office day and by second of the office day. Offices are open when it is the same date in UTC.
ISO_DAY = [f"{d:%Y-%m-%d}T".encode() for d in DAYS]
ISO_TIME = [_hms(_clock_seconds(r) - 7 * 3600) + b".000+0000" for r in range(DAY_SECONDS)]
VN_DAY = [f"{d:%d/%m/%Y} ".encode() for d in DAYS]
VN_TIME = [_hms(_clock_seconds(r)) for r in range(DAY_SECONDS)]
CODE_DAY = [f"{d:%y%m%d}".encode() for d in DAYS]
CODE_LONG_DAY = [f"{d:%Y%m%d}".encode() for d in DAYS]
DUE_ISO = [f"{_open_day(d) - timedelta(days=1):%Y-%m-%d}T17:00:00.000+0000".encode() for d in DAYS]
"""A date without time, as iGate shows it: local midnight, which is 17:00 UTC of the day before [seen]."""
DUE_VN = [f"{_open_day(d):%d/%m/%Y} 17:00:00".encode() for d in DAYS]


def iso_utc(w: int) -> bytes:
    """`2026-06-12T03:04:05.000+0000`."""
    return ISO_DAY[w // DAY_SECONDS] + ISO_TIME[w % DAY_SECONDS]


def viet(w: int) -> bytes:
    """`12/06/2026 10:04:05`."""
    return VN_DAY[w // DAY_SECONDS] + VN_TIME[w % DAY_SECONDS]


def moment(w: int) -> datetime:
    """The aware datetime of an office second."""
    day, r = divmod(w, DAY_SECONDS)
    return datetime.combine(DAYS[day], time(), VIET_NAM) + timedelta(seconds=_clock_seconds(r))


def due(day: int) -> datetime:
    """The aware moment, 17:00, at which what is due on an office day must be ready: never on a day off."""
    return datetime.combine(_open_day(DAYS[day]), time(17), VIET_NAM)


def office_second(at: datetime) -> int:
    """The first office second at or after a moment; a naive one is local."""
    local = (at if at.tzinfo else at.replace(tzinfo=VIET_NAM)).astimezone(VIET_NAM)
    if local.microsecond:
        local = local.replace(microsecond=0) + timedelta(seconds=1)
    day = bisect_left(DAYS, local.date())
    if day == len(DAYS) or DAYS[day] != local.date():
        return day * DAY_SECONDS
    s = local.hour * 3600 + local.minute * 60 + local.second
    afternoon = min(s - _AFTERNOON + _MORNING, DAY_SECONDS)
    r = afternoon if s >= _AFTERNOON else min(max(s - _OPEN, 0), _MORNING)
    return day * DAY_SECONDS + r


def virtual_now(days: int) -> datetime:
    """The sandbox's now after so many advanced days."""
    return FIRST_NOW + timedelta(days=days)


def utc(text: str) -> datetime:
    """A moment from `2026-06-12T03:04:05.000+0000`, `...Z` or a plain date; ValueError when it is none."""
    cleaned = text.strip().replace(" ", "+") if "T" in text else text.strip()
    at = datetime.fromisoformat(cleaned)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
