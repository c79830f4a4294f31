"""A token is renewed early, once for all who wait, and once more when the peer says so; then it is an error."""

import pickle
import threading

import pytest

from connectors import AuthRefused, ConfigError, Window, WireRequest, WireResponse
from tests.connectors.conftest import NOW, SECRET, Make, Scripted, Time, json_answer, soap_fault

WINDOW = Window(None, NOW)
EMPTY = {"content": [], "last": True}


def test_a_token_is_used_until_half_a_minute_before_it_expires(make: Make, time: Time) -> None:
    peer = Scripted(json_answer(EMPTY), lifetime=300)
    connector = make("vnpt_igate", peer)
    list(connector.pull("dossiers", WINDOW))
    time.seconds = 269
    list(connector.pull("dossiers", WINDOW))
    assert peer.logins == 1
    time.seconds = 270
    list(connector.pull("dossiers", WINDOW))
    assert peer.logins == 2
    assert [request.headers["Authorization"] for request in peer.requests] == [
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-2",
    ]


def test_an_auth_answer_makes_one_forced_login(make: Make) -> None:
    peer = Scripted(json_answer({"error": "invalid_token"}, 401), json_answer(EMPTY))
    pages = list(make("vnpt_igate", peer).pull("dossiers", WINDOW))
    assert (len(pages), peer.logins, len(peer.requests)) == (1, 2, 2)


def test_a_second_auth_answer_in_a_row_is_refused_and_not_tried_again(make: Make) -> None:
    peer = Scripted(json_answer({"error": "invalid_token"}, 401))
    with pytest.raises(AuthRefused) as caught:
        list(make("vnpt_igate", peer).pull("dossiers", WINDOW))
    assert (peer.logins, len(peer.requests)) == (2, 2)
    assert "peer_x · dossiers · page 1" in str(caught.value)
    assert "peer_x" in caught.value.next_step


def test_a_session_in_the_body_is_renewed_when_the_peer_says_so_with_http_200(make: Make) -> None:
    over = json_answer({"error_code": "-1", "message": "Phiên làm việc không hợp lệ", "result": []})
    peer = Scripted(over, json_answer({"error_code": 0, "result": []}))
    assert make("national_adapter", peer).call("look_up", code="A").kind == "not_found"
    assert [body["session"] for body in peer.bodies] == ["session-1", "session-2"]


def test_a_write_is_repeated_after_a_forced_login_since_the_peer_refused_it(make: Make) -> None:
    over = json_answer({"error_code": "-1", "message": "Phiên làm việc không hợp lệ"})
    peer = Scripted(over, json_answer({"error_code": "00"}))
    assert make("national_adapter", peer).call("put_dossier", updating=False, dossiers=[{}]).kind == "done"


def test_a_soap_request_is_signed_anew_after_an_auth_fault_and_then_refused(make: Make) -> None:
    peer = Scripted(soap_fault("Authentication failed: bad digest", "wsse:FailedAuthentication"))
    with pytest.raises(AuthRefused, match="Authentication failed"):
        list(make("viettel_onegate", peer).pull("dossiers", WINDOW))
    first, second = (request.body for request in peer.requests)
    assert first != second  # another nonce


def test_a_refused_login_names_the_connection_and_never_the_password(make: Make) -> None:
    def peer(request: WireRequest) -> WireResponse:
        return json_answer({"error": "invalid_grant", "error_description": "Invalid user credentials"}, 401)

    with pytest.raises(AuthRefused) as caught:
        list(make("vnpt_igate", peer).pull("dossiers", WINDOW))
    assert "Invalid user credentials" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_national_login_that_answers_minus_one_is_refused_at_once(make: Make) -> None:
    calls: list[str] = []

    def peer(request: WireRequest) -> WireResponse:
        calls.append(request.url)
        return json_answer({"session": "", "error_code": "-1", "message": "Sai tên đăng nhập hoặc mật khẩu"})

    with pytest.raises(AuthRefused, match="Sai tên đăng nhập"):
        make("national_adapter", peer).call("look_up", code="A")
    assert len(calls) == 1


def test_a_connection_without_a_needed_value_is_told_before_anything_is_sent(make: Make) -> None:
    peer = Scripted(json_answer(EMPTY))
    with pytest.raises(ConfigError, match=r"unit or extra\.madonvi"):
        make("national_adapter", peer, unit=None).call("look_up", code="A")
    assert peer.requests == []


def test_threads_that_meet_an_expired_token_share_one_login(make: Make) -> None:
    lock, everyone = threading.Lock(), threading.Barrier(4)
    logins = 0

    def peer(request: WireRequest) -> WireResponse:
        nonlocal logins
        if request.url.endswith("/auth"):
            with lock:
                logins += 1
                return json_answer({"session": f"session-{logins}", "error_code": "0"})
        if b"session-1" in (request.body or b""):
            everyone.wait(5)
            return json_answer({"error_code": "-1", "message": "Phiên làm việc không hợp lệ"})
        return json_answer({"error_code": "0", "result": [{}]})

    connector = make("national_adapter", peer)
    kinds: list[str] = []
    threads = [
        threading.Thread(target=lambda: kinds.append(connector.call("look_up", code="A").kind)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (kinds, logins) == (["done"] * 4, 2)


def test_a_login_that_is_refused_is_tried_once_for_all_who_wait_for_it(make: Make) -> None:
    """A wrong password in four threads would lock the account."""
    at_once, logins = threading.Barrier(4), []

    def peer(request: WireRequest) -> WireResponse:
        logins.append(request.url)
        threading.Event().wait(0.3)
        return json_answer({"error": "invalid_grant"}, 400)

    connector = make("vnpt_igate", peer)
    refused: list[AuthRefused] = []

    def pull() -> None:
        at_once.wait(10)
        with pytest.raises(AuthRefused) as caught:
            list(connector.pull("dossiers", WINDOW))
        refused.append(caught.value)

    threads = [threading.Thread(target=pull) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (len(logins), len({str(error) for error in refused}), len({id(error) for error in refused})) == (1, 1, 4)
    with pytest.raises(AuthRefused):
        list(connector.pull("dossiers", WINDOW))
    assert len(logins) == 2, "who comes later tries anew: the password may have been set right"


def test_an_error_of_a_peer_goes_to_another_process_whole() -> None:
    error = AuthRefused("the login is refused.", peer="p", operation="login", status=400, next_step="Check it.")
    other = pickle.loads(pickle.dumps(error))
    assert (str(other), other.status, type(other)) == (str(error), 400, AuthRefused)
