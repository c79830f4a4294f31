"""`lienthong province new` and `lienthong specs`: from a vendor's spec to a province's file."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from connectors import Spec, load_spec
from hub.cli.output import Json, out, print_json
from hub.config import Settings, province_slugs
from hub.connections import peer
from hub.context import spec_path
from hub.errors import ConfigurationError
from hub.onboarding.new_province import (
    NewProvince,
    connection_line,
    default_connection,
    next_schedule,
    province_path,
    write_province,
)
from hub.onboarding.proposals import propose
from hub.onboarding.specs import SpecLine, spec_lines
from mappings import CodeLists
from mappings.units import units

WORDS = {
    "name": "Name of the province",
    "code": "Its code in the units in force",
    "agency": "Its agency code (Hnn)",
    "url": "Address of the system (empty: the connection says it)",
    "connection": "Airflow Connection",
    "schedule": 'Schedule (cron, Viet Nam\'s time; "none": only by hand)',
}
"""What a terminal is asked, in this order."""

app = typer.Typer(help="Provinces: write a new one's file.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add these commands to the app."""
    root.add_typer(app, name="province")
    root.command()(specs)


@app.callback()
def _group() -> None:
    """Provinces: write a new one's file."""


@app.command("new")
def new(
    slug: Annotated[str, typer.Argument(help="Name of the file: small letters without marks, such as thanh_hoa.")],
    spec: Annotated[
        str | None, typer.Option(help="Connector spec of the province's system; see lienthong specs.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The province's name; proposed from the slug.")] = None,
    code: Annotated[str | None, typer.Option(help="Its code in the units in force; proposed from the name.")] = None,
    agency: Annotated[str | None, typer.Option(help="Its agency code, such as H38; proposed from the name.")] = None,
    url: Annotated[str | None, typer.Option(help="Address of the system; without it the connection says it.")] = None,
    connection: Annotated[str | None, typer.Option(help="Airflow Connection; proposed: vendor and slug.")] = None,
    schedule: Annotated[str | None, typer.Option(help='Cron in Viet Nam\'s time, or "none": only by hand.')] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write provinces/<slug>.yaml into the folder that LIENTHONG_CONFIG names, and say which connection to create.

    Asks for what is missing when it is run in a terminal; otherwise takes the proposals of the shipped lists.
    """
    settings = Settings.from_environment()
    province_path(settings, slug)
    asks = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
    system = spec or _ask_spec(settings, asks=asks)
    found = load_spec(spec_path(settings, system))
    if "dossiers" not in found.streams:
        raise ConfigurationError(
            f"the spec '{system}' describes no system whose dossiers are pulled",
            where="--spec",
            next_step=f"One of: {', '.join(_choices(settings))}.",
        )
    lists = CodeLists.load([folder / "mappings" for folder in settings.folders])
    today = datetime.now(UTC).date()
    among = units(settings.folders)
    known = propose(name or slug, lists, today, among) or propose(slug, lists, today, among)
    taken = len(province_slugs(Settings(settings.home, settings.folders[:1])))
    proposed = {
        "name": known.name if known else None,
        "code": known.code if known else None,
        "agency": known.agency if known else None,
        "url": "",
        "connection": default_connection(system, slug),
        "schedule": next_schedule(taken),
    }
    given = {
        "name": name, "code": code, "agency": agency, "url": url, "connection": connection, "schedule": schedule
    }  # fmt: skip
    values = {key: _value(key, given[key], proposed[key], slug, asks=asks) for key in WORDS}
    by_hand = values["schedule"].casefold() in ("none", "null", "")
    wanted = NewProvince(
        slug,
        values["name"],
        values["code"],
        values["agency"],
        system,
        values["connection"],
        values["url"] or None,
        None if by_hand else values["schedule"],
    )
    path = write_province(settings, wanted, found, force=force)
    line, may = connection_line(wanted.connection, wanted.url, found)
    if as_json:
        print_json(
            {
                "province": slug,
                "file": str(path),
                "code": wanted.code,
                "name": wanted.name,
                "agency": wanted.agency,
                "system": system,
                "connection": wanted.connection,
                "environment": line,
                "optional": may,
            }
        )
        return
    _show(wanted, path.as_posix(), found, line, may)


def _ask_spec(settings: Settings, *, asks: bool) -> str:
    names = _choices(settings)
    if not asks:
        raise ConfigurationError(
            "--spec is missing", where="province new", next_step=f"One of: {', '.join(names)}. See lienthong specs."
        )
    out.print(_table(spec_lines(settings)))
    return str(typer.prompt("Which spec", default=names[0] if len(names) == 1 else None))


def _choices(settings: Settings) -> list[str]:
    return [line.name for line in spec_lines(settings) if line.is_pulled]


def _value(key: str, given: str | None, proposal: str | None, slug: str, *, asks: bool) -> str:
    """A value as given, else as asked with the proposal, else the proposal; raises for what nobody knows."""
    if given is not None:
        return given
    if asks:
        return str(typer.prompt(WORDS[key], default=proposal, show_default=bool(proposal)))
    if proposal is None:
        raise ConfigurationError(
            f"--{key} is missing, and the shipped lists do not know it for '{slug}'",
            where="province new",
            next_step="Give --name (a province in force), or --name, --code and --agency.",
        )
    return proposal


def _show(wanted: NewProvince, path: str, spec: Spec, line: str, may: list[str]) -> None:
    out.print(f"[green]✓[/green] {escape(path)}", highlight=False, soft_wrap=True)
    out.print(
        f"  {wanted.name} · code {wanted.code} · agency {wanted.agency} · {escape(spec.title or spec.system)}",
        highlight=False,
    )
    if _known(wanted.connection):
        out.print(f"\nThe connection [bold]{wanted.connection}[/bold] is known already.", highlight=False)
    else:
        out.print(
            f"\nCreate the connection [bold]{wanted.connection}[/bold] in Airflow, or set it here:", highlight=False
        )
        out.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
        for words in may:
            out.print(f"  {words}", style="dim", markup=False, highlight=False)
    out.print("\nThen, in this order:")
    for command, does in (
        ("check", "address, account, each operation"),
        ("discover", "what its records hold"),
        ("conform", "whether it behaves as the spec says"),
    ):
        out.print(f"  {f'lienthong {command} {wanted.slug}':<34} [dim]{does}[/dim]", highlight=False)


def _known(connection: str) -> bool:
    """Whether the environment or the sandbox has the account already."""
    try:
        peer(connection, Settings.from_environment().home)
    except ConfigurationError:
        return False
    return True


def specs(as_json: Json = False) -> None:
    """The connector specs one can choose from: title, transport, auth, streams, and how sure their facts are."""
    lines = spec_lines(Settings.from_environment())
    if as_json:
        print_json({"specs": [_spec_dict(line) for line in lines]})
        return
    out.print(_table(lines))
    for line in lines:
        if line.problem:
            out.print(f"{line.name}: {line.problem}", style="red", markup=False, highlight=False)
    out.print(
        "[dim]seen: in public code or documents · style: a realistic shape, correct it from the vendor's own[/dim]"
    )


def _spec_dict(line: SpecLine) -> dict[str, object]:
    spec = line.spec
    return {
        "name": line.name,
        "title": spec.title if spec else "",
        "transport": spec.transport if spec else None,
        "auth": spec.auth.kind if spec else None,
        "streams": list(spec.streams) if spec else [],
        "operations": list(spec.operations) if spec else [],
        "marks": line.marks,
        "own": line.own,
        "file": str(line.path),
        "problem": line.problem,
    }


def _table(lines: list[SpecLine]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("spec", no_wrap=True)
    for heading in ("system", "transport", "auth", "streams", "facts"):
        table.add_column(heading, overflow="fold")
    for line in lines:
        spec = line.spec
        name = f"[bold]{line.name}[/bold]" if line.is_pulled else line.name
        if spec is None:
            table.add_row(name, "[red]cannot be read[/red]")
            continue
        streams = "\n".join(spec.streams) or "none: pushed to"
        marks = ", ".join(line.marks) + (" (yours)" if line.own else "")
        table.add_row(name, escape(spec.title), spec.transport, spec.auth.kind, streams, marks)
    return table
