"""Addresses of files: one per entry, encoded, and only those that the public can open.

A province's systems hand out what they hold: several addresses in one field, names with spaces and Vietnamese
letters, addresses of the machine room. Good ones are sent, the others are withheld and noted as `internal_link`.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from mappings.mapped import Amended, Refused

_JOINED = re.compile(r"\s*(?:##|[\r\n]+|[,;|]\s*(?=https?://)|\s+(?=https?://))\s*", re.IGNORECASE)
_SAFE = re.compile(r"[A-Za-z0-9/:._~?&=+@!$'()*-]+")
_LOCAL_ENDINGS = (".local", ".lan", ".internal", ".intranet", ".home", ".corp", ".localhost", ".test", ".invalid")
_PUBLIC_NAME = re.compile(r"[^\s_/]+\.[^\W\d_][^\s_/]*")
_PATH = "/:._~%+@!$&'()*,;=-"
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_public_host(host: str) -> bool:
    """Whether the public can reach a host by its name: no private or reserved address, no bare or local name."""
    host = host.rstrip(".").casefold()
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    return _PUBLIC_NAME.fullmatch(host) is not None and not host.endswith(_LOCAL_ENDINGS)


def link_reader() -> Callable[[Any], Any]:
    """A reader that gives the one good address; several, or none, come as `Amended` with the list of good ones."""
    starts: dict[str, bool] = {}

    def read(value: Any) -> str | None:
        if value.__class__ is not str:
            if value is None:
                return None
            raise Refused("bad_value")
        slash = value.find("/", 8)  # behind https://host
        if slash > 0 and _SAFE.fullmatch(value):
            start = value[:slash]
            good = starts.get(start)
            if good is None:
                if len(starts) > 1000:
                    starts.clear()
                good = starts[start] = public_link(start + "/") == start + "/"
            if good:
                return value
        return _read_slowly(value)

    return read


def _read_slowly(value: str) -> str | None:
    parts = [part for part in _JOINED.split(value.strip()) if part]
    if not parts:
        return None
    good = [link for link in map(public_link, parts) if link is not None]
    if len(parts) == 1 and good:
        return good[0]
    notes: list[tuple[str, str | None]] = [("internal_link", part[:200]) for part in parts if public_link(part) is None]
    if len(parts) > 1:
        notes.append(("joined_links", f"{len(parts)} addresses in one field"))
    raise Amended(good, *notes)


def public_link(link: str) -> str | None:
    """The address, percent-encoded where it was not; None when it has no http scheme or no public host."""
    try:
        parts = urlsplit(link)
        host = parts.hostname
        port = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host or parts.username or not is_public_host(host):
        return None
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc += f":{port}"
    try:
        path, query, fragment = (
            quote(_LONE_PERCENT.sub("%25", text), safe=safe)
            for text, safe in ((parts.path, _PATH), (parts.query, _PATH + "?"), (parts.fragment, _PATH + "?"))
        )
    except UnicodeEncodeError:
        return None
    return urlunsplit((parts.scheme.lower(), netloc, path, query, fragment))
