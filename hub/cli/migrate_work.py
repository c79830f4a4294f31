"""`lienthong migrate work | decide`: what no rule decides, and what a person decides about it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from hub import audit
from hub.cli.migrating import Opened, PlanSlug, open_plan
from hub.cli.output import Json, out, print_json, progress_bars, say_long
from hub.errors import ConfigurationError
from hub.migration.attempt import Migrating, must_be_current
from schemas.records import VIET_NAM

Source = Annotated[str | None, typer.Option(help="Only this source of the plan.")]
Field = Annotated[str | None, typer.Option(help="Only this field: commune, province, agency_code or dossier_code.")]
Code = Annotated[str | None, typer.Option(help="Only this code, with its single dossiers.")]
_CANDIDATES = 4
"""Candidates that a line of the screen names."""
_WORDS = {"communes": "communes", "agencies": "agencies", "collisions": "dossier codes"}


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("work")(work)
    app.command("decide")(decide)


def work(
    slug: PlanSlug,
    source: Source = None,
    field: Field = None,
    code: Code = None,
    limit: Annotated[int, typer.Option(min=0, help="Single dossiers at most, with --code.")] = 20,
    to: Annotated[Path | None, typer.Option(help="Write every dossier that fits to this .csv or .xlsx file.")] = None,
    as_json: Json = False,
) -> None:
    """What waits for a person: undecided communes, agencies and dossier codes, with what they may become.

    Addresses are shown without what is about a person.
    """
    from hub.migration.deciding import undecided

    opened = open_plan(slug)
    attempt = must_be_current(opened.engine, slug)
    m = _migrating(opened, attempt.migration_id)
    chosen = {"source": source, "field": field, "code": code}
    if to is not None:
        count = _export(m, opened.engine, to, chosen)
        if as_json:
            print_json({"plan": slug, "file": str(to), "lines": count})
        else:
            say_long(f"{count:,} dossiers in {to}")
        return
    found = undecided.groups(m, attempt, **chosen)
    single = undecided.records(m, attempt, **chosen, limit=limit) if code else []
    counts = undecided.undecided_counts(opened.engine, attempt.migration_id)
    if as_json:
        print_json({"plan": slug, "migration_id": attempt.migration_id, "counts": counts, "groups": found,
                    "records": single})  # fmt: skip
        return
    if not found:
        out.print("Nothing waits for a person." if not any(chosen.values()) else "Nothing that waits fits.")
        return
    told = ", ".join(f"{one['dossiers']:,} for {one['codes']:,} {_WORDS[name]}" for name, one in counts.items())
    out.print(f"[bold]{opened.plan.title}[/bold] · dossiers that wait: {told}", highlight=False)
    out.print(_groups(found, candidates=_CANDIDATES if not code else len(found[0]["candidates"])))
    for one in single:
        _say_record(one)
    first = next((one for one in found if one["candidates"]), found[0])
    new = first["candidates"][0]["code"] if first["candidates"] else "NEW"
    say_long(
        f"Decide: lienthong migrate decide {slug} --source {first['source']} --field {first['field']}"
        f" --code '{first['code']}' --as '{new}' --by NAME --why WHY"
    )


def decide(
    slug: PlanSlug,
    why: Annotated[str, typer.Option(help="The reason, kept with the name.")],
    source: Annotated[str, typer.Option(help="The source of the plan in which the code stands.")] = "",
    code: Annotated[str, typer.Option(help="The code as it stands there.")] = "",
    new: Annotated[str, typer.Option("--as", help="What it becomes: one of the candidates of `migrate work`.")] = "",
    field: Annotated[str, typer.Option(help="commune, province, agency_code or dossier_code.")] = "commune",
    record: Annotated[
        str, typer.Option(help="Only of the record with this key; without it of all that nothing else decides.")
    ] = "",
    file: Annotated[
        Path | None, typer.Option("--from", help="The file of `migrate work --to`, filled in: each line is decided.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who decides; without it LIENTHONG_USER.")] = None,
    as_json: Json = False,
) -> None:
    """Decide what a code becomes, and map again what waits for it. It holds for every attempt at the plan."""
    from hub.migration.deciding.decisions import Decision, field_of
    from hub.migration.deciding.decisions import decide as settle
    from hub.migration.deciding.filled import decide_filled

    who, why = audit.person(by), " ".join(why.split())
    _one_or_the_other(file, source, code, new)
    opened = open_plan(slug)
    with progress_bars(quiet=as_json) as progress:
        m = _migrating(opened, None, progress=progress)
        if file is not None:
            became = decide_filled(m, file, who, why)
            told, words = (
                {"file": str(file)},
                f"{became['decided']:,} decisions taken, {became['blank']:,} lines blank.",
            )
        else:
            one = Decision(source, field_of(field), code.strip(), new.strip(), who, why, record.strip())
            became = settle(m, one)
            told = {"source": source, "field": field, "code": one.code, "record": one.record, "decided": one.decided}
            again = f", before {became['before']}" if became["before"] not in (None, one.decided) else ""
            words = f"{one.words}{again}."
    if as_json:
        print_json({"plan": slug, **told, "by": who, **became})
        return
    say_long(words)
    _say_became(became)
    if became["free"]:
        say_long(_go_on(opened))


def _one_or_the_other(file: Path | None, source: str, code: str, new: str) -> None:
    """Raises ConfigurationError unless either a file or one whole decision is given."""
    given = [bool(source), bool(code), bool(new)]
    if any(given) if file is not None else not all(given):
        raise ConfigurationError(
            "a decision is one code (--source, --code, --as) or a file (--from)",
            where="command line",
            next_step="Give all three, or the file alone.",
        )


def _say_became(became: dict[str, Any]) -> None:
    were = "dossier was" if became["mapped"] == 1 else "dossiers were"
    say_long(
        f"{became['mapped']:,} {were} mapped again: {became['free']:,} go to the target, {became['held']:,} wait"
        f" still, {became['out_of_scope']:,} are out of scope."
    )


def _go_on(opened: Opened) -> str:
    """How what a decision freed comes to the target."""
    slug, attempt = opened.plan.slug, must_be_current(opened.engine, opened.plan.slug)
    if attempt.kind == "rehearsal":
        return f"The next rehearsal loads them: lienthong migrate rehearse {slug}"
    if attempt.state in ("frozen", "proved"):
        return (
            f"The cutover is {attempt.state}. Proved and refused (lienthong migrate refuse {slug}), it follows its"
            f" sources again, and lienthong migrate run {slug} loads them."
        )
    return f"They go on with: lienthong migrate run {slug}"


def _migrating(opened: Opened, attempt_id: int | None, **passed: Any) -> Migrating:
    """What the stages take; without a number it is the newest attempt's, or that of none."""
    from hub.migration.attempt import current

    if attempt_id is None:
        attempt = current(opened.engine, opened.plan.slug)
        attempt_id = attempt.migration_id if attempt else 0
    return Migrating(opened.plan, opened.settings, opened.engine, attempt_id, **passed)


def _export(m: Migrating, engine: Engine, path: Path, chosen: dict[str, str | None]) -> int:
    from hub.migration.deciding.undecided import SHEET, lines
    from hub.tabular import write_table

    with engine.connect() as connection:
        return write_table(SHEET, lines(m, connection, m.attempt, **chosen), path)


def _groups(found: list[dict[str, Any]], *, candidates: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("source", "field", "code"):
        table.add_column(name, overflow="fold")
    for name in ("dossiers", "open"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("may become", overflow="fold", min_width=30)
    before = None
    for one in found:
        named = [f"{each['code']} {each['name']}" for each in one["candidates"]]
        more = len(named) - candidates
        words = "\n".join(named[:candidates]) + (f"\n… {more} more" if more > 0 else "")
        where = one["source"] if one["source"] != before else ""
        before = one["source"]
        table.add_row(
            where,
            one["field"],
            Text(one["code"] or ""),
            f"{one['dossiers']:,}",
            f"{one['in_progress']:,}",
            Text(words or one["why"] or one["reason"]),
        )
    return table


def _say_record(one: dict[str, Any]) -> None:
    received: datetime | None = one["received_at"]
    day = received.astimezone(VIET_NAM).strftime("%d/%m/%Y") if received else "no day"
    where = f"{one['dossier_code'] or ''} · record {one['source_key']} · received {day}"
    out.print(where + ("" if one["finished"] else " · open"), markup=False, highlight=False)
    about = " · ".join(filter(None, (one["address"], one["procedure_code"], one["agency_name"])))
    out.print(f"  {about}", style="dim", markup=False, highlight=False)
