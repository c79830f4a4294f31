"""Pull the national list: one call for the codes, one for each record, all in parallel within the adapter's limits."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any

from connectors import Answer, Connector
from connectors.errors import AuthRefused, BadAnswer, PeerError, PeerFault, PeerRefused
from hub.errors import StageFailed
from hub.procedures import versions
from hub.procedures.attempt import attempt, keep_message
from hub.procedures.guard import refuse_short
from hub.procedures.names import tidy
from hub.procedures.portal import NATIONAL, Portal
from hub.procedures.record import CODE, NAME, Procedure, read_procedure
from hub.runs import end_stage

CHUNK = 200
"""Records that land in one transaction."""
RESUMABLE = timedelta(hours=24)
"""How long the records of a failed attempt may be used by the next one."""
MOST_UNANSWERED = 0.01
"""Share of the list that may stay without a readable record before the pull gives up; at least 20."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A listed code of which the portal gave no record that can be used; its present version stays."""

    code: str
    reason: str
    raw: bytes


def pull_national(portal: Portal, *, accept_short: bool = False) -> dict[str, Any]:
    """Bring the national list up to date: changed records get a new version, disappeared codes are closed.

    All versions change in one transaction at the end. A failure before that changes none; the records that landed are
    used by the next attempt within 24 hours. A listed code without a readable record keeps the version it has.

    Args:
        accept_short: take a list that is much shorter than the present one, and close what it leaves out.

    Returns:
        `run_id`, `listed`, `fetched` (asked in this attempt), `new`, `changed`, `reopened`, `unchanged`, `closed`,
        `unanswered` (codes) and `repeated` (lines of the list that name a code again).

    Raises:
        StageFailed: the portal failed, or its list is suspiciously short; nothing was closed.
        Busy: another process pulls it now.
    """
    with attempt(portal.engine, NATIONAL, portal.clock(), partial(_explained, portal)) as run_id:
        return _pull(portal, run_id, accept_short)


def _pull(portal: Portal, run_id: int, accept_short: bool) -> dict[str, Any]:
    listed, repeated = _read_list(portal, run_id)
    with portal.engine.begin() as connection:
        refuse_short(
            len(listed),
            versions.current_count(connection),
            accept=accept_short,
            where=f"{portal.connector.peer.id} · procedure_list",
            command="lienthong procedures pull",
        )
        versions.create_staging(connection, run_id)
        landed = versions.staged_codes(connection, run_id, portal.clock() - RESUMABLE) & listed.keys()
    todo = [code for code in listed if code not in landed]
    unanswered = _land(portal, run_id, todo, listed, len(landed))
    with portal.engine.begin() as connection:
        written = versions.write_versions(connection, run_id, listed, source=versions.SERVICE, now=portal.clock())
        counts = {
            "listed": len(listed),
            "fetched": len(todo),
            **written,
            "unanswered": [one.code for one in unanswered],
            "repeated": repeated,
        }
        versions.drop_staging(connection, run_id)
        end_stage(connection, run_id, "done", counts)
    return {"run_id": run_id, **counts}


def _read_list(portal: Portal, run_id: int) -> tuple[dict[str, str], int]:
    """Codes and names of LayDanhSachTTHC in order of code, and how many lines named a code again."""
    portal.progress("procedures", 0, None)
    answer = portal.connector.call("procedure_list")
    keep_message(
        portal.engine,
        run_id,
        NATIONAL,
        answer.raw,
        at=portal.clock(),
        records=len(answer.result),
        status=answer.status,
        media_type="application/json",
        error=None if answer.kind == "done" else f"{answer.code}: {answer.text}",
    )
    if answer.kind != "done":
        raise _refused(portal.connector, answer)
    listed: dict[str, str] = {}
    lines = [line for line in answer.result if isinstance(line, dict) and tidy(line.get(CODE))]
    for line in lines:
        listed.setdefault(tidy(line[CODE]), tidy(line.get(NAME)))
    return dict(sorted(listed.items())), len(lines) - len(listed)


def _land(portal: Portal, run_id: int, todo: Sequence[str], names: dict[str, str], landed: int) -> list[Unanswered]:
    """Ask for every code and stage the records, chunk by chunk; what came before a failure is staged too."""
    total, unanswered = len(names), list[Unanswered]()
    most = max(20, int(total * MOST_UNANSWERED))

    def ask(code: str) -> Procedure | Unanswered:
        return ask_procedure(portal.connector, code, names[code])

    portal.progress("procedures", landed, total)
    with closing(_chunks(ask, todo, portal.connector.spec.limits.parallel)) as chunks:
        for chunk, problem in chunks:
            odd = _stage(portal, run_id, chunk)
            unanswered += odd
            landed += len(chunk)
            portal.progress("procedures", landed, total)
            if len(unanswered) > most:
                raise _too_many(portal.connector, unanswered, total)
            if problem is not None:
                raise problem
    return sorted(unanswered, key=lambda one: one.code)


def _stage(portal: Portal, run_id: int, answers: list[Procedure | Unanswered]) -> list[Unanswered]:
    """Stage the records, keep the raw answers that are none, and give those back."""
    odd = [one for one in answers if isinstance(one, Unanswered)]
    with portal.engine.begin() as connection:
        found = (one for one in answers if isinstance(one, Procedure))
        versions.stage(connection, run_id, found, portal.clock())
    for one in odd:
        problem = f"{one.code}: {one.reason}"
        keep_message(portal.engine, run_id, NATIONAL, one.raw, at=portal.clock(), error=problem)
    return odd


def _chunks(
    ask: Callable[[str], Procedure | Unanswered], codes: Sequence[str], parallel: int
) -> Generator[tuple[list[Procedure | Unanswered], BaseException | None], None, None]:
    """Answers as they come, some at a time. The first failure ends the asking; it comes with the last answers."""
    stop = Event()

    def answer(code: str) -> Procedure | Unanswered | None:
        return None if stop.is_set() else ask(code)

    chunk, problem = list[Procedure | Unanswered](), None
    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="procedures") as pool:
        try:
            for future in as_completed([pool.submit(answer, code) for code in codes]):
                if error := future.exception():
                    stop.set()
                    problem = problem or error
                elif (found := future.result()) is not None:
                    chunk.append(found)
                if len(chunk) == CHUNK:
                    yield chunk, None
                    chunk = []
            yield chunk, problem
        finally:
            stop.set()


def ask_procedure(connector: Connector, code: str, name: str) -> Procedure | Unanswered:
    """One LayThuTuc. An answer about this one code only is not a failure of the pull; a peer that is gone is.

    Raises:
        PeerDown, AuthRefused: nothing more can be asked.
    """
    try:
        answer = connector.call("procedure", code=code)
    except (BadAnswer, PeerFault) as error:
        return Unanswered(code, error.what, error.raw or b"")
    if answer.kind == "not_found":
        return Unanswered(code, "it is listed, but there is no record of it", answer.raw)
    if answer.kind != "done":
        return Unanswered(code, f"refused with code {answer.code}: {answer.text}", answer.raw)
    record = answer.result[0]
    if not isinstance(record, dict):
        return Unanswered(code, "the record is not an object", answer.raw)
    if (told := tidy(record.get(CODE))) and told != code:
        return Unanswered(code, f"the answer is about {told}", answer.raw)
    if not (name or tidy(record.get(NAME))):
        return Unanswered(code, "it has no name", answer.raw)
    return read_procedure(code, name, record)


def _refused(connector: Connector, answer: Answer) -> PeerRefused:
    return PeerRefused(
        f'the portal does not give the list (code {answer.code}, "{answer.text}").',
        peer=connector.peer.id,
        operation=answer.operation,
        status=answer.status,
        raw=answer.raw,
        next_step="Check that the account may read the catalogues (LayDanhSachTTHC) and that madonvi is right.",
    )


def _too_many(connector: Connector, unanswered: list[Unanswered], total: int) -> BadAnswer:
    first = unanswered[0]
    return BadAnswer(
        f"{len(unanswered):,} of {total:,} listed procedures have no record that can be used; "
        f"the first is {first.code}: {first.reason}.",
        peer=connector.peer.id,
        operation="procedure",
        raw=first.raw,
        next_step="The answers are kept in the message log of this run. Ask who runs the adapter.",
    )


def _explained(portal: Portal, run_id: int, error: PeerError) -> StageFailed:
    """The failure as an operator reads it: what is kept, and that nothing was closed."""
    kept = "No procedure was closed or changed."
    with portal.engine.begin() as connection:
        versions.create_staging(connection, run_id)
        landed = len(versions.staged_codes(connection, run_id, portal.clock() - RESUMABLE))
    if landed:
        kept += f" {landed:,} records are landed; the next pull asks only for the rest (within 24 hours)."
    again = "" if isinstance(error, AuthRefused) else "\n  Retry now: lienthong procedures pull"
    return StageFailed(error.what, where=error.where, next_step=f"{error.next_step}\n  {kept}{again}")
