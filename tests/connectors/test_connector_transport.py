"""On a real socket: what never left, what may have arrived, and what a check says about it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from connectors import Connector, Hosts, NoAnswer, NotSent, Peer, WireRequest, load_spec
from connectors.wire.transport import HttpTransport
from tests.connectors.conftest import SPECS, free_port

Handler = Callable[[socket.socket], None]


@contextmanager
def serving(handle: Handler) -> Iterator[str]:
    """The address of a socket that hands each connection to a function."""
    server = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with closing(connection):
                connection.settimeout(5)
                handle(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        stop.set()
        server.close()
        thread.join(0.1)


def ask(url: str, timeout: float = 5.0) -> WireRequest:
    return WireRequest("POST", url, {}, b"{}", connect=2.0, timeout=timeout)


def reply(text: bytes) -> Handler:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(text)

    return handle


def test_a_refused_connection_was_never_sent() -> None:
    with pytest.raises(NotSent, match="Connection refused"):
        HttpTransport(1)(ask(f"http://127.0.0.1:{free_port()}/"))


def test_an_address_that_cannot_be_used_was_never_sent() -> None:
    with pytest.raises(NotSent, match="address"):
        HttpTransport(1)(ask("nowhere"))


def test_silence_after_the_request_may_have_arrived() -> None:
    done = threading.Event()
    with serving(lambda connection: (connection.recv(65536), done.wait(5), None)[-1]) as url:
        with pytest.raises(NoAnswer, match="no answer within") as caught:
            HttpTransport(1)(ask(url, timeout=0.05))
        done.set()
    assert caught.value.timeout


@pytest.mark.parametrize(
    "text",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", b"rubbish\r\n\r\n"],
    ids=["closed", "cut body", "no http"],
)
def test_a_connection_that_breaks_after_the_request_may_have_arrived(text: bytes) -> None:
    with serving(reply(text)) as url, pytest.raises(NoAnswer):
        HttpTransport(1)(ask(url))


def test_an_answer_is_read_whole_with_its_status_and_headers() -> None:
    text = b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    with serving(reply(text)) as url:
        response = HttpTransport(1)(ask(url))
    assert (response.status, response.body, response.header("retry-after")) == (503, b"{}", "3")


def test_a_proxy_of_the_office_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    with serving(reply(text)) as url:
        assert HttpTransport(1)(ask(url)).body == b"{}"


def test_a_post_is_not_carried_to_another_address() -> None:
    text = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with serving(reply(text)) as url:
        assert HttpTransport(1)(ask(url)).status == 307


def test_a_check_of_a_peer_that_is_down_is_one_line_with_a_next_step() -> None:
    peer = Peer("p", f"http://127.0.0.1:{free_port()}", "u", "p")
    *_, line = Connector(load_spec(SPECS / "national_adapter.yaml"), peer, hosts=Hosts()).check()
    assert (line.name, line.ok) == ("connection", False)
    assert "Connection refused" in line.detail and "firewall" in line.next_step


@pytest.mark.parametrize("url", ["igate.example.vn", "ftp://igate.example.vn", ""])
def test_a_check_of_an_address_that_is_none_says_how_to_write_it(url: str) -> None:
    (line,) = Connector(load_spec(SPECS / "national_adapter.yaml"), Peer("p", url), hosts=Hosts()).check()
    assert not line.ok and "https://" in line.next_step


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("localhost", 302)])
def test_a_read_is_carried_on_to_its_own_host_only(host: str, status: int) -> None:
    """A redirect to another host would take the keys and signatures of the headers there."""
    asked: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        port = connection.getsockname()[1]
        moved = (
            f"HTTP/1.1 302 Moved\r\nLocation: http://{host}:{port}/b\r\n" if len(asked) == 1 else "HTTP/1.1 200 OK\r\n"
        )
        connection.sendall(f"{moved}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())

    with serving(handle) as url:
        response = HttpTransport(1)(WireRequest("GET", url, {"X-Key": "k"}, connect=2.0, timeout=5.0))
    assert response.status == status
    assert len(asked) == (2 if status == 200 else 1)


@pytest.mark.parametrize("target", ["http://[::1", "http://127.0.0.1:port/"])
def test_a_redirect_to_what_is_no_address_is_an_answer_and_no_crash(target: str) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        moved = f"HTTP/1.1 302 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        connection.sendall(moved.encode())

    with serving(handle) as url:
        response = HttpTransport(1)(WireRequest("GET", url, connect=2.0, timeout=5.0))
    assert response.status == 302


def test_a_redirect_to_another_port_of_the_host_is_not_followed() -> None:
    asked: list[bytes] = []

    def other(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with serving(other) as elsewhere:

        def handle(connection: socket.socket) -> None:
            connection.recv(65536)
            moved = f"HTTP/1.1 302 Moved\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            connection.sendall(moved.encode())

        with serving(handle) as url:
            assert HttpTransport(1)(WireRequest("GET", url, {"X-Key": "k"}, connect=2.0, timeout=5.0)).status == 302
    assert asked == []


def test_a_header_in_vietnamese_is_sent_as_utf8() -> None:
    asked: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with serving(handle) as url:
        HttpTransport(1)(WireRequest("GET", url, {"X-Unit": "Sở Tư pháp"}, connect=2.0, timeout=5.0))
    assert "X-Unit: Sở Tư pháp\r\n".encode() in asked[0]


def test_a_header_with_a_line_end_is_never_sent() -> None:
    with pytest.raises(NotSent, match="line end"):
        HttpTransport(1)(WireRequest("GET", "http://127.0.0.1:1/", {"X-Key": "a\nX-Evil: 1"}))


@pytest.mark.parametrize("head", ["Content-Length: 60", "Transfer-Encoding: chunked", "Connection: close"])
def test_an_answer_that_drips_a_byte_at_a_time_is_given_up_after_its_whole_time(head: str) -> None:
    """Each byte ends a silence, so that the time limit of silence alone never comes."""
    now = iter(range(10_000))
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        chunked = "chunked" in head
        try:
            connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n{'3C' if chunked else ''}".encode())
            connection.sendall(b"\r\n" if chunked else b"")
            for _ in range(60):
                connection.sendall(b" ")
                if done.wait(0.02):
                    return
        except OSError:
            return

    with serving(drip) as url:
        with pytest.raises(NoAnswer, match="not whole after 10 s") as caught:
            HttpTransport(1, ticks=lambda: float(next(now)))(
                WireRequest("GET", url, connect=2.0, timeout=5.0, whole=10.0)
            )
        done.set()
    assert caught.value.timeout and next(now) < 20
