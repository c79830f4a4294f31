"""`lienthong discover`: what a province's system really sends, field by field."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from connectors import Connector, Window
from connectors.survey.discover import Contract, Sample, contract, sample
from connectors.survey.lookback import recent
from hub.cli.output import Json, out, print_json, progress_bars
from hub.cli.sync import Slug, in_order, parse_time
from hub.config import Province, Settings, load_province
from hub.context import source_of
from hub.errors import ConfigurationError
from hub.onboarding.known_fields import FieldDiff, field_diff
from mappings import Mapping, MappingError, load_mapping

KINDS = {"dossiers": "dossier", "procedures": "procedure"}
"""Streams that a mapping reads, and the kind of record they hold."""

Streams = Annotated[list[str] | None, typer.Option("--stream", help="Only this stream of the spec; may be repeated.")]
Since = Annotated[str | None, typer.Option(help="Start of the stretch that is sampled; without it the newest records.")]
Until = Annotated[str | None, typer.Option(help="End of the stretch; without it: now.")]


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(discover)


def discover(
    province: Slug,
    records: Annotated[int, typer.Option(help="Records of each stream that are looked at.", min=1)] = 200,
    stream: Streams = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Sample records and show each field: type, how often filled, distinct values, examples with personal data masked.

    Says which fields the mapping reads that never come, and which come that nothing reads; for SOAP also the
    operations and types of the WSDL. Reads only, and needs no database.
    """
    settings = Settings.from_environment()
    file = load_province(settings, province)
    connector = source_of(settings, file)
    names = streams_of(connector, stream)
    start, end = parse_time(since, "--since"), parse_time(until, "--until") or datetime.now(UTC)
    in_order(start, end)
    found: list[tuple[Sample, FieldDiff, str]] = []
    with progress_bars(quiet=as_json) as progress:
        for number, name in enumerate(names):
            progress("sampling", number, len(names))
            window = Window(start, end) if since else recent(connector, name, end, records)
            taken = sample(connector, name, window, records)
            mapping, why = _mapping(settings, file, name)
            found.append((taken, field_diff(taken.profile, connector.spec.streams[name], mapping), why))
        promised = contract(connector)
    if as_json:
        streams = {taken.stream: _as_dict(taken, diff, why) for taken, diff, why in found}
        print_json({"province": province, "system": file.system, "streams": streams, "wsdl": _wsdl_dict(promised)})
        return
    title = connector.spec.title or connector.spec.system
    out.print(f"[bold]{file.province.name}[/bold] · {escape(title)} · {connector.peer.url}", highlight=False)
    for taken, diff, why in found:
        out.print(_screen(taken, diff, why), highlight=False)
    if promised is not None:
        out.print(_wsdl_screen(promised), highlight=False)


def streams_of(connector: Connector, chosen: list[str] | None) -> list[str]:
    """The streams asked for, or all; raises ConfigurationError for one that the spec does not have."""
    known = list(connector.spec.streams)
    for name in chosen or ():
        if name not in known:
            raise ConfigurationError(
                f"{connector.spec.system} has no stream '{name}'",
                where="--stream",
                next_step=f"It has: {', '.join(known) or 'none'}.",
            )
    return chosen or known


def _mapping(settings: Settings, province: Province, stream: str) -> tuple[Mapping | None, str]:
    """The mapping of a stream's records; or none, and why."""
    kind = KINDS.get(stream)
    if kind is None:
        return None, "no mapping reads this stream"
    folders = [folder / "mappings" for folder in settings.folders]
    try:
        return load_mapping(province.mapping_name, kind=kind, folders=folders, overlay=province.overlay), ""
    except MappingError as error:
        return None, str(error)


def _as_dict(taken: Sample, diff: FieldDiff, why: str) -> dict[str, Any]:
    profile = taken.profile
    return {
        "records": profile.records,
        "total": taken.total,
        "fields": [
            {
                "path": seen.path,
                "types": dict(seen.types.most_common()),
                "filled": seen.records,
                "present": seen.present,
                "distinct": len(seen.values),
                "more": seen.more,
                "examples": seen.examples(),
                "feeds": diff.feeds(seen.path),
            }
            for seen in profile.shown()
        ],
        "read_but_missing": diff.missing,
        "there_but_unread": diff.unread,
        "mapping": why or "read",
    }


def _screen(taken: Sample, diff: FieldDiff, why: str) -> Group:
    profile = taken.profile
    of = f" of {taken.total:,}" if taken.total is not None else ""
    title = f"{taken.stream}: {profile.records:,} records{of}, {len(profile.shown())} fields"
    if not profile.records:
        return Group(f"\n[bold]{title}[/bold]", "  No record in this stretch of time; --since reaches further back.")
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", expand=True)
    longest = max(len(seen.path) for seen in profile.shown())
    table.add_column("field", overflow="fold", width=min(longest, out.width * 3 // 8))
    table.add_column("type", overflow="fold", max_width=12)
    table.add_column("filled", justify="right", no_wrap=True)
    table.add_column("values", justify="right", no_wrap=True)
    table.add_column("examples, masked", overflow="ellipsis", no_wrap=True, ratio=1)
    unread = set(diff.unread)
    for seen in profile.shown():
        share = f"{100 * seen.records // profile.records} %"
        kinds = "\n".join(kind.removeprefix("time ") for kind, _ in seen.types.most_common(2)) or "empty"
        examples = escape(" · ".join(seen.examples()))
        style = "dim" if seen.path in unread else None
        table.add_row(escape(seen.path), kinds, share, seen.distinct if seen.values else "", examples, style=style)
    lines: list[Any] = ["", table]
    if why:
        lines.append(f"  [yellow]No mapping to compare with: {escape(why)}[/yellow]")
    if diff.missing:
        lines.append(f"  [yellow]Read, but in none of these records ({len(diff.missing)}):[/yellow]")
        lines += [f"    {escape(path)} → {', '.join(diff.read[path])}" for path in diff.missing]
    if diff.unread and not why:
        lines.append(f"  There, but read by nothing ({len(diff.unread)}, dim above):")
        lines.append(Padding(escape(", ".join(diff.unread)), (0, 0, 0, 4), style="dim"))
    if profile.cut:
        lines.append("  More fields came than are shown: the records are not all of one kind.")
    return Group(*lines)


def _wsdl_dict(promised: Contract | None) -> dict[str, Any] | None:
    if promised is None:
        return None
    described = promised.described
    return {
        "served": promised.served,
        "digest": described.digest,
        "operations": {
            name: {"in": given, "out": back, "used_by": promised.used.get(name)}
            for name, (given, back) in described.operations.items()
        },
        "types": dict(described.types),
    }


def _wsdl_screen(promised: Contract) -> Group:
    whose = "as the peer serves it" if promised.served else "as kept; the peer serves none"
    described = promised.described
    lines: list[Any] = [f"\n[bold]WSDL[/bold], {whose}"]
    for name, (given, back) in described.operations.items():
        use = promised.used.get(name)
        mark = f"[green]{use}[/green]" if use else "[dim]not used by the spec[/dim]"
        lines.append(f"  {escape(name)}: {mark}")
        lines += [_line("takes", given), _line("answers", back)]
    carriers = {f"{name}{end}" for name in described.operations for end in ("", "Response")}
    lines += [
        _line(f"type {name}", elements)
        for name, elements in described.types.items()
        if elements and name not in carriers
    ]
    return Group(*lines)


def _line(label: str, elements: tuple[str, ...]) -> Padding:
    return Padding(f"[dim]{escape(label)}: {escape(', '.join(elements) or 'nothing')}[/dim]", (0, 0, 0, 4))
