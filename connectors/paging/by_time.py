"""Walking a moving list by the time of its records' last change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.paging.pager import MOST_STEPS_BACK, EndlessPages, PlainWalk, Position, Seen, all_read


@dataclass(frozen=True, slots=True)
class ByTime(PlainWalk):
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

    def passed(self, position: Position) -> int | None:
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
        if self._is_end(read, seen, position["number"]):
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

    def _is_end(self, read: int, seen: Seen, number: int) -> bool:
        return seen.rows < self.rows if seen.total is None else all_read(read, seen.rows, seen.total, number)

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
