"""Whether a peer is reached at all, step by step as a person would look: the name, the port, the certificate."""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from connectors.peer import CheckLine

SOON = timedelta(days=21)
"""A certificate that ends sooner is told as a fault: a renewal takes a province some days."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the machine's resolver gives them; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def connect(host: str, port: int, timeout: float) -> AbstractContextManager[Any]:
    """An open connection, closed at the end of the block; raises OSError."""
    return socket.create_connection((host, port), timeout=timeout)


@dataclass(frozen=True, slots=True)
class Network:
    """The machine's network, or a test's."""

    resolve: Callable[[str, int], list[str]] = resolve
    connect: Callable[[str, int, float], AbstractContextManager[Any]] = connect


def reach(
    url: str, timeout: float, now: datetime, network: Network, context: Callable[[], ssl.SSLContext] | None = None
) -> Iterator[CheckLine]:
    """Lines `name`, `connection` and `tls`; a failed one is the last. `timeout` in seconds."""
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        said = "Write it as https://host in the province file or the connection."
        yield CheckLine("name", False, f"{url!r} is no address.", said)
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    name = _name(host, port, network)
    yield name
    if not name.ok:
        return
    try:
        with network.connect(host, port, timeout) as opened:
            yield CheckLine("connection", True, f"{host}:{port} answers")
            if parts.scheme == "https":
                yield _tls(opened, host, now, (context or ssl.create_default_context)())
    except OSError as error:
        why = error.strerror or type(error).__name__
        yield CheckLine("connection", False, f"{host}:{port}: {why}.", "Check the address, the firewall and the VPN.")
        return
    if parts.scheme == "http":
        yield CheckLine("tls", True, "none: over http all can be read on the way")


def _name(host: str, port: int, network: Network) -> CheckLine:
    try:
        found = network.resolve(host, port)
    except OSError:
        return CheckLine("name", False, f"the name {host} is not known.", "Check the address and the VPN's DNS.")
    if found == [host]:
        return CheckLine("name", True, f"{host} is an address, no name")
    inside = " (inside: only through the VPN)" if any(_is_inside(address) for address in found) else ""
    return CheckLine("name", True, f"{host} is {', '.join(found[:3])}{inside}")


def _is_inside(address: str) -> bool:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    return known.is_private and not known.is_loopback


def _tls(opened: socket.socket, host: str, now: datetime, context: ssl.SSLContext) -> CheckLine:
    """Version, and the certificate's name and last day."""
    try:
        with context.wrap_socket(opened, server_hostname=host) as wrapped:
            version, certificate = wrapped.version(), wrapped.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return CheckLine("tls", False, f"the certificate is not accepted: {error.verify_message}.", _advice(error))
    except (ssl.SSLError, OSError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        return CheckLine(
            "tls", False, f"no TLS 1.2 or newer is agreed on ({why}).", "Ask the vendor which versions are switched on."
        )
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate.get("notAfter"))), UTC)
    days = (ends - now).days
    words = f"{version}, the certificate is of {host} and ends on {ends:%d/%m/%Y} (in {days} days)"
    if ends - now < SOON:
        return CheckLine(
            "tls", False, f"{words}.", "Ask the province to renew it before that day: the night after stops."
        )
    return CheckLine("tls", True, words)


def _advice(error: ssl.SSLCertVerificationError) -> str:
    if "hostname" in error.verify_message.lower():
        return "Write the name that the certificate carries into url:, or have the certificate made for this name."
    if "expired" in error.verify_message.lower():
        return "Ask who runs the peer to renew it; check this machine's clock first."
    return "Keep the issuer's certificate as a file and name it: tls: {authority: …} in the spec."
