"""A keyed digest is made of the request that is really sent: method, path, query, body, and the time of this try."""

import base64
import hashlib
import hmac
import socket
import threading
from contextlib import closing

import pytest

from connectors import ConfigError, Spec, Window, WireRequest
from connectors.wire.transport import HttpTransport
from tests.connectors.conftest import NOW, SECRET, Make, Scripted, Time, json_answer, written

WINDOW = Window(None, NOW)
FPT_LIKE = r"""
    kind: hmac
    signs: '{method}\n{target}\n{timestamp}\n{nonce}\n{body_digest}'
    headers: {X-Key: "{login}", X-Time: "{timestamp}", X-Nonce: "{nonce}", X-Signature: "{signature}"}
"""


def spec(auth: str = FPT_LIKE) -> Spec:
    return written(f"""
system: small
transport: rest
auth:{auth}
answers: [{{status: 429, then: retry}}]
streams:
  dossiers: {{get: hồ sơ/list, params: {{q: "a b/ê&c", n: 5}}, records: items, key: id}}
operations:
  put: {{post: "d/{{code}}", body: {{note: "{{note}}"}}, writes: true}}
  change: {{put: d, form: {{note: "{{note}}"}}, writes: true}}
""")


def expected(request: WireRequest, target: str, algorithm: str = "sha256") -> str:
    """The signature recomputed from what was sent, as a vendor would."""
    digest = hashlib.new(algorithm, request.body or b"").hexdigest()
    text = "\n".join([request.method, target, request.headers["X-Time"], request.headers["X-Nonce"], digest])
    return hmac.new(SECRET.encode(), text.encode(), algorithm).hexdigest()


def test_a_get_is_signed_with_its_path_and_query_as_they_are_sent(make: Make) -> None:
    double = Scripted(json_answer({"items": []}))
    list(make(spec(), double).pull("dossiers", WINDOW))
    (request,) = double.requests
    target = "/base/h%E1%BB%93%20s%C6%A1/list?q=a%20b%2F%C3%AA%26c&n=5"
    assert request.url == f"http://peer.test{target}"
    assert request.headers["X-Key"] == "user"
    assert request.headers["X-Time"] == str(int(NOW.timestamp() * 1000))
    assert request.headers["X-Signature"] == expected(request, target)


@pytest.mark.parametrize(("operation", "target"), [("put", "/base/d/A%2F1"), ("change", "/base/d")])
def test_a_body_is_signed_byte_for_byte(make: Make, operation: str, target: str) -> None:
    double = Scripted(json_answer({}))
    more = {"code": "A/1"} if operation == "put" else {}
    make(spec(), double).call(operation, note="Trả lại hồ sơ", **more)
    (request,) = double.requests
    assert request.body
    assert request.headers["X-Signature"] == expected(request, target)


def test_a_multipart_body_is_signed_with_the_boundary_it_is_sent_with(make: Make) -> None:
    upload = written("""
        system: small
        transport: rest
        auth:
          kind: hmac
          signs: '{body_digest}'
          headers: {X-Signature: "{signature}"}
        operations: {upload: {post: f, multipart: {file: {name: a.pdf, content: "{content}"}}, writes: true}}""")
    double = Scripted(json_answer({}))
    make(upload, double).call("upload", content=b"%PDF")
    (request,) = double.requests
    digest = hashlib.sha256(request.body or b"").hexdigest()
    assert request.headers["X-Signature"] == hmac.new(SECRET.encode(), digest.encode(), "sha256").hexdigest()


def test_each_try_is_signed_anew_with_its_own_time_and_nonce(make: Make, time: Time) -> None:
    busy = json_answer({}, 429, **{"Retry-After": "3"})
    double = Scripted(busy, json_answer({"items": []}))
    list(make(spec(), double).pull("dossiers", WINDOW))
    first, second = double.requests
    assert int(second.headers["X-Time"]) - int(first.headers["X-Time"]) == 3000
    assert first.headers["X-Nonce"] != second.headers["X-Nonce"]
    target = second.url.removeprefix("http://peer.test")
    assert second.headers["X-Signature"] == expected(second, target)


def test_the_same_clock_and_chance_sign_the_same(make: Make) -> None:
    doubles = [Scripted(json_answer({})), Scripted(json_answer({}))]
    for double in doubles:
        make(spec(), double).call("put", note="x", code="1")
    assert doubles[0].requests[0].headers == doubles[1].requests[0].headers


@pytest.mark.parametrize(
    ("timestamp", "said"), [("epoch_s", "1782869400"), ("epoch_ms", "1782869400000"), ("iso", "2026-07-01T01:30:00Z")]
)
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_time_algorithm_key_and_encoding_are_the_specs(make: Make, timestamp: str, said: str, algorithm: str) -> None:
    auth = f"""
    kind: hmac
    key: "{{extra.secret}}"
    algorithm: {algorithm}
    timestamp: {timestamp}
    encoding: base64
    signs: "{{path}}|{{query}}|{{unit}}|{{timestamp}}"
    headers: {{Authorization: "HMAC {{login}}:{{signature}}"}}
"""
    double = Scripted(json_answer({"items": []}))
    list(make(spec(auth), double, extra={"secret": "k2"}).pull("dossiers", WINDOW))
    (request,) = double.requests
    text = f"/base/h%E1%BB%93%20s%C6%A1/list|q=a%20b%2F%C3%AA%26c&n=5|H38|{said}"
    digest = base64.b64encode(hmac.new(b"k2", text.encode(), algorithm).digest()).decode()
    assert request.headers["Authorization"] == f"HMAC user:{digest}"


def test_a_connection_without_the_key_is_told_before_anything_is_sent(make: Make) -> None:
    double = Scripted(json_answer({"items": []}))
    with pytest.raises(ConfigError, match="dossiers needs password"):
        list(make(spec(), double, password=None).pull("dossiers", WINDOW))
    assert double.requests == []


def test_the_address_on_the_wire_is_the_one_that_was_signed(make: Make) -> None:
    """What `requests` writes on the socket is the target that the signature was made of."""
    seen: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with closing(connection):
                seen.append(connection.recv(65536))
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{"items":[]}')

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a b/../x~"
        list(make(spec(), HttpTransport(1), url=url).pull("dossiers", WINDOW))
        thread.join(5)
    head, *lines = seen[0].decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    method, target, _ = head.split(" ")
    request = WireRequest(method, target, headers)
    assert headers["X-Signature"] == expected(request, target)
