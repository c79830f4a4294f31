"""Rows of the account mapped again from the message log: after a decision, before the source is read again."""

from itertools import groupby
from typing import Any

from sqlalchemy import Connection, insert, text

from hub.check import apply_gate
from hub.landing import map_held
from hub.migration.attempt import Migrating
from hub.migration.reading import account
from hub.migration.reading.account import PIECE
from hub.migration.reading.recoding import refresh
from hub.runs import end_stage, failing
from hub.staging import copy_batch, create_staging, drop_staging, staged_count
from schemas import tables

MESSAGES = 100
"""Messages that are mapped and staged in one transaction."""
BY_DECISION = 0
"""In the place of a chunk's number: no window brought this version."""

PLACES = """
SELECT message_id, position FROM again WHERE message_id IN (
    SELECT DISTINCT message_id FROM again WHERE message_id > :after ORDER BY message_id LIMIT :limit)
ORDER BY message_id, position
"""

BECAME = """
SELECT count(*) AS mapped, count(*) FILTER (WHERE m.state = 'held') AS held,
       count(*) FILTER (WHERE m.state = 'out_of_scope') AS out_of_scope,
       count(*) FILTER (WHERE m.state NOT IN ('held', 'out_of_scope')) AS free
FROM again a JOIN migrated m ON m.migration_id = :id AND m.source = a.source AND m.source_key = a.source_key
"""


def map_again(m: Migrating, source: str, which: str, **given: Any) -> dict[str, int]:
    """Map rows of a source again by today's decisions, through the gate and into the account.

    `which` is a condition on `migrated m`.

    Returns:
        `mapped` rows; of those `free` (to be loaded, or loaded), `held` still, `out_of_scope`.
    """
    refresh(m, source)
    columns = "m.source, m.source_key, m.message_id, m.position"
    taken = f"SELECT {columns} FROM migrated m WHERE m.migration_id = :id AND m.source = :source AND {which}"
    owned = {"id": m.attempt_id, "source": source}
    with m.engine.connect() as connection:
        try:
            connection.execute(text(f"CREATE TEMP TABLE again AS {taken}"), {**owned, **given})
            connection.execute(text("CREATE INDEX ON again (message_id)"))
            connection.execute(text("ANALYZE again"))
            connection.commit()
            if connection.scalar(text("SELECT EXISTS (SELECT FROM again)")):
                _run(m, source, connection)
            return {name: int(value) for name, value in connection.execute(text(BECAME), owned).one()._mapping.items()}
        finally:
            connection.invalidate()  # the temporary table goes with it


def _run(m: Migrating, source: str, again: Connection) -> None:
    """One run over the rows of the temporary table, message by message."""
    hub, engine = m.source(source), m.engine
    with engine.begin() as connection:
        values = {"kind": "migration", "province": source, "fixed": True, "until": m.clock()}
        run_id = int(connection.scalar(insert(tables.run).values(**values).returning(tables.run.c.run_id)) or 0)
        create_staging(connection, run_id)
    after, done = -1, 0
    try:
        with failing(engine, run_id):
            while rows := again.execute(text(PLACES), {"after": after, "limit": MESSAGES}).all():
                after = rows[-1].message_id
                with engine.begin() as connection:
                    for _, places in groupby(rows, lambda row: row.message_id):
                        for message_id, batch in map_held(hub, connection, [(*place,) for place in places]):
                            copy_batch(connection, run_id, message_id, batch)
                    waiting = staged_count(connection, run_id)
                done += len(rows)
                m.progress("map again", done, None)
                if waiting >= PIECE:
                    _merge(m, source, run_id)
            _merge(m, source, run_id)
            with engine.begin() as connection:
                end_stage(connection, run_id, "done", {"mapped_again": done})
    finally:
        with engine.begin() as connection:
            drop_staging(connection, run_id)


def _merge(m: Migrating, source: str, run_id: int) -> None:
    whole = next(one for one in m.plan.sources if one.province == source)

    def enter(connection: Connection, found: dict[str, Any]) -> None:
        account.enter(connection, m, whole, BY_DECISION, run_id)

    again = f"lienthong migrate run {m.plan.slug}"
    apply_gate(m.source(source), run_id, enter, alone=True, again=again)
