"""`lienthong migrate plan`: whether a plan is sound, and how much and how long it will be."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from hub.cli.migrating import PlanSlug
from hub.cli.output import OK, USAGE, Json, out, print_json
from hub.cli.sync import parse_time
from hub.config import Settings
from hub.migration.plan import load_plan
from hub.migration.problems import Problem, problems_of

At = Annotated[str | None, typer.Option("--at", help="Judge as of this moment instead of now.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add this command to the group."""
    app.command("plan")(plan_command)


def plan_command(slug: PlanSlug, at: At = None, as_json: Json = False) -> None:
    """Check a plan: its file, what it names, its hours. Exit code 2: the plan is wrong; nothing was begun."""
    settings = Settings.from_environment()
    plan, now = load_plan(settings, slug), parse_time(at, "--at") or datetime.now(UTC)
    problems = problems_of(plan, settings, now)
    wrong = any(one.level == "error" for one in problems)
    if as_json:
        print_json({"plan": slug, "sound": not wrong, "problems": [told(one) for one in problems]})
    else:
        out.print(f"[bold]{plan.title}[/bold] · {slug}", highlight=False)
        say_problems(problems)
    raise typer.Exit(USAGE if wrong else OK)


def told(problem: Problem) -> dict[str, str]:
    """A problem for --json."""
    return {"level": problem.level, "what": problem.what, "where": problem.where, "next_step": problem.next_step}


def say_problems(problems: list[Problem]) -> None:
    """What is wrong, where, and what to do, one after the other."""
    for one in problems:
        sign, style = ("✗", "red") if one.level == "error" else ("!", "yellow")
        out.print(Text.assemble((f" {sign} {one.what}", style)), soft_wrap=True, highlight=False)
        out.print(Text(f"   {one.where}", "dim"), soft_wrap=True, highlight=False)
        out.print(Text(f"   → {one.next_step}"), soft_wrap=True, highlight=False)
    if not problems:
        out.print(" [green]✓[/green] the plan is sound", highlight=False)
