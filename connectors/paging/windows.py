"""Windows in pieces: a peer that gives at most so many days at once is asked piece after piece, oldest first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from connectors.paging.pager import Pager, PlainWalk, Position, Seen
from connectors.peer import Window
from connectors.spec.times import TimeForm

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class InPieces(PlainWalk):
    """Walks a window of both ends in pieces of at most `most`, each with the pages of `pager`.

    A position says where its piece begins (`from`), how many pages were read before it, and the place inside it (`at`).
    Two pieces share the instant between them, so that no record lies in neither. Where times are written as days
    (`whole_days`), pieces are whole days and share none.
    """

    pager: Pager
    window: Window
    most: timedelta
    form: TimeForm

    @property
    def whole_days(self) -> bool:
        return self.form.unit >= DAY

    def start(self) -> Position:
        since = self.window.since
        assert since is not None
        if self.whole_days:
            since = datetime.combine(since.astimezone(self.form.zone).date(), time(), self.form.zone)
        return self._piece(since, 0)

    def number(self, position: Position) -> int:
        return int(position["pages"]) + self.pager.number(position["at"])

    def since(self, position: Position) -> datetime | None:
        return self.pager.since(position["at"]) or datetime.fromisoformat(position["from"])

    def until(self, position: Position) -> datetime | None:
        following = datetime.fromisoformat(position["from"]) + self.most
        return min(following - MOMENT if self.whole_days else following, self.window.until)

    def link(self, position: Position) -> str | None:
        return self.pager.link(position["at"])

    def passed(self, position: Position) -> int | None:
        """None where the window has several pieces: an answer counts the rows of its own piece alone."""
        several = self._is_inside(datetime.fromisoformat(self.start()["from"]) + self.most)
        return None if several else self.pager.passed(position["at"])

    def params(self, position: Position) -> Mapping[str, int | str]:
        return self.pager.params(position["at"])

    def after(self, position: Position, seen: Seen, since: datetime | None) -> Position | None:
        """The next page of this piece, else the first of the next piece; None behind the window's end.

        A piece that begins with the page before it is asked for once more: else a peer that stumbled would hide a
        whole piece. Twice the same is what lies on the instant that both share.
        """
        if position["at"] == self.pager.start() and seen.rows and seen.repeated:
            if "repeats" not in position:
                return {**position, "repeats": 1}
            seen = replace(seen, repeated=False)
        inside = self.pager.after(position["at"], seen, since)
        if inside is not None:
            return {"from": position["from"], "pages": position["pages"], "at": inside}
        following = datetime.fromisoformat(position["from"]) + self.most
        return self._piece(following, self.number(position)) if self._is_inside(following) else None

    def _is_inside(self, following: datetime) -> bool:
        """A piece that starts here still belongs to the window."""
        return following <= self.window.until if self.whole_days else following < self.window.until

    def _piece(self, since: datetime, pages: int) -> Position:
        return {"from": since.isoformat(), "pages": pages, "at": self.pager.start()}
