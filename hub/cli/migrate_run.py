"""`lienthong migrate run`: the cutover itself, from the first page of history to the newest change."""

import os
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer

from hub.cli.migrating import Opened, PlanSlug, open_plan
from hub.cli.moments import past_moment
from hub.cli.output import Json, out, print_json, progress_bars
from hub.cli.sync import parse_time
from hub.errors import ConfigurationError
from hub.migration.plans.plan import Plan

At = Annotated[str | None, typer.Option("--at", help="Take this moment for now.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add this command to the group."""
    app.command("run")(run)


def run(
    slug: PlanSlug,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Only read this source, and load nothing; may be repeated.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Follow changes up to this moment instead of now.", show_default=False)
    ] = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Begin or resume the cutover: read the history, find what collides, load, and follow what changed since.

    Running it again is how it goes on: after a kill, after a peer was down, and to fetch the newest changes.
    """
    opened = open_plan(slug)
    moment = parse_time(until, "--until")
    _must_be_sources(opened.plan, source or [])
    with progress_bars(quiet=as_json) as progress:
        done = _run(opened, source or [], moment, at, progress)
    if as_json:
        print_json({"plan": slug, **done})
    else:
        out.print("\n".join(_lines(slug, done)), markup=False, highlight=False, soft_wrap=True)


def _run(opened: Opened, sources: list[str], until: datetime | None, at: str | None, progress: Any) -> dict[str, Any]:
    from hub.migration import flow
    from hub.migration import run as running

    past_moment(at)
    clock = partial(past_moment, at)
    m = flow.begin(opened.settings, opened.engine, opened.plan.slug, "cutover", clock=clock)
    m.progress = progress
    processes = 2 * (os.cpu_count() or 1)
    if not sources:
        return running.run(m, processes=processes, until=until)
    running.must_go_on(m)
    told = {"history": running.run_history(m, processes=processes, sources=sources)}
    if m.attempt.state == "following":
        told["delta"] = running.run_delta(m, processes=processes, until=until, sources=sources)
    return {"state": m.attempt.state, **told, "counts": running.settle_counts(m)}


def _must_be_sources(plan: Plan, sources: list[str]) -> None:
    known = [one.province for one in plan.sources]
    for slug in sources:
        if slug not in known:
            raise ConfigurationError(
                f"'{slug}' is no source of this plan",
                where=f"migrations/{plan.slug}.yaml · --source",
                next_step=f"Its sources: {', '.join(known)}.",
            )


def _lines(slug: str, done: dict[str, Any]) -> list[str]:
    lines = [f"{slug}: {done['state']}"]
    for title, key in (("history", "history"), ("changes since", "delta")):
        for source, counts in done.get(key, {}).items():
            if isinstance(counts, dict) and "chunks" in counts:
                chunks = f"{counts['chunks']} chunk{'s' * (counts['chunks'] != 1)}"
                lines.append(
                    f"  {title} · {source}: {counts['records']:,} records in {chunks};"
                    f" {counts['new']:,} new, {counts['changed']:,} changed, {counts['held']:,} held,"
                    f" {counts['out_of_scope']:,} out of scope"
                )
    lines.append("  " + ", ".join(f"{state} {count:,}" for state, count in done["counts"].items()))
    lines.append(f"  Next: lienthong migrate run {slug} follows changes; lienthong migrate reconcile {slug} proves.")
    return lines
