"""The provincial system behind the Tân Dân façade: JSON in a string of JSON, errors as a text with HTTP 200 [seen].

Paths, fields, texts and the limit of five days a window are [style].
"""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson

from sandbox import calendar
from sandbox.faults import Fault, shuffled
from sandbox.render_tan_dan import Row, TanDanRenderer
from sandbox.state import Config, Folder
from sandbox.system import SystemPeer
from sandbox.tokens import Tokens
from sandbox.wire import Reply, Request, json_reply

TOKEN_SECONDS = 600
MOST_ROWS = 500
LONGEST_WINDOW = timedelta(days=5)
OPERATIONS = {
    ("POST", "/api/dang-nhap"): "login",
    ("GET", "/api/ho-so"): "dossiers",
    ("GET", "/api/ho-so/chi-tiet"): "dossier",
    ("GET", "/api/thu-tuc"): "procedures",
    ("GET", "/api/don-vi"): "agencies",
    ("GET", "/api/tep"): "file",
}
EXPIRED = "Lỗi: phiên làm việc hết hạn"
BUSY = "Lỗi: hệ thống đang bận, vui lòng thử lại sau"
NO_RIGHT = "Lỗi: tài khoản không có quyền tra cứu đơn vị này"


class TanDanPeer(SystemPeer):
    """REST peer of one province; tokens live `TOKEN_SECONDS` by `clock`."""

    def __init__(self, folder: Folder, config: Config, slug: str, clock: Callable[[], float]) -> None:
        super().__init__(folder, config, slug, clock)
        self.renderer = TanDanRenderer(self.state.generator)
        self.tokens = Tokens(clock, TOKEN_SECONDS)

    def operation(self, request: Request) -> str:
        return OPERATIONS.get((request.method, request.path), "")

    def handle(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """The answer to one call, written to the ledger; an armed error text stands in for any answer."""
        self.state.follow()
        kind = fault.kind if fault else ""
        rows: list[int] = []
        if not operation:
            reply = json_reply({"message": f"Lỗi: không có chức năng {request.path}"}, 404)
        elif fault and kind == "error_inside":
            reply = _error(str(fault.options.get("text", BUSY)))
        elif operation == "login":
            reply = self._login(request, kind == "wrong_password")
        elif kind == "expired" or not self.tokens.bearer(request.headers):
            if kind == "expired":
                self.tokens.forget()
            reply = _error(EXPIRED)
        else:
            try:
                reply, rows = self._answer(request, operation, fault)
            except ValueError as problem:
                reply = _error(f"Lỗi: {problem}")
        self.mark_served(rows)
        self.record_call(operation or request.path, request.query, reply, len(rows), fault)
        return reply

    def _login(self, request: Request, refuse: bool) -> Reply:
        try:
            body: Any = request.json()
        except orjson.JSONDecodeError:
            body = None
        said = (body.get("username"), body.get("password")) if isinstance(body, dict) else None
        if refuse or said != (self.login, self.password):
            return _error("Lỗi: tên đăng nhập hoặc mật khẩu không đúng")
        return _result([{"token": self.tokens.issue(), "expiresIn": TOKEN_SECONDS}])

    def _answer(self, request: Request, operation: str, fault: Fault | None) -> tuple[Reply, list[int]]:
        query = request.query
        if operation == "dossiers":
            return self._search(query, fault)
        if operation == "dossier":
            row = self.state.row_of(query.get("maHoSo", ""))
            if row is None:
                raise ValueError("không tìm thấy hồ sơ")
            return _result([self.renderer.dossier(row)], 1), [row]
        if operation == "procedures":
            start = _whole(query, "offset", 0)
            stop = start + min(_whole(query, "limit", 100), MOST_ROWS)
            return _result(self.renderer.procedures(start, stop), len(self.state.generator.listing.listed)), []
        if operation == "agencies":
            agencies = self.renderer.agencies()
            return _result(agencies, len(agencies)), []
        name = query.get("id", "")
        content = base64.b64encode(self.fetch(name) or b"").decode()
        return _result([{"TenTep": name, "NoiDung": content}]), []

    def _search(self, query: dict[str, str], fault: Fault | None) -> tuple[Reply, list[int]]:
        """Dossiers with tuNgay <= NgayCapNhat <= denNgay, newest change first; at most five days at a time."""
        offset, limit = _whole(query, "offset", 0), min(_whole(query, "limit", 100), MOST_ROWS)
        since, until = _moment(query, "tuNgay"), _moment(query, "denNgay")
        if until - since > LONGEST_WINDOW:
            raise ValueError("khoảng thời gian tra cứu tối đa 5 ngày")
        kind = fault.kind if fault else ""
        if fault and kind == "change_while_paging":
            self.state.change_now(int(fault.number("records", 5)), near_end=False)
        if kind == "repeat_page":
            offset = max(0, offset - limit)
        first, end = self.state.changed_within(since, until)
        stop = end - offset
        rows = self.state.generator.timeline.slice(max(first, stop - limit), stop) if stop > first else []
        rows.reverse()
        if kind == "shuffle_page":
            rows = shuffled(rows)
        records = [self.renderer.dossier(row) for row in rows]
        if kind == "unknown_field":
            records = [{**record, "TruongMoi": "2.7"} for record in records]
        elif kind == "unknown_status" and records:
            records[0]["TrangThai"] = "77"
        return _result(records, end - first), rows


def _result(records: list[Row], total: int | None = None) -> Reply:
    """The façade's answer: its message is a string that holds JSON."""
    inner: dict[str, Any] = {"result": records}
    if total is not None:
        inner["total"] = total
    return json_reply({"message": orjson.dumps(inner).decode()})


def _error(text: str) -> Reply:
    return json_reply({"message": text})


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or (name == "limit" and int(text) < 1):
        raise ValueError(f"{name} phải là số nguyên không âm")
    return int(text)


def _moment(query: dict[str, str], name: str) -> datetime:
    text = query.get(name, "")
    try:
        return datetime.strptime(text, "%d/%m/%Y %H:%M:%S").replace(tzinfo=calendar.VIET_NAM)
    except ValueError:
        raise ValueError(f"{name} phải có dạng dd/MM/yyyy HH:mm:ss") from None
