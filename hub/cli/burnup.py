"""A burn-up in characters: what is migrated, held and read, column by column, under the line of what is expected."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import timedelta

from rich.text import Text

from hub.migration.plans.plan import told
from hub.migration.watching.clock import Clock
from hub.migration.watching.pace import Tick

ROWS = 10
EIGHTHS = " ▁▂▃▄▅▆▇█"


def burnup(ticks: Sequence[Tick], clock: Clock, columns: int, rows: int = ROWS) -> Text:
    """The ticks, in time order, from the first one to when at the latest what waits now is done."""
    begin = ticks[0].at
    done = clock.at + clock.left.high if clock.left else begin
    end = max(ticks[-1].at, done, begin + timedelta(seconds=columns))
    most = max(max(tick.read for tick in ticks), clock.expected or 0, 1)
    step, times = (end - begin) / columns, [tick.at for tick in ticks]
    bars = []
    for number in range(columns):
        place = bisect_right(times, begin + (number + 1) * step) - 1
        gone = begin + number * step > ticks[-1].at
        bars.append(None if gone else ticks[max(place, 0)])
    drawn = Text()
    for row in range(rows, 0, -1):
        label = f"{most:>9,} " if row == rows else f"{0:>9} " if row == 1 else " " * 10
        drawn.append(label, "dim")
        for bar in bars:
            drawn.append(*_cell(bar, row, most / rows, row == rows and clock.expected is not None))
        drawn.append("\n")
    left, right = told(begin), told(end)
    drawn.append(" " * 10 + left + right.rjust(max(columns - len(left), len(right) + 1)) + "\n", "dim")
    drawn.append(" " * 10)
    for words, style in (("migrated", "green"), ("held", "yellow"), ("read", "blue")):
        drawn.append("█", style).append(f" {words}  ")
    return drawn


def _cell(bar: Tick | None, row: int, height: float, line: bool) -> tuple[str, str]:
    """The sign of one row of a column: the lowest layer that reaches into it decides its colour."""
    if bar is not None:
        for amount, style in ((bar.migrated, "green"), (bar.migrated + bar.held, "yellow"), (bar.read, "blue")):
            filled = amount / height - (row - 1)
            if filled >= 1 or (filled > 0 and style == "blue") or filled >= 0.5:
                return EIGHTHS[min(8, max(1, round(filled * 8)))], style
    return ("╌", "dim") if line else (" ", "")
