"""`lienthong preview`: a sample beside what would be sent, and what would be held."""

from typing import Annotated

import typer
from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hub.cli.output import Json, local_time, out, print_json, progress_bars
from hub.cli.sync import Slug, ready_hub
from hub.preview import VERDICTS, Cause, Preview, Previewed, preview

SHOWN = 3
"""Values and dossier codes that the screen names for a reason; --json has all."""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("preview")(preview_command)


def preview_command(
    province: Slug,
    number: Annotated[int, typer.Option("-n", "--number", min=1, max=5_000, help="Records in the sample.")] = 50,
    code: Annotated[str | None, typer.Option(help="One dossier, by its code.")] = None,
    show: Annotated[int, typer.Option(min=0, help="Dossiers laid side by side; what would be held first.")] = 1,
    as_json: Json = False,
) -> None:
    """Show a sample as it came, as it is in the hub and as it would be sent, and what would be held and why.

    Sends nothing and keeps nothing. Personal data is masked.
    """
    with progress_bars(quiet=as_json) as progress:
        hub = ready_hub(province, progress=progress)
        found = preview(hub, number, code)
    if as_json:
        print_json(found.as_dict())
        return
    place = f"{hub.province.province.name} · {province} · {hub.province.system}"
    out.print(f"[bold]{place}[/bold]  [dim]nothing was sent, nothing was kept[/dim]", highlight=False)
    _say_counts(found)
    for cause in found.causes():
        _say_cause(cause)
    ordered = sorted(found.records, key=lambda one: one.verdict != "held")
    for one in ordered if code else ordered[:show]:
        _say_dossier(one)


def _say_counts(found: Preview) -> None:
    total = len(found.records)
    if not total:
        out.print("  The system gave no record at all. Is the account the right one, and is there data in it?")
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column()
    for verdict, count in found.counts().items():
        if count:
            style = "yellow" if verdict == "held" else "green" if verdict in ("new", "changed") else "dim"
            table.add_row(f"  {count:,}", f"{100 * count / total:.0f} %", VERDICTS[verdict], style=style)
    waiting = sum(1 for one in found.records if one.held_steps)
    if waiting:
        table.add_row(f"  {waiting:,}", "", "with progress steps that would wait", style="yellow")
    out.print(table, highlight=False)


def _say_cause(cause: Cause) -> None:
    value = f" = {_few(cause.values)}" if cause.values else ""
    head = Text.assemble(
        ("✗ ", "red"), (f"{cause.reason}", "bold"), f" · {len(cause.dossiers):,} · {cause.field}{value}"
    )
    out.print()
    out.print(head, highlight=False)
    for line, style in (
        (f"{cause.meaning} · {cause.nghia}", ""),
        (f"{cause.rule or 'the spec'} · {_few(cause.dossiers)}", "dim"),
        (cause.next_step, "yellow"),
    ):
        out.print(Padding(Text(line, style), (0, 0, 0, 2)))


def _few(words: tuple[str, ...]) -> str:
    rest = len(words) - SHOWN
    return ", ".join(words[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _say_dossier(one: Previewed) -> None:
    changed = f" · changed {local_time(one.changed_at)}" if one.changed_at else ""
    style = "yellow" if one.verdict == "held" else "green"
    out.print()
    head = Text.assemble((one.dossier_code or one.source_key, "bold"), (f" · {one.verdict}", style), f"{changed}")
    out.print(head, highlight=False)
    for finding in one.findings + one.held_steps:
        value = f" = {finding.value}" if finding.value else ""
        out.print(f"  {finding.reason}: {finding.field}{value}", style="yellow", highlight=False, markup=False)
    if one.notes:
        out.print(f"  notes: {', '.join(dict.fromkeys(one.notes))}", style="dim", highlight=False, markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    for title in ("source", "hub", "national"):
        table.add_column(title, ratio=1, overflow="fold")
    for row in one.rows:
        table.add_row(_cell(row.source), _cell({row.field: row.canonical}), _cell(row.national))
    out.print(table, highlight=False)
    if one.verdict == "held":
        out.print("  Nothing would go to the national side until this is mended.", style="yellow")


def _cell(values: dict[str, str]) -> Text:
    """Name and value, the name in grey; names without a value are left out where another one has it."""
    shown = {name: value for name, value in values.items() if value} or dict(list(values.items())[:1])
    cell = Text()
    for number, (name, value) in enumerate(shown.items()):
        cell.append(("\n" if number else "") + name, style="dim")
        cell.append(f"\n{value or '–'}")
    return cell
