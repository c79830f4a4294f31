"""What an error tells of an answer: names and hosts, no person, and the step that helps."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from connectors import BadAnswer, ConfigError, Connector, Hosts, Peer, PeerRefused, PeerUnknown, Window, WireResponse
from connectors.wire import transport as wire
from connectors.wire.transport import HttpTransport, TooLarge, WireRequest
from tests.connectors.conftest import NOW, Make, Scripted, Time, json_answer, soap_answer
from tests.connectors.specs import rest_spec

WINDOW = Window(None, NOW)
LARGE = "the answer is larger than 256 MB"


COOKIES: list[str | None] = []


@contextmanager
def serving(body: bytes, headers: dict[str, str]) -> Iterator[str]:
    """The address of a server that gives one answer, and keeps the cookies that come."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            COOKIES.append(self.headers["Cookie"])
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    COOKIES.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def pull(make: Make, peer: Scripted, spec: str = "vnpt_igate") -> list[Any]:
    return list(make(spec, peer).pull("dossiers", WINDOW))


def test_a_readable_answer_without_the_named_text_is_told_by_its_keys_and_never_by_its_values(make: Make) -> None:
    found = {"data": {"chuHoSo": "Nguyễn Thị Hoa", "soDinhDanh": "038090001234"}, "038090001234": 1, "extra": "Hoa"}
    with pytest.raises(PeerRefused, match=r"HTTP 418; it holds data, extra\)") as caught:
        pull(make, Scripted(json_answer(found, 418)))
    assert "Hoa" not in str(caught.value) and "0380" not in str(caught.value)
    assert b"Hoa" in (caught.value.raw or b"")


def test_a_readable_soap_answer_is_told_by_its_elements(make: Make) -> None:
    answer = soap_answer("<R xmlns='urn:x'><tongSo>0</tongSo><chuHoSo>Nguyễn Thị Hoa</chuHoSo></R>")
    with pytest.raises(PeerRefused, match="it holds R, tongSo, chuHoSo") as caught:
        pull(make, Scripted(replace(answer, status=418)), "viettel_onegate")
    assert "Hoa" not in str(caught.value)


def test_an_answer_too_large_is_asked_for_once_and_says_to_ask_for_fewer_rows(make: Make, time: Time) -> None:
    peer = Scripted(TooLarge(LARGE))
    with pytest.raises(BadAnswer, match="larger than 256 MB") as caught:
        list(make(rest_spec({}), peer).pull("rows", WINDOW))
    assert "fewer rows" in caught.value.next_step
    assert len(peer.requests) == 1 and not time.naps


def test_a_write_with_an_answer_too_large_may_have_arrived(make: Make) -> None:
    with pytest.raises(PeerUnknown, match="larger"):
        make("national_adapter", Scripted(TooLarge(LARGE))).call(
            "put_dossier", updating=False, dossiers=[{"MaHoSo": "A"}]
        )


def test_a_body_that_unpacks_to_more_than_is_read_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LARGEST_ANSWER", 2**20)
    with serving(gzip.compress(b" " * 2**23), {"Content-Encoding": "gzip"}) as url, pytest.raises(TooLarge):
        HttpTransport(1)(WireRequest("GET", url))


def test_a_redirect_that_is_not_followed_names_the_host_and_not_the_rest_of_the_address(make: Make) -> None:
    away = WireResponse(302, b"", {"location": "https://u:p@igate.example.vn:8443/login?token=secret-token"})
    with pytest.raises(BadAnswer, match=r"HTTP 302, a redirect to https://igate\.example\.vn:8443 ") as caught:
        list(make(rest_spec({}), Scripted(away)).pull("rows", WINDOW))
    assert "secret" not in str(caught.value) and "province file" in caught.value.next_step


def test_a_control_character_in_a_value_is_the_fault_of_the_record_and_not_of_the_wsdl(make: Make) -> None:
    peer = Scripted()
    item = {"trangThai": "2", "thoiDiem": "01/07/2026 08:30:00", "noiDung": "mật\x0b"}
    with pytest.raises(PeerRefused, match="nothing was sent: noiDung holds a control character") as caught:
        make("viettel_onegate", peer).call("report_status", number="H38-1", item=item)
    assert "WSDL" not in str(caught.value) and "mật" not in str(caught.value) and peer.requests == []


def test_a_control_character_in_a_password_is_the_fault_of_the_connection(make: Make) -> None:
    with pytest.raises(ConfigError, match="control character") as caught:
        make("fpt_egov_soap", Scripted(), password="a\x0bb").exchange.log_in()
    assert "connection peer_x" in caught.value.next_step


def test_another_account_beside_shares_no_cookie() -> None:
    """A session kept in a cookie would let a wrong password in."""
    with serving(b'{"rows": []}', {"Set-Cookie": "session=1; Path=/"}) as url:
        connector = Connector(rest_spec({}), Peer("p", url, "u", "right"), hosts=Hosts())
        wrong = connector.beside(peer=Peer("p", url, "u", "wrong"))
        for one in (connector, connector, connector.beside(), wrong):
            list(one.pull("rows", WINDOW))
    assert COOKIES == [None, "session=1", "session=1", None]
