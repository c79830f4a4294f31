"""Walking pages that only the peer can name: by a cursor, by the address of the next page, or by acknowledging.

Where each page names the next one, a peer that goes round in a circle never ends. One page of the past is remembered,
a later one each time the number of pages doubles, so that a circle of any length is met (Brent).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from connectors.paging.pager import EndlessPages, MissingRows, PlainWalk, Position, Seen


@dataclass(frozen=True, slots=True)
class Asked(PlainWalk):
    """What these walks have in common: pages are counted as they come, and asked for with at most a `size`."""

    size: Mapping[str, int]

    def start(self) -> Position:
        return {"page": 1}

    def number(self, position: Position) -> int:
        return int(position["page"])

    def params(self, position: Position) -> Mapping[str, int | str]:
        return self.size


@dataclass(frozen=True, slots=True)
class Chained(Asked):
    """What cursors and links have in common: the answer says where the next page is, or nothing at the end.

    The total, where one is said, is a promise: fewer rows than the lowest that was said are an error.
    """

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """See the class; raises EndlessPages, MissingRows."""
        number: int = position["page"]
        read = position.get("read", 0) + seen.rows
        totals = [total for total in (position.get("total"), seen.total) if total is not None]
        if seen.rows and seen.repeated:
            if "repeats" in position:
                raise EndlessPages(f"page {number} is the same as the page before it")
            # Asked for once more first: a peer that stumbled gives the right page then, and none is skipped.
            return {**position, "repeats": 1}
        if not seen.next or seen.last:
            if totals and read < min(totals):
                raise MissingRows(f"the last page is read after {read} rows, although {min(totals)} are counted")
            if not seen.next and seen.last is False:
                raise MissingRows(f"page {number} says that more follow, and does not say where")
            return None
        known = position.get("known")
        if seen.next in (position.get("next"), known):
            raise EndlessPages(f"page {number} names a page as the next one that was read before")
        # Remembered anew at pages 1, 2, 4, 8, …
        known = seen.next if number & (number - 1) == 0 else known
        counted = {"total": min(totals), "read": read} if totals else {}
        return {"page": number + 1, "next": seen.next, "known": known, **counted}


@dataclass(frozen=True, slots=True)
class Cursor(Chained):
    """Each answer gives the next page's cursor; the first page is asked for without one.

    >>> pager = Cursor(size={"limit": 2}, cursor="cursor")
    >>> pager.after(pager.start(), Seen(rows=2, next="b7"), None)
    {'page': 2, 'next': 'b7', 'known': 'b7'}
    >>> pager.params({"page": 2, "next": "b7"})
    {'limit': 2, 'cursor': 'b7'}
    """

    cursor: str

    def params(self, position: Position) -> Mapping[str, int | str]:
        return {**self.size, self.cursor: position["next"]} if "next" in position else self.size


@dataclass(frozen=True, slots=True)
class Linked(Chained):
    """Each answer gives the whole address of the next page."""

    def link(self, position: Position) -> str | None:
        return position.get("next")


@dataclass(frozen=True, slots=True)
class Waiting(Asked):
    """The peer gives what was not acknowledged yet; asked until nothing is left.

    The same page again means that the acknowledgement changed nothing.

    >>> Waiting(size={}).after({"page": 1}, Seen(rows=3), None)
    {'page': 2}
    >>> Waiting(size={}).after({"page": 2}, Seen(rows=0), None)
    """

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """See the class; raises EndlessPages."""
        if not seen.rows:
            return None
        if seen.repeated:
            raise EndlessPages(f"page {position['page']} came again although it was acknowledged")
        return {"page": position["page"] + 1}
