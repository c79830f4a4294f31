"""Succession: provinces that a cutover closes or opens, and what a dossier's new province takes over from its old."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from hub.errors import Refused
from schemas.records import VIET_NAM

CLOSED = """
SELECT m.target AS successor, m.opened_at AS on_day, m.plan FROM migration_event e JOIN migration m USING (migration_id)
WHERE e.kind = 'opening' AND m.state = 'opened' AND e.details -> 'closed' @> to_jsonb(CAST(:province AS text))
ORDER BY e.event_id DESC LIMIT 1
"""

BEING_LOADED = """
SELECT plan, state FROM migration WHERE target = :province AND kind = 'cutover'
AND state NOT IN ('opened', 'rolled_back') ORDER BY migration_id DESC LIMIT 1
"""

ADOPTED = """
WITH settled AS (
    UPDATE dossier d SET delivered_hash = d.content_hash, reconciled_hash = CASE WHEN EXISTS (
        SELECT FROM dossier o WHERE o.province = x.predecessor AND o.dossier_code = x.dossier_code
        AND o.reconciled_hash = o.delivered_hash) THEN d.content_hash END
    FROM verdict v JOIN succession x ON x.province = :province AND x.dossier_code = v.dossier_code
    WHERE d.province = :province AND d.dossier_code = v.dossier_code AND x.finished AND (v.changed_at <= x.settled_until
          AND v.verdict IN ('new', 'changed') OR v.changed_at IS NULL AND v.verdict = 'new')
    RETURNING d.dossier_code, d.delivered_hash
)
UPDATE verdict v SET delivered_hash = s.delivered_hash FROM settled s WHERE v.dossier_code = s.dossier_code
"""
"""History that was not touched since the opening counts as delivered: the old province reported it, or nobody ever
did, and it is never reported as new. Both sides count as equal where they were found so before."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A province that ended at a cutover: which one took its dossiers over, when, by which plan."""

    successor: str
    on_day: datetime
    plan: str

    def as_dict(self) -> dict[str, Any]:
        return {"successor": self.successor, "on": self.on_day, "plan": self.plan}


def closed(engine: Engine, province: str) -> Closed | None:
    """How the province ended; None while it is open."""
    with engine.connect() as connection:
        row = connection.execute(text(CLOSED), {"province": province}).one_or_none()
    return None if row is None else Closed(**row._mapping)


def must_be_open(engine: Engine, province: str) -> None:
    """Refuse to send anything for a province that a cutover closed, or for one that is only being loaded.

    Raises:
        Refused: with the new province and the day, or with the plan that loads it.
    """
    if (ended := closed(engine, province)) is not None:
        raise Refused(
            f"this province is closed: its dossiers are {ended.successor}'s since"
            f" {ended.on_day.astimezone(VIET_NAM):%d/%m/%Y %H:%M}",
            where=province,
            next_step=f"Nothing was read or sent. Sync the new province: lienthong sync {ended.successor}\n"
            f"  One dossier, by its old code: lienthong migrate find {ended.plan} <code>",
        )
    with engine.connect() as connection:
        loading = connection.execute(text(BEING_LOADED), {"province": province}).one_or_none()
    if loading is not None:
        raise Refused(
            f"the plan {loading.plan} is loading this province, and it is not open yet: a sync now would report the old"
            " provinces' history as new",
            where=province,
            next_step=f"Nothing was read or sent. See what is missing: lienthong migrate go {loading.plan}\n"
            f"  Given up for good: lienthong migrate rollback {loading.plan}",
        )


def has_predecessors(connection: Connection, province: str) -> bool:
    """Whether any of its dossiers began in another province."""
    query = text("SELECT EXISTS (SELECT FROM succession WHERE province = :province)")
    return bool(connection.scalar(query, {"province": province}))
