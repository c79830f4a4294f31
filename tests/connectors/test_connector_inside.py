"""An answer inside an answer is opened from the outside in; what is not the promised content is the answer's text."""

import time as clocks
from base64 import b64encode
from typing import Any
from xml.sax.saxutils import escape

import orjson
import pytest

from connectors import BadAnswer, Connector, Page, PeerRefused, Spec, Window, WireResponse
from connectors.answer.envelope import Envelope, open_envelope
from connectors.spec.words import Reply
from tests.connectors.conftest import NOW, Make, Scripted, json_answer, soap_answer
from tests.connectors.specs import rest_spec

WINDOW = Window(None, NOW)
ROWS = [{"id": "1", "name": "Nguyễn Văn An"}, {"id": "2", "name": "Lò Thị Bình"}]
XML = (
    "<DanhSach><tong>2</tong><Row><id>1</id><name>Nguyễn Văn An</name></Row>"
    "<Row><id>2</id><name>Lò Thị Bình</name></Row></DanhSach>"
)
DATASET = (
    '<xs:schema id="NewDataSet" xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="Row"/></xs:schema>'
    '<diffgr:diffgram xmlns:msdata="urn:schemas-microsoft-com:xml-msdata" '
    'xmlns:diffgr="urn:schemas-microsoft-com:xml-diffgram-v1"><NewDataSet xmlns="">'
    '<Row diffgr:id="Row1" msdata:rowOrder="0" diffgr:hasChanges="modified"><id>1</id><name>Nguyễn Văn An</name></Row>'
    '<Row diffgr:id="Row2" msdata:rowOrder="1"><id>2</id><name>Lò Thị Bình</name></Row></NewDataSet>'
    '<diffgr:before><Row diffgr:id="Row1" xmlns=""><id>1</id><name>Nguyễn Văn Anh</name></Row></diffgr:before>'
    "</diffgr:diffgram>"
)
ASMX = '<GetResponse xmlns="http://fpt.test/"><Code>0</Code><GetResult>{}</GetResult></GetResponse>'


def opened(raw: bytes, *inside: dict[str, Any], soap: bool = False, record: str = "Row") -> Envelope:
    steps = Reply.model_validate({"inside": list(inside)}).inside
    return open_envelope(raw, record=record, heads=("tong", "Code"), soap=soap, inside=steps)


def in_soap(content: str) -> bytes:
    return soap_answer(ASMX.format(content)).body


JSON_TEXT = orjson.dumps({"result": ROWS}).decode()
BASE64 = b64encode(JSON_TEXT.encode()).decode()


@pytest.mark.parametrize(
    ("body", "inside"),
    [
        ({"message": JSON_TEXT}, [{"at": "message", "as": "json"}]),
        ({"a": {"b": [JSON_TEXT]}}, [{"at": "a.b.0", "as": "json"}]),
        ({"message": orjson.dumps(JSON_TEXT).decode()}, [{"at": "message", "as": "json"}]),
        ({"message": {"result": ROWS}}, [{"at": "message", "as": "json"}]),
        (JSON_TEXT, [{"as": "json"}]),
        ({"message": BASE64}, [{"at": "message", "as": "base64"}, {"as": "json"}]),
        ({"message": "\n".join([BASE64[:50], BASE64[50:]])}, [{"at": "message", "as": "base64"}, {"as": "json"}]),
        (BASE64, [{"as": "base64"}, {"as": "json"}]),
        (
            {"m": orjson.dumps({"data": JSON_TEXT}).decode()},
            [{"at": "m", "as": "json"}, {"at": "data", "as": "json"}],
        ),
    ],
)
def test_json_is_found_inside_json(body: Any, inside: list[dict[str, Any]]) -> None:
    envelope = opened(orjson.dumps(body), *inside)
    assert (envelope.kind, envelope.data) == ("json", {"result": ROWS})


def test_json_is_found_inside_base64_that_is_the_whole_body() -> None:
    assert opened(BASE64.encode(), {"as": "base64"}, {"as": "json"}).data == {"result": ROWS}


@pytest.mark.parametrize(
    ("raw", "inside", "soap"),
    [
        (orjson.dumps({"data": XML}), [{"at": "data", "as": "xml"}], False),
        (
            orjson.dumps({"data": f"<?xml version='1.0' encoding='utf-16'?>\n{XML}"}),
            [{"at": "data", "as": "xml"}],
            False,
        ),
        (
            orjson.dumps({"data": b64encode(b"\xef\xbb\xbf" + XML.encode()).decode()}),
            [{"at": "data", "as": "base64"}, {"as": "xml"}],
            False,
        ),
        (XML.encode(), [{"as": "xml"}], False),
        (in_soap(escape(XML)), [{"at": "GetResult", "as": "xml"}], True),
        (
            in_soap(f"<![CDATA[<?xml version='1.0' encoding='utf-16'?>{XML}]]>"),
            [{"at": "GetResult", "as": "xml"}],
            True,
        ),
        (in_soap("&#xFEFF;" + escape(XML)), [{"at": "GetResult", "as": "xml"}], True),
        (in_soap(XML), [{"at": "GetResult", "as": "xml"}], True),
        (in_soap(DATASET), [{"at": "GetResult", "as": "diffgram"}], True),
        (in_soap(escape(f"<DataSet>{DATASET}</DataSet>")), [{"at": "GetResult", "as": "diffgram"}], True),
        (
            in_soap(b64encode(XML.encode()).decode()),
            [{"at": "GetResult", "as": "base64"}, {"as": "xml"}],
            True,
        ),
        (
            in_soap(f"<Ket><Tep>{escape(XML)}</Tep></Ket>"),
            [{"at": "GetResult", "as": "xml"}, {"at": "Tep", "as": "xml"}],
            True,
        ),
    ],
)
def test_xml_is_found_inside_json_soap_and_base64(raw: bytes, inside: list[dict[str, Any]], soap: bool) -> None:
    envelope = opened(raw, *inside, soap=soap)
    assert (envelope.kind, envelope.records, envelope.words) == ("soap", ROWS, "")
    if soap:
        assert envelope.find("Code") == "0"


def test_json_is_found_inside_a_soap_result() -> None:
    envelope = opened(in_soap(escape(JSON_TEXT)), {"at": "GetResult", "as": "json"}, soap=True)
    assert (envelope.kind, envelope.data, envelope.find("Code")) == ("json", {"result": ROWS}, "0")


def test_what_a_value_says_inside_counts_before_what_it_says_outside() -> None:
    body = {"code": 0, "text": "ok", "message": orjson.dumps({"code": -5, "result": []}).decode()}
    envelope = opened(orjson.dumps(body), {"at": "message", "as": "json"})
    assert (envelope.find("code"), envelope.find("text"), envelope.find("gone")) == (-5, "ok", None)


@pytest.mark.parametrize(
    ("raw", "inside", "soap"),
    [
        (orjson.dumps({"message": "Phiên hết hạn"}), [{"at": "message", "as": "json"}], False),
        (orjson.dumps({"message": "Phiên hết hạn"}), [{"at": "message", "as": "xml"}], False),
        (orjson.dumps({"message": "Phiên hết hạn"}), [{"at": "message", "as": "base64"}, {"as": "json"}], False),
        (orjson.dumps("Phiên hết hạn"), [{"as": "json"}], False),
        ("Phiên hết hạn".encode(), [{"as": "json"}], False),
        ("Phiên hết hạn".encode(), [{"at": "message", "as": "json"}], False),
        (in_soap("Phiên hết hạn"), [{"at": "GetResult", "as": "xml"}], True),
        (in_soap("Phiên hết hạn"), [{"at": "GetResult", "as": "diffgram"}], True),
        (in_soap("Phiên hết hạn"), [{"at": "GetResult", "as": "json"}], True),
    ],
)
def test_text_in_the_place_of_the_content_is_the_text_of_the_answer(
    raw: bytes, inside: list[dict[str, Any]], soap: bool
) -> None:
    envelope = opened(raw, *inside, soap=soap)
    assert (envelope.kind, envelope.words) == ("text", "Phiên hết hạn")


@pytest.mark.parametrize(
    ("raw", "inside", "kind"),
    [
        (orjson.dumps({"message": JSON_TEXT[:-9]}), [{"at": "message", "as": "json"}], "broken"),
        (orjson.dumps({"message": XML[:-30]}), [{"at": "message", "as": "xml"}], "broken"),
        (orjson.dumps({"message": "<html><body>502</body></html>"}), [{"at": "message", "as": "xml"}], "html"),
        (orjson.dumps({"message": 12}), [{"at": "message", "as": "xml"}], "text"),
        (orjson.dumps({"message": "17"}), [{"at": "message", "as": "json"}], "text"),
        (
            orjson.dumps({"message": "<!DOCTYPE r [<!ENTITY e 'x'>]><r><Row><id>&e;</id></Row></r>"}),
            [{"at": "message", "as": "xml"}],
            "broken",
        ),
    ],
)
def test_cut_or_other_content_is_called_what_it_is(raw: bytes, inside: list[dict[str, Any]], kind: str) -> None:
    assert opened(raw, *inside).kind == kind


def test_a_cut_inner_text_of_a_sound_soap_answer_is_broken_and_names_the_place() -> None:
    envelope = opened(in_soap(escape(XML[:-40])), {"at": "GetResult", "as": "xml"}, soap=True)
    assert envelope.kind == "broken"
    assert envelope.words.startswith("under GetResult: ")


def test_a_dataset_without_a_diffgram_is_not_read_as_an_empty_one() -> None:
    assert opened(in_soap(XML), {"at": "GetResult", "as": "diffgram"}, soap=True).records is None


def test_a_diffgram_without_rows_is_an_empty_list() -> None:
    empty = '<diffgr:diffgram xmlns:diffgr="urn:schemas-microsoft-com:xml-diffgram-v1"/>'
    assert opened(in_soap(empty), {"at": "GetResult", "as": "diffgram"}, soap=True).records == []


def facade(may_be_empty: bool = False, **system: Any) -> Spec:
    return rest_spec(
        {"records": "result", "pages": {"by": "none"}},
        reply={"inside": {"at": "message", "as": "json", "may_be_empty": may_be_empty}, "code": "status"},
        answers=[
            {"status": 503, "then": "retry"},
            {"text": "*hết hạn*", "then": "login_again"},
            {"text": "*không có dữ liệu*", "then": "not_found"},
            {"text": "*không có quyền*", "then": "hold"},
            {"code": [1, "none"], "then": "done"},
        ],
        **system,
    )


def pulled(connector: Connector) -> list[Page]:
    return list(connector.pull("rows", WINDOW))


LOGIN: dict[str, Any] = {
    "auth": {"kind": "login", "post": "auth", "token": "session"},
    "every_call": {"headers": {"X": "{token}"}},
}


def test_error_text_with_http_200_is_judged_by_the_answer_table(make: Make) -> None:
    peer = Scripted(json_answer({"message": "Phiên làm việc HẾT HẠN"}), json_answer({"message": JSON_TEXT}))
    (page,) = pulled(make(facade(**LOGIN), peer))
    assert ([record["id"] for record in page.records()], peer.logins) == (["1", "2"], 2)


def test_a_text_that_says_that_there_is_nothing_is_an_empty_page(make: Make) -> None:
    (page,) = pulled(make(facade(), Scripted(json_answer({"message": "Không có dữ liệu"}))))
    assert (len(page), page.last) == (0, True)


def test_a_named_no_is_a_refusal_and_an_unnamed_text_a_bad_answer(make: Make) -> None:
    with pytest.raises(PeerRefused, match="Không có quyền"):
        pulled(make(facade(), Scripted(json_answer({"message": "Không có quyền"}))))
    with pytest.raises(BadAnswer, match=r"plain text, not JSON .*Có lỗi xảy ra"):
        pulled(make(facade(), Scripted(json_answer({"message": "Có lỗi xảy ra"}))))


@pytest.mark.parametrize("body", [{"message": None}, {"message": ""}, {"message": "null"}, {}])
def test_a_place_with_nothing_in_it_is_no_empty_list(make: Make, body: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer, match="no list of records under 'result'"):
        pulled(make(facade(), Scripted(json_answer(body))))


@pytest.mark.parametrize("body", [{"message": None}, {"message": " "}, {"message": "null"}, {}])
def test_a_place_that_may_be_empty_is_an_empty_list(make: Make, body: dict[str, Any]) -> None:
    (page,) = pulled(make(facade(may_be_empty=True), Scripted(json_answer(body))))
    assert (len(page), page.last) == (0, True)


def test_a_place_that_may_be_empty_is_no_excuse_for_a_refusal(make: Make) -> None:
    with pytest.raises(PeerRefused, match="code 7"):
        pulled(make(facade(may_be_empty=True), Scripted(json_answer({"status": 7, "message": ""}))))


def test_a_code_outside_decides_although_there_is_nothing_inside(make: Make) -> None:
    with pytest.raises(PeerRefused, match="code 7"):
        pulled(make(facade(), Scripted(json_answer({"status": 7, "message": None}))))


def test_a_stream_may_be_opened_unlike_the_rest_of_its_system(make: Make) -> None:
    spec = facade()
    own = spec.streams["rows"].model_copy(update={"reply": Reply.model_validate({"inside": [], "records": "list"})})
    own = own.model_copy(update={"records": None})
    peer = Scripted(json_answer({"list": ROWS}))
    (page,) = pulled(make(spec.model_copy(update={"streams": {"rows": own}}), peer))
    assert list(page.records()) == ROWS


def test_a_kept_body_is_opened_again_as_it_was(make: Make) -> None:
    connector = make(facade(), Scripted(json_answer({"message": JSON_TEXT})))
    (page,) = pulled(connector)
    assert list(connector.parse("rows", page.raw)) == ROWS
    assert orjson.loads(connector.raw_record("rows", page.raw, 1)) == ROWS[1]
    with pytest.raises(BadAnswer):
        connector.parse("rows", orjson.dumps({"message": "Có lỗi"}))


def test_an_inner_answer_of_ten_megabytes_is_read_as_fast_as_one_that_is_not_inside() -> None:
    row = "<Row>" + "".join(f"<c{place}>Nguyễn Văn An {place}</c{place}>" for place in range(20)) + "</Row>"
    plain = "<DanhSach>" + row * (10_000_000 // len(row.encode())) + "</DanhSach>"

    def seconds(raw: bytes) -> tuple[float, int]:
        started = clocks.process_time()
        envelope = opened(raw, {"at": "GetResult", "as": "xml"}, soap=True)
        return clocks.process_time() - started, len(envelope.records or [])

    direct, inner = in_soap(plain), in_soap(escape(plain))
    seconds(direct)
    (alone, rows), (inside, same) = seconds(direct), seconds(inner)
    assert rows == same > 10_000
    assert inside < 2 * alone + 0.2


def test_a_kept_answer_that_is_cut_anywhere_is_never_read_as_whole() -> None:
    body = in_soap(escape(XML))
    for end in range(1, len(body)):
        envelope = opened(body[:end], {"at": "GetResult", "as": "xml"}, soap=True)
        assert not (envelope.readable and envelope.records), end


def test_answers_that_were_plain_stay_as_they_were(make: Make) -> None:
    answer = WireResponse(200, orjson.dumps({"rows": ROWS}), {})
    assert list(pulled(make(rest_spec({}), Scripted(answer)))[0].records()) == ROWS


@pytest.mark.parametrize(
    "inside", [[{"at": "data", "as": "base64"}], [{"at": "data", "as": "base64"}, {"at": "x", "as": "json"}]]
)
def test_base64_must_say_what_it_holds(inside: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="base64 needs a next line"):
        Reply.model_validate({"inside": inside})


def test_links_are_for_rest() -> None:
    soap = {"system": "invented", "transport": "soap", "wsdl": "viettel_onegate.wsdl"}
    stream = {"call": "X", "post": "y", "key": "id", "pages": {"by": "link", "next": "next"}}
    with pytest.raises(ValueError, match="by: link of rows needs transport: rest"):
        Spec.model_validate({**soap, "streams": {"rows": stream}})
