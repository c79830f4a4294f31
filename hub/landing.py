"""Landing: the records of a kept message, mapped and ready for staging; fresh ones, and held ones on their way back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import Connection, text

from hub.context import Hub
from hub.messages import STREAM, body_of, landed, messages_of
from hub.runs import Run
from hub.staging import Batch, clear_staging, content_hash, copy_batch, create_staging, staged_count
from mappings import Mapped
from schemas.findings import Finding
from schemas.tables import holding_table, staging_table

Inside = Callable[[datetime], bool]
"""Whether a change time lies in the window. Peers that do not filter by it send more than was asked for."""


AHEAD = timedelta(days=1)
"""How far a source's clock may be ahead of this machine's; a change beyond it is a wrong date."""


def any_time(changed_at: datetime) -> bool:
    """No window: every record counts."""
    return True


def map_records(hub: Hub, records: Iterable[tuple[int, dict[str, Any]]], inside: Inside = any_time) -> Batch:
    """The records of one message that changed inside the window, mapped, as the lines of a batch."""
    batch = Batch()
    for position, key, changed_at, mapped in mapped_records(hub, records, inside):
        batch.add(position, key, changed_at, mapped)
    return batch


def mapped_records(
    hub: Hub, records: Iterable[tuple[int, dict[str, Any]]], inside: Inside = any_time
) -> Iterator[tuple[int, str, datetime | None, Mapped]]:
    """Map records that changed inside the window; each comes with its place: (place, source key, change time, mapped).

    A record without a key is held under its content; a change time out of all sense counts as none, and one that lies
    more than a day ahead of the clock holds the record.
    """
    mapping, source = hub.mapping("dossier"), hub.source
    horizon = hub.clock() + AHEAD
    for position, record in records:
        changed_at = source.changed_of(STREAM, record)
        if changed_at is not None and not 1990 <= changed_at.year <= 2100:
            changed_at = None
        if changed_at is not None and not inside(changed_at) and changed_at <= horizon:
            continue
        key, mapped = source.key_of(STREAM, record), mapping.map(record)
        if hub.recoder is not None:
            hub.recoder(mapped, key or "")
        if not key:
            key = keyless(record)
            mapped.findings.append(Finding("missing_source_key", "source_key"))
        if changed_at is not None and changed_at > horizon:
            mapped.findings.append(Finding("impossible_dates", "changed_at", changed_at.isoformat()))
        yield position, key, changed_at, mapped


def keyless(record: dict[str, Any]) -> str:
    """Under what a record without a key is held: its content."""
    return f"without key {content_hash(orjson.dumps(record))}"


def prepare_staging(hub: Hub, run: Run, behind: int = 0, lead: timedelta = timedelta()) -> None:
    """Make the run's staging tables, or fill them again from the message log when a crash of the server emptied them.

    `behind`: up to this message everything is merged already, and staged no longer. `lead`: as in `read_window`.

    What a refill stages beyond the window is older than what is known or, in a window fixed by a person, left out. Of a
    queue everything counts.
    """

    def in_window(changed_at: datetime) -> bool:
        return changed_at <= run.until + lead and (not run.fixed or run.since is None or run.since <= changed_at)

    with hub.engine.begin() as connection:
        create_staging(connection, run.run_id)
        if staged_count(connection, run.run_id) < landed(connection, run.run_id, behind)["records"]:
            clear_staging(connection, run.run_id)
            inside = any_time if hub.source.is_queue(STREAM) else in_window
            for message_id in messages_of(connection, run.run_id, behind):
                records = hub.source.parse(STREAM, body_of(connection, message_id))
                copy_batch(connection, run.run_id, message_id, map_records(hub, enumerate(records), inside))


def map_held(hub: Hub, connection: Connection, places: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Batch]]:
    """Held records, cut out of their messages by (message, position) and mapped again: (message id, batch)."""
    for message_id, group in groupby(sorted(set(places)), lambda place: place[0]):
        wanted = {position for _, position in group}
        records = enumerate(hub.source.parse(STREAM, body_of(connection, message_id)))
        yield message_id, map_records(hub, ((place, record) for place, record in records if place in wanted))


KNOWN_NOW = """
SELECT q.message_id, q.position FROM quarantine q
JOIN procedure_version p ON p.procedure_code = q.mapped ->> 'procedure_code' AND p.valid_to IS NULL
WHERE q.province = :province AND q.kind = 'dossier' AND q.state = 'held' AND q.reason = 'unmapped_procedure'
  AND q.message_id IS NOT NULL AND q.position IS NOT NULL
  AND (q.message_id, q.position) NOT IN (SELECT message_id, position FROM {staging}
                                         UNION ALL SELECT message_id, position FROM {holding})
"""


def stage_what_became_known(hub: Hub, run: Run) -> int:
    """Stage the dossiers that waited for a procedure which the national list has by now. Returns how many."""
    names = {"staging": staging_table(run.run_id).name, "holding": holding_table(run.run_id).name}
    with hub.engine.begin() as connection:
        rows: Sequence[Any] = connection.execute(text(KNOWN_NOW.format(**names)), {"province": hub.slug}).all()
        for message_id, batch in map_held(hub, connection, [(row.message_id, row.position) for row in rows]):
            copy_batch(connection, run.run_id, message_id, batch)
    return len(rows)
