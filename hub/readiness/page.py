"""The scorecard as a page: plain HTML in the reports folder, readable offline, in Vietnamese and English."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path

from jinja2 import Template

from hub import html
from hub.config import Settings
from hub.readiness.model import MEASURES, VERDICTS, Scorecard
from schemas.masking import mask_text
from schemas.records import VIET_NAM


def write_page(settings: Settings, cards: Sequence[Scorecard], now: datetime) -> Path:
    """Write `<home>/reports/readiness.html`, whole or not at all."""
    return html.write_page(settings.home / "reports" / "readiness.html", render(cards, now))


def render(cards: Sequence[Scorecard], now: datetime) -> str:
    """The page as HTML."""
    return _template().render(cards=cards, titles=MEASURES, verdicts=VERDICTS, now=now.astimezone(VIET_NAM))


@cache
def _template() -> Template:
    return html.template("readiness.html.j2", day=day, mask=lambda value: mask_text(str(value)))


def day(value: date | datetime | None) -> str:
    """dd/MM/yyyy in Viet Nam."""
    if value is None:
        return "–"
    return (value.astimezone(VIET_NAM) if isinstance(value, datetime) else value).strftime("%d/%m/%Y")
