"""From XML elements to dicts, quickly: the shape of a record is learnt, and records of that shape are filled in.

Element by element, Python costs more than the parser. Most records have the same elements in the same order as one
before them; for those, names and nesting are known, and one dict display takes the texts in.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any

MOST_SHAPES = 2000
MOST_ELEMENTS = 2000
DEEPEST = 12
WORTH_LEARNING = 3
"""Records of a shape that are met before it is learnt: compiling costs as much as reading ten of them slowly."""


class LocalNames(dict[str, str]):
    """Element names without their namespace, remembered."""

    def __missing__(self, tag: str) -> str:
        name = self[tag] = sys.intern(tag.rpartition("}")[2])
        return name


LOCAL = LocalNames()


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape: `fill` makes the dict of the texts of all its elements in document order.

    `parents` holds place and number of children of each element that has some: with the names, that is the nesting.
    """

    parents: tuple[tuple[int, int], ...]
    fill: Callable[[list[str | None]], dict[str, Any]]


class RecordBuilder:
    """Builds dicts; `lists` names the elements that always become lists. Safe to share between threads."""

    def __init__(self, lists: frozenset[str]) -> None:
        self._lists = lists
        self._shapes: dict[tuple[str, ...], Shape | int] = {}

    def build(self, record: Any) -> dict[str, Any]:
        """An element's children as a dict: text or None, a dict for what has children, lists where they are named."""
        nodes = list(record.iter("*"))
        tags = tuple([node.tag for node in nodes])
        shape = self._shapes.get(tags, 0)
        if isinstance(shape, int):
            self._meet(tags, nodes, shape + 1)
            return self.slowly(record)
        for place, children in shape.parents:
            if len(nodes[place]) != children:
                return self.slowly(record)
        return shape.fill([node.text for node in nodes])

    def slowly(self, element: Any) -> dict[str, Any]:
        """The same, element by element: for shapes that are new or odd."""
        record: dict[str, Any] = {}
        for child in element.iterchildren("*"):
            name = LOCAL[child.tag]
            value = self.slowly(child) if len(child) else child.text
            if name in self._lists:
                record.setdefault(name, []).append(value)
            else:
                record[name] = value
        return record

    def _meet(self, tags: tuple[str, ...], nodes: list[Any], times: int) -> None:
        """Count a shape that is not known yet; the third of a kind is learnt."""
        if len(tags) > MOST_ELEMENTS or (times == 1 and len(self._shapes) >= MOST_SHAPES):
            return
        if times < WORTH_LEARNING:
            self._shapes[tuple(sys.intern(tag) for tag in tags)] = times
        elif code := self._display(nodes):
            parents = tuple((place, len(node)) for place, node in enumerate(nodes) if len(node))
            self._shapes[tags] = Shape(parents, eval(code))

    def _display(self, nodes: list[Any]) -> CodeType | None:
        """Code of a function from texts to the record's dict; None for a nesting that no display should have."""
        written, end = self._written(nodes, 0, 0)
        assert end == len(nodes)
        return None if written is None else compile(f"lambda t: {written}", "<shape of an XML record>", "eval")

    def _written(self, nodes: list[Any], place: int, depth: int) -> tuple[str | None, int]:
        """The dict display of the element at a place, and the place behind its last descendant."""
        values: dict[str, list[str]] = {}
        end = place + 1
        for _ in range(len(nodes[place])):
            child, name = end, LOCAL[nodes[end].tag]
            written: str | None = f"t[{child}]"
            end = child + 1
            if len(nodes[child]):
                written, end = self._written(nodes, child, depth + 1)
            if written is None or depth > DEEPEST:
                return None, len(nodes)
            values.setdefault(name, []).append(written)
        pairs = (
            f"{name!r}: [{', '.join(found)}]" if name in self._lists else f"{name!r}: {found[-1]}"
            for name, found in values.items()
        )
        return f"{{{', '.join(pairs)}}}", end
