"""A connector: one system's spec and one peer, read as pages of plain records and called by the names of the spec."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, NoReturn

import orjson

from connectors.envelope import Envelope, at, first_words, open_envelope, readable
from connectors.errors import BadAnswer, ConfigError, PeerFault, PeerRefused
from connectors.exchange import Ask, Exchange, Reply
from connectors.limits import Hosts
from connectors.paging import ByTime, EndlessPages, MissingRows, Numbered, OnePage, Pager, Position, Seen
from connectors.peer import Answer, CheckLine, Page, Peer, Window
from connectors.spec import Operation, Spec, Stream
from connectors.spec_pages import NoPages, NumberedPages, PagesByTime, Queue
from connectors.specfile import near
from connectors.times import TimeForm
from connectors.transport import HttpTransport, Transport
from connectors.xmlrecords import raw_records

HOSTS = Hosts()
END: Position = {"end": True}
# Where a window has no start but the peer wants one: before any electronic one-stop system.
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class Connector:
    """Pulls streams from a peer and calls its operations. Safe to share between threads; a pull belongs to one
    thread.

    `clock` gives aware datetimes, `ticks` monotonic seconds, `sleep` takes seconds; `transport` is a function from a
    WireRequest to a WireResponse. `hosts` holds the limits that connectors of a process share.
    """

    def __init__(
        self,
        spec: Spec,
        peer: Peer,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        transport: Transport | None = None,
        hosts: Hosts = HOSTS,
        random: Random | None = None,
    ) -> None:
        self.spec = spec
        self.peer = peer
        self.clock = clock
        self.transport = transport or HttpTransport(spec.limits.parallel)
        self._world: dict[str, Any] = {
            "clock": clock,
            "ticks": ticks,
            "sleep": sleep,
            "hosts": hosts,
            "random": random or Random(),
        }
        self.exchange = Exchange(spec, peer, transport=self.transport, **self._world)
        self._readers: dict[str, Callable[[object], datetime | None]] = {
            name: (stream.dates or spec.dates).form().reader() for name, stream in spec.streams.items()
        }

    def beside(
        self, *, spec: Spec | None = None, peer: Peer | None = None, transport: Transport | None = None
    ) -> "Connector":
        """Another connector in the same world (clock, limits of the host), with a token of its own."""
        return Connector(spec or self.spec, peer or self.peer, transport=transport or self.transport, **self._world)

    def pull(
        self, stream: str, window: Window, after: Position | None = None, *, rows: int | None = None
    ) -> Iterator[Page]:
        """The pages of a stream in the peer's order, from the start or behind a position.

        A page is read whole before it is given out: a cut answer, HTML, a wrong type or a repeated page raises
        BadAnswer with the page's number and the raw body, and what was given out before stands. Newest-first streams
        stop by themselves at the window's start; pages that lie wholly behind its end are passed over. `rows` asks
        for other pages than the spec's (a position holds only for the size it was made with).
        """
        part = self._stream(stream)
        pager = pager_of(self.spec, part, rows)
        position: Position | None = pager.start() if after is None else dict(after)
        before: list[dict[str, Any]] | None = None
        while position is not None and not position.get("end"):
            number = pager.number(position)
            reply = self.exchange.ask(self._ask_page(stream, part, window, pager, position, number))
            records = self._records_of(stream, part, reply, number)
            seen = self._seen(stream, part, reply, records, before, number)
            try:
                following = pager.after(position, seen, window.since)
            except (EndlessPages, MissingRows) as error:
                self._bad(stream, number, reply, f"{error}")
            if not self._is_behind(stream, part, records, window):
                yield Page(
                    number=number,
                    raw=reply.response.body,
                    media_type=_media_type(reply),
                    status=reply.response.status,
                    digest=hashlib.sha256(reply.response.body).hexdigest(),
                    received_at=self.clock(),
                    total=None if seen.total is None else seen.total + pager.passed(position),
                    last=following is None,
                    position=END if following is None else following,
                    _records=records,
                )
            before, position = records, following

    def call(self, operation: str, **params: Any) -> Answer:
        """One operation, by the spec's name and with its parameters.

        The answer's `kind` is the verdict of the answer table. Raises PeerDown (never sent, or a read without
        answer), PeerBusy (`retry` until the attempts were used up), AuthRefused, BadAnswer, and PeerUnknown for a
        write of which no readable answer came back.
        """
        part = self._operation(operation)
        if set(params) != part.parameters:
            wanted = ", ".join(sorted(part.parameters)) or "no parameters"
            raise TypeError(
                f"{operation} of {self.spec.system} takes {wanted}, not {', '.join(sorted(params)) or 'nothing'}"
            )
        ask = Ask(
            operation,
            part,
            params,
            writes=part.writes,
            record=self._element(part),
            lists=tuple(part.lists),
            heads=self._heads(part),
            reply=self.spec.reply_of(part),
        )
        reply = self.exchange.ask(ask)
        result = self._result(part, reply)
        verdict = reply.verdict
        if verdict == "done" and not result:
            verdict = part.empty
        text = reply.said.text or reply.said.fault or ""
        values = self._given(part, ask, reply)
        response = reply.response
        return Answer(verdict, reply.said.code, text, result, response.body, response.status, operation, values)

    def check(self) -> list[CheckLine]:
        """Name, connection, login, clock, each stream's first record, each operation that only reads; sends no
        data."""
        from connectors.check import check

        return check(self)

    def parse(self, stream: str, raw: bytes) -> Iterator[dict[str, Any]]:
        """The records in a raw page that was kept; raises BadAnswer when it is none."""
        part = self._stream(stream)
        envelope = open_envelope(raw, record=self._element(part), lists=part.lists, soap=self.spec.transport == "soap")
        records = envelope.records if envelope.kind == "soap" else self._json_records(part, envelope)
        if records is None:
            raise BadAnswer("the kept body holds no records.", peer=self.peer.id, operation=stream, raw=raw)
        return iter(records)

    def raw_record(self, stream: str, raw: bytes, index: int) -> bytes:
        """One record of a raw page as it was written (XML) or as JSON; `index` counts from 0."""
        part = self._stream(stream)
        if self.spec.transport == "soap":
            return raw_records(raw, self._element(part) or "", index)
        for place, record in enumerate(self.parse(stream, raw)):
            if place == index:
                return orjson.dumps(record)
        raise IndexError(f"the page has no record {index}")

    def key_of(self, stream: str, record: Mapping[str, Any]) -> str:
        """The record's key as text, its parts joined by `|`; "" where it has none."""
        paths = self._stream(stream).key
        if isinstance(paths, str):
            found = at(record, paths)
            return "" if found is None else str(found)
        parts = ["" if (part := at(record, path)) is None else str(part) for path in paths]
        return "|".join(parts) if any(parts) else ""

    def changed_of(self, stream: str, record: Mapping[str, Any]) -> datetime | None:
        """The time of the record's last change; None where it is missing or is no time."""
        path = self._stream(stream).changed
        return self._readers[stream](at(record, path)) if path else None

    def _stream(self, name: str) -> Stream:
        found = self.spec.streams.get(name)
        return found if found is not None else self._not_there("streams", name, list(self.spec.streams))

    def _operation(self, name: str) -> Operation:
        found = self.spec.operations.get(name)
        return found if found is not None else self._not_there("operations", name, list(self.spec.operations))

    def _not_there(self, kind: str, name: str, known: Sequence[str]) -> NoReturn:
        match = near(name, known)
        raise ConfigError(
            f"{self.spec.system} has no {name!r}.",
            file=self.spec.file,
            line=self.spec.line(kind),
            key=kind,
            next_step=f"Did you mean {match!r}?" if match else f"It has: {', '.join(sorted(known)) or 'none'}.",
        )

    def _ask_page(self, name: str, part: Stream, window: Window, pager: Pager, position: Position, number: int) -> Ask:
        moved = Window(pager.since(position) or window.since, window.until)
        paging = {**window_params(self.spec, part, moved), **pager.params(position)}
        return Ask(
            name,
            part,
            paging=paging,
            record=self._element(part),
            lists=tuple(part.lists),
            heads=self._heads(part),
            page=number,
            reply=self.spec.reply_of(part),
        )

    def _heads(self, part: Stream | Operation) -> tuple[str, ...]:
        """What is read of an answer besides its records."""
        where = self.spec.reply_of(part)
        names = [where.code, where.text]
        if isinstance(part, Stream):
            names += [getattr(part.pages, mark, None) for mark in ("total", "last", "more", "next")]
        else:
            names += part.gives.values()
        return tuple(name for name in names if name)

    def _element(self, part: Stream | Operation) -> str | None:
        return part.records or self.spec.reply_of(part).records

    def _records_of(self, name: str, part: Stream, reply: Reply, number: int) -> list[dict[str, Any]]:
        """The records of an accepted page; anything else is an error of that page."""
        envelope, status = reply.envelope, reply.response.status
        place: dict[str, Any] = {
            "peer": self.peer.id,
            "operation": name,
            "page": number,
            "status": status,
            "raw": reply.response.body,
        }
        vendor = self.spec.title or self.spec.system
        if envelope.kind == "fault":
            raise PeerFault(
                f'the peer answers with a SOAP fault, "{first_words(envelope.fault or "")}".',
                next_step=f"Ask who runs {vendor}; a fault that passes by itself is named under answers: in the spec.",
                **place,
            )
        if reply.verdict != "done":
            code = f", code {reply.said.code}" if reply.said.code is not None else ""
            words = f', "{first_words(reply.said.text or readable(reply.response.body))}"'
            raise PeerRefused(
                f"the peer refuses (HTTP {status}{code}{words}).",
                next_step=f"Ask who runs {vendor} what this answer means and name it under answers: in the spec.",
                **place,
            )
        records = envelope.records if envelope.kind == "soap" else self._json_records(part, envelope)
        if records is None:
            self._bad(name, number, reply, f"there is no list of records under {self._element(part) or 'the top'!r}")
        return records

    def _json_records(self, part: Stream | Operation, envelope: Envelope) -> list[dict[str, Any]] | None:
        found = at(envelope.data, self._element(part))
        if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
            return None
        return found

    def _result(self, part: Operation, reply: Reply) -> list[Any]:
        if reply.envelope.kind == "soap":
            return reply.envelope.records
        found = at(reply.envelope.data, self._element(part)) if reply.envelope.kind == "json" else None
        return [] if found is None else found if isinstance(found, list) else [found]

    def _given(self, part: Operation, ask: Ask, reply: Reply) -> dict[str, Any]:
        """The values that the answer gives to later operations; an accepted answer without one is an error."""
        found = {name: _head(reply.envelope, path) for name, path in part.gives.items()}
        values = {name: value for name, value in found.items() if value is not None}
        if reply.verdict == "done" and (missing := sorted(set(found) - set(values))):
            paths = ", ".join(repr(part.gives[name]) for name in missing)
            raise self.exchange.no_sense(ask, reply, f"the answer gives nothing under {paths}")
        return values

    def _seen(
        self,
        name: str,
        part: Stream,
        reply: Reply,
        records: list[dict[str, Any]],
        before: list[dict[str, Any]] | None,
        number: int,
    ) -> Seen:
        """What the pager is told of a page; a total or a last mark that the spec promises must be there."""
        pages = part.pages
        if isinstance(pages, NoPages | Queue):
            return Seen(rows=len(records))
        times: list[datetime] = []
        if isinstance(pages, PagesByTime) or (isinstance(pages, NumberedPages) and pages.order == "newest_first"):
            times = [moment for record in records if (moment := self.changed_of(name, record))]
        last = pages.last if isinstance(pages, NumberedPages) else None
        return Seen(
            rows=len(records),
            repeated=before == records,
            total=None if pages.total is None else self._number(name, number, reply, pages.total),
            last=None if last is None else self._flag(name, number, reply, last),
            times=times,
        )

    def _is_behind(self, name: str, part: Stream, records: list[dict[str, Any]], window: Window) -> bool:
        if not (isinstance(part.pages, NumberedPages) and part.pages.order == "newest_first" and records):
            return False
        times = [self.changed_of(name, record) for record in records]
        return all(moment is not None and moment > window.until for moment in times)

    def _number(self, name: str, number: int, reply: Reply, path: str) -> int:
        found = _head(reply.envelope, path)
        try:
            return int(str(found))
        except ValueError:
            self._bad(name, number, reply, f"there is no number under {path!r}")

    def _flag(self, name: str, number: int, reply: Reply, path: str) -> bool:
        found = _head(reply.envelope, path)
        if str(found).lower() not in ("true", "false", "1", "0"):
            self._bad(name, number, reply, f"there is no true or false under {path!r}")
        return str(found).lower() in ("true", "1")

    def _bad(self, name: str, number: int, reply: Reply, why: str) -> NoReturn:
        vendor = self.spec.title or self.spec.system
        raise BadAnswer(
            f"{why} (HTTP {reply.response.status}).",
            peer=self.peer.id,
            operation=name,
            page=number,
            status=reply.response.status,
            raw=reply.response.body,
            next_step=f"The answer is kept. Compare it with the document of {vendor}, and the spec with both.",
        )


def pager_of(spec: Spec, part: Stream, rows: int | None = None) -> Pager:
    """The pager a stream's `pages` describe, with another page size where one is given."""
    pages = part.pages
    if isinstance(pages, NumberedPages):
        return Numbered(pages.page, pages.size, pages.first, rows or pages.rows, pages.order == "newest_first")
    if isinstance(pages, PagesByTime):
        unit = (part.dates or spec.dates).form().unit
        return ByTime(pages.page, pages.size, pages.first, rows or pages.rows, unit)
    return OnePage()


def window_params(spec: Spec, part: Stream, window: Window) -> dict[str, str | int]:
    """The ends of a window under the names and in the form of the spec."""
    said = part.window
    if said is None:
        return {}
    dates = part.dates or spec.dates
    update = {key: value for key, value in (("format", said.format), ("zone", said.zone)) if value}
    form: TimeForm = dates.model_copy(update=update).form()
    params: dict[str, str | int] = {}
    if said.since:
        params[said.since] = form.write(window.since or BEGINNING)
    if said.until:
        params[said.until] = form.write(window.until)
    return params


def _head(envelope: Envelope, path: str) -> Any:
    return envelope.heads.get(path) if envelope.kind == "soap" else at(envelope.data, path)


def _media_type(reply: Reply) -> str:
    said = (reply.response.header("Content-Type") or "").split(";")[0].strip().lower()
    return said or ("text/xml" if reply.envelope.kind == "soap" else "application/json")
