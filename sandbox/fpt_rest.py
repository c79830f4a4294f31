"""The provincial system that speaks FPT eGov's REST generation: signed requests, a cursor, oldest change first [style].

A request carries `X-Api-Key`, `X-Timestamp` (epoch milliseconds) and `X-Signature`: hex HMAC-SHA256, keyed with the
secret, of method, path, timestamp and the hex SHA-256 of the body, joined by line ends. The secret never travels.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.faults import Fault, shuffled
from sandbox.render_fpt import STRANGE_STATUS, FptRestRenderer
from sandbox.state import Config, Folder
from sandbox.system import SystemPeer
from sandbox.wire import Reply, Request, json_reply

BASE = "/egov/api/v2"
SIGNED_WITHIN = 300
"""Seconds that a request's timestamp may be off the server's time."""
MOST_ROWS = 500
ROWS = 50

_ONE = re.compile(BASE + r"/(dossiers|files)/(.+)")
_MILLISECOND = timedelta(milliseconds=1)


class BadRequest(Exception):
    """A parameter that the peer cannot read; the message says which."""


class FptRestPeer(SystemPeer):
    """REST peer of one province; `clock` gives epoch seconds, against which a request's timestamp is checked."""

    def __init__(self, folder: Folder, config: Config, slug: str, clock: Callable[[], float]) -> None:
        super().__init__(folder, config, slug, clock)
        self.renderer = FptRestRenderer(self.state.generator)
        self._before: tuple[list[int], str | None] = [], None

    def operation(self, request: Request) -> str:
        """`search`, `detail`, `procedure`, `file`; empty for an address that the peer does not have."""
        if found := _ONE.fullmatch(request.path):
            return {"dossiers": "detail", "files": "file"}[found.group(1)]
        return {f"{BASE}/dossiers": "search", f"{BASE}/procedures": "procedure"}.get(request.path, "")

    def handle(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """The answer to one call, written to the ledger."""
        self.state.follow()
        kind = fault.kind if fault else ""
        rows: list[int] = []
        if kind in ("expired", "wrong_password"):
            reply = _refused(401, "AUTH_TIMESTAMP", "Dấu thời gian không hợp lệ")
        elif problem := self._refusal(request):
            reply = _refused(401, *problem)
        elif fault and kind == "error_inside":
            reply = _refused(200, "SYS_500", str(fault.options.get("text", "Lỗi hệ thống, vui lòng thử lại sau")))
        elif not operation or request.method != "GET":
            reply = _refused(404, "NOT_FOUND", f"Không có dịch vụ {request.method} {request.path}")
        else:
            try:
                reply, rows = self._answer(request, operation, fault)
            except BadRequest as problem:
                reply = _refused(400, "INVALID_PARAM", str(problem))
        self.mark_served(rows)
        self.record_call(operation or request.path, request.query, reply, len(rows), fault)
        return reply

    def _refusal(self, request: Request) -> tuple[str, str] | None:
        """Why a signature is refused, as error code and text; None when it holds."""
        key, stamp, signature = (
            request.headers.get(name, b"").decode("latin-1") for name in (b"x-api-key", b"x-timestamp", b"x-signature")
        )
        if key != self.login:
            return "AUTH_KEY", "API key không tồn tại"
        if not stamp.isdigit() or abs(int(stamp) / 1000 - self.clock()) > SIGNED_WITHIN:
            return "AUTH_TIMESTAMP", "Dấu thời gian không hợp lệ"
        if not hmac.compare_digest(sign(self.password, request.method, request.path, stamp, request.body), signature):
            return "AUTH_SIGNATURE", "Chữ ký không hợp lệ"
        return None

    def _answer(self, request: Request, operation: str, fault: Fault | None) -> tuple[Reply, list[int]]:
        found = _ONE.fullmatch(request.path)
        name = found.group(2) if found else ""
        if operation == "search":
            return self._search(request.query, fault)
        if operation == "procedure":
            return self._procedures(request.query), []
        if operation == "file":
            return Reply(self.fetch(name) or b"", 200, "application/pdf"), []
        row = self.state.row_of(name)
        if row is None:
            return _refused(404, "DOSSIER_NOT_FOUND", f"Hồ sơ {name} không tồn tại"), []
        return _accepted(self.renderer.record(row)), [row]

    def _search(self, query: dict[str, str], fault: Fault | None) -> tuple[Reply, list[int]]:
        """Records with modifiedAfter < modifiedAt < modifiedBefore; the cursor stands behind the last one given."""
        if fault and fault.kind == "change_while_paging":
            self.state.change_now(int(fault.number("records", 5)), near_end=False)
        timeline = self.state.generator.timeline
        since = _moment(query, "modifiedAfter", datetime(2000, 1, 1, tzinfo=UTC))
        until = _moment(query, "modifiedBefore", datetime(2100, 1, 1, tzinfo=UTC))
        first, end = self.state.changed_within(since + _MILLISECOND, until - _MILLISECOND)
        if cursor := query.get("cursor"):
            first = max(first, self._behind(cursor))
        size = _limit(query)
        rows = timeline.slice(first, min(first + size, end)) if first < end else []
        following = _cursor(timeline.changed_w(rows[-1]), rows[-1]) if first + size < end else None
        if fault and fault.kind == "repeat_page" and cursor:
            rows, following = self._before
        elif fault and fault.kind == "shuffle_page":
            rows = shuffled(rows)
        self._before = rows, following
        items = [self.renderer.record(row) for row in rows]
        if fault and fault.kind == "unknown_field":
            items = [{"truongMoi": {"phienBan": "2.7", "giaTri": [1, 2]}} | item for item in items]
        elif fault and fault.kind == "unknown_status" and items:
            items[0]["status"] = dict(zip(("id", "name"), STRANGE_STATUS, strict=True))
        return _accepted({"items": items, "nextCursor": following}), rows

    def _behind(self, cursor: str) -> int:
        """The position behind the record that a cursor names, wherever it has moved since."""
        w, row = _pointed(cursor)
        timeline = self.state.generator.timeline
        start = timeline.position(w)
        same = timeline.slice(start, timeline.position(w + 1))
        return start + same.index(row) + 1 if row in same else start

    def _procedures(self, query: dict[str, str]) -> Reply:
        start, size = _pointed(query["cursor"])[0] if query.get("cursor") else 0, _limit(query)
        total = len(self.state.generator.listing.listed)
        following = _cursor(start + size, 0) if start + size < total else None
        return _accepted({"items": self.renderer.procedures(start, start + size), "nextCursor": following})


def sign(secret: str, method: str, path: str, stamp: str, body: bytes) -> str:
    """The signature that a right request carries."""
    text = "\n".join((method, path, stamp, hashlib.sha256(body).hexdigest()))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _cursor(place: int, row: int) -> str:
    """A word that means something only to the peer."""
    return base64.urlsafe_b64encode(f"{place}:{row}".encode()).decode().rstrip("=")


def _pointed(cursor: str) -> tuple[int, int]:
    try:
        place, row = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).split(b":")
        return int(place), int(row)
    except (ValueError, binascii.Error):
        raise BadRequest(f"cursor không hợp lệ: {cursor}") from None


def _limit(query: dict[str, str]) -> int:
    text = query.get("limit", str(ROWS))
    if not text.isdigit() or not 1 <= int(text) <= MOST_ROWS:
        raise BadRequest(f"limit phải từ 1 đến {MOST_ROWS}: {text}")
    return int(text)


def _moment(query: dict[str, str], name: str, default: datetime) -> datetime:
    """The time of a parameter in epoch milliseconds."""
    text = query.get(name, "")
    if not text:
        return default
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise BadRequest(f"{name} phải là epoch mili giây: {text}") from None


def _accepted(data: Any) -> Reply:
    return json_reply({"success": True, "data": data, "errors": []})


def _refused(status: int, code: str, message: str) -> Reply:
    return json_reply({"success": False, "data": None, "errors": [{"code": code, "message": message}]}, status)
