"""Whatever comes back is told as what it is; reads are repeated, writes that may have arrived never are."""

from typing import Any

import orjson
import pytest

from connectors import (
    BadAnswer,
    NoAnswer,
    NotSent,
    PeerBusy,
    PeerDown,
    PeerFault,
    PeerRefused,
    PeerUnknown,
    Window,
    WireResponse,
)
from tests.connectors.conftest import NOW, SECRET, Make, Scripted, Time, json_answer, soap_answer, soap_fault
from tests.connectors.specs import rest_spec

WINDOW = Window(None, NOW)
GATEWAY = WireResponse(
    200, b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
)
DONE = json_answer({"error_code": "00", "result": []})
EMPTY = json_answer({"content": [], "last": True})


def put(make: Make, peer: Scripted) -> Any:
    return make("national_adapter", peer).call("put_dossier", updating=False, dossiers=[{"MaHoSo": "A"}])


def pull(make: Make, peer: Scripted, spec: str = "vnpt_igate") -> list[Any]:
    return list(make(spec, peer).pull("dossiers", WINDOW))


def test_html_instead_of_json_names_peer_stream_page_status_and_its_first_words(make: Make) -> None:
    first = json_answer({"content": [{"id": str(n)} for n in range(500)], "last": False})
    peer = Scripted(first, GATEWAY)
    with pytest.raises(BadAnswer) as caught:
        pull(make, peer)
    error = caught.value
    assert str(error).startswith(
        'peer_x · dossiers · page 2: the answer is HTML, not JSON (HTTP 200, "502 Bad Gateway nginx").'
    )
    assert (error.page, error.status, error.raw) == (2, 200, GATEWAY.body)
    assert "VNPT iGate" in error.next_step
    assert len(peer.requests) == 2, "an unreadable page is not asked for again by itself"


def test_html_instead_of_xml_is_told_too(make: Make) -> None:
    with pytest.raises(BadAnswer, match=r"HTML, not XML \(HTTP 200, \"502 Bad Gateway"):
        pull(make, Scripted(GATEWAY), "viettel_onegate")


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.99])
def test_a_cut_json_page_breaks_off(make: Make, keep: float) -> None:
    body = orjson.dumps({"content": [{"id": "a", "code": "x" * 100}], "last": True})
    cut = WireResponse(200, body[: int(len(body) * keep)])
    with pytest.raises(BadAnswer, match="breaks off"):
        pull(make, Scripted(cut))


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.99])
def test_a_cut_soap_page_breaks_off(make: Make, keep: float) -> None:
    body = soap_answer("<R xmlns='urn:x'><tongSo>1</tongSo><HoSo><maHoSo>A</maHoSo></HoSo></R>").body
    with pytest.raises(BadAnswer, match="breaks off"):
        pull(make, Scripted(WireResponse(200, body[: int(len(body) * keep)])), "viettel_onegate")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"content": {"id": 1}, "last": True}, "no list of records under 'content'"),
        ({"content": ["a"], "last": True}, "no list of records under 'content'"),
        ({"items": []}, "no list of records under 'content'"),
        ({"content": [], "last": "maybe"}, "no true or false under 'last'"),
        ({"content": []}, "no true or false under 'last'"),
    ],
)
def test_a_page_of_another_type_says_what_is_missing(make: Make, body: Any, words: str) -> None:
    with pytest.raises(BadAnswer, match=words):
        pull(make, Scripted(json_answer(body)))


def test_a_soap_page_without_its_total_is_a_bad_answer(make: Make) -> None:
    with pytest.raises(BadAnswer, match="no number under 'tongSo'"):
        pull(make, Scripted(soap_answer("<R xmlns='urn:x'/>")), "viettel_onegate")


def test_a_document_type_in_a_soap_answer_is_not_read(make: Make) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;&a;</x>'
    with pytest.raises(BadAnswer):
        pull(make, Scripted(WireResponse(200, bomb)), "viettel_onegate")


def test_an_unnamed_soap_fault_ends_a_pull_with_its_words(make: Make) -> None:
    with pytest.raises(PeerFault, match="soap:Server: Object reference not set"):
        pull(make, Scripted(soap_fault("Object reference not set")), "viettel_onegate")


def test_a_fault_that_the_spec_calls_retry_is_repeated(make: Make, time: Time) -> None:
    good = soap_answer("<R xmlns='urn:x'><tongSo>0</tongSo></R>")
    assert len(pull(make, Scripted(soap_fault("Query timeout expired"), good), "viettel_onegate")) == 1
    assert len(time.naps) == 1


def test_an_answer_no_rule_names_is_refused_not_guessed(make: Make) -> None:
    with pytest.raises(PeerRefused, match="HTTP 418"):
        pull(make, Scripted(json_answer({"oops": 1}, 418)))


def test_a_silent_read_is_asked_again_with_growing_pauses(make: Make, time: Time) -> None:
    silent = NoAnswer("no answer within 60 s", timeout=True)
    assert len(pull(make, Scripted(silent, silent, EMPTY))) == 1
    assert [0.5 <= nap <= 1.0 for nap in time.naps[:1]] + [1.0 <= nap <= 2.0 for nap in time.naps[1:]] == [True, True]


def test_a_read_that_never_answers_ends_as_peer_down_after_all_attempts(make: Make, time: Time) -> None:
    peer = Scripted(NoAnswer("the connection broke off (ConnectionError)"))
    with pytest.raises(PeerDown, match="did not answer"):
        pull(make, peer)
    assert (len(peer.requests), len(time.naps)) == (4, 3)


def test_a_silent_write_is_unknown_at_once(make: Make, time: Time) -> None:
    peer = Scripted(NoAnswer("no answer within 60 s", timeout=True), DONE)
    with pytest.raises(PeerUnknown) as caught:
        put(make, peer)
    assert (caught.value.operation, len(peer.requests), time.naps) == ("put_dossier", 1, [])
    assert "looked up" in caught.value.next_step


def test_a_write_that_never_left_is_sent_again_and_ends_as_peer_down(make: Make) -> None:
    refused = NotSent("no connection: Connection refused")
    assert put(make, Scripted(refused, DONE)).kind == "done"
    peer = Scripted(refused)
    with pytest.raises(PeerDown, match="Connection refused"):
        put(make, peer)
    assert len(peer.requests) == 4


@pytest.mark.parametrize(
    "answer",
    [
        GATEWAY,
        WireResponse(200, b""),
        WireResponse(502, b"Bad Gateway"),
        WireResponse(504, b""),
        WireResponse(500, b"x"),
    ],
    ids=["html", "empty", "502", "504", "500"],
)
def test_a_write_answered_by_something_in_between_is_unknown(make: Make, answer: WireResponse) -> None:
    peer = Scripted(answer, DONE)
    with pytest.raises(PeerUnknown):
        put(make, peer)
    assert len(peer.requests) == 1


def test_a_cut_answer_to_a_write_is_unknown_and_keeps_the_raw_body(make: Make) -> None:
    with pytest.raises(PeerUnknown) as caught:
        put(make, Scripted(WireResponse(200, DONE.body[:12])))
    assert caught.value.raw == DONE.body[:12]


def test_a_throttled_write_waits_as_long_as_the_peer_asks(make: Make, time: Time) -> None:
    assert put(make, Scripted(json_answer({}, 429, **{"Retry-After": "7"}), DONE)).kind == "done"
    assert time.naps == [7.0]


def test_a_retry_after_that_is_a_date_is_honoured(make: Make, time: Time) -> None:
    pull(make, Scripted(json_answer({}, 503, **{"retry-after": "Wed, 01 Jul 2026 01:30:20 GMT"}), EMPTY))
    assert time.naps == [20.0]


def test_a_pause_longer_than_the_limit_ends_the_call_instead_of_breaking_the_quota(make: Make, time: Time) -> None:
    with pytest.raises(PeerBusy, match="3600 s"):
        pull(make, Scripted(json_answer({}, 429, **{"Retry-After": "3600"})))
    assert time.naps == []


def test_a_text_that_asks_to_come_back_is_repeated_and_then_raised(make: Make) -> None:
    later = json_answer({"error_code": "-5", "message": "Hồ sơ chưa cập nhật trạng thái"})
    peer = Scripted(later)
    with pytest.raises(PeerBusy, match="chưa cập nhật trạng thái"):
        put(make, peer)
    assert len(peer.requests) == 4


def test_a_host_that_keeps_failing_is_left_alone_for_a_while_and_then_tried_once(make: Make, time: Time) -> None:
    peer = Scripted(NotSent("no connection"))
    connector = make("vnpt_igate", peer)
    while not (calls := len(peer.requests)) >= 10:
        with pytest.raises(PeerDown):
            list(connector.pull("dossiers", WINDOW))
    with pytest.raises(PeerDown, match=r"left alone for 10 s\. The last failure: cannot be reached: no connection"):
        list(connector.pull("dossiers", WINDOW))
    assert len(peer.requests) == calls
    time.seconds += 11
    peer.answers = [EMPTY]
    assert len(list(connector.pull("dossiers", WINDOW))) == 1


def test_errors_show_no_personal_data_no_password_and_no_token(make: Make) -> None:
    text = (
        f"owner 012345678901, 0912345678, an.nguyen@example.vn, password={SECRET}, session=session-1, "
        + "QUJD" * 60
        + " hồ sơ H38.15-20260609-0092637"
    )
    with pytest.raises(PeerRefused) as caught:
        pull(make, Scripted(json_answer({"message": text}, 400)), "vnpt_igate")
    shown = str(caught.value)
    answer = make("national_adapter", Scripted(json_answer({"error_code": "-7", "message": text}))).call(
        "put_steps", steps=[]
    )
    assert answer.text == text, "what is kept is not masked"
    with pytest.raises(BadAnswer) as plain:
        pull(make, Scripted(WireResponse(200, text.encode())))
    shown += str(plain.value)
    for private in ("012345678901", "0912345678", "an.nguyen", SECRET, "session-1", "QUJDQUJD", "token-1"):
        assert private not in shown
    assert SECRET not in repr(make("vnpt_igate", Scripted(EMPTY)).peer)


def test_the_raw_answer_in_an_error_is_cut_at_64_kilobytes(make: Make) -> None:
    with pytest.raises(BadAnswer) as caught:
        pull(make, Scripted(WireResponse(200, b"x" * 100_000)))
    assert len(caught.value.raw or b"") == 64 * 1024


UNREAD = {
    "HTML of a gateway": GATEWAY,
    "an error in words": WireResponse(200, "Có lỗi xảy ra".encode()),
    "a cut body": WireResponse(200, b'{"a": 1'),
    "no body": WireResponse(200, b""),
}
DONE_BY_GUESS: list[dict[str, Any]] = [{"code": "none"}, {"status": 200}, {"status": 200, "code": "none"}]


def send(make: Make, wire: WireResponse, rule: dict[str, Any], *, writes: bool, **reply: Any) -> str:
    """What becomes of an operation whose only rule is this one, then: done."""
    operation = {"post": "send", "body": {}, "writes": writes}
    spec = rest_spec(
        {}, reply={"code": "code", **reply}, answers=[{**rule, "then": "done"}], operations={"a": operation}
    )
    return make(spec, Scripted(wire)).call("a").kind


@pytest.mark.parametrize("rule", DONE_BY_GUESS, ids=str)
@pytest.mark.parametrize("what", UNREAD)
def test_a_status_or_a_missing_code_never_makes_an_unreadable_answer_done(
    make: Make, what: str, rule: dict[str, Any]
) -> None:
    with pytest.raises(PeerUnknown, match="cannot be read"):
        send(make, UNREAD[what], rule, writes=True)
    with pytest.raises(BadAnswer):
        send(make, UNREAD[what], rule, writes=False)


def test_a_text_or_code_that_the_spec_names_accepts_a_write_without_content(make: Make) -> None:
    said = WireResponse(200, "Tiếp nhận thành công".encode())
    assert send(make, said, {"text": "*thành công*"}, writes=True) == "done"
    assert send(make, WireResponse(204, b""), {"status": 204}, writes=True) == "done"
    beside = json_answer({"code": 0, "data": "HS-1"})
    assert send(make, beside, {"code": 0}, writes=True, inside={"at": "data", "as": "json"}) == "done"


def test_a_read_whose_code_says_done_beside_an_error_in_words_is_a_bad_answer(make: Make) -> None:
    beside = json_answer({"code": 0, "data": "Có lỗi xảy ra"})
    with pytest.raises(BadAnswer, match="plain text, not JSON"):
        send(make, beside, {"code": 0}, writes=False, inside={"at": "data", "as": "json"})
