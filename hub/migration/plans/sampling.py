"""A look at a source before it is migrated: how much it holds, how fast it answers, what would move or be held."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import sqrt
from statistics import mean, stdev
from typing import Literal

from connectors import Page, Window
from connectors.errors import PeerError
from connectors.spec.pages import NoPages, NumberedPages
from hub.context import Hub
from hub.errors import StageFailed
from hub.landing import mapped_records
from hub.messages import STREAM
from hub.migration.plans.plan import Attachments, Source
from hub.migration.reading.chunks import is_cut_by_time
from schemas.records import VIET_NAM

How = Literal["stated", "counted", "sampled", "unknown"]

SPREAD = 12
"""Windows, spread over the history, that are looked at in a source that is asked by time."""

LONG = (1, 7, 30)
"""Days of such a window, one after the other, until there are enough records."""

ENOUGH = 500
"""Records of a sample by which shares are told."""

PAGES = 5
"""Pages of one such window at most."""

FINISHED = (3, 8, 10)
"""National statuses of dossiers with which nobody has anything more to do."""

FAR = timedelta(days=3650)


@dataclass
class Look:
    """What a source showed. Rates are records a second, shares parts of the sampled records.

    `how`: the peer stated the total, its pages were counted, days of it were sampled, or it is not known.
    """

    source: str
    system: str
    total: int | None = None
    low: int | None = None
    high: int | None = None
    how: How = "unknown"
    records: int = 0
    in_scope: int = 0
    in_progress: int = 0
    files: int = 0
    held: Counter[str] = field(default_factory=Counter)
    fetching: float = 0.0
    mapping: float = 0.0

    def share(self, amount: int) -> float:
        return amount / self.records if self.records else 0.0

    @property
    def moving(self) -> int | None:
        """Dossiers of the source in the plan's scope."""
        return None if self.total is None else round(self.total * self.share(self.in_scope))

    @property
    def attachments(self) -> int | None:
        return None if self.total is None else round(self.total * self.share(self.files))

    @property
    def read_rate(self) -> float | None:
        return self.records / self.fetching if self.fetching else None

    @property
    def map_rate(self) -> float | None:
        """Mapping, recoding and what both would hold; the checks of the gate come on top."""
        return self.records / self.mapping if self.mapping else None

    @property
    def seconds(self) -> float | None:
        """For reading and mapping all of it, one page after the other."""
        if self.total is None or not self.records:
            return 0.0 if self.total == 0 else None
        return self.total / self.records * (self.fetching + self.mapping)


def look(
    hub: Hub, source: Source, attachments: Attachments, now: datetime, ticks: Callable[[], float] = time.perf_counter
) -> Look:
    """Ask a source a dozen or two questions; nothing is kept. `ticks` gives monotonic seconds.

    Raises:
        StageFailed: the peer did not answer.
    """
    found = Look(hub.slug, hub.source.spec.system)
    taster = _Taster(hub, source, attachments, found, ticks)
    try:
        if is_cut_by_time(hub):
            _by_windows(taster, now)
        elif isinstance(hub.source.spec.streams[STREAM].pages, NumberedPages):
            _by_numbers(taster, now)
        else:
            _from_the_top(taster, now)
    except PeerError as error:
        raise StageFailed(
            error.what,
            where=f"{hub.slug} · sample · {error.where}",
            next_step=f"{error.next_step}\n  Nothing was changed. Line by line: lienthong check {hub.slug}",
        ) from error
    return found


@dataclass
class _Taster:
    hub: Hub
    source: Source
    attachments: Attachments
    found: Look
    ticks: Callable[[], float]

    def page(self, window: Window, at: int | None = None) -> Page | None:
        """The first page of a window, or the one of that number; counted and timed."""
        return next(self.pages(window, at), None)

    def pages(self, window: Window, at: int | None = None) -> Iterator[Page]:
        begun = self.ticks()
        for page in self.hub.source.pull(STREAM, window, after=None if at is None else {"page": at}):
            fetched = self.ticks()
            self.found.fetching += fetched - begun
            self._count(page)
            self.found.mapping += self.ticks() - fetched
            self.hub.progress(f"sample {self.hub.slug}", self.found.records, None)
            yield page
            begun = self.ticks()

    def _count(self, page: Page) -> None:
        for _, _, _, mapped in mapped_records(self.hub, enumerate(page.records())):
            record, self.found.records = mapped.record, self.found.records + 1
            if mapped.findings:
                self.found.held[mapped.findings[0].reason] += 1
            open_yet = record.get("status") not in FINISHED
            self.found.in_progress += open_yet
            if self._outside(record.get("received_at") or record.get("submitted_at"), open_yet):
                continue
            self.found.in_scope += 1
            if self.attachments == "all" or (self.attachments == "in_progress" and open_yet):
                self.found.files += sum(bool(one.get("document_id")) for one in record.get("documents") or ())

    def _outside(self, received: object, open_yet: bool) -> bool:
        if self.source.scope == "in_progress" and not open_yet:
            return True
        moment = datetime.fromisoformat(received) if isinstance(received, str) else received
        if self.source.since is None or not isinstance(moment, datetime):
            return False
        return (moment if moment.tzinfo else moment.replace(tzinfo=VIET_NAM)) < self.source.since


def _by_windows(taster: _Taster, now: datetime) -> None:
    """The peer's own total where it says one, else as much a day as spread windows have on average."""
    stream, found = taster.hub.source.spec.streams[STREAM], taster.found
    begin = taster.hub.province.earliest or (stream.window.earliest if stream.window else None)
    if begin is None or not isinstance(stream.pages, NoPages):
        first = next(taster.hub.source.pull(STREAM, Window(begin, now), rows=1), None)
        times = [taster.hub.source.changed_of(STREAM, one) for one in first.records()] if first else []
        begin = begin or min((one for one in times if one and one.year >= 1990), default=now - FAR)
        if first and first.total is not None:
            found.total = found.low = found.high = first.total
            found.how = "stated"
    days = max((now - begin) / timedelta(days=1), 1.0)
    for long in LONG:
        many = max(1, min(SPREAD, int(days / long)))
        starts = [begin + timedelta(days=(days - min(long, days)) * (place + 0.5) / many) for place in range(many)]
        counts = [_count(taster, Window(start, min(start + timedelta(days=long), now))) / long for start in starts]
        if found.records >= ENOUGH or long >= days:
            break
    if found.how != "stated":
        spread = 2 * stdev(counts) / sqrt(len(counts)) if len(counts) > 1 else mean(counts)
        found.total, found.how = round(days * mean(counts)), "sampled"
        found.low, found.high = round(days * max(mean(counts) - spread, 0)), round(days * (mean(counts) + spread))


def _count(taster: _Taster, window: Window) -> int:
    records = 0
    for number, page in enumerate(taster.pages(window), 1):
        records += len(list(page.records()))
        if page.total is not None:
            return page.total
        if number == PAGES:
            break
    return records


def _by_numbers(taster: _Taster, now: datetime) -> None:
    """Pages that are asked for by number: the peer's total, else the last page is looked for by halving."""
    pages = taster.hub.source.spec.streams[STREAM].pages
    assert isinstance(pages, NumberedPages)
    window, found = Window(None, now), taster.found
    first = taster.page(window)
    if first is None or first.last or first.total is not None:
        total = 0 if first is None else len(list(first.records())) if first.total is None else first.total
        found.total = found.low = found.high = total
        found.how = "counted" if first is None or first.total is None else "stated"
        if first is not None and not first.last:
            for place in (1, total // pages.rows // 2, total // pages.rows):
                taster.page(window, pages.first + place)
        return
    full, behind, exact = 0, 0, None
    while exact is None and (not behind or behind - full > 1):
        place = (full + behind) // 2 if behind else 2 * full or 1
        page = taster.page(window, pages.first + place)
        rows = 0 if page is None else len(list(page.records()))
        if rows and page is not None and not page.last:
            full = place
        elif rows:
            exact = place * pages.rows + rows
        else:
            behind = place
    found.total = found.low = found.high = exact or (full + 1) * pages.rows
    found.how = "counted"


def _from_the_top(taster: _Taster, now: datetime) -> None:
    """Pages that can only be walked: a few of them, and the total where the peer says it."""
    found = taster.found
    for number, page in enumerate(taster.pages(Window(None, now)), 1):
        if page.total is not None:
            found.total = found.low = found.high = page.total
            found.how = "stated"
        elif page.last:
            found.total = found.low = found.high = found.records
            found.how = "counted"
        if number == PAGES:
            break
