"""A check says of each thing whether it is in order, and what to do when it is not; it never sends data."""

from contextlib import nullcontext
from typing import Any

import orjson
import pytest

from connectors import CheckLine, WireRequest, WireResponse
from connectors.spec.file import WIRE
from connectors.survey.check import check
from connectors.survey.reach import Network
from tests.connectors.conftest import Make, json_answer, soap_answer, soap_fault

WSDL = (WIRE / "viettel_onegate.wsdl").read_bytes()
DATE = {"Date": "Wed, 01 Jul 2026 01:30:00 GMT"}
NONE = soap_answer("<R xmlns='urn:viettel:motcua:v1'><tongSo>0</tongSo></R>")
NOBODY = soap_fault("Hồ sơ không tồn tại", "soap:Client")
HERE = Network(lambda host, port: ["10.20.0.7"], lambda host, port, timeout: nullcontext())


def lines(make: Make, spec: str, peer: Any, network: Network = HERE) -> dict[str, CheckLine]:
    return {line.name: line for line in check(make(spec, peer), network)}


def viettel(wsdl: WireResponse) -> Any:
    def peer(request: WireRequest) -> WireResponse:
        if request.method == "GET":
            return wsdl if request.url.endswith("?wsdl") else WireResponse(404, b"", DATE)
        return NOBODY if b"HoSoTrucTuyen" in (request.body or b"") else NONE

    return peer


def test_a_served_wsdl_without_an_operation_of_the_spec_is_told(make: Make) -> None:
    other = WSDL.replace(b'<wsdl:operation name="LayFileDinhKem"', b'<wsdl:operation name="TaiTep"')
    line = lines(make, "viettel_onegate", viettel(WireResponse(200, other)))["wsdl"]
    assert not line.ok
    assert "does not serve LayFileDinhKem" in line.detail and "version" in line.next_step


def test_a_served_wsdl_as_kept_and_one_with_more_are_in_order(make: Make) -> None:
    found = lines(make, "viettel_onegate", viettel(WireResponse(200, WSDL)))
    assert {name: line.ok for name, line in found.items()} == dict.fromkeys(found, True)
    assert found["wsdl"].detail.endswith(" operations, as kept")
    more = WSDL.replace(b"</wsdl:portType>", b'<wsdl:operation name="Moi"/></wsdl:portType>')
    line = lines(make, "viettel_onegate", viettel(WireResponse(200, more)))["wsdl"]
    assert line.ok and "operation Moi is new" in line.detail


def test_another_address_other_layout_and_other_words_in_a_wsdl_are_no_difference(make: Make) -> None:
    moved = WSDL.replace(b'location="', b'location="http://10.0.0.1/x').replace(b"\n", b"\n\t")
    found = lines(make, "viettel_onegate", viettel(WireResponse(200, moved)))["wsdl"]
    assert found.ok and found.detail.endswith(" operations, as kept")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b'name="dienThoai"', b'name="soDienThoai"', "type HoSo is changed (without dienThoai?: string"),
        (b'name="maHoSo" type="xs:string"', b'name="maHoSo" type="xs:int"', "maHoSo: int"),
    ],
)
def test_a_served_wsdl_whose_types_changed_is_told_by_their_names(
    make: Make, before: bytes, after: bytes, said: str
) -> None:
    assert before in WSDL
    line = lines(make, "viettel_onegate", viettel(WireResponse(200, WSDL.replace(before, after))))["wsdl"]
    assert not line.ok and said in line.detail and "viettel_onegate.wsdl" in line.next_step


@pytest.mark.parametrize("body", [b"<html>404</html>", b"", b"<a/>"])
def test_something_else_in_place_of_the_wsdl_is_told(make: Make, body: bytes) -> None:
    line = lines(make, "viettel_onegate", viettel(WireResponse(200, body)))["wsdl"]
    assert not line.ok and "gives no WSDL" in line.detail


def test_a_clock_that_is_off_is_told_in_seconds(make: Make) -> None:
    def peer(request: WireRequest) -> WireResponse:
        if request.url.endswith("/token"):
            return json_answer({"access_token": "t", "expires_in": 300})
        return json_answer({"content": [], "last": True}, 200, **{"Date": "Wed, 01 Jul 2026 01:35:00 GMT"})

    line = lines(make, "vnpt_igate", peer)["clock"]
    assert not line.ok and "+300 s" in line.detail and "NTP" in line.next_step


def test_a_refused_login_ends_the_check_there(make: Make) -> None:
    found = lines(make, "vnpt_igate", lambda request: json_answer({"error": "invalid_grant"}, 401))
    assert list(found) == ["name", "connection", "tls", "login"]
    assert not found["login"].ok and "password" in found["login"].next_step


def test_a_check_never_calls_an_operation_that_writes_and_goes_on_after_a_cross(make: Make) -> None:
    called: list[str] = []

    def peer(request: WireRequest) -> WireResponse:
        body = orjson.loads(request.body or b"{}")
        if request.url.endswith("/auth"):
            return json_answer({"session": "s", "error_code": 0})
        called.append(body.get("service", ""))
        if body.get("service") == "LayDanhMucCoQuan":
            return json_answer({"error_code": "-11", "message": "Dịch vụ không tồn tại"})
        return json_answer({"error_code": 0, "result": [{"MATTHC": "1"}]}, 200, **DATE)

    found = lines(make, "national_adapter", peer)
    assert not {"DongBoHoSoMC", "CapNhatTienDoHoSoMC"} & set(called)
    assert [name for name, line in found.items() if not line.ok] == ["agencies"]
    assert "Dịch vụ không tồn tại" in found["agencies"].detail
    assert found["decision"].detail.startswith("not tried")


@pytest.mark.parametrize(
    ("network", "wrong", "said", "step"),
    [
        (Network(lambda host, port: (_ for _ in ()).throw(OSError("no")), HERE.connect), "name", "not known", "DNS"),
        (
            Network(
                HERE.resolve, lambda host, port, timeout: (_ for _ in ()).throw(OSError(111, "Connection refused"))
            ),
            "connection",
            "Connection refused",
            "firewall",
        ),
    ],
)
def test_a_peer_that_is_not_reached_is_told_where_it_ends(
    make: Make, network: Network, wrong: str, said: str, step: str
) -> None:
    found = lines(make, "vnpt_igate", lambda request: json_answer({}), network)
    assert list(found)[-1] == wrong and not found[wrong].ok
    assert said in found[wrong].detail and step in found[wrong].next_step


def test_an_address_inside_a_network_and_plain_http_are_said(make: Make) -> None:
    found = lines(make, "vnpt_igate", lambda request: json_answer({"error": "x"}, 401))
    assert found["name"].detail == "peer.test is 10.20.0.7 (inside: only through the VPN)"
    assert found["tls"].ok and "read on the way" in found["tls"].detail


def test_quota_headers_are_shown_and_a_quota_that_is_met_at_once_is_a_fault(make: Make) -> None:
    answers = [
        json_answer({}, 429, **{"Retry-After": "2"}),
        json_answer({"content": [], "last": True}, 200, **{"X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "598"}),
    ]

    def peer(request: WireRequest) -> WireResponse:
        if request.url.endswith("/token"):
            return json_answer({"access_token": "t", "expires_in": 300})
        return answers.pop(0) if len(answers) > 1 else answers[0]

    line = lines(make, "vnpt_igate", peer)["quota"]
    assert not line.ok and "Retry-After 2" in line.detail and "limits.per_second" in line.next_step
    line = lines(make, "vnpt_igate", peer)["quota"]
    assert line.ok and "X-RateLimit-Remaining 598" in line.detail
