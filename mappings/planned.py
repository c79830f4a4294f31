"""Rules that were checked and wait to be compiled, and which paths of the record they read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from mappings.conditions import Tests, filled, holds, paths_of
from mappings.mapped import Where
from mappings.paths import Path, Segment, from_the_top
from mappings.readers import Reader

Take = Literal["from", "first", "join", "any", "value", "key"]
Tops = tuple[str, ...]
"""The record and the lists around a rule, each as a path from the top: ("", "a[]", "a[].b[]")."""


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field, ready to be compiled.

    `choices` are the conditions of each source of `first`. `at` are times of the record, of which the first that is
    filled gives the day of a dated list. `codes` names the code list in which the field is
    `looked_up`; one without a name is the rule's own table.
    """

    target: str
    kind: str
    take: Take
    where: Where
    paths: tuple[Path | None, ...] = ()
    reader: Reader | None = None
    between: str = " "
    constant: Any = None
    default: Any = None
    at: tuple[str, ...] = ()
    stated: Path | None = None
    when: Tests = ()
    choices: tuple[Tests, ...] = ()
    blank: str | None = None
    several: bool = False
    codes: str | None = None
    tops: Tops = ("",)
    looked_up: bool = False

    def own_paths(self) -> list[Path]:
        """The paths that this rule reads, as they are written."""
        asked = [path for tests in (self.when, *self.choices) for path in paths_of(tests)]
        return [path for path in (*self.paths, self.stated, *asked) if path is not None]

    def taken(self, read: Callable[[Path], Any]) -> Path | None:
        """Of the sources of `first` the one that counts: it is filled and its conditions hold; `read` gives a value."""
        for number, path in enumerate(self.paths):
            if path is not None and filled(read(path)) and holds(self.choices[number] if self.choices else (), read):
                return path
        return None


@dataclass(frozen=True, slots=True)
class ListPlan:
    """One list field: the lists to walk, outermost first, and the fields of an entry, which may be lists again.

    `up` says from which object around it the first list is taken, as a path's does. `when` is for the whole list,
    `only` for each entry. `entry_keys` are the fields of an entry in order, with what stands there without a rule.
    `tops` are those of an entry.
    """

    target: str
    levels: tuple[tuple[str, ...], ...]
    where: Where
    items: tuple["FieldPlan | ListPlan", ...]
    entry_keys: tuple[tuple[str, str], ...]
    steps: bool = False
    when: Tests = ()
    only: Tests = ()
    up: int | None = 0
    tops: Tops = ("",)


Plan = FieldPlan | ListPlan


def _with_choosers(path: Path, tops: Tops) -> Iterator[str]:
    """A path from the top, and those by which entries on its way are chosen (`name[].languageId`)."""
    yield from_the_top(path, tops)
    for number, segment in enumerate(path.segments):
        if segment.where is not None:
            key = (*path.segments[:number], Segment(segment.name), Segment(segment.where[0]))
            yield from_the_top(Path("", key, path.up), tops)


def paths_read(plan: Plan, above: str = "") -> Iterator[tuple[str, str]]:
    """Every path that a rule reads, from the top of the record, with the canonical field it feeds (`documents.url`).

    An entry that is chosen by value (`name[languageId=228].name`) reads the key that it is chosen by, too.
    """
    full = above + plan.target
    if isinstance(plan, FieldPlan):
        for path in plan.own_paths():
            yield from ((read, full) for read in _with_choosers(path, plan.tops))
        return
    outside = plan.tops[: len(plan.tops) - len(plan.levels)]
    yield from ((from_the_top(path, outside), full) for path in paths_of(plan.when))
    yield from ((from_the_top(path, plan.tops), full) for path in paths_of(plan.only))
    for item in plan.items:
        yield from paths_read(item, f"{full}.")
