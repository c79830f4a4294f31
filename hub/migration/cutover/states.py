"""In which state of a cutover what may be done, and what comes next."""

from hub.errors import Refused
from hub.migration.attempt import Attempt


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
    "rolling_back": "Its way back was broken off; it ends with: lienthong migrate rollback {plan} --by … --why …",
    "rolled_back": "It was rolled back; a new run begins anew: lienthong migrate run {plan}",
}
"""What comes next, by the state of a cutover."""
