"""Collisions, found before anything is loaded: one dossier code in two sources, or in the target already.

What two sources claim is settled while they are read (`reading.claims`), whatever the order in which they come;
here it is counted. What the target holds already is asked for before the first load and at each delta, by whichever
costs less calls: its whole list, or a look-up of the codes that would go to it.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

from connectors import Window
from connectors.errors import PeerError
from hub.errors import StageFailed
from hub.migration.attempt import Migrating
from hub.migration.target.outgoing import Unsayable, outgoing_of, version_key
from hub.migration.target.state import state_now
from hub.staging import printable
from hub.store import raw_cursor

PIECE = 2_000
"""Records that are compared at once."""

TO_BE_SENT = "state = 'read' AND loaded_hash IS NULL"
WAITS = f"(({TO_BE_SENT}) OR (state = 'held' AND reason = 'target_differs'))"

HOLDS = "CREATE TEMP TABLE target_holds (code text, source text, version text)"

CODES = f"FROM migrated WHERE migration_id = :id AND {WAITS} AND dossier_code IS NOT NULL"

DIFFERS = f"""
SELECT m.source, m.source_key, m.record, h.version
FROM target_holds h JOIN migrated m ON m.migration_id = :id AND m.dossier_code = h.code
WHERE {TO_BE_SENT} AND h.source IS DISTINCT FROM m.source
"""
"""What came from this source in an earlier attempt is ours, and is brought up to date by the load."""

EQUALS = "CREATE TEMP TABLE target_equals (source text, source_key text)"
"""Rows that the target holds in the very version that would be sent."""

HELD = f"""
UPDATE migrated m SET state = 'held', reason = 'target_differs', findings = jsonb_build_array(jsonb_build_object(
    'reason', 'target_differs', 'field', 'dossier_code', 'value', m.dossier_code, 'rule', 'the target''s list',
    'detail', CASE WHEN h.source IS NULL THEN 'the target has it, and it was not imported'
                   ELSE 'the target has it from ' || h.source END))
FROM target_holds h
WHERE m.migration_id = :id AND m.dossier_code = h.code AND {TO_BE_SENT} AND h.source IS DISTINCT FROM m.source
  AND NOT EXISTS (SELECT FROM target_equals e WHERE (e.source, e.source_key) = (m.source, m.source_key))
"""

FREED = """
UPDATE migrated m SET state = 'read', reason = NULL, findings = NULL
WHERE m.migration_id = :id AND m.state = 'held' AND m.reason = 'target_differs'
  AND NOT EXISTS (SELECT FROM target_holds h WHERE h.code = m.dossier_code AND h.source IS DISTINCT FROM m.source)
  AND NOT EXISTS (SELECT FROM migrated o WHERE o.migration_id = m.migration_id AND o.dossier_code = m.dossier_code
                  AND o.state IN ('read', 'loading', 'unknown', 'migrated'))
"""
"""The target has it no more."""

COUNTED = """
SELECT count(DISTINCT dossier_code) FILTER (WHERE reason = 'code_collision') AS collisions,
       count(*) FILTER (WHERE reason = 'code_collision') AS rows,
       count(*) FILTER (WHERE reason = 'target_differs') AS with_target
FROM migrated WHERE migration_id = :id AND state = 'held' AND reason IN ('code_collision', 'target_differs')
"""


def find_collisions(m: Migrating) -> dict[str, int]:
    """Hold what would collide with a dossier that the target holds already, free what does so no more, and count.

    Returns:
        `collisions` (codes that two sources have), their `rows` that are held, `with_target` (rows held because the
        target has their code from somewhere else).

    Raises:
        StageFailed: the target does not answer; nothing was changed.
    """
    with m.engine.connect() as connection:
        try:
            target_codes(m, connection)
            _hold(m, connection)
            row = connection.execute(text(COUNTED), {"id": m.attempt_id}).one()
            return {name: int(value) for name, value in row._mapping.items()}
        finally:
            connection.invalidate()  # the temporary table goes with it


def target_codes(m: Migrating, connection: Connection) -> int:
    """Fill the temporary table `target_holds` with what the target holds of the codes that would go to it, or with all
    that it holds. Returns its rows.

    Raises:
        StageFailed: the target does not answer.
    """
    connection.execute(text(HOLDS))
    wanted = int(connection.scalar(text(f"SELECT count(*) {CODES}"), {"id": m.attempt_id}) or 0)
    connection.commit()
    if not wanted:
        return 0
    found = 0
    try:
        for some in _list(m) if state_now(m).dossiers <= wanted else _look_up(m):
            with raw_cursor(connection).copy("COPY target_holds FROM STDIN") as copy:
                for row in some:
                    found += 1
                    copy.write_row(tuple(printable(str(value)) if value not in (None, "") else None for value in row))
            connection.commit()
    except PeerError as error:
        raise StageFailed(
            error.what,
            where=f"migration {m.plan.slug} · collisions · {error.where}",
            next_step=f"Nothing was changed. {error.next_step}\n  Go on: lienthong migrate run {m.plan.slug}",
        ) from error
    connection.execute(text("CREATE INDEX ON target_holds (code)"))
    connection.execute(text("ANALYZE target_holds"))
    connection.commit()
    return found


Held = tuple[Any, Any, Any]
"""A code, the source that it was imported from, the version: as the target says them."""


def _list(m: Migrating) -> Iterator[list[Held]]:
    """The list names a code, its source and its version as the look-up does."""
    said = m.target.spec.operations["find"].result
    code, source, version = said["code"], said["source"], said["version"]
    for page in m.target.pull("dossiers", Window(None, m.clock())):
        yield [(item.get(code), item.get(source), item.get(version)) for item in page.records()]


def _look_up(m: Migrating) -> Iterator[list[Held]]:
    most = m.target.spec.operations["find"].batch or 1
    with m.engine.connect().execution_options(yield_per=most) as connection:
        codes = connection.scalars(text(f"SELECT DISTINCT dossier_code {CODES}"), {"id": m.attempt_id})
        for some in codes.partitions(most):
            answer = m.target.call("find", codes=list(some))
            if answer.kind not in ("done", "not_found"):
                raise StageFailed(
                    f"the look-up says neither yes nor no: {answer.code or answer.status} {answer.text}".strip(),
                    where=f"migration {m.plan.slug} · collisions · {m.target.peer.id} · find",
                    next_step="Ask the target's vendor what the account may do. Nothing was changed.",
                )
            found = answer.result if answer.kind == "done" else ()
            yield [(one.get("code"), one.get("source"), one.get("version")) for one in found]


def _hold(m: Migrating, connection: Connection) -> None:
    """Hold and free in one transaction, beside no merge of the attempt."""
    item, version = outgoing_of(m), version_key(m.target_mapping())

    def is_equal(row: Any) -> bool:
        try:
            return bool(row.version == item({"source": row.source, "record": row.record})[version])
        except Unsayable:
            return False

    given: dict[str, Any] = {"id": m.attempt_id}
    with connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('lienthong.account'), :id)"), given)
        connection.execute(text(EQUALS))
        found = connection.execute(text(DIFFERS), given, execution_options={"yield_per": PIECE})
        for some in found.partitions():
            equal = [(row.source, row.source_key) for row in some if is_equal(row)]
            with raw_cursor(connection).copy("COPY target_equals FROM STDIN") as copy:
                for row in equal:
                    copy.write_row(row)
        connection.execute(text("ANALYZE target_equals"))
        connection.execute(text(HELD), given)
        connection.execute(text(FREED), given)
