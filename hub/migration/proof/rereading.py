"""The sources read once more for a proof: keys, change times and digests of the raw records; nothing is mapped."""

from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

import orjson
from sqlalchemy import Connection, text

from connectors import Page, Window
from connectors.errors import PeerError
from hub.context import Hub
from hub.errors import StageFailed
from hub.landing import AHEAD, keyless
from hub.messages import STREAM, body_of
from hub.migration.attempt import Migrating
from hub.staging import content_hash, printable
from hub.store import raw_cursor

T = TypeVar("T")

BEGUN = """
SELECT CASE WHEN bool_and(since IS NOT NULL) THEN min(since) END FROM migration_chunk
WHERE migration_id = :id AND source = :source
"""
"""Where the first chunk of a source begins: what changed before it was never asked for, and some peers send it."""

MESSAGES = """
SELECT DISTINCT message_id FROM migrated WHERE migration_id = :id AND source = :source ORDER BY message_id
"""

NEWEST = """
CREATE TEMP TABLE again AS
SELECT DISTINCT ON (source, source_key) source, source_key, changed_at, digest FROM seen
ORDER BY source, source_key, changed_at DESC NULLS LAST, place DESC
"""


@dataclass(slots=True)
class Listed:
    """How many dossiers a source says that it has (None where it does not say it), and how many its list gave."""

    stated: int | None = None
    listed: int = 0


def reread(m: Migrating, connection: Connection) -> dict[str, Listed]:
    """Fill `again` from every source's own list, sources side by side, and `logged` from the message log.

    Returns:
        By source how long its list says to be, and was.

    Raises:
        StageFailed: a source does not answer; names it and the page.
    """
    hubs = {one.province: m.source(one.province) for one in m.plan.sources}
    lists = {slug: Listed() for slug in hubs}
    begun = {slug: _begun(m, connection, slug) for slug in hubs}
    place = 0
    for slug, page in in_parallel({slug: _pages(m, hub, begun[slug]) for slug, hub in hubs.items()}):
        told = lists[slug]
        told.stated = page.total if page.total is not None else told.stated
        with raw_cursor(connection).copy("COPY seen FROM STDIN") as copy:
            for record in page.records():
                place += 1
                told.listed += 1
                key, changed_at, digest = _seen(hubs[slug], record)
                since = begun[slug]
                if changed_at is None or since is None or changed_at >= since:
                    copy.write_row((place, slug, key, changed_at, digest))
        connection.commit()
        m.progress("sources", place, None)
    connection.execute(text(NEWEST))
    connection.execute(text("DROP TABLE seen"))
    connection.execute(text("ANALYZE again"))
    for slug, hub in hubs.items():
        _log(m, connection, hub, slug)
    connection.execute(text("ANALYZE logged"))
    return lists


def without_reading(connection: Connection) -> None:
    """An empty `again`, for a proof that asks the target alone."""
    connection.execute(text(NEWEST))


def in_parallel(walks: Mapping[str, Iterator[T]]) -> Iterator[tuple[str, T]]:
    """The items of several walks as they come, each walk in a thread and at most one item ahead."""
    if not walks:
        return
    with ThreadPoolExecutor(len(walks), thread_name_prefix="reread") as pool:

        def step(name: str) -> Future[T | None]:
            return pool.submit(next, walks[name], None)

        coming = {step(name): name for name in walks}
        while coming:
            done, _ = wait(coming, return_when=FIRST_COMPLETED)
            for future in done:
                name = coming.pop(future)
                item = future.result()
                if item is not None:
                    coming[step(name)] = name
                    yield name, item


def _begun(m: Migrating, connection: Connection, source: str) -> datetime | None:
    return cast("datetime | None", connection.scalar(text(BEGUN), {"id": m.attempt_id, "source": source}))


def _pages(m: Migrating, hub: Hub, since: datetime | None) -> Iterator[Page]:
    number = 0
    try:
        for page in hub.source.pull(STREAM, Window(since, m.clock() + AHEAD)):
            number = page.number
            yield page
    except PeerError as error:
        raise StageFailed(
            error.what,
            where=f"migration {m.plan.slug} · proof · {hub.slug} · page {number + 1}",
            next_step=f"Nothing was changed. {error.next_step}\n  Again: lienthong migrate reconcile {m.plan.slug}",
        ) from error


def _seen(hub: Hub, record: dict[str, Any]) -> tuple[str, datetime | None, str]:
    """Key, change time and digest of a raw record; a change time out of all sense counts as none, as when landing."""
    changed_at = hub.source.changed_of(STREAM, record)
    if changed_at is not None and not 1990 <= changed_at.year <= 2100:
        changed_at = None
    return printable(hub.source.key_of(STREAM, record) or keyless(record)), changed_at, digest_of(record)


def digest_of(record: dict[str, Any]) -> str:
    """What tells two versions of a raw record apart, whatever its change time says."""
    return content_hash(orjson.dumps(record, option=orjson.OPT_SORT_KEYS))


def _log(m: Migrating, connection: Connection, hub: Hub, source: str) -> None:
    """Digests of the records as they were read, out of the message log."""
    for message_id in connection.scalars(text(MESSAGES), {"id": m.attempt_id, "source": source}).all():
        body = body_of(connection, message_id)
        if body:
            with raw_cursor(connection).copy("COPY logged FROM STDIN") as copy:
                for position, record in enumerate(hub.source.parse(STREAM, body)):
                    copy.write_row((message_id, position, digest_of(record)))
    connection.commit()
