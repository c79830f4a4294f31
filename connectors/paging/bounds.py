"""Bounds of a walk: whatever a peer answers, it ends.

A pager knows its own end and its own repeats. What it cannot know is held here, around it and in the position, in
constant memory: pages that go round in a circle of any length (one page of the past is remembered, a later one each
time their number doubles: Brent), empty pages that follow one another, and the most pages of one walk.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.paging.pager import EndlessPages, Pager, Position, Seen

MOST_EMPTY = 20
"""Pages without a row in a row, after which no row is waited for any longer."""
CAME_AGAIN = 1
"""So often the remembered page may come again: newest first, rows that changed meanwhile move others to later pages."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """A pager that ends: the same places, and beside them under `walk` what was seen of the walk.

    `pages` counts the answers of the whole walk; the others start anew when the pager steps back or a new piece of the
    window begins, where pages rightly come again.
    """

    pager: Pager
    most: int

    def start(self) -> Position:
        return self.pager.start()

    def number(self, position: Position) -> int:
        return self.pager.number(position)

    def since(self, position: Position) -> datetime | None:
        return self.pager.since(position)

    def until(self, position: Position) -> datetime | None:
        return self.pager.until(position)

    def link(self, position: Position) -> str | None:
        return self.pager.link(position)

    def passed(self, position: Position) -> int | None:
        return self.pager.passed(position)

    def params(self, position: Position) -> Mapping[str, int | str]:
        return self.pager.params(position)

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """The pager's own answer; raises EndlessPages where the walk does not end by itself, and what the pager
        raises."""
        here = {key: value for key, value in position.items() if key != "walk"}
        walk = position.get("walk", {})
        following = self.pager.after(here, seen, since)
        if following is None:
            return None
        pages = walk.get("pages", 0) + 1
        if pages >= self.most:
            raise EndlessPages(
                f"{pages:,} pages are read, and the walk does not end on page {self.number(here)}",
                "Ask who runs it whether the list is so long; then ask for more rows at once or raise limits.pages.",
            )
        if self._request(following) == self._request(here):
            # Asked for once more: it is judged when it is passed.
            return {**following, "walk": {**walk, "pages": pages}}
        if _steps_back(following) > _steps_back(here) or self.until(following) != self.until(here):
            return {**following, "walk": {"pages": pages}}
        return {**following, "walk": {"pages": pages, **self._watched(walk, seen, self.number(here))}}

    def _request(self, position: Position) -> tuple[Any, ...]:
        """What tells one request of the walk from another."""
        return (
            dict(self.params(position)),
            self.link(position),
            self.since(position),
            self.until(position),
        )

    def _watched(self, walk: Mapping[str, Any], seen: Seen, number: int) -> dict[str, Any]:
        """What is remembered behind a page; raises EndlessPages."""
        steps, known, again = walk.get("steps", 0) + 1, walk.get("known"), walk.get("again", 0)
        if not seen.rows:
            empty = walk.get("empty", 0) + 1
            if empty >= MOST_EMPTY:
                raise EndlessPages(
                    f"page {number} is the {empty}th empty page in a row, and says that more follow",
                    "Ask who runs it why pages without rows name a next one; a narrower window may pass them.",
                )
            return {"steps": steps, "known": known, "again": again, "empty": empty}
        if known and seen.digest == known:
            again += 1
            if again > CAME_AGAIN:
                raise EndlessPages(
                    f"page {number} came before, again and again: the pages go round in a circle",
                    "Compare the names under pages: with the document; a peer that does not know them ignores them.",
                )
        # Remembered anew at steps 1, 2, 4, 8, …
        if steps & (steps - 1) == 0:
            known, again = seen.digest, 0
        return {"steps": steps, "known": known, "again": again}


def _steps_back(position: Position) -> int:
    """How often the pager went back to pages that were read, as it keeps it in its place (of a piece: inside)."""
    return int(position.get("at", position).get("backs", 0))
