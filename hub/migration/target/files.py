"""One attachment on its way: fetched, held against the digest that the source states, handed over, compared again."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from connectors import Answer, Connector
from connectors.errors import AuthRefused, ConfigError, PeerDown, PeerError, PeerUnknown

TRIES = 3
"""Times a file that came broken is fetched, and one that the target did not answer for is handed over: the target
does not double it."""

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Owed:
    """A row of `migrated_file` that is to be handed over."""

    source: str
    source_key: str
    file_id: str
    dossier_code: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Handed:
    """What became of a file: `migrated`, `missing` at the source, `refused` by the target, or `owed` still.

    `reason` begins with a phrase of the hub's own, by which files are counted; behind its colon stand the peer's words.
    `size` in bytes; `digest` of what was fetched and `stated` by the source, SHA-256 in hex.
    """

    owed: Owed
    state: str
    reason: str | None = None
    size: int | None = None
    digest: str | None = None
    stated: str | None = None
    target_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes of a file and the digest that the source states of them, or why there are none."""

    content: bytes = b""
    stated: str | None = None
    missing: str | None = None


def hand_over(source: Connector, target: Connector, owed: Owed) -> Handed:
    """One file from the source to the target; at most one is in memory.

    Raises:
        PeerDown, AuthRefused, ConfigError: either side cannot be asked; the file is owed as before.
    """
    fetched = fetch(source, owed.file_id)
    if fetched.missing is not None:
        return Handed(owed, "missing", fetched.missing, stated=fetched.stated)
    digest = hashlib.sha256(fetched.content).hexdigest()
    known: dict[str, Any] = {"size": len(fetched.content), "digest": digest, "stated": fetched.stated}
    why = ""
    for _ in range(TRIES):
        try:
            answer = target.call(
                "receive_file",
                code=owed.dossier_code,
                file=owed.file_id,
                name=owed.name or owed.file_id,
                content=fetched.content,
            )
        except (PeerDown, AuthRefused, ConfigError):
            raise
        except PeerUnknown as error:
            why = error.what
            continue
        except PeerError as error:
            return Handed(owed, "refused", f"the target refuses it: {error.what}", **known)
        if answer.kind not in ("done", "exists"):
            return Handed(owed, "refused", f"the target refuses it: {_words(answer)}", **known)
        there = sha256_in(answer.values.get("digest"))
        if there != digest:
            return Handed(
                owed, "refused", f"the target took another file: its digest is {there or 'not said'}", **known
            )
        return Handed(owed, "migrated", target_id=str(answer.values.get("file_id") or "") or None, **known)
    return Handed(owed, "owed", f"the target does not say whether it took the file: {why}", **known)


def fetch(source: Connector, file_id: str) -> Fetched:
    """The file as the source gives it; what came broken is fetched again.

    Raises:
        PeerDown, AuthRefused, ConfigError: the source cannot be asked.
    """
    why, stated = "", None
    for _ in range(TRIES):
        try:
            answer = source.call("file", file=file_id)
        except (PeerDown, AuthRefused, ConfigError):
            raise
        except PeerError as error:
            why = f"it cannot be read at the source: {error.what}"
            continue
        if answer.kind != "done" or not answer.result:
            said = _words(answer) if answer.kind != "done" else "an empty file"
            return Fetched(missing=f"the source does not have it: {said}")
        content, stated = answer.result[0]["content"], sha256_in(answer.values.get("digest"))
        if stated is None or stated == hashlib.sha256(content).hexdigest():
            return Fetched(content, stated)
        why = "wrong digest: what the source gives is not what it states"
    return Fetched(stated=stated, missing=why)


def sha256_in(said: Any) -> str | None:
    """The SHA-256 in hex that a source or a header states, None where it states none.

    Read are 64 hex digits, base64, and both after `sha-256=` as in the headers Digest (RFC 3230) and Content-Digest
    (RFC 9530, between colons).

    >>> sha256_in("sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")[:8]
    'e3b0c442'
    """
    for part in str(said or "").split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or not name.lower().startswith("sha"):
            name, value = "sha-256", part.strip()
        if name.lower() not in ("sha-256", "sha256"):
            continue
        value = value.strip().strip(":")
        if _HEX.fullmatch(value.lower()):
            return value.lower()
        try:
            decoded = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(decoded) == hashlib.sha256().digest_size:
            return decoded.hex()
    return None


def _words(answer: Answer) -> str:
    said = f"{answer.code or ''} {answer.text}".strip()
    return said or f"HTTP {answer.status}"
