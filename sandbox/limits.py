"""When what an office receives is due: the working days of Viet Nam and the time limits of the real list.

A clean dossier is due within the shortest limit that any way of handing in states, so that it is in time by every
reading of the list; days that are not called working days are calendar days.
"""

from bisect import bisect_left, bisect_right
from datetime import timedelta
from functools import lru_cache

from sandbox import calendar
from sandbox.calendar import DAYS
from sandbox.procedures import Channel, LocalProcedure, national

_UNSTATED = 7
_MOST = 45
_HOURS_A_DAY = 8
_WORKING = [n for n, day in enumerate(DAYS) if calendar.is_working(day)]
_BEFORE = [bisect_right(_WORKING, n) for n in range(len(DAYS))]
"""How many working days there are up to an office day and with it."""


def working_days_after(day: int, count: int) -> int:
    """The office day that is the `count`-th working day after another."""
    return _WORKING[min(_BEFORE[day] + count, len(_WORKING)) - 1]


def due_days(procedure: LocalProcedure) -> list[int]:
    """By the office day of receipt, the office day on which a dossier of this procedure is due."""
    known = national().get(procedure.base or "")
    stated = frozenset(_stated(c) for c in known.channels if _says(c)) if known else frozenset()
    return _earliest(stated or frozenset({(_UNSTATED, True)}))


def longest(procedure: LocalProcedure) -> int | None:
    """The longest limit in working days, where every way of handing in states one in whole working days."""
    known = national().get(procedure.base or "")
    limits = [_stated(c) if _says(c) else (0, False) for c in known.channels] if known else []
    return max(days for days, _ in limits) if limits and all(working for _, working in limits) else None


def _says(channel: Channel) -> bool:
    return channel.duration.isdigit() and int(channel.duration) > 0


def _stated(channel: Channel) -> tuple[int, bool]:
    """(days, whether they are working days) of a channel whose duration is a number."""
    count = int(channel.duration)
    if channel.unit == "Giờ":
        count, working = count // _HOURS_A_DAY, True
    else:
        working = channel.unit in ("", "Ngày làm việc")
    return max(1, min(_MOST, count)), working


@lru_cache(maxsize=256)
def _earliest(limits: frozenset[tuple[int, bool]]) -> list[int]:
    return [min(days) for days in zip(*(_table(*limit) for limit in limits), strict=True)]


@lru_cache(maxsize=256)
def _table(days: int, working: bool) -> list[int]:
    if working:
        return [working_days_after(day, days) for day in range(len(DAYS))]
    table = []
    for day, on in enumerate(DAYS):
        last = bisect_right(_WORKING, bisect_left(DAYS, on + timedelta(days=days + 1)) - 1)
        table.append(_WORKING[last - 1] if last > _BEFORE[day] else working_days_after(day, 1))
    return table
