"""`lienthong migrate plan`: whether a plan is sound, how much it moves, and how long that takes."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from hub.cli.migrating import Opened, PlanSlug, open_plan
from hub.cli.output import NO, OK, PEER, USAGE, Json, err, out, print_json, progress_bars
from hub.cli.sync import parse_time
from hub.migration.attempt import Migrating
from hub.migration.plans.plan import told
from hub.migration.plans.planning import Estimate, as_dict, estimate, in_time
from hub.migration.plans.problems import Problem, problems_of

At = Annotated[str | None, typer.Option("--at", help="Judge as of this moment instead of now.", show_default=False)]

HOW = {"stated": "", "counted": "", "sampled": "≈ ", "unknown": ""}
"""Before a total: how sure it is."""


def register(app: typer.Typer) -> None:
    """Add this command to the group."""
    app.command("plan")(plan_command)


def plan_command(
    slug: PlanSlug,
    at: At = None,
    offline: Annotated[bool, typer.Option("--offline", help="Check the plan only; ask no peer.")] = False,
    as_json: Json = False,
) -> None:
    """Check a plan and what it names, look at every peer, and estimate volume and time from samples. Begins nothing.

    Exit codes: 0 sound and in time, 1 it would not be done in time, 2 the plan is wrong, 3 a peer did not answer.
    """
    opened, now = open_plan(slug), parse_time(at, "--at") or datetime.now(UTC)
    problems = problems_of(opened.plan, opened.settings, now)
    sound = all(one.level != "error" for one in problems)
    found: Estimate | None = None
    with progress_bars(quiet=as_json) as progress:
        m = _migrating(opened, now, progress=progress)
        if sound and not offline:
            found = estimate(m)
    code = USAGE if not sound else OK if found is None else PEER if not found.answered else _verdict(m, found)
    if as_json:
        shown = {"problems": [_told(one) for one in problems], "estimate": as_dict(m, found) if found else None}
        print_json({"plan": slug, "title": opened.plan.title, "at": now.isoformat(), "sound": sound, **shown})
        raise typer.Exit(code)
    out.print(f"[bold]{opened.plan.title}[/bold] · {slug} · {told(now)}", highlight=False)
    _say_problems(problems)
    if found:
        _say_volume(found)
        _say_time(m, found)
    elif not sound:
        err.print("Nothing was asked of any peer; mend the plan first.", style="dim")
    raise typer.Exit(code)


def _migrating(opened: Opened, now: datetime, **passed: object) -> Migrating:
    """Of no attempt: a plan that is only looked at has none."""
    return Migrating(opened.plan, opened.settings, opened.engine, 0, clock=lambda: now, **passed)  # type: ignore[arg-type]


def _verdict(m: Migrating, found: Estimate) -> int:
    return OK if in_time(m, found) else NO


def _told(problem: Problem) -> dict[str, str]:
    return {"level": problem.level, "what": problem.what, "where": problem.where, "next_step": problem.next_step}


def _say_problems(problems: list[Problem]) -> None:
    for one in problems:
        sign, style = ("✗", "red") if one.level == "error" else ("!", "yellow")
        out.print(Text(f" {sign} {one.what}", style), soft_wrap=True, highlight=False)
        out.print(Text(f"   {one.where}", "dim"), soft_wrap=True, highlight=False)
        out.print(Text(f"   → {one.next_step}"), soft_wrap=True, highlight=False)
    if not problems:
        out.print(" [green]✓[/green] the plan is sound", highlight=False)


def _say_volume(found: Estimate) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("source", no_wrap=True)
    for title in ("dossiers", "would move", "in progress", "would be held", "files", "read/s", "map/s", "to read"):
        table.add_column(title, justify="right", no_wrap=title != "would be held")
    for one in found.looks:
        spread = f" ±{(one.high - one.low) // 2:,}" if one.how == "sampled" and one.high and one.low is not None else ""
        table.add_row(
            one.source,
            f"{HOW[one.how]}{_many(one.total)}{spread}",
            _many(one.moving),
            f"{one.share(one.in_progress):.1%}",
            f"{one.share(one.held.total()):.1%} of {one.records:,}",
            _many(one.attachments),
            _many(one.read_rate),
            _many(one.map_rate),
            "–" if one.seconds is None else _span(one.seconds),
        )
    out.print(table, highlight=False)
    for slug, why in found.silent.items():
        out.print(Text(f" ✗ {slug}: {why}", "red"), soft_wrap=True, highlight=False)
    for name, lines in found.peers.items():
        for line in lines:
            if not line.ok:
                out.print(Text(f" ✗ {name}: {line.name}: {line.detail}", "red"), soft_wrap=True, highlight=False)
                out.print(Text(f"   → {line.next_step}"), soft_wrap=True, highlight=False)
        if all(line.ok for line in lines):
            out.print(f" [green]✓[/green] {name} answers", highlight=False)


def _say_time(m: Migrating, found: Estimate) -> None:
    rates = "measured by the last rehearsal" if found.measured else "assumed; a rehearsal measures them"
    load = f"{found.rates['load']:,.0f} dossiers and {found.rates['files']:,.0f} files a second ({rates})"
    out.print(
        f" {_many(found.dossiers)} dossiers and {_many(found.files)} files would move; target: {load}", highlight=False
    )
    if found.seconds and found.ends and found.begin_by:
        steps = " + ".join(f"{name} {_span(seconds)}" for name, seconds in found.seconds.items() if name != "prove")
        out.print(f" history: {steps}; proof {_span(found.seconds['prove'])}", highlight=False)
        low, likely, high = (told(one) for one in found.ends)
        out.print(f" begun now it is done {likely} ({low} to {high}); begin by {told(found.begin_by)}", highlight=False)
        style = "green" if in_time(m, found) else "red"
        hours = f"freeze {told(m.plan.freeze)}, deadline {told(m.plan.deadline)}"
        out.print(Text(f" {'in time' if style == 'green' else 'NOT in time'}: {hours}", style), highlight=False)
    for words in found.warnings:
        out.print(Text(f" ! {words}", "yellow"), soft_wrap=True, highlight=False)


def _many(amount: float | None) -> str:
    return "–" if amount is None else f"{amount:,.0f}"


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(timedelta(seconds=seconds) / timedelta(minutes=1))
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
