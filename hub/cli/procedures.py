"""`lienthong procedures pull | compare | import | show`; `quality` has a module of its own."""

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Engine, text

from hub.cli.output import NO, Json, local_time, out, print_json, progress_bars
from hub.cli.quality_of_procedures import quality
from hub.cli.sync import parse_time, ready_hub
from hub.config import Settings, load_province
from hub.procedures import Comparison, open_national, write_comparison
from hub.procedures import compare as run_compare
from hub.procedures import import_list as run_import
from hub.procedures import pull_national as run_national
from hub.procedures import pull_province as run_province
from hub.procedures.compare import KINDS, Difference
from hub.procedures.record import LEVELS
from hub.procedures.report import writer_for
from hub.store import database_url, engine_of, upgrade
from schemas.identifiers import procedure_base
from schemas.records import VIET_NAM

app = typer.Typer(help="National and provincial procedure lists: pull, compare, import, quality.", no_args_is_help=True)
app.command("quality")(quality)

FIRST = 5
"""Lines of each kind on the screen, without --all."""

Short = Annotated[bool, typer.Option("--accept-short", help="Take a list that is much shorter than the present one.")]
Slug = Annotated[str | None, typer.Option("--province", help="The list of this province, not the national one.")]


@app.command("pull")
def pull(province: Slug = None, accept_short: Short = False, as_json: Json = False) -> None:
    """Pull the national list, or with --province the list of a province's own system.

    A changed procedure gets a new version, one that disappeared is closed; nothing is deleted. A failed pull changes
    nothing and is taken up by the next one.
    """
    with progress_bars(quiet=as_json) as progress:
        if province is None:
            portal = open_national(progress=progress)
            upgrade(portal.engine)
            counts = run_national(portal, accept_short=accept_short)
        else:
            counts = run_province(ready_hub(province, progress=progress), accept_short=accept_short)
    if as_json:
        print_json({"province": province, **counts})
    else:
        out.print(_pulled(province or "national", counts), highlight=False, markup=False)


@app.command("compare")
def compare(
    province: Annotated[str, typer.Argument(help="Province: the name of its file in provinces/, such as lao_cai.")],
    file: Annotated[
        Path | None, typer.Option("--out", help="File for every line: .xlsx, .csv or .json.", show_default=False)
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Every line on the screen, not the first ones.")] = False,
    as_json: Json = False,
) -> None:
    """Compare a province's list with the national one. Exit code 1: they differ.

    Missing, stale, unknown, closed and doubled procedures, in what was pulled or imported last. Every line goes into a
    file, by default reports/procedures-<province>.xlsx in the data folder.
    """
    settings = Settings.from_environment()
    name = load_province(settings, province).province.name
    path = file or settings.home / "reports" / f"procedures-{province}.xlsx"
    writer_for(path)
    found = run_compare(_engine(settings), province)
    write_comparison(found, path)
    if as_json:
        print_json({**found.as_dict(), "file": str(path)})
    else:
        _show(found, name, show_all=show_all)
        out.print(f"every line: {path}", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(0 if found.equal else NO)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="The Excel list that the national portal exports (.xlsx).")],
    province: Slug = None,
    accept_short: Short = False,
    as_json: Json = False,
) -> None:
    """Take an Excel list: with --province as that province's list, without as the national one.

    Columns: Mã TTHC, Tên TTHC, Lĩnh vực, Đối tượng, Cơ quan công khai, Cấp thực hiện, Tình trạng, QĐ Công bố, in any
    order. A national list never replaces what the portal's own service said of a procedure. A bad list changes nothing.
    """
    settings = Settings.from_environment()
    if province is not None:
        load_province(settings, province)
    counts = run_import(_engine(settings), file, now=datetime.now(UTC), province=province, accept_short=accept_short)
    if as_json:
        print_json({"province": province, **counts})
    else:
        out.print(_pulled(province or "national", counts), highlight=False, markup=False)


@app.command("show")
def show(
    code: Annotated[str, typer.Argument(help="Procedure code, national or in a local form.")],
    on: Annotated[str | None, typer.Option(help="The version in force on this day: dd/MM/yyyy or ISO.")] = None,
    record: Annotated[bool, typer.Option("--record", help="The whole record too, as the portal gave it.")] = False,
    as_json: Json = False,
) -> None:
    """Show the versions of a national procedure. Exit code 1: it is not in the list (on that day)."""
    base = procedure_base(code) or code
    day = parse_time(on, "--on")
    moment = datetime.combine(day.date(), time.max, VIET_NAM) if day and day.timetz() == _midnight(day) else day
    versions = _versions(_engine(Settings.from_environment()), base)
    chosen = _chosen(versions, moment)
    if as_json:
        print_json({"procedure_code": base, "on": moment, "version": chosen, "versions": [_brief(v) for v in versions]})
        raise typer.Exit(0 if chosen else NO)
    if not versions:
        out.print(f"{base} is not in the national list.", markup=False, highlight=False)
        raise typer.Exit(NO)
    out.print(_versions_table(base, versions), highlight=False)
    if chosen is None:
        first = local_time(versions[0]["valid_from"])
        out.print(f"No version was in force on {local_time(moment)}; the first is of {first}.", highlight=False)
        raise typer.Exit(NO)
    if on:
        out.print(f"On {local_time(moment)} the version from {local_time(chosen['valid_from'])} was in force.")
    if record:
        out.print_json(data=chosen["record"], ensure_ascii=False)


def _engine(settings: Settings) -> Engine:
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    return engine


_NOTES = {
    "unanswered": "listed without a record that can be used; they stay as they were",
    "unreadable": "could not be read; they stay as they were",
    "repeated": "lines name a code again; the first counts",
    "shifted": "lines have the code of the line above or below: look at them",
    "passed_over": "sheets without the header were passed over",
    "absent": "columns are not in the file",
    "left_to_portal": "are known from the portal's own service, whose word stands",
}
_HEAD = ("run_id", "file", "listed", "fetched")


def _pulled(province: str, counts: dict[str, Any]) -> str:
    """What a pull or an import did, in a few lines; what it noticed follows, where there is any."""
    listed, fetched = counts["listed"], counts.get("fetched", counts["listed"])
    source = f" in {counts['file']}" if "file" in counts else ""
    moved = {name: count for name, count in counts.items() if name not in _HEAD and name not in _NOTES}
    lines = [
        f"{province} · run {counts['run_id']} · {listed:,} procedures{source}",
        "  " + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in moved.items()),
    ]
    if fetched < listed:
        lines.append(f"  taken up where the last pull failed: {listed - fetched:,} records had landed before")
    for name, words in _NOTES.items():
        value = counts.get(name)
        if isinstance(value, int) and value:
            lines.append(f"  {value:,} {words}")
        elif value:
            more = " …" if len(value) > FIRST else ""
            lines.append(f"  {len(value):,} {words}: {', '.join(list(value)[:FIRST])}{more}")
    return "\n".join(lines)


def _show(found: Comparison, name: str, *, show_all: bool) -> None:
    counts = found.counts()
    out.print(
        f"[bold]{escape(name)}[/bold] · {counts['listed']:,} procedures listed ({escape(found.source)}), "
        f"{counts['national']:,} national ones of province or commune level in force",
        highlight=False,
    )
    sums = Table(box=None, padding=(0, 1), show_header=False)
    sums.add_column(justify="right")
    sums.add_column()
    sums.add_column(style="dim")
    sums.add_row(f"{counts['agreeing']:,}", "agree", "the same name, field and decision on both sides")
    fields = ", ".join(f"{field} {count:,}" for field, count in found.stale_fields().items())
    for kind, words in KINDS.items():
        more = f" ({fields})" if kind == "stale" and fields else ""
        sums.add_row(f"{counts[kind]:,}", kind, words + more, style="yellow" if counts[kind] else "")
    out.print(sums)
    for kind in KINDS:
        lines = found.of(kind)
        if lines:
            shown = lines if show_all else lines[:FIRST]
            out.print(_lines_table(kind, shown, len(lines)))


def _lines_table(kind: str, lines: list[Difference], total: int) -> Table:
    some = f"{len(lines):,} of {total:,}; --all shows every one" if len(lines) < total else f"{total:,}"
    table = Table(title=f"{kind} ({some})", title_justify="left", title_style="bold", expand=True)
    table.add_column("code", no_wrap=True, overflow="fold")
    columns = {
        "missing": ("name", "decision"),
        "stale": ("differs in", "province", "national"),
        "unknown": ("name", "perhaps"),
        "closed": ("name", "closed on"),
        "doubled": ("name", "listed as"),
    }[kind]
    if kind == "unknown" and not any(one.hint for one in lines):
        columns = columns[:1]
    for column in columns:
        narrow = column in ("differs in", "decision", "closed on")
        table.add_column(column, ratio=None if narrow else 1, overflow="fold")
    for one in lines:
        values = {
            "missing": (one.procedure_code, one.name, one.national),
            "stale": (one.local_code, one.field, one.province, one.national),
            "unknown": (one.local_code, one.name, one.hint),
            "closed": (one.local_code, one.name, one.national),
            "doubled": (one.procedure_code, one.name, one.province),
        }[kind]
        table.add_row(*(escape(value or "") for value in values[: len(columns) + 1]))
    return table


def _midnight(moment: datetime) -> time:
    return time(tzinfo=moment.tzinfo)


_VERSIONS = """
SELECT valid_from, valid_to, name, field_code, field_name, levels, decision, public, source, content_hash, run_id,
       record
FROM procedure_version WHERE procedure_code = :code ORDER BY valid_from
"""


def _versions(engine: Engine, code: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(_VERSIONS), {"code": code})]


def _chosen(versions: list[dict[str, Any]], moment: datetime | None) -> dict[str, Any] | None:
    """The newest version, or the one in force at a moment."""
    if moment is None:
        return versions[-1] if versions else None
    begun = [one for one in versions if one["valid_from"] <= moment]
    return begun[-1] if begun and (begun[-1]["valid_to"] is None or moment < begun[-1]["valid_to"]) else None


def _brief(version: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in version.items() if name != "record"}


def _versions_table(code: str, versions: list[dict[str, Any]]) -> Table:
    many = "1 version" if len(versions) == 1 else f"{len(versions)} versions"
    table = Table(title=f"{code}: {many}", title_justify="left", expand=True)
    for column in ("from", "to", "level", "decision", "source"):
        table.add_column(column)
    table.add_column("name", ratio=1)
    for one in versions:
        levels = ", ".join(LEVELS[level] for level in one["levels"])
        until = local_time(one["valid_to"]) or "in force"
        shown = (local_time(one["valid_from"]), until, levels, one["decision"] or "", one["source"], one["name"])
        table.add_row(*map(escape, shown))
    return table
