"""A migration's run: the history of all sources, what collides, the load, and what changed meanwhile."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import text, update

from hub.errors import Busy, HubError, Refused, StageFailed
from hub.migration.attempt import Migrating, advance
from hub.migration.cutover.states import NEXT
from hub.migration.deciding.collisions import find_collisions
from hub.migration.plans.changes import must_be_the_plan
from hub.migration.reading.chunks import Chunk, ChunkKind, chunks_of, cut_chunks, delta_chunk, get_chunk, read_until
from hub.migration.reading.one_chunk import read_chunk
from hub.migration.reading.workers import in_turn, side_by_side
from hub.migration.target.handing_over import hand_over
from hub.migration.watching.clock import tick
from schemas.migration_tables import migration

SETTLED = "SELECT state, count(*) FROM migrated WHERE migration_id = :id GROUP BY state ORDER BY state"
GOES_ON = ("reading", "loading", "following")
"""States in which a run goes on."""


def run(m: Migrating, *, processes: int = 1, until: datetime | None = None) -> dict[str, Any]:
    """Bring the attempt as far as it can go: history, collisions, load and files once, then what changed until now.

    Returns:
        `state` it stands in now; `history` and `delta` by source, `load` and `delta_load` with what was handed over;
        `counts` of the account by state.

    Raises:
        Refused: it is past following its sources, or by another plan than it began with.
        StageFailed: a peer failed; the other sources were read on, and the next run resumes.
    """
    must_go_on(m)
    told: dict[str, Any] = {}
    if m.attempt.state == "reading":
        told["history"] = run_history(m, processes=processes)
        collide(m)
    if m.attempt.state == "loading":
        told["load"] = hand_over(m)
        loaded(m)
    told["delta"] = run_delta(m, processes=processes, until=until)
    told["delta_load"] = hand_over(m)
    return {"state": m.attempt.state, **told, "counts": settle_counts(m)}


def must_go_on(m: Migrating) -> None:
    """Raises Refused for an attempt that has come further, or was rolled back, or began with another plan."""
    attempt = m.attempt
    if attempt.state not in GOES_ON:
        raise Refused(
            f"there is nothing to run: the {attempt.kind} stands at '{attempt.state}'",
            where=f"migration {m.plan.slug} · attempt {attempt.migration_id}",
            next_step=f"Nothing was read. {NEXT.get(attempt.state, '').format(plan=m.plan.slug)}".rstrip(),
        )
    must_be_the_plan(m)


def collide(m: Migrating) -> dict[str, Any]:
    """Find what collides once all history is read, before anything is loaded.

    Raises:
        StageFailed: a chunk is not read yet.
    """
    if m.attempt.state != "reading":
        return {}
    if read_until(m) is None:
        raise StageFailed(
            "the history is not read to its end",
            where=f"migration {m.plan.slug}",
            next_step="Clear the chunks that failed, or start the flow again: it reads what is missing.",
        )
    settle_counts(m)
    found = find_collisions(m)
    advance(m, ("reading",), "loading")
    return found


def loaded(m: Migrating) -> None:
    """History and files are handed over: a cutover follows its sources from here on."""
    if m.attempt.kind == "cutover" and m.attempt.state == "loading":
        advance(m, ("loading",), "following")


def run_history(m: Migrating, *, processes: int = 1, sources: Sequence[str] | None = None) -> dict[str, Any]:
    """Read every chunk of the history that is not read yet. Returns counts by source."""
    found = _all(m, read_history, processes, sources)
    settle_counts(m)
    return found


def run_delta(
    m: Migrating,
    *,
    processes: int = 1,
    until: datetime | None = None,
    kind: ChunkKind = "delta",
    sources: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Read of every source what changed since it was read, up to `until` or now. Returns counts by source."""
    found = _all(m, partial(read_delta, until=until or m.clock(), kind=kind), processes, sources)
    settle_counts(m)
    return found


def read_history(m: Migrating, source: str) -> dict[str, Any]:
    """All chunks of one source's history, one after the other; counts of them all, also of those read before."""
    for _, number in cut_chunks(m, source):
        _read(m, get_chunk(m, source, number))
    return _summed([one for one in chunks_of(m, source) if one.kind == "history"])


def read_delta(m: Migrating, source: str, until: datetime, kind: ChunkKind = "delta") -> dict[str, Any]:
    """What changed at one source since it was read; an older delta that was not read to its end comes first."""
    read: list[Chunk] = []
    while not read or read[-1].until < until:
        number = delta_chunk(m, source, until, kind)
        _read(m, get_chunk(m, source, number))
        read.append(get_chunk(m, source, number))
    return _summed(read)


def settle_counts(m: Migrating) -> dict[str, int]:
    """Write into the attempt how many rows stand in each state and up to when all sources are read."""
    with m.engine.begin() as connection:
        rows = connection.execute(text(SETTLED), {"id": m.attempt_id})
        counts = {str(state): int(dossiers) for state, dossiers in rows}
        values = {"counts": counts, "read_until": read_until(m)}
        connection.execute(update(migration).filter_by(migration_id=m.attempt_id).values(**values))
    tick(m)
    return counts


def _read(m: Migrating, chunk: Chunk) -> None:
    """Read one chunk; the source's bar goes on from what its chunks before it held."""
    hub, before = m.source(chunk.source), _summed(chunks_of(m, chunk.source)).get("records", 0)
    told = hub.progress
    hub.progress = lambda stage, done, total: told(f"read {chunk.source}", before + done, None)
    try:
        read_chunk(m, chunk.source, chunk.number)
    finally:
        hub.progress = told


def _all(m: Migrating, read: Any, processes: int, sources: Sequence[str] | None) -> dict[str, Any]:
    """Read all sources, whatever goes wrong with one of them; then say what went wrong."""
    wanted = [one.province for one in m.plan.sources if sources is None or one.province in sources]
    if processes > 1 and len(wanted) > 1 and m.transport is None:
        done, failed = side_by_side(m, wanted, read, processes)
    else:
        done, failed = in_turn(m, wanted, read)
    if failed:
        raise _explained(m, [error for _, error in failed], len(done))
    return {source: done[source] for source in wanted}


def _explained(m: Migrating, errors: list[Exception], read: int) -> Exception:
    """One error as it is; several as one that names each."""
    defect = next((error for error in errors if not isinstance(error, HubError)), None)
    if defect is not None:
        return defect
    first = errors[0]
    if len(errors) == 1 or not isinstance(first, HubError):
        return first
    kind = Busy if all(isinstance(error, Busy) for error in errors) else StageFailed
    others = f"{read} other{'s' * (read != 1)} read to the end" if read else "no other was read to its end"
    return kind(
        f"{len(errors)} sources were not read to their end; {others}.\n  "
        + "\n  ".join(str(error).replace("\n", "\n  ") for error in errors),
        where=f"migration {m.plan.slug}",
        next_step=f"What landed stays. Go on: lienthong migrate run {m.plan.slug}",
    )


def _summed(chunks: Sequence[Chunk]) -> dict[str, Any]:
    names = ("pages", "records", "bytes", "new", "changed", "same", "older", "held", "out_of_scope")
    counts = {name: sum(int(one.counts.get(name, 0)) for one in chunks) for name in names}
    return {"chunks": len(chunks), **counts}
