"""The last day that a procedure's time limit allows, as SQL: one reading for the gate and for the indicators.

The day of receipt is not counted (Civil Code 2015, Article 147); a limit in days or months whose last day is a day off
ends on the next working day (Article 148). Both stand over a temporary table of days.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache

from sqlalchemy import Connection, text

from hub.working_days import numbered_days

LAST_DAY = "greatest(w.day, xd.next_working, xm.next_working)"
"""Over `joins`: a date, empty where the procedure `p` states no time."""

REACH = "p.working_days * 2 + p.days + p.months * 31"
"""Calendar days that a limit of the procedure `p` may take at most, but for long holidays."""

_FARTHEST = 4_000
_HOLIDAYS = 60
_BEHIND = 30


def joins(days: str) -> str:
    """Joins to the day of receipt, `r` of `days`, and the procedure `p` (working_days, days, months; 0 for none)."""
    return f"""LEFT JOIN {days} w ON w.working AND w.number = r.number + p.working_days AND p.working_days > 0
LEFT JOIN {days} xd ON xd.day = r.day + p.days AND p.days > 0
LEFT JOIN {days} xm ON xm.day = (r.day + make_interval(months => p.months))::date AND p.months > 0"""


def make_days(
    connection: Connection, name: str, first: date, last: date, longest: int, own_days: Mapping[date, bool]
) -> None:
    """Make the temporary table of this transaction, from `first` to as long behind `last` as `longest` days reach."""
    until = last + timedelta(days=min(longest, _FARTHEST) + _HOLIDAYS)
    days = _calendar(first, until, tuple(sorted(own_days.items())))
    connection.execute(
        text(
            f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT * FROM unnest(CAST(:days AS date[]),"
            " CAST(:numbers AS integer[]), CAST(:working AS boolean[]), CAST(:following AS date[]))"
            " AS t (day, number, working, next_working)"
        ),
        {"days": days[0], "numbers": days[1], "working": days[2], "following": days[3]},
    )


@lru_cache(maxsize=4)
def _calendar(
    first: date, last: date, own_days: tuple[tuple[date, bool], ...]
) -> tuple[list[date], list[int], list[bool], list[date]]:
    """Columns of the table: the day, working days up to it, whether it is one, the next one from it on."""
    counted = numbered_days(first, last + timedelta(days=_BEHIND), dict(own_days))
    following: list[date] = []
    upcoming = counted[-1][0]
    for day, _, working in reversed(counted):
        upcoming = day if working else upcoming
        following.append(upcoming)
    following.reverse()
    return [one[0] for one in counted], [one[1] for one in counted], [one[2] for one in counted], following
