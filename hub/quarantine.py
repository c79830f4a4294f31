"""Quarantine: what is held and why, the raw record beside it, and the way back in through the mapping."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import zstandard
from sqlalchemy import Connection, Engine, select, text

from hub.check import check
from hub.context import Hub
from hub.errors import HubError
from hub.merge import merge
from hub.pull import STREAM, map_records
from hub.push import push
from hub.reconcile import reconcile
from hub.report import finish
from hub.runs import end_stage, get_run, open_run
from hub.staging import copy_batch, create_staging
from hub.store import province_lock
from schemas import tables

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


class NoSuchItem(HubError):
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


def counts_by_reason(engine: Engine, province: str | None = None) -> list[dict[str, Any]]:
    """Open items grouped by province, kind, reason, field and value, with distinct dossiers and the oldest hold."""
    query = text(
        "SELECT province, kind, reason, findings -> 0 ->> 'field' AS field,"
        " count(*) AS items, count(DISTINCT coalesce(dossier_code, source_key)) AS dossiers, min(held_at) AS since"
        " FROM quarantine WHERE state = 'held' AND (CAST(:province AS text) IS NULL OR province = :province)"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 6 DESC, 3"
    )
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query, {"province": province})]


def item(engine: Engine, item_id: int) -> dict[str, Any]:
    """One item whole, with what the mapping made of it.

    Raises:
        NoSuchItem: there is none of that number.
    """
    with engine.connect() as connection:
        row = connection.execute(select(tables.quarantine).where(ITEM.item_id == item_id)).one_or_none()
    if row is None:
        raise NoSuchItem(f"there is no item {item_id}", where="quarantine", next_step="lienthong quarantine list")
    return dict(row._mapping)


def raw_of(hub: Hub, message_id: int, position: int) -> bytes:
    """The one record as it was received, cut out of the kept message."""
    with hub.engine.connect() as connection:
        return hub.source.raw_record(STREAM, _body(connection, message_id), position)


def redrive(
    hub: Hub, *, reason: str | None = None, item_ids: Sequence[int] | None = None, code: str | None = None
) -> dict[str, Any]:
    """Send held items through the mapping again, in time order, and on through check, merge, push and reconcile.

    Items that were refused nationally are owed again as they stand. What fails again stays the same item.

    Returns:
        The run's counts, with `redriven` (items taken) and `freed`.
    """
    with province_lock(hub.engine, hub.slug, "redrive"):
        items = [
            one
            for one in held_items(hub.engine, hub.slug, reason)
            if (item_ids is None or one["item_id"] in item_ids) and (code is None or one["dossier_code"] == code)
        ]
        if not items:
            return {"redriven": 0, "freed": 0}
        now = hub.clock()
        run = open_run(hub.engine, hub.slug, since=now, until=now, kind="redrive")
        with hub.engine.begin() as connection:
            create_staging(connection, run.run_id)
            for message_id, batch in _by_message(hub, connection, items):
                copy_batch(connection, run.run_id, message_id, batch)
            _owe_again(connection, hub.slug, [one["item_id"] for one in items if one["stage"] == "push"])
            end_stage(connection, run.run_id, "pulled", {"redriven": len(items)})
        for stage in (check, merge, push, reconcile):
            stage(hub, run.run_id)
        report = finish(hub, run.run_id)
        with hub.engine.connect() as connection:
            freed = connection.scalar(
                text("SELECT count(*) FROM quarantine WHERE item_id = ANY(:ids) AND state <> 'held'"),
                {"ids": [one["item_id"] for one in items]},
            )
        return {"run_id": run.run_id, **get_run(hub.engine, run.run_id).counts, "freed": freed, "report": report}


def _by_message(hub: Hub, connection: Connection, items: list[dict[str, Any]]) -> Iterator[tuple[int, Any]]:
    """The items' records mapped again, message by message; steps go with their dossier's record."""
    mapped_here = [one for one in items if one["stage"] != "push" and one["position"] is not None]
    for message_id, group in groupby(
        sorted(mapped_here, key=lambda one: one["message_id"]), lambda one: one["message_id"]
    ):
        wanted = {one["position"] for one in group}
        records = enumerate(hub.source.parse(STREAM, _body(connection, message_id)))
        yield message_id, map_records(hub, ((place, record) for place, record in records if place in wanted))


def _owe_again(connection: Connection, province: str, item_ids: list[int]) -> None:
    """What the national side refused is owed as it stands, and its items are closed; a new refusal makes a new item."""
    given = {"province": province, "ids": item_ids}
    codes = "SELECT dossier_code FROM quarantine WHERE item_id = ANY(:ids) AND kind = "
    for statement in (
        "UPDATE delivery SET state = 'pending', reason = NULL WHERE province = :province AND state = 'held'"
        f" AND dossier_code IN ({codes}'dossier')",
        "UPDATE progress_step SET state = 'pending', reason = NULL WHERE province = :province AND state = 'held'"
        f" AND dossier_code IN ({codes}'step')",
        "UPDATE quarantine SET state = 'redriven', freed_at = clock_timestamp() WHERE item_id = ANY(:ids)",
    ):
        connection.execute(text(statement), given)


def _body(connection: Connection, message_id: int) -> bytes:
    body = connection.scalar(select(tables.message.c.body).where(tables.message.c.message_id == message_id))
    return zstandard.decompress(body) if body else b""
