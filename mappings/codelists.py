"""Code lists: a vendor's words -> canonical codes, with validity dates, provenance and keys of several parts.

One YAML file per list in `codelists/`. Entries name the parts that they decide by; `match` says which combinations
are tried, in order, and the first that is known wins. An entry may hold from and until a day; a list with dated
entries can only be asked with a date.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mappings.errors import Fault, MappingError, near
from mappings.mapped import Refused
from mappings.places import code_list_files
from mappings.transforms import read_key
from mappings.validation import validated
from mappings.yamlfile import Key as Place
from mappings.yamlfile import YamlFile, read_yaml, shown_name

Scalar = str | int | bool
Key = tuple[str | None, ...]

_FOREVER = (date.min, date.max)


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
    """An entry, ready to be asked: its folded key and where it stands."""

    key: Key
    parts: tuple[str, ...]
    value: Any
    first: date
    last: date
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class CodeList:
    """A named list. `look_up` gives the canonical code of a key, or raises `Refused` with the list's reason."""

    name: str
    to: str
    parts: tuple[str, ...]
    match: tuple[tuple[str, ...], ...]
    reason: str | None
    lines: tuple[Line, ...]
    index: dict[tuple[tuple[str, ...], Key], list[Line]] = field(repr=False)

    @property
    def dated(self) -> bool:
        """Whether the answer depends on a day."""
        return any((line.first, line.last) != _FOREVER for line in self.lines)

    def look_up(
        self, values: Sequence[Any], on: date | None = None, own_reason: str | None = None, reason: str = "unmapped"
    ) -> Any:
        """The code for one value per part (missing trailing parts are blank); None when all are blank.

        `on` is the day that decides between dated entries. Letter case and spacing are aside.
        An unknown code is refused for the rule's own reason, else the list's, else `reason`.
        """
        folded = dict(zip(self.parts, map(read_key, values), strict=False))
        if not any(value is not None for value in folded.values()):
            return None
        for parts in self.match:
            key = tuple(folded.get(part) for part in parts)
            if None in key:
                continue
            for line in self.index.get((parts, key), ()):
                if line.first == date.min and line.last == date.max:
                    return line.value
                if on is not None and line.first <= on <= line.last:
                    return line.value
        raise Refused(own_reason or self.reason or reason)

    def with_entries(self, lines: Iterable[Line]) -> CodeList:
        """This list with other lines laid over it: a line replaces those of the same key, else it is added."""
        over = list(lines)
        replaced = {(line.parts, line.key) for line in over}
        kept = [line for line in self.lines if (line.parts, line.key) not in replaced]
        return _made(self.name, self.to, self.parts, self.match, self.reason, [*over, *kept])


class CodeLists:
    """The code lists of an installation by name. Earlier folders go over later ones."""

    def __init__(self, lists: dict[str, CodeList]) -> None:
        self._lists = lists

    @classmethod
    def load(cls, folders: Sequence[Path] | None = None) -> CodeLists:
        """Every list in the folders' `codelists/`. A list of the same name in an earlier folder replaces the later
        one, or is laid over it when it says `extend: true`. Raises MappingError with file and line."""
        found: dict[str, list[tuple[Path, Path]]] = {}
        for path, folder in code_list_files(folders):
            found.setdefault(path.stem, []).append((path, folder))
        return cls({name: _load_stack(stack) for name, stack in sorted(found.items())})

    def names(self) -> list[str]:
        return sorted(self._lists)

    def __contains__(self, name: str) -> bool:
        return name in self._lists

    def __getitem__(self, name: str) -> CodeList:
        return self._lists[name]

    def overlaid(self, name: str, lines: Iterable[Line]) -> CodeLists:
        """These lists with lines laid over one of them."""
        return CodeLists({**self._lists, name: self._lists[name].with_entries(lines)})


def _load_stack(stack: list[tuple[Path, Path]]) -> CodeList:
    path, folder = stack[0]
    file = read_yaml(path, shown_name(path, folder))
    model = validated(CodeListFile, file, {"list": path.stem})
    under = _load_stack(stack[1:]) if model.extend and len(stack) > 1 else None
    if model.extend and under is None:
        raise MappingError(
            [file.fault(("extend",), f"no other folder has a list `{path.stem}` to extend.", "Remove `extend`.")]
        )
    match = tuple(map(tuple, model.match)) if model.match else (tuple(model.parts),)
    if under is not None:
        _refuse_other_shape(file, model, under)
        return under.with_entries(_all_lines(model, file, path, under))
    _refuse_unknown_parts(file, model)
    empty = _made(model.list_, model.to, tuple(model.parts), match, model.reason, [])
    return empty.with_entries(_all_lines(model, file, path, empty))


def _all_lines(model: CodeListFile, file: YamlFile, path: Path, shape: CodeList) -> list[Line]:
    lines = entry_lines(model.entries, file, ("entries",), shape)
    if model.rows is None:
        return lines
    lines += _table_lines(model.rows, file, path.with_name(model.rows.file), shape)
    faults = _overlaps(lines, shape.name)
    if faults:
        raise MappingError(faults)
    return lines


def _table_lines(rows: Rows, file: YamlFile, path: Path, shape: CodeList) -> list[Line]:
    """The lines of a CSV file; a missing file or column is told at the list's `rows`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text)
            columns = reader.fieldnames or []
            table = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError) as error:
        what = f"`{rows.file}` cannot be read: {error}."
        raise MappingError([file.fault(("rows", "file"), what, "Put it beside the list, as UTF-8.")]) from error
    wrong = [column for column in (rows.is_, *shape.parts) if column not in columns]
    if wrong:
        faults = [
            file.fault(("rows",), f"`{rows.file}` has no column `{name}`.", near(name, columns)) for name in wrong
        ]
        raise MappingError(faults)
    name = f"{file.name.rpartition('/')[0]}/{rows.file}".lstrip("/")
    lines: dict[Place, int] = {("entries", number): line for number, (line, _) in enumerate(table)}
    entries = [
        Entry.model_validate(
            {"is": row[rows.is_], **{part: row[part] for part in shape.parts}}
            | {day: row[day] for day in ("valid_from", "valid_to") if row.get(day)}
        )
        for _, row in table
    ]
    return entry_lines(entries, YamlFile(name, {}, lines), ("entries",), shape)


def _refuse_other_shape(file: YamlFile, model: CodeListFile, under: CodeList) -> None:
    if tuple(model.parts) != under.parts:
        what = f"the list it extends has the parts {', '.join(under.parts)}."
        raise MappingError([file.fault(("parts",), what, "Use the same parts, or drop `extend`.")])


def _refuse_unknown_parts(file: YamlFile, model: CodeListFile) -> None:
    faults = [
        file.fault(("match", i, j), f"`{part}` is not a part of this list.", near(part, model.parts))
        for i, parts in enumerate(model.match or [])
        for j, part in enumerate(parts)
        if part not in model.parts
    ]
    if faults:
        raise MappingError(faults)


def entry_lines(entries: Sequence[Entry], file: YamlFile, at: tuple[str | int, ...], shape: CodeList) -> list[Line]:
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
            lines.append(Line(key, parts, value, first, last, file.name, file.line(where)))
    if not faults:
        faults = _overlaps(lines, shape.name)
    if faults:
        raise MappingError(faults)
    return lines


def _value(value: Scalar, to: str) -> tuple[Any, str | None]:
    if to == "text":
        return str(value), None if not isinstance(value, bool) else "true and false are not text."
    if to == "flag":
        return value, None if isinstance(value, bool) else "this is not true or false."
    return value, None if isinstance(value, int) and not isinstance(value, bool) else "this is not a whole number."


def _overlaps(lines: Sequence[Line], name: str) -> list[Fault]:
    faults = []
    seen: dict[tuple[tuple[str, ...], Key], list[Line]] = {}
    for line in lines:
        for other in seen.setdefault((line.parts, line.key), []):
            if line.first <= other.last and other.first <= line.last:
                code = " / ".join(part or "-" for part in line.key)
                what = f"`{code}` of list `{name}` is already decided for the same days on line {other.line}."
                faults.append(Fault(line.file, line.line, "entries", what, "Part the days by valid_from and valid_to."))
        seen[line.parts, line.key].append(line)
    return faults


def _made(
    name: str,
    to: str,
    parts: tuple[str, ...],
    match: tuple[tuple[str, ...], ...],
    reason: str | None,
    lines: Sequence[Line],
) -> CodeList:
    index: dict[tuple[tuple[str, ...], Key], list[Line]] = {}
    for line in lines:
        index.setdefault((line.parts, line.key), []).append(line)
    return CodeList(name, to, parts, match, reason, tuple(lines), index)
