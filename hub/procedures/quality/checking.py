"""The quality of the lists as the hub has them; nothing is asked of a peer and nothing is changed."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from hub.errors import ConfigurationError
from hub.procedures.decisions import same_decision
from hub.procedures.publication import WORKING_DAYS, decision_day, last_day, publications
from hub.procedures.quality.beside import Row, Slip, slips
from hub.procedures.quality.completeness import PARTS, missing_parts
from hub.procedures.quality.districts import district_words, in_texts
from hub.procedures.quality.fees import off_by_thousand
from hub.procedures.quality.findings import KINDS, Finding, Quality
from hub.procedures.versions import SERVICE
from hub.working_days import NONE
from schemas.records import VIET_NAM

NATIONAL = "national"

_NATIONAL = """
SELECT procedure_code AS code, name, decision, source, record FROM procedure_version
WHERE valid_to IS NULL ORDER BY procedure_code COLLATE "C"
"""

_NATIONAL_NAMES = "SELECT procedure_code AS code, name, decision FROM procedure_version WHERE valid_to IS NULL"

_LOCAL = """
SELECT local_code, procedure_code AS base, name, decision, place FROM province_procedure
WHERE province = :province AND gone_at IS NULL ORDER BY place NULLS LAST, local_code COLLATE "C"
"""


def national_quality(engine: Engine, now: datetime, own_days: Mapping[date, bool] = NONE) -> Quality:
    """The national list in force: parts that are missing, fees, districts, publication.

    Raises:
        ConfigurationError: the national list was never read.
    """
    found: list[Finding] = []
    looked_at = imported = 0
    with engine.connect() as connection:
        rows = connection.execution_options(yield_per=500).execute(text(_NATIONAL))
        for row in rows:
            looked_at += 1
            imported += row.source != SERVICE
            found += _of_record(row)
        late, notes = _publication(connection, own_days)
    if not looked_at:
        raise ConfigurationError(
            "the national list is not here yet, so there is nothing to look at",
            where="procedures",
            next_step="Pull it: lienthong procedures pull (or: lienthong procedures import list.xlsx).",
        )
    if imported:
        notes.append(f"{imported:,} procedures come from an imported list, which has no parts, fees and texts to judge")
    return Quality(NATIONAL, now, looked_at, _ordered([*found, *late]), tuple(notes))


def province_quality(engine: Engine, slug: str, now: datetime, own_days: Mapping[date, bool] = NONE) -> Quality:
    """A province's list against the national one: names, decisions, publication, codes beside another name.

    Raises:
        ConfigurationError: one of the two lists was never read.
    """
    with engine.connect() as connection:
        national = {row.code: row for row in connection.execute(text(_NATIONAL_NAMES))}
        lines = connection.execute(text(_LOCAL), {"province": slug}).all()
    if not national or not lines:
        which = f" --province {slug}" if national else ""
        raise ConfigurationError(
            "the province's list is not here yet" if national else "the national list is not here yet",
            where=slug,
            next_step=f"Pull it: lienthong procedures pull{which}",
        )
    found: list[Finding] = []
    for line in lines:
        code = line.base or line.local_code
        if words := district_words(line.name):
            found.append(Finding("district_name", code, line.name, "name", words, line.local_code, line.place))
        found += _decision(line, national.get(line.base), now, own_days)
    names = {code: row.name for code, row in national.items()}
    rows = [Row(line.place or 0, line.local_code, line.base, line.name) for line in lines if line.base in names]
    found += _beside(rows, names)
    return Quality(slug, now, len(lines), _ordered(found), tuple(_unsure(lines)))


def _of_record(row: Any) -> Iterator[Finding]:
    if words := district_words(row.name):
        yield Finding("district_name", row.code, row.name, "TENTTHC", words)
    if row.source != SERVICE:
        return
    if parts := missing_parts(row.record):
        named = ", ".join(f"{PARTS[part]} ({part})" for part in parts)
        yield Finding("incomplete", row.code, row.name, ", ".join(parts), f"{named}: {'; '.join(parts.values())}")
    for proved, channel, evidence in off_by_thousand(row.record):
        yield Finding("fee_off" if proved else "fee_low", row.code, row.name, f"SOTIEN, {channel}", evidence)
    for field, words in in_texts(row.record):
        yield Finding("district_text", row.code, row.name, field, words)


def _publication(connection: Connection, own_days: Mapping[date, bool]) -> tuple[list[Finding], list[str]]:
    """What was published late, and of how many the days are not known."""
    known = list(publications(connection, own_days))
    late = [
        Finding("published_late", one.code, one.name, "decision", f"{one.decision}; on the list {_on(one.seen_on)}")
        for one in known
        if one.late
    ]
    undated = sum(one.decided_on is None for one in known)
    before = sum(one.decided_on is not None and one.seen_on is None for one in known)
    notes = []
    if undated:
        notes.append(
            f"publication within {WORKING_DAYS} working days: of {len(known):,} procedures of province or commune "
            f"level the day of the decision is not known for {undated:,} (the record has its number only)"
        )
    if before:
        notes.append(f"{before:,} were on the list already when it was first pulled: their day is not known")
    return late, notes


def _decision(line: Any, national: Any, now: datetime, own_days: Mapping[date, bool]) -> Iterator[Finding]:
    """A decision that is not the national one, or one that is not on the national list although it is due there."""
    if not line.decision:
        return
    decided = decision_day(line.decision)
    if national is None:
        due = last_day(decided, own_days)
        if due and due < now.astimezone(VIET_NAM).date():
            words = f"{line.decision}; due on the national database by {_on(due)}"
            yield Finding(
                "unpublished", line.base or line.local_code, line.name, "decision", words, line.local_code, line.place
            )
    elif national.decision and not same_decision(line.decision, national.decision):
        theirs = decision_day(national.decision)
        older = ", the province's is older" if decided and theirs and decided < theirs else ""
        newer = ", the province's is newer" if decided and theirs and decided > theirs else ""
        words = f"province {line.decision}, national {national.decision}{older or newer}"
        yield Finding("stale_decision", line.base, line.name, "decision", words, line.local_code, line.place)


def _beside(rows: list[Row], names: dict[str, str]) -> Iterator[Finding]:
    found, others = slips(rows, names)
    for slip in found:
        yield _slip(slip, rows, names)
    for row, code in others:
        words = f"{row.local_code} is nationally “{names[row.base]}”; the name is that of {code}"
        yield Finding("other_name", row.base, row.name, "code", words, row.local_code, row.row or None)


def _slip(slip: Slip, rows: list[Row], names: dict[str, str]) -> Finding:
    """A range as one finding; a single row is no slipped list, only a line with its neighbour's name."""
    first, last = slip.rows[0], slip.rows[-1]
    side = "below" if slip.shift > 0 else "above"
    owner = rows[rows.index(first) + slip.shift]
    words = f"{first.local_code} is nationally “{names[first.base]}”; the name is that of {owner.base}, the row {side}"
    if len(slip.rows) == 1:
        return Finding("other_name", first.base, first.name, "code", words, first.local_code, first.row or None)
    span = f"rows {first.row} to {last.row}" if first.row else f"{len(slip.rows)} rows from {first.local_code}"
    many = f"{span} ({len(slip.rows):,} lines) have the name of the code one row {side}; the first: {words}"
    return Finding("shifted", first.base, first.name, "code", many, first.local_code, first.row or None, last.row)


def _unsure(lines: Any) -> Iterator[str]:
    undated = sum(bool(line.decision) and decision_day(line.decision) is None for line in lines)
    if undated:
        yield f"the day of the decision is not known for {undated:,} of {len(lines):,} lines (the number has no date)"
    if any(line.place is None for line in lines):
        yield "the order of the list is not known: it was read before the hub kept it; pull or import it again"


def _ordered(found: list[Finding]) -> tuple[Finding, ...]:
    order = {kind: place for place, kind in enumerate(KINDS)}
    return tuple(sorted(found, key=lambda one: order[one.kind]))


def _on(day: Any) -> str:
    return str(day.strftime("%d/%m/%Y"))
