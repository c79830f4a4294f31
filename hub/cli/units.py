"""`lienthong units resolve | show | list | import`."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich import box
from rich.table import Table

from hub.cli.output import NO, Json, out, print_json, say_long
from hub.cli.sync import parse_time
from hub.config import BASE, Settings
from hub.errors import ConfigurationError
from mappings.editions import counts, import_edition
from mappings.resolving import WHY, Resolution, resolve, unit_dict
from mappings.units import REFORM, Unit, Units, units
from schemas.records import VIET_NAM

app = typer.Typer(help="Administrative units: what a code means on a day, and their editions.", no_args_is_help=True)

Code = Annotated[str, typer.Argument(help="2 digits a province, 3 an abolished district, 5 a commune.")]

_SAID = {
    "names_one": "the address names one of them",
    "names_none": "the address names no commune",
    "names_old_unit": "the address gives only names from before the reform",
    "names_old_and_new": "the address gives a name that an old commune and a new one share",
    "names_several": "the address names several of them",
    "names_another": "the address names a commune that is none of them: code and address speak of two places",
}


@app.command("resolve")
def resolve_command(
    code: Code,
    on: Annotated[str | None, typer.Option(help="The day of the dossier: dd/MM/yyyy or ISO. Needed.")] = None,
    address: Annotated[str | None, typer.Option(help="The address beside the code; it is compared here only.")] = None,
    era: Annotated[
        Literal["old", "new"] | None, typer.Option(help="Which list the sender's codes are of, where that is known.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The unit in force on a day that a code means, or the candidates and why it is not decided (exit code 1).

    Codes are reused, so a code without a day is refused. A split commune is never guessed.
    """
    found = resolve(code, _day(on), address, era=era, among=_units())
    if as_json:
        print_json(found.as_dict())
    else:
        _say(found)
    raise typer.Exit(0 if found.unit else NO)


def _day(on: str | None) -> date:
    moment = parse_time(on, "--on")
    if moment is None:
        raise ConfigurationError(
            "a code without a day means nothing: 3,316 of the 3,321 communes have a code that was another area's",
            where="--on",
            next_step="Give the day on which the dossier was received: --on 30/06/2026.",
        )
    return moment.astimezone(VIET_NAM).date()


def _say(found: Resolution) -> None:
    unit = found.unit
    if unit:
        since = f", since {_shown(unit.valid_from)}" if unit.valid_from and unit.valid_from > REFORM else ""
        out.print(f"{unit.code} {unit.name}, province {unit.province or unit.code}{since}", highlight=False)
    else:
        why = WHY[found.reason or ""]
        say_long(f"{found.code} on {_shown(found.on)} is not decided: {why}.")
    if found.way:
        out.print(f"  by: {', '.join(found.way)}", highlight=False)
    if found.old:
        out.print(f"  formerly: {found.old.code} {found.old.name}", highlight=False)
    if found.evidence:
        out.print(f"  {_SAID[found.evidence]}", highlight=False)
    if found.candidates:
        rows = [
            [one.unit.code, one.unit.name, one.split_part or one.kind, one.official_note] for one in found.candidates
        ]
        out.print(_table(["code", "candidate", "took", "official note"], rows))


@app.command("show")
def show(code: Code, as_json: Json = False) -> None:
    """Every unit that had a code, with its days; what became of it, and which units became it."""
    edition = _units()
    rows = edition.rows(code)
    went = edition.successors.get(code, ())
    came = [
        (old, one) for old, successors in edition.successors.items() for one in successors if one.code == code
    ]  # fmt: skip
    if as_json:
        print_json(
            {
                "code": code,
                "units": [unit_dict(unit) for unit in rows],
                "became": [_step(edition, code, one.code, one) for one in went],
                "came_from": [_step(edition, old, code, one) for old, one in came],
            }
        )
    elif rows:
        out.print(_table(["from", "until", "name", "established by"], [_row(unit) for unit in rows]))
        _say_steps("became", [(edition.unit(one.code, one.day), one) for one in went])
        _say_steps("came from", [(edition.rows(old)[0] if edition.rows(old) else None, one) for old, one in came])
    else:
        out.print(f"No unit ever had the code {code}.", markup=False, highlight=False)
    raise typer.Exit(0 if rows else NO)


def _step(edition: Units, old: str, new: str, one: Any) -> dict[str, Any]:
    before, after = edition.rows(old), edition.unit(new, one.day)
    return {
        "day": one.day,
        "old": unit_dict(before[0] if before else None),
        "new": unit_dict(after),
        "kind": one.kind,
        "split_part": one.split_part,
        "official_note": one.official_note,
    }


def _say_steps(title: str, steps: list[tuple[Unit | None, Any]]) -> None:
    if steps:
        rows = [
            [_shown(one.day), unit.code if unit else "", unit.name if unit else "", one.split_part or one.kind]
            for unit, one in steps
        ]
        out.print(_table(["on", title, "", "how"], rows))


@app.command("list")
def list_command(
    province: Annotated[str | None, typer.Option(help="The communes of this province (2 digits) on a day.")] = None,
    on: Annotated[str | None, typer.Option(help="That day; without it today.")] = None,
    as_json: Json = False,
) -> None:
    """The editions with their days, counts and sources, or with --province the units of a province on a day."""
    edition = _units()
    if province:
        day = _day(on) if on else datetime.now(UTC).astimezone(VIET_NAM).date()
        found = [unit for unit in edition.of_level("commune", day) if unit.province == province]
        if as_json:
            print_json({"province": province, "on": day, "units": [unit_dict(unit) for unit in found]})
        else:
            out.print(_table(["from", "until", "name", "established by", "code"], [[*_row(u), u.code] for u in found]))
        raise typer.Exit(0 if found else NO)
    if as_json:
        print_json({"editions": [{**one.model_dump(), "found": counts(edition, one.day)} for one in edition.editions]})
        return
    rows = []
    for one in edition.editions:
        n = counts(edition, one.day)
        rows.append(
            [_shown(one.day), one.edition, *(f"{n[k]:,}" for k in ("provinces", "communes", "wards")), one.what]
        )
    out.print(_table(["from", "edition", "provinces", "communes", "wards", "what"], rows))


@app.command("import")
def import_command(
    folder: Annotated[Path, typer.Argument(help="An edition's folder, or its edition.yaml.")], as_json: Json = False
) -> None:
    """Take a later edition (edition.yaml, units.csv, crosswalk.csv) into `units/` of the folder of LIENTHONG_CONFIG.

    It is counted with everything that is there. One that breaks a count, or has overlapping days, a commune without a
    province or a successor that does not exist, is refused and nothing is written.
    """
    settings = Settings.from_environment()
    if settings.folders[0] == BASE:
        raise ConfigurationError(
            "an edition is kept in one's own configuration folder, and there is none",
            where="LIENTHONG_CONFIG",
            next_step="Name the folder: export LIENTHONG_CONFIG=~/lienthong-config",
        )
    if not folder.exists():
        raise ConfigurationError(f"there is no {folder}", where="command line", next_step="Name an edition's folder.")
    edition = import_edition(folder, settings.folders[0] / "units")
    if as_json:
        print_json({**edition.model_dump(), "folder": str(settings.folders[0] / "units" / edition.edition)})
    else:
        out.print(f"{edition.edition} holds from {_shown(edition.day)}: {edition.what}", highlight=False, markup=False)


def _units() -> Units:
    return units(Settings.from_environment().folders)


def _shown(day: date | None) -> str:
    return day.strftime("%d/%m/%Y") if day else ""


def _row(unit: Unit) -> list[str]:
    return [_shown(unit.valid_from), _shown(unit.valid_to), unit.name, unit.established_by or ""]


def _table(columns: list[str], rows: list[list[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name)
    for row in rows:
        table.add_row(*row)
    return table
