"""Records put together from several services: each part is asked for, for one record or for many, and put in its
place."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from connectors.answer.bundle import PartBody
from connectors.answer.charset import decode
from connectors.answer.opened import Envelope, at
from connectors.answer.reading import Reading, reading_of
from connectors.errors import PeerError
from connectors.exchange import Ask, Exchange
from connectors.paging.walks import Unfit
from connectors.spec import Piece, Spec, Stream
from schemas.masking import mask_text

Record = dict[str, Any]
KeyOf = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one call for a part gave: the body to keep, and the results of each record it was asked for, by place."""

    kept: PartBody
    results: Mapping[int, list[Any]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call for a part: which, for the records at these places of the page, with these values."""

    part: str
    places: tuple[int, ...]
    values: Mapping[str, Any] = field(repr=False)


class Assembly:
    """The parts of one stream's records. `key_of` gives a record's key. Safe to share between threads."""

    def __init__(self, spec: Spec, name: str, stream: Stream, exchange: Exchange, key_of: KeyOf) -> None:
        self._name = name
        self._parts = stream.parts
        self._exchange = exchange
        self._key_of = key_of
        self._parallel = spec.limits.parallel
        self._readings = {part: reading_of(spec, piece) for part, piece in stream.parts.items()}

    def fetch(self, records: Sequence[Record], page: int) -> list[Fetched]:
        """All parts of a page's records, in the order of parts and records; raises the first call's PeerError.

        As many calls are under way as the limits of the host allow.
        """
        calls = list(self._calls(records))
        if len(calls) < 2 or self._parallel < 2:
            return [self._fetch(call, records, page) for call in calls]
        threads = ThreadPoolExecutor(min(self._parallel, len(calls)), thread_name_prefix="parts")
        try:
            coming = [threads.submit(self._fetch, call, records, page) for call in calls]
            return [future.result() for future in coming]
        finally:
            threads.shutdown(cancel_futures=True)

    def reopen(self, records: Sequence[Record], kept: Iterable[PartBody]) -> list[Fetched]:
        """The parts from their kept bodies; raises Unfit for what is none."""
        return [self._again(body, records) for body in kept if body.part in self._parts]

    def put_in(self, records: Sequence[Record], fetched: Iterable[Fetched]) -> list[Record]:
        """New records with their parts; a record that was not asked for has an empty list, or nothing."""
        whole = [dict(record) for record in records]
        for part, piece in self._parts.items():
            if piece.take != "merge":
                for record in whole:
                    record[part] = [] if piece.take == "list" else None
        for answer in fetched:
            part, take = answer.kept.part, self._parts[answer.kept.part].take
            for place, results in answer.results.items():
                if take == "list":
                    whole[place][part] = results
                elif results and take == "one":
                    whole[place][part] = results[0]
                elif results:
                    whole[place] |= results[0]
        return whole

    def _calls(self, records: Sequence[Record]) -> Iterator[_Call]:
        keys = [self._key_of(record) for record in records]
        for part, piece in self._parts.items():
            # A record without a key cannot be asked for; the hub holds it.
            places = [place for place, record in enumerate(records) if keys[place] and _applies(piece, record)]
            if piece.batch is None:
                for place in places:
                    yield _Call(part, (place,), {"record": records[place]})
                continue
            wanted = list(dict.fromkeys(keys[place] for place in places))
            for start in range(0, len(wanted), piece.batch):
                some = dict.fromkeys(wanted[start : start + piece.batch])
                here = tuple(place for place in places if keys[place] in some)
                yield _Call(part, here, {"keys": list(some)})

    def _fetch(self, call: _Call, records: Sequence[Record], page: int) -> Fetched:
        piece, reading = self._parts[call.part], self._readings[call.part]
        ask = Ask(f"{self._name}.{call.part}", piece, call.values, page=page, **reading.asked)
        try:
            reply = self._exchange.ask(ask)
            if reply.verdict == "not_found":
                return _nothing(PartBody(call.part, call.places, False, reply.came.body))
            if reply.verdict != "done" or reply.envelope.kind == "fault":
                raise self._exchange.say.refused(ask, reply)
            written = (reply.came.header("Content-Type") or "") if reply.recoded else ""
            kept = PartBody(call.part, call.places, True, reply.came.body, written)
            try:
                return Fetched(kept, self._results(kept, reply.envelope, records))
            except Unfit as error:
                raise self._exchange.say.unfit(ask, reply, str(error)) from None
        except PeerError as error:
            first = self._key_of(records[call.places[0]])
            others = f" and {len(call.places) - 1} more" if len(call.places) > 1 else ""
            error.what = mask_text(f"{call.part} of {first}{others}: {error.what}")
            raise

    def _again(self, kept: PartBody, records: Sequence[Record]) -> Fetched:
        if not kept.found:
            return _nothing(kept)
        return Fetched(
            kept, self._results(kept, self._readings[kept.part].open(decode(kept.body, kept.media_type)), records)
        )

    def _results(self, kept: PartBody, envelope: Envelope, records: Sequence[Record]) -> dict[int, list[Any]]:
        """The results of each place; raises Unfit where they are not what the spec says, or of another record."""
        piece, reading = self._parts[kept.part], self._readings[kept.part]
        results = _listed(piece, reading, envelope)
        if piece.take == "merge" and not all(isinstance(result, dict) for result in results):
            raise Unfit(f"what is to be merged under {reading.element or 'the top'!r} is no object")
        if piece.key is None:
            found = dict.fromkeys(kept.records, results)
        else:
            found = self._by_key(piece.key, kept, results, records)
        if piece.take == "merge":
            for place, merged in found.items():
                asked = self._key_of(records[place])
                if merged and (given := self._key_of({**records[place], **merged[0]})) != asked:
                    raise Unfit(f"it is of {given!r}, asked for was {asked!r}")
        return found

    def _by_key(
        self, path: str, kept: PartBody, results: Iterable[Any], records: Sequence[Record]
    ) -> dict[int, list[Any]]:
        places: dict[str, list[int]] = {}
        for place in kept.records:
            places.setdefault(self._key_of(records[place]), []).append(place)
        found: dict[int, list[Any]] = {place: [] for place in kept.records}
        for result in results:
            key = at(result, path)
            if str(key) not in places:
                raise Unfit(f"a result is of {key!r} under {path!r}, which was not asked for")
            for place in places[str(key)]:
                found[place].append(result)
        return found


def _nothing(kept: PartBody) -> Fetched:
    return Fetched(kept, {place: [] for place in kept.records})


def _listed(piece: Piece, reading: Reading, envelope: Envelope) -> list[Any]:
    """The results in an answer; raises Unfit where a list is promised and there is none."""
    if not envelope.readable:
        raise Unfit("the answer cannot be read")
    missing = envelope.records is None or (
        envelope.kind == "json" and piece.take == "list" and at(envelope.data, reading.element) is None
    )
    if missing:
        raise Unfit(f"there is nothing under {reading.element or 'the top'!r}")
    return reading.results(envelope)


def _applies(piece: Piece, record: Mapping[str, Any]) -> bool:
    return all(_is(at(record, path), wanted) for path, wanted in (piece.when or {}).items())


def _is(found: Any, wanted: Any) -> bool:
    """The value is the wanted one, or one of them; XML writes numbers, true and false as text."""
    if isinstance(wanted, list):
        return any(_is(found, one) for one in wanted)
    return bool(found == wanted) or (found is not None and str(found).casefold() == str(wanted).casefold())
