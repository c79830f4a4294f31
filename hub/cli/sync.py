"""`lienthong sync | reconcile | status`."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from hub.cli.output import NO, Json, local_time, out, print_json, progress_bars
from hub.config import Settings, load_province, province_slugs
from hub.context import Hub, open_hub
from hub.errors import ConfigurationError
from hub.status import province_status
from hub.store import database_url, engine_of, upgrade
from schemas.records import VIET_NAM

Slug = Annotated[str, typer.Argument(help="Province: the name of its file in provinces/, such as lao_cai.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    for command in (sync, reconcile, status):
        app.command()(command)


def ready_hub(slug: str, **passed_in: Any) -> Hub:
    """The hub for a province, its tables brought up to date."""
    hub = open_hub(slug, **passed_in)
    upgrade(hub.engine)
    return hub


def parse_time(text: str | None, option: str) -> datetime | None:
    """An ISO or dd/MM/yyyy [HH:mm[:ss]] time; without a zone it is Viet Nam's.

    Raises:
        ConfigurationError: neither form, or a year in which no dossier can have changed.
    """
    moment = _moment(text, option) if text is not None else None
    if moment is not None and not 1990 <= moment.year <= 2100:
        raise ConfigurationError(
            f"the year {moment.year:04} cannot be meant", where=option, next_step="Write a year from 1990 to 2100."
        )
    return moment


def _moment(text: str, option: str) -> datetime:
    for form in ("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=VIET_NAM)
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"'{text}' is not a time",
            where=option,
            next_step="Write 2026-06-30, 2026-06-30T18:00 or 30/06/2026 18:00; without a zone it is Viet Nam's time.",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=VIET_NAM)


def in_order(start: datetime | None, end: datetime | None) -> None:
    """Refuse a window that ends before it starts, also where its end is now."""
    if start and start > (end or datetime.now(UTC)):
        if end:
            raise ConfigurationError(
                "the window ends before it starts", where="--since, --until", next_step="Swap them."
            )
        raise ConfigurationError(
            "the window starts after now", where="--since", next_step="Give an earlier start, or an --until behind it."
        )


def sync(
    province: Slug,
    since: Annotated[str | None, typer.Option(help="Start of a fixed window (change time at the source).")] = None,
    until: Annotated[str | None, typer.Option(help="End of the window; without it: now.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, map and check; merge and send nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Sync one province into the national database: pull, check, merge, push, reconcile, report.

    Running any window twice is harmless. A run that failed is resumed at the page where it stopped.
    """
    from hub.sync import sync as run_sync

    start, end = parse_time(since, "--since"), parse_time(until, "--until")
    in_order(start, end)
    with progress_bars(quiet=as_json) as progress:
        result = run_sync(ready_hub(province, progress=progress), since=start, until=end, dry_run=dry_run)
    if as_json:
        print_json({"province": province, "dry_run": dry_run, **result})
        return
    out.print(run_lines(province, result, dry_run=dry_run), highlight=False)


def run_lines(province: str, result: dict[str, Any], *, dry_run: bool) -> str:
    """What a run did, in a few lines."""
    window = f"{local_time(result.get('since')) or 'the beginning'} to {local_time(result.get('until'))}"
    pulled = f"{result.get('pulled', 0):,} pulled, {result.get('unchanged', 0):,} unchanged"
    held = ", ".join(f"{reason} {count:,}" for reason, count in result.get("held_by_reason", {}).items())
    lines = [f"{province} · run {result['run_id']} · {window}", f"  {pulled}, {result.get('held', 0):,} held"]
    if held:
        lines.append(f"  held by reason: {held}")
    if dry_run:
        lines.append(f"  {result.get('merged', 0):,} would be merged and sent; nothing was written or sent")
    else:
        lines.append(
            f"  {result.get('merged', 0):,} merged, {result.get('delivered', 0):,} delivered, "
            f"{result.get('steps_delivered', 0):,} steps delivered, {result.get('refused', 0):,} refused, "
            f"{result.get('unknown', 0):,} unknown"
        )
        lines.append(f"  reconciled {result.get('reconciled', 0):,} of {result.get('compared', 0):,}")
        lines.append(f"  report: {result['report']}")
    return "\n".join(lines)


def reconcile(province: Slug, as_json: Json = False) -> None:
    """Compare every delivered dossier with the national side: key, status, field, steps. Exit code 1: they differ."""
    from hub.reconcile import reconcile as run_reconcile

    with progress_bars(quiet=as_json) as progress:
        hub = ready_hub(province, progress=progress)
        found = run_reconcile(hub)
    agrees = found["compared"] == found["equal"]
    if as_json:
        print_json({"province": province, "agrees": agrees, **found})
    else:
        out.print(f"{province}: {found['equal']:,} of {found['compared']:,} dossiers are equal on both sides.")
        for title, counts in (("kind", found["by_kind"]), ("field", found["by_field"])):
            for name, count in counts.items():
                out.print(f"  by {title}: {name} {count:,}")
    raise typer.Exit(0 if agrees else NO)


def status(
    province: Annotated[str | None, typer.Argument(help="One province; without it all.")] = None, as_json: Json = False
) -> None:
    """Where each province stands, in distinct dossier codes."""
    settings = Settings.from_environment()
    slugs = [load_province(settings, province).slug] if province else province_slugs(settings)
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    found = {slug: province_status(engine, slug) for slug in slugs}
    if as_json:
        print_json({"provinces": found})
        return
    print_status(settings, found)
    for slug, one in found.items():
        if ended := one["closed"]:
            out.print(f"{slug}: closed since {local_time(ended['on'])}; its dossiers are {ended['successor']}'s.")
        run = one["last_run"]
        if run and run["state"] != "done":
            goes_on = "; the next sync goes on there" if run["state"] == "interrupted" else ""
            out.print(
                f"{slug}: run {run['run_id']}: {run['state']} after stage '{run['stage']}'{goes_on}.", style="yellow"
            )
            if run["error"]:
                out.print(f"  {run['error']}", style="yellow", markup=False, highlight=False)


MEASURES = {
    "pulled": "pulled",
    "unchanged": "unchanged",
    "held": "held",
    "merged": "merged",
    "delivered": "delivered",
    "steps_delivered": "progress steps delivered",
    "waiting": "waiting to be sent",
    "unknown": "unknown",
    "reconciled": "reconciled",
}
"""Rows of the status table: key of `status --json` -> words."""

NAMES, COLUMN = 32, 15
"""Characters of the measures' column, and of a province's."""


def print_status(settings: Settings, found: dict[str, dict[str, Any]], *, abreast: int | None = None) -> None:
    """A column for each province, a row for each measure; under `held` a row for each reason.

    So many provinces stand `abreast` as the screen is wide, unless that is given.
    """
    slugs = list(found)
    fit = abreast or max(1, (out.width - NAMES) // COLUMN)
    screen = Console(width=max(out.width, NAMES + COLUMN * fit))
    for start in range(0, len(slugs), fit):
        screen.print(_status_table(settings, {slug: found[slug] for slug in slugs[start : start + fit]}))


def _status_table(settings: Settings, found: dict[str, dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("dossiers", no_wrap=True)
    for slug in found:
        table.add_column(f"{load_province(settings, slug).province.name}\n[dim]{slug}[/dim]", justify="right")
    for key, words in MEASURES.items():
        table.add_row(words, *(f"{one[key]:,}" for one in found.values()), style="bold" if key == "delivered" else None)
        if key == "held":
            for reason in sorted({reason for one in found.values() for reason in one["held_by_reason"]}):
                counts = (one["held_by_reason"].get(reason, 0) for one in found.values())
                table.add_row(f"  {reason}", *(f"{count:,}" if count else "–" for count in counts), style="dim")
    return table
