"""Building HTTP requests from a spec's words: address, query, form, JSON body, headers."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from connectors.peer import Peer
from connectors.spec import Limits
from connectors.spec_words import BUILT_IN, Request
from connectors.templates import fill
from connectors.transport import WireRequest

Values = Mapping[str, Any]


def build_rest(
    peer: Peer, common: Request, own: Request, limits: Limits, values: Values, paging: Values
) -> WireRequest:
    """The request `own`, with what `common` adds; window and page values go where the others go: query, form or body.

    Raises MissingValue for a placeholder without a value.
    """
    get = own.get or (None if own.post else common.get)
    post = own.post or (None if own.get else common.post)
    headers = {"Accept": "application/json", **fill({**common.headers, **own.headers}, values)}
    query = fill({**common.params, **own.params}, values)
    body: bytes | None = None
    if get is not None:
        query |= paging
    elif own.form is not None or common.form is not None:
        form = fill({**(common.form or {}), **(own.form or {})}, values) | paging
        body = urlencode(form).encode()
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    else:
        body = orjson.dumps(fill({**(common.body or {}), **(own.body or {})}, values) | paging)
        headers.setdefault("Content-Type", "application/json; charset=utf-8")
    return WireRequest(
        method="GET" if get is not None else "POST",
        url=address(peer, get or post or "", values, query),
        headers=headers,
        body=body,
        connect=limits.connect,
        timeout=limits.timeout,
    )


def address(peer: Peer, path: str, values: Values, query: Values) -> str:
    """A path under the peer's url; values of the call are quoted so that none can leave its segment."""
    quoted = {
        name: value if name in BUILT_IN or name == "extra" else quote(str(value), safe="")
        for name, value in values.items()
    }
    filled = str(fill(path, quoted))
    url = filled if filled.startswith(("http://", "https://")) else f"{peer.url.rstrip('/')}/{filled.lstrip('/')}"
    return f"{url}?{urlencode(query, quote_via=quote)}" if query else url
