"""What a WSDL promises: its operations and types, a digest that ignores address and layout, and how two differ."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

WSDL = "http://schemas.xmlsoap.org/wsdl/"
XSD = "http://www.w3.org/2001/XMLSchema"


class NoWsdl(Exception):
    """The bytes are no WSDL."""


@dataclass(frozen=True, slots=True)
class Described:
    """Operations with what goes in and comes out (`name: type` lines), and types with their elements."""

    operations: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    types: Mapping[str, tuple[str, ...]]
    digest: str


def describe(wsdl: bytes) -> Described:
    """Read a WSDL; raises NoWsdl. Imported schemas are not fetched."""
    try:
        root = etree.fromstring(wsdl, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        raise NoWsdl(str(error.msg)) from None
    if root.tag != f"{{{WSDL}}}definitions":
        raise NoWsdl(f"it is <{etree.QName(root).localname}>")
    elements = {str(node.get("name")): _content(node) for node in root.iterfind(f".//{{{XSD}}}schema/{{{XSD}}}element")}
    types = {
        str(node.get("name")): _content(node)
        for kind in ("complexType", "simpleType")
        for node in root.iterfind(f".//{{{XSD}}}schema/{{{XSD}}}{kind}")
    }
    messages = {
        str(node.get("name")): tuple(
            line for part in node.iterfind(f"{{{WSDL}}}part") for line in _of_part(part, elements, types)
        )
        for node in root.iterfind(f"{{{WSDL}}}message")
    }
    operations = {}
    for node in root.iterfind(f"{{{WSDL}}}portType/{{{WSDL}}}operation"):
        ways = [node.find(f"{{{WSDL}}}{way}") for way in ("input", "output")]
        given, back = (messages.get(_local(way.get("message")), ()) if way is not None else () for way in ways)
        operations[str(node.get("name"))] = (given, back)
    return Described(operations, types, _digest(root))


@dataclass(frozen=True, slots=True)
class Difference:
    """One operation or type that is not as kept; `adds` when it only has more than before."""

    kind: str
    name: str
    what: str
    adds: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.what}"


def differences(kept: Described, served: Described) -> list[Difference]:
    """How the served WSDL differs from the kept one; empty when only its words do."""
    found = []
    for kind, ours, theirs in (
        ("operation", kept.operations, served.operations),
        ("type", kept.types, served.types),
    ):
        for name in sorted({*ours, *theirs}):
            if name not in theirs:
                found.append(Difference(kind, name, "is gone", adds=False))
            elif name not in ours:
                found.append(Difference(kind, name, "is new", adds=True))
            elif ours[name] != theirs[name]:
                found.append(_changed(kind, name, _lines(ours[name]), _lines(theirs[name])))
    return found


def _changed(kind: str, name: str, before: set[str], after: set[str]) -> Difference:
    gone, new = sorted(before - after), sorted(after - before)
    said = [f"{word} {', '.join(lines)}" for word, lines in (("without", gone), ("with", new)) if lines]
    what = f"is changed ({'; '.join(said) or 'in its order'})"
    # What must be sent and was not known before is no mere addition.
    return Difference(
        kind, name, what, adds=bool(new) and not gone and all("?:" in line or "[]:" in line for line in new)
    )


def _of_part(
    part: etree._Element, elements: Mapping[str, tuple[str, ...]], types: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """The elements that a message part carries: of its element, or of the type that element has."""
    named = _local(part.get("element"))
    if named not in elements:
        return (f"{part.get('name')}: {_local(part.get('type')) or named}",)
    lines = elements[named]
    of_type = lines[0].rpartition(": ")[2] if len(lines) == 1 else ""
    return types.get(of_type) or lines


def _lines(described: object) -> set[str]:
    if isinstance(described, str):
        return {described}
    return set().union(*map(_lines, described)) if isinstance(described, tuple) and described else set()


def _content(node: etree._Element) -> tuple[str, ...]:
    """`name: type` of the elements inside a type or element; `name?` may be missing, `name[]` may come often."""
    lines = []
    for inner in node.iter(f"{{{XSD}}}element"):
        if inner is node:
            continue
        name = inner.get("name") or _local(inner.get("ref"))
        mark = "[]" if inner.get("maxOccurs", "1") != "1" else "?" if inner.get("minOccurs") == "0" else ""
        lines.append(f"{name}{mark}: {_local(inner.get('type')) or 'inline'}")
    if not lines and node.get("type"):
        lines.append(f"{node.get('name')}: {_local(node.get('type'))}")
    lines += [f"= {value.get('value')}" for value in node.iter(f"{{{XSD}}}enumeration")]
    return tuple(lines)


def _digest(root: etree._Element) -> str:
    """SHA-256 of the canonical form: no address, no documentation, no layout, prefixes renamed in their order."""
    for node in list(root.iter(f"{{{WSDL}}}documentation", f"{{{XSD}}}annotation", etree.Comment)):
        parent = node.getparent()
        if parent is not None:
            parent.remove(node)
    for node in root.iter("{*}address"):
        node.set("location", "")
    text = etree.canonicalize(root, strip_text=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _local(name: str | None) -> str:
    return (name or "").rpartition(":")[2]
