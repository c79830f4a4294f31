"""Who works on an item, and what people write on it."""

from collections.abc import Sequence

from sqlalchemy import Engine, text

from hub import audit
from hub.errors import ConfigurationError
from hub.worklist.chosen import NOBODY
from hub.worklist.locked import ChangedMeanwhile, lock, touched


def assign(engine: Engine, item_ids: Sequence[int], to: str, who: str, version: int | None = None) -> int:
    """Give the items to a person, or back to nobody; all of them or none. Returns how many.

    An item that another person works on is only taken over by one who has seen it as it is: with its version.

    Raises:
        ConfigurationError: nobody is named.
        ChangedMeanwhile: an item is another's, settled, or was changed since it was seen.
    """
    to = audit.clean_name(to)
    if not to:
        raise ConfigurationError(
            "no person is named", where="--to", next_step=f"Say who works on it; --to {NOBODY} gives it back."
        )
    with engine.begin() as connection:
        found = lock(connection, item_ids, version)
        for one in found:
            if one["assignee"] not in (None, to, who) and version is None:
                raise ChangedMeanwhile(
                    f"item {one['item_id']} is {one['assignee']}'s",
                    where=f"{one['province']} · item {one['item_id']}",
                    next_step=f"Nothing was changed. To take it over all the same: --version {one['version']}",
                )
        connection.execute(
            text("UPDATE quarantine SET assignee = :to WHERE item_id = ANY(:ids)"),
            {"to": None if to == NOBODY else to, "ids": list(item_ids)},
        )
        touched(connection, item_ids)
        for one in found:
            details = {"to": None if to == NOBODY else to, "before": one["assignee"]}
            audit.write(connection, who, "assign", province=one["province"], item_id=one["item_id"], **details)
    return len(found)


def note(engine: Engine, item_ids: Sequence[int], said: str, who: str, version: int | None = None) -> int:
    """Keep what a person has to say about the items. Returns how many.

    Raises:
        ConfigurationError: nothing is said.
    """
    if not said.strip():
        raise ConfigurationError("the note says nothing", where="TEXT", next_step="Write what there is to say.")
    with engine.begin() as connection:
        found = lock(connection, item_ids, version)
        touched(connection, item_ids)
        audit.write_for_items(connection, who, "note", [one["item_id"] for one in found], text=said)
    return len(found)
