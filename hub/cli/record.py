"""`lienthong record`: a masked recording of a real exchange, for tests that need no peer."""

from typing import Annotated

import typer
from rich.markup import escape

from connectors import Window
from connectors.cassettes.record import Recorded, record
from hub.cli.discover import Streams, streams_of
from hub.cli.output import Json, out, print_json, progress_bars
from hub.cli.sync import Slug, in_order, parse_time
from hub.config import Settings, load_province
from hub.context import source_of
from hub.onboarding.new_province import own_folder

KINDS = {
    "name": "names",
    "identity": "identity numbers",
    "phone": "phone numbers",
    "email": "e-mail addresses",
    "address": "addresses",
    "tax": "tax codes",
    "birth": "dates of birth",
    "words": "texts",
    "secret": "secrets",
}


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("record")(run_record)


def run_record(
    province: Slug,
    records: Annotated[int, typer.Option(help="Records of each stream, in three pages.", min=1, max=500)] = 30,
    stream: Streams = None,
    since: Annotated[str | None, typer.Option(help="Start of the stretch; without it the newest records.")] = None,
    until: Annotated[str | None, typer.Option(help="End of the stretch; without it: now.")] = None,
    as_json: Json = False,
) -> None:
    """Keep a masked recording of real exchanges in cassettes/<province> of the folder that LIENTHONG_CONFIG names.

    Names, numbers, addresses, texts, tokens and files are replaced by made-up ones of the same shape before anything
    is written; codes and times stay, so that pages and joins still work. Replaces the recording that is there.
    """
    settings = Settings.from_environment()
    folder = own_folder(settings, "record") / "cassettes" / province
    connector = source_of(settings, load_province(settings, province))
    start, end = parse_time(since, "--since"), parse_time(until, "--until") or connector.clock()
    in_order(start, end)
    with progress_bars(quiet=as_json) as progress:
        progress("recording", 0, None)
        names = streams_of(connector, stream)
        window = Window(start, end) if start else None
        kept = record(connector, folder, names, records=records, until=end, window=window)
    if as_json:
        print_json(
            {
                "province": province,
                "folder": str(folder),
                "files": [path.name for path in kept.files],
                "streams": kept.streams,
                "made_up": kept.made_up,
            }
        )
        return
    _show(province, str(folder), kept)


def _show(province: str, folder: str, kept: Recorded) -> None:
    out.print(f"[bold]{province}[/bold] · {len(kept.files) - 1} exchanges", highlight=False)
    for path in kept.files:
        out.print(f"  [green]✓[/green] {escape(path.name):<40} {path.stat().st_size:>9,} bytes", highlight=False)
    for name, said in kept.streams.items():
        cut = "" if said["whole"] else ", cut there"
        out.print(f"  {name}: {said['records']:,} records in pages of {said['rows']}{cut}", highlight=False)
    made = ", ".join(f"{count:,} {KINDS.get(kind, kind)}" for kind, count in sorted(kept.made_up.items()))
    out.print(f"  Made up in the place of true ones: {made or 'nothing'}.", highlight=False)
    out.print(f"  {folder}", markup=False, highlight=False, soft_wrap=True)
    out.print("  Look through the files once before you hand them on.", style="yellow")
