"""The opening: in one transaction every dossier goes over to the new province and the old ones are closed."""

from contextlib import ExitStack
from typing import Any

from sqlalchemy import Connection, text

from hub import audit
from hub.errors import Refused
from hub.migration.attempt import Migrating, locked, move_on, note_event
from hub.migration.cutover.holding import nobody_at_work
from hub.migration.cutover.milestones import milestones_of, missing_before
from hub.migration.cutover.owing import must_owe_nothing
from hub.migration.cutover.states import must_be_in
from hub.migration.plans.changes import must_be_the_plan
from hub.migration.plans.plan import told
from hub.migration.proof.fingerprint import fingerprint
from hub.store import whole_province
from schemas.migration_tables import OWED

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

WITHOUT_MERGES = "SELECT pg_advisory_xact_lock(hashtext('lienthong.account'), :id)"
"""No merge of what was read and no answer of the target is written until the opening is done."""

PROVED = """
SELECT counts -> 'fingerprint' FROM migration_proof WHERE migration_id = :id AND proof_id <= coalesce(
    (SELECT CAST(details ->> 'proof' AS bigint) FROM migration_event
     WHERE migration_id = :id AND kind = 'approval' ORDER BY event_id DESC LIMIT 1), proof_id)
ORDER BY proof_id DESC LIMIT 1
"""
"""Of the proof that was approved; a later one says what is, not what people said yes to."""

LEFT = f"SELECT count(*) FROM migrated WHERE migration_id = :id AND {OWED}"

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
        Refused: it is not approved, a milestone before the opening is not met, an old province owes something to the
            national side, something changed since the proof, or the plan did; nothing was changed.
        Busy: a sync works on one of the provinces, or somebody loads, proves or rolls back.
    """
    attempt = m.attempt
    if attempt.state == "opened":
        return {**attempt.counts["opening"], "already": True}
    must_be_in(attempt, ("approved",), "open")
    sources, target, now = [one.province for one in m.plan.sources], m.plan.target.province, m.clock()
    must_be_the_plan(m)
    _must_be_ready(m)
    with ExitStack() as held:
        held.enter_context(nobody_at_work(m))
        for slug in (target, *sources):
            held.enter_context(whole_province(m.engine, slug, *PURPOSES))
        with m.engine.begin() as connection:
            connection.execute(text(WITHOUT_MERGES), {"id": attempt.migration_id})
            attempt = locked(connection, attempt, ("approved",))
            _must_be_as_proved(connection, m.plan.slug, attempt.migration_id)
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


def _must_be_ready(m: Migrating) -> None:
    missing = missing_before(milestones_of(m.engine, m.plan, m.clock()), "go_live")
    if missing:
        raise Refused(
            "milestones before the opening are not met: " + ", ".join(one.name for one in missing),
            where=f"migration {m.plan.slug}",
            next_step="Nothing was changed.\n"
            + "\n".join(f"  {one.name} (by {told(one.by)}): {one.why}" for one in missing),
        )


def _must_be_as_proved(connection: Connection, plan: str, migration_id: int) -> None:
    """Raises Refused unless the account is the one that was proved and approved, with nothing owed to the target."""
    given = {"id": migration_id}
    left = int(connection.scalar(text(LEFT), given) or 0)
    same = connection.scalar(text(PROVED), given) == fingerprint(connection, migration_id)
    if left or not same:
        why = f"{left:,} dossiers are still owed to the target" if left else "dossiers or files are other than then"
        raise Refused(
            f"what would be opened is not what was proved and approved: {why}",
            where=f"migration {plan} · attempt {migration_id}",
            next_step=f"Nothing was changed. Take the approval back (lienthong migrate refuse {plan}), then run,"
            " freeze, reconcile and approve again.",
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
