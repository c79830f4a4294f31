"""The wire: one function from a request to a response, over pooled HTTP connections with time limits always set.

A transport is a callable; a test passes its own function. It raises only two things, and the difference is what keeps a
write from being made twice: `NotSent` when no byte of the request can have reached the peer, `NoAnswer` in every
other case.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar, merge_cookies
from requests.exceptions import InvalidHeader, InvalidSchema, InvalidURL, MissingSchema, SSLError
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.exceptions import HTTPError as BrokenBody

LARGEST_ANSWER = 256 * 1024 * 1024
CHUNK = 1 << 16
# requests' types know no None, its code does: it is how an environment's proxy is left out.
DIRECT: Any = {"http": None, "https": None, "all": None}


class NotSent(Exception):
    """The request never left: no name, no connection, no time to connect."""


class NoAnswer(Exception):
    """The request may have arrived, but no whole answer came back; `timeout` tells one that took too long from a
    broken connection."""

    def __init__(self, why: str, *, timeout: bool = False) -> None:
        self.timeout = timeout
        super().__init__(why)


class TooLarge(NoAnswer):
    """More came than is read into memory: the same request gives the same again."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request; times in seconds: `timeout` the longest silence, `whole` the longest time for all of an answer;
    `largest` is in bytes.

    The repr shows no headers and no body: both carry secrets.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    connect: float = 10.0
    timeout: float = 60.0
    whole: float = 900.0
    largest: int = LARGEST_ANSWER


@dataclass(frozen=True, slots=True)
class WireResponse:
    """One HTTP response, read to its end."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str | None:
        """A header, whatever its case."""
        return CaseInsensitiveDict(self.headers).get(name)


Transport = Callable[[WireRequest], WireResponse]


def as_sent(url: str) -> str:
    """The address as the wire will write it: what is not allowed in one is quoted; signatures are made of it."""
    prepared = requests.PreparedRequest()
    try:
        prepared.prepare_url(url, None)
    except requests.RequestException:
        return url
    return prepared.url or url


class _OwnHost(requests.Session):
    """Follows no address to another host or port, and none from https to http: keys and signatures in headers are
    meant for this one."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        try:
            leads_away = target is not None and self.should_strip_auth(resp.url, urljoin(resp.url, target))
        except ValueError:
            return None  # an address that none can read: the answer stays what it is
        return None if leads_away else target


class _Kept(HTTPAdapter):
    """Finds the pool of a host once: proxy and certificates towards it do not change."""

    def __init__(self, parallel: int) -> None:
        super().__init__(pool_connections=4, pool_maxsize=parallel, max_retries=0, pool_block=False)
        self._pools: dict[str, Any] = {}

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *given: Any, **settings: Any) -> Any:
        host = _host_of(request.url or "")
        pool = self._pools.get(host)
        if pool is None or pool.pool is None:  # closed, when more hosts were asked than are kept
            pool = self._pools[host] = super().get_connection_with_tls_context(request, *given, **settings)
        return pool


class HttpTransport:
    """Real HTTP: a pool of kept connections, no hidden retries, no redirects of a write or to another host.

    `certificate`, `key` and `authority` are paths of PEM files; `ticks` gives monotonic seconds.
    """

    def __init__(
        self,
        parallel: int,
        *,
        certificate: str | None = None,
        key: str | None = None,
        authority: str | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ticks = ticks
        self._parallel = parallel
        self._session = _OwnHost()
        self._session.cert = (certificate, key) if certificate and key else certificate
        self._verify = authority
        self._settings: dict[str, dict[str, Any]] = {}
        adapter = _Kept(parallel)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def __call__(self, request: WireRequest) -> WireResponse:
        begun = self._ticks()
        try:
            with self._session.send(
                self._prepared(request),
                timeout=(request.connect, request.timeout),
                allow_redirects=request.method == "GET",
                **self._settings_for(request.url),
            ) as response:
                body = _read(response, lambda: self._ticks() - begun > request.whole, request)
                return WireResponse(response.status_code, body, dict(response.headers))
        except ReadTimeoutError:
            raise NoAnswer(f"no answer within {request.timeout:g} s", timeout=True) from None
        except (requests.RequestException, BrokenBody) as error:
            raise _translate(error, request) from None

    def _prepared(self, request: WireRequest) -> requests.PreparedRequest:
        """What `Session.prepare_request` makes, without merging settings that no request here has: that cost a fifth of
        a small call. No credentials come from ~/.netrc or the address: they would replace the token of the spec."""
        prepared, cookies = requests.PreparedRequest(), RequestsCookieJar()
        prepared.method = request.method
        prepared.url = _address(request.url) if "?" in request.url else _address_known(request.url)
        own = {name: value.encode() for name, value in request.headers.items()}
        prepared.prepare_headers(CaseInsensitiveDict({**self._session.headers, **own}))
        prepared._cookies = cookies  # type: ignore[attr-defined]
        if len(self._session.cookies):
            prepared.prepare_cookies(merge_cookies(cookies, self._session.cookies))
        prepared.prepare_body(request.body, None)
        prepared.hooks = default_hooks()
        return prepared

    def _settings_for(self, url: str) -> dict[str, Any]:
        """Proxy and certificates towards a host, as the environment says them when it is first asked.

        requests looks through the whole environment for each request, which costs a quarter of a small call.
        """
        host = _host_of(url)
        if host not in self._settings:
            proxies = dict(DIRECT) if _is_here(url) else None
            # `verify` is said here, or REQUESTS_CA_BUNDLE of the environment would win.
            found: Any = self._session.merge_environment_settings(url, proxies, True, self._verify, None)
            self._settings[host] = found
        return self._settings[host]

    def fresh(self) -> "HttpTransport":
        """The same wire with no connection and no cookie of this one."""
        other = HttpTransport(self._parallel, authority=self._verify, ticks=self._ticks)
        other._session.cert = self._session.cert
        return other

    def close(self) -> None:
        self._session.close()


def _host_of(url: str) -> str:
    """Scheme, host and port of an address, as it is written."""
    return "/".join(url.split("/", 3)[:3])


def _address(url: str) -> str | None:
    """The address as requests writes it; raises what it raises for one that cannot be used."""
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    return prepared.url


_address_known = lru_cache(256)(_address)


def _is_here(url: str) -> bool:
    """The address is this machine, which an office proxy in the environment does not lead to."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _read(response: requests.Response, is_late: Callable[[], bool], request: WireRequest) -> bytes:
    """The body, up to the largest answer that is read into memory, while it is not late.

    Read as it comes: to wait for a full chunk is to wait for ever where a peer gives a byte at a time.
    """
    parts, size = [], 0
    while part := response.raw.read1(CHUNK, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > (largest := min(request.largest, LARGEST_ANSWER)):
            raise TooLarge(f"the answer is larger than {largest // 2**20} MB")
        if is_late():
            raise NoAnswer(f"the answer is not whole after {request.whole:g} s", timeout=True)
    return b"".join(parts)


def _translate(error: requests.RequestException | BrokenBody, request: WireRequest) -> NotSent | NoAnswer:
    """Not sent only where that is certain: the connection was never made."""
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, NameResolutionError):
        return NotSent("the name of the host is not known")
    if isinstance(reason, NewConnectionError):
        return NotSent(f"no connection: {_plain(reason)}")
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, ConnectTimeoutError):
        return NotSent(f"no connection within {request.connect:g} s")
    if isinstance(error, SSLError) and _is_certificate(reason):
        return NotSent(f"the certificate is not accepted: {_plain(reason)}")
    if isinstance(error, InvalidURL | InvalidSchema | MissingSchema):
        return NotSent("the address cannot be used")
    if isinstance(error, InvalidHeader):
        return NotSent("a header holds a line end or another sign that cannot be sent")
    if isinstance(error, requests.ReadTimeout):
        return NoAnswer(f"no answer within {request.timeout:g} s", timeout=True)
    if isinstance(error, SSLError):
        return NoAnswer(f"the encrypted connection broke off: {_plain(reason)}")
    return NoAnswer(f"the connection broke off ({type(error).__name__})")


def _is_certificate(reason: object) -> bool:
    inner = reason.args[0] if isinstance(reason, Exception) and reason.args else None
    return isinstance(inner, ssl.SSLCertVerificationError)


def _plain(reason: object) -> str:
    text = str(reason)
    return text.rsplit(": ", 1)[-1] if ": " in text else text
