"""A file comes as it is: the bytes of a REST answer, or base64 inside a SOAP one; what is said in its place is told."""

import base64
import hashlib

import pytest
from pydantic import ValidationError

from connectors import BadAnswer, WireResponse
from tests.connectors.conftest import Make, Scripted, json_answer, soap_answer, written

BYTES = b"%PDF-1.4\n" + bytes(range(256)) + b"\xff\xfe\r\n"
REST = """
    system: store
    transport: rest
    auth: {kind: bearer}
    reply: {text: message}
    answers:
      - {text: "*không có tệp*", then: not_found}
    operations:
      file:
        get: file/{file}
        reply: {inside: {as: file}}
        gives: {digest: "header.Digest?"}
        empty: not_found
      find:
        post: find
        body: {codes: "{codes}"}
        reply: {records: data}
        result: {code: ma, version: ban.so}
"""
FORMS = [BYTES, b'{"rtf1 \\ansi', b"\xff\xfe\x00a", b"<?xml version='1.0' encoding='utf-16'?><a/>", b"\xef\xbb\xbfa"]


@pytest.mark.parametrize("content", FORMS, ids=["pdf", "brace", "wide", "xml", "marked"])
def test_a_file_comes_byte_for_byte_with_what_its_header_states(make: Make, content: bytes) -> None:
    digest = "sha-256=" + base64.b64encode(hashlib.sha256(content).digest()).decode()
    peer = Scripted(WireResponse(200, content, {"Content-Type": "text/plain; charset=windows-1258", "digest": digest}))
    answer = make(written(REST), peer).call("file", file="t-1")
    assert (answer.kind, answer.result) == ("done", [{"content": content}])
    assert answer.values == {"digest": digest}


def test_a_file_that_states_no_digest_is_a_file_and_one_of_no_bytes_is_none(make: Make) -> None:
    assert make(written(REST), Scripted(WireResponse(200, BYTES))).call("file", file="t-1").values == {}
    assert make(written(REST), Scripted(WireResponse(200, b""))).call("file", file="t-1").kind == "not_found"


def test_what_a_service_says_in_place_of_a_file_is_no_file(make: Make) -> None:
    said = make(written(REST), Scripted(json_answer({"message": "Không có tệp này"}))).call("file", file="t-1")
    assert (said.kind, said.text) == ("not_found", "Không có tệp này")
    assert make(written(REST), Scripted(json_answer({"message": "x"}, 404))).call("file", file="t").kind == "hold"
    with pytest.raises(BadAnswer, match="HTML"):
        make(written(REST), Scripted(WireResponse(200, b"<html><body>Login</body></html>"))).call("file", file="t-1")


def test_a_file_larger_than_the_limit_is_not_read(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Scripted(WireResponse(200, BYTES))
    spec = written(REST)
    limits = spec.limits.model_copy(update={"largest": 5})
    make(spec.model_copy(update={"limits": limits}), peer).call("file", file="t-1")
    assert peer.requests[0].largest == 5 * 2**20


def in_soap(inside: str) -> WireResponse:
    return soap_answer(
        f'<R xmlns="http://lienthong.example.vn/x"><LayFileDinhKemResult>{inside}</LayFileDinhKemResult></R>'
    )


def test_a_soap_file_is_decoded_beside_the_digest_that_it_states(make: Make) -> None:
    content = base64.b64encode(BYTES).decode()
    wrapped = "\n".join([content[:60], content[60:]])
    stated = f"<tenTep>a.pdf</tenTep><noiDung>{wrapped}</noiDung><sha256>{'0' * 64}</sha256>"
    answer = make("viettel_onegate", Scripted(in_soap(stated))).call("file", file="a.pdf")
    assert (answer.kind, answer.result, dict(answer.values)) == ("done", [{"content": BYTES}], {"digest": "0" * 64})
    nothing = Scripted(in_soap("<tenTep>a.pdf</tenTep>"))
    assert make("viettel_onegate", nothing).call("file", file="a.pdf").kind == "not_found"


def test_an_error_in_the_place_of_base64_is_judged_by_its_code(make: Make) -> None:
    spec = written("""
        system: store
        transport: rest
        reply: {code: Code, text: Message}
        answers: [{code: E404, then: not_found}, {code: none, status: 200, then: done}]
        operations:
          file: {get: "file/{file}", reply: {inside: [{at: result, as: base64}, {as: file}]}, empty: not_found}""")
    error = "<Error><Code>E404</Code><Message>Không có tệp</Message></Error>"
    assert make(spec, Scripted(json_answer({"result": error}))).call("file", file="x").kind == "not_found"
    told = make(spec, Scripted(json_answer({"result": base64.b64encode(BYTES).decode()}))).call("file", file="x")
    assert told.result == [{"content": BYTES}]


def test_the_values_of_a_result_come_under_the_hubs_names(make: Make) -> None:
    peer = Scripted(json_answer({"data": [{"ma": "H1", "ban": {"so": "v2"}}, {"ma": "H2"}]}))
    answer = make(written(REST), peer).call("find", codes=["H1", "H2"])
    assert answer.result == [{"code": "H1", "version": "v2"}, {"code": "H2", "version": None}]


@pytest.mark.parametrize(
    ("inside", "said"), [("[{as: file}, {as: json}]", "nothing comes after"), ("{at: x, as: file}", "base64")]
)
def test_a_file_is_the_last_thing_that_is_opened(inside: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        written(REST.replace("{inside: {as: file}}", f"{{inside: {inside}}}"))
