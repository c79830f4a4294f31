"""GO or NO-GO: an approver of the plan decides on a proved cutover; what is decided stands in the plan's log."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, text

from hub import audit
from hub.errors import ConfigurationError, Refused
from hub.migration.attempt import Attempt, Migrating, locked, move_on, note_event
from hub.migration.cutover import gates
from hub.migration.cutover.states import must_be_in
from hub.migration.deciding.decisions import no_decision_meanwhile
from hub.migration.plans.approvers import must_be_approver
from hub.migration.plans.changes import must_be_the_plan

LAST_PROOF = "SELECT max(proof_id) FROM migration_proof WHERE migration_id = :id"


def approve(m: Migrating, by: str, why: str, *, account: str | None = None) -> dict[str, Any]:
    """GO: the cutover may be opened. Approving again what this person approved changes nothing.

    Raises:
        Refused: by somebody else, before it is proved, while a gate is red, or by another plan than it began with.
    """
    who, why = must_be_approver(m.plan, by, account=account).name, with_reason(why)
    attempt = m.attempt
    if attempt.state == "approved":
        return {"state": "approved", "by": who, "already": True}
    must_be_in(attempt, ("proved",), "approve")
    must_be_the_plan(m)
    with m.engine.begin() as connection:
        no_decision_meanwhile(connection, m.plan.slug)
        attempt = locked(connection, attempt, ("proved",))
        _must_be_green(m, who)
        move_on(connection, attempt, "approved")
        proof = connection.scalar(text(LAST_PROOF), {"id": attempt.migration_id})
        _tell(connection, attempt, m.plan.target.province, "approval", who, why, account, proof=proof)
    return {"state": "approved", "by": who, "already": False}


def refuse(m: Migrating, by: str, why: str, *, account: str | None = None) -> dict[str, Any]:
    """NO-GO: nothing is opened; the sources go on, and the cutover follows their changes again.

    Raises:
        Refused: by somebody else, or when there is nothing to decide on.
    """
    who, why = must_be_approver(m.plan, by, account=account).name, with_reason(why)
    attempt = m.attempt
    must_be_in(attempt, ("proved", "approved"), "refuse")
    with m.engine.begin() as connection:
        attempt = locked(connection, attempt, ("proved", "approved"))
        move_on(connection, attempt, "refused")
        _tell(connection, attempt, m.plan.target.province, "refusal", who, why, account)
        move_on(connection, replace(attempt, state="refused"), "following", frozen_at=None)
    return {"state": "following", "by": who}


def _must_be_green(m: Migrating, who: str) -> None:
    """Raises Refused while a gate is red; names each."""
    if red := [one for one in gates.judge(m, m.plan, m.clock()) if not one.green]:
        raise Refused(
            f"NO-GO: {len(red)} of the gates are red: " + "; ".join(f"{one.name}: {one.why}" for one in red),
            where=f"migration {m.plan.slug}",
            next_step=f"Nothing was approved. What each asks for: lienthong migrate go {m.plan.slug}\n"
            f"  Not this time: lienthong migrate refuse {m.plan.slug} --by '{who}' --why …",
        )


def _tell(
    connection: Connection,
    attempt: Attempt,
    target: str,
    kind: str,
    who: str,
    why: str,
    account: str | None,
    **more: Any,
) -> None:
    """The event and the audit of a decision, in its transaction."""
    more |= {"account": account} if account else {}
    note_event(connection, attempt.plan, attempt.migration_id, kind, why, who=who, **more)
    told: dict[str, Any] = {"plan": attempt.plan, "migration_id": attempt.migration_id, "why": why, **more}
    audit.write(connection, who, f"migration_{kind}", province=target, **told)


def with_reason(why: str) -> str:
    """The reason on one line.

    Raises:
        ConfigurationError: there is none.
    """
    if words := audit.clean_name(why):
        return words
    raise ConfigurationError(
        "a decision without its reason is none",
        where="--why",
        next_step="Say why in a sentence: --why 'đối soát khớp, 0 hồ sơ thất lạc'.",
    )
