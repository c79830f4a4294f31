"""The morning page: what moved, what was held and why, what is unknown, whom to call. Plain HTML, readable offline."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Template
from sqlalchemy import Engine, text

from hub.config import Settings, load_province, province_slugs
from hub.context import Hub
from hub.errors import HubError
from hub.gate.docs import data_docs_page
from hub.html import template, write_page
from hub.runs import end_stage, get_run
from hub.status import province_status
from schemas.masking import mask_text
from schemas.personal_fields import masked_finding
from schemas.reasons import explain
from schemas.records import VIET_NAM
from schemas.wording import nghia, value_for_people

HELD_ITEMS = """
SELECT item_id, kind, stage, dossier_code, reason, findings, mapped, changed_at FROM quarantine
WHERE province = :province AND state = 'held' ORDER BY reason, changed_at, item_id LIMIT :limit
"""

DIFFERENCES = """
SELECT d.dossier_code, d.kind, d.field, d.hub, d.national FROM difference d
WHERE d.reconciliation_id = (SELECT max(reconciliation_id) FROM reconciliation WHERE province = :province)
ORDER BY d.kind, d.dossier_code LIMIT :limit
"""

WARNINGS = """
SELECT reason, field, count(*) AS dossiers FROM warning WHERE province = :province AND gone_at IS NULL
GROUP BY reason, field ORDER BY dossiers DESC, reason, field
"""

LISTS = {"held_items": HELD_ITEMS, "differences": DIFFERENCES, "warnings": WARNINGS}
"""What the page lists of a province that was read, be it to a stop."""

SHOWN = 200
"""Held items and differences that the page lists for a province; the counts above them are complete."""


STATES = {"running": "đang chạy", "failed": "lỗi", "done": "xong"}
"""States of a run in Vietnamese."""


def finish(hub: Hub, run_id: int) -> str | None:
    """End the run and write the page anew. Returns its path; None for a dry run, which leaves no page."""
    run = get_run(hub.engine, run_id)
    with hub.engine.begin() as connection:
        end_stage(connection, run_id, "done", {})
    return None if run.dry_run else str(write_report(hub.engine, hub.settings, hub.clock()))


def write_report(engine: Engine, settings: Settings, now: datetime) -> Path:
    """Write `<home>/reports/index.html` for all provinces."""
    return write_page(settings.home / "reports" / "index.html", render(engine, settings, now))


def render(engine: Engine, settings: Settings, now: datetime) -> str:
    """The page as HTML; personal data in values is masked."""
    provinces = [_province(engine, settings, slug) for slug in province_slugs(settings)]
    page = data_docs_page(settings.home)
    data_docs = page.relative_to(settings.home / "reports").as_posix() if page.is_file() else None
    return _template().render(now=now, provinces=provinces, shown=SHOWN, data_docs=data_docs)


@cache
def _template() -> Template:
    return template(
        "report.html.j2",
        time=_time,
        mask=lambda value: mask_text(str(value or "")),
        state=lambda state: STATES.get(state, state),
        told=_told,
        explain=explain,
        number=lambda value: f"{value or 0:,}".replace(",", "."),
    )


def _province(engine: Engine, settings: Settings, slug: str) -> dict[str, Any]:
    """One province's part of the page; a province file that cannot be read says so and costs the others nothing."""
    try:
        place = load_province(settings, slug)
    except HubError as error:
        return {"slug": slug, "name": slug, "broken": str(error)}
    status = province_status(engine, slug)
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in LISTS}
    if status["pulled"] or status["last_run"]:
        with engine.connect() as connection:
            given = {"province": slug, "limit": SHOWN}
            for name, query in LISTS.items():
                lists[name] = [dict(row._mapping) for row in connection.execute(text(query), given)]
    last = status.get("last_run") or {}
    return {
        "slug": slug,
        "name": place.province.name,
        "system": place.system,
        "broken": None,
        **lists,
        "batch_warnings": (last.get("counts") or {}).get("batch_warnings") or {},
        **status,
    }


def _told(item: dict[str, Any]) -> str:
    """Value and detail of a held item's first finding, masked."""
    found = masked_finding(item["findings"][0], item["mapped"])
    shown = value_for_people(found["field"], str(found.get("value") or "")), nghia(str(found.get("detail") or ""))
    return " · ".join(filter(None, shown))


def _time(value: datetime | str | None) -> str:
    """dd/MM/yyyy HH:mm in Viet Nam."""
    if not value:
        return "–"
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(VIET_NAM).strftime("%d/%m/%Y %H:%M")
