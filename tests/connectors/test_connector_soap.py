"""SOAP requests are what the kept WSDL says, signed; replies become plain records without an object layer."""

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors import ConfigError, Window, WireRequest, load_spec
from connectors.answer.xmlbuild import RecordBuilder
from connectors.answer.xmlrecords import Fault, NotXml, raw_records, read_soap
from connectors.spec.file import WIRE
from tests.connectors.conftest import NOW, SECRET, SPECS, Make, Scripted, soap_answer

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
XSD = "{http://www.w3.org/2001/XMLSchema}"
NONE = soap_answer("<R xmlns='urn:viettel:motcua:v1'><tongSo>0</tongSo></R>")
RECORD = """<HoSo xmlns="urn:viettel:motcua:v1"><maHoSo>A</maHoSo><ghiChu/><email xsi:nil="true"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"></email><trichYeu>a &amp; b <![CDATA[<c>]]> é</trichYeu>
 <DanhSachGiayTo><GiayTo><tenTep>1.pdf</tenTep></GiayTo></DanhSachGiayTo><DanhSachTienTrinh/></HoSo>"""
BODY = "<R xmlns='urn:viettel:motcua:v1'><tongSo> 2 </tongSo><DanhSachHoSo>%s%s</DanhSachHoSo></R>"


@pytest.fixture
def sent(make: Make) -> WireRequest:
    peer = Scripted(NONE)
    window = Window(NOW, NOW)
    list(make("viettel_onegate", peer).pull("dossiers", window))
    (request,) = peer.requests
    return request


def test_a_request_is_valid_against_the_schema_of_the_kept_wsdl(sent: WireRequest) -> None:
    found = etree.parse(WIRE / "viettel_onegate.wsdl").find(f".//{XSD}schema")
    body = etree.fromstring(sent.body or b"").find(f"{SOAP}Body")
    assert found is not None and body is not None
    (call,) = body
    # Written and read again: a schema inside a WSDL borrows its namespaces from the whole.
    etree.XMLSchema(etree.fromstring(etree.tostring(found))).assertValid(call)
    assert {etree.QName(child).localname: child.text for child in call} == {
        "tuNgay": "01/07/2026 08:30:00",
        "denNgay": "01/07/2026 08:30:00",
        "trang": "1",
        "kichThuoc": "1000",
    }
    assert sent.headers["SOAPAction"] == '"TraCuuDanhSachHoSo"'
    assert sent.url == "http://peer.test/base/motcua/HoSoService"


def test_a_request_is_signed_with_a_digest_of_nonce_time_and_password(sent: WireRequest) -> None:
    token = etree.fromstring(sent.body or b"").find(f".//{WSSE}UsernameToken")
    assert token is not None

    def text(name: str) -> str:
        return token.findtext(name) or "" if token is not None else ""

    created = text(f"{WSU}Created")
    digest = hashlib.sha1(base64.b64decode(text(f"{WSSE}Nonce")) + created.encode() + SECRET.encode()).digest()
    assert text(f"{WSSE}Username") == "user"
    assert text(f"{WSSE}Password") == base64.b64encode(digest).decode()
    assert created == "2026-07-01T01:30:00Z"
    assert SECRET.encode() not in (sent.body or b"")
    assert SECRET not in repr(sent)


def test_an_operation_the_wsdl_does_not_have_is_a_configuration_error(make: Make) -> None:
    spec = load_spec(SPECS / "viettel_onegate.yaml")
    streams = {"dossiers": spec.streams["dossiers"].model_copy(update={"call": "TraCuu"})}
    with pytest.raises(ConfigError, match=r"viettel_onegate\.wsdl"):
        list(make(spec.model_copy(update={"streams": streams}), Scripted(NONE)).pull("dossiers", Window(None, NOW)))


def test_records_are_plain_dicts_with_lists_where_the_spec_says_so() -> None:
    found = read_soap(soap_answer(BODY % (RECORD, RECORD)).body, "HoSo", frozenset({"GiayTo", "TienTrinh"}), ["tongSo"])
    assert found.heads == {"tongSo": "2"}
    assert (
        found.records
        == [
            {
                "maHoSo": "A",
                "ghiChu": None,
                "email": None,
                "trichYeu": "a & b <c> é",
                "DanhSachGiayTo": {"GiayTo": [{"tenTep": "1.pdf"}]},
                "DanhSachTienTrinh": None,
            }
        ]
        * 2
    )


def test_indented_answers_read_the_same(make: Make) -> None:
    plain = soap_answer(BODY % (RECORD.replace("\n ", " "), "")).body
    tree = etree.fromstring(plain)
    etree.indent(tree)
    lists = frozenset({"GiayTo"})
    assert read_soap(etree.tostring(tree), "HoSo", lists).records == read_soap(plain, "HoSo", lists).records


LEAF = st.sampled_from(["a", "b", "c", "many"])
TREES = st.recursive(
    st.tuples(LEAF, st.none() | st.text("xyz ", max_size=3)),
    lambda inner: st.tuples(st.sampled_from(["a", "b", "many", "box"]), st.lists(inner, min_size=1, max_size=4)),
    max_leaves=12,
)


def element(tree: Any, parent: Any) -> None:
    name, inside = tree
    node = etree.SubElement(parent, f"{{urn:x}}{name}")
    if isinstance(inside, list):
        for child in inside:
            element(child, node)
    else:
        node.text = inside


@given(trees=st.lists(st.lists(TREES, max_size=5), max_size=6))
def test_a_record_of_a_known_shape_is_built_as_one_that_is_seen_for_the_first_time(trees: list[Any]) -> None:
    builder = RecordBuilder(frozenset({"many"}))
    for tree in [*trees, *trees]:
        record = etree.Element("{urn:x}record")
        for child in tree:
            element(child, record)
        assert builder.build(record) == builder.slowly(record)


def test_records_with_the_same_names_and_another_nesting_are_not_confused() -> None:
    builder = RecordBuilder(frozenset())
    for text, expected in [
        ("<r><a/><b><c>1</c><d>2</d></b></r>", {"a": None, "b": {"c": "1", "d": "2"}}),
        ("<r><a/><b><c>1</c></b><d>2</d></r>", {"a": None, "b": {"c": "1"}, "d": "2"}),
        ("<r><a><b>0</b></a><c>1</c><d>2</d></r>", {"a": {"b": "0"}, "c": "1", "d": "2"}),
        ("<r><a/><b><c>1</c><d>2</d></b></r>", {"a": None, "b": {"c": "1", "d": "2"}}),
    ]:
        assert builder.build(etree.fromstring(text)) == expected


def test_entities_of_a_document_type_are_never_expanded() -> None:
    body = soap_answer(BODY % (RECORD.replace(">A<", ">&bomb;<"), "")).body.replace(
        b"<soap:Envelope", b'<!DOCTYPE x [<!ENTITY bomb "boom">]><soap:Envelope', 1
    )
    with pytest.raises(NotXml, match="document type"):
        read_soap(body, "HoSo", frozenset())


@pytest.mark.parametrize("body", [b"<a/>", b"<HoSo/>", b"x", b"<s:Envelope xmlns:s='u'><s:Body>"])
def test_what_is_no_envelope_is_not_read(body: bytes) -> None:
    with pytest.raises(NotXml):
        read_soap(body, "HoSo", frozenset())


def test_a_soap_12_fault_is_a_fault_too() -> None:
    text = (
        "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Body><e:Fault><e:Code><e:Value>e:Sender"
        "</e:Value></e:Code><e:Reason><e:Text>no</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>"
    )
    with pytest.raises(Fault, match="e:Sender: no"):
        read_soap(text.encode(), "HoSo", frozenset())


def test_one_record_can_be_cut_out_of_a_kept_page(make: Make) -> None:
    page = soap_answer(BODY % (RECORD, RECORD.replace(">A<", ">B<"))).body
    connector = make("viettel_onegate", Scripted(NONE))
    cut = connector.raw_record("dossiers", page, 1)
    assert etree.fromstring(cut).findtext("{*}maHoSo") == "B"
    assert [connector.key_of("dossiers", record) for record in connector.parse("dossiers", page)] == ["A|", "B|"]
    with pytest.raises(IndexError):
        raw_records(page, "HoSo", 2)


def test_json_records_can_be_cut_out_and_parsed_again(make: Make) -> None:
    connector = make("vnpt_igate", Scripted(NONE))
    page = b'{"content": [{"id": "a"}, {"id": "b", "updatedDate": "2026-06-12T03:04:05.000+0000"}], "last": true}'
    assert connector.raw_record("dossiers", page, 1) == b'{"id":"b","updatedDate":"2026-06-12T03:04:05.000+0000"}'
    records: list[dict[str, Any]] = list(connector.parse("dossiers", page))
    changed = connector.changed_of("dossiers", records[1])
    assert changed is not None and changed.isoformat() == "2026-06-12T03:04:05+00:00"
    assert connector.changed_of("dossiers", records[0]) is None


def test_an_unknown_dossier_of_viettel_is_not_found(make: Make) -> None:
    from tests.connectors.conftest import soap_fault

    peer = Scripted(soap_fault("Hồ sơ X không tồn tại", "soap:Client"))
    assert make("viettel_onegate", peer).call("dossier", code="X").kind == "not_found"
