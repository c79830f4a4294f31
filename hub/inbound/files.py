"""The files of a message: base64 opened, held against what is stated of them and against the limit."""

import base64
import binascii
import hashlib
import mimetypes
from dataclasses import dataclass, field
from typing import Any

PLAIN = "application/octet-stream"


class BadFile(Exception):
    """A file that cannot be taken, in a sentence for the portal."""


@dataclass(frozen=True, slots=True)
class File:
    """One file, opened; `digest` is its SHA-256 in hex."""

    name: str
    component_code: str | None
    media_type: str
    digest: str
    content: bytes = field(repr=False)


def files_of(documents: list[dict[str, Any]], largest: int) -> list[File]:
    """The files of a mapped application, in its order; `largest` in bytes.

    Raises:
        BadFile: the first that is no base64, too large, or not what was stated of it.
    """
    return [_file(one, largest) for one in documents if one["content"]]


def _file(document: dict[str, Any], largest: int) -> File:
    name, text = document["name"] or "", "".join(document["content"].split())
    if len(text) // 4 * 3 > largest + 2:
        raise BadFile(f"Tệp {name} lớn hơn giới hạn {largest / 1024**2:.0f} MB")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadFile(f"Nội dung tệp {name} không phải là base64 hợp lệ") from None
    if len(content) > largest:
        raise BadFile(f"Tệp {name} lớn hơn giới hạn {largest / 1024**2:.0f} MB")
    if document["size"] is not None and document["size"] != len(content):
        raise BadFile(f"Tệp {name} có {len(content)} byte, thông điệp ghi {document['size']}")
    digest = hashlib.sha256(content).hexdigest()
    stated = (document["digest"] or "").strip().lower()
    if stated and stated != digest:
        raise BadFile(f"Mã băm SHA-256 của tệp {name} không khớp với thông điệp")
    media_type = document["media_type"] or mimetypes.guess_type(name)[0] or PLAIN
    return File(name, document["component_code"], media_type, digest, content)
