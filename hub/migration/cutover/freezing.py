"""The freeze: the sources take nothing new any more; what they changed last is read, checked and handed over."""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from hub.errors import Refused, StageFailed
from hub.migration.attempt import Migrating, locked, move_on
from hub.migration.cutover.states import must_be_in
from hub.migration.plans.changes import must_be_the_plan
from hub.migration.plans.plan import told
from hub.migration.run import run_delta
from hub.migration.target.handing_over import hand_over
from schemas.migration_tables import OWED

BEHIND = ("frozen", "proved", "approved")
"""States in which the freeze lies behind."""

LEFT = f"SELECT count(*) FROM migrated WHERE migration_id = :id AND {OWED}"


def freeze(m: Migrating, *, processes: int = 1) -> dict[str, Any]:
    """Read every source for the last time and hand over what that brought. Freezing again changes nothing.

    Returns:
        `records` of the last read, `collisions`, the counts of `load` and of `files`, and `frozen_at`.

    Raises:
        Refused: before the plan's hour, or when the cutover does not follow its sources.
        StageFailed: a peer does not answer, or the target left dossiers without a clear answer; freezing goes on there.
    """
    attempt, now = m.attempt, m.clock()
    if attempt.kind == "cutover" and attempt.state in BEHIND:
        return {"frozen_at": attempt.frozen_at, "already": True}
    must_be_in(attempt, ("following",), "freeze")
    must_be_the_plan(m)
    must_be_due(m, now)
    read = run_delta(m, processes=processes, until=now, kind="final")
    counts = {"records": sum(one["records"] for one in read.values()), **hand_over(m)}
    with m.engine.begin() as connection:
        left = int(connection.scalar(text(LEFT), {"id": m.attempt_id}) or 0)
        if left:
            raise StageFailed(
                f"{left:,} dossiers are still owed to the target, or it has not said clearly what became of them",
                where=f"migration {m.plan.slug} · freeze",
                next_step="They are looked up before anything is sent again. Go on: "
                f"lienthong migrate freeze {m.plan.slug}",
            )
        attempt = locked(connection, attempt, ("following",))
        move_on(connection, attempt, "frozen", frozen_at=now)
    return {**counts, "frozen_at": now, "already": False}


def must_be_due(m: Migrating, now: datetime) -> None:
    """Raises Refused before the plan's hour: the sources still take dossiers then, and those would be left behind."""
    if now < m.plan.freeze:
        raise Refused(
            f"the sources freeze at {told(m.plan.freeze)}, and it is {told(now)}: what they take until then would"
            " be left behind",
            where=f"migration {m.plan.slug}",
            next_step=f"Nothing was read. Until then: lienthong migrate run {m.plan.slug} follows their changes.\n"
            "  An earlier freeze is for the old provinces, who must keep it, and for a new attempt by another plan.",
        )
