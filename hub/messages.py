"""The message log: every body as a peer sent it, compressed, with its digest; the one place where raw records live."""

from datetime import datetime
from hashlib import sha256
from typing import Any

import zstandard
from sqlalchemy import Connection, insert, select, text

from connectors import Page
from schemas.tables import message

STREAM = "dossiers"
"""The stream of a province's system that a sync reads."""


def keep_page(connection: Connection, province: str, run_id: int, number: int, page: Page, records: int) -> int:
    """Keep a page's body inside the caller's transaction; `records` is how many of its records are staged.

    Returns:
        The message id.
    """
    statement = insert(message).values(
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
    return int(connection.scalar(statement.returning(message.c.message_id)) or 0)


def keep_unreadable(
    connection: Connection, province: str, run_id: int, number: int, raw: bytes, why: str, now: datetime
) -> None:
    """Keep an answer that could not be read, so that it can be shown to the vendor."""
    connection.execute(
        insert(message).values(
            run_id=run_id,
            province=province,
            stream=STREAM,
            page=number,
            digest=sha256(raw).hexdigest(),
            size=len(raw),
            records=0,
            body=zstandard.compress(raw, 3),
            error=why.replace("\0", "\ufffd"),
            received_at=now,
        )
    )


def body_of(connection: Connection, message_id: int) -> bytes:
    """A kept body as it was received; empty when there is no such message."""
    body = connection.scalar(select(message.c.body).where(message.c.message_id == message_id))
    return zstandard.decompress(body) if body else b""


def messages_of(connection: Connection, run_id: int, behind: int = 0) -> list[int]:
    """Ids of a run's readable messages, in the order they came; `behind` leaves out those up to a message."""
    query = select(message.c.message_id).where(
        message.c.run_id == run_id, message.c.error.is_(None), message.c.message_id > behind
    )
    return list(connection.scalars(query.order_by(message.c.message_id)))


def last_message(connection: Connection, run_id: int) -> int:
    """Id of the message that a run landed last; 0 before the first."""
    query = text("SELECT coalesce(max(message_id), 0) FROM message WHERE run_id = :run_id AND error IS NULL")
    return int(connection.scalar(query, {"run_id": run_id}) or 0)


def landed(connection: Connection, run_id: int, behind: int = 0) -> dict[str, Any]:
    """What a run has landed, all of it or `behind` a message: `pages`, `records` staged from them, `bytes` as
    received."""
    query = text(
        "SELECT count(*) AS pages, coalesce(sum(records), 0) AS records, coalesce(sum(size), 0) AS bytes"
        " FROM message WHERE run_id = :run_id AND error IS NULL AND message_id > :behind"
    )
    found = connection.execute(query, {"run_id": run_id, "behind": behind}).one()
    return {name: int(value) for name, value in found._mapping.items()}
