"""Redrive: held records back through the mapping, in time order, and on to the national side."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from hub.check import check
from hub.context import Hub
from hub.landing import map_held
from hub.merge import merge
from hub.push import push
from hub.quarantine import held_items
from hub.reconcile import reconcile
from hub.runs import end_stage, fail_run, open_run
from hub.staging import copy_batch, create_staging, drop_staging
from hub.store import province_lock
from hub.sync import run_stages


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
        try:
            with hub.engine.begin() as connection:
                create_staging(connection, run.run_id)
                places = [
                    (one["message_id"], one["position"])
                    for one in items
                    if one["stage"] != "push" and one["message_id"] is not None and one["position"] is not None
                ]
                for message_id, batch in map_held(hub, connection, places):
                    copy_batch(connection, run.run_id, message_id, batch)
                _owe_again(connection, hub.slug, [one["item_id"] for one in items if one["stage"] == "push"])
                end_stage(connection, run.run_id, "pulled", {"redriven": len(items)})
            result = run_stages(hub, run.run_id, (check, merge, push, reconcile))
        except BaseException as error:
            fail_run(hub.engine, run.run_id, error)
            with hub.engine.begin() as connection:
                drop_staging(connection, run.run_id)
            raise
        with hub.engine.connect() as connection:
            freed = connection.scalar(
                text("SELECT count(*) FROM quarantine WHERE item_id = ANY(:ids) AND state <> 'held'"),
                {"ids": [one["item_id"] for one in items]},
            )
        return {**result, "freed": freed}


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
