"""The letters of an answer arrive as they were meant, or the answer is a bad one: never other letters in the store."""

import unicodedata

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import BadAnswer, PeerRefused, PeerUnknown, Spec, Window, WireRequest, WireResponse
from connectors.answer.bundle import unpack
from connectors.answer.charset import WrongCharset, decode
from tests.connectors.conftest import NOW, Make, Scripted, json_answer, written
from tests.connectors.specs import rest_spec

NAME = "Nguyễn Thị Hồng Đào, xã Ea Kpam"
JSON = orjson.dumps({"items": [{"id": "1", "name": NAME}]}).decode()
XML = f"<a><name>{NAME}</name></a>"
NFD = unicodedata.normalize("NFD", NAME)


@pytest.fixture
def spec() -> Spec:
    return written("""
        system: small
        transport: rest
        streams: {dossiers: {get: list, records: items, key: id}}
        operations: {put: {post: x, body: {a: 1}, writes: true}}""")


def as_1258(text: str) -> bytes:
    """Windows-1258 as Vietnamese programs write it: the vowel with its hat as one letter, the tone behind it."""
    written = ""
    for letter in text:
        try:
            letter.encode("cp1258")
            written += letter
        except UnicodeEncodeError:
            base, mark = unicodedata.normalize("NFC", unicodedata.normalize("NFD", letter)[0]), ""
            for sign in unicodedata.normalize("NFD", letter)[1:]:
                joined = unicodedata.normalize("NFC", base + sign)
                if len(joined) == 1 and sign not in "\u0300\u0301\u0303\u0309\u0323":
                    base = joined
                else:
                    mark += sign
            written += base + mark
    return written.encode("cp1258")


def pulled(make: Make, spec: Spec, body: bytes, content_type: str) -> tuple[list[dict[str, object]], bytes]:
    double = Scripted(WireResponse(200, body, {"content-type": content_type}))
    (page,) = make(spec, double).pull("dossiers", Window(None, NOW))
    return list(page.records()), page.raw


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (as_1258(JSON), "application/json; charset=windows-1258"),
        (as_1258(JSON), 'text/plain; Charset="CP1258"'),
        (JSON.encode("utf-16"), "application/json;charset=UTF-16"),
        (JSON.encode("utf-16-le"), "application/json; charset=utf-16le"),
        (JSON.encode(), "application/json; charset=iso-8859-1"),  # a server's default: the letters are UTF-8
        (JSON.encode(), "application/json; charset=windows-1258"),
        (JSON.encode(), "application/json; charset=klingon"),
        (JSON.encode(), "application/json; charset=utf-16"),
        (JSON.encode(), "application/json"),
        (b"\xef\xbb\xbf" + JSON.encode(), "application/json; charset=utf-16"),
    ],
)
def test_a_name_arrives_with_its_letters(make: Make, spec: Spec, body: bytes, content_type: str) -> None:
    records, raw = pulled(make, spec, body, content_type)
    assert records == [{"id": "1", "name": NAME}]
    # What is kept can be read again without its header.
    assert list(make(spec, Scripted()).parse("dossiers", raw)) == records


def test_what_is_kept_are_the_bytes_that_came_with_the_charset_that_reads_them(make: Make, spec: Spec) -> None:
    body = as_1258(JSON)
    _, raw = pulled(make, spec, body, "application/json; charset=windows-1258")
    kept = unpack(raw)
    assert kept is not None
    assert (kept.page, kept.media_type) == (body, "application/json; charset=windows-1258")


def test_a_part_in_another_charset_is_kept_as_it_came_and_read_again(make: Make) -> None:
    part = as_1258(JSON)
    spec = rest_spec({"parts": {"papers": {"get": "papers/{record.id}", "records": "items"}}})

    def peer(request: WireRequest) -> WireResponse:
        if "papers" in request.url:
            return WireResponse(200, part, {"Content-Type": "application/json; charset=windows-1258"})
        return json_answer({"rows": [{"id": "A"}]})

    (page,) = make(spec, peer).pull("rows", Window(None, NOW))
    kept = unpack(page.raw)
    assert kept is not None
    assert kept.parts[0].body == part
    (record,) = make(spec, Scripted()).parse("rows", page.raw)
    assert record["papers"][0]["name"] == NAME


def test_what_is_utf8_is_kept_byte_for_byte(make: Make, spec: Spec) -> None:
    body = orjson.dumps({"items": [{"id": "1", "name": NFD}]})
    records, raw = pulled(make, spec, body, "application/json; charset=utf-8")
    assert (raw, records[0]["name"]) == (body, NFD)


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (as_1258(JSON), "application/json", "not UTF-8, and neither its Content-Type nor an XML declaration"),
        (as_1258(JSON), "application/json; charset=utf-8", "not UTF-8"),
        (as_1258(JSON), "application/json; charset=iso-8859-1", "in which Vietnamese cannot be written"),
        (as_1258(JSON), "application/json; charset=klingon", "charset=klingon, which is not known"),
        (JSON.encode("utf-16") + b"x", "application/json; charset=utf-16", "neither that nor UTF-8"),
        (as_1258(JSON), "application/json; charset=utf-16", "neither that nor UTF-8"),
        (JSON.encode("utf-16"), "application/json", "UTF-16, not UTF-8"),
        (JSON.encode()[:-30], "application/json", "breaks off"),
    ],
)
def test_letters_that_cannot_be_read_are_a_bad_answer_and_after_a_write_unknown(
    make: Make, spec: Spec, body: bytes, content_type: str, said: str
) -> None:
    double = Scripted(WireResponse(200, body, {"Content-Type": content_type}))
    with pytest.raises(BadAnswer, match=said) as caught:
        list(make(spec, double).pull("dossiers", Window(None, NOW)))
    assert caught.value.raw == body
    with pytest.raises(PeerUnknown, match=said):
        make(spec, double).call("put")


def test_an_html_page_in_another_charset_is_still_told_as_html(make: Make, spec: Spec) -> None:
    page = WireResponse(404, "<html><body>Không có</body></html>".encode("utf-16"), {"Content-Type": "text/html"})
    with pytest.raises((BadAnswer, PeerRefused)):
        list(make(spec, Scripted(page)).pull("dossiers", Window(None, NOW)))
    page = WireResponse(502, b"<html><body>Passerelle d\xe9faillante</body></html>", {"Content-Type": "text/html"})
    with pytest.raises(BadAnswer, match="HTML"):
        list(make(spec, Scripted(page)).pull("dossiers", Window(None, NOW)))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (as_1258(f"<?xml version='1.0' encoding='windows-1258'?>{XML}"), "text/xml"),
        (as_1258(f"<?xml version='1.0' encoding='windows-1258'?>{XML}"), "text/xml; charset=utf-8"),
        (f'<?xml version="1.0" encoding="utf-16"?>{XML}'.encode("utf-16"), "text/xml"),
        (f'<?xml version="1.0" encoding="utf-16"?>{XML}'.encode(), "text/xml; charset=utf-8"),
        (f'<?xml version="1.0" encoding="windows-1258"?>{XML}'.encode(), "text/xml; charset=utf-8"),
        (as_1258(f"<?xml version='1.0' encoding='utf-8'?>{XML}"), "text/xml; charset=windows-1258"),
        (XML.encode(), "text/xml"),
    ],
)
def test_an_xml_declaration_is_believed_only_where_it_is_true(body: bytes, content_type: str) -> None:
    from lxml import etree

    read = etree.fromstring(decode(body, content_type))
    assert read.findtext("name") == NAME


LETTERS = st.text(st.sampled_from("aăâđeêioôơuưyĐÁÀẢÃẠẤẦẨẪẬẮẰẲẴẶỚỜỞỠỢỨỪỬỮỰ ,01"), min_size=1)


@given(text=LETTERS)
def test_any_vietnamese_text_in_its_charset_comes_back_or_is_refused(text: str) -> None:
    body = orjson.dumps({"a": text}).decode()
    assert orjson.loads(decode(as_1258(body), "application/json; charset=windows-1258")) == {"a": text}


@given(body=st.binary(max_size=60), charset=st.sampled_from(["windows-1258", "utf-16", "iso-8859-1", "x", "utf-8"]))
def test_any_bytes_are_read_or_refused(body: bytes, charset: str) -> None:
    try:
        decode(body, f"application/json; charset={charset}")
    except WrongCharset as wrong:
        assert charset in str(wrong)
