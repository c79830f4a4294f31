"""`lienthong suggest`: what a province's mapping covers, and proposals for the rest as an overlay to edit."""

from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hub.cli.output import Json, out, print_json, progress_bars
from hub.cli.sync import Slug, ready_hub
from hub.suggest import PARTS, Proposal, Suggestions, Written, overlay_path, suggest, text_of, write

HEADS = {"dossier": "rules (dossier:)"}
SHOWN = 16
"""Lines of one place that the screen shows; the file and --json have all."""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("suggest")(suggest_command)


def suggest_command(
    province: Slug,
    number: Annotated[int, typer.Option("-n", "--number", min=1, max=20_000, help="Records in the sample.")] = 200,
    target: Annotated[
        str | None, typer.Option("--out", help="File for the proposals, or - for standard output.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Propose what the mapping lacks: fields, procedures, statuses, agencies, units; and print how much is covered.

    Writes mappings/overlays/<province>.yaml in the LIENTHONG_CONFIG folder, each proposal a comment: nothing is
    applied by itself, and a file that is there is never changed.
    """
    with progress_bars(quiet=as_json or target == "-") as progress:
        hub = ready_hub(province, progress=progress)
        found = suggest(hub, number)
    if target == "-" and not as_json:
        typer.echo(text_of(found.overlay, found, found.proposals, hub.clock()), nl=False)
        return
    path = None if target == "-" else Path(target) if target else overlay_path(hub.settings, found.overlay)
    written = write(path, found, hub.clock())
    if as_json:
        print_json({**found.as_dict(), "file": written.as_dict()})
        return
    out.print(
        f"[bold]{hub.province.province.name} · {province} · {found.mapping}[/bold] · {found.records:,} records",
        highlight=False,
    )
    _say_coverage(found)
    _say_proposals(found)
    _say_file(found, written)


def _say_coverage(found: Suggestions) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column()
    for one in found.coverage:
        percent = "–" if one.percent is None else f"{one.percent:.1f} %"
        style = "green" if one.percent == 100 else "dim" if one.percent is None else "yellow"
        of = f"{one.known:,} of {one.stated:,}"
        table.add_row(f"  {one.part}", Text(percent, style), of, Text(PARTS[one.part], "dim"))
    out.print(table, highlight=False)


def _say_proposals(found: Suggestions) -> None:
    for place in dict.fromkeys(one.place for one in found.proposals):
        lines = _best([one for one in found.proposals if one.place == place])
        out.print()
        out.print(HEADS.get(place, place), style="bold", highlight=False)
        for one in lines[:SHOWN]:
            style = "green" if one.score >= 85 else "yellow" if one.score else "red"
            score = Text(f"{one.score or '–':>5}  ", style)
            out.print(Text.assemble(score, one.line.removeprefix("- ")), soft_wrap=True)
            count = "1 dossier" if one.dossiers == 1 else f"{one.dossiers:,} dossiers"
            out.print(Padding(Text(f"{one.why} · {count}", "dim"), (0, 0, 0, 7)))
        if len(lines) > SHOWN:
            out.print(f"       and {len(lines) - SHOWN} more", style="dim", highlight=False)


def _best(lines: list[Proposal]) -> list[Proposal]:
    """Of several candidates for one field the first; the file has the others."""
    first: dict[str, Proposal] = {}
    for one in lines:
        first.setdefault(one.line if one.line.startswith("-") else one.line.partition(":")[0], one)
    return list(first.values())


def _say_file(found: Suggestions, written: Written) -> None:
    out.print()
    if not found.proposals:
        out.print("Nothing to propose.", style="green")
    elif written.state == "nowhere":
        out.print("Not written: LIENTHONG_CONFIG names no folder of yours. Say --out FILE, or --out - to see it.")
    elif written.state == "nothing new":
        out.print(f"{written.path} has every proposal already; it was not touched.", highlight=False, soft_wrap=True)
    else:
        words = "Written" if written.state == "written" else "Your file stays as it is; what is new is beside it"
        out.print(f"{words}: {written.path}", highlight=False, soft_wrap=True, markup=False)
    for remark in found.remarks:
        out.print(remark, style="yellow", highlight=False, markup=False)
    if found.proposals:
        out.print(f"Uncomment what is right, then: lienthong preview {found.province}", highlight=False)
