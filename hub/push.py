"""Push: the outbox to the national adapter. One in flight per dossier, many dossiers at once, nothing sent twice.

For each dossier: look up (TraCuuHoSo), then the dossier (DongBoHoSoMC) when its content is owed, then its steps
(CapNhatTienDoHoSoMC) in time order and only once the dossier is accepted [seen: CONTRACTS section 1]. The intent is
committed before the first call and every answer right after its call, so a killed process leaves `sending` behind,
which the next push takes for `unknown`: looked up before anything is sent again.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, text

from connectors import Answer
from connectors.errors import AuthRefused, PeerBusy, PeerDown, PeerError, PeerUnknown
from hub.context import Hub
from hub.errors import StageFailed
from hub.national import National, Unsendable
from hub.procedures.in_force import version_then
from hub.runs import end_stage, failing, get_run
from hub.staging import printable
from hub.store import at_once, province_lock
from schemas.findings import Finding

CLAIM = 400
"""Dossiers whose intents are committed together."""

REFUSED = "refused_nationally"

NOT_KNOWN = "not_known_nationally"

TRIES = 3
"""Times a dossier without a clear answer is probed and sent in one push before it stays `unknown` for the next."""

OWED = f"""
WITH owed AS (
    SELECT dossier_code FROM delivery
    WHERE province = :province AND state IN ('pending', 'sending', 'unknown')
    UNION
    SELECT dossier_code FROM progress_step p
    WHERE province = :province AND state IN ('pending', 'sending', 'unknown')
      AND NOT EXISTS (SELECT FROM delivery x WHERE x.province = p.province AND x.dossier_code = p.dossier_code
                      AND x.state = 'held')
      AND NOT EXISTS (SELECT FROM progress_step h WHERE h.province = p.province AND h.dossier_code = p.dossier_code
                      AND h.state = 'held' AND h.happened_at <= p.happened_at)
)
SELECT d.dossier_code, d.outgoing_code, d.content_hash, d.record, d.procedure_code, p.name AS procedure_name,
       p.field_code, p.field_name, x.delivery_id, coalesce(i.known_nationally OR i.finished, false) AS inherited,
       coalesce((SELECT jsonb_agg(jsonb_build_object('step_key', s.step_key, 'record', s.record, 'state', s.state)
                        ORDER BY s.happened_at, s.ordinal)
                 FROM progress_step s WHERE s.province = d.province AND s.dossier_code = d.dossier_code
                 AND s.state IN ('pending', 'sending', 'unknown')
                 AND NOT EXISTS (SELECT FROM progress_step h WHERE h.province = s.province
                      AND h.dossier_code = s.dossier_code
                      AND h.state = 'held' AND h.happened_at <= s.happened_at)), '[]') AS steps,
       coalesce((SELECT jsonb_agg(s.record) FROM progress_step s WHERE s.province = d.province
                 AND s.dossier_code = d.dossier_code AND s.state = 'delivered'), '[]') AS sent_steps
FROM owed JOIN dossier d ON d.province = :province AND d.dossier_code = owed.dossier_code
{version_then("d.procedure_code", "d.received_at")}
LEFT JOIN delivery x ON x.province = d.province AND x.dossier_code = d.dossier_code
     AND x.state IN ('pending', 'sending', 'unknown')
LEFT JOIN succession i ON i.province = d.province AND i.dossier_code = d.dossier_code
WHERE d.dossier_code > :after
ORDER BY d.dossier_code LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Owed:
    """What one dossier still owes the national side."""

    dossier_code: str
    outgoing_code: str
    content_hash: str
    record: dict[str, Any]
    procedure_code: str
    procedure_name: str | None
    field_code: str | None
    field_name: str | None
    delivery_id: int | None
    inherited: bool
    """An old province reported it, or it was history at the cutover: it is updated, never created."""
    steps: list[dict[str, Any]]
    sent_steps: list[dict[str, Any]]


def push(hub: Hub, run_id: int) -> dict[str, Any]:
    """Send everything the province owes, older runs' remainders included.

    Returns:
        Counts of this push: `delivered` dossiers, `steps_delivered`, `refused`, `unknown`.

    Raises:
        StageFailed: the adapter cannot be reached or refuses the login; everything answered so far is kept.
    """
    with province_lock(hub.engine, hub.slug, "push"):
        run = get_run(hub.engine, run_id)
        if run.past("pushed"):
            return run.counts
        if run.dry_run:
            return {}
        with failing(hub.engine, run_id):
            try:
                _push_all(hub, run_id)
            except PeerError as error:
                raise _explained(hub, error) from error
            with hub.engine.begin() as connection:
                counts = sent_counts(connection, hub.slug, run_id)
                end_stage(connection, run_id, "pushed", counts)
            return counts


def _push_all(hub: Hub, run_id: int) -> None:
    """Claim and send in batches; a peer that is down stops the claims, and every call under way still ends in order."""
    side, stop = National(hub), Event()
    total, done = _count_owed(hub), 0
    with ThreadPoolExecutor(max_workers=side.parallel, thread_name_prefix="push") as pool:
        for batch in _claims(hub, run_id):
            futures = [pool.submit(_send, hub.engine, side, hub.slug, run_id, owed, stop) for owed in batch]
            done += _watch(hub, futures, stop, done, total)


def _watch(hub: Hub, futures: Sequence[Future[None]], stop: Event, done: int, total: int) -> int:
    pending = set(futures)
    try:
        while pending:
            ended, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
            for future in ended:
                future.result()
            hub.progress("push", done + len(futures) - len(pending), total)
    except BaseException:
        stop.set()
        raise
    return len(futures)


def _count_owed(hub: Hub) -> int:
    query = text(
        "SELECT count(*) FROM (SELECT dossier_code FROM delivery WHERE province = :province AND state IN"
        " ('pending', 'sending', 'unknown') UNION SELECT dossier_code FROM progress_step WHERE province = :province"
        " AND state IN ('pending', 'sending', 'unknown')) owed"
    )
    with hub.engine.connect() as connection:
        return int(connection.scalar(query, {"province": hub.slug}) or 0)


def _claims(hub: Hub, run_id: int) -> Iterator[list[Owed]]:
    """Batches of dossiers with their intent committed: `pending` becomes `sending`, a leftover `sending` `unknown`."""
    after = ""
    while True:
        with hub.engine.begin() as connection:
            rows = connection.execute(text(OWED), {"province": hub.slug, "after": after, "limit": CLAIM}).all()
            batch = [Owed(**row._mapping) for row in rows]
            codes = {"province": hub.slug, "codes": [owed.dossier_code for owed in batch], "run_id": run_id}
            connection.execute(
                text(
                    "UPDATE delivery SET state = 'sending', intent_at = clock_timestamp(), sent_run_id = :run_id,"
                    " attempts = attempts + 1 WHERE province = :province AND dossier_code = ANY(:codes)"
                    " AND state IN ('pending', 'sending', 'unknown')"
                ),
                codes,
            )
            connection.execute(
                text(
                    "UPDATE progress_step SET state = 'sending', sent_run_id = :run_id WHERE province = :province"
                    " AND dossier_code = ANY(:codes) AND state IN ('pending', 'sending', 'unknown')"
                ),
                codes,
            )
        if not batch:
            return
        after = batch[-1].dossier_code
        yield batch


def _send(engine: Engine, side: National, province: str, run_id: int, owed: Owed, stop: Event) -> None:
    """One dossier from look-up to last step; what could not be told for certain is left `unknown`."""
    if stop.is_set():
        with engine.begin() as connection:
            _give_back(connection, province, owed, "pending")
        return
    for attempt in range(1, TRIES + 1):
        try:
            _deliver(engine, side, province, run_id, owed)
            return
        except Unsendable as error:
            with engine.begin() as connection:
                _hold_dossier(connection, province, run_id, owed, "unsendable", str(error))
            return
        except PeerUnknown as error:
            with engine.begin() as connection:
                _give_back(connection, province, owed, "unknown", str(error))
            if attempt == TRIES:
                return
            side.settle()  # what is still being carried out must show in the look-up
        except PeerBusy as error:  # it said "later" to this dossier until the tries were used up
            with engine.begin() as connection:
                _give_back(connection, province, owed, "unknown", str(error))
            if error.status in (429, 503):
                raise
            return
        except PeerError as error:  # nothing was carried out: a write without a readable answer is PeerUnknown
            with engine.begin() as connection:
                _give_back(connection, province, owed, "pending", str(error))
            if isinstance(error, PeerDown | AuthRefused):
                raise
            return


def _deliver(engine: Engine, side: National, province: str, run_id: int, owed: Owed) -> None:
    known = side.look_up(owed.outgoing_code)
    if owed.delivery_id is not None:
        if known is None and owed.inherited:
            with engine.begin() as connection:
                said = f"no dossier {owed.outgoing_code} is found; an old province's dossier is never created anew"
                _hold_dossier(connection, province, run_id, owed, NOT_KNOWN, said)
            return
        payload = side.dossier_payload(owed.record, owed)
        if known is None or not side.same_dossier(payload, known):
            answer = side.put_dossier(payload, updating=known is not None)
            if answer.kind != "done":
                with engine.begin() as connection:
                    _hold_dossier(
                        connection, province, run_id, owed, REFUSED, printable(f"{answer.code}: {answer.text}")
                    )
                return
        else:
            answer = None
        _dossier_delivered(engine, province, owed, answer)
    elif known is None:
        with engine.begin() as connection:
            _owe_again(connection, province, run_id, owed)
        return
    _send_steps(engine, side, province, run_id, owed, known)


def _send_steps(
    engine: Engine, side: National, province: str, run_id: int, owed: Owed, known: dict[str, Any] | None
) -> None:
    """Steps in time order, in the spec's batches; those the national side shows already are not sent again."""
    there = side.step_marks(known)
    there.subtract(side.mark(side.step_payload(step, owed)) for step in owed.sent_steps)
    left: list[tuple[str, dict[str, Any]]] = []
    seen: list[str] = []
    for place, step in enumerate(owed.steps):
        try:
            payload = side.step_payload(step["record"], owed)
        except Unsendable as error:
            with engine.begin() as connection:
                keys = [one["step_key"] for one in owed.steps[place:]]
                _hold_steps(connection, province, run_id, owed, keys, "unsendable", str(error))
            break
        mark = side.mark(payload)
        if there.get(mark, 0) > 0:
            there[mark] -= 1
            seen.append(step["step_key"])
        else:
            left.append((step["step_key"], payload))
    if seen:
        _steps_delivered(engine, province, owed.dossier_code, seen)
    while left:
        batch, left = left[: side.step_batch], left[side.step_batch :]
        answer = side.put_steps([payload for _, payload in batch])
        if answer.kind == "done":
            _steps_delivered(engine, province, owed.dossier_code, [key for key, _ in batch])
            continue
        keys = [key for key, _ in (*batch, *left)]
        with engine.begin() as connection:
            _hold_steps(connection, province, run_id, owed, keys, REFUSED, printable(f"{answer.code}: {answer.text}"))
        return


DOSSIER_DELIVERED = """
WITH answered AS (
    UPDATE delivery SET state = CASE WHEN content_hash = :hash THEN 'delivered' ELSE 'pending' END,
        answered_at = clock_timestamp(), answer_code = :answer_code, answer_text = :answer_text, reason = NULL
    WHERE delivery_id = :id
)
UPDATE dossier SET delivered_hash = :hash WHERE province = :province AND dossier_code = :code
"""
"""PostgreSQL locks the dossier first, as a merge does that is under way at the same time."""

STEPS_DELIVERED = """
UPDATE progress_step SET state = 'delivered', answered_at = clock_timestamp(), reason = NULL
WHERE province = :province AND dossier_code = :code AND step_key = ANY(:keys)
"""


def _dossier_delivered(engine: Engine, province: str, owed: Owed, answer: Answer | None) -> None:
    """Accepted now, or found there already with the same content (answer None).

    When a newer version was merged while the call was under way, that one is owed next.
    """
    given = {
        "id": owed.delivery_id,
        "hash": owed.content_hash,
        "province": province,
        "code": owed.dossier_code,
        "answer_code": answer.code if answer else None,
        "answer_text": printable(answer.text) if answer else "already there with the same content",
    }
    with at_once(engine) as connection:
        connection.execute(text(DOSSIER_DELIVERED), given)


def _steps_delivered(engine: Engine, province: str, code: str, keys: list[str]) -> None:
    with at_once(engine) as connection:
        connection.execute(text(STEPS_DELIVERED), {"province": province, "code": code, "keys": keys})


def _give_back(connection: Connection, province: str, owed: Owed, state: str, reason: str | None = None) -> None:
    """What is still `sending` of this dossier goes back to `pending` or becomes `unknown`."""
    words = printable(reason) if reason else None
    given = {"province": province, "code": owed.dossier_code, "state": state, "reason": words}
    for table in ("delivery", "progress_step"):
        connection.execute(
            text(
                f"UPDATE {table} SET state = :state, reason = :reason"
                " WHERE province = :province AND dossier_code = :code AND state = 'sending'"
            ),
            given,
        )


def _owe_again(connection: Connection, province: str, run_id: int, owed: Owed) -> None:
    """Steps are owed but the national side does not know the dossier any more: the dossier is owed again, first."""
    connection.execute(
        text(
            "INSERT INTO delivery (province, dossier_code, content_hash, run_id, reason)"
            " VALUES (:province, :code, :hash, :run_id, 'the national side does not know it any more')"
            " ON CONFLICT (province, dossier_code) WHERE state <> 'delivered' DO NOTHING"
        ),
        {"province": province, "code": owed.dossier_code, "hash": owed.content_hash, "run_id": run_id},
    )
    _give_back(connection, province, owed, "pending")


HOLD = """
WITH again AS (
    UPDATE quarantine q SET state = 'held', freed_at = NULL, freed_run_id = NULL, seen_run_id = :run_id,
           findings = CAST(:findings AS jsonb), reason = :reason
    WHERE q.item_id = (
        SELECT max(r.item_id) FROM quarantine r JOIN dossier d ON d.province = r.province
             AND d.dossier_code = r.dossier_code AND d.content_hash = r.content_hash
        WHERE r.province = :province AND r.dossier_code = :code AND r.kind = :kind AND r.stage = 'push'
          AND r.state = 'redriven')
      AND NOT EXISTS (SELECT FROM quarantine o WHERE o.province = q.province AND o.kind = q.kind AND o.state = 'held'
                      AND o.source_key = q.source_key AND o.content_hash = q.content_hash)
    RETURNING q.item_id
)
INSERT INTO quarantine (province, kind, stage, dossier_code, source_key, reason, findings, mapped, message_id,
    content_hash, changed_at, run_id, seen_run_id)
SELECT :province, :kind, 'push', d.dossier_code, d.source_key, :reason, CAST(:findings AS jsonb),
       d.record, d.message_id, d.content_hash, d.changed_at, :run_id, :run_id
FROM dossier d WHERE d.province = :province AND d.dossier_code = :code AND NOT EXISTS (SELECT FROM again)
ON CONFLICT (province, kind, source_key, content_hash) WHERE state = 'held' DO UPDATE SET
    seen_run_id = :run_id, findings = excluded.findings
"""
"""What was redriven with the same content and is refused once more is the same item."""


def _hold_dossier(connection: Connection, province: str, run_id: int, owed: Owed, reason: str, said: str) -> None:
    """The dossier and its steps wait in quarantine, with the adapter's words or the field that cannot be said."""
    held = connection.execute(
        text(
            "UPDATE delivery SET state = 'held', answered_at = clock_timestamp(), answer_text = :said, reason = :reason"
            " WHERE delivery_id = :id AND content_hash = :hash"
        ),
        {"id": owed.delivery_id, "hash": owed.content_hash, "said": said, "reason": reason},
    ).rowcount
    _give_back(connection, province, owed, "pending")
    if held:  # else a newer version was merged meanwhile; it is owed, and judged by itself
        _quarantine(connection, province, run_id, owed, "dossier", reason, said)


def _hold_steps(
    connection: Connection, province: str, run_id: int, owed: Owed, keys: list[str], reason: str, said: str
) -> None:
    """These steps, a refused batch and all behind it, wait; the dossier itself is delivered."""
    connection.execute(
        text(
            "UPDATE progress_step SET state = 'held', answered_at = clock_timestamp(), reason = :said"
            " WHERE province = :province AND dossier_code = :code AND step_key = ANY(:keys)"
        ),
        {"province": province, "code": owed.dossier_code, "keys": keys, "said": said},
    )
    _quarantine(connection, province, run_id, owed, "step", reason, said)


def _quarantine(
    connection: Connection, province: str, run_id: int, owed: Owed, kind: str, reason: str, said: str
) -> None:
    given = {"province": province, "kind": kind, "code": owed.dossier_code, "run_id": run_id}
    finding = Finding(reason, kind, said, rule="national adapter")
    findings = orjson.dumps([finding.as_dict()]).decode()
    connection.execute(text(HOLD), given | {"reason": reason, "findings": findings})


def sent_counts(connection: Connection, province: str, run_id: int) -> dict[str, Any]:
    """What a run's push ended with, from the outbox itself."""
    query = text(
        "SELECT count(DISTINCT dossier_code) FILTER (WHERE state = 'delivered') AS delivered,"
        " count(*) FILTER (WHERE state = 'held') AS refused,"
        " count(*) FILTER (WHERE state IN ('unknown', 'sending')) AS unknown,"
        " (SELECT count(*) FROM progress_step WHERE province = :province AND sent_run_id = :run_id"
        "   AND state = 'delivered') AS steps_delivered"
        " FROM delivery WHERE province = :province AND sent_run_id = :run_id"
    )
    return dict(connection.execute(query, {"province": province, "run_id": run_id}).one()._mapping)


def _explained(hub: Hub, error: PeerError) -> StageFailed:
    with hub.engine.connect() as connection:
        left = connection.scalar(
            text("SELECT count(*) FROM delivery WHERE province = :province AND state NOT IN ('delivered', 'held')"),
            {"province": hub.slug},
        )
    return StageFailed(
        error.what,
        where=f"{hub.slug} · push · {error.where}",
        next_step=f"{left:,} dossiers wait in the outbox; nothing that was answered is lost.\n  {error.next_step}\n"
        f"  Retry now: lienthong sync {hub.slug}",
    )
