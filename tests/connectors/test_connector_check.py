"""A check says of each thing whether it is in order, and what to do when it is not; it never sends data."""

import socket
from contextlib import closing
from typing import Any

import orjson
import pytest

from connectors import CheckLine, WireRequest, WireResponse
from connectors.specfile import WIRE
from tests.connectors.conftest import Make, json_answer, soap_answer

WSDL = (WIRE / "viettel_onegate.wsdl").read_bytes()
DATE = {"Date": "Wed, 01 Jul 2026 01:30:00 GMT"}
NONE = soap_answer("<R xmlns='urn:viettel:motcua:v1'><tongSo>0</tongSo></R>")


@pytest.fixture(autouse=True)
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda address, timeout: closing(_Open()))


class _Open:
    def close(self) -> None:
        """A connection that was made."""


def lines(make: Make, spec: str, peer: Any) -> dict[str, CheckLine]:
    return {line.name: line for line in make(spec, peer).check()}


def viettel(wsdl: WireResponse) -> Any:
    def peer(request: WireRequest) -> WireResponse:
        if request.method == "GET":
            return wsdl if request.url.endswith("?wsdl") else WireResponse(404, b"", DATE)
        return NONE

    return peer


def test_a_served_wsdl_without_an_operation_of_the_spec_is_told(make: Make) -> None:
    other = WSDL.replace(b'<wsdl:operation name="LayFileDinhKem"', b'<wsdl:operation name="TaiTep"')
    line = lines(make, "viettel_onegate", viettel(WireResponse(200, other)))["wsdl"]
    assert not line.ok
    assert "does not serve LayFileDinhKem" in line.detail and "version" in line.next_step


def test_a_served_wsdl_as_kept_and_one_with_more_are_in_order(make: Make) -> None:
    found = lines(make, "viettel_onegate", viettel(WireResponse(200, WSDL)))
    assert {name: line.ok for name, line in found.items()} == dict.fromkeys(found, True)
    assert found["wsdl"].detail == "4 operations, as kept"
    more = WSDL.replace(b"</wsdl:portType>", b'<wsdl:operation name="Moi"/></wsdl:portType>')
    assert "Moi" in lines(make, "viettel_onegate", viettel(WireResponse(200, more)))["wsdl"].detail


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
    assert list(found) == ["connection", "login"]
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
