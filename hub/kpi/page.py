"""The indicators as a page for a province's leaders: plain HTML in the reports folder, readable offline."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path

from jinja2 import Template

from hub import html
from hub.config import Settings
from hub.kpi.measuring import Kpi
from hub.kpi.model import INDICATORS, Figure, Name
from hub.kpi.reasons import OUTSIDE, why
from schemas.masking import mask_text
from schemas.records import VIET_NAM

FIRST = 50
"""Dossiers of each indicator that the page shows; the export has every one."""


def page_path(settings: Settings, kpi: Kpi) -> Path:
    """`<home>/reports/kpi-<province>[-<month>].html`."""
    return settings.home / "reports" / f"kpi-{kpi.province}{f'-{kpi.month}' if kpi.month else ''}.html"


def write_page(settings: Settings, kpi: Kpi, name: str) -> Path:
    """Write the page of one province and period, whole or not at all."""
    return html.write_page(page_path(settings, kpi), render(kpi, name))


def render(kpi: Kpi, name: str) -> str:
    """The page as HTML; `name` is the province's."""
    against: Sequence[tuple[Name, Figure]] = [(key, one) for key, one in kpi.figures.items() if one.not_counting]
    lines = {key: list(kpi.lines(key, FIRST)) for key, _ in against}
    return _template().render(
        kpi=kpi,
        name=name,
        titles=INDICATORS,
        outside=OUTSIDE,
        why=why,
        against=against,
        lines=lines,
        first=FIRST,
        zone=VIET_NAM,
    )


@cache
def _template() -> Template:
    return html.template("kpi.html.j2", number=number, percent=percent, mask=lambda value: mask_text(str(value)))


def number(value: int | None) -> str:
    """Thousands with a point, as in Viet Nam; a dash where it is not known."""
    return "–" if value is None else f"{value:,}".replace(",", ".")


def percent(value: Decimal | None) -> str:
    """Two decimals with a comma, as in Viet Nam.

    >>> percent(Decimal("1065.50"))
    '1.065,50 %'
    """
    if value is None:
        return "chưa rõ"
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,")) + " %"
