"""SOAP answers as plain dicts: one pass over the raw bytes, each record built and let go, never an object per type.

A record is a dict keyed by local element name: text elements become `str` (None when empty or nil), elements with
children a dict, and the names the spec lists always a list under the child's name. Entities, DTDs and the network
are off.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from connectors.xmlbuild import LOCAL, RecordBuilder

# libxml2 refuses very long texts and deep trees by default; answers of this size hold file bodies.
HUGE = 8 * 1024 * 1024


class NotXml(Exception):
    """The bytes are no XML, or break off: says where."""


class Fault(Exception):
    """The answer is a SOAP fault: its code and text."""


@dataclass(frozen=True, slots=True)
class SoapAnswer:
    """The records of an answer, and `heads`: the named text elements that stand beside them (totals, codes)."""

    records: list[dict[str, Any]]
    heads: dict[str, str]


BUILDERS: dict[frozenset[str], RecordBuilder] = {}


def read_soap(raw: bytes, record: str | None, lists: frozenset[str], heads: Iterable[str] = ()) -> SoapAnswer:
    """The records under an element name, and the texts under the names of `heads`.

    Raises Fault for a SOAP fault, NotXml for a cut or wrong answer.
    """
    wanted = {*heads, "Fault", *([record] if record else [])}
    records: list[dict[str, Any]] = []
    builder = BUILDERS.get(lists) or BUILDERS.setdefault(lists, RecordBuilder(lists))
    found: dict[str, str] = {}
    parser: Any = etree.iterparse(
        io.BytesIO(raw),
        # libxml2 picks the elements that matter; the others cost no Python at all.
        tag=[f"{{*}}{name}" for name in wanted],
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=len(raw) > HUGE,
    )
    try:
        for _, element in parser:
            if not (records or found) and element.getroottree().docinfo.doctype:
                raise NotXml("it carries a document type, which is not read")
            name = LOCAL[element.tag]
            if name == record:
                records.append(builder.build(element))
                element.clear()
            elif name == "Fault":
                raise Fault(_fault_text(element))
            elif element.text:
                found.setdefault(name, element.text.strip())
    except etree.XMLSyntaxError as error:
        raise NotXml(str(error.msg)) from None
    root = parser.root
    if root.getroottree().docinfo.doctype:
        raise NotXml("it carries a document type, which is not read")
    if LOCAL[root.tag] != "Envelope":
        raise NotXml(f"it is <{LOCAL[root.tag]}>, not a SOAP envelope")
    return SoapAnswer(records, found)


def raw_records(raw: bytes, record: str, index: int) -> bytes:
    """One record of an answer as XML, with the namespaces it needs; `index` counts from 0, IndexError past the
    end."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=len(raw) > HUGE)
    root = etree.fromstring(raw, parser)
    for place, element in enumerate(root.iterfind(f".//{{*}}{record}")):
        if place == index:
            return etree.tostring(element, encoding="utf-8", with_tail=False)
    raise IndexError(f"the page has no record {index}")


def _fault_text(fault: Any) -> str:
    """Code and text of a fault, SOAP 1.1 or 1.2, as `code: text`."""
    texts = [node.text.strip() for node in fault.iter() if isinstance(node.tag, str) and (node.text or "").strip()]
    return ": ".join(texts[:2])
