"""`lienthong readiness`: the scorecard that a ministry asks for."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from hub.cli.output import Json, out, print_json
from hub.config import Settings, load_province, province_slugs
from hub.errors import ConfigurationError
from hub.readiness import MEASURES, Scorecard, Verdict, scorecards, write_page
from hub.readiness.page import day
from hub.store import database_url, engine_of, upgrade

SIGNS: dict[Verdict, tuple[str, str]] = {
    "ready": ("✓", "green"),
    "not ready": ("✗", "red"),
    "not known": ("?", "yellow"),
}


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("readiness")(readiness_command)


def readiness_command(
    province: Annotated[str | None, typer.Argument(help="One province, each line with its evidence.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All provinces; also without a province.")] = False,
    as_json: Json = False,
) -> None:
    """Print each province's scorecard with evidence and dates, and write reports/readiness.html of all of them.

    No peer is asked: what the hub has seen counts, and what provinces/*.yaml states under `readiness`.
    """
    if province and everyone:
        raise ConfigurationError("one province and --all cannot stand together", where="command line")
    settings = Settings.from_environment()
    slugs = [load_province(settings, province).slug] if province else province_slugs(settings)
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    now = datetime.now(UTC)
    cards = scorecards(engine, settings, slugs, now)
    page = None if province else write_page(settings, cards, now)
    if as_json:
        found = {card.slug: card.as_dict() for card in cards}
        print_json({"at": now.isoformat(), "provinces": found, "page": str(page) if page else None})
        return
    if province:
        _say_one(cards[0])
        return
    _say_all(cards)
    out.print(f" {page}", highlight=False, soft_wrap=True, markup=False)


def _say_all(cards: list[Scorecard]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("province", no_wrap=True)
    for title in MEASURES.values():
        table.add_column(title.short, justify="center", no_wrap=True)
    table.add_column("ready", justify="right", no_wrap=True)
    for card in cards:
        if card.broken:
            table.add_row(card.name, *("–" for _ in MEASURES), Text("file", "red"))
            continue
        signs = (Text(*SIGNS[one.verdict]) for one in card.measures)
        table.add_row(card.name, *signs, f"{card.ready} of {len(card.measures)}")
    out.print(table, highlight=False)
    out.print(" ✓ ready  ✗ not ready  ? not known  · evidence: lienthong readiness PROVINCE", style="dim")
    for card in cards:
        if card.broken:
            out.print(card.broken, style="red", markup=False, highlight=False)


def _say_one(card: Scorecard) -> None:
    out.print(f"[bold]{card.name} · {card.slug}[/bold]  {card.ready} of {len(card.measures)} ready", highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(no_wrap=True, justify="right")
    for one in card.measures:
        sign, style = SIGNS[one.verdict]
        words = Text.assemble((MEASURES[one.name].title, "bold"), f"\n{one.value}")
        for fact in one.evidence:
            words.append(f"\n{fact.fact}", style="dim")
            words.append(f"\n  {fact.source}", style="dim italic")
        table.add_row(Text(f"  {sign}", style), words, day(one.on))
    out.print(table, highlight=False)
