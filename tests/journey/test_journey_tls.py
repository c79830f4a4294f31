"""The check of a certificate, against real TLS: version, name, last day, issuer."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors import CheckLine
from connectors.survey.reach import Network, connect, reach

NOW = datetime.now(UTC)


def certificate(folder: Path, names: list[str], days: int) -> tuple[Path, Path]:
    """A self-signed certificate for names, which ends in so many days: (certificate, key) as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternatives = [x509.DNSName(one) for one in names]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=400))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([*alternatives, x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "peer.pem", folder / "peer.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, secret


@contextmanager
def served(pem: Path, key: Path, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Iterator[int]:
    """A TLS server on a free port that shakes hands once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(pem, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def once() -> None:
        opened, _ = listener.accept()
        try:
            context.wrap_socket(opened, server_side=True).close()
        except OSError:
            opened.close()

    thread = threading.Thread(target=once, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(10)
    listener.close()


def looked(port: int, pem: Path | None, host: str = "igate.test") -> CheckLine:
    def to_here(_: str, port: int, timeout: float) -> socket.socket:
        opened = connect("127.0.0.1", port, timeout)
        assert isinstance(opened, socket.socket)
        return opened

    network = Network(lambda host, port: ["127.0.0.1"], to_here)
    context = lambda: ssl.create_default_context(cafile=None if pem is None else str(pem))  # noqa: E731
    found = list(reach(f"https://{host}:{port}", 5.0, NOW, network, context))
    assert [line.name for line in found] == ["name", "connection", "tls"]
    return found[-1]


def test_a_good_certificate_says_version_and_last_day(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, ["igate.test"], 90)
    with served(pem, key) as port:
        line = looked(port, pem)
    assert line.ok and "TLSv1.3" in line.detail and f"{NOW + timedelta(days=90):%d/%m/%Y}" in line.detail


def test_a_certificate_that_ends_soon_is_a_fault_before_it_stops_a_night(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, ["igate.test"], 9)
    with served(pem, key) as port:
        line = looked(port, pem)
    assert not line.ok and "(in 8 days)" in line.detail and "renew" in line.next_step


@pytest.mark.parametrize(
    ("names", "days", "trusted", "said", "step"),
    [
        (["other.test"], 90, True, "igate.test", "name that the certificate carries"),
        (["igate.test"], -2, True, "expired", "renew"),
        (["igate.test"], 90, False, "self", "authority"),
    ],
)
def test_a_certificate_that_is_not_accepted_says_why_and_what_to_do(
    tmp_path: Path, names: list[str], days: int, trusted: bool, said: str, step: str
) -> None:
    pem, key = certificate(tmp_path, names, days)
    with served(pem, key) as port:
        line = looked(port, pem if trusted else None)
    assert not line.ok and said in line.detail and step in line.next_step


def test_a_peer_without_tls_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].sendall(b"HTTP/1.1 400 no\r\n\r\n"), daemon=True)
        thread.start()
        line = looked(listener.getsockname()[1], None)
        thread.join(5)
    assert not line.ok and "TLS" in line.detail
