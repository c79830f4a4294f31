"""A migration as a page: GO or NO-GO, burn-up, milestones, sources, log. Plain HTML in the reports folder, offline."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Template
from sqlalchemy import Connection, Engine, text

from hub import html
from hub.config import Settings, load_province
from hub.errors import HubError
from hub.migration.attempt import Attempt, current
from hub.migration.cutover.gates import Gate, judge
from hub.migration.cutover.milestones import milestones_of
from hub.migration.plans.plan import Plan, told
from hub.migration.watching.burnup import svg, thinned
from hub.migration.watching.clock import clock_of
from schemas.masking import mask_text
from schemas.reasons import explain

SOURCES = """
SELECT source, count(*) AS read, count(*) FILTER (WHERE state = 'migrated') AS migrated,
       count(*) FILTER (WHERE state = 'held') AS held, count(*) FILTER (WHERE state = 'out_of_scope') AS out_of_scope,
       count(*) FILTER (WHERE state IN ('read', 'loading', 'unknown')) AS waiting
FROM migrated WHERE migration_id = :id GROUP BY source
"""

CHUNKS = """
SELECT source, count(*) AS chunks, count(*) FILTER (WHERE state = 'done') AS chunks_done FROM migration_chunk
WHERE migration_id = :id GROUP BY source
"""

FILES = """
SELECT source, count(*) FILTER (WHERE state = 'migrated') AS files, count(*) AS files_all,
       count(*) FILTER (WHERE state IN ('missing', 'refused')) AS files_missing,
       CAST(coalesce(sum(size) FILTER (WHERE state = 'migrated'), 0) AS bigint) AS bytes
FROM migrated_file WHERE migration_id = :id GROUP BY source
"""

HELD = """
SELECT reason, count(*) AS dossiers FROM migrated WHERE migration_id = :id AND state = 'held'
GROUP BY reason ORDER BY dossiers DESC, reason
"""

ATTEMPTS = """
SELECT m.migration_id, m.kind, m.state, m.started_at, m.ended_at,
       t.read, t.migrated, t.held, p.unaccounted, p.equal, p.digest, p.at AS proved_at
FROM migration m
LEFT JOIN LATERAL (SELECT read, migrated, held FROM migration_tick WHERE migration_id = m.migration_id
                   ORDER BY at DESC LIMIT 1) t ON true
LEFT JOIN LATERAL (SELECT unaccounted, equal, digest, at FROM migration_proof WHERE migration_id = m.migration_id
                   ORDER BY proof_id DESC LIMIT 1) p ON true
WHERE m.plan = :plan ORDER BY m.migration_id DESC LIMIT 10
"""

EVENTS = """
SELECT at, kind, who, text FROM migration_event WHERE plan = :plan ORDER BY event_id DESC LIMIT 40
"""

NO_END = {
    "idle": ("không có bước nào đang chạy", "no step is at work"),
    "stalled": ("đang đứng yên", "nothing moves"),
    "unknown": ("chưa rõ: có hệ thống chưa cho biết số hồ sơ", "a source has not said how much it holds"),
    "unmeasured": ("chưa rõ: chưa đo được tốc độ nạp", "the target's rate is not measured yet"),
}

KINDS = {"rehearsal": "diễn tập", "cutover": "chuyển đổi thật"}

STATES = {
    "planned": "chưa bắt đầu",
    "reading": "đang đọc",
    "loading": "đang nạp",
    "following": "theo dõi thay đổi",
    "frozen": "đã chốt",
    "proved": "đã đối soát",
    "approved": "đã phê duyệt",
    "refused": "bị từ chối",
    "opened": "đã mở",
    "rolling_back": "đang quay lui",
    "rolled_back": "đã quay lui",
}

EVENT_KINDS = {
    "state": "trạng thái",
    "alert": "cảnh báo",
    "milestone": "mốc",
    "approval": "phê duyệt",
    "refusal": "từ chối",
    "rollback": "quay lui",
    "opening": "mở cửa",
    "decision": "quyết định",
    "plan_changed": "kế hoạch đã sửa",
}


def page_path(settings: Settings, plan: Plan) -> Path:
    """`<home>/reports/migration-<plan>.html`."""
    return settings.home / "reports" / f"migration-{plan.slug}.html"


def write_page(
    engine: Engine, settings: Settings, plan: Plan, now: datetime, gates: Sequence[Gate] | None = None
) -> Path:
    """Write the plan's page, whole or not at all; `gates` where they were judged already."""
    page = render(engine, settings, plan, gates or judge(engine, plan, now), now)
    return html.write_page(page_path(settings, plan), page)


def render(engine: Engine, settings: Settings, plan: Plan, gates: Sequence[Gate], now: datetime) -> str:
    """The page as HTML; texts of the log and of errors are masked."""
    attempt = current(engine, plan.slug)
    clock, milestones = clock_of(engine, plan, now, attempt), milestones_of(engine, plan, now)
    with engine.connect() as connection:
        ticks = thinned(connection, attempt.migration_id, now) if attempt else []
        found = {
            "sources": _sources(connection, settings, plan, attempt),
            "held": _rows(connection, HELD, attempt),
            "attempts": [row._mapping for row in connection.execute(text(ATTEMPTS), {"plan": plan.slug})],
            "events": [row._mapping for row in connection.execute(text(EVENTS), {"plan": plan.slug})],
        }
    return _template().render(
        plan=plan,
        clock=clock,
        gates=gates,
        milestones=milestones,
        chart=svg(ticks, clock),
        no_end=NO_END,
        kinds=KINDS,
        states=STATES,
        event_kinds=EVENT_KINDS,
        **found,
    )


@cache
def _template() -> Template:
    return html.template(
        "migration.html.j2",
        time=_time,
        number=_number,
        share=_share,
        size=_size,
        mask=lambda words: mask_text(str(words)),
        explain=explain,
    )


def _time(moment: datetime | None) -> str:
    return told(moment) if moment else "–"


def _number(count: int | None) -> str:
    return "–" if count is None else f"{count:,}".replace(",", ".")


def _share(part: float) -> str:
    return f"{100 * part:.2f} %".replace(".", ",")


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB".translate(str.maketrans(",.", ".,"))


def _rows(connection: Connection, query: str, attempt: Attempt | None) -> list[Any]:
    if attempt is None:
        return []
    return [row._mapping for row in connection.execute(text(query), {"id": attempt.migration_id})]


def _sources(connection: Connection, settings: Settings, plan: Plan, attempt: Attempt | None) -> list[dict[str, Any]]:
    """One line for each source of the plan, with nothing but its name before the first page is read."""
    found: dict[str, dict[str, Any]] = {one.province: {} for one in plan.sources}
    for query in (SOURCES, CHUNKS, FILES):
        for row in _rows(connection, query, attempt):
            found.setdefault(row["source"], {}).update(row)
    names = ("read", "migrated", "held", "out_of_scope", "waiting", "chunks", "chunks_done")
    none = dict.fromkeys((*names, "files", "files_all", "files_missing", "bytes"), 0)
    return [{**none, "source": slug, "name": _name(settings, slug), **row} for slug, row in found.items()]


def _name(settings: Settings, slug: str) -> str:
    try:
        return load_province(settings, slug).province.name
    except HubError:
        return slug
