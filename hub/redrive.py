"""Redrive: held records back through the mapping, in time order, and on to the national side.

Of several held versions of a dossier the newest that passes goes out and frees those before it; one that fails stays
the same item, and never lets an older one overtake what was sent. What was taken stands in an unlogged table of the run
until its outcome is in the audit, so a redrive that was killed is told by the next one.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

from connectors.errors import ConnectorError
from hub.audit import HUB
from hub.check import check
from hub.context import Hub
from hub.landing import map_held
from hub.merge import merge
from hub.push import push
from hub.reconcile import reconcile
from hub.runs import end_stage, fail_run, open_run
from hub.staging import copy_batch, create_staging, drop_staging
from hub.store import whole_province
from hub.succession import must_be_open
from hub.sync import run_stages
from hub.worklist.chosen import Chosen

PURPOSES = ("redrive", "sync", "push")
"""What a redrive holds of its province from first to last: between its gate and its merge no sync may slip in."""

MESSAGES = 100
"""Messages that are mapped and staged in one transaction."""

TAKE = """
CREATE UNLOGGED TABLE redrive_{run} AS
SELECT q.item_id, q.message_id, q.position, q.stage, q.kind, q.reason, CAST(:who AS text) AS who
FROM quarantine q WHERE {fits}
"""

PLACES = """
SELECT t.message_id, array_agg(DISTINCT t.position) AS positions FROM redrive_{run} t JOIN message m USING (message_id)
WHERE t.stage <> 'push' AND t.position IS NOT NULL AND t.message_id > :after
GROUP BY t.message_id ORDER BY t.message_id LIMIT :limit
"""

TOLD = """
INSERT INTO audit (who, action, province, item_id, details)
SELECT t.who, 'redrive', q.province, q.item_id,
       jsonb_build_object('run_id', CAST(:run_id AS bigint), 'was', t.reason, 'state', q.state, 'reason', q.reason)
FROM redrive_{run} t JOIN quarantine q USING (item_id) ORDER BY q.changed_at, q.item_id
"""

FREED = """
WITH taken AS (
    SELECT q.province, q.dossier_code, CASE WHEN q.dossier_code IS NULL THEN q.source_key END AS source_key,
           bool_or(q.state = 'held') AS held
    FROM redrive_{run} t JOIN quarantine q USING (item_id) GROUP BY 1, 2, 3
)
SELECT count(*) AS dossiers, count(*) FILTER (WHERE NOT t.held AND NOT EXISTS (
    SELECT FROM quarantine o WHERE o.province = t.province AND o.dossier_code = t.dossier_code AND o.state = 'held'
)) AS freed FROM taken t
"""
"""An item that was folded into another, or an older version that went out, leaves its dossier waiting all the same."""

NOTHING = {"redriven": 0, "dossiers": 0, "freed": 0}

KILLED = """
SELECT r.run_id FROM run r WHERE r.province = :province AND r.kind = 'redrive' AND r.run_id <> :run_id
AND to_regclass('redrive_' || r.run_id) IS NOT NULL
"""

UNFINISHED = """
SELECT run_id FROM run WHERE province = :province AND kind = 'redrive' AND stage IN ('merged', 'pushed')
AND state <> 'done' ORDER BY run_id DESC LIMIT 1
"""


def redrive(hub: Hub, chosen: Chosen | None = None, *, who: str | None = None) -> dict[str, Any]:
    """Send held items through the mapping again, in time order, and on through check, merge, push and reconcile.

    Items that were refused nationally are owed again as they stand. What fails again stays the same item. When nothing
    fits, a redrive that was stopped after its merge is brought to its end.

    Returns:
        The run's counts, with `redriven` (items taken), `dossiers` (that the items are of), `freed` (those of them of
        which nothing is held any more) and `unreadable` (messages of which no record could be
        read; their items stay as they are).

    Raises:
        Busy: a sync, a push or another redrive holds the province; nothing was started.
        Refused: a cutover closed the province, or it is not open yet.
    """
    must_be_open(hub.engine, hub.slug)
    fits, given = (chosen or Chosen()).sql()
    fits, given = f"{fits} AND q.province = :slug", {**given, "slug": hub.slug}
    with whole_province(hub.engine, hub.slug, *PURPOSES):
        with hub.engine.connect() as connection:
            some = connection.scalar(text(f"SELECT EXISTS (SELECT FROM quarantine q WHERE {fits})"), given)
            unfinished = connection.scalar(text(UNFINISHED), {"province": hub.slug})
        if some:
            return _run(hub, fits, given, who or HUB)
        if unfinished:
            return {**run_stages(hub, unfinished, (push, reconcile)), **NOTHING}
        return dict(NOTHING)


def _run(hub: Hub, fits: str, given: dict[str, Any], who: str) -> dict[str, Any]:
    """One run over the items that fit; what was taken is told in the audit however it ends."""
    now = hub.clock()
    run_id = open_run(hub.engine, hub.slug, since=now, until=now, kind="redrive").run_id
    try:
        with hub.engine.begin() as connection:
            _tell_what_was_killed(connection, hub.slug, run_id)
            create_staging(connection, run_id)
            connection.execute(text(TAKE.format(run=run_id, fits=fits)), {**given, "who": who})
            connection.execute(text(f"CREATE INDEX ON redrive_{run_id} (message_id)"))
            taken = connection.scalar(text(f"SELECT count(*) FROM redrive_{run_id}"))
        unreadable = _stage(hub, run_id, int(taken or 0))
        with hub.engine.begin() as connection:
            end_stage(connection, run_id, "pulled", {"redriven": taken, "unreadable": unreadable})
        result = run_stages(hub, run_id, (check, merge, _owe_again, push, reconcile))
    except BaseException as error:
        fail_run(hub.engine, run_id, error)
        with hub.engine.begin() as connection:
            drop_staging(connection, run_id)
            _tell(connection, run_id)
        raise
    with hub.engine.begin() as connection:
        return {**result, **_tell(connection, run_id)}


def _stage(hub: Hub, run_id: int, taken: int) -> int:
    """Map the taken records message by message, in the order they were read. Returns how many could not be read."""
    unreadable = done = 0
    for places in _places(hub, run_id):
        with hub.engine.begin() as connection:
            for message_id, positions in places:
                done += len(positions)
                try:
                    mapped = list(map_held(hub, connection, [(message_id, one) for one in positions]))
                except ConnectorError:
                    unreadable += 1
                    continue
                for _, batch in mapped:
                    copy_batch(connection, run_id, message_id, batch)
        hub.progress("redrive", done, taken)
    return unreadable


def _places(hub: Hub, run_id: int) -> Iterator[list[tuple[int, list[int]]]]:
    after = -1
    while True:
        with hub.engine.connect() as connection:
            rows = connection.execute(text(PLACES.format(run=run_id)), {"after": after, "limit": MESSAGES}).all()
        if not rows:
            return
        yield [(row.message_id, row.positions) for row in rows]
        after = rows[-1].message_id


def _owe_again(hub: Hub, run_id: int) -> dict[str, Any]:
    """What the national side refused is owed as it stands; refused once more, it is the same item again (hub.push)."""
    given = {"province": hub.slug, "run_id": run_id}
    refused = (
        f"SELECT q.dossier_code FROM redrive_{run_id} t JOIN quarantine q USING (item_id)"
        " WHERE t.stage = 'push' AND q.state = 'held' AND q.kind = "
    )
    with hub.engine.begin() as connection:
        for statement in (
            "UPDATE delivery SET state = 'pending', reason = NULL WHERE province = :province AND state = 'held'"
            f" AND dossier_code IN ({refused}'dossier')",
            "UPDATE progress_step SET state = 'pending', reason = NULL WHERE province = :province AND state = 'held'"
            f" AND dossier_code IN ({refused}'step')",
            "UPDATE quarantine q SET state = 'redriven', freed_at = clock_timestamp(), freed_run_id = :run_id"
            f" FROM redrive_{run_id} t WHERE t.item_id = q.item_id AND t.stage = 'push' AND q.state = 'held'",
        ):
            connection.execute(text(statement), given)
    return {}


def _tell(connection: Connection, run_id: int) -> dict[str, int]:
    """Write what became of each taken item, then forget what was taken. Returns its `dossiers`, and how many of them
    are `freed`."""
    if connection.scalar(text("SELECT to_regclass(:name)"), {"name": f"redrive_{run_id}"}) is None:
        return {"dossiers": 0, "freed": 0}
    connection.execute(text(TOLD.format(run=run_id)), {"run_id": run_id})
    counted = dict(connection.execute(text(FREED.format(run=run_id))).one()._mapping)
    connection.execute(text(f"DROP TABLE redrive_{run_id}"))
    return counted


def _tell_what_was_killed(connection: Connection, province: str, run_id: int) -> None:
    """A redrive that was killed left its tables: its items' outcome is told now, and the tables go."""
    for (killed,) in connection.execute(text(KILLED), {"province": province, "run_id": run_id}).all():
        _tell(connection, killed)
        drop_staging(connection, killed)
