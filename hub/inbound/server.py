"""The receiver: `POST /inbound/<province>` as the national portal calls it, `GET /health`. ASGI, run by uvicorn.

The portal shows login and password of the province's `account` as HTTP Basic [style]. The HTTP status is the answer's
own status, so that a caller who reads either of the two sees the same; 401 for an account that is not known.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import orjson

from connectors import Peer
from hub.connections import peer
from hub.context import Hub
from hub.errors import HubError
from hub.inbound.receiving import REFUSED, Reply, receive, refuse_large
from schemas.masking import mask_text

log = logging.getLogger("hub.inbound")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/inbound/"
AT_ONCE = 4
"""Messages that are worked on at the same time; each is in memory with its files."""

BUSY = Reply(REFUSED, "Hệ thống của tỉnh đang bận, đề nghị gửi lại; hồ sơ chưa được lưu")


class Receiver:
    """The ASGI application for some provinces; reads their accounts and mappings when it is made.

    Raises:
        ConfigurationError, MappingError: a province has no way in, or it cannot be read.
    """

    def __init__(self, hubs: Mapping[str, Hub], seconds: Callable[[], float] = time.perf_counter) -> None:
        self._seconds = seconds
        self._hubs = dict(hubs)
        self._accounts = {slug: _account(hub) for slug, hub in hubs.items()}
        for hub in hubs.values():
            hub.portal_mapping()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["method"] == "GET" and scope["path"] == "/health":
            await _answer(send, 200, orjson.dumps({"provinces": sorted(self._hubs)}))
            return
        hub = self._hubs.get(scope["path"].removeprefix(PREFIX).strip("/"))
        if hub is None or not scope["path"].startswith(PREFIX):
            await _drained(receive, 0)
            await _answer(send, 404, Reply(REFUSED, f"Không có địa chỉ {scope['path']}").body())
        elif scope["method"] != "POST":
            await _answer(send, 405, Reply(REFUSED, "Chỉ nhận POST").body())
        elif not _shown(dict(scope["headers"]), self._accounts[hub.slug]):
            await _drained(receive, 0)
            await _answer(send, 401, Reply(REFUSED, "Sai tên đăng nhập hoặc mật khẩu").body())
        else:
            await self._take(hub, receive, send)

    async def _take(self, hub: Hub, receive_part: Receive, send: Send) -> None:
        async with self._turns:
            began = self._seconds()
            body, digest, size = await _drained(receive_part, hub.inbound.largest_message)
            if digest is None:
                return  # the caller hung up in the middle: nothing was promised
            try:
                if body is None:
                    reply = await asyncio.to_thread(refuse_large, hub, digest, size)
                else:
                    reply = await asyncio.to_thread(receive, hub, body)
            except HubError as error:
                log.error("%s", error)
                reply = BUSY
            except Exception:
                log.exception("%s: a message was not taken", hub.slug)
                reply = BUSY
        code = mask_text(reply.code) if reply.code else "without a code"
        took = self._seconds() - began
        log.info("%s: %s answered %d, %d bytes, %.2f s", hub.slug, code, reply.status, size, took)
        await _answer(send, reply.status, reply.body())


def _account(hub: Hub) -> Peer:
    """What the portal must show; the address of this connection is the portal's business."""
    return peer(hub.inbound.account, hub.settings.home, url=f"portal of {hub.slug}")


def _shown(headers: Mapping[bytes, bytes], account: Peer) -> bool:
    scheme, _, shown = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"basic":
        return False
    try:
        given = base64.b64decode(shown, validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(given, f"{account.login}:{account.password}".encode())


async def _drained(receive: Receive, most: int) -> tuple[bytes | None, str | None, int]:
    """(body, its digest, its size); no body when it is larger than `most`, no digest when the caller hung up.

    A message that is too large is read to its end all the same: a caller who is cut off never reads the answer.
    """
    digest, size, parts = hashlib.sha256(), 0, bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None, None, size
        part = message.get("body", b"")
        size += len(part)
        digest.update(part)
        if size <= most:
            parts += part
        else:
            parts.clear()
        if not message.get("more_body"):
            return (bytes(parts) if size <= most else None), digest.hexdigest(), size


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="inbound"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return


def _log_to_stderr() -> None:
    """One line for each message that was answered, and what went wrong. The answer's words name files, so they are
    left to `inbound list`."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def serve(hubs: Mapping[str, Hub], listener: socket.socket) -> None:
    """Receive on a bound socket until the process is told to end; what is being taken is finished first."""
    import uvicorn

    _log_to_stderr()
    config = uvicorn.Config(
        Receiver(hubs),
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=30,
        limit_concurrency=64,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])
