"""The client certificate and the trusted authority of an https peer: files of this machine that the connection names.

They are opened before anything is sent, so that a wrong path or a key of another certificate is told with the key of
the spec and not as a broken connection in the night.
"""

import ssl
from pathlib import Path
from typing import TypedDict

from connectors.errors import ConfigError
from connectors.peer import Peer
from connectors.spec import Spec
from connectors.spec.templates import ABSENT, MissingValue, fill, names_in


class TlsFiles(TypedDict):
    """Paths of PEM files; `key` None: the certificate's file holds the key too, `authority` None: the system's."""

    certificate: str | None
    key: str | None
    authority: str | None


def tls_files(spec: Spec, peer: Peer) -> TlsFiles:
    """The files a connection names for `tls:`; raises ConfigError for one that is not given, not there, or not what it
    should be."""
    certificate, key, authority = (_file(spec, peer, name) for name in ("certificate", "key", "authority"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if certificate is not None:
        try:
            # A key with a password would ask for it on the terminal.
            context.load_cert_chain(certificate, key, password=lambda: "")
        except (OSError, ValueError) as error:
            name = "key" if key is not None else "certificate"
            raise _wrong(
                spec,
                peer,
                name,
                f"{certificate} and its key cannot be used ({_why(error)})",
                "Both are PEM, the key belongs to the certificate and has no password.",
            ) from None
    if authority is not None:
        try:
            context.load_verify_locations(cafile=authority)
        except OSError as error:
            raise _wrong(
                spec, peer, "authority", f"{authority} holds no certificates ({_why(error)})", "It must be PEM."
            ) from None
    return TlsFiles(certificate=certificate, key=key, authority=authority)


def _file(spec: Spec, peer: Peer, name: str) -> str | None:
    written = getattr(spec.tls, name)
    if written is None:
        return None
    known = {"url": peer.url, "login": peer.login, "password": peer.password, "unit": peer.unit, "extra": peer.extra}
    try:
        path = fill(written, known)
    except MissingValue as missing:
        raise _wrong(
            spec, peer, name, f"{missing.name} is needed", "Add the path of the file to the connection's extra."
        ) from None
    if path is ABSENT:
        return None
    if not Path(str(path)).is_file():
        raise _wrong(spec, peer, name, f"there is no file {path}", "Put it there, or correct the path.")
    return str(path)


def _wrong(spec: Spec, peer: Peer, name: str, what: str, next_step: str) -> ConfigError:
    given = ", ".join(sorted(names_in(getattr(spec.tls, name)))) or "the spec"
    return ConfigError(
        f"{what}; it is named by {given} of the connection {peer.id}.",
        file=spec.file,
        line=spec.line("tls", name),
        key=f"tls.{name}",
        next_step=next_step,
    )


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
