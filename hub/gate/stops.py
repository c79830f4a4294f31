"""Rules of level stop: the run ends before the merge, and a person may let the next one pass, once and by name."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from hub import audit
from hub.errors import ConfigurationError, GateStopped
from hub.gate import measures
from hub.gate.great import Outcome

ACCEPTED, USED, LAPSED = "accept", "accepted", "lapsed"
"""Actions of the audit: a person's word, the run that went on by it, the run that did not need it."""

_OPEN = """
SELECT a.audit_id, a.details ->> 'reason' AS reason FROM audit a
WHERE a.action = 'accept' AND a.province = :province AND NOT EXISTS (
    SELECT FROM audit u WHERE u.action IN ('accepted', 'lapsed') AND u.province = a.province
    AND (u.details ->> 'audit_id')::bigint = a.audit_id AND (u.details ->> 'run_id')::bigint <> :run_id)
ORDER BY a.audit_id
"""


def accept(
    connection: Connection, province: str, reason: str, who: str, why: str, *, from_now_on: bool = False
) -> int | None:
    """Let the next run pass the stop of this reason, once.

    `from_now_on`: the volume has changed for good. What was usual is forgotten, so that the days to come make the new
    usual one; until there are enough of them no volume stops a run.

    Returns:
        Measures of volume that were forgotten; None where nothing was asked to be.

    Raises:
        ConfigurationError: it is accepted already and no run has used that: two words would let two runs pass.
    """
    accepted = reason in dict(open_acceptances(connection, province, 0))
    if accepted and not from_now_on:
        raise ConfigurationError(
            f"'{reason}' is accepted already for the next run",
            where=province,
            next_step=f"lienthong audit list --province {province} --action accept says by whom.",
        )
    forgotten = measures.forget_volume(connection, province) if from_now_on else None
    told = {} if forgotten is None else {"forgotten": forgotten}
    audit.write(connection, who, "forget" if accepted else ACCEPTED, province=province, reason=reason, why=why, **told)
    return forgotten


def open_acceptances(connection: Connection, province: str, run_id: int) -> list[tuple[str, int]]:
    """What a person has accepted and no other run has used: (reason, audit_id); a run that is checked again still
    has its own."""
    rows = connection.execute(text(_OPEN), {"province": province, "run_id": run_id})
    return [(str(row.reason), int(row.audit_id)) for row in rows]


def refuse_stops(
    connection: Connection, province: str, run_id: int, found: Sequence[tuple[Outcome, str]], again: str
) -> list[tuple[str, int]]:
    """Raise for a failed rule of level stop that nobody has accepted; answers with the acceptances to be used up.

    `found` are the failed ones with their figures in words, `again` the command that goes on when one was accepted.

    Raises:
        GateStopped: what, with figures, and how a person lets the run pass.
    """
    accepted = dict(open_acceptances(connection, province, run_id))
    standing = [(one, figures) for one, figures in found if one.rule.reason not in accepted]
    if not standing:
        return [(reason, accepted[reason]) for reason in sorted({one.rule.reason for one, _ in found})]
    words = "; ".join(f"{one.rule.reason}: {figures} ({one.rule.where})" for one, figures in standing)
    first = standing[0][0].rule.reason
    raise GateStopped(
        f"the gate stopped the run before the merge: {words}",
        where=f"{province} · check",
        next_step="Ask whether the source is right. If it is, let the next run pass: lienthong quality accept"
        f" {province} --rule {first} --by NAME --why TEXT; then {again}",
    )


def use_up(connection: Connection, province: str, run_id: int, used: Sequence[tuple[str, int]], *, last: bool) -> None:
    """Write that the run went on by what a person had accepted. `last`: it is the run that was meant, and what it did
    not need lapses: a word of today does not let a bad night of next month pass."""
    for reason, audit_id in open_acceptances(connection, province, run_id) if last else used:
        action = USED if (reason, audit_id) in used else LAPSED
        audit.write(connection, audit.HUB, action, province=province, reason=reason, audit_id=audit_id, run_id=run_id)
