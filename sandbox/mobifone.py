"""The provincial system that speaks the MobiFone one-gate behind an LGSP: three keys, a quota, four services a dossier.

Keys, token, quota and the split into services are [seen] at an LGSP; paths, fields and codes are [style].
"""

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from sandbox import calendar
from sandbox.faults import Fault, shuffled
from sandbox.quota import Quota
from sandbox.render_mobifone import MobiFoneRenderer, Row
from sandbox.state import Config, Folder
from sandbox.system import SystemPeer
from sandbox.tokens import Tokens
from sandbox.wire import Reply, Request, json_reply

BASE = "/apiQLHS/1.0"
TOKEN_SECONDS = 120
PER_SECOND, BURST = 50, 300
"""The gateway's quota for one application: bursts of a full pull pass, a hub that does not count its calls does not."""
MOST_ROWS = 500
MOST_KEYS = 200
OPERATIONS = {
    ("POST", "/lgsp/1.0/token"): "token",
    ("GET", f"{BASE}/danhSachHoSo"): "dossiers",
    ("GET", f"{BASE}/chiTietHoSo"): "dossier",
    ("POST", f"{BASE}/hoSoBoSung"): "supplements",
    ("POST", f"{BASE}/tepDinhKem"): "attachments",
    ("POST", f"{BASE}/buuChinh"): "postal",
    ("GET", f"{BASE}/danhSachThuTuc"): "procedures",
    ("GET", f"{BASE}/danhSachDonVi"): "agencies",
    ("GET", f"{BASE}/taiTep"): "file",
}
DONE, NO_TOKEN, NO_ACCESS, OVER_QUOTA, WRONG, NOT_FOUND = 0, 1001, 1003, 1029, 2001, 2004


class MobiFonePeer(SystemPeer):
    """REST peer of one province; tokens live `TOKEN_SECONDS` and the quota refills by `clock`."""

    def __init__(self, folder: Folder, config: Config, slug: str, clock: Callable[[], float]) -> None:
        super().__init__(folder, config, slug, clock)
        self.renderer = MobiFoneRenderer(self.state.generator)
        self.app_name = folder.accounts()[self.profile.connection]["extra"].get("app_name", "")
        self.tokens = Tokens(clock, TOKEN_SECONDS)
        self.quota = Quota(PER_SECOND, BURST, clock)
        self._parts: dict[str, Callable[[int], list[Row]]] = {
            "supplements": self.renderer.supplements,
            "attachments": self.renderer.attachments,
            "postal": self.renderer.postal,
        }

    def operation(self, request: Request) -> str:
        return OPERATIONS.get((request.method, request.path), "")

    def handle(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """The answer to one call, written to the ledger; every answer of the gateway says what is left of the quota."""
        self.state.follow()
        kind = fault.kind if fault else ""
        rows: list[int] = []
        if not operation:
            reply = _says(NOT_FOUND, f"Không có dịch vụ {request.method} {request.path}", 404)
        elif not self.quota.take():
            reply = _says(OVER_QUOTA, "Vượt quá số lượt gọi cho phép", 429)
            reply.retry_after = str(self.quota.retry_after())
        elif operation == "token":
            reply = self._token(request, kind == "wrong_password")
        elif kind == "expired" or not self.tokens.bearer(request.headers):
            if kind == "expired":
                self.tokens.forget()
            reply = _says(NO_TOKEN, "Token không hợp lệ hoặc đã hết hạn", 401)
        else:
            try:
                reply, rows = self._answer(request, operation, fault)
            except ValueError as problem:
                reply = _says(WRONG, str(problem), 400)
        reply.headers = self.quota.headers()
        self.mark_served(rows)
        self.record_call(operation or request.path, request.query, reply, len(rows), fault)
        return reply

    def _token(self, request: Request, refuse: bool) -> Reply:
        keys = (b"appname", self.app_name), (b"accesskey", self.login), (b"secretkey", self.password)
        if refuse or any(request.headers.get(name, b"").decode("latin-1") != value for name, value in keys):
            return _says(NO_ACCESS, "AppName, AccessKey hoặc SecretKey không đúng", 403)
        return _data({"token": self.tokens.issue(), "tokenType": "Bearer", "expiresIn": TOKEN_SECONDS})

    def _answer(self, request: Request, operation: str, fault: Fault | None) -> tuple[Reply, list[int]]:
        query = request.query
        if operation == "dossiers":
            return self._search(query, fault)
        if operation in self._parts:
            return self._part(request, self._parts[operation]), []
        if operation == "dossier":
            row = self.state.row_of(query.get("soHoSo", ""))
            if row is None:
                return _says(NOT_FOUND, "Không tìm thấy hồ sơ"), []
            return _items([self.renderer.dossier(row)], 1), [row]
        if operation == "procedures":
            page, size = _whole(query, "page", 1), min(_whole(query, "size", 100), MOST_ROWS)
            listed = self.renderer.procedures((page - 1) * size, page * size)
            return _items(listed, len(self.state.generator.listing.listed)), []
        if operation == "agencies":
            agencies = self.renderer.agencies()
            return _items(agencies, len(agencies)), []
        name = query.get("tepId", "")
        content = base64.b64encode(self.fetch(name) or b"").decode()
        return _data({"tepId": name, "noiDung": content}), []

    def _search(self, query: dict[str, str], fault: Fault | None) -> tuple[Reply, list[int]]:
        """danhSachHoSo: tuNgay <= ngayCapNhat <= denNgay, newest change first; pages are counted from 1."""
        page, size = _whole(query, "page", 1), min(_whole(query, "size", 100), MOST_ROWS)
        since, until = _moment(query, "tuNgay"), _moment(query, "denNgay")
        kind = fault.kind if fault else ""
        if fault and kind == "change_while_paging":
            self.state.change_now(int(fault.number("records", 5)), near_end=False)
        if kind == "repeat_page":
            page = max(1, page - 1)
        first, end = self.state.changed_within(since, until)
        stop = end - (page - 1) * size
        rows = self.state.generator.timeline.slice(max(first, stop - size), stop) if stop > first else []
        rows.reverse()
        if kind == "shuffle_page":
            rows = shuffled(rows)
        records = [self.renderer.dossier(row) for row in rows]
        if kind == "unknown_field":
            records = [{**record, "truongMoi": {"phienBan": "2.7"}} for record in records]
        elif kind == "unknown_status" and records:
            records[0]["trangThai"] = 77
        return _items(records, end - first), rows

    def _part(self, request: Request, of: Callable[[int], list[Row]]) -> Reply:
        """One of the services beside the list: rows of all dossiers whose ids are asked for, in their order."""
        try:
            wanted = request.json()["dsHoSoId"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise ValueError("Thiếu dsHoSoId") from None
        if not isinstance(wanted, list) or len(wanted) > MOST_KEYS:
            raise ValueError(f"dsHoSoId là danh sách, tối đa {MOST_KEYS} hồ sơ")
        found = [self.renderer.row_of_id(str(one)) for one in wanted]
        items = [item for row in found if row is not None for item in of(row)]
        return _items(items, len(items))


def _says(code: int, message: str, status: int = 200) -> Reply:
    return json_reply({"code": code, "message": message, "data": None}, status)


def _data(data: dict[str, Any]) -> Reply:
    return json_reply({"code": DONE, "message": "Thành công", "data": data})


def _items(items: list[Row], total: int) -> Reply:
    return _data({"items": items, "total": total})


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ValueError(f"{name} phải là số nguyên dương")
    return int(text)


def _moment(query: dict[str, str], name: str) -> datetime:
    text = query.get(name, "")
    try:
        if len(text) == 14 and text.isascii() and text.isdigit():
            return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=calendar.VIET_NAM)
    except ValueError:
        pass
    raise ValueError(f"{name} phải có dạng yyyyMMddHHmmss")
