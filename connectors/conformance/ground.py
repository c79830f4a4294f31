"""What the checks of one run stand on: the peer, the stretches of time they read, and what was read there."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson

from connectors.connector import Connector
from connectors.errors import ConnectorError
from connectors.peer import Window
from connectors.spec import Stream
from connectors.spec.pages import NoPages, Queue
from connectors.spec.times import TimeForm
from connectors.survey.lookback import is_windowed, recent
from schemas.masking import mask_text

Outcome = Literal["pass", "fail", "not applicable"]
PAGES = 5
"""A walk in small pages has about so many."""
KEPT = 300
"""Records of a walk that are kept whole, for the checks that look into them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found. `about` is the stream or operation; the evidence is masked."""

    check: str
    about: str
    outcome: Outcome
    evidence: str
    next_step: str = ""


def passed(evidence: str) -> Verdict:
    return Verdict("", "", "pass", mask_text(evidence))


def failed(evidence: str, next_step: str) -> Verdict:
    return Verdict("", "", "fail", mask_text(evidence), next_step)


def skipped(why: str) -> Verdict:
    return Verdict("", "", "not applicable", why)


@dataclass(frozen=True, slots=True)
class Read:
    """One record as a walk saw it."""

    key: str
    digest: bytes
    changed: datetime | None
    page: int


@dataclass(slots=True)
class Walk:
    """One pull of a stretch of time, from its first page to its last. `whole` is false where it was cut at `most`."""

    window: Window
    reads: list[Read] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    whole: bool = True

    @property
    def keys(self) -> set[str]:
        return {read.key for read in self.reads}

    @property
    def digests(self) -> dict[str, bytes]:
        """Key -> digest of the record as it was read last."""
        return {read.key: read.digest for read in self.reads}

    @property
    def times(self) -> list[datetime]:
        """The times of change, in the order of the walk; records without one are left out."""
        return [read.changed for read in self.reads if read.changed]


class Ground:
    """One peer under test. `most` records are read of a stretch; without a window the newest stretch is chosen that
    holds `wanted`."""

    def __init__(
        self,
        connector: Connector,
        *,
        window: Window | None = None,
        until: datetime | None = None,
        wanted: int = 100,
        most: int = 5_000,
        writes: bool = False,
    ) -> None:
        self.connector = connector
        self.spec = connector.spec
        self.writes = writes
        self._given, self._until = window, until or connector.clock()
        self._wanted, self._most = wanted, most
        self._windows: dict[str, Window] = {}
        self._walks: dict[tuple[str, int | None], Walk] = {}

    def stream(self, name: str) -> Stream:
        return self.spec.streams[name]

    def window(self, stream: str) -> Window:
        """The stretch of time that the checks of a stream read; a stream without a window is read whole."""
        if stream not in self._windows:
            if not is_windowed(self.stream(stream)):
                self._windows[stream] = Window(None, self._until)
            else:
                self._windows[stream] = self._given or self._narrow(
                    stream, recent(self.connector, stream, self._until, self._wanted)
                )
        return self._windows[stream]

    def walk(self, stream: str, rows: int | None = None) -> Walk:
        """The walk over the whole stretch, in pages of the spec's size or of `rows`; read once for all checks."""
        if (stream, rows) not in self._walks:
            self._walks[stream, rows] = self.read(stream, self.window(stream), rows)
        return self._walks[stream, rows]

    def small(self, stream: str) -> Walk:
        """The walk in small pages, so that there are several."""
        if isinstance(self.stream(stream).pages, NoPages | Queue):
            return self.walk(stream)
        return self.walk(stream, max(2, len(self.walk(stream).reads) // PAGES))

    def read(self, stream: str, window: Window, rows: int | None = None) -> Walk:
        """A fresh pull; raises ConnectorError."""
        walk = Walk(window)
        cuts = self._cuts_itself(stream)
        for page in self.connector.pull(stream, window, rows=rows):
            if page.total is not None:
                walk.totals.append(page.total)
            for record in page.records():
                key = self.connector.key_of(stream, record)
                digest = hashlib.sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).digest()[:12]
                changed = self.connector.changed_of(stream, record)
                if cuts and changed and not (window.since or changed) <= changed <= window.until:
                    continue
                walk.reads.append(Read(key, digest, changed, page.number))
                if len(walk.records) < KEPT:
                    walk.records.setdefault(key, record)
            if len(walk.reads) >= self._most:
                walk.whole = page.last
                break
        return walk

    def form(self, stream: str) -> TimeForm:
        """How the stream's records write times."""
        return (self.stream(stream).dates or self.spec.dates).form()

    def unit(self, stream: str) -> timedelta:
        """The shortest step that the stream's window and its records can both tell apart."""
        said = self.stream(stream).window
        asked = TimeForm(said.format, self.form(stream).zone).unit if said and said.format else timedelta(0)
        return max(self.form(stream).unit, asked)

    def overlap(self, stream: str) -> timedelta:
        said = self.stream(stream).window
        return timedelta(seconds=said.overlap if said else 0)

    def _cuts_itself(self, stream: str) -> bool:
        """The peer is not asked for a window: the pages at its ends hold records that lie outside."""
        said = self.stream(stream).window
        return is_windowed(self.stream(stream)) and not (said and said.since)

    def _narrow(self, stream: str, window: Window) -> Window:
        """A busy stretch cut to what a walk may read, by the times of what came first."""
        walk = self.read(stream, window)
        if walk.whole or not walk.times:
            return window
        times = sorted(walk.times)
        newest_first = walk.times[0] > walk.times[-1]
        return Window(times[0], window.until) if newest_first else Window(window.since, times[-1])


PeerCheck = Callable[[Ground], Verdict]
StreamCheck = Callable[[Ground, str], Verdict]
OperationCheck = Callable[[Ground, str], Verdict]


def judged(check: str, about: str, act: Callable[[], Verdict]) -> Verdict:
    """A check's verdict under its name; an error of the peer is a failed check."""
    try:
        found = act()
    except ConnectorError as error:
        found = failed(error.what, error.next_step)
    return Verdict(check, about, found.outcome, found.evidence, found.next_step)
