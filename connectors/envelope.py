"""Reading an answer: from raw bytes to plain records, or to what it is instead.

An answer of a peer is not always what its document promises: JSON inside a JSON string, plain text, an HTML page of a
gateway, a SOAP fault from some hop [seen]. `open_envelope` recognises each and never raises for content; whoever
asked decides what it means. Entities, DTDs and the network are off for all XML.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from connectors.xmlrecords import Fault, NotXml, read_soap
from schemas.masking import mask_text

Kind = Literal["json", "soap", "fault", "html", "text", "empty", "broken"]
HTML = re.compile(rb"^\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
XML = re.compile(rb"^\s*<(?:\?xml|[A-Za-z_][\w.-]*(?::[\w.-]+)?[\s>/])")
TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)
UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"{\x00", b"<\x00", b"[\x00", b"\x00{", b"\x00<", b"\x00[")
FIRST_WORDS = 120
READ_AT_MOST = 4000
NESTED = 3


@dataclass(frozen=True, slots=True)
class Envelope:
    """An opened answer: its `kind`, the `data` of JSON, the `records` and `heads` of SOAP, or the `words` of the rest.

    `words` are as they came, for the answer table; whoever shows them masks them (`first_words`).
    """

    kind: Kind
    data: Any = None
    records: list[dict[str, Any]] = field(default_factory=list)
    heads: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None
    words: str = ""

    @property
    def readable(self) -> bool:
        """The answer is of the service itself, whatever it says."""
        return self.kind in ("json", "soap")


def open_envelope(
    raw: bytes,
    *,
    record: str | None = None,
    lists: Iterable[str] = (),
    heads: Iterable[str] = (),
    soap: bool = False,
) -> Envelope:
    """What a raw answer is; for SOAP, `record` names the element that is a record, `lists` those that repeat,
    `heads` others."""
    body = raw.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        return Envelope("empty")
    if body.startswith(UTF_16):
        return Envelope("broken", words="it is UTF-16, not UTF-8")
    if HTML.match(body):
        return Envelope("html", words=readable(body))
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


def readable(body: bytes) -> str:
    """What a person would read in an answer: no tags, no line ends; of a long one the beginning."""
    text = body[:READ_AT_MOST].decode("utf-8", errors="replace")
    return " ".join(TAGS.sub(" ", text).split())


def first_words(text: str, most: int = FIRST_WORDS) -> str:
    """The first words of an answer for an error: masked before they are cut, so that no half number slips through."""
    words = mask_text(text)
    return words if len(words) <= most else words[: most - 1] + "…"


def at(data: Any, path: str | None) -> Any:
    """The value under a dotted path of JSON, None where there is none.

    >>> at({"result": [{"session": "x"}]}, "result.0.session")
    'x'
    """
    if path is None:
        return data
    for part in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data
