"""One exchange as a file that a person reads: the request, a line `=== status`, the response."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from connectors.cassettes.bodies import Value, masked_body
from connectors.cassettes.masks import HIDDEN, Shapes
from connectors.wire.transport import WireRequest, WireResponse

BASE = "{url}"
"""Stands for the peer's address, in the request line and in bodies."""
DIVIDER = "=== "
SHOWN = ("accept", "content-type", "soapaction", "date", "retry-after", "link", "x-ratelimit-", "ratelimit")
EMPTY = re.compile(r"<([\w:.-]+)></\1>")
SECURITY = re.compile(r"<(\w+:)?Security\b.*?</(\w+:)?Security>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Kept:
    """An exchange as it is kept: masked, the address replaced."""

    method: str
    address: str
    headers: Mapping[str, str]
    body: str
    status: int
    answer_headers: Mapping[str, str]
    answer: str

    def text(self) -> str:
        """The file's content."""
        ours, theirs = (
            "".join(f"{name}: {value}\n" for name, value in headers.items())
            for headers in (self.headers, self.answer_headers)
        )
        return f"{self.method} {self.address}\n{ours}\n{self.body}\n{DIVIDER}{self.status}\n{theirs}\n{self.answer}\n"


def kept(request: WireRequest, response: WireResponse, url: str, value: Value) -> Kept:
    """The exchange with every value passed through `value`."""
    return Kept(
        request.method,
        _address(request.url, url, value),
        _headers(request.headers),
        masked_body(request.body or b"", _header(request.headers, "content-type"), value).replace(url, BASE),
        response.status,
        _headers(response.headers),
        masked_body(response.body, _header(response.headers, "content-type"), value).replace(url, BASE),
    )


def read_kept(path: Path) -> Kept:
    """An exchange from its file; ValueError when it is none."""
    asked, divider, answered = path.read_text("utf-8").partition(f"\n{DIVIDER}")
    if not divider:
        raise ValueError(f"{path} has no line '{DIVIDER}status'")
    line, headers, body = _parts(asked)
    method, _, address = line.partition(" ")
    status, answer_headers, answer = _parts(answered)
    return Kept(method, address, headers, body, int(status), answer_headers, answer.removesuffix("\n"))


def shape_of(method: str, address: str, body: str, shapes: Shapes) -> str:
    """What must be equal for a request to be the recorded one: neither secrets nor people nor signatures count."""
    parts = urlsplit(address)
    query = sorted((name, shapes.value([name], item)) for name, item in parse_qsl(parts.query, True))
    media_type = "application/x-www-form-urlencoded" if re.fullmatch(r"[\w.%-]+=[^<{\n]*", body) else ""
    inside = masked_body(SECURITY.sub("", body).encode(), media_type, shapes.value)
    one_line = EMPTY.sub(r"<\1/>", re.sub(r">\s+<", "><", " ".join(inside.split())))
    return f"{method} {unquote(parts.path)}?{urlencode(query)} {one_line}"


def _parts(text: str) -> tuple[str, dict[str, str], str]:
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    return first, dict(line.split(": ", 1) for line in lines if ": " in line), body


def _address(address: str, url: str, value: Value) -> str:
    rest = address.removeprefix(url)
    path, _, query = rest.partition("?")
    shown = "/".join(value((), unquote(part)) if part else "" for part in path.split("/"))
    asked = urlencode([(name, value([name], item)) for name, item in parse_qsl(query, True)])
    base = BASE if rest != address else ""
    return f"{base}{shown}?{asked}" if asked else f"{base}{shown}"


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The plain ones as they are, of the others only that they were there."""
    shown = {}
    for name, content in headers.items():
        if name.lower() in ("content-length", "transfer-encoding", "connection", "content-encoding"):
            continue
        plain = name.lower().startswith(SHOWN)
        shown[name] = " ".join(content.split()) if plain else HIDDEN
    return shown


def _header(headers: Mapping[str, str], wanted: str) -> str:
    return next((content for name, content in headers.items() if name.lower() == wanted), "")
