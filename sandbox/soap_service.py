"""A spyne service without a server: one call in this process, and its contract as a file that can be compared."""

import io
import logging
from collections.abc import Callable
from typing import Any

from lxml import etree

from sandbox.soap_stack import WsgiApplication

logging.getLogger("spyne").setLevel(logging.CRITICAL + 1)  # a refused request is an answer, not a failure

_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_ORDER = {
    "simpleType": 1,
    "complexType": 2,
    "element": 3,
    "types": 1,
    "message": 2,
    "portType": 3,
    "binding": 4,
    "service": 5,
}


def contract(made: WsgiApplication, address: str) -> etree._Element:
    """The WSDL with that address, its parts in one order."""
    made.doc.wsdl11.build_interface_document(address)
    tree = etree.fromstring(made.doc.wsdl11.get_interface_document())
    # spyne writes types and messages in the order of a set: sort them, so that the committed file can be compared.
    for parent in (tree, *tree.iter("{http://www.w3.org/2001/XMLSchema}schema")):
        parent[:] = sorted(parent, key=lambda e: (_ORDER.get(etree.QName(e).localname, 0), e.get("name", "")))
    for binding in tree.iter(f"{_WSDL}portType", f"{_WSDL}binding"):
        binding[:] = sorted(binding, key=lambda e: e.get("name", ""))
    return tree


def written(tree: etree._Element) -> bytes:
    """A contract as it is kept in a file."""
    etree.indent(tree)
    return etree.tostring(tree, xml_declaration=True, encoding="UTF-8") + b"\n"


def call(app: Callable[..., Any], path: str, headers: dict[bytes, bytes], body: bytes) -> tuple[int, bytes]:
    """One WSGI call: (HTTP status, body)."""
    status: list[str] = []

    def start(line: str, _headers: object, _error: object = None) -> None:
        status.append(line)

    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "CONTENT_TYPE": headers.get(b"content-type", b"text/xml; charset=utf-8").decode("latin-1"),
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    answer = b"".join(app(environ, start))
    return int(status[0].split()[0]), answer
