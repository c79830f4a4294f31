"""Answers inside answers, opened from the outside in: JSON in a JSON string, XML in JSON, an XML string or a .NET
DataSet in a SOAP result, base64 of any of them, a file.

What stands in the place of the promised content and is not it becomes the answer's text, for the answer table: peers
write "Phiên làm việc hết hạn" where records belong, with HTTP 200 [seen].
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.answer.opened import HTML, XML, Envelope, Kind, at, readable
from connectors.answer.xmlrecords import Fault, NotXml, read_xml
from connectors.spec.words import Inside

NESTED = 3
"""How often a JSON string is unwrapped that holds a JSON string."""
DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>\s*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of the innermost answer when it is XML: the record element, those that repeat, other texts."""

    record: str | None
    lists: frozenset[str]
    heads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Content:
    """Something to open: a value, the place where it stood, the answer it came in, and whether there may be nothing."""

    value: Any
    place: str | None = None
    around: Envelope | None = None
    may_be_empty: bool = False

    @property
    def raw(self) -> bytes:
        """The content as bytes; of a text without the declaration, whose encoding no longer holds (.NET: utf-16)."""
        if isinstance(self.value, bytes):
            return self.value.removeprefix(b"\xef\xbb\xbf").strip()
        text = str(self.value).strip("\ufeff \t\r\n")
        declared = DECLARATION.match(text)
        return (text[declared.end() :].lstrip() if declared else text).encode("utf-8", errors="replace")

    def words(self) -> Envelope:
        """The content is not what was promised: its words."""
        raw = self.raw
        kind: Kind = "html" if HTML.match(raw) else "text"
        return Envelope(kind, words=readable(raw), around=self.around)

    def broken(self, why: str) -> Envelope:
        where = f"under {self.place}: " if self.place else ""
        return Envelope("broken", words=f"{where}{why}", around=self.around)


def open_inside(body: bytes, steps: Sequence[Inside], wanted: Wanted, soap: bool) -> Envelope:
    """The innermost answer, with those around it; `steps` say what is where, at least one."""
    outer, first = _Content(body), steps[0]
    if soap:
        return _open_xml(outer, "xml", steps, wanted, root="Envelope")
    if first.at is None and body.lstrip()[:1] not in (b"{", b"[", b'"'):
        return _open(outer, first.form, steps[1:], wanted)
    if XML.match(body):
        return _open_xml(outer, "xml", steps, wanted)
    return _open_json(outer, steps, wanted)


def file_in(body: bytes, content_type: str | None) -> Envelope | None:
    """The file that a whole answer is; None for JSON and HTML, in which a service says why there is none."""
    said = (content_type or "").split(";")[0].strip().lower()
    if said in ("application/json", "text/html") or HTML.match(body):
        return None
    if body[:1] in (b"{", b"["):
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError:
            return Envelope("file", data=body)  # rich text begins with a brace, too
        return None
    return Envelope("file", data=body)


def _open(content: _Content, form: str, steps: Sequence[Inside], wanted: Wanted) -> Envelope:
    """The content as what it is said to be, then what is in it."""
    value = content.value
    if value is None or (isinstance(value, str | bytes) and not value.strip()):
        return _nothing(content)
    if form == "json":
        return _open_json(content, steps, wanted)
    if form == "file" and isinstance(value, bytes):
        return Envelope("file", data=value, around=content.around)
    if not isinstance(value, str | bytes):
        return _Content(orjson.dumps(value), content.place, content.around).words()
    if form == "base64":
        return _open_base64(content, steps, wanted)
    return _open_xml(content, form, steps, wanted)


def _nothing(content: _Content) -> Envelope:
    """Nothing stands in the place: what the answer around it says still counts. The records are missing, or, where the
    spec says that nothing is their absence, none."""
    around = content.around
    if content.may_be_empty:
        return Envelope("soap", around=around)
    if around is None:
        return Envelope("empty")
    return Envelope(around.kind, records=None, around=around)


def _open_base64(content: _Content, steps: Sequence[Inside], wanted: Wanted) -> Envelope:
    written, following = content.raw, steps[0]
    try:
        decoded = b64decode(b"".join(written.split()), validate=True)
        if following.form != "file":
            decoded.decode("utf-8")
    except (binascii.Error, ValueError):
        # In the place of a file stands what the service says of it.
        return _open_xml(content, "xml", (), wanted) if XML.match(written) else content.words()
    return _open(
        _Content(decoded, content.place, content.around, following.may_be_empty), following.form, steps[1:], wanted
    )


def _open_json(content: _Content, steps: Sequence[Inside], wanted: Wanted) -> Envelope:
    data = content.value
    if isinstance(data, str | bytes):
        raw = content.raw
        try:
            data = orjson.loads(raw)
            for _ in range(NESTED):
                if not isinstance(data, str) or data.lstrip()[:1] not in ("{", "[", '"'):
                    break
                data = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            if raw[:1] in (b"{", b"[", b'"'):
                return content.broken(f"{error.msg} at character {error.pos} of {len(raw)}")
            return content.words()
    if data is None:
        return _nothing(content)
    if isinstance(data, str) and steps and steps[0].at is None:
        return _open(_Content(data, content.place, content.around), steps[0].form, steps[1:], wanted)
    if not isinstance(data, dict | list):
        return _Content(str(data), content.place, content.around).words()
    layer = Envelope("json", data=data, around=content.around)
    if not steps:
        return layer
    step = steps[0]
    return _open(_Content(at(data, step.at), step.at, layer, step.may_be_empty), step.form, steps[1:], wanted)


def _open_xml(
    content: _Content, form: str, steps: Sequence[Inside], wanted: Wanted, root: str | None = None
) -> Envelope:
    raw = content.raw
    if raw[:1] != b"<" or HTML.match(raw):
        return content.words()
    step = steps[0] if steps else None
    if step is not None and step.at is None and step.form in ("xml", "diffgram"):
        return _open_xml(content, step.form, steps[1:], wanted, root)
    # The records may stand here as elements, without being a text first: read in the same pass.
    here = step is None or (len(steps) == 1 and step.form in ("xml", "diffgram"))
    try:
        found = read_xml(
            raw,
            wanted.record if here else None,
            wanted.lists,
            wanted.heads,
            root=root,
            keep=step.at if step else None,
            diffgram=here and (step.form if step else form) == "diffgram",
        )
    except NotXml as error:
        return content.broken(str(error))
    except Fault as fault:
        return Envelope("fault", fault=str(fault), words=str(fault), around=content.around)
    layer = Envelope("soap", records=found.records, heads=found.heads, around=content.around)
    if step is None or (found.kept_elements and here):
        return layer
    if found.kept_elements and step.form in ("xml", "diffgram"):
        return _open_xml(content, step.form, steps[1:], wanted, root)
    return _open(_Content(found.kept, step.at, layer, step.may_be_empty), step.form, steps[1:], wanted)
