"""Coverage: what the mapping makes of the messages in the log, field by field, path by path, code by code."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, text

from connectors.errors import BadAnswer
from connectors.survey.fields import Profile
from hub.context import Hub
from hub.errors import ConfigurationError
from hub.messages import STREAM, body_of
from hub.onboarding.known_fields import FieldDiff, field_diff
from mappings.conditions import filled, holds
from mappings.mapped import Mapped, Refused, shown
from mappings.paths import Path, entries_at, value_at
from mappings.planned import FieldPlan, ListPlan, Plan
from schemas.findings import Finding

Record = dict[str, Any]

MOST_CODES = 2_000
"""Distinct values of one rule that are counted; a code list has fewer, and memory stays flat over any log."""

NEWEST = """
SELECT message_id, received_at FROM message
WHERE province = :province AND stream = :stream AND error IS NULL
  AND (CAST(:since AS timestamptz) IS NULL OR received_at >= :since) AND message_id < :before
ORDER BY message_id DESC LIMIT 100
"""


@dataclass(slots=True)
class FieldCover:
    """One canonical field over all places it could stand: records, or entries of the list around it.

    `chosen` counts the alternatives of a `first` that were taken, by path; `refused` the findings by reason.
    """

    name: str
    rule: str | None
    path: str = ""
    places: int = 0
    filled: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    chosen: Counter[str] = field(default_factory=Counter)

    @property
    def blank(self) -> int:
        """Places where nothing stood; what was refused is counted apart."""
        return max(self.places - self.filled - sum(self.refused.values()), 0)


@dataclass(slots=True)
class CodesSeen:
    """The values that a rule looked up: how often, and what became of each (None: unknown)."""

    name: str
    rule: str
    codes: str | None
    values: Counter[str] = field(default_factory=Counter)
    known: dict[str, Any] = field(default_factory=dict)
    more: int = 0

    def add(self, value: str, code: Any, known: bool) -> None:
        if value not in self.values and len(self.values) >= MOST_CODES:
            self.more += 1
            return
        self.values[value] += 1
        if known:
            self.known[value] = code

    def unknown(self) -> list[tuple[str, int]]:
        """Values that the list does not know, commonest first."""
        return [(value, count) for value, count in self.values.most_common() if value not in self.known]


@dataclass(slots=True)
class Coverage:
    """What was found over `records` of `messages`, received from `first` to `last`.

    `held` records were refused by the mapping; `unreadable` messages are such that the spec reads no longer.
    """

    records: int = 0
    held: int = 0
    messages: int = 0
    unreadable: int = 0
    first: datetime | None = None
    last: datetime | None = None
    fields: dict[str, FieldCover] = field(default_factory=dict)
    codes: dict[str, CodesSeen] = field(default_factory=dict)
    notes: Counter[tuple[str, str]] = field(default_factory=Counter)
    profile: Profile = field(default_factory=lambda: Profile(STREAM))


def coverage(hub: Hub, most: int, since: datetime | None = None) -> tuple[Coverage, FieldDiff]:
    """Map the newest records of the message log again and count; nothing is stored.

    Raises:
        ConfigurationError: the log has no message of this province in that time.
    """
    mapping, found = hub.mapping("dossier"), Coverage()
    for plan in mapping.plans:
        _prepare(found, plan, "")
    with hub.engine.connect() as connection:
        for message_id, received_at in _newest(connection, hub.slug, since):
            found.messages += 1
            found.first, found.last = received_at, found.last or received_at
            try:
                for record in islice(hub.source.parse(STREAM, body_of(connection, message_id)), most - found.records):
                    count(found, mapping.plans, record, mapping.map(record))
            except BadAnswer:  # the spec was changed since, and reads it no longer
                found.unreadable += 1
            hub.progress("coverage", found.records, most)
            if found.records == most:
                break
    if not found.records:
        raise ConfigurationError(
            "the message log has no record of this province" + (" in that time" if since else ""),
            where=hub.slug,
            next_step=f"lienthong sync {hub.slug} fills it; lienthong discover {hub.slug} looks at the system itself.",
        )
    return found, field_diff(found.profile, hub.source.spec.streams[STREAM], mapping)


def count(found: Coverage, plans: tuple[Plan, ...], record: Record, mapped: Mapped) -> None:
    """One record more, with what the mapping made of it."""
    found.records += 1
    found.held += bool(mapped.findings)
    found.profile.add(record)
    for plan in plans:
        _canonical(found, plan, plan.target, mapped.record.get(plan.target))
        _sources(found, plan, plan.target, mapped.record, (record,))
    refused = [*mapped.findings, *(finding for _, finding in mapped.held_steps if finding.reason != "waits_for_step")]
    for finding in refused:
        _refused(found, finding)
    found.notes.update((note.kind, note.field) for note in mapped.notes)


def _newest(connection: Connection, province: str, since: datetime | None) -> Iterator[tuple[int, datetime]]:
    """Readable messages of a province, newest first; only a hundred ids are held at a time."""
    given = {"province": province, "stream": STREAM, "since": since, "before": 2**63 - 1}
    while rows := connection.execute(text(NEWEST), given).all():
        yield from ((row.message_id, row.received_at) for row in rows)
        given["before"] = rows[-1].message_id


def _prepare(found: Coverage, plan: Plan, above: str) -> None:
    name = above + plan.target
    found.fields[name] = FieldCover(name, plan.where.rule, plan.where.path)
    if isinstance(plan, ListPlan):
        for item in plan.items:
            _prepare(found, item, f"{name}.")
    elif plan.looked_up:
        found.codes[name] = CodesSeen(name, plan.where.rule, plan.codes)


def _refused(found: Coverage, finding: Finding) -> None:
    cover = found.fields.setdefault(finding.field, FieldCover(finding.field, finding.rule, finding.path or ""))
    cover.refused[finding.reason] += 1


def _canonical(found: Coverage, plan: Plan, name: str, value: Any) -> None:
    """Count a place of a field, filled or not, and the fields of a list's entries."""
    cover = found.fields[name]
    cover.places += 1
    cover.filled += value is not None and value != []
    if isinstance(plan, ListPlan) and isinstance(value, list):
        for item in plan.items:
            for entry in value:
                _canonical(found, item, f"{name}.{item.target}", entry.get(item.target))


def _sources(found: Coverage, plan: Plan, name: str, top: Record, around: tuple[Any, ...]) -> None:
    """Count what is told by the source only: which alternative of a rule was taken, which codes were looked up.

    `around` are the source objects that the rule reads, `top` the canonical record, whose times choose between codes.
    """

    def read(path: Path) -> Any:
        return value_at(path, *around)

    if not holds(plan.when, read):
        return
    if isinstance(plan, FieldPlan):
        if plan.take == "first":
            taken = plan.taken(read)
            if taken is not None:
                found.fields[name].chosen[taken.text] += 1
        if name in found.codes:
            paths = (plan.taken(read),) if plan.take == "first" else plan.paths
            _looked_up(found.codes[name], plan, top, [None if path is None else read(path) for path in paths])
        return
    told = [item for item in plan.items if _told_by_source(found, item, f"{name}.{item.target}")]
    for inside in entries_at(plan.levels, *around, up=plan.up) if told else ():
        if holds(plan.only, lambda path, inside=inside: value_at(path, *inside)):  # type: ignore[misc]
            for item in told:
                _sources(found, item, f"{name}.{item.target}", top, inside)


def _told_by_source(found: Coverage, plan: Plan, name: str) -> bool:
    if isinstance(plan, ListPlan):
        return any(_told_by_source(found, item, f"{name}.{item.target}") for item in plan.items)
    return plan.take == "first" or name in found.codes


def _looked_up(seen: CodesSeen, plan: FieldPlan, top: Record, values: list[Any]) -> None:
    """Look a rule's value up again, as the mapping did; blank ones are not counted."""
    if plan.reader is None or not any(map(filled, values)):
        return
    day = next((top[name] for name in plan.at if top.get(name)), None)
    parts = (*values, day.date() if day else None) if plan.at else tuple(values)
    said = shown(tuple(values) if len(values) > 1 else values[0])
    try:
        seen.add(said, plan.reader.made[parts if len(parts) > 1 else parts[0]], True)
    except Refused:
        seen.add(said, None, False)
    except TypeError:  # a list or object where a code belongs: the mapping told it
        return
