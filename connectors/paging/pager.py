"""Pagers: from the page just read to the position of the next one, or to the end.

A position is a small dict that survives JSON, so that a crashed run resumes from the store. Pagers hold no state: the
position carries it. Two equal pages in a row are an error, since a peer that repeats itself never ends.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

Position = dict[str, Any]
MOST_STEPS_BACK = 20


class EndlessPages(Exception):
    """The peer's pages do not end: says which, and where it is known the `next_step`."""

    def __init__(self, why: str, next_step: str = "") -> None:
        self.next_step = next_step
        super().__init__(why)


class MissingRows(Exception):
    """The peer counts more rows than it gives."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page showed: number of rows, whether they are those of the page before, and what the answer says of
    itself.

    `times` are the changes of the records that carry one, for pagers that go by them; `next` is the cursor or address
    of the next page, None where there is none; `digest` tells its rows from those of other pages.
    """

    rows: int
    repeated: bool = False
    total: int | None = None
    last: bool | None = None
    times: Sequence[datetime] = ()
    next: str | None = None
    digest: str = ""

    @property
    def newest(self) -> datetime | None:
        """The latest change on the page."""
        return max(self.times, default=None)

    def lies_behind(self, moment: datetime) -> bool:
        """All rows of the page carry a change, and all of them a later one."""
        return 0 < self.rows == len(self.times) and min(self.times) > moment


class Pager(Protocol):
    """How a stream is walked."""

    def start(self) -> Position:
        """Position of the first page."""

    def number(self, position: Position) -> int:
        """The page's number for people, from 1."""

    def since(self, position: Position) -> datetime | None:
        """Start of the window for this position, where the pager moves it."""

    def until(self, position: Position) -> datetime | None:
        """End of the window for this position, where the pager moves it."""

    def link(self, position: Position) -> str | None:
        """The whole address of this page, where the peer gave it."""

    def passed(self, position: Position) -> int | None:
        """Rows that lie before this position and are no longer counted in the answer's total; None: nobody knows."""

    def params(self, position: Position) -> Mapping[str, int | str]:
        """What the request for this position carries."""

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """Position after this page, or None at the end; raises EndlessPages, MissingRows."""


class PlainWalk:
    """What most pagers have in common: they leave the window alone and build the address from parameters."""

    def since(self, position: Position) -> datetime | None:
        return None

    def until(self, position: Position) -> datetime | None:
        return None

    def link(self, position: Position) -> str | None:
        return None

    def passed(self, position: Position) -> int | None:
        return 0


@dataclass(frozen=True, slots=True)
class OnePage(PlainWalk):
    """The whole list in one answer.

    >>> OnePage().after({}, Seen(rows=3), None)
    """

    def start(self) -> Position:
        return {"page": 1}

    def number(self, position: Position) -> int:
        return 1

    def params(self, position: Position) -> Mapping[str, int | str]:
        return {}

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        return None


@dataclass(frozen=True, slots=True)
class Counted(PlainWalk, ABC):
    """What page numbers and offsets have in common: a place in the list, and rows asked for from there.

    The end is where the answer says `last`, where the total is reached, or at a page that is not full. When the total
    falls while paging, rows that moved up were skipped: the pager steps back by the fall.
    """

    page: str
    size: str
    first: int
    rows: int
    newest_first: bool = False

    place: ClassVar[str]
    """Key of the place in a position."""

    def start(self) -> Position:
        return {self.place: self.first}

    def params(self, position: Position) -> Mapping[str, int | str]:
        return {self.page: position[self.place], self.size: self.rows}

    @abstractmethod
    def number(self, position: Position) -> int:
        """The page's number for people, from 1."""

    @abstractmethod
    def _ahead(self, here: int, rows: int) -> int:
        """The place behind a page of so many rows."""

    @abstractmethod
    def _behind(self, here: int, fall: int) -> tuple[int, int]:
        """The place so many rows before, and the rows that lie before it."""

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """See the class; raises EndlessPages for a page that comes twice, MissingRows for an end before the total."""
        here: int = position[self.place]
        before, backs = position.get("total"), position.get("backs", 0)
        if before is not None and seen.total is not None and seen.total < before and here > self.first:
            # Rows moved up by at most the fall: all that slipped past are on the pages just behind.
            far = max(position.get("far", 0), here)
            if backs >= MOST_STEPS_BACK:
                raise EndlessPages(
                    f"the total fell {backs} times before page {self.number({self.place: far})} was passed"
                )
            again, read = self._behind(here, before - seen.total)
            return {self.place: again, "total": seen.total, "read": read, "backs": backs + 1, "far": far, "back": True}
        # Behind a step back the page before is a later one: rows that moved up may well make both equal.
        comparable = seen.rows and not position.get("back")
        repeats = position.get("repeats", 0) + 1 if comparable and seen.repeated else 0
        if repeats > self._repeats_borne:
            raise EndlessPages(f"page {self.number(position)} is the same as the page before it")
        if repeats == 1:
            # Asked for once more first: a peer that stumbled gives the right page then, and none is skipped.
            return {**position, "repeats": 1}
        read = position.get("read", 0) + seen.rows
        if self._is_end(position, read, seen, since):
            return None
        counted = {} if seen.total is None else {"total": seen.total, "read": read}
        behind = {"backs": backs, "far": position["far"]} if backs and here < position["far"] else {}
        again_once = {"repeats": repeats} if repeats else {}
        return {self.place: self._ahead(here, seen.rows), **counted, **behind, **again_once}

    @property
    def _repeats_borne(self) -> int:
        """Newest first, a page comes again when as many rows as it holds changed meanwhile and moved to the front."""
        return 2 if self.newest_first else 1

    def _is_end(self, position: Position, read: int, seen: Seen, since: datetime | None) -> bool:
        # The whole page must lie before the window: one record out of its place does not end the pull.
        if self.newest_first and since is not None and seen.newest is not None and seen.newest < since:
            return True
        total = position.get("total") if seen.total is None else seen.total
        if total is not None:
            # By rows, not by pages: a peer may give fewer on a page than it is asked for.
            return all_read(read, seen.rows, total, self.number(position))
        if seen.last is not None:
            if not seen.rows and not seen.last:
                raise MissingRows(f"page {self.number(position)} is empty, although it is not the last")
            return seen.last
        return seen.rows < self.rows


@dataclass(frozen=True, slots=True)
class Numbered(Counted):
    """Page number and page size.

    >>> pager = Numbered(page="page", size="size", first=0, rows=2)
    >>> pager.params(pager.start())
    {'page': 0, 'size': 2}
    >>> pager.after(pager.start(), Seen(rows=2), None)
    {'page': 1}
    >>> pager.after({"page": 1}, Seen(rows=1), None)
    >>> pager.after({"page": 3, "total": 10}, Seen(rows=2, total=7), None)
    {'page': 1, 'total': 7, 'read': 2, 'backs': 1, 'far': 3, 'back': True}
    """

    place = "page"

    def number(self, position: Position) -> int:
        return int(position["page"]) - self.first + 1

    def _ahead(self, here: int, rows: int) -> int:
        return here + 1

    def _behind(self, here: int, fall: int) -> tuple[int, int]:
        again = max(self.first, here - math.ceil(fall / self.rows))
        return again, (again - self.first) * self.rows


@dataclass(frozen=True, slots=True)
class Offset(Counted):
    """Rows to skip and rows to give; what is skipped is what was read, however many a peer gives at once.

    >>> pager = Offset(page="offset", size="limit", first=0, rows=100)
    >>> pager.after({"offset": 100, "total": 300, "read": 100}, Seen(rows=40, total=300), None)
    {'offset': 140, 'total': 300, 'read': 140}
    >>> pager.after({"offset": 200, "total": 300, "read": 200}, Seen(rows=97, total=297), None)
    {'offset': 197, 'total': 297, 'read': 197, 'backs': 1, 'far': 200, 'back': True}
    """

    place = "offset"

    def number(self, position: Position) -> int:
        return int(position["offset"]) // self.rows + 1

    def _ahead(self, here: int, rows: int) -> int:
        return here + rows

    def _behind(self, here: int, fall: int) -> tuple[int, int]:
        again = max(0, here - fall)
        return again, again


def all_read(read: int, rows: int, total: int, number: int) -> bool:
    """The counted rows are read; raises MissingRows when they are not, and no more come."""
    if not rows and read < total:
        raise MissingRows(f"page {number} is empty after {read} rows, although {total} are counted")
    return read >= total
