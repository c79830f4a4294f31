"""Take an Excel list of procedures: a province's own, or the national one where the portal cannot be asked."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from hub.errors import ConfigurationError
from hub.procedures import versions
from hub.procedures.attempt import IMPORT, attempt
from hub.procedures.excel import ExcelList, Line, read_list
from hub.procedures.guard import refuse_short
from hub.procedures.listing import LocalProcedure, present_count, write_listing
from hub.procedures.names import folded
from hub.procedures.portal import NATIONAL
from hub.procedures.record import LEVELS, Procedure, hash_of, json_text
from hub.runs import end_stage
from schemas.identifiers import procedure_base

SHIFTED = 3
"""Lines with the code of their neighbour from which a list is taken to be shifted."""
_NOT_PUBLIC = tuple(folded(words) for words in ("không công khai", "chưa công khai", "hết hiệu lực", "bãi bỏ"))


def import_list(
    engine: Engine, path: Path, *, now: datetime, province: str | None = None, accept_short: bool = False
) -> dict[str, Any]:
    """Read the list whole, check it against what is known, and store it in one transaction.

    With `province` it becomes that province's list. Without, it fills the national list: only procedures of which the
    portal's own service never spoke, marked with the file's name as their source.

    Returns:
        `run_id`, `file`, `listed`, the counts of the store (`write_listing` or `write_versions`), `repeated`, `shifted`
        (lines with a neighbour's code, too few to refuse), `absent` (optional columns) and `passed_over` (sheets).

    Raises:
        ConfigurationError: file, sheet, row and column of what cannot be used; nothing was changed.
        StageFailed: the list is suspiciously short; nothing was changed.
    """
    found = read_list(path)
    with engine.connect() as connection:
        shifted = _refuse_shifted(connection, path, found)
    if province is None:
        _refuse_local_codes(path, found)
    with (
        attempt(engine, province or NATIONAL, now, kind=IMPORT) as run_id,
        engine.begin() as connection,
    ):
        _refuse_short(connection, path, found, province, accept_short)
        if province is None:
            written = _store_national(connection, run_id, found, now)
        else:
            listed = [
                LocalProcedure(one.code, one.name, one.field_name, one.level, one.decision, place)
                for place, one in enumerate(found.lines, 1)
            ]
            written = write_listing(connection, run_id, province, listed, source=found.file, now=now)
        counts = {
            "file": found.file,
            "listed": len(found.lines),
            **written,
            "repeated": found.repeated,
            "shifted": shifted,
            "absent": found.absent,
            "passed_over": found.passed_over,
        }
        end_stage(connection, run_id, "done", counts)
    return {"run_id": run_id, **counts}


def _refuse_short(connection: Connection, path: Path, found: ExcelList, province: str | None, accept: bool) -> None:
    if province is None:
        present, option = versions.current_count(connection, imported=True), ""
    else:
        present, option = present_count(connection, province), f" --province {province}"
    command = f"lienthong procedures import {path}{option}"
    refuse_short(len(found.lines), present, accept=accept, where=str(path), command=command)


def _store_national(connection: Connection, run_id: int, found: ExcelList, now: datetime) -> dict[str, int]:
    """The counts of `write_versions`, and `left_to_portal`: procedures of which the portal's service has spoken."""
    procedures = {one.code: one for one in map(_procedure, found.lines)}
    versions.drop_staging(connection, run_id)
    versions.create_staging(connection, run_id)
    versions.stage(connection, run_id, procedures.values(), now)
    counts = versions.write_versions(connection, run_id, procedures, source=found.file, now=now)
    versions.drop_staging(connection, run_id)
    touched = sum(counts[name] for name in ("new", "changed", "reopened", "unchanged"))
    return {**counts, "left_to_portal": len(procedures) - touched}


def _procedure(line: Line) -> Procedure:
    """A line of the national list; its record is the line's columns by heading. A field has no code in such a list."""
    return Procedure(
        code=procedure_base(line.code) or line.code,
        name=line.name,
        field_code=None,
        field_name=line.field_name,
        levels=_levels(line.level or ""),
        decision=line.decision,
        public=not any(words in folded(line.state or "") for words in _NOT_PUBLIC),
        content_hash=hash_of(line.values),
        record=json_text(line.values),
    )


def _levels(words: str) -> tuple[str, ...]:
    """Codes of the levels named in a text such as “Cấp Tỉnh, Cấp Xã”."""
    said = set(re.split(r"[\s,;/]+", folded(words)))
    return tuple(code for code, name in LEVELS.items() if folded(name) in said)


def _refuse_local_codes(path: Path, found: ExcelList) -> None:
    """The national list has national codes only."""
    odd = [line for line in found.lines if procedure_base(line.code) is None]
    if odd:
        shown = "\n".join(f"  {line.at('code')}: {line.code}" for line in odd[:10])
        more = f"\n  and {len(odd) - 10:,} more" if len(odd) > 10 else ""
        raise ConfigurationError(
            f"{len(odd):,} codes are no national procedure codes (d.dddddd)\n{shown}{more}",
            where=str(path),
            next_step="Mend them; or, when this is a province's own list: "
            f"lienthong procedures import {path.name} --province <slug>",
        )


def _refuse_shifted(connection: Connection, path: Path, found: ExcelList) -> int:
    """How many lines carry the code of the line above or below, judged by known names; refuses from SHIFTED on."""
    query = "SELECT procedure_code, name FROM procedure_version WHERE valid_to IS NULL"
    known = {code: folded(name) for code, name in connection.execute(text(query))}
    lines = found.lines
    shifted = []
    for number, line in enumerate(lines):
        name = folded(line.name)
        own = known.get(procedure_base(line.code) or "")
        if own is None or own == name:
            continue
        beside = (lines[place] for place in (number - 1, number + 1) if 0 <= place < len(lines))
        if any(known.get(procedure_base(other.code) or "") == name for other in beside):
            shifted.append(line)
    if len(shifted) < SHIFTED:
        return len(shifted)
    first = shifted[0]
    raise ConfigurationError(
        f"{len(shifted):,} lines have the code of the line above or below, the first in {first.at('code')}: "
        f"{first.code} is known as another procedure than “{first.name}”",
        where=str(path),
        next_step="The column Mã TTHC has slipped against Tên TTHC. Export the list again; nothing was changed.",
    )
