"""Finding a stretch of time that holds records, without reading a whole history: back from now in doubling steps."""

from datetime import datetime, timedelta

from connectors.connector import Connector
from connectors.peer import Window
from connectors.spec import Stream
from connectors.spec.pages import NumberedPages, OffsetPages

FIRST_STEP = timedelta(days=1)
FURTHEST = timedelta(days=4096)


def is_windowed(stream: Stream) -> bool:
    """The stream can be asked for a stretch of time, or stops by itself at its start."""
    newest_first = isinstance(stream.pages, NumberedPages | OffsetPages) and stream.pages.order == "newest_first"
    return newest_first or bool(stream.window and stream.window.since)


def recent(connector: Connector, stream: str, until: datetime, records: int, rows: int | None = None) -> Window:
    """The shortest of those stretches before `until` that holds so many records, or all there are.

    Each stretch is asked for once, in pages of `rows`; of a peer that counts one page is read. Raises PeerError.
    """
    spec = connector.spec.streams[stream]
    if not is_windowed(spec):
        return Window(None, until)
    end, found, back = until, 0, FIRST_STEP
    while True:
        start = until - back
        can_be_cut = spec.window is not None and spec.window.until is not None
        stretch = Window(start, end if can_be_cut else until)
        found = _count(connector, stream, stretch, records, rows) + (found if can_be_cut else 0)
        if found >= records or back >= FURTHEST:
            return Window(start, until) if found >= records else Window(None, until)
        end, back = start, back * 2


def _count(connector: Connector, stream: str, window: Window, enough: int, rows: int | None) -> int:
    asked = connector.spec.streams[stream].window
    in_pieces = asked is not None and asked.most is not None
    count = 0
    for page in connector.pull(stream, window, rows=rows):
        if page.total is not None and not in_pieces:
            return page.total
        times = (connector.changed_of(stream, record) for record in page.records())
        count += sum(moment is None or window.since is None or moment >= window.since for moment in times)
        if count >= enough:
            break
    return count
