"""A sample of what a province's system holds, to be looked at: read from the peer or the message log, kept nowhere."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from connectors import Window
from connectors.errors import PeerError
from hub.context import Hub
from hub.errors import ConfigurationError, StageFailed
from hub.messages import STREAM, body_of

Record = dict[str, Any]

SPANS = (timedelta(days=7), timedelta(days=90), None)
"""How far back a sample looks, one after the other, until it has enough: the newest records say most."""

SEARCHED = 5_000
"""Records that are read in search of one dossier before it is given up."""

KEPT = """
SELECT message_id FROM (
    SELECT message_id, 1 AS place FROM dossier WHERE province = :province AND dossier_code = :code
    UNION ALL SELECT message_id, 2 FROM quarantine
    WHERE province = :province AND dossier_code = :code AND state = 'held' AND message_id IS NOT NULL
) found ORDER BY message_id DESC LIMIT 1
"""


def sample(hub: Hub, most: int, now: datetime) -> list[Record]:
    """At most so many records of the system, of the shortest span that has them.

    Raises:
        StageFailed: the peer did not answer; nothing was changed anywhere.
    """
    found: list[Record] = []
    for span in SPANS:
        found = []
        for record in _records(hub, None if span is None else now - span, now):
            found.append(record)
            hub.progress("sample", len(found), most)
            if len(found) == most:
                return found
    return found


def records_of_dossier(hub: Hub, code: str, now: datetime) -> list[Record]:
    """The records that the mapping reads as this dossier: as last received, or out of the system's newest.

    Raises:
        ConfigurationError: the hub never received it and it is not among the newest.
    """
    mapping = hub.mapping("dossier")

    def is_it(record: Record) -> bool:
        return mapping.map(record).record.get("dossier_code") == code

    with hub.engine.connect() as connection:
        message = connection.scalar(text(KEPT), {"province": hub.slug, "code": code})
        if message is not None:
            return [one for one in hub.source.parse(STREAM, body_of(connection, message)) if is_it(one)]
    for number, record in enumerate(_records(hub, None, now), 1):
        hub.progress("search", number, SEARCHED)
        if is_it(record):
            return [record]
        if number == SEARCHED:
            break
    raise ConfigurationError(
        f"no dossier {code} is in the hub or among the {number:,} records that were read",
        where=hub.slug,
        next_step="Check the code: it is the province's own (mã hồ sơ), written as the system writes it.",
    )


def _records(hub: Hub, since: datetime | None, until: datetime) -> Iterator[Record]:
    try:
        for page in hub.source.pull(STREAM, Window(since, until)):
            yield from page.records()
    except PeerError as error:
        raise StageFailed(
            error.what,
            where=f"{hub.slug} · sample · {error.where}",
            next_step=f"{error.next_step}\n  Nothing was changed. Line by line: lienthong check {hub.slug}",
        ) from error
