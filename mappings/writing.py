"""Lines of a generated function, and how its code reads paths: nested objects are taken once and kept in variables."""

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mappings.conditions import Tests, expression
from mappings.mapped import Where
from mappings.paths import Path, Segment


@dataclass(slots=True)
class Scope:
    """An object of the source that paths start from: its variable, and the nested objects already at hand."""

    variable: str
    shown: str
    nodes: dict[tuple[str, ...], str] = field(default_factory=dict)


@dataclass(slots=True)
class Writer:
    """The function's lines. `names` are the objects that they speak of, `sink` the list that findings go to."""

    names: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    depth: int = 1
    sink: str = "findings"

    def put(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def bind(self, name: str, made: Any) -> str:
        """A name for an object in the generated code, told apart from another object of that name."""
        safe = python_name(name)
        number = 2
        while safe in self.names and self.names[safe] is not made:
            safe, number = f"{python_name(name)}_{number}", number + 1
        self.names[safe] = made
        return safe

    def where(self, where: Where) -> str:
        return self.bind(f"AT_{where.field}", where)

    def told(self, variable: str, where: str) -> None:
        """The end of a `try` around a reading: what it raised becomes a finding or a note."""
        self.put("except TROUBLE as t:")
        self.put(f"    {variable} = trouble(t, v, {where}, {self.sink}, notes)")

    def conditions(self, tests: Tests, scopes: Sequence[Scope], where: str) -> str:
        """An expression for conditions; the objects on their paths are put into variables first."""
        return expression(tests, lambda path: self.read(path, scopes, where), self.bind)

    def read(self, path: Path, scopes: Sequence[Scope], where: str) -> str:
        """Python that reads a path; nested objects on the way are put into variables first."""
        scope = scopes[scope_of(path, len(scopes))]
        holder = self.node(scope, path.segments[:-1], where)
        return self._get(holder, path.segments[-1])

    def node(self, scope: Scope, segments: Sequence[Segment], where: str) -> str:
        """The variable of a nested object; what stands there and is none is told once."""
        variable = scope.variable
        for count in range(1, len(segments) + 1):
            key = tuple(str(segment) for segment in segments[:count])
            if key not in scope.nodes:
                prefix = "in_" if scope.variable == "record" else f"in_{scope.variable}_"
                made = prefix + python_name("_".join(key))
                while made in scope.nodes.values():
                    made += "_"
                shown = ".".join(part for part in (scope.shown, *key) if part)
                self._entry_of(made, variable, segments[count - 1])
                self.put(f"if {made}.__class__ is not dict: {made} = node({made}, {shown!r}, {where}, {self.sink})")
                scope.nodes[key] = made
            variable = scope.nodes[key]
        return variable

    def _entry_of(self, made: str, variable: str, segment: Segment) -> None:
        """Put what stands at a segment into a variable. The first entry of a list is tried before `pick` is called."""
        if segment.where is None:
            self.put(f"{made} = {self._get(variable, segment)}")
            return
        key, wanted = segment.where[0], _wanted(segment.where[1])
        self.put(f"{made} = {variable}.get({segment.name!r})")
        self.put(
            f"{made} = e if {made}.__class__ is list and {made} and (e := {made}[0]).__class__ is dict"
            f" and e.get({key!r}) in {wanted!r} else pick({made}, {key!r}, {wanted!r})"
        )

    def _get(self, holder: str, segment: Segment) -> str:
        got = f"{holder}.get({segment.name!r})"
        if segment.index is not None:
            return f"nth({got}, {segment.index})"
        if segment.where is not None:
            return f"pick({got}, {segment.where[0]!r}, {_wanted(segment.where[1])!r})"
        return got


def scope_of(path: Path, around: int) -> int:
    """Which of the objects around a rule, outermost first, a path starts from."""
    return 0 if path.up is None else max(around - 1 - path.up, 0)


def python_name(name: str) -> str:
    """A name that Python accepts."""
    word = re.sub(r"\W", "_", name)
    return f"_{word}" if not word or word[0].isdigit() or keyword.iskeyword(word) else word


def _wanted(value: str) -> tuple[Any, ...]:
    """What a path's `[key=value]` may meet on the wire: the text, or the number it spells."""
    return (int(value), value) if re.fullmatch(r"-?\d{1,15}", value) else (value,)
