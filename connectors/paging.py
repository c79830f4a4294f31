"""Pagers: from the page just read to the position of the next one, or to the end.

A position is a small dict that survives JSON, so that a crashed run resumes from the store. Pagers hold no state: the
position carries it. Two equal pages in a row are an error, since a peer that repeats itself never ends.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Position = dict[str, Any]
MOST_STEPS_BACK = 50


class EndlessPages(Exception):
    """The peer gives the same page again and again."""


class MissingRows(Exception):
    """The peer counts more rows than it gives."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page showed: number of rows, whether they are those of the page before, and what the answer says of
    itself.

    `newest` is the latest change on the page, None where no record carries one.
    """

    rows: int
    repeated: bool = False
    total: int | None = None
    last: bool | None = None
    newest: datetime | None = None


class Pager(Protocol):
    """How a stream is walked."""

    def start(self) -> Position:
        """Position of the first page."""

    def params(self, position: Position) -> Mapping[str, int | str]:
        """What the request for this position carries."""

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """Position after this page, or None at the end; raises EndlessPages, MissingRows."""


@dataclass(frozen=True, slots=True)
class OnePage:
    """The whole list in one answer.

    >>> OnePage().after({}, Seen(rows=3), None)
    """

    def start(self) -> Position:
        return {"page": 1}

    def params(self, position: Position) -> Mapping[str, int | str]:
        return {}

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        return None


@dataclass(frozen=True, slots=True)
class Numbered:
    """Page number and page size.

    The end is where the answer says `last`, where the total is reached, or at a page that is not full.

    >>> pager = Numbered(page="page", size="size", first=0, rows=2)
    >>> pager.params(pager.start())
    {'page': 0, 'size': 2}
    >>> pager.after(pager.start(), Seen(rows=2), None)
    {'page': 1}
    >>> pager.after({"page": 1}, Seen(rows=1), None)

    When the total falls while paging, rows that moved up were skipped: the pager steps back by the fall.

    >>> pager.after({"page": 3, "total": 10}, Seen(rows=2, total=7), None)
    {'page': 1, 'total': 7, 'backs': 1, 'far': 3}
    """

    page: str
    size: str
    first: int
    rows: int
    newest_first: bool = False

    def start(self) -> Position:
        return {"page": self.first}

    def params(self, position: Position) -> Mapping[str, int | str]:
        return {self.page: position["page"], self.size: self.rows}

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """See the class; raises EndlessPages for the page before once more, MissingRows for an empty page too
        early."""
        number: int = position["page"]
        far, backs = max(position.get("far", 0), number), position.get("backs", 0)
        if seen.rows and seen.repeated:
            raise EndlessPages(f"page {number} is the same as the page before it")
        before = position.get("total")
        total = {} if seen.total is None else {"total": seen.total}
        if before is not None and seen.total is not None and seen.total < before and number > self.first:
            # Rows moved up by at most the fall: all that slipped past are on the pages just behind.
            if backs >= MOST_STEPS_BACK:
                raise EndlessPages(f"the total fell {backs} times before page {far} was passed")
            back = math.ceil((before - seen.total) / self.rows)
            return {"page": max(self.first, number - back), **total, "backs": backs + 1, "far": far}
        if self._is_end(number, seen, since):
            return None
        behind = {"backs": backs, "far": far} if backs and number < far else {}
        return {"page": number + 1, **total, **behind}

    def _is_end(self, number: int, seen: Seen, since: datetime | None) -> bool:
        # The whole page must lie before the window: one record out of its place does not end the pull.
        if self.newest_first and since is not None and seen.newest is not None and seen.newest < since:
            return True
        if seen.total is not None:
            reached = (number - self.first + 1) * self.rows >= seen.total
            if not reached and not seen.rows:
                raise MissingRows(f"page {number} is empty, although {seen.total} rows are counted")
            return reached
        if seen.last is not None:
            return seen.last or not seen.rows
        return seen.rows < self.rows
