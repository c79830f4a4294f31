"""Files travel as multipart/form-data, and what an answer gives is there for the next call."""

from email import message_from_bytes
from email.message import Message

import pytest

from connectors import BadAnswer, ConfigError, PeerUnknown, Spec, WireRequest
from tests.connectors.conftest import Make, Scripted, json_answer, soap_answer, written

PDF = bytes(range(256)) + b"\r\n--\r\n"


@pytest.fixture
def spec() -> Spec:
    return written("""
        system: intake
        transport: rest
        auth: {kind: bearer}
        reply: {code: code, text: message, records: data}
        answers: [{code: 0, then: done}, {code: 9, then: exists}]
        every_call: {body: {never: "in a multipart body"}}
        operations:
          upload:
            post: upload
            multipart:
              dossier: "{code}"
              kind: "{kind?}"
              public: "{public}"
              file: {name: "{name}", content: "{content}", type: application/pdf}
            gives: {file_id: data.id, size: data.size}
            writes: true
          next_number: {get: next, gives: {number: data.value}}
          odd: {get: odd, reply: {code: status, records: items}, gives: {first: items.0.id}}
          bare: {get: bare, reply: {code: null, records: null}}""")


def parts_of(request: WireRequest) -> dict[str, Message]:
    """The body as another reader of MIME takes it apart."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + (request.body or b""))
    assert message.is_multipart()
    parts = [part for part in message.walk() if part is not message]
    return {str(part.get_param("name", header="Content-Disposition")): part for part in parts}


UPLOADED = json_answer({"code": 0, "data": {"id": "f-1", "size": 263}})
VALUES = {"code": "H05-1", "public": True, "name": "Đơn đề nghị.pdf", "content": PDF}


def test_plain_values_and_a_file_go_out_as_they_are(make: Make, spec: Spec) -> None:
    double = Scripted(UPLOADED)
    answer = make(spec, double).call("upload", kind=None, **VALUES)
    parts = parts_of(double.requests[0])
    assert set(parts) == {"dossier", "public", "file"}
    assert parts["dossier"].get_payload(decode=True) == b"H05-1"
    assert parts["public"].get_payload() == "true"
    assert parts["file"].get_payload(decode=True) == PDF
    assert parts["file"].get_content_type() == "application/pdf"
    assert 'filename="Đơn đề nghị.pdf"'.encode() in (double.requests[0].body or b"")
    assert double.requests[0].headers["Authorization"].startswith("Bearer ")
    assert answer.values == {"file_id": "f-1", "size": 263}


def test_a_name_cannot_write_headers_of_its_own(make: Make, spec: Spec) -> None:
    double = Scripted(UPLOADED)
    name = 'a"\r\nX-Evil: 1\r\n\r\n.pdf'
    make(spec, double).call("upload", kind="x", **{**VALUES, "name": name})
    assert "X-Evil" not in parts_of(double.requests[0])["file"]


def test_the_boundary_comes_from_the_chance_that_was_passed_in(make: Make, spec: Spec) -> None:
    doubles = [Scripted(UPLOADED), Scripted(UPLOADED)]
    for double in doubles:
        make(spec, double).call("upload", kind="x", **VALUES)
    assert doubles[0].requests[0].body == doubles[1].requests[0].body


def test_a_file_without_content_is_told_before_anything_is_sent(make: Make, spec: Spec) -> None:
    double = Scripted(UPLOADED)
    with pytest.raises(ConfigError, match="content"):
        make(spec, double).call("upload", kind="x", **{**VALUES, "content": None})
    assert double.requests == []


def test_a_read_that_gives_nothing_is_a_bad_answer_and_a_write_is_unknown(make: Make, spec: Spec) -> None:
    connector = make(spec, Scripted(json_answer({"code": 0, "data": {"id": "f-1"}})))
    with pytest.raises(BadAnswer, match=r"gives nothing under 'data\.value'"):
        connector.call("next_number")
    with pytest.raises(PeerUnknown, match=r"gives nothing under 'data\.size'"):
        connector.call("upload", kind="x", **VALUES)


def test_an_answer_that_is_not_accepted_gives_what_it_has(make: Make, spec: Spec) -> None:
    double = Scripted(json_answer({"code": 9, "data": {"id": "f-0"}}))
    answer = make(spec, double).call("upload", kind="x", **VALUES)
    assert (answer.kind, answer.values) == ("exists", {"file_id": "f-0"})


def test_an_operation_may_keep_its_code_and_results_elsewhere(make: Make, spec: Spec) -> None:
    odd = make(spec, Scripted(json_answer({"status": "00", "items": [{"id": 7}], "message": "xong"}))).call("odd")
    assert (odd.kind, odd.code, odd.text, odd.result, odd.values) == ("done", "0", "xong", [{"id": 7}], {"first": 7})
    bare = make(spec, Scripted(json_answer({"a": 1}))).call("bare")
    assert (bare.kind, bare.code, bare.result) == ("done", None, [{"a": 1}])


def test_a_soap_answer_gives_values_by_element_name(make: Make) -> None:
    from connectors import load_spec
    from tests.connectors.conftest import SPECS

    spec = load_spec(SPECS / "viettel_onegate.yaml")
    dossier = spec.operations["dossier"].model_copy(update={"gives": {"number": "soBienNhan"}})
    spec = spec.model_copy(update={"operations": {"dossier": dossier}})
    body = "<R><LayChiTietHoSoResult><soBienNhan>7</soBienNhan></LayChiTietHoSoResult></R>"
    answer = make(spec, Scripted(soap_answer(body))).call("dossier", code="A")
    assert answer.values == {"number": "7"}
