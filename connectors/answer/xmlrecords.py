"""SOAP answers as plain dicts: one pass over the raw bytes, each record built and let go, never an object per type.

A record is a dict keyed by local element name: text elements become `str` (None when empty or nil), elements with
children a dict, and the names the spec lists always a list under the child's name. Entities, DTDs and the network
are off.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from connectors.answer.xmlbuild import LOCAL, RecordBuilder

# libxml2 refuses very long texts and deep trees by default; answers of this size hold file bodies.
HUGE = 8 * 1024 * 1024
DIFFGRAM = "{urn:schemas-microsoft-com:xml-diffgram-v1}diffgram"
BEFORE = "{urn:schemas-microsoft-com:xml-diffgram-v1}before"


class NotXml(Exception):
    """The bytes are no XML, or break off: says where."""


class Fault(Exception):
    """The answer is a SOAP fault: its code and text."""


@dataclass(frozen=True, slots=True)
class XmlAnswer:
    """The records of an answer, and `heads`: the named text elements that stand beside them (totals, codes).

    `records` is None where a DataSet was promised and there is none. `kept` is the text of the element that holds
    another answer; `kept_elements` says that it holds elements instead.
    """

    records: list[dict[str, Any]] | None = field(repr=False)
    heads: dict[str, str] = field(repr=False)
    kept: str | None = field(default=None, repr=False)
    kept_elements: bool = False


BUILDERS: dict[frozenset[str], RecordBuilder] = {}


def read_soap(raw: bytes, record: str | None, lists: frozenset[str], heads: Iterable[str] = ()) -> XmlAnswer:
    """The records under an element name, and the texts under the names of `heads`.

    Raises Fault for a SOAP fault, NotXml for a cut or wrong answer.
    """
    return read_xml(raw, record, lists, heads, root="Envelope")


def read_xml(
    raw: bytes,
    record: str | None,
    lists: frozenset[str],
    heads: Iterable[str] = (),
    *,
    root: str | None = None,
    keep: str | None = None,
    diffgram: bool = False,
) -> XmlAnswer:
    """As `read_soap`, for any XML: `root` is the name its root must have, `keep` an element that holds an answer.

    With `diffgram`, rows are read only below diffgr:diffgram, and never below diffgr:before, where a DataSet keeps what
    they were.
    """
    wanted = {*heads, *([record] if record else []), *([keep] if keep else []), *(["diffgram"] if diffgram else [])}
    if root:
        wanted.add("Fault")
    records: list[dict[str, Any]] = []
    builder = BUILDERS.get(lists) or BUILDERS.setdefault(lists, RecordBuilder(lists))
    found: dict[str, str] = {}
    kept: Any = None
    kept_elements = has_rows = False
    parser: Any = etree.iterparse(
        io.BytesIO(raw),
        # libxml2 picks the elements that matter; the others cost no Python at all.
        tag=[f"{{*}}{name}" for name in wanted or ("_",)],
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
                if not diffgram or _is_row(element):
                    records.append(builder.build(element))
                element.clear()
            elif name == "Fault" and root:
                raise Fault(_fault_text(element))
            elif diffgram and element.tag == DIFFGRAM:
                has_rows = True
            elif name == keep:
                kept_elements = kept_elements or len(element) > 0
                kept = element.text if kept is None else kept
            elif element.text:
                found.setdefault(name, element.text.strip())
    except etree.XMLSyntaxError as error:
        raise NotXml(str(error.msg)) from None
    top = parser.root
    if top.getroottree().docinfo.doctype:
        raise NotXml("it carries a document type, which is not read")
    if root and LOCAL[top.tag] != root:
        raise NotXml(f"it is <{LOCAL[top.tag]}>, not a SOAP envelope")
    return XmlAnswer(None if diffgram and not has_rows else records, found, kept, kept_elements)


def _is_row(element: Any) -> bool:
    """The element is a row of a DataSet as it is now: below diffgr:diffgram and not below diffgr:before."""
    nearest = next(element.iterancestors(DIFFGRAM, BEFORE), None)
    return nearest is not None and nearest.tag == DIFFGRAM


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
