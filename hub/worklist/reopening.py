"""A decision taken back: its waivers end, and what it laid aside is held again, to be decided anew."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from hub import audit, waivers
from hub.context import Hub
from hub.errors import ConfigurationError
from hub.redrive import PURPOSES
from hub.store import whole_province
from hub.succession import must_be_open
from hub.worklist.locked import lock, touched

MADE = """
SELECT DISTINCT CAST(w AS bigint) FROM audit a, jsonb_array_elements_text(a.details -> 'waivers') w
WHERE a.item_id = :item_id AND a.action IN ('waive', 'keep', 'aside', 'superseded')
"""
"""Waivers of every decision about an item."""

LAID_ASIDE = """
SELECT DISTINCT q.item_id
FROM quarantine q JOIN audit a USING (item_id), jsonb_array_elements_text(a.details -> 'waivers') w
WHERE q.province = :province AND q.dossier_code = :dossier_code AND q.state = 'superseded'
AND a.action IN ('superseded', 'aside') AND CAST(w AS bigint) = ANY(:ended)
"""

HELD_AGAIN = """
UPDATE quarantine q SET state = 'held', freed_at = NULL, version = version + 1
WHERE q.item_id = ANY(:ids) AND NOT EXISTS (
    SELECT FROM quarantine o WHERE o.province = q.province AND o.kind = q.kind AND o.source_key = q.source_key
    AND o.content_hash = q.content_hash AND o.state = 'held')
RETURNING q.item_id
"""
"""The same content of the same record is held once."""


def reopen(hub: Hub, item_id: int, who: str, why: str, *, version: int | None = None) -> dict[str, Any]:
    """End the waivers that decisions about an item made; hold it, and the rivals they laid aside, again.

    A version that went through stays: `state` tells. Later versions of its record are held again.

    Returns:
        `item_id`, `state`, `reopened` (items that are held again), `waivers_ended` (how many).

    Raises:
        ConfigurationError: no decision about it stands; nothing was changed.
        ChangedMeanwhile: it has another version than the one that was seen.
        Busy: a sync or a redrive holds the province; nothing was changed.
    """
    must_be_open(hub.engine, hub.slug)
    with whole_province(hub.engine, hub.slug, *PURPOSES), hub.engine.begin() as connection:
        [one] = lock(connection, [item_id], version, settled=True)
        ended = waivers.end(connection, list(connection.scalars(text(MADE), one)), who)
        rivals = list(connection.scalars(text(LAID_ASIDE), {**one, "ended": ended}))
        reopened = _hold_again(connection, one, rivals)
        if not ended and not reopened:
            raise _nothing(connection, one)
        if item_id not in reopened:
            touched(connection, [item_id])
        about = sorted({item_id, *reopened})
        audit.write_for_items(connection, who, "reopen", about, by_item=item_id, why=why, ended=ended)
    state = "held" if item_id in reopened else one["state"]
    return {"item_id": item_id, "state": state, "reopened": reopened, "waivers_ended": len(ended)}


def _hold_again(connection: Connection, one: dict[str, Any], rivals: Sequence[int]) -> list[int]:
    """What a person laid aside, not what a run freed."""
    laid_aside = one["state"] in ("superseded", "waived") and one["freed_run_id"] is None
    wanted = {*rivals, one["item_id"]} if laid_aside else {*rivals}
    lock(connection, sorted(wanted), settled=True)
    return sorted(connection.scalars(text(HELD_AGAIN), {"ids": sorted(wanted)}))


def _nothing(connection: Connection, one: dict[str, Any]) -> ConfigurationError:
    where = f"{one['province']} · item {one['item_id']}"
    if one["state"] == "held":
        return ConfigurationError(
            f"no decision about item {one['item_id']} stands: it is held",
            where=where,
            next_step=f"What was decided and ended before: lienthong audit list --item {one['item_id']}",
        )
    by = f" by run {one['freed_run_id']}" if one["freed_run_id"] else ""
    return ConfigurationError(
        f"there is nothing to take back: item {one['item_id']} is {one['state']}{by}, and no decision about it stands",
        where=where,
        next_step="Nothing was changed. A record that was laid aside for it is reopened by its own number: "
        f"lienthong quarantine show {one['item_id']}",
    )
