"""Readiness: the scorecard that a ministry asks for, per province, from what the hub has seen and what is stated."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine

from hub.config import Settings, load_province, province_slugs
from hub.errors import HubError
from hub.readiness.measures import measures
from hub.readiness.model import MEASURES, VERDICTS, Fact, Measure, Scorecard, Verdict
from hub.readiness.page import write_page
from hub.store import database_url, engine_of, upgrade

__all__ = [
    "MEASURES",
    "VERDICTS",
    "Fact",
    "Measure",
    "Scorecard",
    "Verdict",
    "scorecards",
    "write_page",
    "write_scorecards",
]


def scorecards(engine: Engine, settings: Settings, slugs: Sequence[str], now: datetime) -> list[Scorecard]:
    """The scorecard of each province; a province file that cannot be read says so and costs the others nothing."""
    found = []
    for slug in slugs:
        try:
            province = load_province(settings, slug)
        except HubError as error:
            found.append(Scorecard(slug, slug, (), str(error)))
        else:
            found.append(Scorecard(slug, province.province.name, measures(engine, province, now)))
    return found


def write_scorecards(settings: Settings | None = None) -> list[Scorecard]:
    """The scorecards of all provinces now, and their page."""
    settings, now = settings or Settings.from_environment(), datetime.now(UTC)
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    cards = scorecards(engine, settings, province_slugs(settings), now)
    write_page(settings, cards, now)
    return cards
