"""Checking a peer: one line for each thing that must be in order before a province is switched on. Never sends
data."""

import os
import ssl
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from connectors.errors import ConnectorError, PeerDown
from connectors.peer import CheckLine, Window
from connectors.spec.file import wsdl_file
from connectors.survey.lookback import recent
from connectors.survey.reach import Network, reach
from connectors.survey.wsdl import NoWsdl, describe, differences
from connectors.wire.tls import tls_files
from connectors.wire.transport import Transport, WireRequest, WireResponse

if TYPE_CHECKING:
    from connectors.connector import Connector

SKEW = timedelta(seconds=60)
QUOTA = ("x-ratelimit-", "x-rate-limit-", "ratelimit", "retry-after", "x-quota")


class _Heard:
    """A transport that keeps what the answers said of clock and quota, not the answers."""

    def __init__(self, transport: Transport, clock: Callable[[], datetime]) -> None:
        self._transport, self._clock = transport, clock
        self.skews: list[timedelta] = []
        self.quota: dict[str, str] = {}
        self.waits = 0

    def __call__(self, request: WireRequest) -> WireResponse:
        response = self._transport(request)
        headers = CaseInsensitiveDict(response.headers)
        with suppress(ValueError, TypeError):
            self.skews.append(parsedate_to_datetime(headers.get("Date", "")) - self._clock())
        self.quota |= {name: value for name, value in headers.items() if name.lower().startswith(QUOTA)}
        self.waits += response.status == 429
        return response


def check(
    connector: "Connector", network: Network | None = None, tried: Collection[str] | None = None
) -> list[CheckLine]:
    """All lines, in the order in which a person would look; ends early when the peer cannot be reached or logged
    into. With `tried`, of the streams and operations only these."""
    heard = _Heard(connector.transport, connector.clock)
    return list(_lines(connector.beside(transport=heard), heard, network or Network(), tried))


def _lines(
    connector: "Connector", heard: _Heard, network: Network, tried: Collection[str] | None
) -> Iterator[CheckLine]:
    url, limits = connector.peer.url, connector.spec.limits
    for line in reach(url, limits.connect, connector.clock(), network, lambda: _context(connector)):
        yield line
        if not line.ok and line.name != "tls":
            return
    login = _line("login", _account(connector), lambda: connector.exchange.log_in())
    yield login
    if not login.ok:
        return
    if connector.exchange.soap is not None:
        yield _wsdl(connector)
    for name in connector.spec.streams:
        if tried is None or name in tried:
            yield _stream(connector, name)
    for name, operation in connector.spec.operations.items():
        if operation.writes or (tried is not None and name not in tried):
            continue
        if operation.required and operation.example is None:
            yield CheckLine(name, True, "not tried: the spec gives no example")
        else:
            yield _operation(connector, name)
    yield _clock(connector, heard)
    yield _quota(heard, limits.per_second)


def _context(connector: "Connector") -> ssl.SSLContext:
    """What the connector itself trusts and shows."""
    files = tls_files(connector.spec, connector.peer)
    trusted = files["authority"] or os.environ.get("REQUESTS_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH
    context = ssl.create_default_context(cafile=trusted)
    if files["certificate"] is not None:
        context.load_cert_chain(files["certificate"], files["key"])
    return context


def _account(connector: "Connector") -> str:
    kind = connector.spec.auth.kind
    if connector.exchange.has_token:
        return "the account is accepted"
    return "none is needed" if kind == "none" else f"none of its own: every call carries it ({kind})"


def _line(name: str, detail: str, act: Callable[[], str | None]) -> CheckLine:
    """A line for something that raises when it is not in order."""
    try:
        return CheckLine(name, True, act() or detail)
    except ConnectorError as error:
        return CheckLine(name, False, error.what, error.next_step)


def _wsdl(connector: "Connector") -> CheckLine:
    """The served WSDL against the kept one: address and layout do not count, what is new does not harm."""

    def compare() -> str:
        url = connector.exchange.endpoint(connector.spec.every_call) + "?wsdl"
        response = connector.exchange.fetch(url, "wsdl")
        try:
            served = describe(response.body)
        except NoWsdl:
            raise ConnectorError(
                f"{url} gives no WSDL (HTTP {response.status}).", next_step="Ask the vendor for its address."
            ) from None
        kept_file = wsdl_file(connector.spec)
        assert kept_file is not None
        kept = describe(kept_file.read_bytes())
        parts = [*connector.spec.streams.values(), *connector.spec.operations.values()]
        missing = sorted({part.call for part in parts if part.call} - set(served.operations))
        if missing:
            raise ConnectorError(
                f"the peer does not serve {', '.join(missing)}.", next_step="Ask the vendor which version is installed."
            )
        found = differences(kept, served)
        changed = [str(difference) for difference in found if not difference.adds]
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise ConnectorError(
                f"it is not the kept one: {'; '.join(changed[:3])}{more}.",
                next_step=f"Compare it with {kept_file.name}; keep the new one ({url}) once spec and mapping fit it.",
            )
        counted = f"{len(served.operations)} operations"
        if found:
            return f"{counted}, more than kept: {', '.join(map(str, found[:3]))}"
        return f"{counted}, as kept" if kept.digest == served.digest else f"{counted}, as kept but for the wording"

    return _line("wsdl", "", compare)


def _stream(connector: "Connector", name: str) -> CheckLine:
    """The first page, of one record where the stream has pages."""
    stream = connector.spec.streams[name]

    def first() -> str:
        now = connector.clock()
        # A walk in pieces begins where the system began: its first record may be years of empty pieces away.
        in_pieces = stream.window is not None and stream.window.most is not None
        window = recent(connector, name, now, 1, rows=1) if in_pieces else Window(None, now)
        page = next((page for page in connector.pull(name, window, rows=1) if len(page) or not in_pieces), None)
        if page is None or not len(page):
            return "answers, with no record"
        record = next(page.records())
        if not connector.key_of(name, record):
            raise ConnectorError(f"the record has no key under {stream.key!r}.", next_step="Correct key: in the spec.")
        total = f" of {page.total:,}" if page.total is not None else ""
        parts = f", with {', '.join(stream.parts)}" if stream.parts else ""
        return f"answers, {len(page)} record{'s' if len(page) > 1 else ''}{total} read{parts}"

    return _line(name, "", first)


def _operation(connector: "Connector", name: str) -> CheckLine:
    def once() -> str:
        answer = connector.call(name, **(connector.spec.operations[name].example or {}))
        if answer.kind == "hold":
            raise ConnectorError(
                f'refused (code {answer.code}, "{answer.text}").', next_step="Ask whether the account may call it."
            )
        return f"answers {answer.kind}, {len(answer.result)} result{'' if len(answer.result) == 1 else 's'}"

    return _line(name, "", once)


def _clock(connector: "Connector", heard: _Heard) -> CheckLine:
    """How far the peer's clock is from ours, by the Date header of its answers; the nearest counts, since an answer
    may be old."""
    if not heard.skews:
        try:
            connector.exchange.fetch(connector.peer.url, "clock")
        except PeerDown as error:
            return CheckLine("clock", False, error.what, error.next_step)
    if not heard.skews:
        return CheckLine("clock", True, "not known: the peer's answers carry no Date")
    skew = min(heard.skews, key=abs)
    seconds = round(skew.total_seconds())
    if abs(skew) > SKEW:
        return CheckLine(
            "clock",
            False,
            f"the peer's clock is {seconds:+d} s from ours.",
            "Set both by NTP: signatures and windows use them.",
        )
    return CheckLine("clock", True, f"{seconds:+d} s")


def _quota(heard: _Heard, per_second: float) -> CheckLine:
    """What the peer says of its quota, and whether this check alone already met it."""
    said = ", ".join(f"{name} {value}" for name, value in heard.quota.items())
    if heard.waits:
        return CheckLine(
            "quota",
            False,
            f"refused {heard.waits} of these few calls for being too many (HTTP 429{', ' + said if said else ''}).",
            f"Lower limits.per_second in the province's file (now {per_second:g}).",
        )
    return CheckLine("quota", True, said or "not said: no answer carries a quota header")
