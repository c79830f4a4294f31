"""Which fields of a wire record the spec and the mapping read, set against those that are there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.spec import Stream
from connectors.survey.discover import paths_in_spec
from connectors.survey.fields import Profile
from mappings import Mapping
from mappings.paths import Path
from mappings.plan import FieldPlan, ListPlan


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """`read`: path -> canonical fields it feeds; `missing` are read but in no record, `unread` are there and never
    read."""

    read: dict[str, list[str]]
    missing: list[str]
    unread: list[str]

    def feeds(self, path: str) -> list[str]:
        """The canonical fields that a seen field feeds."""
        return [target for read, targets in self.read.items() if bare(read) == bare(path) for target in targets]


def field_diff(profile: Profile, stream: Stream, mapping: Mapping | None) -> FieldDiff:
    """Compare what was seen with what is read; a list counts as there when any of its fields is."""
    read: dict[str, list[str]] = {path: ["(the spec)"] for path in paths_in_spec(stream)}
    for path, target in _paths_of(mapping) if mapping else ():
        read.setdefault(path, []).append(target)
    seen = {bare(path) for path in profile.fields}
    missing = [path for path in read if not _is_there(bare(path), seen)]
    known = {bare(path) for path in read}
    unread = [one.path for one in profile.shown() if not _is_there(bare(one.path), known)]
    return FieldDiff(read, missing, unread)


def bare(path: str) -> str:
    """A path without its list marks: `file[].name` and `file[0].name` are one."""
    return re.sub(r"\[[^\]]*\]", "", path)


def _is_there(path: str, others: Iterable[str]) -> bool:
    return any(path == other or other.startswith(f"{path}.") or path.startswith(f"{other}.") for other in others)


def _paths_of(mapping: Mapping) -> Iterable[tuple[str, str]]:
    """Every path that a mapping reads, from the top of the record, with the canonical field it feeds."""
    for plan in mapping.plans:
        if isinstance(plan, ListPlan):
            levels = [".".join(level) for level in plan.levels]
            for item in plan.items:
                yield from ((path, f"{plan.target}.{item.target}") for path in _paths_in(item, levels))
        else:
            yield from ((path, plan.target) for path in _paths_in(plan, []))


def _paths_in(plan: FieldPlan, levels: list[str]) -> Iterable[str]:
    for path in [*plan.paths, plan.stated, *(path for path, _ in plan.when)]:
        if path is not None:
            yield _from_the_top(path, levels)


def _from_the_top(path: Path, levels: list[str]) -> str:
    """A path inside `each` with the lists it stands in."""
    above = [] if path.up is None else levels[: max(len(levels) - path.up, 0)]
    inside = ".".join(f"{s.name}[]" if s.index is not None or s.where else s.name for s in path.segments)
    return ".".join([*(f"{level}[]" for level in above), inside])
