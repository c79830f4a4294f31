"""Pages of a run's window: fetched, mapped and landed, one transaction for each; a sync and a migration read alike.

Three pages are on their way at most: one is fetched and parsed, one mapped, one landed, in this order. Where the peer
gives the next page only when the one before it was acknowledged (a queue), there is one: it is acknowledged once it is
safe on disk, and comes again when anything fails before.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text, update

from connectors import Page, Window
from connectors.errors import PeerError
from hub.ahead import one_ahead, quick_turns
from hub.context import Hub
from hub.errors import StageFailed
from hub.landing import any_time, map_records
from hub.memory import for_pages
from hub.messages import STREAM, keep_page, keep_unreadable, landed
from hub.runs import Run
from hub.staging import Batch, copy_batch
from schemas import tables

Landed = Callable[[Page, int], None]
"""Called behind each landed page, with it and the number of records staged from it."""


def read_window(
    hub: Hub, run: Run, *, again: str, then: Landed | None = None, lead: timedelta = timedelta()
) -> None:  # fmt: skip
    """Read from the run's position to the end of its window; `again` is the command that goes on after a failure.

    With `lead` the window reaches so far beyond its end: nothing comes behind it, and the source's clock may be ahead.

    Raises:
        StageFailed: names the page; the pages before it are landed and the next reading goes on there.
    """
    until = run.until + lead
    number, records, queue = run.page, 0, hub.source.is_queue(STREAM)
    ahead: Callable[[Iterable[Any]], Iterator[Any]] = iter if queue else one_ahead

    def in_window(changed_at: datetime) -> bool:
        return (run.since is None or run.since <= changed_at) and changed_at <= until

    # What is acknowledged never comes again, so all of a queue is taken, whenever it changed.
    inside = any_time if queue else in_window
    try:
        with for_pages(), quick_turns():
            pages = ahead(hub.source.pull(STREAM, Window(run.since, until), after=_position(hub, run)))
            for page, batch in ahead((page, map_records(hub, enumerate(page.records()), inside)) for page in pages):
                records += land(hub, run.run_id, number + 1, page, batch, durable=queue)
                hub.progress("pull", records, page.total)
                if queue and run.dry_run:
                    break
                hub.source.acknowledge(STREAM, page)
                number += 1
                if then is not None:
                    then(page, batch.records)
    except PeerError as error:
        if error.raw:
            with hub.engine.begin() as connection:
                keep_unreadable(connection, hub.slug, run.run_id, number + 1, error.raw, error.what, hub.clock())
        raise _explained(hub, run.run_id, number + 1, error, again) from error


def land(hub: Hub, run_id: int, number: int, page: Page, batch: Batch, *, durable: bool) -> int:
    """Keep the body, stage its records and move the run's position, all or nothing. Returns the number of records.

    `durable` waits for the disk. Without it, a page that a power cut takes back is asked for again: its position goes
    with it.
    """
    with hub.engine.begin() as connection:
        if not durable:
            connection.execute(text("SET LOCAL synchronous_commit = off"))
        message_id = keep_page(connection, hub.slug, run_id, number, page, batch.records)
        copy_batch(connection, run_id, message_id, batch)
        connection.execute(
            update(tables.run)
            .filter_by(run_id=run_id)
            .values(page=number, position={**page.position, "of": _walk(hub)})
        )
    return batch.records


def _walk(hub: Hub) -> str:
    """What a position belongs to: system, address and page size. With another it means nothing."""
    pages = hub.source.spec.streams[STREAM].pages
    return f"{hub.source.spec.system} {hub.source.peer.url} {getattr(pages, 'rows', '')}"


def _position(hub: Hub, run: Run) -> dict[str, Any] | None:
    """Where to go on; from the window's start when the position was made for another walk (twice read is harmless)."""
    if run.position is None or run.position.get("of") != _walk(hub):
        return None
    return {name: value for name, value in run.position.items() if name != "of"}


def _explained(hub: Hub, run_id: int, number: int, error: PeerError, again: str) -> StageFailed:
    with hub.engine.connect() as connection:
        so_far = landed(connection, run_id)
    kept = (
        f"{so_far['records']:,} dossiers of {so_far['pages']} pages are landed; the next run resumes at page {number}."
    )
    return StageFailed(
        error.what,
        where=f"{hub.slug} · {STREAM} · page {number}",
        next_step=f"{kept}\n  {error.next_step}\n  Retry now: {again}",
    )
