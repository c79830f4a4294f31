"""Pull: read a window page by page, keep each body, map each record, stage it; one transaction for each page."""

from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

import zstandard
from sqlalchemy import Connection, insert, select, text, update

from connectors import Page, Window
from connectors.errors import PeerError
from hub.ahead import one_ahead, without_cycle_search
from hub.context import Hub
from hub.errors import StageFailed
from hub.runs import Run, end_stage, fail_run, get_run
from hub.staging import Batch, clear_staging, copy_batch, create_staging, staged_count
from hub.store import province_lock
from schemas import tables

STREAM = "dossiers"

Inside = Callable[[datetime], bool]
"""Whether a change time lies in the window. Peers that do not filter by it send more than was asked for."""


def _any_time(changed_at: datetime) -> bool:
    return True


def pull(hub: Hub, run_id: int) -> dict[str, Any]:
    """Land every page of the run's window that has not landed yet.

    Returns:
        Counts so far: `pages`, `records`, `bytes`, `mapping_held`.

    Raises:
        StageFailed: names the page; the pages before it are landed and the next run goes on there.
    """
    with province_lock(hub.engine, hub.slug, "sync"):
        run = get_run(hub.engine, run_id)
        if run.past("pulled"):
            return run.counts
        _prepare(hub, run)
        while True:
            _read_window(hub, run)
            if run.goal is None or run.goal <= run.until:
                break
            run = _next_window(hub, run)
        with hub.engine.begin() as connection:
            counts = _landed(connection, run_id)
            end_stage(connection, run_id, "pulled", counts)
        return counts


def _read_window(hub: Hub, run: Run) -> None:
    """Read from the run's position to the end of its window."""
    number, records = run.page, 0

    def inside(changed_at: datetime) -> bool:
        return (run.since is None or run.since <= changed_at) and changed_at <= run.until

    try:
        with without_cycle_search():
            for page in one_ahead(hub.source.pull(STREAM, Window(run.since, run.until), after=run.position)):
                number += 1
                records += land(hub, run.run_id, number, page, inside)
                hub.progress("pull", records, page.total)
    except PeerError as error:
        _keep_unreadable(hub, run.run_id, number + 1, error)
        failed = _explained(hub, run.run_id, number + 1, error)
        fail_run(hub.engine, run.run_id, failed)
        raise failed from error


def land(hub: Hub, run_id: int, number: int, page: Page, inside: Inside = _any_time) -> int:
    """Keep the body, stage its records and move the run's position, all or nothing. Returns the number of records."""
    batch = map_records(hub, enumerate(page.records()), inside)
    with hub.engine.begin() as connection:
        # A page that a power cut takes back is asked for again: its position goes with it. No wait for the disk.
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        message_id = _keep(connection, hub.slug, run_id, number, page, batch.records)
        copy_batch(connection, run_id, message_id, batch)
        connection.execute(update(tables.run).filter_by(run_id=run_id).values(page=number, position=page.position))
    return batch.records


def map_records(hub: Hub, records: Iterable[tuple[int, dict[str, Any]]], inside: Inside = _any_time) -> Batch:
    """Map the records of one message that changed inside the window; each comes with its place in the message."""
    mapping, source, batch = hub.mapping("dossier"), hub.source, Batch()
    for position, record in records:
        changed_at = source.changed_of(STREAM, record)
        if changed_at is None or inside(changed_at):
            batch.add(position, source.key_of(STREAM, record), changed_at, mapping.map(record))
    return batch


def _keep(connection: Connection, province: str, run_id: int, number: int, page: Page, records: int) -> int:
    statement = insert(tables.message).values(
        run_id=run_id,
        province=province,
        stream=STREAM,
        page=number,
        media_type=page.media_type,
        http_status=page.status,
        digest=page.digest,
        size=len(page.raw),
        records=records,
        body=zstandard.compress(page.raw, 3),
        received_at=page.received_at,
    )
    return int(connection.scalar(statement.returning(tables.message.c.message_id)) or 0)


def _keep_unreadable(hub: Hub, run_id: int, number: int, error: PeerError) -> None:
    """Keep the raw answer of a page that could not be read, so that it can be shown to the vendor."""
    if not error.raw:
        return
    with hub.engine.begin() as connection:
        connection.execute(
            insert(tables.message).values(
                run_id=run_id,
                province=hub.slug,
                stream=STREAM,
                page=number,
                digest=sha256(error.raw).hexdigest(),
                size=len(error.raw),
                records=0,
                body=zstandard.compress(error.raw, 3),
                error=error.what,
                received_at=hub.clock(),
            )
        )


def _prepare(hub: Hub, run: Run) -> None:
    """Make the staging tables, or fill them again from the message log when a crash of the server emptied them.

    What a refill stages beyond the window is older than what is known or, in a window fixed by a person, left out.
    """

    def inside(changed_at: datetime) -> bool:
        return not run.fixed or run.since is None or run.since <= changed_at <= run.until

    with hub.engine.begin() as connection:
        create_staging(connection, run.run_id)
        landed = _landed(connection, run.run_id)["records"]
        if staged_count(connection, run.run_id) == landed:
            return
        clear_staging(connection, run.run_id)
        message = tables.message.c
        query = select(message.message_id).where(message.run_id == run.run_id, message.error.is_(None))
        for message_id in connection.scalars(query.order_by(message.message_id)).all():
            body = connection.scalar(select(message.body).where(message.message_id == message_id)) or b""
            records = hub.source.parse(STREAM, zstandard.decompress(body))
            copy_batch(connection, run.run_id, message_id, map_records(hub, enumerate(records), inside))


def _next_window(hub: Hub, run: Run) -> Run:
    """After a resumed window: from its end, less the overlap, on to the run's goal."""
    with hub.engine.begin() as connection:
        connection.execute(
            update(tables.run)
            .filter_by(run_id=run.run_id)
            .values(since=run.until - hub.province.overlap, until=run.goal, position=None, goal=None)
        )
    return get_run(hub.engine, run.run_id)


def _landed(connection: Connection, run_id: int) -> dict[str, Any]:
    query = text(
        "SELECT count(*) AS pages, coalesce(sum(records), 0) AS records, coalesce(sum(size), 0) AS bytes"
        " FROM message WHERE run_id = :run_id AND error IS NULL"
    )
    return {name: int(value) for name, value in connection.execute(query, {"run_id": run_id}).one()._mapping.items()}


def _explained(hub: Hub, run_id: int, number: int, error: PeerError) -> StageFailed:
    with hub.engine.connect() as connection:
        landed = _landed(connection, run_id)
    kept = (
        f"{landed['records']:,} dossiers of {landed['pages']} pages are landed; the next run resumes at page {number}."
    )
    return StageFailed(
        error.what,
        where=f"{hub.slug} · {STREAM} · page {number}",
        next_step=f"{kept}\n  {error.next_step}\n  Retry now: lienthong sync {hub.slug}",
    )
