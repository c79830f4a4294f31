"""From XML elements to dicts, quickly: the shape of a record is learnt once, records of the same shape are filled in.

Element by element, Python costs more than the parser. Most records of a page have the same elements in the same order;
for those, names and nesting are known and only the texts are taken, a run of leaves at a time.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MOST_SHAPES = 1000


class LocalNames(dict[str, str]):
    """Element names without their namespace, remembered."""

    def __missing__(self, tag: str) -> str:
        name = self[tag] = sys.intern(tag.rpartition("}")[2])
        return name


LOCAL = LocalNames()


@dataclass(frozen=True, slots=True)
class Run:
    """The leaves of one element: their names, and where they stand in the flat order. `up` is the run of its parent."""

    names: tuple[str, ...]
    start: int
    stop: int
    up: int
    name: str
    repeats: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape: the number of children of each element that has some tells it from others with the same names."""

    parents: tuple[tuple[int, int], ...]
    runs: tuple[Run, ...]


class RecordBuilder:
    """Builds dicts; `lists` names the elements that always become lists. Safe to share between threads."""

    def __init__(self, lists: frozenset[str]) -> None:
        self._lists = lists
        self._shapes: dict[tuple[str, ...], Shape] = {}

    def build(self, record: Any) -> dict[str, Any]:
        """An element's children as a dict: text or None, a dict for what has children, lists where they are named."""
        nodes = list(record.iter("*"))
        tags = tuple([node.tag for node in nodes])
        shape = self._shapes.get(tags)
        if shape is None:
            self._learn(tags, nodes)
            return self.slowly(record)
        for place, children in shape.parents:
            if len(nodes[place]) != children:
                return self.slowly(record)
        texts = [node.text for node in nodes]
        made: list[dict[str, Any]] = []
        for run in shape.runs:
            found: dict[str, Any] = dict(zip(run.names, texts[run.start : run.stop], strict=True))
            if made:
                above = made[run.up]
                if not run.repeats:
                    above[run.name] = found
                elif run.name in above:
                    above[run.name].append(found)
                else:
                    above[run.name] = [found]
            made.append(found)
        return made[0]

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

    def _learn(self, tags: tuple[str, ...], nodes: Sequence[Any]) -> None:
        """Remembers a shape, unless runs cannot describe it: its leaves repeat, or stand between other elements."""
        if len(self._shapes) >= MOST_SHAPES:
            return
        place = {node: index for index, node in enumerate(nodes)}
        runs: list[Run] = []

        def describe(node: Any, up: int) -> bool:
            leaves = [child for child in node if not len(child)]
            names = tuple(LOCAL[leaf.tag] for leaf in leaves)
            places = [place[leaf] for leaf in leaves]
            start = places[0] if places else 0
            if places != list(range(start, start + len(places))):
                return False
            boxes = {LOCAL[child.tag] for child in node if len(child)}
            if len(set(names)) < len(names) or not (self._lists | boxes).isdisjoint(names):
                return False
            name, here = LOCAL[node.tag], len(runs)
            runs.append(Run(names, start, start + len(names), up, name, name in self._lists))
            return all(describe(child, here) for child in node if len(child))

        if describe(nodes[0], 0):
            parents = tuple((index, len(node)) for index, node in enumerate(nodes) if len(node))
            self._shapes[tuple(sys.intern(tag) for tag in tags)] = Shape(parents, tuple(runs))
