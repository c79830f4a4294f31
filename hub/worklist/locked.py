"""Items that one person changes now: locked by row, at the version that was seen, so that two decisions never mix."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from hub.errors import ConfigurationError
from hub.quarantine import NoSuchItem
from hub.worklist.chosen import LAST_NUMBER
from schemas.records import VIET_NAM


class ChangedMeanwhile(ConfigurationError):
    """Somebody else changed or settled the item first; says who, what and when. Nothing was changed."""


def lock(
    connection: Connection, item_ids: Sequence[int], version: int | None = None, *, settled: bool = False
) -> list[dict[str, Any]]:
    """The open items of these numbers, their rows locked until the transaction ends; in the order of their numbers.

    With `settled` those too that are held no longer.

    Raises:
        NoSuchItem: one does not exist.
        ChangedMeanwhile: one is not held any more, or has another version than the one that was seen.
        ConfigurationError: a version was given for several items.
    """
    if version is not None and len(set(item_ids)) != 1:
        raise ConfigurationError(
            "a version is of one item", where="--version", next_step="Give one item, or leave --version out."
        )
    query = text("SELECT * FROM quarantine WHERE item_id = ANY(:ids) ORDER BY item_id FOR UPDATE")
    wanted = [one for one in item_ids if abs(one) <= LAST_NUMBER]
    found = [dict(row._mapping) for row in connection.execute(query, {"ids": wanted})]
    for missing in sorted(set(item_ids) - {one["item_id"] for one in found}):
        raise NoSuchItem(f"there is no item {missing}", where="quarantine", next_step="lienthong quarantine list")
    for one in found:
        if one["state"] != "held" and not settled:
            raise _changed(connection, one, f"item {one['item_id']} is not held any more: it is {one['state']}")
        if version is not None and one["version"] != version:
            what = f"item {one['item_id']} was changed meanwhile: it is at version {one['version']}, not {version}"
            raise _changed(connection, one, what)
    return found


def touched(connection: Connection, item_ids: Sequence[int]) -> None:
    """These items have one version more."""
    connection.execute(
        text("UPDATE quarantine SET version = version + 1 WHERE item_id = ANY(:ids)"), {"ids": list(item_ids)}
    )


def _changed(connection: Connection, one: dict[str, Any], what: str) -> ChangedMeanwhile:
    last = connection.execute(
        text("SELECT who, action, at FROM audit WHERE item_id = :id ORDER BY audit_id DESC LIMIT 1"),
        {"id": one["item_id"]},
    ).one_or_none()
    if last:
        what += f"; last: {last.action} by {last.who}, {last.at.astimezone(VIET_NAM):%d/%m/%Y %H:%M}"
    elif one["freed_run_id"]:
        what += f"; freed by run {one['freed_run_id']}, {one['freed_at'].astimezone(VIET_NAM):%d/%m/%Y %H:%M}"
    return ChangedMeanwhile(
        what,
        where=f"{one['province']} · item {one['item_id']}",
        next_step=f"Nothing was changed. Look at it again: lienthong quarantine show {one['item_id']}",
    )
