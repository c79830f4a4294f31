"""The fields of sampled records: where they stand, of what type, how often filled, with which values.

Memory does not grow with the sample: of each field at most `MOST_VALUES` distinct values are kept, each cut, and of a
record nothing else.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.survey.looks import look
from schemas.masking import mask_email, mask_identity, mask_name, mask_phone, mask_text
from schemas.personal import Kind, kind_of

MOST_VALUES = 500
MOST_FIELDS = 3_000
LONGEST = 80
DEEPEST = 50
EXAMPLES = 3


@dataclass(slots=True)
class FieldSeen:
    """One field. `records` have it filled, `present` have its key; `values` counts what is kept of its values."""

    path: str
    keys: tuple[str, ...]
    records: int = 0
    present: int = 0
    types: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    more: bool = False

    def add(self, found: list[Any]) -> None:
        """What one record holds here: several values where a list is on the way."""
        self.present += 1
        filled = [value for value in found if value not in (None, "", [], {})]
        self.records += bool(filled)
        for value in filled:
            self.types[look(value)] += 1
            if isinstance(value, list | dict):
                continue
            text = str(value)[:LONGEST]
            if text in self.values or len(self.values) < MOST_VALUES:
                self.values[text] += 1
            else:
                self.more = True

    @property
    def distinct(self) -> str:
        """How many different values; `500+` when they were too many to keep."""
        return f"{len(self.values)}+" if self.more else str(len(self.values))

    def examples(self, most: int = EXAMPLES) -> list[str]:
        """The commonest values, masked; nothing of a person or of free text is among them."""
        shown: list[str] = []
        for value, _ in self.values.most_common(50):
            example = masked(self.keys, value)
            if example not in shown:
                shown.append(example)
            if len(shown) == most:
                break
        return shown


def masked(keys: tuple[str, ...], value: str) -> str:
    """A value as it may be shown: plain, or with a mask that leaves its shape."""
    kind = kind_of(keys, value)
    return mask_text(value) if kind is None else _MASKS[kind](value)


_MASKS: dict[Kind, Any] = {
    "name": mask_name,
    "phone": mask_phone,
    "email": mask_email,
    "identity": mask_identity,
    "tax": mask_identity,
    "birth": lambda value: "".join("*" if letter.isdigit() else letter for letter in value),
    "address": lambda value: f"*** ({len(value)} characters)",
    "secret": lambda value: "***",
    "words": lambda value: f"[{len(value.split())} words, {len(value)} characters]",
}


class Profile:
    """The fields of a stream of records; `name` is the stream's, which says what a bare `name` in it is of."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.records = 0
        self.fields: dict[str, FieldSeen] = {}
        self.cut = False

    def add(self, record: Mapping[str, Any]) -> None:
        """One record more."""
        self.records += 1
        here: dict[str, tuple[tuple[str, ...], list[Any]]] = {}
        for path, keys, value in leaves(record):
            here.setdefault(path, (keys, []))[1].append(value)
        for path, (keys, values) in here.items():
            known = self.fields.get(path)
            if known is None:
                if len(self.fields) >= MOST_FIELDS:
                    self.cut = True
                    continue
                known = self.fields[path] = FieldSeen(path, (self.name, *keys))
            known.add(values)

    def shown(self) -> list[FieldSeen]:
        """The fields in the order they came; a list or object that is only sometimes empty shows by its inside."""
        return [seen for seen in self.fields.values() if seen.values or not self._has_inside(seen.path)]

    def _has_inside(self, path: str) -> bool:
        return any(other.startswith((f"{path}.", f"{path}[]")) for other in self.fields)


def leaves(value: Any, path: str = "", keys: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """Every value of a record with its dotted path (`[]` where a list is on the way) and the keys on it.

    An empty list or object is a value of its own, and so is what lies deeper than `DEEPEST`.

    >>> [(path, value) for path, _, value in leaves({"a": [{"b": 1}, {"b": 2}], "c": []})]
    [('a[].b', 1), ('a[].b', 2), ('c', [])]
    """
    if path.count(".") + path.count("[]") >= DEEPEST:
        yield path, keys, "…" if isinstance(value, Mapping | list) else value
    elif isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key), (*keys, str(key)))
    elif isinstance(value, list) and value:
        for inner in value:
            yield from leaves(inner, f"{path}[]", keys)
    else:
        yield path, keys, value
