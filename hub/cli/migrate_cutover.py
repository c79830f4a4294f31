"""`lienthong migrate milestone | freeze | approve | refuse | open | rollback | find`: the hours of decision."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer

from hub import audit
from hub.cli.migrating import Opened, PlanSlug, open_plan
from hub.cli.moments import past_moment
from hub.cli.output import NO, Json, local_time, out, print_json, progress_bars
from hub.cli.sync import parse_time
from hub.migration.plans.plan import told

At = Annotated[str | None, typer.Option("--at", help="Take this moment for now.", show_default=False)]
By = Annotated[
    str | None, typer.Option("--by", help="Who does it; else LIENTHONG_USER. An approval: as the plan names them.")
]
Why = Annotated[str, typer.Option("--why", help="The reason, in a sentence.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("milestone")(milestone)
    app.command("freeze")(freeze)
    app.command("approve")(approve)
    app.command("refuse")(refuse)
    app.command("open")(open_command)
    app.command("rollback")(rollback)
    app.command("find")(find_command)


def milestone(
    slug: PlanSlug,
    name: Annotated[str | None, typer.Argument(help="Which one; without it all are shown.")] = None,
    source: Annotated[str, typer.Option("--source", help="The document or person that says so.")] = "",
    not_met: Annotated[bool, typer.Option("--not-met", help="Take it back: it is not met.")] = False,
    by: By = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Show the plan's milestones, or state one met with its source. Exit code 1: one is late."""
    from hub.migration.cutover.milestones import milestones_of, state_milestone

    opened = open_plan(slug)
    now = past_moment(at) if name is not None else parse_time(at, "--at") or datetime.now(UTC)
    if name is not None:
        state_milestone(opened.engine, opened.plan, name, audit.person(by), source, not not_met, at=now)
    found = milestones_of(opened.engine, opened.plan, now)
    if as_json:
        print_json({"plan": slug, "milestones": [one.as_dict() for one in found]})
    else:
        signs = {"met": "[green]✓[/green]", "late": "[red]✗[/red]", "open": "[yellow]·[/yellow]"}
        for one in found:
            out.print(f" {signs[one.state]} {told(one.by)}  {one.name} [dim]{one.title}[/dim]", highlight=False)
            out.print(f"     {one.why}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(NO if any(one.state == "late" for one in found) else 0)


def freeze(slug: PlanSlug, at: At = None, as_json: Json = False) -> None:
    """From the plan's hour on: read every source for the last time and hand over what it changed."""
    from hub.migration.cutover.freezing import freeze as run

    with progress_bars(quiet=as_json) as progress:
        done = run(_migrating(open_plan(slug), at, progress=progress))
    words = f"{slug}: frozen at {local_time(done['frozen_at'])}"
    more = "; it was frozen already" if done["already"] else f"; {done['records']:,} records came last"
    _answer(slug, done, as_json, f"{words}{more}.\n  Next: lienthong migrate reconcile {slug}")


def approve(slug: PlanSlug, why: Why, by: By = None, at: At = None, as_json: Json = False) -> None:
    """GO: approve a proved cutover. For the plan's approvers, with every gate green. Exit code 1: it may not be."""
    from hub.migration.cutover.approving import approve as run

    done = run(_migrating(open_plan(slug), at), audit.person(by), why)
    _answer(slug, done, as_json, f"{slug}: approved by {done['by']}.\n  Next: lienthong migrate open {slug} --by …")


def refuse(slug: PlanSlug, why: Why, by: By = None, at: At = None, as_json: Json = False) -> None:
    """NO-GO: nothing is opened; the cutover follows its sources again. For the plan's approvers."""
    from hub.migration.cutover.approving import refuse as run

    done = run(_migrating(open_plan(slug), at), audit.person(by), why)
    words = f"{slug}: refused by {done['by']}; nothing was opened. The old provinces go on, and their changes are"
    _answer(slug, done, as_json, f"{words} followed again: lienthong migrate run {slug}")


def open_command(slug: PlanSlug, by: By = None, at: At = None, as_json: Json = False) -> None:
    """Open the new province and close the old ones, in one step. Exit code 1: something before it is missing."""
    from hub.migration.cutover.opening import open_province

    opened = open_plan(slug)
    done = open_province(_migrating(opened, at), audit.person(by))
    target = opened.plan.target.province
    lines = (
        f"{target} is open since {local_time(done['opened_at'])}: {done['dossiers']:,} dossiers,"
        f" {done['finished']:,} of them history that is not reported again",
        f"  closed: {', '.join(done['closed'])}",
        f"  Next: lienthong sync {target}",
    )
    _answer(slug, done, as_json, "\n".join(lines))


def rollback(slug: PlanSlug, why: Why, by: By = None, at: At = None, as_json: Json = False) -> None:
    """Before the opening: bring the target back to its mark. Exit code 1: it is open, and there is only forward."""
    from hub.migration.cutover.rollback import roll_back

    done = roll_back(_migrating(open_plan(slug), at), audit.person(by), why)
    state = f": {done['dossiers']:,} dossiers, digest {done['digest'][:12]}, as before" if "digest" in done else ""
    words = f"{slug}: rolled back{state}. The old provinces go on as they are."
    _answer(slug, done, as_json, "it was rolled back already" if done["already"] else words)


def find_command(
    slug: PlanSlug,
    code: Annotated[str, typer.Argument(help="Any code of a dossier: local, national, old or new form.")],
    as_json: Json = False,
) -> None:
    """Where a dossier is now, by any code that it has or had. Exit code 1: nobody knows it."""
    from hub.migration.cutover.finding import find

    opened = open_plan(slug)
    plan = opened.plan
    found = find(opened.engine, slug, [one.province for one in plan.sources], plan.target.province, code)
    if as_json:
        print_json({"plan": slug, "code": code, "found": found})
    for one in () if as_json else found:
        reason = f" ({one['reason']})" if one["reason"] else ""
        since = f" since {local_time(one['since'])}" if one.get("since") else ""
        out.print(f"{one['dossier_code']}: in {one['is_in']}{since}; {one['state']}{reason}", highlight=False)
        out.print(f"  it began in {one['was_in']}; nationally it is {one['outgoing_code']}", highlight=False)
        for old in one["former"]:
            out.print(f"  {old['field']} was {old['code']} {old.get('name') or ''}".rstrip(), highlight=False)
    if not found and not as_json:
        out.print(f"Nobody knows the code {code}: it is in no source of {slug}, nor in {plan.target.province}.")
    raise typer.Exit(0 if found else NO)


def _migrating(opened: Opened, at: str | None, **passed_in: Any) -> Any:
    """The plan's cutover, with the moment that was given for now."""
    from hub.migration.attempt import migrating, must_be_current

    attempt = must_be_current(opened.engine, opened.plan.slug, "cutover")
    if at:
        passed_in["clock"] = partial(past_moment, at)
        past_moment(at)
    return migrating(opened.settings, opened.engine, opened.plan.slug, attempt.migration_id, **passed_in)


def _answer(slug: str, done: dict[str, Any], as_json: bool, words: str) -> None:
    if as_json:
        print_json({"plan": slug, **done})
    else:
        out.print(words, markup=False, highlight=False, soft_wrap=True)
