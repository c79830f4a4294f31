"""What the hub and a connector say to each other: the peer, the window, the page, the answer, the line of a check."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.paging.pager import Position
from connectors.spec.words import Verdict

__all__ = ["Answer", "CheckLine", "Page", "Peer", "Position", "Window"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One installation of a system: its address and account. Password and extra never show in its repr.

    `unit` is the agency in whose name the calls are made (`madonvi` of the national adapter).
    """

    id: str
    url: str
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of change times, both ends included; `since` None reaches back to the beginning."""

    since: datetime | None
    until: datetime

    def __post_init__(self) -> None:
        for end in (self.since, self.until):
            if end is not None and end.tzinfo is None:
                raise ValueError("the ends of a window are aware datetimes")
        if self.since is not None and self.since > self.until:
            raise ValueError(f"the window starts ({self.since}) after it ends ({self.until})")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a pull, read and found whole.

    `number` counts from 1 in the peer's order; `raw` is the body as it came, or a bundle (`answer.bundle`) where
    several bodies or its charset are needed to read it again; `digest` is its SHA-256 in hex; `position` goes through
    JSON and, given to `pull` as `after`, continues behind this page (behind the last page: with nothing).
    """

    number: int
    raw: bytes = field(repr=False)
    media_type: str
    status: int
    digest: str
    received_at: datetime
    total: int | None
    last: bool
    position: Position
    _records: list[dict[str, Any]] = field(repr=False)

    def records(self) -> Iterator[dict[str, Any]]:
        """The records in the peer's order, as plain dicts."""
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer answered to an operation; `kind` is the verdict of the spec's answer table, `values` what its
    `gives` names."""

    kind: Verdict
    code: str | None
    text: str = field(repr=False)
    result: list[Any] = field(repr=False)
    raw: bytes = field(repr=False)
    status: int
    operation: str
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One line of a check: what was tried, how it went, and what to do when it did not."""

    name: str
    ok: bool
    detail: str
    next_step: str = ""
