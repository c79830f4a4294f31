"""The letters of an answer: UTF-8, or what its header or XML declaration says, and never a guess.

A body that is UTF-8 is taken as UTF-8 whatever its header says: Vietnamese in another charset is never valid UTF-8 by
chance. Any other is read by the charset it names, strictly, and goes on as UTF-8 in composed form (NFC), since
windows-1258 writes tone marks apart.
"""

import codecs
import re
import unicodedata

from connectors.answer.opened import HTML

DECLARED = re.compile(r"""^(\s*<\?xml\b[^>]*?)\s+encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
HEADER = re.compile(r"""charset\s*=\s*["']?([^\s"';,]+)""", re.IGNORECASE)
UTF_8 = b"\xef\xbb\xbf"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
WITHOUT_VIETNAMESE = frozenset({"ascii", "iso8859-1", "cp1252", "latin-1"})
DECLARATION_LENGTH = 200


class WrongCharset(Exception):
    """The letters cannot be read: says why."""


def decode(body: bytes, content_type: str | None) -> bytes:
    """The body as UTF-8, untouched where it is; raises WrongCharset for JSON or XML that is in no charset it
    names."""
    said = _named(HEADER.search(content_type or ""), 1)
    declared = _declared(body)
    if body.startswith(UTF_8) or (said in (None, "utf-8") and declared in (None, "utf-8")):
        return body
    name = said if said not in (None, "utf-8") else declared
    if _looks_wide(body):
        return _without_declaration(_read(body, name).encode()) if name and _is_wide(name) else body
    if _is_utf8(body):
        return _without_declaration(body) if declared not in (None, "utf-8") else body
    if name is None or body.lstrip()[:1] not in (b"{", b"[", b'"', b"<") or HTML.match(body):
        return body
    if _is_wide(name):
        raise WrongCharset(f"it says charset={name}, but it is neither that nor UTF-8")
    return _without_declaration(_read(body, name).encode())


def problem_of(body: bytes) -> str | None:
    """Why the letters of a body that names no charset cannot be read; None where it is UTF-8, or only breaks off."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        if body.startswith(UTF_16) or error.reason == "unexpected end of data":
            return None
        return "it is not UTF-8, and neither its Content-Type nor an XML declaration names another charset"
    return None


def _read(body: bytes, name: str) -> str:
    try:
        known = codecs.lookup(name).name
    except LookupError:
        raise WrongCharset(f"it says charset={name}, which is not known, and it is not UTF-8") from None
    if known in WITHOUT_VIETNAMESE:
        raise WrongCharset(f"it says charset={name}, in which Vietnamese cannot be written, and it is not UTF-8")
    try:
        text = body.decode(known)
    except (UnicodeDecodeError, ValueError):
        raise WrongCharset(f"it says charset={name}, but it is neither that nor UTF-8") from None
    return unicodedata.normalize("NFC", text.removeprefix("\ufeff"))


def _named(match: re.Match[str] | None, group: int) -> str | None:
    name = match.group(group).lower() if match else None
    return "utf-8" if name in ("utf8", "utf-8") else name


def _declared(body: bytes) -> str | None:
    """The encoding that an XML declaration names, whether it stands there in one byte for each letter or in two."""
    head = body[:DECLARATION_LENGTH].decode("latin-1")
    if body.startswith(UTF_16):
        head = body[: 2 * DECLARATION_LENGTH].decode("utf-16", errors="ignore")
    return _named(DECLARED.search(head), 2)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_wide(name: str) -> bool:
    return name.replace("_", "-").startswith(("utf-16", "utf-32", "ucs"))


def _looks_wide(body: bytes) -> bool:
    """More than one byte for each letter: ASCII in it is valid UTF-8, and yet something else."""
    return body.startswith(UTF_16) or b"\0" in body[:4]


def _without_declaration(body: bytes) -> bytes:
    """The body without the encoding that its XML declaration names, which is no longer true."""
    head, rest = body[:DECLARATION_LENGTH], body[DECLARATION_LENGTH:]
    return re.sub(rb"""(<\?xml\b[^>]*?)\s+encoding\s*=\s*["'][^"']*["']""", rb"\1", head, count=1) + rest
