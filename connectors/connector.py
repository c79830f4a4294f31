"""A connector: one system's spec and one peer, read as pages of plain records and called by the names of the spec."""

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, NoReturn

import orjson

from connectors.answer.bundle import MEDIA_TYPE as BUNDLE
from connectors.answer.bundle import Bundle, NoBundle, pack, unpack
from connectors.answer.charset import WrongCharset, decode
from connectors.answer.opened import at
from connectors.answer.reading import HEADER, Reading, reading_of
from connectors.answer.xmlrecords import raw_records
from connectors.errors import BadAnswer, ConfigError, PeerError
from connectors.exchange import Ask, Exchange, Reply
from connectors.hooks import Hook, load_hook
from connectors.paging.pager import EndlessPages, MissingRows, Pager, Position, Seen
from connectors.paging.walks import Unfit, goes_by_changes, is_newest_first, pager_of, seen_on, window_params
from connectors.parts import Assembly
from connectors.peer import Answer, CheckLine, Page, Peer, Window
from connectors.spec import Operation, Spec, Stream
from connectors.spec.explain import near
from connectors.spec.pages import Queue
from connectors.wire.limits import Hosts
from connectors.wire.tls import tls_files
from connectors.wire.transport import HttpTransport, Transport

HOSTS = Hosts()
END: Position = {"end": True}


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
        self.transport = transport or HttpTransport(spec.limits.parallel, ticks=ticks, **tls_files(spec, peer))
        self._world: dict[str, Any] = {
            "clock": clock,
            "ticks": ticks,
            "sleep": sleep,
            "hosts": hosts,
            "random": random or Random(),
        }
        self.exchange = Exchange(spec, peer, transport=self.transport, **self._world)
        self._hooks: dict[str, Hook] = {}
        self._acknowledged: set[tuple[str, str]] = set()
        self._readings = {name: reading_of(spec, stream) for name, stream in spec.streams.items()}
        self._readers: dict[str, Callable[[object], datetime | None]] = {
            name: (stream.dates or spec.dates).form().reader() for name, stream in spec.streams.items()
        }

    def beside(
        self, *, spec: Spec | None = None, peer: Peer | None = None, transport: Transport | None = None
    ) -> "Connector":
        """Another connector in the same world (clock, limits of the host), with a token of its own; another account
        shares no cookies."""
        wire, account = transport or self.transport, peer or self.peer
        if transport is None and account != self.peer and isinstance(wire, HttpTransport):
            wire = wire.fresh()
        return Connector(spec or self.spec, account, transport=wire, **self._world)

    def pull(
        self, stream: str, window: Window, after: Position | None = None, *, rows: int | None = None
    ) -> Iterator[Page]:
        """The pages of a stream in the peer's order, from the start or behind a position.

        A page is read whole before it is given out: a cut answer, HTML, a wrong type or a repeated page raises
        BadAnswer with the page's number and the raw body, and what was given out before stands. Newest-first streams
        stop by themselves at the window's start; pages that lie wholly behind its end are passed over. Of a queue, who
        does not acknowledge a page gets no other. `rows` asks for other pages than the spec's (a position holds only
        for the size it was made with).
        """
        part, reading = self._stream(stream), self._readings[stream]
        pager = pager_of(self.spec, part, window, rows)
        position: Position | None = pager.start() if after is None else dict(after)
        before: list[dict[str, Any]] | None = None
        while position is not None and not position.get("end"):
            moved = Window(pager.since(position) or window.since, pager.until(position) or window.until)
            ask = self._ask_page(stream, part, moved, pager, position)
            reply = self.exchange.ask(ask)
            records = self._records_of(ask, reading, reply)
            try:
                seen = self._seen(stream, part, reply, records, before == records)
                following = pager.after(position, seen, moved.since)
            except (EndlessPages, MissingRows, Unfit) as error:
                next_step = error.next_step if isinstance(error, EndlessPages) else ""
                raise self.exchange.say.unfit(ask, reply, str(error), next_step) from None
            if not (is_newest_first(part) and seen.lies_behind(window.until)):
                passed = pager.passed(position)
                raw, media_type, whole = self._completed(stream, ask, reply, records)
                page = Page(
                    number=pager.number(position),
                    raw=raw,
                    media_type=media_type,
                    status=reply.response.status,
                    digest=hashlib.sha256(raw).hexdigest(),
                    received_at=self.clock(),
                    total=None if seen.total is None or passed is None else seen.total + passed,
                    last=following is None,
                    position=END if following is None else following,
                    _records=whole,
                )
                yield page
                if self.is_queue(stream) and not self._was_acknowledged(stream, page):
                    return
            before, position = records, following

    def acknowledge(self, stream: str, page: Page) -> None:
        """Tell the peer of a queue that a page has landed, so that it gives what comes after it.

        Nothing to do for other streams, or without records. Raises PeerError with the page's number: what landed stays,
        and comes again.
        """
        pages = self._stream(stream).pages
        if not isinstance(pages, Queue):
            return
        keys = list(dict.fromkeys(key for record in page.records() if (key := self.key_of(stream, record))))
        most = self._operation(pages.acknowledge).batch or len(keys) or 1
        try:
            for start in range(0, len(keys), most):
                answer = self.call(pages.acknowledge, keys=keys[start : start + most])
                if answer.kind not in ("done", "exists"):
                    raise self.exchange.say.not_acknowledged(answer)
        except PeerError as error:
            raise error.at_page(page.number) from None
        self._acknowledged.add((stream, page.digest))

    def _was_acknowledged(self, stream: str, page: Page) -> bool:
        """Asked once for each page."""
        taken = (stream, page.digest) in self._acknowledged
        self._acknowledged.discard((stream, page.digest))
        return taken

    def is_queue(self, stream: str) -> bool:
        """The stream's next page comes only when the one before it was acknowledged."""
        return isinstance(self._stream(stream).pages, Queue)

    def call(self, operation: str, **params: Any) -> Answer:
        """One operation, by the spec's name and with its parameters; those written `{name?}`, with a default or beside
        an alternative may be left out (TypeError for others).

        The answer's `kind` is the verdict of the answer table. Raises PeerDown (never sent, or a read without
        answer), PeerBusy (`retry` until the attempts were used up), AuthRefused, BadAnswer, and PeerUnknown for a
        write of which no readable answer came back.
        """
        part = self._operation(operation)
        if not part.required <= set(params) <= part.parameters:
            optional = [f"{name}?" for name in sorted(part.parameters - part.required)]
            wanted = ", ".join([*sorted(part.required), *optional]) or "no parameters"
            raise TypeError(
                f"{operation} of {self.spec.system} takes {wanted}, not {', '.join(sorted(params)) or 'nothing'}"
            )
        reading = reading_of(self.spec, part)
        ask = Ask(operation, part, params, writes=part.writes, **reading.asked)
        reply = self.exchange.ask(ask)
        result = reading.results(reply.envelope)
        if part.result:
            result = [{name: at(one, path) for name, path in part.result.items()} for one in result]
        verdict = reply.verdict
        if verdict == "done" and not result:
            verdict = part.empty
        text = reply.said.text or reply.said.fault or ""
        values = self._given(part, ask, reply)
        response = reply.response
        return Answer(verdict, reply.said.code, text, result, response.body, response.status, operation, values)

    def check(self, tried: Collection[str] | None = None) -> list[CheckLine]:
        """Name, connection, login, clock, each stream's first record, each operation that only reads; sends no
        data. With `tried`, of the streams and operations only these."""
        from connectors.survey.check import check

        return check(self, tried=tried)

    def parse(self, stream: str, raw: bytes) -> Iterator[dict[str, Any]]:
        """The records in a raw page that was kept; raises BadAnswer when it is none."""
        part, reading = self._stream(stream), self._readings[stream]
        try:
            bundle = unpack(raw)
            if bundle is not None and not bundle.found:
                return iter(())
            records = reading.records(reading.open(_page_in(bundle, raw)))
            if records is None:
                raise Unfit("it holds no records")
            if bundle is not None and part.parts:
                assembly = self._assembly(stream)
                records = assembly.put_in(records, assembly.reopen(records, bundle.parts))
        except (NoBundle, Unfit, WrongCharset) as error:
            raise BadAnswer(
                f"the kept body cannot be read: {error}.", peer=self.peer.id, operation=stream, raw=raw
            ) from None
        return iter(self._hooked(stream, records))

    def raw_record(self, stream: str, raw: bytes, index: int) -> bytes:
        """One record of a raw page as it was written (XML of a SOAP answer), else as JSON; `index` counts from 0."""
        part, reading = self._stream(stream), self._readings[stream]
        if reading.soap and not (reading.where.inside or part.parts or part.hook):
            return raw_records(_page_in(unpack(raw), raw), reading.element or "", index)
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

    def _ask_page(self, name: str, part: Stream, window: Window, pager: Pager, position: Position) -> Ask:
        return Ask(
            name,
            part,
            paging={**window_params(self.spec, part, window), **pager.params(position)},
            page=pager.number(position),
            link=pager.link(position),
            **self._readings[name].asked,
        )

    def _records_of(self, ask: Ask, reading: Reading, reply: Reply) -> list[dict[str, Any]]:
        """The records of an accepted page, none where the peer says that there are none; else an error of the page."""
        if reply.verdict == "not_found":
            return []
        if reply.verdict != "done" or reply.envelope.kind == "fault":
            raise self.exchange.say.refused(ask, reply)
        records = reading.records(reply.envelope)
        if records is None:
            raise self.exchange.say.no_records(ask, reply, reading.element)
        return records

    def _completed(
        self, name: str, ask: Ask, reply: Reply, records: list[dict[str, Any]]
    ) -> tuple[bytes, str, list[dict[str, Any]]]:
        """What is kept of a page and its media type, and its records with their parts, through their hook."""
        part, body, media_type = self.spec.streams[name], reply.came.body, _media_type(reply)
        if reply.verdict == "not_found":
            # What the body says takes its HTTP status, too: the bundle remembers that there was nothing.
            return pack(Bundle(body, media_type, found=False)), BUNDLE, []
        if part.parts:
            assembly = self._assembly(name)
            fetched = assembly.fetch(records, ask.page or 0)
            records = assembly.put_in(records, fetched)
            body, media_type = pack(Bundle(body, media_type, tuple(answer.kept for answer in fetched))), BUNDLE
        elif reply.recoded:
            # Its header said how to read it: the bundle keeps both.
            body, media_type = pack(Bundle(body, media_type)), BUNDLE
        return body, media_type, self._hooked(name, records)

    def _assembly(self, name: str) -> Assembly:
        return Assembly(
            self.spec, name, self.spec.streams[name], self.exchange, lambda record: self.key_of(name, record)
        )

    def _hooked(self, name: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        said = self.spec.streams[name].hook
        if said is None:
            return records
        hook = self._hooks.get(name) or self._hooks.setdefault(name, load_hook(self.spec, name, said))
        return [hook(record) for record in records]

    def _given(self, part: Operation, ask: Ask, reply: Reply) -> dict[str, Any]:
        """The values that the answer gives to later operations; an accepted answer without one is an error."""
        found = {name: _told(reply, path.removesuffix("?")) for name, path in part.gives.items()}
        values = {name: value for name, value in found.items() if value is not None}
        needed = {name for name, path in part.gives.items() if not path.endswith("?")}
        if reply.verdict == "done" and (missing := sorted(needed - set(values))):
            paths = ", ".join(repr(part.gives[name]) for name in missing)
            raise self.exchange.no_sense(ask, reply, f"the answer gives nothing under {paths}")
        return values

    def _seen(self, name: str, part: Stream, reply: Reply, records: list[dict[str, Any]], repeated: bool) -> Seen:
        if reply.verdict == "not_found":
            return Seen(rows=0)
        times: list[datetime] = []
        if goes_by_changes(part):
            times = [moment for record in records if (moment := self.changed_of(name, record))]
        return seen_on(
            part,
            reply.envelope,
            reply.response,
            records,
            repeated=repeated,
            times=times,
            asked=reply.asked,
            home=self.peer.url,
            digest=_digest_of([self.key_of(name, record) for record in records], records, reply),
        )


def _digest_of(keys: list[str], records: list[dict[str, Any]], reply: Reply) -> str:
    """What tells the rows of one page from those of another: all keys, the first record and the last.

    The whole answer where they are nested too deep. Writing every record again would cost a tenth of the reading.
    """
    try:
        written = orjson.dumps([keys, records[:1], records[-1:]])
    except TypeError:
        written = reply.response.body
    return hashlib.blake2b(written, digest_size=16).hexdigest()


def _told(reply: Reply, path: str) -> Any:
    """What an answer says under a path, or in a header."""
    if path.startswith(HEADER):
        return reply.came.header(path.removeprefix(HEADER))
    return reply.envelope.find(path)


def _page_in(bundle: Bundle | None, raw: bytes) -> bytes:
    """A page's own answer in a kept body, in UTF-8; raises WrongCharset."""
    return raw if bundle is None else decode(bundle.page, bundle.media_type)


def _media_type(reply: Reply) -> str:
    """The media type that an answer says, with its charset only where that is needed to read it."""
    written = (reply.came.header("Content-Type") or "").strip()
    said = written if reply.recoded else written.split(";")[0].strip().lower()
    return said or ("text/xml" if reply.envelope.kind == "soap" else "application/json")
