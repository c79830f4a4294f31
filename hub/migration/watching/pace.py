"""How fast a migration goes and when it ends, from where it stood at the last ticks; arithmetic only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import quantiles

WINDOW = timedelta(minutes=15)
"""How far back a rate looks."""

SILENCE = timedelta(minutes=3)
"""Without a tick for so long no step is at work."""

PIECES = 6
"""Equal parts of the window whose rates tell the spread."""

WIDEST = 4.0
"""A range ends at so many times the likely time: parts of the window that stood still say no more than that."""

ASSUMED = 2.0
"""A rate that was not measured in this attempt may be so many times higher or lower."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Where an attempt stood at a time; `expected` is what the sources say there is in all."""

    at: datetime
    read: int
    expected: int | None
    migrated: int
    held: int
    out_of_scope: int
    files: int = 0
    bytes: int = 0

    @property
    def settled(self) -> int:
        """Dossiers with which nothing more is to be done."""
        return self.migrated + self.held + self.out_of_scope


WORKS: Mapping[str, Callable[[Tick], int]] = {
    "read": lambda tick: tick.read,
    "load": lambda tick: tick.migrated,  # not the settled ones: what is held was held by the reading
    "files": lambda tick: tick.files,
}
"""What a migration does, and what of a tick shows it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time that is not certain: at best, likely, at worst."""

    low: timedelta
    likely: timedelta
    high: timedelta

    @property
    def ends(self) -> tuple[timedelta, timedelta, timedelta]:
        return self.low, self.likely, self.high

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.likely + other.likely, self.high + other.high)


NOTHING = Span(timedelta(), timedelta(), timedelta())


@dataclass(frozen=True, slots=True)
class Pace:
    """`rates` per second by work, of this attempt's window; `assumed`: the works whose rate came from elsewhere.

    `left` is None while it is not known, or while nothing moves: `why` says which.
    """

    rates: Mapping[str, float]
    assumed: tuple[str, ...]
    left: Span | None
    why: str | None = None


def recent(ticks: Sequence[Tick], now: datetime) -> list[Tick]:
    """The ticks of the window; where it has no two, the last one before it says from where it went."""
    inside = [tick for tick in ticks if tick.at >= now - WINDOW]
    before = [tick for tick in ticks if tick.at < now - WINDOW]
    return inside if len(inside) > 1 else before[-1:] + inside


def pace(ticks: Sequence[Tick], left: Mapping[str, int | None], now: datetime, earlier: Mapping[str, float]) -> Pace:
    """When `left` is done, by work (None: not known), at the rates of the recent ticks in time order.

    A work that has not begun goes at its rate of an `earlier` attempt. Works that moved in the same window go on side
    by side, the others one after the other.
    """
    window = recent(ticks, now)
    pieces = {work: rates_of(window, shown) for work, shown in WORKS.items()}
    rates = {work: _whole(window, shown) for work, shown in WORKS.items()}
    if any(one is None for one in left.values()):
        return Pace(rates, (), None, "unknown")
    todo = [work for work, amount in left.items() if amount]
    if not todo:
        return Pace(rates, (), NOTHING)
    if not window or now - window[-1].at > SILENCE:
        return Pace(rates, (), None, "idle")
    moving = [work for work in todo if rates[work] > 0]
    if not moving and window[-1].at - window[0].at > SILENCE:
        return Pace(rates, (), None, "stalled")
    assumed = tuple(work for work in todo if work not in moving)
    if any(not earlier.get(work) for work in assumed):
        return Pace(rates, assumed, None, "unmeasured")
    side_by_side = [_spread(left[work] or 0, rates[work], pieces[work]) for work in moving]
    total = max(side_by_side, key=lambda span: span.likely, default=NOTHING)
    for work in assumed:
        seconds = (left[work] or 0) / earlier[work]
        total += Span(*(timedelta(seconds=seconds * by) for by in (1 / ASSUMED, 1, ASSUMED)))
    return Pace(rates, assumed, total)


def rates_of(ticks: Sequence[Tick], shown: Callable[[Tick], int]) -> list[float]:
    """The rate a second in each of the window's equal parts."""
    if len(ticks) < 2 or ticks[-1].at <= ticks[0].at:
        return []
    part = (ticks[-1].at - ticks[0].at) / PIECES
    heights = [_height(ticks, shown, ticks[0].at + number * part) for number in range(PIECES + 1)]
    return [max(after - before, 0.0) / part.total_seconds() for before, after in pairwise(heights)]


def _height(ticks: Sequence[Tick], shown: Callable[[Tick], int], at: datetime) -> float:
    """Where the line between two ticks stood at a time between them."""
    for before, after in pairwise(ticks):
        if after.at >= at and after.at > before.at:
            part = (at - before.at) / (after.at - before.at)
            return shown(before) + part * (shown(after) - shown(before))
    return float(shown(ticks[-1]))


def _whole(ticks: Sequence[Tick], shown: Callable[[Tick], int]) -> float:
    if len(ticks) < 2 or ticks[-1].at <= ticks[0].at:
        return 0.0
    return max(shown(ticks[-1]) - shown(ticks[0]), 0) / (ticks[-1].at - ticks[0].at).total_seconds()


def _spread(left: int, rate: float, pieces: Sequence[float]) -> Span:
    """The likely time at the window's rate; its ends at the rates that a fifth of the window's parts fell short of,
    or went beyond."""
    likely = left / rate
    fifths = quantiles(pieces, n=5, method="inclusive")
    slow, fast = max(fifths[0], rate / WIDEST), min(max(fifths[-1], rate), rate * WIDEST)
    return Span(*(timedelta(seconds=one) for one in (min(left / fast, likely), likely, max(left / slow, likely))))
