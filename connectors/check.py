"""Checking a peer: one line for each thing that must be in order before a province is switched on. Never sends
data."""

import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lxml import etree

from connectors.errors import ConnectorError, PeerDown
from connectors.peer import CheckLine, Window
from connectors.soap import operations_in

if TYPE_CHECKING:
    from connectors.connector import Connector

SKEW = timedelta(seconds=60)


def check(connector: "Connector") -> list[CheckLine]:
    """All lines, in the order in which a person would look; ends early when the peer cannot be reached or logged
    into."""
    return list(_lines(connector))


def _lines(connector: "Connector") -> Iterator[CheckLine]:
    reached = _reach(connector)
    yield reached
    if not reached.ok:
        return
    login = _line("login", "the account is accepted", lambda: connector.exchange.log_in())
    yield login
    if not login.ok:
        return
    if connector.exchange.soap is not None:
        yield _wsdl(connector)
    for name in connector.spec.streams:
        yield _stream(connector, name)
    for name, operation in connector.spec.operations.items():
        if operation.writes:
            continue
        if operation.parameters and operation.example is None:
            yield CheckLine(name, True, "not tried: the spec gives no example")
        else:
            yield _operation(connector, name)
    yield _clock(connector)


def _line(name: str, detail: str, act: Callable[[], str | None]) -> CheckLine:
    """A line for something that raises when it is not in order."""
    try:
        return CheckLine(name, True, act() or detail)
    except ConnectorError as error:
        return CheckLine(name, False, error.what, error.next_step)


def _reach(connector: "Connector") -> CheckLine:
    """Name resolution and a TCP connection."""
    parts = urlsplit(connector.peer.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        return CheckLine(
            "connection",
            False,
            f"{connector.peer.url!r} is no address.",
            "Write it as https://host in the province file.",
        )
    try:
        with socket.create_connection((host, port), timeout=connector.spec.limits.connect):
            return CheckLine("connection", True, f"{host}:{port} answers")
    except socket.gaierror:
        return CheckLine("connection", False, f"the name {host} is not known.", "Check the address and the VPN's DNS.")
    except OSError as error:
        why = error.strerror or type(error).__name__
        return CheckLine("connection", False, f"{host}:{port}: {why}.", "Check the address, the firewall and the VPN.")


def _wsdl(connector: "Connector") -> CheckLine:
    """The served WSDL has every operation of the kept one that the spec uses."""
    soap = connector.exchange.soap
    assert soap is not None

    def compare() -> str:
        url = connector.exchange.endpoint(connector.spec.every_call) + "?wsdl"
        response = connector.exchange.fetch(url, "wsdl")
        try:
            served = operations_in(response.body)
        except etree.XMLSyntaxError:
            served = frozenset()
        if not served:
            raise ConnectorError(
                f"{url} gives no WSDL (HTTP {response.status}).", next_step="Ask the vendor for its address."
            )
        parts = [*connector.spec.streams.values(), *connector.spec.operations.values()]
        missing = sorted({part.call for part in parts if part.call} - served)
        if missing:
            raise ConnectorError(
                f"the peer does not serve {', '.join(missing)}.", next_step="Ask the vendor which version is installed."
            )
        new = sorted(served - soap.operations)
        return f"{len(served)} operations" + (f", new since it was kept: {', '.join(new)}" if new else ", as kept")

    return _line("wsdl", "", compare)


def _stream(connector: "Connector", name: str) -> CheckLine:
    """The first page, of one record where the stream has pages."""

    def first() -> str:
        page = next(connector.pull(name, Window(None, connector.clock()), rows=1), None)
        if page is None or not len(page):
            return "answers, with no record"
        record = next(page.records())
        if not connector.key_of(name, record):
            raise ConnectorError(
                f"the record has no key under {connector.spec.streams[name].key!r}.",
                next_step="Correct key: in the spec.",
            )
        total = f" of {page.total:,}" if page.total is not None else ""
        return f"answers, {len(page)} record{'s' if len(page) > 1 else ''}{total} read"

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


def _clock(connector: "Connector") -> CheckLine:
    """How far the peer's clock is from ours, by the Date header of its answers."""
    try:
        response = connector.exchange.fetch(connector.peer.url, "clock")
    except PeerDown as error:
        return CheckLine("clock", False, error.what, error.next_step)
    header = response.header("Date")
    try:
        skew = parsedate_to_datetime(header or "") - connector.clock()
    except ValueError:
        return CheckLine("clock", True, "not known: the peer's answers carry no Date")
    seconds = round(skew.total_seconds())
    if abs(skew) > SKEW:
        return CheckLine(
            "clock",
            False,
            f"the peer's clock is {seconds:+d} s from ours.",
            "Set both by NTP: signatures and windows use them.",
        )
    return CheckLine("clock", True, f"{seconds:+d} s")
