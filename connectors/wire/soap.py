"""Building SOAP requests from the kept WSDL: zeep writes the envelope and signs it, nothing else.

Replies never pass through zeep: they are taken raw and read by `xmlrecords`. The WSDL is a file of ours, so that
what is sent does not change because a peer serves another one; `check` tells the difference.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lxml import etree

from connectors.peer import Peer
from connectors.spec.auth import WsseUsername
from connectors.wire.transport import WireRequest

WSDL = "http://schemas.xmlsoap.org/wsdl/"
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold: control characters, and halves of a character."""


class NotInWsdl(Exception):
    """The kept WSDL has no such operation, or other arguments."""


class NotXmlText(Exception):
    """A value cannot be written in XML; the text is the path of its place, never the value."""


class Soap:
    """The operations of one kept WSDL. Loading takes about 50 ms, a request well under one."""

    def __init__(self, wsdl: Path) -> None:
        # zeep costs a third of a second to import: only those who speak SOAP pay.
        from zeep.settings import Settings
        from zeep.transports import Transport
        from zeep.wsdl import Document
        from zeep.wsdl.bindings import Soap11Binding

        class NoNetwork(Transport):
            """A WSDL that imports from an address is completed by the engineer, not at night by a download."""

            def load(self, url: str) -> bytes:
                if "://" in url and not url.startswith("file:"):
                    raise FileNotFoundError(f"{wsdl.name} imports {url}: keep that file beside it")
                loaded: bytes = super().load(url)
                return loaded

        document = Document(str(wsdl), NoNetwork(), settings=Settings(strict=True, forbid_dtd=True))
        service = next(iter(document.services.values()))
        # .NET serves ports for SOAP 1.2 and plain HTTP beside the one for SOAP 1.1.
        bindings = [port.binding for port in service.ports.values()]
        self._binding: Any = next((found for found in bindings if type(found) is Soap11Binding), bindings[0])

    @property
    def operations(self) -> frozenset[str]:
        """Names of the operations in the kept WSDL."""
        return frozenset(self._binding.all())

    def build(
        self,
        url: str,
        operation: str,
        arguments: Mapping[str, Any],
        *,
        header: Mapping[str, Any],
        peer: Peer,
        security: WsseUsername | None,
        now: datetime,
        nonce: str,
        connect: float,
        timeout: float,
        whole: float,
    ) -> WireRequest:
        """A SOAP 1.1 request, signed with a `nonce` where `security` says so; raises NotInWsdl, NotXmlText.

        `header` holds the values of the header elements that the WSDL declares for the operation, by their names.
        """
        from zeep.exceptions import Error

        try:
            described = self._binding.get(operation)
            extra = {"_soapheaders": _header_values(described, header)} if header else {}
            envelope = described.create(**arguments, **extra).content
        except (Error, TypeError, ValueError, KeyError, AttributeError) as error:
            if place := _unwritable({**arguments, **header}):
                raise NotXmlText(place) from None
            raise NotInWsdl(str(error)) from None
        if security is not None:
            from zeep.wsse.username import UsernameToken

            token = UsernameToken(
                peer.login, peer.password, use_digest=security.digest, nonce=nonce, created=now, zulu_timestamp=True
            )
            envelope, _ = token.apply(envelope, {})
        action = described.soapaction or ""
        return WireRequest(
            method="POST",
            url=url,
            headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"', "Accept": "text/xml"},
            body=etree.tostring(envelope, xml_declaration=True, encoding="utf-8"),
            connect=connect,
            timeout=timeout,
            whole=whole,
        )


def _header_values(described: Any, header: Mapping[str, Any]) -> dict[str, Any]:
    """The values under the names of the message parts, by which zeep knows them; raises NotInWsdl."""
    declared = described.input.header.type.elements
    parts = {element.name: part for part, element in declared} | {part: part for part, _ in declared}
    unknown = sorted(set(header) - set(parts))
    if unknown:
        known = ", ".join(sorted({element.name for _, element in declared})) or "none"
        raise NotInWsdl(f"{described.name} has no header element {', '.join(unknown)}; declared: {known}")
    return {parts[name]: value for name, value in header.items()}


def _unwritable(value: Any, place: str = "") -> str | None:
    """The dotted path of the first text that XML cannot hold."""
    if isinstance(value, str):
        return place if NO_XML.search(value) else None
    within = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    paths = (_unwritable(inner, f"{place}.{name}" if place else str(name)) for name, inner in within)
    return next((path for path in paths if path), None)


def operations_in(wsdl: bytes) -> frozenset[str]:
    """Names of the operations of the port types in a WSDL as served; raises etree.XMLSyntaxError for what is none."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(wsdl, parser)
    if root.tag != f"{{{WSDL}}}definitions":
        return frozenset()
    return frozenset(
        name for node in root.iterfind(f"{{{WSDL}}}portType/{{{WSDL}}}operation") if (name := node.get("name"))
    )
