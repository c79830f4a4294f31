"""`lienthong check`: whether a province can be switched on, line by line."""

from contextlib import suppress

import typer
from rich.markup import escape
from rich.table import Table

from connectors import CheckLine, Connector
from connectors.errors import ConnectorError
from hub.cli.output import NO, Json, out, print_json
from hub.cli.sync import Slug, ready_hub
from hub.errors import ConfigurationError, HubError
from hub.ready import configuration_lines, inbound_lines


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(check)


def check(province: Slug, as_json: Json = False) -> None:
    """Try the configuration and the peers, each reading operation once; sends nothing. Exit code 1: a line failed.

    A province with a way in (inbound: in its file) has a third side: the intake.
    """
    hub = ready_hub(province)
    lines, sides = {"configuration": configuration_lines(hub)}, dict[str, Connector]()
    for name, made in (("source", lambda: hub.source), ("national", lambda: hub.national)):
        try:
            sides[name] = made()
            lines[name] = sides[name].check()
        except ConfigurationError as error:  # no account yet: the other lines are wanted all the same
            lines[name] = [CheckLine("connection", False, f"{error.where}: {error.what}", error.next_step)]
    if hub.province.inbound is not None:
        lines["inbound"] = inbound_lines(hub)
        with suppress(HubError, ConnectorError):  # its line says so
            sides["inbound"] = hub.intake
    good = all(line.ok for side in lines.values() for line in side)
    if as_json:
        shown = {
            name: [
                {"name": line.name, "ok": line.ok, "detail": line.detail, "next_step": line.next_step} for line in side
            ]
            for name, side in lines.items()
        }
        print_json({"province": province, "ok": good, "checks": shown})
    else:
        for name, found in lines.items():
            out.print(f"[bold]{name}[/bold]{escape(_place(sides.get(name)))}", highlight=False)
            out.print(_table(found), highlight=False)
        wrong = sum(not line.ok for side in lines.values() for line in side)
        out.print(f"{wrong} to be put right" if wrong else "All in order.")
    raise typer.Exit(0 if good else NO)


def _place(side: Connector | None) -> str:
    return "" if side is None else f" · {side.spec.title or side.spec.system} · {side.peer.url}"


def _table(lines: list[CheckLine]) -> Table:
    """A line each with its mark; under a failed one what to do."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for line in lines:
        table.add_row(" [green]✓[/green]" if line.ok else " [red]✗[/red]", escape(line.name), escape(line.detail))
        if not line.ok and line.next_step:
            table.add_row("", "", f"[yellow]→ {escape(line.next_step)}[/yellow]")
    return table
