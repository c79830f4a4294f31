"""`lienthong procedures quality`: what is incomplete, wrong or out of date in a procedure list."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from hub.cli.output import NO, Json, out, print_json
from hub.config import Settings, load_province
from hub.own_days import own_days
from hub.procedures.quality import (
    KINDS,
    NATIONAL,
    Finding,
    Kind,
    Quality,
    national_quality,
    province_quality,
    write_findings,
)
from hub.store import database_url, engine_of, upgrade
from hub.tabular import writer_for

FIRST = 5
"""Lines of each kind on the screen, without --all."""


def quality(
    province: Annotated[
        str | None, typer.Argument(help="The list of this province against the national one; without it the national.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--out", help="Every finding in a file: .xlsx, .csv or .json.", show_default=False)
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Every line on the screen, not the first ones.")] = False,
    as_json: Json = False,
) -> None:
    """Find what is incomplete, wrong or out of date in a list of procedures. Exit code 1: something was found.

    The national list: parts that NĐ 63/2010 Điều 8.2 asks for, fees off by 1,000, districts, late publication. A
    province's list: districts, decisions, unpublished ones, codes beside another name. Nothing is changed.
    """
    settings = Settings.from_environment()
    name = load_province(settings, province).province.name if province else "Danh mục quốc gia"
    if file is not None and file.suffix.lower() != ".json":
        writer_for(file)
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    now = datetime.now(UTC)
    own = own_days(settings.folders)
    found = province_quality(engine, province, now, own) if province else national_quality(engine, now, own)
    if file is not None:
        write_findings(found, file)
    if as_json:
        print_json({**found.as_dict(), "file": str(file) if file else None})
    else:
        _show(found, name, show_all=show_all)
        if file is not None:
            out.print(f"every finding: {file}", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(0 if found.good else NO)


def _show(found: Quality, name: str, *, show_all: bool) -> None:
    out.print(f"[bold]{escape(name)}[/bold] · {found.looked_at:,} procedures looked at", highlight=False)
    sums = Table(box=None, padding=(0, 1), show_header=False)
    sums.add_column(justify="right")
    sums.add_column(no_wrap=True)
    sums.add_column(style="dim")
    for kind, count in found.counts().items():
        if count or _belongs(kind, found.listing):
            sums.add_row(f"{count:,}", kind, KINDS[kind].nghia, style="yellow" if count else "")
    out.print(sums)
    for note in found.notes:
        out.print(f" {escape(note)}", style="dim", highlight=False)
    for kind in KINDS:
        lines = found.of(kind)
        if lines:
            out.print(_table(kind, lines if show_all else lines[:FIRST], len(lines)))


_OF_PROVINCE: frozenset[Kind] = frozenset(("district_name", "stale_decision", "unpublished", "shifted", "other_name"))


def _belongs(kind: Kind, listing: str) -> bool:
    """Whether a kind is looked for in this list, so that its 0 says something."""
    return kind in _OF_PROVINCE if listing != NATIONAL else kind == "district_name" or kind not in _OF_PROVINCE


def _table(kind: Kind, lines: list[Finding], total: int) -> Table:
    some = f"{len(lines):,} of {total:,}; --all shows every one" if len(lines) < total else f"{total:,}"
    table = Table(title=f"{kind} ({some}): {KINDS[kind].todo}", title_justify="left", title_style="bold", expand=True)
    table.add_column("code", no_wrap=True, overflow="fold")
    for column in ("name", "evidence"):
        table.add_column(column, ratio=1, overflow="fold")
    for one in lines:
        table.add_row(one.local_code or one.code, escape(one.name[:160]), escape(one.evidence))
    return table
