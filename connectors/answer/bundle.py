"""One body for a page that took several answers, or whose letters its header tells: the page's own answer and those of
its parts, one after the other.

Each is a line of JSON, its length in bytes under `size`, and the body as it came, and a line end. The same answers
always give the same bytes, whatever order they came in, and a person can read it. The message log keeps it, so that a
page can be read again, part by part, when no peer remembers it.

    {"bundle":1,"found":true,"media_type":"application/json","parts":2,"size":32}
    {"data":[{"id":"A"},{"id":"B"}]}
    {"part":"papers","records":[0],"found":true,"size":14}
    {"data":["CT"]}
    {"part":"papers","records":[1],"found":false,"size":0}
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

MEDIA_TYPE = "application/vnd.lienthong.bundle"
BEGINS = b'{"bundle":1,'


class NoBundle(Exception):
    """The bytes begin like a bundle and are none: says where they stop being one."""


@dataclass(frozen=True, slots=True)
class PartBody:
    """The answer of one part: its name, the places of the page's records it was asked for, and whether the peer had it;
    `media_type` only where its charset is needed to read it."""

    part: str
    records: tuple[int, ...]
    found: bool
    body: bytes = field(repr=False)
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A page's own body and those of its parts; `found` is false where the peer answered that there are no records."""

    page: bytes = field(repr=False)
    media_type: str
    parts: tuple[PartBody, ...] = ()
    found: bool = True


def pack(bundle: Bundle) -> bytes:
    """The bundle as one body."""
    head = {
        "bundle": 1,
        "found": bundle.found,
        "media_type": bundle.media_type,
        "parts": len(bundle.parts),
        "size": len(bundle.page),
    }
    written = [*_entry(head, bundle.page)]
    for part in bundle.parts:
        said = {"part": part.part, "records": part.records, "found": part.found, "size": len(part.body)}
        if part.media_type:
            said["media_type"] = part.media_type
        written += _entry(said, part.body)
    return b"".join(written)


def unpack(raw: bytes) -> Bundle | None:
    """The bundle in a kept body, None where it is a plain answer; raises NoBundle for a broken one.

    >>> unpack(pack(Bundle(b"[1]", "application/json", (PartBody("papers", (0,), True, b"x"),)))).parts[0].records
    (0,)
    >>> unpack(b"[1]")
    """
    if not raw.startswith(BEGINS):
        return None
    entries = list(_entries(raw))
    (head, page), parts = entries[0], entries[1:]
    if len(parts) != head["parts"]:
        raise NoBundle(f"it has {len(parts)} of {head['parts']} parts")
    bodies = tuple(
        PartBody(said["part"], tuple(said["records"]), said["found"], body, said.get("media_type", ""))
        for said, body in parts
    )
    return Bundle(page, head["media_type"], bodies, head["found"])


def _entry(head: dict[str, Any], body: bytes) -> Iterable[bytes]:
    return orjson.dumps(head), b"\n", body, b"\n"


def _entries(raw: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    place = 0
    while place < len(raw):
        line = raw.find(b"\n", place)
        try:
            head = orjson.loads(raw[place:line])
            start, end = line + 1, line + 1 + int(head["size"])
        except (ValueError, KeyError, TypeError):
            raise NoBundle(f"there is no head at byte {place}") from None
        if line < 0 or raw[end : end + 1] != b"\n":
            raise NoBundle(f"the entry at byte {place} breaks off")
        yield head, raw[start:end]
        place = end + 1
