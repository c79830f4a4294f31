"""`lienthong codes list | show | check`."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from hub.cli.output import NO, Json, out, print_json, say_long
from hub.cli.sync import parse_time
from hub.config import Settings
from hub.errors import ConfigurationError
from mappings import CodeLists
from mappings.codelist_files import FOREVER, Line
from mappings.codelists import CodeList, check_lists
from mappings.errors import near
from mappings.mapped import Refused
from schemas.records import VIET_NAM

app = typer.Typer(help="Code lists: what a system's words mean, on which days, and who says so.", no_args_is_help=True)

FIRST = 50
"""Lines of a list on the screen, without --all."""


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """Every code list: what it turns into what, how many entries, whether they are dated, where they come from."""
    lists = CodeLists.load(_folders())
    found = [_about(lists[name]) for name in lists.names()]
    if as_json:
        print_json({"lists": found})
        return
    table = _table("list", "entries", "dated", "what")
    for one in found:
        table.add_row(one["list"], f"{one['entries']:,}", "yes" if one["dated"] else "", one["what"])
    out.print(table)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="LIST", help="Name of the list.")],
    code: Annotated[
        list[str] | None, typer.Argument(help="A code; for a list of several parts one word for each, - for none.")
    ] = None,
    on: Annotated[str | None, typer.Option(help="The day on which it must hold: dd/MM/yyyy or ISO.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"Every line on the screen, not the first {FIRST}.")
    ] = False,
    as_json: Json = False,
) -> None:
    """A list with its source and lines, or what one code means in it. Exit code 1: the list does not know the code.

    The parts of a code are given in the order of the list; trailing ones may be left out.
    """
    lists = CodeLists.load(_folders())
    if name not in lists:
        raise ConfigurationError(f"there is no code list `{name}`", where="LIST", next_step=near(name, lists.names()))
    chosen = lists[name]
    moment = parse_time(on, "--on")
    day = moment.astimezone(VIET_NAM).date() if moment else None
    if code:
        raise typer.Exit(_show_code(chosen, [None if word == "-" else word for word in code], day, as_json=as_json))
    lines = [line for line in chosen.lines if day is None or line.first <= day <= line.last]
    if as_json:
        print_json({**_about(chosen), "on": day, "lines": [_line(line) for line in lines]})
        return
    out.print(f"{chosen.name}: {chosen.what}", highlight=False, markup=False)
    out.print(f"source: {chosen.source}", style="dim", highlight=False, markup=False)
    shown = lines if everything else lines[:FIRST]
    _print_lines(shown)
    if len(shown) < len(lines):
        out.print(f"{len(lines) - FIRST:,} more lines; --all shows them.", highlight=False)


def _show_code(chosen: CodeList, words: Sequence[str | None], day: date | None, *, as_json: bool) -> int:
    if len(words) > len(chosen.parts):
        parts = ", ".join(chosen.parts)
        what = f"list {chosen.name} has only the parts {parts}"
        raise ConfigurationError(what, where="CODE", next_step="Give fewer words.")
    known = chosen.lines_of(words)
    value, reason = None, None
    try:
        value = chosen.look_up(words, day)
    except Refused as refusal:
        reason = refusal.reason
        if any((line.first, line.last) != FOREVER for line in known):
            reason = "dated" if day is None else "not_on_that_day"
    if as_json:
        print_json(
            {
                "list": chosen.name,
                "code": list(words),
                "on": day,
                "is": value,
                "reason": reason,
                "lines": [_line(line) for line in known],
            }
        )
    else:
        told = {"dated": "depends on the day: say --on", "not_on_that_day": "is not in force on that day"}
        said = f"is {value}" if reason is None else told.get(reason, f"is not known ({reason})")
        out.print(f"{' / '.join(word or '-' for word in words)} {said}", highlight=False, markup=False)
        _print_lines(known)
    return 0 if reason is None else NO


@app.command("check")
def check(as_json: Json = False) -> None:
    """Read every list of all folders whole: overlapping days, unknown parts, kinds, tables. Exit code 1: faults."""
    found = dict(check_lists(_folders()))
    faults = [fault for told in found.values() for fault in told]
    if as_json:
        wrong = [
            {"file": one.file, "line": one.line, "key": one.key, "what": one.what, "next_step": one.next_step}
            for one in faults
        ]
        print_json({"ok": not faults, "lists": len(found), "faults": wrong})
    else:
        for fault in faults:
            say_long(str(fault), "red")
        out.print(f"{len(found)} lists, {len(faults)} faults", highlight=False)
    raise typer.Exit(NO if faults else 0)


def _folders() -> list[Path]:
    return [folder / "mappings" for folder in Settings.from_environment().folders]


def _about(chosen: CodeList) -> dict[str, Any]:
    return {
        "list": chosen.name,
        "what": chosen.what,
        "to": chosen.to,
        "parts": chosen.parts,
        "entries": len(chosen.lines),
        "dated": chosen.dated,
        "reason": chosen.reason,
        "source": chosen.source,
        "files": chosen.files,
    }


def _line(line: Line) -> dict[str, Any]:
    first, last = (None if day in FOREVER else day for day in (line.first, line.last))
    return {
        "key": dict(zip(line.parts, line.key, strict=True)),
        "is": line.value,
        "valid_from": first,
        "valid_to": last,
        "note": line.note,
        "where": f"{line.file}:{line.line}",
    }


def _print_lines(lines: Sequence[Line]) -> None:
    table = _table("key", "is", "from", "until", "note", "where")
    for line in lines:
        days = [day.strftime("%d/%m/%Y") if day not in FOREVER else "" for day in (line.first, line.last)]
        table.add_row(
            " / ".join(key or "-" for key in line.key),
            str(line.value),
            *days,
            line.note or "",
            f"{line.file}:{line.line}",
        )
    if lines:
        out.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
