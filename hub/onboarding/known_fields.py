"""Which fields of a wire record the spec and the mapping read, set against those that are there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.spec import Stream
from connectors.survey.discover import paths_in_spec
from connectors.survey.fields import Profile
from mappings import Mapping
from mappings.planned import paths_read


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
    for path, target in (read for plan in (mapping.plans if mapping else ()) for read in paths_read(plan)):
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
