"""The scorecard as a page: plain HTML in the reports folder, readable offline, in Vietnamese and English."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from hub.config import Settings
from hub.readiness.model import MEASURES, VERDICTS, Scorecard
from schemas.masking import mask_text
from schemas.records import VIET_NAM


def write_page(settings: Settings, cards: Sequence[Scorecard], now: datetime) -> Path:
    """Write `<home>/reports/readiness.html`, whole or not at all."""
    folder = settings.home / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "readiness.html"
    fresh = page.with_suffix(".new")
    fresh.write_text(render(cards, now), "utf-8")
    fresh.replace(page)
    return page


def render(cards: Sequence[Scorecard], now: datetime) -> str:
    """The page as HTML."""
    environment = Environment(loader=PackageLoader("hub"), autoescape=True, undefined=StrictUndefined)
    environment.filters["day"] = day
    environment.filters["mask"] = lambda value: mask_text(str(value))
    template = environment.get_template("readiness.html.j2")
    return template.render(cards=cards, titles=MEASURES, verdicts=VERDICTS, now=now.astimezone(VIET_NAM))


def day(value: date | datetime | None) -> str:
    """dd/MM/yyyy in Viet Nam."""
    if value is None:
        return "–"
    return (value.astimezone(VIET_NAM) if isinstance(value, datetime) else value).strftime("%d/%m/%Y")
