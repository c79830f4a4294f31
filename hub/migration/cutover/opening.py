"""The opening: in one transaction every dossier goes over to the new province and the old ones are closed."""

from contextlib import ExitStack
from typing import Any

from sqlalchemy import Connection, text

from hub import audit
from hub.errors import Refused
from hub.migration.attempt import Migrating, move_on, note_event
from hub.migration.cutover.approving import locked, must_be_in
from hub.migration.cutover.milestones import milestones_of, missing_before
from hub.migration.plans.plan import told
from hub.store import whole_province

PURPOSES = ("redrive", "sync", "push")
"""What the opening holds of each province: nothing is read or sent for one while it changes hands."""

SUCCESSION = """
INSERT INTO succession (province, dossier_code, predecessor, outgoing_code, known_nationally, finished, settled_until,
    migration_id)
SELECT :target, a.dossier_code, a.source, coalesce(o.outgoing_code, a.national_code, a.dossier_code),
       o.delivered_hash IS NOT NULL, a.finished,
       CASE WHEN a.finished THEN :at
            WHEN o.delivered_hash IS NOT NULL THEN coalesce(s.until, to_timestamp(0))
            ELSE to_timestamp(0) END,
       a.migration_id
FROM migrated a
LEFT JOIN dossier o ON o.province = a.source AND o.dossier_code = a.dossier_code
LEFT JOIN (SELECT province, dossier_code, max(happened_at) AS until FROM progress_step
           WHERE province = ANY(:sources) AND state = 'delivered' GROUP BY province, dossier_code) s
     ON s.province = a.source AND s.dossier_code = a.dossier_code
WHERE a.migration_id = :id AND a.state = 'migrated'
"""
"""History is settled up to the opening. Of a dossier under way: up to the last step that the hub delivered for the old
province. Where the hub delivered nothing the look-up tells what the national side has, and the rest is sent."""

CLOSE = "UPDATE dossier SET succeeded_by = :target WHERE province = ANY(:sources)"

OWED = """
SELECT province, count(*) FROM (
    SELECT province, dossier_code FROM delivery
    WHERE province = ANY(:sources) AND state IN ('pending', 'sending', 'unknown')
    UNION
    SELECT province, dossier_code FROM progress_step p
    WHERE province = ANY(:sources) AND state IN ('pending', 'sending', 'unknown')
      AND NOT EXISTS (SELECT FROM delivery x WHERE x.province = p.province AND x.dossier_code = p.dossier_code
                      AND x.state = 'held')
      AND NOT EXISTS (SELECT FROM progress_step h WHERE h.province = p.province AND h.dossier_code = p.dossier_code
                      AND h.state = 'held' AND h.happened_at <= p.happened_at)
) owed GROUP BY province ORDER BY province
"""

TWICE = """
SELECT outgoing_code, string_agg(province || ' ' || dossier_code, ' and ' ORDER BY province, dossier_code) FROM (
    SELECT predecessor AS province, dossier_code, outgoing_code FROM succession WHERE province = :target
    UNION ALL
    SELECT d.province, d.dossier_code, d.outgoing_code FROM dossier d
    JOIN succession x ON x.province = :target AND x.outgoing_code = d.outgoing_code
    WHERE d.succeeded_by IS NULL AND (d.province, d.dossier_code) IS DISTINCT FROM (:target, x.dossier_code)
) both_sides GROUP BY outgoing_code HAVING count(*) > 1 ORDER BY outgoing_code LIMIT 5
"""


def open_province(m: Migrating, by: str) -> dict[str, Any]:
    """Open the new province: its next sync reports what comes after, under the codes that the national side knows.

    Returns:
        `dossiers` that went over, `finished` of them, `known_nationally`, `closed` provinces, `opened_at`. Opening what
        is open already changes nothing.

    Raises:
        Refused: it is not approved, a milestone before the opening is not met, or an old province owes something to
            the national side; nothing was changed.
        Busy: a sync works on one of the provinces.
    """
    attempt = m.attempt
    if attempt.state == "opened":
        return {**attempt.counts["opening"], "already": True}
    must_be_in(attempt, ("approved",), "open")
    sources, target, now = [one.province for one in m.plan.sources], m.plan.target.province, m.clock()
    _must_be_ready(m)
    with ExitStack() as held:
        for slug in (target, *sources):
            held.enter_context(whole_province(m.engine, slug, *PURPOSES))
        with m.engine.begin() as connection:
            attempt = locked(connection, attempt, ("approved",))
            must_owe_nothing(connection, m.plan.slug, sources)
            given: dict[str, Any] = {"target": target, "sources": sources, "id": attempt.migration_id, "at": now}
            connection.execute(text("SET LOCAL work_mem = '64MB'"))
            moved = connection.execute(text(SUCCESSION), given).rowcount
            connection.execute(text(CLOSE), given)
            _must_be_one_each(connection, given, m.plan.slug)
            found = _counted(connection, target) | {"closed": sources, "opened_at": now.isoformat()}
            words = f"{target} opened with {moved:,} dossiers; closed: {', '.join(sources)}"
            note_event(connection, m.plan.slug, attempt.migration_id, "opening", words, who=by, **found)
            audit.write(connection, by, "migration_opening", province=target, plan=m.plan.slug, **found)
            move_on(
                connection, attempt, "opened", opened_at=now, ended_at=now, counts={**attempt.counts, "opening": found}
            )
    return {**found, "already": False}


def owed_by(connection: Connection, provinces: list[str]) -> dict[str, int]:
    """Dossiers that each province still owes the national side and that nobody holds back, by its slug."""
    return {slug: int(count) for slug, count in connection.execute(text(OWED), {"sources": provinces})}


def must_owe_nothing(connection: Connection, plan: str, sources: list[str]) -> None:
    """Raises Refused while an old province has something in its outbox: after the opening it could not be sent."""
    if owed := owed_by(connection, sources):
        raise Refused(
            "old provinces still owe the national side: " + ", ".join(f"{slug} {n:,}" for slug, n in owed.items()),
            where=f"migration {plan}",
            next_step="Nothing was changed. Send it first: "
            + "; ".join(f"lienthong sync {slug}" for slug in owed)
            + f"\n  Then again: lienthong migrate open {plan} --by …",
        )


def _must_be_ready(m: Migrating) -> None:
    missing = missing_before(milestones_of(m.engine, m.plan, m.clock()), "go_live")
    if missing:
        raise Refused(
            "milestones before the opening are not met: " + ", ".join(one.name for one in missing),
            where=f"migration {m.plan.slug}",
            next_step="Nothing was changed.\n"
            + "\n".join(f"  {one.name} (by {told(one.by)}): {one.why}" for one in missing),
        )


def _must_be_one_each(connection: Connection, given: dict[str, Any], plan: str) -> None:
    """Raises Refused when two dossiers would be one national dossier."""
    if twice := connection.execute(text(TWICE), given).all():
        raise Refused(
            "one national dossier would have two owners: " + "; ".join(f"{code} ({owners})" for code, owners in twice),
            where=f"migration {plan}",
            next_step="Nothing was changed. The province whose national code is wrong corrects it at the source; then "
            f"roll back or run a delta: lienthong migrate refuse {plan}, lienthong migrate run {plan}",
        )


def _counted(connection: Connection, target: str) -> dict[str, Any]:
    query = text(
        "SELECT count(*) AS dossiers, count(*) FILTER (WHERE finished) AS finished,"
        " count(*) FILTER (WHERE known_nationally) AS known_nationally FROM succession WHERE province = :target"
    )
    return dict(connection.execute(query, {"target": target}).one()._mapping)
