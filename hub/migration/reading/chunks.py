"""Chunks: windows of changes of one source, cut from its first change to the attempt's mark, and the deltas behind it.

A source whose peer takes both ends of a window is cut by time. One that gives its newest change first and takes no
window would be walked from the top for each chunk: its history is one chunk, resumed at a page like any other. Windows
reach back behind the end of the one before by the source's own overlap: a peer may leave out both ends, or commit late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from math import ceil
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from connectors import Window
from connectors.errors import PeerError
from connectors.paging.walks import is_newest_first
from connectors.spec.pages import NoPages
from hub.context import Hub
from hub.errors import ConfigurationError, StageFailed
from hub.messages import STREAM
from hub.migration.attempt import Migrating
from schemas.migration_tables import migration_chunk
from schemas.records import VIET_NAM

ChunkKind = Literal["history", "delta", "final"]

MOST = 120
"""Chunks of a source's history at most: a longer one is cut into longer chunks."""
FAR = timedelta(days=3650)
"""How far back a history is taken to reach where neither a file nor the peer says it; what is older is in the first
chunk, whose window has no start."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One row of `migration_chunk`: a window of changes of one source, and how far it is read."""

    migration_id: int
    source: str
    number: int
    kind: ChunkKind
    since: datetime | None
    until: datetime
    run_id: int | None
    state: str
    counts: dict[str, Any]


_COLUMNS = [migration_chunk.c[name] for name in Chunk.__dataclass_fields__]


def _read(row: Row[Any]) -> Chunk:
    return Chunk(**row._mapping)


def get_chunk(m: Migrating, source: str, number: int) -> Chunk:
    """The chunk as it stands now.

    Raises:
        ConfigurationError: the attempt has no such chunk.
    """
    query = select(*_COLUMNS).filter_by(migration_id=m.attempt_id, source=source, number=number)
    with m.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise ConfigurationError(
            f"there is no chunk {number} of {source}",
            where=f"migration {m.plan.slug}",
            next_step=f"lienthong migrate run {m.plan.slug} cuts the chunks and reads them.",
        )
    return _read(row)


def chunks_of(m: Migrating, source: str | None = None) -> list[Chunk]:
    """The attempt's chunks, of one source or of all, in order."""
    query = select(*_COLUMNS).filter_by(migration_id=m.attempt_id)
    if source is not None:
        query = query.filter_by(source=source)
    order = {one.province: place for place, one in enumerate(m.plan.sources)}
    with m.engine.connect() as connection:
        found = [_read(row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (order.get(one.source, len(order)), one.number))


def cut_chunks(m: Migrating, source: str | None = None) -> list[tuple[str, int]]:
    """Cut the history of every source, or of one, that is not cut yet. Returns the history chunks that are not read:
    (source, number).

    Raises:
        ConfigurationError: a source's system gives each dossier once and shows no history.
        StageFailed: the peer that was asked for its first change did not answer.
    """
    wanted = [one.province for one in m.plan.sources if source in (None, one.province)]
    known = {chunk.source for chunk in chunks_of(m) if chunk.kind == "history"}
    for slug in wanted:
        if slug not in known:
            windows = _windows(m, m.source(slug))
            with m.engine.begin() as connection:
                for number, (since, until) in enumerate(windows, 1):
                    _add(connection, m, slug, number, "history", since, until)
    return [
        (one.source, one.number)
        for one in chunks_of(m)
        if one.kind == "history" and one.state != "done" and one.source in wanted
    ]


def delta_chunk(m: Migrating, source: str, until: datetime, kind: ChunkKind = "delta") -> int:
    """The next delta of a source: from the newest change that was seen, less the plan's overlap, to `until`. Returns
    its number. This machine's clock decides nothing: a source whose clock is behind loses nothing.

    One that was begun and not read to its end is taken up with the end it has.

    Raises:
        StageFailed: its history is not read to its end; what changed meanwhile comes behind it.
    """
    chunks = chunks_of(m, source)
    behind = next((one for one in chunks if one.state != "done"), None)
    if behind is not None and behind.kind != "history":
        return behind.number
    if behind is not None or not chunks:
        raise StageFailed(
            f"the history of {source} is not read to its end",
            where=f"migration {m.plan.slug} · {source}",
            next_step=f"lienthong migrate run {m.plan.slug} resumes it; deltas come behind it.",
        )
    reached = max(one.until for one in chunks)
    number = chunks[-1].number + 1
    with m.engine.begin() as connection:
        since = min(reached, _newest(chunks) or reached) - m.plan.deltas.overlap
        _add(connection, m, source, number, kind, since, max(until, reached))
    return number


def _newest(chunks: Sequence[Chunk]) -> datetime | None:
    """The newest change that was seen, as the chunks tell it: to ask the account for it would read all of it."""
    said = [datetime.fromisoformat(one.counts["newest"]) for one in chunks if "newest" in one.counts]
    return max(said, default=None)


def read_until(m: Migrating) -> datetime | None:
    """Up to when every source is read; None while a history is not read to its end."""
    reached = []
    for source in m.plan.sources:
        chunks = chunks_of(m, source.province)
        if not chunks or any(one.kind == "history" and one.state != "done" for one in chunks):
            return None
        reached.append(max(one.until for one in chunks if one.state == "done"))
    return min(reached)


def mark_chunk(connection: Connection, chunk: Chunk, state: str, **values: Any) -> None:
    """Write the chunk's state, inside the caller's transaction."""
    if state == "reading":
        values["started_at"] = func.coalesce(migration_chunk.c.started_at, func.clock_timestamp())
    values["ended_at"] = func.clock_timestamp() if state == "done" else None
    named = {"migration_id": chunk.migration_id, "source": chunk.source, "number": chunk.number}
    connection.execute(update(migration_chunk).filter_by(**named).values(state=state, **values))


def _add(
    connection: Connection,
    m: Migrating,
    source: str,
    number: int,
    kind: ChunkKind,
    since: datetime | None,
    until: datetime,
) -> None:
    named = {**_of(m, source), "number": number}
    fresh = insert(migration_chunk).values(**named, kind=kind, since=since, until=until)
    connection.execute(fresh.on_conflict_do_nothing())  # another run may cut at the same moment; one of them reads


def _of(m: Migrating, source: str) -> dict[str, Any]:
    return {"migration_id": m.attempt_id, "source": source}


def _windows(m: Migrating, hub: Hub) -> list[tuple[datetime | None, datetime]]:
    """The windows of a source's history: the first without a start, the last up to the attempt's mark."""
    mark = m.attempt.mark
    if not is_cut_by_time(hub):
        return [(None, mark)]
    first = datetime.combine(_first_change(hub, mark).astimezone(VIET_NAM).date(), time(), VIET_NAM)
    behind = max(hub.province.overlap, timedelta(seconds=1))
    long = timedelta(days=max(m.plan.chunks.days, ceil((mark - first) / timedelta(days=MOST - 1))))
    edges = [first + (long - behind) * place for place in range(1, MOST + 1)]  # some peers give no day more at once
    ends = [*(edge for edge in edges if edge < mark), mark]
    return [(None, ends[0]), *((one - behind, other) for one, other in pairwise(ends))]


def is_cut_by_time(hub: Hub) -> bool:
    """Whether the source's peer is told both ends of a window of changes.

    Raises:
        ConfigurationError: it is a queue: what a sync has taken from it does not come again.
    """
    if hub.source.is_queue(STREAM):
        raise ConfigurationError(
            f"{hub.source.spec.system} gives each dossier once and shows no history (pages: by: queue)",
            where=f"provinces/{hub.slug}.yaml: system",
            next_step="Ask the vendor for an operation that lists dossiers, and write its stream in the spec.",
        )
    window = hub.source.spec.streams[STREAM].window
    return window is not None and bool(window.since) and bool(window.until)


def _first_change(hub: Hub, mark: datetime) -> datetime:
    """When the source's first change was, as its file or spec says it or as its oldest record shows; only for cutting:
    what is older is read all the same."""
    stream = hub.source.spec.streams[STREAM]
    said = hub.province.earliest or (stream.window.earliest if stream.window else None)
    if said is not None or is_newest_first(stream) or isinstance(stream.pages, NoPages):
        return min(said or mark - FAR, mark)
    try:
        page = next(iter(hub.source.pull(STREAM, Window(None, mark), rows=1)), None)
    except PeerError as error:
        raise StageFailed(
            error.what, where=f"{hub.slug} · {STREAM} · the first change", next_step=error.next_step
        ) from error
    times = [hub.source.changed_of(STREAM, record) for record in page.records()] if page else []
    return min((one for one in times if one is not None and one.year >= 1990), default=mark)
