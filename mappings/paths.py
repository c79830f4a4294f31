"""Paths into a wire record.

code                                a key
procedure.sector.code               keys inside keys
procedure.translate[languageId=228].name    the first entry of a list with that value
phones[0]                           an entry by its place, [-1] is the last
^digitized                          inside `each`: one list further out
/applyMethod.id                     inside `each`: from the top of the record
dossierFormFile[].file[]            only in `each`: every entry of every entry
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_SEGMENT = re.compile(r"(?P<name>[^.\[\]^/\s]+)(?:\[(?:(?P<index>-?\d+)|(?P<key>[^=\[\]]+)=(?P<value>[^\[\]]*))\])?")
_LEVEL = re.compile(r"[^.\[\]^/\s]+(?:\.[^.\[\]^/\s]+)*")


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: a key, and which entry of the list that stands there."""

    name: str
    index: int | None = None
    where: tuple[str, str] | None = None

    def __str__(self) -> str:
        if self.index is not None:
            return f"{self.name}[{self.index}]"
        return f"{self.name}[{self.where[0]}={self.where[1]}]" if self.where else self.name


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. `up` counts lists further out; None is the top of the record."""

    text: str
    segments: tuple[Segment, ...]
    up: int | None = 0


def parse_path(text: str) -> Path:
    """Read a path; ValueError says what is wrong with it."""
    up, rest = climb(text)
    segments = []
    position = 0
    while True:
        match = _SEGMENT.match(rest, position)
        if match is None:
            raise ValueError(f"`{text}` is not a path")
        index = int(match["index"]) if match["index"] is not None else None
        where = (match["key"].strip(), match["value"].strip()) if match["key"] is not None else None
        segments.append(Segment(match["name"], index, where))
        position = match.end()
        if position == len(rest):
            return Path(text, tuple(segments), up)
        if rest[position] != ".":
            raise ValueError(f"`{text}` is not a path")
        position += 1


def climb(text: str) -> tuple[int | None, str]:
    """Where a path starts, and the rest of it: 0 here, 1 one list further out (`^`), None at the top (`/`)."""
    if text.startswith("/"):
        return None, text[1:]
    rest = text.lstrip("^")
    return len(text) - len(rest), rest


def from_the_top(path: Path, tops: Sequence[str]) -> str:
    """A path as it reads from the top of the record; `tops` are the record ("") and the lists around the path.

    >>> from_the_top(parse_path("^procedureForm.code"), ("", "papers[]", "papers[].file[]"))
    'papers[].procedureForm.code'
    """
    above = tops[0] if path.up is None else tops[max(len(tops) - 1 - path.up, 0)]
    return ".".join(filter(None, (above, *map(str, path.segments))))


def parse_each(text: str) -> list[tuple[str, ...]]:
    """Read an `each` path into its lists, outermost first: `a.b[].c[]` -> [("a", "b"), ("c",)].

    Where it starts (`^`, `/`) is told by `climb`.
    """
    levels = climb(text)[1].split("[]")
    if levels[-1] != "" or len(levels) < 2:
        raise ValueError(f"`{text}` does not end in `[]`")
    names = [levels[0], *(level.removeprefix(".") for level in levels[1:-1])]
    for name in names:
        if not _LEVEL.fullmatch(name):
            raise ValueError(f"`{text}` is not a path to a list")
    return [tuple(name.split(".")) for name in names]


def value_at(path: Path, *around: Any) -> Any:
    """What a path finds, the way generated code finds it; None when nothing stands there.

    `around` are the record and, inside `each`, the entries of its lists, outermost first.

    >>> value_at(parse_path("phones[-1]"), {"phones": ["1", "2"]})
    '2'
    """
    value = around[0] if path.up is None else around[-1 - path.up]
    for segment in path.segments:
        value = value.get(segment.name) if isinstance(value, dict) else None
        if segment.index is not None:
            entries = value if isinstance(value, list) else []
            value = entries[segment.index] if -len(entries) <= segment.index < len(entries) else None
        elif segment.where is not None:
            key, wanted = segment.where
            entries = value if isinstance(value, list) else [value]
            value = next((one for one in entries if isinstance(one, dict) and str(one.get(key)) == wanted), None)
    return value


def entries_at(levels: Sequence[tuple[str, ...]], *around: Any, up: int | None = 0) -> Iterator[tuple[Any, ...]]:
    """The entries that an `each` walks: for each the record, the outer entries and itself."""
    if not levels:
        yield around
        return
    found = around[0] if up is None else around[-1 - up]
    for name in levels[0]:
        found = found.get(name) if isinstance(found, dict) else None
    for entry in found if isinstance(found, list) else []:
        yield from entries_at(levels[1:], *around, entry)
