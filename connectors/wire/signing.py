"""What each request carries to show who asks: Basic, a bearer token, a key in a header, a keyed digest of the request.

The digest is made of the request as the wire writes it, after its body is built; every try is signed anew.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import quote_plus, urlsplit

from connectors.spec.auth import ApiKey, Auth, Basic, Bearer, Hmac, OAuth2Client, OAuth2Password
from connectors.spec.templates import fill
from connectors.wire.transport import WireRequest, as_sent

Values = Mapping[str, Any]


def signed(request: WireRequest, auth: Auth, values: Values, now: datetime, random: Random) -> WireRequest:
    """The request with the headers of its kind of auth; raises MissingValue for a value the connection does not
    give."""
    if isinstance(auth, Hmac):
        return _with_digest(request, auth, values, now, random)
    header = _header(auth, values)
    return with_headers(request, header) if header else request


def with_headers(request: WireRequest, headers: Mapping[str, str]) -> WireRequest:
    return replace(request, headers={**request.headers, **headers})


def basic_header(login: str, password: str) -> dict[str, str]:
    """HTTP Basic, RFC 7617: UTF-8."""
    return {"Authorization": "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()}


def client_header(auth: OAuth2Client, values: Values) -> dict[str, str]:
    """Client id and secret of an OAuth2 token call as HTTP Basic; each is form-encoded first, RFC 6749 2.3.1."""
    client, secret = (quote_plus(str(fill(text, values))) for text in (auth.client_id, auth.client_secret))
    return basic_header(client, secret)


def _header(auth: Auth, values: Values) -> dict[str, str]:
    if isinstance(auth, Basic):
        return basic_header(str(fill("{login}", values)), str(fill("{password}", values)))
    if isinstance(auth, Bearer):
        return {"Authorization": f"Bearer {fill(auth.token, values)}"}
    if isinstance(auth, OAuth2Password | OAuth2Client):
        return {"Authorization": f"Bearer {fill('{token}', values)}"}
    if isinstance(auth, ApiKey):
        return {auth.header: str(fill(auth.value, values))}
    return {}


def _with_digest(request: WireRequest, auth: Hmac, values: Values, now: datetime, random: Random) -> WireRequest:
    request = replace(request, url=as_sent(request.url))
    parts = urlsplit(request.url)
    path = parts.path or "/"
    told = {
        **values,
        "method": request.method,
        "path": path,
        "query": parts.query,
        "target": f"{path}?{parts.query}" if parts.query else path,
        "timestamp": _timestamp(auth, now),
        "nonce": random.randbytes(16).hex(),
        "body_digest": hashlib.new(auth.algorithm, request.body or b"").hexdigest(),
    }
    text = str(fill(auth.signs.replace("\\n", "\n"), told))
    digest = hmac.new(str(fill(auth.key, values)).encode(), text.encode(), auth.algorithm)
    signature = digest.hexdigest() if auth.encoding == "hex" else base64.b64encode(digest.digest()).decode()
    headers = fill(auth.headers, {**told, "signature": signature})
    return with_headers(request, {name: str(value) for name, value in headers.items()})


def _timestamp(auth: Hmac, now: datetime) -> str:
    if auth.timestamp == "iso":
        return f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    seconds = now.timestamp()
    return str(int(seconds)) if auth.timestamp == "epoch_s" else str(round(seconds * 1000))
