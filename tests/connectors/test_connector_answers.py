"""The answer table of the national spec, as operation has seen it; and the parts of an answer, wherever they stand."""

import unicodedata

import orjson
import pytest

from connectors import Window, WireResponse
from connectors.answer.envelope import open_envelope
from connectors.answer.table import Said, compile_rules, normal_code
from connectors.spec.words import Rule
from tests.connectors.conftest import NOW, Make, Scripted, json_answer


@pytest.mark.parametrize("code", [0, "0", "00", " 0 ", "000"])
def test_success_is_success_in_every_spelling(make: Make, code: object) -> None:
    peer = Scripted(json_answer({"error_code": code, "message": "", "result": [{"MaHoSo": "A"}]}))
    answer = make("national_adapter", peer).call("look_up", code="A")
    assert (answer.kind, answer.code, answer.result) == ("done", "0", [{"MaHoSo": "A"}])


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("3", "Hồ sơ A đã tồn tại", "exists"),
        (0, "Hồ sơ A đã tồn tại", "exists"),
        ("-3", "HỒ SƠ A ĐÃ TỒN TẠI", "exists"),
        ("-3", unicodedata.normalize("NFD", "Hồ sơ A đã  tồn tại"), "exists"),
        ("-3", "Hồ sơ A da ton tai", "hold"),
        ("-9", "Hồ sơ không tồn tại", "not_found"),
        ("-4", "Mã TTHC không tồn tại: 9.999999", "hold"),
        ("-2", "Thiếu trường bắt buộc: ChuHoSo", "hold"),
        ("-7", "Vượt quá giới hạn 10", "hold"),
        (0, "Hồ sơ bị từ chối", "hold"),
        ("-5", "Hồ sơ đã trả kết quả, không được cập nhật trạng thái", "hold"),
        ("00", "Thành công", "done"),
        ("", "Đồng bộ thành công", "done"),
        (None, "Đồng bộ không thành công", "hold"),
        ("999", "", "hold"),
        (None, None, "hold"),
    ],
)
def test_a_write_is_judged_by_code_and_text(make: Make, code: object, text: object, kind: str) -> None:
    peer = Scripted(json_answer({"error_code": code, "message": text}))
    assert make("national_adapter", peer).call("put_dossier", updating=False, dossiers=[]).kind == kind


def test_the_first_rule_that_matches_decides() -> None:
    rules = [
        Rule(text=["*a*"], then="exists"),
        Rule(code=[0], then="done"),
        Rule(status=[500], code=["1"], then="retry"),
    ]
    judge = compile_rules(rules, needs_code=True)
    assert judge(Said(200, "0", "xAx")) == ("exists", True)
    assert judge(Said(200, "0", "")) == ("done", True)
    assert judge(Said(500, "1", "")) == ("retry", True)
    assert judge(Said(200, "1", "")) == ("hold", False)


@pytest.mark.parametrize(("code", "normal"), [(True, "True"), (-1, "-1"), ("-01", "-1"), ("E-01", "E-01"), ("", None)])
def test_codes_are_compared_as_what_they_mean(code: object, normal: str | None) -> None:
    assert normal_code(code) == normal


def test_json_inside_a_json_string_is_opened(make: Make) -> None:
    inner = orjson.dumps({"error_code": "00", "result": [{"MaHoSo": "A"}]}).decode()
    peer = Scripted(WireResponse(200, orjson.dumps(orjson.dumps(inner).decode())))
    assert make("national_adapter", peer).call("look_up", code="A").result == [{"MaHoSo": "A"}]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b'""', "empty"),
        (b"OK", "text"),
        ("Lỗi hệ thống".encode(), "text"),
        (b"\xef\xbb\xbf{}", "json"),
        (b"[1, 2]", "json"),
        (b"<html>x</html>", "html"),
        (b"<!-- x --><!DOCTYPE HTML><p>x", "html"),
        (b'"<html>x</html>"', "html"),
        (b'{"a": 1', "broken"),
        (b"<?xml version='1.0'?><a>", "broken"),
        (b"<s:Envelope xmlns:s='u'><s:Body><s:Fault><faultcode>c</faultcode></s:Fault></s:Body></s:Envelope>", "fault"),
        ('{"a": "é"}'.encode("utf-16"), "broken"),
    ],
)
def test_each_kind_of_answer_is_recognised(raw: bytes, kind: str) -> None:
    assert open_envelope(raw).kind == kind


def test_values_that_are_no_list_become_one(make: Make) -> None:
    peer = Scripted(json_answer({"error_code": 0, "result": {"MATTHC": "1.001193"}}))
    assert make("national_adapter", peer).call("procedure", code="1.001193").result == [{"MATTHC": "1.001193"}]
    peer = Scripted(json_answer({"error_code": 0, "result": None}))
    assert make("national_adapter", peer).call("look_up", code="A").kind == "not_found"


def test_the_national_list_is_pulled_as_one_page(make: Make) -> None:
    peer = Scripted(json_answer({"error_code": "0", "result": [{"MATTHC": "1"}, {"MATTHC": "2"}]}))
    (page,) = make("national_adapter", peer).pull("procedures", Window(None, NOW))
    assert ([record["MATTHC"] for record in page.records()], page.last) == (["1", "2"], True)
    (body,) = peer.bodies
    assert body == {"session": "session-1", "madonvi": "H38", "service": "LayDanhSachTTHC"}


def test_a_write_goes_out_as_the_document_says(make: Make) -> None:
    peer = Scripted(json_answer({"error_code": "0"}))
    connector = make("national_adapter", peer, unit=None, extra={"madonvi": "H48", "dstcode": "VN:GOV:000"})
    connector.call("put_dossier", updating=True, dossiers=[{"MaHoSo": "A"}])
    (request,) = peer.requests
    assert request.headers["dstcode"] == "VN:GOV:000"
    assert request.url == "http://peer.test/base/integration"
    assert peer.bodies == [
        {
            "session": "session-1",
            "madonvi": "H48",
            "service": "DongBoHoSoMC",
            "isUpdating": "True",
            "data": [{"MaHoSo": "A"}],
        }
    ]
    with pytest.raises(TypeError, match="takes dossiers, updating"):
        connector.call("put_dossier", dossiers=[])


def test_without_a_dstcode_the_header_is_left_out(make: Make) -> None:
    peer = Scripted(json_answer({"error_code": "0", "result": []}))
    make("national_adapter", peer).call("look_up", code="A")
    assert "dstcode" not in peer.requests[0].headers
