"""Quarantine: what is held and why, and the raw record beside it."""

from typing import Any

from sqlalchemy import Engine, select, text

from hub.context import Hub
from hub.errors import ConfigurationError
from hub.messages import STREAM, body_of
from schemas import tables

LAST_NUMBER = 2**63 - 1
"""PostgreSQL counts items in eight bytes, and refuses to compare with a larger number."""
ITEM = tables.quarantine.c
_LISTED = (
    ITEM.item_id,
    ITEM.province,
    ITEM.kind,
    ITEM.stage,
    ITEM.dossier_code,
    ITEM.source_key,
    ITEM.reason,
    ITEM.findings,
    ITEM.state,
    ITEM.changed_at,
    ITEM.held_at,
    ITEM.message_id,
    ITEM.position,
)


class NoSuchItem(ConfigurationError):
    """A quarantine item number that does not exist."""


def held_items(
    engine: Engine, province: str | None = None, reason: str | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Open items, oldest change first."""
    query = select(*_LISTED).where(ITEM.state == "held").order_by(ITEM.changed_at, ITEM.item_id)
    if province:
        query = query.where(ITEM.province == province)
    if reason:
        query = query.where(ITEM.reason == reason)
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query.limit(limit) if limit else query)]


def counts_by_reason(engine: Engine, province: str | None = None, reason: str | None = None) -> list[dict[str, Any]]:
    """Open items grouped by province, kind, reason, field and value, with distinct dossiers and the oldest hold."""
    query = text(
        "SELECT province, kind, reason, findings -> 0 ->> 'field' AS field,"
        " count(*) AS items, count(DISTINCT coalesce(dossier_code, source_key)) AS dossiers, min(held_at) AS since"
        " FROM quarantine WHERE state = 'held' AND (CAST(:province AS text) IS NULL OR province = :province)"
        " AND (CAST(:reason AS text) IS NULL OR reason = :reason)"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 6 DESC, 3"
    )
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query, {"province": province, "reason": reason})]


def item(engine: Engine, item_id: int) -> dict[str, Any]:
    """One item whole, with what the mapping made of it.

    Raises:
        NoSuchItem: there is none of that number.
    """
    row = None
    if abs(item_id) <= LAST_NUMBER:
        with engine.connect() as connection:
            row = connection.execute(select(tables.quarantine).where(ITEM.item_id == item_id)).one_or_none()
    if row is None:
        raise NoSuchItem(f"there is no item {item_id}", where="quarantine", next_step="lienthong quarantine list")
    return dict(row._mapping)


def rivals(engine: Engine, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Other open items of the same dossier code, and the dossier itself when it was merged from another record."""
    query = text(
        "SELECT item_id, source_key, changed_at FROM quarantine WHERE province = :province AND state = 'held'"
        " AND kind = 'dossier' AND dossier_code = :dossier_code AND item_id <> :item_id"
        " UNION ALL SELECT NULL, source_key, changed_at FROM dossier WHERE province = :province"
        " AND dossier_code = :dossier_code AND source_key <> :source_key"
    )
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query, found)]


def raw_of(hub: Hub, message_id: int, position: int) -> bytes:
    """The one record as it was received, cut out of the kept message."""
    with hub.engine.connect() as connection:
        return hub.source.raw_record(STREAM, body_of(connection, message_id), position)
