"""The target's own state: the mark before the first dossier, what stands there now, and the way back to the mark."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select, update

from connectors import Answer
from connectors.errors import PeerError, PeerUnknown
from hub.errors import Refused, StageFailed
from hub.migration.attempt import Migrating, note_event
from hub.national import SETTLE
from schemas.migration_tables import OVER, migration

TRIES = 3
"""Times a way back without an answer is asked for; each time the state is looked at first."""


@dataclass(frozen=True, slots=True)
class TargetState:
    """How many dossiers and files the target holds, and its digest over all of them: equal state, equal digest."""

    dossiers: int
    files: int
    digest: str


def mark(m: Migrating) -> str:
    """Set the target's snapshot mark, once for an attempt and before its first dossier; keeps what stood there.

    Returns:
        The target's word for the mark.

    Raises:
        StageFailed: the target gives no mark; nothing is loaded without one.
    """
    with m.engine.begin() as connection:
        query = select(migration.c.target_mark).filter_by(migration_id=m.attempt_id).with_for_update()
        known = connection.scalar(query)
        if known is not None:
            return str(known)
        values = _ask(m, "mark", "Nothing was loaded: without a mark there is no way back.").values
        before = _state_in(values)
        given = {"target_mark": str(values["mark"]), "target_before": asdict(before)}
        connection.execute(update(migration).filter_by(migration_id=m.attempt_id).values(**given))
        words = f"the target is marked: {before.dossiers:,} dossiers, {before.files:,} files before the first load"
        note_event(connection, m.plan.slug, m.attempt_id, "state", words, name="marked")
        return str(values["mark"])


def must_be_under_way(m: Migrating) -> None:
    """Raises Refused where the attempt is over: the target's people work in it, or it was taken back."""
    state = m.attempt.state
    if state in OVER:
        over = "the new province is open, and its staff work there" if state == "opened" else "it was rolled back"
        raise Refused(
            f"nothing is handed to the target any more: {over}",
            where=f"migration {m.plan.slug} · attempt {m.attempt_id}",
            next_step="Nothing was sent. What is missing is entered in the new system by its staff."
            if state == "opened"
            else f"Nothing was sent. A new attempt: lienthong migrate run {m.plan.slug}",
        )


def state_now(m: Migrating) -> TargetState:
    """What the target says of itself; raises StageFailed."""
    return _state_in(_ask(m, "state", "Nothing was changed.").values)


def roll_back(m: Migrating) -> dict[str, Any]:
    """Bring the target back to the attempt's mark, and hold its state against the one that was kept then.

    Returns:
        `removed` and `restored` as the target counts them (None where an answer was lost), the state now.

    Raises:
        StageFailed: the target refuses, or does not stand where it stood; nothing more is tried then.
    """
    attempt = m.attempt
    if attempt.target_mark is None or attempt.target_before is None:
        return {"removed": 0, "restored": 0, **asdict(state_now(m))}  # nothing was loaded
    before = TargetState(**attempt.target_before)
    answer = _back(m, attempt.target_mark, before)
    now = state_now(m)
    if now != before:
        raise StageFailed(
            f"the target says that it went back, but it does not stand where it stood: {_words(now)}; at the mark "
            f"{_words(before)}",
            where=_where(m, "roll_back"),
            next_step="Load nothing more. Ask the target's vendor what changed beside the import since the mark; "
            "the target's list against the evidence of the last proof shows which dossiers.",
        )
    counted = {} if answer is None else answer.values
    removed, restored = (None if answer is None else int(counted.get(name) or 0) for name in ("removed", "restored"))
    with m.engine.begin() as connection:
        words = f"the target stands where it stood at the mark: {_words(now)}"
        note_event(connection, m.plan.slug, m.attempt_id, "rollback", words, name="target", removed=removed)
    return {"removed": removed, "restored": restored, **asdict(now)}


def _back(m: Migrating, target_mark: str, before: TargetState) -> Answer | None:
    """The target's answer; None where the answer was lost and the state shows that it went back."""
    for attempt in range(1, TRIES + 1):
        try:
            return _ask(m, "roll_back", "The target is as it was; nothing went back.", mark=target_mark)
        except StageFailed as error:
            if not isinstance(error.__cause__, PeerUnknown) or attempt == TRIES:
                raise
            m.sleep(min(m.target.spec.limits.timeout, SETTLE))
            if state_now(m) == before:
                return None
    return None


def _ask(m: Migrating, operation: str, otherwise: str, **params: Any) -> Answer:
    """An answer that says yes.

    Raises:
        StageFailed: any other; its cause is the peer's error where there was one.
    """
    try:
        answer = m.target.call(operation, **params)
    except PeerError as error:
        raise StageFailed(error.what, where=_where(m, operation), next_step=f"{otherwise} {error.next_step}") from error
    if answer.kind != "done":
        words = f"{answer.code or answer.status} {answer.text}".strip()
        if operation == "roll_back" and answer.kind == "not_found":
            what, step = "the target does not know the mark any more", "Ask its vendor for a restored backup"
        elif operation == "roll_back":
            what = f"the target refuses to go back: {words}"
            step = "Where staff have worked on a dossier since, their work would go with it: it is for people to decide"
        else:
            what, step = f"the target refuses: {words}", "Ask its vendor what it means, then start again"
        raise StageFailed(what, where=_where(m, operation), next_step=f"{otherwise} {step}.")
    return answer


def _where(m: Migrating, operation: str) -> str:
    return f"migration {m.plan.slug} · {m.target.peer.id} · {operation}"


def _state_in(values: Any) -> TargetState:
    return TargetState(int(values["dossiers"]), int(values["files"]), str(values["digest"]))


def _words(state: TargetState) -> str:
    return f"{state.dossiers:,} dossiers, {state.files:,} files, digest {state.digest[:12]}"
