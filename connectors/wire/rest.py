"""Building HTTP requests from a spec's words: address, query, form, JSON or multipart body, headers."""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import orjson
from urllib3.filepost import encode_multipart_formdata

from connectors.peer import Peer
from connectors.spec import Limits
from connectors.spec.templates import ABSENT, fill
from connectors.spec.words import BUILT_IN, FilePart, Request
from connectors.wire.transport import WireRequest

Values = Mapping[str, Any]


def build_rest(
    peer: Peer, common: Request, own: Request, limits: Limits, values: Values, paging: Values, random: Random
) -> WireRequest:
    """The request `own`, with what `common` adds; window and page values go where the others go: query, form or body.

    `random` gives the boundary of a multipart body. Raises MissingValue for a placeholder without a value.
    """
    method, path = _address_of(own) or _address_of(common) or ("POST", "")
    headers = {"Accept": "application/json", **fill({**common.headers, **own.headers}, values)}
    query = fill({**common.params, **own.params}, values)
    body: bytes | None = None
    if method == "GET":
        query |= paging
    else:
        body, media_type = _body(common, own, values, paging, random)
        headers.setdefault("Content-Type", media_type)
    return WireRequest(
        method=method,
        url=address(peer, path, values, query),
        headers={name: _plain(value) for name, value in headers.items()},
        body=body,
        connect=limits.connect,
        timeout=limits.timeout,
        whole=limits.whole,
    )


def _address_of(request: Request) -> tuple[str, str] | None:
    """Method and path of a request that names one."""
    for method, path in (("GET", request.get), ("PUT", request.put), ("POST", request.post)):
        if path is not None:
            return method, path
    return None


def _body(common: Request, own: Request, values: Values, paging: Values, random: Random) -> tuple[bytes, str]:
    """The body and its media type: of the kind that the request names, else of the one that every call carries."""
    kind = _kind_of(own) or _kind_of(common) or "body"
    if kind == "multipart":
        parts = _file_parts({**(common.multipart or {}), **(own.multipart or {})}, values) | dict(paging)
        return encode_multipart_formdata(
            [(name, part if isinstance(part, tuple) else _plain(part)) for name, part in parts.items()],
            boundary=random.randbytes(16).hex(),
        )
    if kind == "form":
        form = fill({**(common.form or {}), **(own.form or {})}, values) | paging
        return _url_encoded(form).encode(), "application/x-www-form-urlencoded"
    written = fill({**(common.body or {}), **(own.body or {})}, values) | paging
    return orjson.dumps(written), "application/json; charset=utf-8"


def _kind_of(request: Request) -> str | None:
    kinds = {"multipart": request.multipart, "form": request.form, "body": request.body}
    return next((kind for kind, said in kinds.items() if said is not None), None)


def _file_parts(parts: Mapping[str, str | FilePart], values: Values) -> dict[str, Any]:
    """Plain values, and files as (name, bytes, media type)."""
    written: dict[str, Any] = {}
    for name, part in parts.items():
        if isinstance(part, FilePart):
            file_name, content, media_type = (fill(text, values) for text in (part.name, part.content, part.type))
            if ABSENT not in (file_name, content, media_type):
                written[name] = (str(file_name), content, str(media_type))
        elif (value := fill(part, values)) is not ABSENT:
            written[name] = value
    return written


def _url_encoded(pairs: Values, quote_via: Callable[..., str] = quote_plus) -> str:
    return urlencode({name: _plain(value) for name, value in pairs.items()}, quote_via=quote_via)


def _plain(value: Any) -> str:
    """A value where only text can stand: true and false as JSON writes them, a list with commas, an object as JSON.

    >>> [_plain(value) for value in (True, 5, ["a", "b"], {"a": 1})]
    ['true', '5', 'a,b', '{"a":1}']
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(_plain(item) for item in value)
    return orjson.dumps(value).decode() if isinstance(value, dict) else str(value)


def address(peer: Peer, path: str, values: Values, query: Values) -> str:
    """A path under the peer's url; values of the call are quoted so that none can leave its segment.

    Raises MissingValue, also for an empty one, `.` or `..`, which would make it another address.
    """
    filled = str(fill(path, _Quoted(values, BUILT_IN | {"extra"})))
    url = filled if filled.startswith(("http://", "https://")) else f"{peer.url.rstrip('/')}/{filled.lstrip('/')}"
    return f"{url}?{_url_encoded(query, quote)}" if query else url


class _Quoted(Mapping[str, Any]):
    """Values as they stand in a path: quoted when they are asked for, however deep, except those of the connection."""

    def __init__(self, values: Values, as_they_are: frozenset[str] = frozenset()) -> None:
        self._values = values
        self._as_they_are = as_they_are

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        return value if name in self._as_they_are else _quoted(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _quoted(value: Any) -> Any:
    if value is None or value in ("", ".", ".."):
        return None
    if isinstance(value, Mapping):
        return _Quoted(value)
    if isinstance(value, list | tuple):
        return [_quoted(item) for item in value]
    return quote(str(value), safe="")
