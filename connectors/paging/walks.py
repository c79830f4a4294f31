"""From a stream's words to its walk: the pager that `pages` and `window` describe, what a request carries of them, and
what a page shows of itself."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from requests.utils import parse_header_links

from connectors.answer.opened import Envelope
from connectors.paging.bounds import Bounded
from connectors.paging.by_time import ByTime
from connectors.paging.chained import Cursor, Linked, Waiting
from connectors.paging.pager import Numbered, Offset, OnePage, Pager, Seen
from connectors.paging.windows import InPieces
from connectors.peer import Window
from connectors.spec import Spec, Stream
from connectors.spec.pages import (
    CursorPages,
    LinkedPages,
    NoPages,
    NumberedPages,
    OffsetPages,
    Pages,
    PagesByTime,
    Queue,
    WindowSpec,
)
from connectors.spec.times import TimeForm
from connectors.wire.transport import WireResponse

# Where a window has no start but the peer wants one: before any electronic one-stop system.
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
PORTS = {"http": 80, "https": 443}


class Unfit(Exception):
    """An answer lacks what the spec says that it has, or has something there that cannot be used: says what."""


def pager_of(spec: Spec, part: Stream, window: Window, rows: int | None = None) -> Pager:
    """The pager of a stream over a window, with another page size where one is given; it ends at `limits.pages`."""
    pager, bound = _pages_of(spec, part, rows), spec.limits.pages
    limit = part.window
    if limit is None or limit.most is None:
        return Bounded(pager, bound)
    since, most = window.since or limit.earliest, timedelta(seconds=limit.most)
    assert since is not None, "the spec says earliest beside most"
    pieces = InPieces(pager, Window(min(since, window.until), window.until), most, window_form(spec, part, limit))
    return Bounded(pieces, bound)


def _pages_of(spec: Spec, part: Stream, rows: int | None) -> Pager:
    pages = part.pages
    if isinstance(pages, NumberedPages):
        return Numbered(pages.page, pages.size, pages.first, rows or pages.rows, is_newest_first(part))
    if isinstance(pages, OffsetPages):
        return Offset(pages.offset, pages.limit, 0, rows or pages.rows, is_newest_first(part))
    if isinstance(pages, PagesByTime):
        unit = (part.dates or spec.dates).form().unit
        return ByTime(pages.page, pages.size, pages.first, rows or pages.rows, unit)
    if isinstance(pages, NoPages):
        return OnePage()
    size = {pages.size: rows or pages.rows} if pages.size and pages.rows else {}
    if isinstance(pages, CursorPages):
        return Cursor(size, pages.cursor)
    return Linked(size) if isinstance(pages, LinkedPages) else Waiting(size)


def is_newest_first(part: Stream) -> bool:
    """The stream gives the latest change first, and so ends at the window's start."""
    return isinstance(part.pages, NumberedPages | OffsetPages) and part.pages.order == "newest_first"


def goes_by_changes(part: Stream) -> bool:
    """The walk looks at the records' times of change."""
    return isinstance(part.pages, PagesByTime) or is_newest_first(part)


def window_form(spec: Spec, part: Stream, said: WindowSpec) -> TimeForm:
    """How a stream's window is written."""
    dates = part.dates or spec.dates
    update = {key: value for key, value in (("format", said.format), ("zone", said.zone)) if value}
    return dates.model_copy(update=update).form()


def window_params(spec: Spec, part: Stream, window: Window) -> dict[str, str | int]:
    """The ends of a window under the names and in the form of the spec."""
    said = part.window
    if said is None:
        return {}
    form = window_form(spec, part, said)
    params: dict[str, str | int] = {}
    if said.since:
        params[said.since] = form.write(window.since or said.earliest or BEGINNING)
    if said.until:
        params[said.until] = form.write(window.until)
    return params


def seen_on(
    part: Stream,
    envelope: Envelope,
    response: WireResponse,
    records: Sequence[Mapping[str, Any]],
    *,
    repeated: bool,
    times: Sequence[datetime],
    asked: str,
    home: str,
    digest: str,
) -> Seen:
    """What the pager is told of a page that was `asked` for; no link may leave `home`, the peer's address.

    Raises Unfit where a total or a mark that the spec promises is not there.
    """
    pages = part.pages
    if isinstance(pages, NoPages | Queue):
        return Seen(rows=len(records), repeated=repeated, digest=digest)
    total = None if pages.total is None else _number(envelope, pages.total)
    return Seen(
        len(records),
        repeated,
        total,
        _last(pages, envelope),
        times,
        _next(pages, envelope, response, asked, home),
        digest,
    )


def _last(pages: Pages, envelope: Envelope) -> bool | None:
    """Whether this page is the last one, where the spec says how an answer tells."""
    if isinstance(pages, NumberedPages | OffsetPages) and pages.last is not None:
        return _flag(envelope, pages.last)
    if isinstance(pages, NumberedPages | OffsetPages | CursorPages) and pages.more is not None:
        return not _flag(envelope, pages.more)
    return None


def _next(pages: Pages, envelope: Envelope, response: WireResponse, asked: str, home: str) -> str | None:
    if isinstance(pages, CursorPages):
        found = envelope.find(pages.next)
        return None if found in (None, "", False) else str(found)
    if not isinstance(pages, LinkedPages):
        return None
    if pages.next == "header":
        links = parse_header_links(response.header("Link") or "")
        found = next((link["url"] for link in links if "next" in link.get("rel", "").split()), None)
    else:
        found = envelope.find(pages.next)
    return _followed(str(found), asked, home) if found else None


def _followed(link: str, asked: str, home: str) -> str:
    """The whole address that a page's link means; raises Unfit when it leads away from the peer."""
    try:
        address = urljoin(asked, link)
        there, here = _host(urlsplit(address)), _host(urlsplit(home))
    except ValueError:
        raise Unfit("the next page's address cannot be read") from None
    if there != here:
        raise Unfit(f"the next page is said to be at {there}, not at the peer's own host {here}; it is not followed")
    return address


def _host(address: SplitResult) -> str:
    """Scheme, host and port; a name or password in an address makes it another one."""
    port = address.port or PORTS.get(address.scheme)
    return f"{address.scheme}://{'…@' if address.username else ''}{address.hostname}:{port}"


def _number(envelope: Envelope, path: str) -> int:
    try:
        return int(str(envelope.find(path)))
    except ValueError:
        raise Unfit(f"there is no number under {path!r}") from None


def _flag(envelope: Envelope, path: str) -> bool:
    found = str(envelope.find(path)).lower()
    if found not in ("true", "false", "1", "0"):
        raise Unfit(f"there is no true or false under {path!r}")
    return found in ("true", "1")
