"""Code lists: a vendor's words -> canonical codes, with validity dates, provenance and keys of several parts.

One YAML file per list in `codelists/`. Entries name the parts that they decide by; `match` says which combinations
are tried, in order, and the first that is known wins. An entry may hold from and until a day; a list with dated
entries can only be asked with a date. A list whose codes lie in a CSV table reads it when it is first asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from mappings.codelist_files import (
    FOREVER,
    Key,
    Line,
    overlaps,
    table_lines,
)
from mappings.codelist_files import (
    CodeListFile as CodeListFile,
)
from mappings.codelist_files import (
    Entry as Entry,
)
from mappings.codelist_files import (
    Rows as Rows,
)
from mappings.codelist_files import (
    entry_lines as entry_lines,
)
from mappings.errors import Fault, MappingError, near
from mappings.mapped import Refused
from mappings.places import code_list_files
from mappings.transforms import read_key
from mappings.validation import validated
from mappings.yamlfile import YamlFile, read_yaml, shown_name


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
    what: str = ""
    source: str = ""
    files: tuple[str, ...] = ()

    @property
    def dated(self) -> bool:
        """Whether the answer depends on a day."""
        return self.first_dated is not None

    @property
    def first_dated(self) -> Line | None:
        """The line that makes the list dated, for what is told of it; None of a list without days."""
        return next((line for line in self.lines if (line.first, line.last) != FOREVER), None)

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
        raise Refused(own_reason or self.reason or reason, code_list=self.name)

    def lines_of(self, values: Sequence[Any]) -> list[Line]:
        """The lines of every day that a key may be decided by."""
        folded = dict(zip(self.parts, map(read_key, values), strict=False))
        keys = [(parts, tuple(folded.get(part) for part in parts)) for parts in self.match]
        return [line for key in keys for line in self.index.get(key, ())]

    def with_entries(self, lines: Iterable[Line]) -> CodeList:
        """This list with other lines laid over it: a line replaces those of the same key, else it is added."""
        over = list(lines)
        replaced = {(line.parts, line.key) for line in over}
        kept = [line for line in self.lines if (line.parts, line.key) not in replaced]
        return _made(self, [*over, *kept])


class CodeLists:
    """The code lists of an installation by name. Earlier folders go over later ones."""

    def __init__(self, lists: dict[str, CodeList | Callable[[], CodeList]]) -> None:
        self._lists = lists

    @classmethod
    def load(cls, folders: Sequence[Path] | None = None, *, wrong_too: bool = False) -> CodeLists:
        """Every list in the folders' `codelists/`. A list of the same name in an earlier folder replaces the later
        one, or is laid over it when it says `extend: true`. Tables are read when their list is first asked.

        Raises MappingError with file and line; with `wrong_too` a wrong list raises it only when it is asked.
        """
        read = _told_when_asked if wrong_too else _load_stack
        return cls({name: read(stack) for name, stack in sorted(_stacks(folders).items())})

    def names(self) -> list[str]:
        return sorted(self._lists)

    def __contains__(self, name: str) -> bool:
        return name in self._lists

    def __getitem__(self, name: str) -> CodeList:
        found = self._lists[name]
        if not isinstance(found, CodeList):
            found = self._lists[name] = found()
        return found

    def overlaid(self, name: str, lines: Iterable[Line]) -> CodeLists:
        """These lists with lines laid over one of them."""
        return CodeLists({**self._lists, name: self[name].with_entries(lines)})


def check_lists(folders: Sequence[Path] | None = None) -> Iterator[tuple[str, list[Fault]]]:
    """Every list of all folders by name with what is wrong in it: files, entries, tables."""
    for name, stack in sorted(_stacks(folders).items()):
        try:
            found = _load_stack(stack)
            if not isinstance(found, CodeList):
                found()
            yield name, []
        except MappingError as error:
            yield name, error.faults


Stack = list[tuple[Path, Path]]
"""The files of one list with the mapping folder of each, nearest first."""


def _stacks(folders: Sequence[Path] | None) -> dict[str, Stack]:
    found: dict[str, Stack] = {}
    for path, folder in code_list_files(folders):
        found.setdefault(path.stem, []).append((path, folder))
    return found


def _told_when_asked(stack: Stack) -> CodeList | Callable[[], CodeList]:
    try:
        return _load_stack(stack)
    except MappingError as error:
        faults = error.faults

        def tell() -> CodeList:
            raise MappingError(faults)

        return tell


def _load_stack(stack: Stack) -> CodeList | Callable[[], CodeList]:
    """A list, or what reads it where a table belongs to it."""
    path, folder = stack[0]
    file = read_yaml(path, shown_name(path, folder))
    model = validated(CodeListFile, file, {"list": path.stem})
    under: CodeList | Callable[[], CodeList] | None = None
    if model.extend:
        if len(stack) == 1:
            what = f"no other folder has a list `{path.stem}` to extend."
            raise MappingError([file.fault(("extend",), what, "Remove `extend`.")])
        under = _load_stack(stack[1:])
    else:
        _refuse_unknown_parts(file, model)
    if model.rows is not None and Path(model.rows.file).name != model.rows.file:
        what = f"`{model.rows.file}` is not the name of a file."
        raise MappingError(
            [file.fault(("rows", "file"), what, "Put it beside the list, and name it without a folder.")]
        )
    if model.rows is not None and not path.with_name(model.rows.file).is_file():
        what = f"`{model.rows.file}` cannot be read: there is no such file."
        raise MappingError([file.fault(("rows", "file"), what, "Put it beside the list, as UTF-8.")])

    def whole() -> CodeList:
        base = under if under is None or isinstance(under, CodeList) else under()
        if base is not None and tuple(model.parts) != base.parts:
            what = f"the list it extends has the parts {', '.join(base.parts)}."
            raise MappingError([file.fault(("parts",), what, "Use the same parts, or drop `extend`.")])
        shape = replace(base, files=(file.name, *base.files)) if base else _empty(model, file)
        return shape.with_entries(_all_lines(model, file, path, shape))

    return whole() if model.rows is None and (under is None or isinstance(under, CodeList)) else whole


def _all_lines(model: CodeListFile, file: YamlFile, path: Path, shape: CodeList) -> list[Line]:
    lines = entry_lines(model.entries, file, ("entries",), shape)
    if model.rows is None:
        return lines
    lines += table_lines(model.rows, file, path.with_name(model.rows.file), shape)
    faults = overlaps(lines, shape.name)
    if faults:
        raise MappingError(faults)
    return lines


def _refuse_unknown_parts(file: YamlFile, model: CodeListFile) -> None:
    faults = [
        file.fault(("match", i, j), f"`{part}` is not a part of this list.", near(part, model.parts))
        for i, parts in enumerate(model.match or [])
        for j, part in enumerate(parts)
        if part not in model.parts
    ]
    if faults:
        raise MappingError(faults)


def _empty(model: CodeListFile, file: YamlFile) -> CodeList:
    match = tuple(map(tuple, model.match)) if model.match else (tuple(model.parts),)
    return CodeList(
        model.list_, model.to, tuple(model.parts), match, model.reason, (), {}, model.what, model.source, (file.name,)
    )


def _made(shape: CodeList, lines: Sequence[Line]) -> CodeList:
    index: dict[tuple[tuple[str, ...], Key], list[Line]] = {}
    for line in lines:
        index.setdefault((line.parts, line.key), []).append(line)
    return replace(shape, lines=tuple(lines), index=index)
