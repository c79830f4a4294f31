"""Code list files: their models, and their entries and tables made ready, every fault with file and line."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from mappings.errors import Fault, MappingError, near
from mappings.transforms import read_key
from mappings.yamlfile import YamlFile

Scalar = str | int | bool
Key = tuple[str | None, ...]

FOREVER = (date.min, date.max)


class Entry(BaseModel):
    """One line of a list: the value of each part that decides, and what it `is`. Validity days are inclusive."""

    model_config = ConfigDict(extra="allow", strict=False)
    __pydantic_extra__: dict[str, Scalar | None]

    is_: Scalar = Field(alias="is", description="the canonical code")
    valid_from: date | None = Field(None, description="first day on which the entry holds, inclusive")
    valid_to: date | None = Field(None, description="last day on which the entry holds, inclusive")
    note: str | None = Field(None, description="where this line comes from, when it differs from the list's source")

    @property
    def parts(self) -> dict[str, Scalar | None]:
        return self.__pydantic_extra__


class Rows(BaseModel):
    """Codes kept as a table: its columns named like the parts are the key, valid_from and valid_to the days."""

    model_config = ConfigDict(extra="forbid")

    file: str = Field(description="name of the CSV file, UTF-8 with a header row")
    is_: str = Field(alias="is", description="column that holds the canonical code")
    notes: list[str] = Field(
        default_factory=list, description="columns that say where a line comes from; shown with the code"
    )


class CodeListFile(BaseModel):
    """A code list file."""

    model_config = ConfigDict(extra="forbid", title="Lien Thong code list")

    list_: str = Field(alias="list", description="name of the list, equal to the file's name")
    what: str = Field(description="what is turned into what, in a sentence")
    source: str = Field(description="where the entries come from, with the mark [seen], [inferred] or [style]")
    to: Literal["int", "text", "flag"] = Field(description="kind of the canonical code")
    parts: list[str] = Field(
        min_length=1, description="names of the key's parts, in the order in which a rule's paths give them"
    )
    match: list[list[str]] | None = Field(
        None, description="combinations of parts, tried in order; the first known one wins. Default: all parts together"
    )
    reason: str | None = Field(None, description="the finding's word for an unknown code; default: `unmapped_<field>`")
    extend: bool = Field(
        False,
        description="`true`: in your own folder, these entries are laid over the package's list of this name instead "
        "of replacing it",
    )
    entries: list[Entry] = Field(default_factory=list, description="the codes: each part by name, `is` the code")
    rows: Rows | None = Field(
        None, description="more codes from a CSV beside the list; its columns named like the parts are the key"
    )


@dataclass(frozen=True, slots=True)
class Line:
    """An entry, ready to be asked: its folded key, where it stands and what is noted beside it."""

    key: Key
    parts: tuple[str, ...]
    value: Any
    first: date
    last: date
    file: str
    line: int
    note: str | None = None


class Shape(Protocol):
    """What entries are checked against: a list's name, the kind of its codes, its parts and how they are tried."""

    @property
    def name(self) -> str: ...
    @property
    def to(self) -> str: ...
    @property
    def parts(self) -> tuple[str, ...]: ...
    @property
    def match(self) -> tuple[tuple[str, ...], ...]: ...


def entry_lines(entries: Sequence[Entry], file: YamlFile, at: tuple[str | int, ...], shape: Shape) -> list[Line]:
    """Check entries against a list's shape and make them ready; all faults at once as MappingError."""
    faults: list[Fault] = []
    lines: list[Line] = []
    for number, entry in enumerate(entries):
        where = (*at, number)
        unknown = [part for part in entry.parts if part not in shape.parts]
        faults += [
            file.fault((*where, part), f"`{part}` is not a part of list `{shape.name}`.", near(part, shape.parts))
            for part in unknown
        ]
        parts = next((m for m in shape.match if set(m) == set(entry.parts)), None)
        if parts is None and not unknown:
            tried = " or ".join("+".join(m) for m in shape.match)
            what = f"the entry decides by {'+'.join(entry.parts) or 'nothing'}, which `match` does not try."
            faults.append(file.fault(where, what, f"Name {tried}."))
        value, wrong = _value(entry.is_, shape.to)
        if wrong:
            faults.append(file.fault((*where, "is"), wrong, f"The list says `to: {shape.to}`."))
        first, last = entry.valid_from or date.min, entry.valid_to or date.max
        if first > last:
            faults.append(file.fault(where, "valid_to lies before valid_from.", "Exchange the two days."))
        if parts is not None:
            key = tuple(read_key(entry.parts[part]) for part in parts)
            if None in key:
                faults.append(file.fault(where, "a part of the key is blank.", "Leave the part out, or fill it."))
            lines.append(Line(key, parts, value, first, last, file.name, file.line(where), entry.note))
    if not faults:
        faults = overlaps(lines, shape.name)
    if faults:
        raise MappingError(faults)
    return lines


def _value(value: Scalar, to: str) -> tuple[Any, str | None]:
    if to == "text":
        return str(value), None if not isinstance(value, bool) else "true and false are not text."
    if to == "flag":
        return value, None if isinstance(value, bool) else "this is not true or false."
    return value, None if isinstance(value, int) and not isinstance(value, bool) else "this is not a whole number."


def overlaps(lines: Sequence[Line], name: str) -> list[Fault]:
    """A fault for each line whose key another one decides on some of the same days; both lines are named."""
    faults = []
    seen: dict[tuple[tuple[str, ...], Key], list[Line]] = {}
    for line in lines:
        for other in seen.setdefault((line.parts, line.key), []):
            if line.first <= other.last and other.first <= line.last:
                code = " / ".join(part or "-" for part in line.key)
                where = f"line {other.line}" if other.file == line.file else f"{other.file}:{other.line}"
                what = f"`{code}` of list `{name}` is already decided for the same days on {where}."
                faults.append(Fault(line.file, line.line, "entries", what, "Part the days by valid_from and valid_to."))
        seen[line.parts, line.key].append(line)
    return faults


def table_lines(rows: Rows, file: YamlFile, path: Path, shape: Shape) -> list[Line]:
    """The lines of a CSV file under a list's shape; a missing file or column is told at the list's `rows`, the rest by
    the file's own lines. A row's key are the columns that are filled."""
    name = f"{file.name.rpartition('/')[0]}/{rows.file}".lstrip("/")
    faults: list[Fault] = []
    lines: list[Line] = []
    for number, row in _table(rows, file, path, shape):
        filled = {part: word for part in shape.parts if (word := read_key(row[part])) is not None}
        parts = next((match for match in shape.match if set(match) == set(filled)), None)
        value, wrong = _table_value(row[rows.is_] or "", shape.to)
        if wrong:
            faults.append(Fault(name, number, rows.is_, wrong, f"The list says `to: {shape.to}`."))
        try:
            days = [
                date.fromisoformat(row.get(day) or "") if row.get(day) else None for day in ("valid_from", "valid_to")
            ]
        except ValueError as error:
            faults.append(Fault(name, number, "valid_from", f"this is not a day: {error}.", "Write 2025-07-01."))
            continue
        first, last = days[0] or date.min, days[1] or date.max
        if first > last:
            faults.append(Fault(name, number, "valid_to", "valid_to lies before valid_from.", "Exchange the two days."))
        if parts is None:
            tried = " or ".join("+".join(match) for match in shape.match)
            what = f"the row is filled in {'+'.join(filled) or 'no part'}, which `match` does not try."
            faults.append(Fault(name, number, shape.parts[0], what, f"Fill {tried}."))
            continue
        note = "; ".join(f"{column}: {row[column]}" for column in rows.notes if row[column]) or None
        key = tuple(filled[part] for part in parts)
        lines.append(Line(key, parts, value, first, last, name, number, note))
    if faults:
        raise MappingError(faults[:20])
    return lines


def _table_value(text: str, to: str) -> tuple[Any, str | None]:
    if to == "text":
        return text, None if text.strip() else "the code is blank."
    if to == "flag":
        return text == "true", None if text in ("true", "false") else f"`{text}` is not true or false."
    whole = text.removeprefix("-")
    return (int(text), None) if whole.isascii() and whole.isdigit() else (None, f"`{text}` is not a whole number.")


def _table(rows: Rows, file: YamlFile, path: Path, shape: Shape) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text, restval="")
            columns = reader.fieldnames or []
            wrong = [column for column in (rows.is_, *shape.parts, *rows.notes) if column not in columns]
            if wrong:
                what = "`{}` has no column `{}`."
                raise MappingError(
                    [file.fault(("rows",), what.format(rows.file, one), near(one, columns)) for one in wrong]
                )
            for row in reader:
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        what = f"`{rows.file}` cannot be read: {error}."
        raise MappingError([file.fault(("rows", "file"), what, "Put it beside the list, as UTF-8.")]) from error
