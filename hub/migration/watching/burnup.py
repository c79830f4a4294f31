"""The burn-up of a migration: its ticks thinned to what a picture can show, and the picture as SVG."""

from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from hub.migration.plans.plan import told
from hub.migration.watching.clock import Clock
from hub.migration.watching.pace import Tick
from schemas.records import VIET_NAM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 400
"""Ticks of a picture at most."""

THINNED = """
SELECT at, read, expected, migrated, held, out_of_scope, files, bytes FROM (
    SELECT *, row_number() OVER (ORDER BY at) AS number, count(*) OVER () AS ticks FROM migration_tick
    WHERE migration_id = :id AND at <= :now) numbered
WHERE number = ticks OR (number - 1) % (1 + ticks / :most) = 0 ORDER BY at
"""

INK, SOFT, LINE = "#1d2733", "#5c6b7a", "#d9e0e7"
READ, MIGRATED, HELD, END, DEADLINE = "#a9c6dc", "#2f9e6e", "#e0a030", "#2f6f9f", "#b42318"

STYLE = {"svg.fonttype": "none", "svg.hashsalt": "lienthong", "font.size": 10.0}
"""Letters stay text, which the page's own fonts show; the same figures give the same bytes."""

FAR = 5
"""A deadline is drawn when it is at most so many times as far from the beginning as the end of the work."""

TIMES = ["%Y", "%m/%Y", "%d/%m", "%H:%M", "%H:%M", "%H:%M:%S"]
ZEROS = ["", "%Y", "%d/%m", "%d/%m", "%H:%M", "%H:%M"]
BESIDE = ["", "%Y", "%m/%Y", "%d/%m/%Y", "%d/%m/%Y", "%d/%m/%Y"]
"""How the axis of time is written when it shows years, months, days, hours, minutes or seconds."""


def thinned(connection: Connection, migration_id: int, now: datetime, most: int = POINTS) -> list[Tick]:
    """At most about so many ticks of an attempt, the first and the last among them."""
    given = {"id": migration_id, "now": now, "most": most}
    return [Tick(**row._mapping) for row in connection.execute(text(THINNED), given)]


def svg(ticks: Sequence[Tick], clock: Clock) -> str:
    """Read, migrated and held against what is expected, with the hours of freeze and deadline and the range of the
    end; an `<svg>` for a page. Blank before the first tick."""
    if not ticks:
        return ""
    import matplotlib
    from matplotlib.figure import Figure

    drawn = StringIO()
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(9.6, 4.0), layout="constrained")
        axes = figure.add_subplot()
        _draw_amounts(axes, ticks, clock)
        _draw_hours(axes, ticks[0].at, clock)
        _label(axes)
        figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=9, labelcolor=INK)
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]


def _draw_amounts(axes: "Axes", ticks: Sequence[Tick], clock: Clock) -> None:
    from matplotlib.dates import date2num

    at = [date2num(tick.at) for tick in ticks]
    axes.fill_between(at, [tick.read for tick in ticks], color=READ, linewidth=0, label="đã đọc · read")
    settled = [tick.migrated + tick.held for tick in ticks]
    axes.fill_between(at, settled, color=HELD, linewidth=0, label="giữ lại · held")
    axes.fill_between(at, [tick.migrated for tick in ticks], color=MIGRATED, linewidth=0, label="đã chuyển · migrated")
    known = [(moment, tick.expected) for moment, tick in zip(at, ticks, strict=True) if tick.expected is not None]
    if known:
        known.append((max(at[-1], date2num(_end(clock))), known[-1][1]))
        moments, amounts = zip(*known, strict=True)
        axes.plot(moments, amounts, color=INK, linewidth=1.2, linestyle=(0, (4, 3)), label="dự kiến · expected")


def _end(clock: Clock) -> datetime:
    """When what waits now is done at the latest."""
    return clock.at + clock.left.high if clock.left else clock.complete_at or clock.at


def _draw_hours(axes: "Axes", begun: datetime, clock: Clock) -> None:
    """Hours that lie so far ahead that the work would be a strip at the left are written, not drawn."""
    from matplotlib.dates import date2num

    if clock.left and clock.left.high:
        low, likely, high = (clock.at + one for one in clock.left.ends)
        label = "khoảng xong việc còn lại · what waits is done"
        widest = max(high, low + (high - begun) / 200)
        axes.axvspan(date2num(low), date2num(widest), color=END, alpha=0.25, linewidth=0, label=label)
        axes.axvline(date2num(likely), color=END, linewidth=1.5)
    if clock.kind == "rehearsal":
        return
    if clock.deadline - begun < FAR * (_end(clock) - begun):
        axes.axvline(date2num(clock.freeze), color=SOFT, linewidth=1.2, linestyle=":", label="chốt dữ liệu · freeze")
        axes.axvline(date2num(clock.deadline), color=DEADLINE, linewidth=1.8, label="hạn chót · deadline")
    else:
        words = f"chốt dữ liệu {told(clock.freeze)} · hạn chót {told(clock.deadline)}  →"
        axes.set_title(words, loc="right", fontsize=9, color=DEADLINE)


def _label(axes: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import FuncFormatter

    locator = AutoDateLocator(tz=VIET_NAM, minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, VIET_NAM, TIMES, BESIDE, zero_formats=ZEROS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace(",", ".")))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01, y=0.08)
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=SOFT, length=0, pad=6)
