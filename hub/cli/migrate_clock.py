"""`lienthong migrate clock`: how far a migration is, when it ends, and what is in the way of the hour."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hub.cli.burnup import burnup
from hub.cli.migrating import Opened, PlanSlug, open_plan
from hub.cli.output import NO, OK, Json, local_time, out, print_json
from hub.cli.sync import parse_time
from hub.migration.attempt import current
from hub.migration.plans.plan import Plan, told
from hub.migration.watching.burnup import thinned
from hub.migration.watching.clock import Clock, clock_of
from hub.migration.watching.pace import Tick
from hub.migration.watching.page import write_page

EVERY = 5.0
"""Seconds between two looks of --watch."""

COLUMNS = 90
"""Columns of the drawing at most."""

WHY_NO_END = {
    "idle": "no step is at work now",
    "stalled": "nothing has moved for a quarter of an hour",
    "unknown": "not known yet: a source has not said how much it holds",
    "unmeasured": "not known yet: nothing was loaded, and no rehearsal says how fast the target is",
}


def register(app: typer.Typer) -> None:
    """Add this command to the group."""
    app.command("clock")(clock_command)


def clock_command(
    slug: PlanSlug,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every 5 seconds, until Ctrl-C.")] = False,
    at: Annotated[str | None, typer.Option("--at", help="As it stood at this moment.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Show the burn-up, the rate, the end as a range against the deadline, and what is in the way.

    Also writes reports/migration-PLAN.html with all of it and GO or NO-GO.
    Exit code 1: the deadline is missed, or would be at the late end of the range. A rehearsal is never late.
    """
    opened, moment = open_plan(slug), parse_time(at, "--at")
    clock = clock_of(opened.engine, opened.plan, moment or datetime.now(UTC))
    if watch and moment is None and not as_json:
        clock = _watched(opened, clock)
    elif not as_json:
        out.print(screen(opened.plan, clock, _ticks(opened, clock)), highlight=False)
    page = write_page(opened.engine, opened.settings, opened.plan, clock.at)
    if as_json:
        print_json({"title": opened.plan.title, **clock.as_dict(), "page": str(page)})
    else:
        out.print(str(page), highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(NO if clock.late else OK)


def _watched(opened: Opened, clock: Clock) -> Clock:
    """The screen, drawn anew until the migration is complete or somebody has seen enough."""
    try:
        with Live(console=out, auto_refresh=False) as live:
            while True:
                live.update(screen(opened.plan, clock, _ticks(opened, clock)), refresh=True)
                if clock.complete_at:
                    break
                time.sleep(EVERY)
                clock = clock_of(opened.engine, opened.plan, datetime.now(UTC))
    except KeyboardInterrupt:
        out.print("The migration goes on; this was only its clock.", style="dim")
        raise typer.Exit(NO if clock.late else OK) from None
    return clock


def _ticks(opened: Opened, clock: Clock) -> list[Tick]:
    attempt = current(opened.engine, opened.plan.slug)
    if attempt is None:
        return []
    with opened.engine.connect() as connection:
        return thinned(connection, attempt.migration_id, clock.at)


def screen(plan: Plan, clock: Clock, ticks: list[Tick]) -> RenderableType:
    """One picture of the clock."""
    what = f"{plan.slug} · {clock.kind or 'nothing begun'} · {clock.state} · {told(clock.at)}"
    parts: list[RenderableType] = [Text.assemble((plan.title, "bold"), f"  {what}")]
    if ticks:
        parts.append(Padding(burnup(ticks, clock, min(out.width - 12, COLUMNS)), (1, 0, 0, 0)))
    parts.append(Padding(_figures(plan, clock), (1, 0, 0, 0)))
    for one in clock.hindrances:
        style = "yellow" if one.what == "source" else "red"
        parts.append(Text.assemble((" ✗ " if style == "red" else " · ", style), one.text))
    if clock.kind and not clock.hindrances:
        parts.append(Text(" ✓ nothing is in the way", "green"))
    return Group(*parts)


def _figures(plan: Plan, clock: Clock) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 1))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    share = f" ({clock.read / clock.expected:.0%})" if clock.expected else ""
    of = f" of {clock.expected:,}{share}" if clock.expected is not None else ""
    table.add_row("read", f"{clock.read:,}{of}")
    held = (
        f"{clock.held:,} held ({clock.held / clock.read:.2%}, {plan.gates.held:.2%} may be)" if clock.read else "0 held"
    )
    table.add_row("settled", f"{clock.migrated:,} migrated, {held}, {clock.out_of_scope:,} out of scope")
    if clock.tick and (clock.tick.files or clock.files_left):
        table.add_row("files", f"{clock.tick.files:,} ({_size(clock.tick.bytes)}), {clock.files_left:,} to go")
    left = "not known" if clock.remaining is None else f"{clock.remaining:,} dossiers"
    pace = f"{clock.rate:,.0f} a second" if clock.rate >= 10 else f"{clock.rate:.1f} a second"
    table.add_row("remaining", f"{left}, at {pace}" if clock.rate else left)
    if clock.left and clock.left.high:
        done = [local_time(clock.at + one) for one in clock.left.ends]
        table.add_row("done with", f"{done[1]} ({done[0]} to {done[2]})")
    table.add_row("complete", _end(clock))
    table.add_row("deadline", Text(f"{told(clock.deadline)}, freeze {told(clock.freeze)}", "red" if clock.late else ""))
    return table


def _end(clock: Clock) -> Text:
    style = "red" if clock.late else "yellow" if clock.at_risk else "green"
    if clock.complete_at:
        return Text(f"complete since {told(clock.complete_at)}" + (", late" if clock.late else ""), style)
    if clock.eta is None or clock.eta_low is None or clock.eta_high is None:
        return Text(WHY_NO_END.get(clock.why_no_eta or "", "not known"), style)
    assumed = f"; assumed, not measured: {', '.join(clock.assumed)}" if clock.assumed else ""
    verdict = "LATE" if clock.late else "too near" if clock.at_risk else "in time"
    verdict = "" if clock.kind == "rehearsal" else f" · {verdict}"
    between = f" ({told(clock.eta_low)} to {told(clock.eta_high)})" if clock.eta_low != clock.eta_high else ""
    return Text(f"{told(clock.eta)}{between}{verdict}{assumed}", style)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count:,} bytes"
