"""Bodies opened and written again, value by value: JSON, XML, forms, and each of them inside a text of another."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from lxml import etree

Value = Callable[[Sequence[str], str], str]
"""A text with the keys it stands under, as it is to be kept."""

BASE64 = re.compile(r"[A-Za-z0-9+/\s]{12,}={0,2}")
DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>\s*")
FILE_BODY = "[a file was here: {} bytes]"


def masked_body(body: bytes, media_type: str, value: Value) -> str:
    """A body as text with every value passed through `value`; a file becomes its length."""
    if not body.strip():
        return ""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return FILE_BODY.format(len(body))
    kind = media_type.split(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return urlencode([(name, value([name], item)) for name, item in parse_qsl(text, True)])
    if kind.startswith("multipart/"):
        return _multipart(text, value)
    if kind in ("application/pdf", "application/octet-stream", "application/zip") or kind.startswith("image/"):
        return FILE_BODY.format(len(body))
    return opened(text, (), value)


def opened(text: str, path: Sequence[str], value: Value) -> str:
    """A text that is JSON, XML or base64 of one of them is masked inside; any other is a value."""
    start = text.lstrip()[:1]
    if start in ("{", "[", '"'):
        try:
            return orjson.dumps(_json(orjson.loads(text), tuple(path), value), option=_layout(text)).decode()
        except orjson.JSONDecodeError:
            pass
    if start == "<":
        found = _xml(text, tuple(path), value)
        if found is not None:
            return found
    if BASE64.fullmatch(text) and not text.isdigit():
        found = _base64(text, path, value)
        if found is not None:
            return found
    return value(path, text)


def _layout(text: str) -> int | None:
    """A body of its own is laid out for the reader; one inside a text stays on its line."""
    return orjson.OPT_INDENT_2 if "\n" in text or len(text) > 200 else None


def _json(data: Any, path: tuple[str, ...], value: Value) -> Any:
    if isinstance(data, dict):
        return {value((), key): _json(inner, (*path, key), value) for key, inner in data.items()}
    if isinstance(data, list):
        return [_json(inner, path, value) for inner in data]
    if isinstance(data, str):
        return opened(data, path, value)
    if isinstance(data, int) and not isinstance(data, bool):
        shown = value(path, str(data))
        return int(shown) if shown.isdigit() and shown[0] != "0" else data if shown == str(data) else shown
    return data


def _xml(text: str, path: tuple[str, ...], value: Value) -> str | None:
    """The XML with every text and attribute masked; None when it is none.

    Inside a text the declaration may name another encoding than the bytes have: it stays, and is not believed.
    """
    declared = DECLARATION.match(text)
    bare = text[declared.end() :] if declared else text
    try:
        root = etree.fromstring(
            bare.encode(), etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
        )
    except (etree.XMLSyntaxError, ValueError):
        return None
    for node in root.iter():
        if not isinstance(node.tag, str):
            parent = node.getparent()
            if parent is not None and not isinstance(node, etree._Entity):
                node.text = ""
            continue
        keys = (*path, *_keys(node))
        if node.text and node.text.strip():
            node.text = opened(node.text, keys, value)
        if node.tail and node.tail.strip():
            node.tail = opened(node.tail, keys[:-1], value)
        for name, attribute in ((str(name), str(attribute)) for name, attribute in node.attrib.items()):
            if not (name.startswith("{http://www.w3.org/") or name in ("Type", "EncodingType")) and attribute.strip():
                node.set(name, value((*keys, etree.QName(name).localname), attribute))
    if not path:
        etree.indent(root)
    shown = etree.tostring(root, encoding="unicode")
    if not declared:
        return shown
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{shown}' if not path else declared.group() + shown


def _keys(node: etree._Element) -> tuple[str, ...]:
    """Local names of an element and what it stands in, the outermost first, three at most."""
    names = [etree.QName(node).localname]
    above = node.getparent()
    while above is not None and len(names) < 3:
        names.append(etree.QName(above).localname)
        above = above.getparent()
    return tuple(reversed(names))


def _base64(text: str, path: Sequence[str], value: Value) -> str | None:
    """What base64 holds: a text is masked and coded again, a file becomes its length; None when it is a code."""
    packed = "".join(text.split())
    if len(packed) % 4:
        return None
    try:
        raw = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        inner = raw.decode()
    except UnicodeDecodeError:
        inner = ""
    if inner and inner.isprintable() | ("\n" in inner) and (" " in inner or inner[0] in "{[<"):
        return base64.b64encode(opened(inner, path, value).encode()).decode()
    if len(packed) >= 120 or " " in text:
        return base64.b64encode(FILE_BODY.format(len(raw)).encode()).decode()
    return None


def _multipart(text: str, value: Value) -> str:
    """Each part by its name; a file's name is masked and its content is its length."""
    shown = []
    for part in re.split(r"--[^\r\n]+(?:\r?\n|$)", text):
        head, _, content = part.partition("\r\n\r\n")
        name = re.search(r'name="([^"]*)"', head)
        if name is None:
            continue
        file = re.search(r'filename="([^"]*)"', head)
        if file:
            named = value(["filename"], file.group(1))
            shown.append(f"{name.group(1)}: {named}, {FILE_BODY.format(len(content.encode()))}")
        else:
            shown.append(f"{name.group(1)}: {opened(content.strip(), [name.group(1)], value)}")
    return "\n".join(shown)
