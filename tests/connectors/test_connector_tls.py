"""On a real encrypted socket: a client certificate is shown, an authority is trusted, a wrong file is told at once."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from connectors import ConfigError, Connector, Hosts, Peer, PeerDown, Window, load_spec
from tests.connectors.conftest import NOW, free_port

x509 = pytest.importorskip("cryptography.x509")

SPEC = """\
system: small
transport: rest
tls:
  certificate: "{extra.certificate?}"
  key: "{extra.key?}"
  authority: "{extra.authority}"
limits: {attempts: 1}
streams:
  dossiers: {get: list, records: items, key: id}
"""


class Authority:
    """Signs certificates for this machine and for clients; writes PEM files into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.file = self._write(name, self._signed(self.subject, self.key.public_key(), authority=True))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for 127.0.0.1 and for a client of that name."""
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        return self._write(name, self._signed(subject, key.public_key())), self._write(f"{name}-key", key)

    def _signed(self, subject: Any, public_key: Any, *, authority: bool = False) -> Any:
        from cryptography.hazmat.primitives import hashes

        now = datetime.now(UTC)
        here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.subject).public_key(public_key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        return builder.add_extension(here, critical=False).sign(self.key, hashes.SHA256())

    def _write(self, name: str, thing: Any) -> Path:
        from cryptography.hazmat.primitives import serialization as form

        file = self.folder / f"{name}.pem"
        if isinstance(thing, x509.Certificate):
            file.write_bytes(thing.public_bytes(form.Encoding.PEM))
        else:
            file.write_bytes(thing.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
        return file


class Handler(BaseHTTPRequestHandler):
    """An empty list for whoever has a certificate; keeps whose."""

    def do_GET(self) -> None:
        assert isinstance(self.connection, ssl.SSLSocket)
        shown: Any = self.connection.getpeercert() or {}
        self.server.shown.append(dict(pair[0] for pair in shown.get("subject", ())).get("commonName"))  # type: ignore[attr-defined]
        body = b'{"items": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def serving(authority: Authority) -> Iterator[tuple[str, list[str | None]]]:
    """The address of a server that asks for a certificate of the authority, and the names it was shown."""
    certificate, key = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.shown = []  # type: ignore[attr-defined]
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", server.shown  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def connector(tmp_path: Path, url: str, **extra: object) -> Connector:
    file = tmp_path / "small.yaml"
    file.write_text(SPEC)
    given = {name: str(path) for name, path in extra.items() if path is not None}
    return Connector(load_spec(file), Peer("peer_x", url, extra=given), hosts=Hosts())


def test_a_client_certificate_is_shown_and_the_authority_trusted(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("Sở Tư pháp")
    with serving(authority) as (url, shown):
        both = connector(tmp_path, url, certificate=certificate, key=key, authority=authority.file)
        (page,) = both.pull("dossiers", Window(None, NOW))
        assert (len(page), shown) == (0, ["Sở Tư pháp"])
        one = tmp_path / "one.pem"
        one.write_bytes(certificate.read_bytes() + key.read_bytes())
        list(connector(tmp_path, url, certificate=one, authority=authority.file).pull("dossiers", Window(None, NOW)))
        assert shown == ["Sở Tư pháp"] * 2


def test_the_spec_s_authority_wins_over_the_environment_s(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority(tmp_path, "other").file))
    certificate, key = authority.issue("client")
    with serving(authority) as (url, shown):
        found = connector(tmp_path, url, certificate=certificate, key=key, authority=authority.file)
        list(found.pull("dossiers", Window(None, NOW)))
        assert shown == ["client"]


def test_without_a_certificate_the_server_ends_the_connection(tmp_path: Path, authority: Authority) -> None:
    with serving(authority) as (url, shown), pytest.raises(PeerDown, match=r"certificate|connection broke off"):
        list(connector(tmp_path, url, authority=authority.file).pull("dossiers", Window(None, NOW)))
    assert shown == []


def test_a_server_of_another_authority_is_not_spoken_to(tmp_path: Path, authority: Authority) -> None:
    other = Authority(tmp_path, "other")
    with serving(authority) as (url, shown), pytest.raises(PeerDown, match="the certificate is not accepted"):
        list(connector(tmp_path, url, authority=other.file).pull("dossiers", Window(None, NOW)))
    assert shown == []


@pytest.mark.parametrize("name", ["certificate", "key", "authority"])
def test_a_file_that_is_not_there_names_the_key_and_the_connections_extra(
    tmp_path: Path, authority: Authority, name: str
) -> None:
    certificate, key = authority.issue("client")
    files = {"certificate": certificate, "key": key, "authority": authority.file, name: tmp_path / "gone.pem"}
    with pytest.raises(ConfigError) as caught:
        connector(tmp_path, f"https://127.0.0.1:{free_port()}", **files)
    line = {"certificate": 4, "key": 5, "authority": 6}[name]
    assert (caught.value.line, caught.value.key) == (line, f"tls.{name}")
    assert "gone.pem" in str(caught.value)
    assert f"extra.{name} of the connection peer_x" in str(caught.value)


def test_an_authority_that_the_connection_does_not_give_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"extra\.authority is needed"):
        connector(tmp_path, "https://127.0.0.1:1")


def test_a_key_of_another_certificate_and_a_file_that_is_no_pem_are_told(tmp_path: Path, authority: Authority) -> None:
    certificate, _ = authority.issue("one")
    _, key = authority.issue("two")
    with pytest.raises(ConfigError, match="key values mismatch") as caught:
        connector(tmp_path, "https://127.0.0.1:1", certificate=certificate, key=key, authority=authority.file)
    assert caught.value.key == "tls.key"
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    with pytest.raises(ConfigError, match="holds no certificates"):
        connector(tmp_path, "https://127.0.0.1:1", authority=text)


def test_a_key_with_a_password_is_told_and_nobody_is_asked_for_it(tmp_path: Path, authority: Authority) -> None:
    from cryptography.hazmat.primitives import serialization as form

    certificate, plain = authority.issue("client")
    key = form.load_pem_private_key(plain.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"x"))
    )
    with pytest.raises(ConfigError, match="has no password"):
        connector(tmp_path, "https://127.0.0.1:1", certificate=certificate, key=locked, authority=authority.file)
