"""Reading an answer: from raw bytes to plain records, or to what it is instead.

An answer of a peer is not always what its document promises: JSON inside a JSON string, plain text, an HTML page of a
gateway, a SOAP fault from some hop [seen]. `open_envelope` recognises each and never raises for content; whoever
asked decides what it means. Entities, DTDs and the network are off for all XML.
"""

from collections.abc import Iterable, Sequence

import orjson

from connectors.answer.inside import NESTED, Wanted, open_inside
from connectors.answer.opened import HTML, XML, Envelope, Kind, at, first_words, readable
from connectors.answer.xmlrecords import Fault, NotXml, read_soap
from connectors.spec.words import Inside

__all__ = ["Envelope", "Kind", "at", "first_words", "open_envelope", "readable"]

UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"{\x00", b"<\x00", b"[\x00", b"\x00{", b"\x00<", b"\x00[")


def open_envelope(
    raw: bytes,
    *,
    record: str | None = None,
    lists: Iterable[str] = (),
    heads: Iterable[str] = (),
    soap: bool = False,
    inside: Sequence[Inside] = (),
) -> Envelope:
    """What a raw answer is; for XML, `record` names the element that is a record, `lists` those that repeat,
    `heads` others; `inside` says what must be opened in it."""
    body = raw.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        return Envelope("empty")
    if body.startswith(UTF_16):
        return Envelope("broken", words="it is UTF-16, not UTF-8")
    if HTML.match(body):
        return Envelope("html", words=readable(body))
    if inside:
        return open_inside(body, inside, Wanted(record, frozenset(lists), tuple(heads)), soap)
    if soap or XML.match(body):
        return _open_xml(body, record, frozenset(lists), heads)
    return _open_json(body)


def _open_xml(body: bytes, record: str | None, lists: frozenset[str], heads: Iterable[str] = ()) -> Envelope:
    try:
        found = read_soap(body, record, lists, heads)
    except NotXml as error:
        kind: Kind = "broken" if XML.match(body) else "text"
        words = str(error) if kind == "broken" else readable(body)
        return Envelope(kind, words=words)
    except Fault as fault:
        return Envelope("fault", fault=str(fault), words=str(fault))
    return Envelope("soap", records=found.records, heads=found.heads)


def _open_json(body: bytes) -> Envelope:
    try:
        data = orjson.loads(body)
        for _ in range(NESTED):
            if not isinstance(data, str) or data.lstrip()[:1] not in ("{", "[", '"'):
                break
            data = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if body.lstrip()[:1] in (b"{", b"[", b'"'):
            return Envelope("broken", words=f"{error.msg} at character {error.pos} of {len(body)}")
        return Envelope("text", words=readable(body))
    if isinstance(data, str):
        # The string of a string may hold any of the other kinds.
        inner = data.encode()
        return _open_json_text(inner) if inner.strip() else Envelope("empty")
    return Envelope("json", data=data)


def _open_json_text(inner: bytes) -> Envelope:
    if HTML.match(inner):
        return Envelope("html", words=readable(inner))
    if XML.match(inner):
        return _open_xml(inner, None, frozenset())
    return Envelope("text", words=readable(inner))
