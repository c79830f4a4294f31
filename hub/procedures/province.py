"""Pull a province's own list of procedures from its system."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from connectors import Window
from connectors.errors import PeerError
from hub.context import Hub
from hub.errors import ConfigurationError, StageFailed
from hub.procedures.attempt import STREAM, attempt, keep_message
from hub.procedures.guard import refuse_short
from hub.procedures.listing import LocalProcedure, present_count, write_listing
from hub.procedures.versions import SERVICE
from hub.runs import end_stage


@dataclass
class _Read:
    """What the pages gave: procedures by code, codes (or places) that could not be read, and repeated codes."""

    procedures: dict[str, LocalProcedure] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)


def pull_province(hub: Hub, *, accept_short: bool = False) -> dict[str, Any]:
    """Read the whole list of the province's system and store it in one transaction.

    A code that comes twice counts once, with its first line; a record that cannot be read leaves what is stored of its
    code as it is. All bodies are in the message log.

    Args:
        accept_short: take a list that is much shorter than the present one, and mark the rest as gone.

    Returns:
        `run_id`, `listed`, `new`, `changed`, `reopened`, `unchanged`, `gone`, `unreadable` {code: reason} and
        `repeated` (codes whose lines differ).

    Raises:
        ConfigurationError: the spec makes the list a queue, which gives what is new and never the whole.
        StageFailed: the system failed at a named page, or its list is suspiciously short; nothing was changed.
        Busy: another process pulls it now.
    """
    _refuse_queue(hub)
    with attempt(hub.engine, hub.slug, hub.clock(), partial(_explained, hub)) as run_id:
        read = _read(hub, run_id)
        listed = len(read.procedures) + len(read.unreadable)
        with hub.engine.begin() as connection:
            refuse_short(
                listed,
                present_count(connection, hub.slug),
                accept=accept_short,
                where=f"{hub.slug} · {STREAM}",
                command=f"lienthong procedures pull --province {hub.slug}",
            )
            written = write_listing(
                connection,
                run_id,
                hub.slug,
                read.procedures.values(),
                source=SERVICE,
                now=hub.clock(),
                kept=read.unreadable,
            )
            counts = {"listed": listed, **written, "unreadable": read.unreadable, "repeated": read.repeated}
            end_stage(connection, run_id, "done", counts)
        return {"run_id": run_id, **counts}


def _refuse_queue(hub: Hub) -> None:
    """Taken for the list, the first page of a queue would mark all other procedures as gone."""
    if hub.source.is_queue(STREAM):
        spec = hub.source.spec
        raise ConfigurationError(
            f"a queue gives what is new, not the whole list of {STREAM}",
            where=f"{spec.file or spec.system}:{spec.line('streams', STREAM, 'pages') or 1} (streams.{STREAM}.pages)",
            next_step="Name a call that gives the whole list, or bring it as a file: "
            f"lienthong procedures import FILE --province {hub.slug}",
        )


def _read(hub: Hub, run_id: int) -> _Read:
    mapping, read, lines = hub.mapping("procedure"), _Read(), 0
    for number, page in enumerate(hub.source.pull(STREAM, Window(None, hub.clock())), 1):
        keep_message(
            hub.engine,
            run_id,
            hub.slug,
            page.raw,
            at=page.received_at,
            page=number,
            records=len(page),
            status=page.status,
            media_type=page.media_type,
        )
        for place, record in enumerate(page.records(), 1):
            mapped = mapping.map(record)
            code = hub.source.key_of(STREAM, record)
            if mapped.findings:
                problem = mapped.findings[0]
                read.unreadable[code or f"page {number}, record {place}"] = f"{problem.reason} ({problem.field})"
            else:
                _take(read, mapped.record, lines + place)
        lines += len(page)
        hub.progress("procedures", lines, page.total)
    return read


def _take(read: _Read, record: dict[str, Any], place: int) -> None:
    one = LocalProcedure(
        record["procedure_code"], record["name"], record["field_name"], record["level"], record["decision"], place
    )
    if read.procedures.setdefault(one.code, one) != one:
        read.repeated.append(one.code)


def _explained(hub: Hub, run_id: int, error: PeerError) -> StageFailed:
    return StageFailed(
        error.what,
        where=f"{hub.slug} · {STREAM}" + (f" · page {error.page}" if error.page else ""),
        next_step=f"The list is as it was before. {error.next_step}\n"
        f"  Retry now: lienthong procedures pull --province {hub.slug}",
    )
