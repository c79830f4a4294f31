"""Pagers: from the page just read to the position of the next one, or to the end.

A position is a small dict that survives JSON, so that a crashed run resumes from the store. Pagers hold no state: the
position carries it. Two equal pages in a row are an error, since a peer that repeats itself never ends.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

Position = dict[str, Any]
MOST_STEPS_BACK = 20


class EndlessPages(Exception):
    """The peer gives the same page again and again."""


class MissingRows(Exception):
    """The peer counts more rows than it gives."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page showed: number of rows, whether they are those of the page before, and what the answer says of
    itself.

    `times` are the changes of the records that carry one, for pagers that go by them.
    """

    rows: int
    repeated: bool = False
    total: int | None = None
    last: bool | None = None
    times: Sequence[datetime] = ()

    @property
    def newest(self) -> datetime | None:
        """The latest change on the page."""
        return max(self.times, default=None)


class Pager(Protocol):
    """How a stream is walked."""

    def start(self) -> Position:
        """Position of the first page."""

    def number(self, position: Position) -> int:
        """The page's number for people, from 1."""

    def since(self, position: Position) -> datetime | None:
        """Start of the window for this position, where the pager moves it."""

    def passed(self, position: Position) -> int:
        """Rows that lie before this position and are no longer counted in the answer's total."""

    def params(self, position: Position) -> Mapping[str, int | str]:
        """What the request for this position carries."""

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """Position after this page, or None at the end; raises EndlessPages, MissingRows."""


class _FixedWindow:
    """What pagers that leave the window alone have in common."""

    def since(self, position: Position) -> datetime | None:
        return None

    def passed(self, position: Position) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class OnePage(_FixedWindow):
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
class Numbered(_FixedWindow):
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
    {'page': 1, 'total': 7, 'read': 2, 'backs': 1, 'far': 3}
    """

    page: str
    size: str
    first: int
    rows: int
    newest_first: bool = False

    def start(self) -> Position:
        return {"page": self.first}

    def number(self, position: Position) -> int:
        return int(position["page"]) - self.first + 1

    def params(self, position: Position) -> Mapping[str, int | str]:
        return {self.page: position["page"], self.size: self.rows}

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """See the class; raises EndlessPages for a page that comes twice, MissingRows for an end before the total."""
        number: int = position["page"]
        before, backs = position.get("total"), position.get("backs", 0)
        if before is not None and seen.total is not None and seen.total < before and number > self.first:
            # Rows moved up by at most the fall: all that slipped past are on the pages just behind.
            far = max(position.get("far", 0), number)
            if backs >= MOST_STEPS_BACK:
                raise EndlessPages(f"the total fell {backs} times before page {far} was passed")
            again = max(self.first, number - math.ceil((before - seen.total) / self.rows))
            read = (again - self.first) * self.rows
            return {"page": again, "total": seen.total, "read": read, "backs": backs + 1, "far": far}
        repeats = position.get("repeats", 0) + 1 if seen.rows and seen.repeated else 0
        if repeats > self._repeats_borne:
            raise EndlessPages(f"page {self.number(position)} is the same as the page before it")
        read = position.get("read", 0) + seen.rows
        if self._is_end(position, read, seen, since):
            return None
        counted = {} if seen.total is None else {"total": seen.total, "read": read}
        behind = {"backs": backs, "far": position["far"]} if backs and number < position["far"] else {}
        again = {"repeats": repeats} if repeats else {}
        # Asked for once more first: a peer that stumbled gives the right page then, and none is skipped.
        return {"page": number if repeats == 1 else number + 1, **counted, **behind, **again}

    @property
    def _repeats_borne(self) -> int:
        """Newest first, a page comes again when as many rows as it holds changed meanwhile and moved to the front."""
        return 2 if self.newest_first else 0

    def _is_end(self, position: Position, read: int, seen: Seen, since: datetime | None) -> bool:
        # The whole page must lie before the window: one record out of its place does not end the pull.
        if self.newest_first and since is not None and seen.newest is not None and seen.newest < since:
            return True
        if seen.total is not None:
            # By rows, not by pages: a peer may give fewer on a page than it is asked for.
            return _all_read(read, seen, self.number(position))
        if seen.last is not None:
            if not seen.rows and not seen.last:
                raise MissingRows(f"page {self.number(position)} is empty, although it is not the last")
            return seen.last
        return seen.rows < self.rows


def _all_read(read: int, seen: Seen, number: int) -> bool:
    """The counted rows are read; raises MissingRows when they are not, and no more come."""
    if not seen.rows and read < (seen.total or 0):
        raise MissingRows(f"page {number} is empty after {read} rows, although {seen.total} are counted")
    return read >= (seen.total or 0)


@dataclass(frozen=True, slots=True)
class ByTime:
    """Page by page, each asked for from the last change of the one before: rows may come, go and move, none is skipped.

    For oldest-first lists with a window on the time of change. Rows within one `unit` of the last change come once
    more. Where a page holds a single instant, the page number goes on instead.

    >>> from datetime import UTC
    >>> pager = ByTime(page="trang", size="kichThuoc", first=1, rows=2, unit=timedelta(seconds=1))
    >>> eight, nine = datetime(2026, 6, 1, 8, tzinfo=UTC), datetime(2026, 6, 1, 9, tzinfo=UTC)
    >>> after = pager.after(pager.start(), Seen(rows=2, total=5, times=[eight, nine]), None)
    >>> after["since"], after["page"], after["total"]
    ('2026-06-01T08:59:59+00:00', 1, 4)

    The answer must then count what is left. When it counts less, rows left the window or the peer does not sort by
    change: the page before is read again, and a peer that never agrees is an error.
    """

    page: str
    size: str
    first: int
    rows: int
    unit: timedelta

    def start(self) -> Position:
        return {"page": self.first, "number": 1, "passed": 0}

    def number(self, position: Position) -> int:
        return int(position["number"])

    def since(self, position: Position) -> datetime | None:
        since = position.get("since")
        return datetime.fromisoformat(since) if since else None

    def passed(self, position: Position) -> int:
        return int(position["passed"])

    def params(self, position: Position) -> Mapping[str, int | str]:
        return {self.page: position["page"], self.size: self.rows}

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """See the class; raises EndlessPages, MissingRows."""
        expected, again = position.get("total"), "backs" in position
        if expected is not None and seen.total is not None and seen.total < expected:
            return self._back(position)
        if seen.rows and seen.repeated and not again:
            raise EndlessPages(f"page {position['number']} is the same as the page before it")
        read = position.get("read", 0) + seen.rows
        if seen.rows < self.rows if seen.total is None else _all_read(read, seen, position["number"]):
            return None
        here = {"number": position["number"] + 1, "passed": position["passed"]}
        if expected is None and again:
            # This page was read again: only the next one tells whether the counts agree now.
            here["backs"] = position["backs"]
        following = None if seen.newest is None else seen.newest - self.unit
        behind = sum(moment < following for moment in seen.times) if following else 0
        start = self.since(position) or since
        if following is None or not behind or (start is not None and following <= start):
            counted = {} if seen.total is None else {"total": seen.total}
            kept = {"since": position["since"]} if "since" in position else {}
            return {"page": position["page"] + 1, "read": read, **here, **counted, **kept}
        behind += position.get("read", 0)
        counted = {} if seen.total is None else {"total": seen.total - behind}
        return {
            "page": self.first,
            **here,
            "passed": here["passed"] + behind,
            **counted,
            "since": following.isoformat(),
            "behind": {key: value for key, value in position.items() if key != "behind"},
        }

    def _back(self, position: Position) -> Position:
        """The position to read again after rows went missing: the page before, or the first of this instant."""
        backs = position.get("backs", 0) + 1
        if backs > MOST_STEPS_BACK:
            raise EndlessPages(
                f"page {position['number']} counts fewer rows than are left, again and again: they are not in order"
            )
        if position["page"] == self.first and "behind" in position:
            again = dict(position["behind"])
        else:
            again = {key: value for key, value in position.items() if key in ("since", "number", "passed")}
            again["page"] = self.first
        again.pop("total", None)
        return {**again, "backs": backs}
