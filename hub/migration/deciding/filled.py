"""The work list as people filled it in: the exported file with a code in its last column, taken whole or not at all."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hub.errors import ConfigurationError
from hub.migration.attempt import Attempt, Migrating, note_event
from hub.migration.deciding.decisions import NOTHING, Decision, deciding, field_of, keep, must_be_sound, recoding_for
from hub.migration.deciding.remapping import map_again
from mappings.recoding import Recoding

NEEDED = {"source": "Nguồn", "field": "Trường", "code": "Mã", "record": "Khóa bản ghi", "decided": "Quyết định"}
"""The columns that are read, by their headings in the exported file."""
_TOLD = 10
"""Lines that a refusal names."""

Numbered = tuple[int, Decision]
"""A line of the file and what it decides."""


def decide_filled(m: Migrating, path: Path, who: str, why: str) -> dict[str, Any]:
    """Take every line with a decision, each for its own record, and map those records again.

    Returns:
        `decided` lines, `blank` ones, and what became of the rows: `mapped`, `free`, `held`, `out_of_scope`.

    Raises:
        ConfigurationError: the file cannot be read, or lines of it cannot be, by number; nothing was changed.
        Refused: as `hub.migration.decisions.decide`.
    """
    with deciding(m) as attempt:
        return _decide_all(m, attempt, path, who, why)


def _decide_all(m: Migrating, attempt: Attempt | None, path: Path, who: str, why: str) -> dict[str, Any]:
    lines = list(_read(path, who, why))
    wanted = [(line, one) for line, one in lines if one.decided]
    _must_all_be_sound(m, path, wanted)
    with m.engine.begin() as connection:
        for _, one in wanted:
            keep(connection, m, attempt, one)
        words = f"{len(wanted):,} decisions of {path.name}"
        at = attempt.migration_id if attempt else None
        note_event(connection, m.plan.slug, at, "decision", words, name="file", who=who, decided=len(wanted), why=why)
    became = dict(NOTHING)
    for source in dict.fromkeys(one.source for _, one in wanted) if attempt else ():
        keys = [one.record for _, one in wanted if one.source == source]
        for name, count in map_again(m, source, "m.source_key = ANY(:keys)", keys=keys).items():
            became[name] += count
    return {"decided": len(wanted), "blank": len(lines) - len(wanted), **became}


def _must_all_be_sound(m: Migrating, path: Path, wanted: list[Numbered]) -> None:
    recodings: dict[str, Recoding] = {}
    seen: dict[tuple[str, str, str], int] = {}
    faults: list[str] = []
    for line, one in wanted:
        key = (one.source, one.field, one.record)
        try:
            field_of(one.field)
            if one.source not in recodings:
                recodings[one.source] = recoding_for(m, one.source)
            must_be_sound(m, one, recodings[one.source])
        except ConfigurationError as error:
            faults.append(f"line {line}: {error.what}. {error.next_step.removeprefix('Nothing was changed. ')}")
        else:
            if not one.record:
                faults.append(f"line {line}: the record's key is missing")
            elif key in seen:
                faults.append(f"line {line}: line {seen[key]} decides the same record already")
        seen.setdefault(key, line)
    if faults:
        more = f"\n  … and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
        raise ConfigurationError(
            f"{len(faults):,} of {len(wanted):,} decisions cannot be",
            where=str(path),
            next_step="Nothing was changed.\n  " + "\n  ".join(faults[:_TOLD]) + more,
        )


def _read(path: Path, who: str, why: str) -> Iterator[Numbered]:
    rows = _rows(path)
    _, head = next(rows, (1, []))
    missing = [name for name in NEEDED.values() if name not in head]
    if missing:
        raise ConfigurationError(
            f"the file has no column {', '.join(missing)}",
            where=f"{path}:1",
            next_step="Fill in the file that `lienthong migrate work PLAN --to FILE` writes.",
        )
    places = {key: head.index(name) for key, name in NEEDED.items()}
    for line, cells in rows:
        if any(cells):
            found = {key: cells[place] if place < len(cells) else "" for key, place in places.items()}
            yield line, Decision(**found, who=who, why=why)  # type: ignore[arg-type]


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Numbered rows of a .csv or .xlsx file as texts."""
    try:
        if path.suffix.lower() == ".xlsx":
            from openpyxl import load_workbook

            line, book = 0, load_workbook(path, read_only=True, data_only=True)
            sheets: list[Any] = book.worksheets
            for sheet in sheets:
                for cells in sheet.iter_rows(values_only=True):
                    line += 1
                    yield line, ["" if cell is None else str(cell).strip() for cell in cells]
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for cells in reader:
                yield reader.line_num, [_plain(cell.strip()) for cell in cells]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError) as error:
        raise ConfigurationError(
            f"the file cannot be read: {error}",
            where=str(path),
            next_step="Give the .csv (UTF-8) or .xlsx that `lienthong migrate work PLAN --to FILE` wrote.",
        ) from None


def _plain(cell: str) -> str:
    """A cell without the quote by which the export keeps Excel from taking it for a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell
