"""The import side of a new province's iGate [style]: OAuth2 client credentials, batches, files, a mark, the way back.

`{code, message, data}` as in VNPT's intake, the code being the HTTP status or 0; pages are counted from 1.
"""

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import orjson

from sandbox.faults import Fault
from sandbox.import_ledger import ImportLedger
from sandbox.import_rules import Item, Refused
from sandbox.multipart import parts
from sandbox.tokens import Tokens
from sandbox.wire import Reply, Request, json_reply

PREFIX = "/import/"
TOKEN = "import_token"
TOKEN_SECONDS = 300
MOST_ITEMS, MOST_ROWS = 500, 1000

_OPERATIONS = {
    ("POST", "oauth2/token"): TOKEN,
    ("POST", "DanhDau"): "DanhDau",
    ("POST", "HoanTac"): "HoanTac",
    ("GET", "HienTrang"): "HienTrang",
    ("POST", "HoSo"): "HoSo",
    ("GET", "HoSo"): "DanhSachHoSo",
    ("POST", "TraCuu"): "TraCuu",
    ("POST", "Tep"): "Tep",
    ("GET", "Tep"): "DanhSachTep",
}
_REFUSED_SHARE = "Hồ sơ không qua kiểm tra nghiệp vụ của hệ thống mới"


class VnptImport:
    """The import of one target; `login` and `password` are client id and secret, `now` gives local time as text.

    `share` is the standing fault `refuse_share`, None when it is not armed.
    """

    def __init__(
        self,
        ledger: ImportLedger,
        login: str,
        password: str,
        clock: Callable[[], float],
        check: Callable[[Item, str], str],
        now: Callable[[], str],
        share: Callable[[], Fault | None],
    ) -> None:
        self.ledger, self.login, self.password = ledger, login, password
        self.tokens = Tokens(clock, TOKEN_SECONDS)
        self._check, self._now, self._share = check, now, share

    @staticmethod
    def operation(method: str, path: str) -> str:
        """The operation's name; empty for an address that is none of these."""
        return _OPERATIONS.get((method, path.removeprefix(PREFIX)), "")

    def handle(self, request: Request, operation: str, fault: Fault | None) -> tuple[Reply, int]:
        """(answer, rows in it)."""
        kind = fault.kind if fault else ""
        if operation == TOKEN:
            return self._token(request, kind == "wrong_password"), 0
        if kind == "expired":
            self.tokens.forget()
        if not self.tokens.bearer(request.headers):
            return _answer(401, "Token không hợp lệ hoặc đã hết hạn"), 0
        try:
            if fault and kind == "refuse":
                raise Refused(400, str(fault.options.get("text", "Bị từ chối")))
            message, data, rows = self._serve(request, operation)
            return _answer(0, message, data), rows
        except Refused as refused:
            return _answer(refused.status, refused.text), 0
        except (ValueError, KeyError, TypeError) as problem:
            return _answer(400, f"Dữ liệu không hợp lệ: {problem}"), 0

    def _token(self, request: Request, refuse: bool) -> Reply:
        form = {k: v[0] for k, v in parse_qs(request.body.decode("latin-1")).items()}
        if form.get("grant_type") != "client_credentials":
            return json_reply({"error": "unsupported_grant_type"}, 400)
        if refuse or (form.get("client_id"), form.get("client_secret")) != (self.login, self.password):
            return json_reply({"error": "invalid_client", "error_description": "Invalid client credentials"}, 401)
        return json_reply({"access_token": self.tokens.issue(), "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})

    def _serve(self, request: Request, operation: str) -> tuple[str, Any, int]:
        """(message, data, rows)."""
        ledger, done = self.ledger, "Thành công"
        match operation:
            case "HienTrang":
                return done, ledger.state(), 0
            case "DanhSachHoSo" | "DanhSachTep":
                read = ledger.items if operation == "DanhSachHoSo" else ledger.files
                page, size = _whole(request.query, "page", 1), _whole(request.query, "size", 200)
                items, total = read(page, min(size, MOST_ROWS))
                return done, {"items": items, "total": total}, len(items)
            case "Tep":
                return self._file(request)
        body = orjson.loads(request.body or b"{}")
        match operation:
            case "DanhDau":
                return done, ledger.mark(self._now()), 0
            case "HoanTac":
                return done, ledger.roll_back(str(body["maDanhDau"])), 0
            case "TraCuu":
                found = ledger.find(_few(body["maHoSo"]))
                return done, found, len(found)
        items = _few(body["hoSo"])
        if not all(isinstance(item, dict) for item in items):
            raise Refused(400, "hoSo phải là danh sách đối tượng")
        now, share = self._now(), self._share()
        answers = ledger.take([(item, self._wrong(item, now, share)) for item in items], now)
        return done, answers, len(answers)

    def _wrong(self, item: Item, now: str, share: Fault | None) -> str:
        if wrong := self._check(item, now):
            return wrong
        if share and within_share(item["maHoSo"], share.number("percent", 1)):
            return str(share.options.get("text", _REFUSED_SHARE))
        return ""

    def _file(self, request: Request) -> tuple[str, dict[str, str], int]:
        fields, name, content = parts(request)
        if not content:
            raise Refused(400, "Thiếu tệp hoặc tệp rỗng")
        code, file_id = fields.get("maHoSo", ""), fields.get("tepId", "")
        if not code or not file_id:
            raise Refused(400, "Thiếu trường bắt buộc: maHoSo, tepId")
        key, digest, again = self.ledger.receive_file(code, file_id, fields.get("ten") or name, content)
        return "Tệp đã tồn tại" if again else "Thành công", {"fileId": key, "sha256": digest}, 1


def within_share(code: str, percent: float) -> bool:
    """Whether a dossier is among those that `refuse_share` refuses: the same ones each time."""
    return int.from_bytes(hashlib.sha256(code.encode()).digest()[:4], "big") % 100_000 < percent * 1000


def _few(items: Any) -> list[Any]:
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ITEMS:
        raise Refused(400, f"Một lần gửi có từ 1 đến {MOST_ITEMS} hồ sơ")
    return items


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or text == "0":
        raise ValueError(f"{name} must be a whole number from 1, not {text!r}")
    return int(text)


def _answer(code: int, message: str, data: object = None) -> Reply:
    return json_reply({"code": code, "message": message, "data": data}, code or 200)
