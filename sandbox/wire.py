"""HTTP under every peer: one request in, one reply out, and the faults between them."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson

from sandbox.faults import NOT_APPLIED, Fault, FaultBook

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BAD_GATEWAY = (
    b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
    b"<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>"
)


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[bytes, bytes]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body or b"{}")


@dataclass(slots=True)
class Reply:
    body: bytes
    status: int = 200
    media: str = "application/json; charset=utf-8"
    retry_after: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers, in lower case."""


def json_reply(value: object, status: int = 200) -> Reply:
    return Reply(orjson.dumps(value), status)


class Peer(Protocol):
    """What a peer brings: the name of the operation a request asks for, the answer to it, and its control answers."""

    faults: FaultBook

    def operation(self, request: Request) -> str: ...

    def handle(self, request: Request, operation: str, fault: Fault | None) -> Reply: ...

    def control(self, request: Request) -> Reply: ...

    def note(self, operation: str, request: Request, fault: Fault) -> None:
        """Writes down a call that never reached `handle`."""
        ...

    def close(self) -> None: ...


class App:
    """The ASGI application of one peer; `hang` is what an answer waits with that does not come, `again` makes the peer
    anew, as `/_sandbox/again` asks for."""

    def __init__(
        self,
        peer: Peer,
        hang: Callable[[Receive, float], Awaitable[None]] | None = None,
        again: Callable[[], Peer] | None = None,
    ) -> None:
        self.peer = peer
        self._hang = hang or until_hung_up
        self._again = again

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        request = Request(scope["method"], scope["path"], query, dict(scope["headers"]), body)
        peer = self.peer
        if request.path.startswith("/_sandbox/"):
            if request.path == "/_sandbox/again" and self._again is not None:
                peer.close()
                self.peer = self._again()
                await _answer(send, json_reply({"again": True}))
                return
            await _answer(send, _control(peer, request))
            return
        operation = peer.operation(request)
        fault = peer.faults.take(operation, body) if peer.faults.armed else None
        if fault is not None and fault.kind in NOT_APPLIED:
            peer.note(operation, request, fault)
            if fault.kind == "html":
                await _answer(send, Reply(BAD_GATEWAY, 200, "text/html"))
            elif fault.kind == "http":
                status = int(fault.number("status", 503))
                retry_after = str(fault.options.get("retry_after", ""))
                await _answer(send, Reply(b"upstream error", status, "text/plain", retry_after))
            elif fault.kind == "quota":
                seconds = f"{fault.number('seconds', 1):g}"
                await _answer(send, Reply(b"API rate limit exceeded", 429, "text/plain", seconds))
            else:
                if fault.kind != "down":
                    await self._hang(receive, fault.number("seconds", 5))
                _abort(send)
            return
        if fault is not None and fault.kind == "slow":
            await self._hang(receive, fault.number("seconds", 5))
        reply = peer.handle(request, operation, fault)
        if fault is None:
            await _answer(send, reply)
        elif fault.kind == "timeout_after":
            await self._hang(receive, fault.number("seconds", 5))
            _abort(send)
        elif fault.kind == "truncated":
            await _answer(send, Reply(reply.body[: len(reply.body) * 6 // 10], reply.status, reply.media))
        elif fault.kind == "wrong_charset":
            await _answer(send, Reply(reply.body.decode().encode("utf-16"), reply.status, reply.media))
        elif fault.kind == "reset":
            await _half(send, reply)
            _abort(send)
        else:
            await _answer(send, reply)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                self.peer.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def until_hung_up(receive: Receive, seconds: float) -> None:
    """Waits, but no longer than the caller does."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), seconds)
    except TimeoutError:
        return


def _control(peer: Peer, request: Request) -> Reply:
    if request.path == "/_sandbox/faults":
        if request.method == "POST":
            try:
                fault = peer.faults.arm(request.json())
            except ValueError as problem:
                return json_reply({"error": str(problem)}, 400)
            return json_reply({"armed": fault.id, "faults": peer.faults.listing()})
        if request.method == "DELETE":
            return json_reply({"cleared": peer.faults.clear()})
        return json_reply({"faults": peer.faults.listing(), "kinds": peer.faults.kinds})
    return peer.control(request)


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", reply.media.encode("latin-1")),
        (b"content-length", str(len(reply.body)).encode()),
    ]
    if reply.retry_after:
        headers.append((b"retry-after", reply.retry_after.encode()))
    headers += [(name.encode(), value.encode("latin-1")) for name, value in reply.headers]
    return headers


async def _answer(send: Send, reply: Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": _headers(reply)})
    await send({"type": "http.response.body", "body": reply.body})


async def _half(send: Send, reply: Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": _headers(reply)})
    await send({"type": "http.response.body", "body": reply.body[: len(reply.body) // 2], "more_body": True})
    await asyncio.sleep(0.05)


def _abort(send: Send) -> None:
    """Breaks the connection. uvicorn's `send` is bound to the owner of the transport; elsewhere the call just fails."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the sandbox peer closed the connection")
    transport.close()
