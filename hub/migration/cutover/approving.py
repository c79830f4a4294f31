"""GO or NO-GO: an approver of the plan decides on a proved cutover; what is decided stands in the plan's log."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, text

from hub import audit
from hub.errors import ConfigurationError, Refused
from hub.migration.attempt import Attempt, Migrating, move_on, note_event
from hub.migration.plans.approvers import must_be_approver


def approve(m: Migrating, by: str, why: str, *, account: str | None = None) -> dict[str, Any]:
    """GO: the cutover may be opened. Approving again what this person approved changes nothing.

    Raises:
        Refused: by somebody else, before it is proved, or while a gate is red.
    """
    who, why = must_be_approver(m.plan, by, account=account).name, _reason(why)
    attempt = m.attempt
    if attempt.state == "approved":
        return {"state": "approved", "by": who, "already": True}
    must_be_in(attempt, ("proved",), "approve")
    red = _red_gates(m)
    if red:
        raise Refused(
            f"NO-GO: {len(red)} of the gates are red: " + "; ".join(f"{name}: {said}" for name, said in red),
            where=f"migration {m.plan.slug}",
            next_step=f"Nothing was approved. What each asks for: lienthong migrate go {m.plan.slug}\n"
            f"  Not this time: lienthong migrate refuse {m.plan.slug} --by '{who}' --why …",
        )
    with m.engine.begin() as connection:
        attempt = locked(connection, attempt, ("proved",))
        move_on(connection, attempt, "approved")
        _tell(connection, attempt, m.plan.target.province, "approval", who, why, account)
    return {"state": "approved", "by": who, "already": False}


def refuse(m: Migrating, by: str, why: str, *, account: str | None = None) -> dict[str, Any]:
    """NO-GO: nothing is opened; the sources go on, and the cutover follows their changes again.

    Raises:
        Refused: by somebody else, or when there is nothing to decide on.
    """
    who, why = must_be_approver(m.plan, by, account=account).name, _reason(why)
    attempt = m.attempt
    must_be_in(attempt, ("proved", "approved"), "refuse")
    with m.engine.begin() as connection:
        attempt = locked(connection, attempt, ("proved", "approved"))
        move_on(connection, attempt, "refused")
        _tell(connection, attempt, m.plan.target.province, "refusal", who, why, account)
        move_on(connection, replace(attempt, state="refused"), "following", frozen_at=None)
    return {"state": "following", "by": who}


def locked(connection: Connection, attempt: Attempt, states: tuple[str, ...]) -> Attempt:
    """The attempt's row, held until the transaction ends, as it stands and in one of these states still.

    Raises:
        Refused: somebody else moved it meanwhile.
    """
    query = text("SELECT state FROM migration WHERE migration_id = :id FOR UPDATE")
    state = str(connection.scalar(query, {"id": attempt.migration_id}))
    if state not in states:
        raise Refused(
            f"somebody else brought the cutover to '{state}' meanwhile",
            where=f"migration {attempt.plan}",
            next_step=f"Nothing was changed. See where it stands: lienthong migrate go {attempt.plan}",
        )
    return replace(attempt, state=state)


def must_be_in(attempt: Attempt, states: tuple[str, ...], what: str) -> None:
    """Raises Refused for a rehearsal, and for a cutover in another state."""
    where = f"migration {attempt.plan} · attempt {attempt.migration_id}"
    if attempt.kind != "cutover":
        raise Refused(
            f"a rehearsal is not something to {what}: it ends with its proof",
            where=where,
            next_step=f"The real one: lienthong migrate run {attempt.plan}",
        )
    if attempt.state not in states:
        raise Refused(
            f"there is nothing to {what}: the cutover stands at '{attempt.state}'",
            where=where,
            next_step=f"Nothing was changed. {NEXT.get(attempt.state, '').format(plan=attempt.plan)}".rstrip(),
        )


NEXT = {
    "reading": "It still reads: lienthong migrate run {plan}",
    "loading": "It still loads: lienthong migrate run {plan}",
    "following": "After the freeze: lienthong migrate freeze {plan}, then lienthong migrate reconcile {plan}",
    "frozen": "It waits for its proof: lienthong migrate reconcile {plan}",
    "proved": "It waits for GO or NO-GO: lienthong migrate approve {plan} --by … --why …",
    "approved": "It is approved: lienthong migrate open {plan} --by …",
    "refused": "It was refused; the next run follows again: lienthong migrate run {plan}",
    "opened": "It is open. What is wrong is corrected forward: in the new system, and with lienthong quarantine.",
    "rolled_back": "It was rolled back; a new run begins anew: lienthong migrate run {plan}",
}
"""What comes next, by the state of a cutover."""


def _red_gates(m: Migrating) -> list[tuple[str, str]]:
    """Name of each red gate, and why."""
    from hub.migration.cutover.gates import judge

    return [(one.name, one.why) for one in judge(m, m.plan, m.clock()) if not one.green]


def _tell(
    connection: Connection, attempt: Attempt, target: str, kind: str, who: str, why: str, account: str | None
) -> None:
    """The event and the audit of a decision, in its transaction."""
    more: dict[str, Any] = {"account": account} if account else {}
    note_event(connection, attempt.plan, attempt.migration_id, kind, why, who=who, **more)
    told: dict[str, Any] = {"plan": attempt.plan, "migration_id": attempt.migration_id, "why": why, **more}
    audit.write(connection, who, f"migration_{kind}", province=target, **told)


def _reason(why: str) -> str:
    if words := audit.clean_name(why):
        return words
    raise ConfigurationError(
        "a decision without its reason is none",
        where="--why",
        next_step="Say why in a sentence: --why 'đối soát khớp, 0 hồ sơ thất lạc'.",
    )
