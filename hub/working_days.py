"""Working days of Viet Nam's offices: Monday to Friday without public holidays, with the Saturdays worked instead.

The calendar is the library `holidays`, which knows the days off that were moved and the Saturdays worked for them. A
year for which the government has not published its moved days yet is counted without them. `own` are the days that an
installation counts otherwise (hub/own_days.py): {day: whether offices are open}.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType

SATURDAY = 5
NONE: Mapping[date, bool] = MappingProxyType({})


@lru_cache(maxsize=64)
def _of_year(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """(days off, days worked on a weekend) of one year."""
    import holidays

    known = holidays.country_holidays("VN", years=year)
    return frozenset(known.keys()), frozenset(getattr(known, "weekend_workdays", ()))


def is_working_day(day: date, own: Mapping[date, bool] = NONE) -> bool:
    """Whether offices are open on this day.

    >>> [is_working_day(date(2026, 4, day)) for day in (24, 25, 27, 30)]
    [True, False, False, False]
    """
    if day in own:
        return own[day]
    off, worked = _of_year(day.year)
    return day in worked or (day.weekday() < SATURDAY and day not in off)


def numbered_days(first: date, last: date, own: Mapping[date, bool] = NONE) -> list[tuple[date, int, bool]]:
    """Every day from `first` to `last` with the working days counted up to it, and whether it is one itself.

    Two days' numbers subtracted are the working days between them: what SQL joins instead of a function.
    """
    found, number, day = list[tuple[date, int, bool]](), 0, first
    while day <= last:
        working = is_working_day(day, own)
        number += working
        found.append((day, number, working))
        day += timedelta(days=1)
    return found


def after_working_days(start: date, days: int, own: Mapping[date, bool] = NONE) -> date:
    """The working day that is so many after `start`; the first day is not counted (Civil Code 2015, Article 147).

    >>> after_working_days(date(2026, 4, 24), 1)
    datetime.date(2026, 4, 28)
    """
    day = start
    while days > 0:
        day += timedelta(days=1)
        days -= is_working_day(day, own)
    return day
