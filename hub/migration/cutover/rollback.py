"""The way back: before the opening the target returns to its mark; after it there is only forward."""

from typing import Any

from sqlalchemy import text

from hub import audit
from hub.errors import Refused
from hub.migration.attempt import Migrating, locked, move_on, note_event
from hub.migration.cutover.approving import with_reason
from hub.migration.cutover.holding import nobody_at_work
from hub.migration.plans.plan import told
from hub.migration.target import state as target_state

BEFORE = ("reading", "loading", "following", "frozen", "proved", "approved", "refused", "rolling_back")

SINCE = """
SELECT count(*) AS dossiers, count(*) FILTER (WHERE x.dossier_code IS NULL) AS filed
FROM dossier d LEFT JOIN succession x ON x.province = d.province AND x.dossier_code = d.dossier_code
WHERE d.province = :target AND (x.dossier_code IS NULL OR d.changed_at > :opened)
"""
"""What the new province's own work is: dossiers filed there, and old ones that were changed since the opening."""


def roll_back(m: Migrating, by: str, why: str) -> dict[str, Any]:
    """Bring the target back to its mark, proved by its own digest, and end the attempt; the sources go on as they are.

    That it goes back is committed before the target is asked: one that was broken off is neither loaded nor opened, and
    rolling back again goes on with it.

    Returns:
        `state`; where something was loaded, what the target `removed` and `restored`, and its `dossiers`, `files` and
        `digest` now, which are those at the mark.

    Raises:
        Refused: the new province is open, and what was filed in it since would be lost.
        StageFailed: the target does not answer, or its digest is not the mark's; rolling back again goes on.
        Busy: somebody opens, loads or proves it.
    """
    attempt, why = m.attempt, with_reason(why)
    if attempt.state == "opened":
        raise _too_late(m)
    if attempt.state == "rolled_back":
        return {"state": "rolled_back", "already": True}
    with nobody_at_work(m):
        with m.engine.begin() as connection:
            attempt = locked(connection, attempt, BEFORE)
            if attempt.state != "rolling_back":
                move_on(connection, attempt, "rolling_back")
        return _back(m, by, why)


def _back(m: Migrating, by: str, why: str) -> dict[str, Any]:
    attempt = m.attempt
    undone = target_state.roll_back(m) if attempt.target_mark is not None else {}
    with m.engine.begin() as connection:
        attempt = locked(connection, attempt, ("rolling_back",))
        move_on(connection, attempt, "rolled_back", ended_at=m.clock())
        note_event(connection, m.plan.slug, attempt.migration_id, "rollback", why, who=by, **undone)
        told_more: dict[str, Any] = {"plan": m.plan.slug, "migration_id": attempt.migration_id, "why": why}
        audit.write(connection, by, "migration_rollback", province=m.plan.target.province, **told_more)
    return {"state": "rolled_back", "already": False, **undone}


def _too_late(m: Migrating) -> Refused:
    attempt = m.attempt
    assert attempt.opened_at is not None
    given = {"target": m.plan.target.province, "opened": attempt.opened_at}
    with m.engine.connect() as connection:
        since = connection.execute(text(SINCE), given).one()
    return Refused(
        f"{m.plan.target.province} is open since {told(attempt.opened_at)}: going back would lose what was done in it"
        f" since: as far as the hub has read it, {since.filed:,} dossiers filed and {since.dossiers - since.filed:,}"
        " changed",
        where=f"migration {m.plan.slug}",
        next_step="Nothing was changed. What is wrong is corrected forward: dossiers in the new system, held ones with"
        f" lienthong quarantine list {m.plan.target.province}, the two sides with lienthong reconcile"
        f" {m.plan.target.province}.\n  One dossier by any of its codes: lienthong migrate find {m.plan.slug} <code>",
    )
