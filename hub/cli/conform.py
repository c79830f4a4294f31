"""`lienthong conform`: whether a province's system behaves as its spec says."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from connectors import Window
from connectors.conformance import CHECKS, Ground, Verdict, conform
from hub.cli.discover import Streams, streams_of
from hub.cli.output import NO, Json, out, print_json, progress_bars
from hub.cli.sync import Slug, in_order, parse_time
from hub.config import Settings, load_province
from hub.context import intake_of, source_of
from hub.errors import ConfigurationError

MARKS = {"pass": "[green]✓[/green]", "fail": "[red]✗[/red]", "not applicable": "[dim]–[/dim]"}


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("conform")(run_conform)


def run_conform(
    province: Slug,
    check: Annotated[list[str] | None, typer.Option(help="Only this check; may be repeated.")] = None,
    stream: Streams = None,
    since: Annotated[
        str | None, typer.Option(help="Start of the stretch that is read; without it the newest records.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="End of the stretch; without it: now.")] = None,
    records: Annotated[
        int, typer.Option(help="How many records the stretch should hold, when it is chosen.", min=10)
    ] = 100,
    writes: Annotated[
        bool, typer.Option("--writes", help="Try writes too, with the spec's examples: only against a test system.")
    ] = False,
    inbound: Annotated[
        bool, typer.Option("--inbound", help="The intake of its inbound: section instead: the session and look-ups.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Prove that a peer behaves as its spec says: small named checks, each with its evidence. Exit code 1: one failed.

    Reads a short stretch of time several times over, makes one wrong login, and writes nothing without --writes.
    """
    settings = Settings.from_environment()
    if inbound and (stream or since or until):
        raise ConfigurationError(
            "an intake gives no streams, so there is no stretch of time to read",
            where="--inbound",
            next_step="Leave out --stream, --since and --until.",
        )
    connector = (intake_of if inbound else source_of)(settings, load_province(settings, province))
    for name in check or ():
        if name not in CHECKS:
            raise ConfigurationError(
                f"there is no check '{name}'", where="--check", next_step=f"Known: {', '.join(CHECKS)}."
            )
    start, end = parse_time(since, "--since"), parse_time(until, "--until") or connector.clock()
    in_order(start, end)
    window = Window(start, end) if start else None
    ground = Ground(connector, window=window, until=end, wanted=records, writes=writes)
    streams = [] if inbound else streams_of(connector, stream)
    found: list[Verdict] = []
    with progress_bars(quiet=as_json) as progress:
        for verdict in conform(ground, streams, check):
            found.append(verdict)
            progress("checks", len(found), None)
    bad = [verdict for verdict in found if verdict.outcome == "fail"]
    if as_json:
        print_json(
            {
                "province": province,
                "system": connector.spec.system,
                "ok": not bad,
                "checks": [
                    {
                        "check": one.check,
                        "about": one.about,
                        "outcome": one.outcome,
                        "evidence": one.evidence,
                        "next_step": one.next_step,
                        "proves": CHECKS[one.check],
                    }
                    for one in found
                ],
            }
        )
    else:
        title = connector.spec.title or connector.spec.system
        out.print(f"[bold]{province}[/bold] · {escape(title)} · {connector.peer.url}", highlight=False)
        out.print(_table(found), highlight=False)
        _explain(bad)
        passed = sum(one.outcome == "pass" for one in found)
        out.print(f"{passed} passed, {len(bad)} failed, {len(found) - passed - len(bad)} not applicable")
    raise typer.Exit(NO if bad else 0)


def _table(found: list[Verdict]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    group = None
    for one in found:
        about = one.about or "the session"
        if about != group:
            table.add_row("", f"\n[bold]{escape(about)}[/bold]", "")
            group = about
        style = "dim" if one.outcome == "not applicable" else None
        table.add_row(f" {MARKS[one.outcome]}", one.check, escape(one.evidence), style=style)
    return table


def _explain(bad: list[Verdict]) -> None:
    """For each failure what it was to prove, and the next step."""
    if bad:
        out.print()
    for one in bad:
        about = f" · {one.about}" if one.about else ""
        out.print(f"[red]✗[/red] [bold]{one.check}[/bold]{escape(about)}: {CHECKS[one.check]}", highlight=False)
        if one.next_step:
            out.print(f"    {escape(one.next_step)}", style="yellow", highlight=False)
    if bad:
        out.print()
