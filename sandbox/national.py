"""The national adapter (Cổng DVCQG / CSDLQG về TTHC) [seen]: session in the body, HTTP 200 nearly always, and strict.

A call is accepted or refused as a whole: of a refused batch nothing is applied.
"""

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from sandbox import national_catalogue as lists
from sandbox import national_rules as rules
from sandbox.faults import NATIONAL, Fault, FaultBook
from sandbox.national_ledger import DUPLICATE_CREATE, DUPLICATE_STEP, ORDER, Known, Ledger, step_digest, summary
from sandbox.national_rules import Refusal
from sandbox.state import NATIONAL as NAME
from sandbox.state import Config, Folder
from sandbox.statuses import ENDED, may_follow
from sandbox.system import page_of
from sandbox.wire import Reply, Request, json_reply

SESSION_CALLS = 500
SESSION_SECONDS = 300
MOST_DOSSIERS = 50
MOST_STEPS = 10
INTEGRATION = frozenset({"TraCuuHoSo", "DongBoHoSoMC", "CapNhatTienDoHoSoMC", "LayThuTuc", "LayQDCB"})

_OK = (0, "0", "00")
_EXISTS = ("3", 0, "-3")
_SERVICE = re.compile(rb'"service"\s*:\s*"(\w+)"')

Answer = tuple[Any, str, list[Any]]
"""(error code, message, result)."""


class NationalPeer:
    """The adapter over its ledger; `clock` is monotonic seconds for sessions, dates are judged by the sandbox's now."""

    def __init__(self, folder: Folder, config: Config, clock: Callable[[], float]) -> None:
        account = folder.accounts()[NAME]
        self.login, self.password = account["login"], account["password"]
        self.folder, self.config, self.clock = folder, config, clock
        self.ledger = Ledger(folder.ledger(NAME))
        self.faults = FaultBook(NATIONAL)
        self._sessions: dict[str, list[float]] = {}
        self._answers = 0
        self._journal_size = -1
        self._follow()

    # -- the peer's interface

    def operation(self, request: Request) -> str:
        if request.path == "/auth":
            return "auth"
        if request.path not in ("/integration", "/share"):
            return ""
        found = _SERVICE.search(request.body)
        return found.group(1).decode() if found else "unknown"

    def handle(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """The answer to one call; the call and its verdict are in the ledger before it is given."""
        self._follow()
        if not operation:
            return json_reply({"error": "Not Found"}, 404)
        try:
            body = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            body = None
        call = self.ledger.begin(self._now_text, operation, _keys(body), fault.kind if fault else "", request.body)
        self._verdict = "accepted"
        try:
            if not isinstance(body, dict):
                code, message, result = self._refuse("-99", "Dữ liệu không phải là JSON")
            elif operation == "auth":
                return self._login(call, body)
            else:
                code, message, result = self._serve(request.path, operation, body, fault, call)
        except BaseException:
            self.ledger.abandon()
            raise
        self.ledger.finish(call, self._verdict, str(code), message if self._verdict != "accepted" else "")
        answer: Any = {"error_code": code, "message": message, "result": result}
        payload = orjson.dumps(answer)
        if fault and fault.kind == "json_in_string":
            payload = orjson.dumps(payload.decode())
        return Reply(payload)

    def note(self, operation: str, request: Request, fault: Fault) -> None:
        self._follow()
        try:
            keys = _keys(orjson.loads(request.body or b"{}"))
        except orjson.JSONDecodeError:
            keys = ""
        call = self.ledger.begin(self._now_text, operation, keys, fault.kind, request.body)
        self.ledger.finish(call, "fault", "", fault.kind)

    def control(self, request: Request) -> Reply:
        """`/_sandbox/ledger/{dossiers,steps,calls,sins,versions}`, `/_sandbox/procedures`, `/_sandbox/status`."""
        self._follow()
        query = request.query
        match request.path:
            case "/_sandbox/ledger/dossiers":
                page = page_of(self.ledger.db, "dossier", query)
                return json_reply({**page, "rows": [_opened(r) for r in page["rows"]]})
            case "/_sandbox/ledger/steps":
                if code := query.get("code"):
                    found = self.ledger.db.execute("SELECT id FROM step WHERE code=? ORDER BY id", (code,)).fetchall()
                    rows = [
                        page_of(self.ledger.db, "step", {"since_id": str(i - 1), "limit": "1"})["rows"][0]
                        for (i,) in found
                    ]
                    return json_reply({"rows": [_opened(r) for r in rows], "next_since_id": None})
                page = page_of(self.ledger.db, "step", query)
                return json_reply({**page, "rows": [_opened(r) for r in page["rows"]]})
            case "/_sandbox/ledger/versions":
                page = page_of(self.ledger.db, "dossier_version", query)
                return json_reply({**page, "rows": [_opened(r) for r in page["rows"]]})
            case "/_sandbox/ledger/calls":
                return json_reply(page_of(self.ledger.db, "call", query))
            case "/_sandbox/ledger/sins":
                return json_reply(page_of(self.ledger.db, "sin", query))
            case "/_sandbox/filed":
                return json_reply({"filed": self._citizens_filed(request.json())})
            case "/_sandbox/procedures":
                return json_reply(self.catalogue.summary())
            case "/_sandbox/status":
                return json_reply({**summary(self.folder.ledger(NAME)), "now": self._now_text})
        return json_reply({"error": f"no control address {request.path}"}, 404)

    def close(self) -> None:
        self.ledger.close()

    def _citizens_filed(self, items: list[dict[str, Any]]) -> int:
        """What citizens file on the portal itself is in the national ledger before any province knows of it."""
        call = self.ledger.begin(self._now_text, "filed", ",".join(item["MaHoSo"] for item in items)[:400], "", b"")
        for item in items:
            self.ledger.put(call, item, self.ledger.dossier(item["MaHoSo"]))
        self.ledger.finish(call, "accepted", "0", "")
        return len(items)

    # -- sessions

    def _login(self, call: int, body: dict[str, Any]) -> Reply:
        if (body.get("username"), body.get("password")) != (self.login, self.password):
            self.ledger.finish(call, "session", "-1", "wrong user name or password")
            return json_reply({"session": "", "error_code": "-1", "message": "Sai tên đăng nhập hoặc mật khẩu"})
        session = secrets.token_hex(16)
        self._sessions = {s: held for s, held in self._sessions.items() if held[1] > self.clock()}
        self._sessions[session] = [SESSION_CALLS, self.clock() + SESSION_SECONDS]
        self.ledger.finish(call, "accepted", "0", "")
        return json_reply({"session": session, "error_code": self._ok()})

    def _session_holds(self, session: object) -> bool:
        held = self._sessions.get(session) if isinstance(session, str) else None
        if held is None:
            return False
        if held[0] <= 0 or held[1] <= self.clock():
            del self._sessions[str(session)]
            return False
        held[0] -= 1
        return True

    # -- services

    def _serve(self, path: str, service: str, body: dict[str, Any], fault: Fault | None, call: int) -> Answer:
        kind = fault.kind if fault else ""
        if kind == "session_expired":
            self._sessions.pop(str(body.get("session")), None)
        if kind == "session_expired" or not self._session_holds(body.get("session")):
            self._verdict = "session"
            return "-1", "Phiên làm việc không hợp lệ", []
        if not re.search(r"[GH]\d\d", str(body.get("madonvi") or "")):
            return self._refuse(rules.MISSING, "Thiếu trường bắt buộc: madonvi")
        if fault and (answer := self._spoiled(fault, service, body)):
            self._verdict = "fault"
            return answer
        if (path == "/integration") != (service in INTEGRATION):
            return self._refuse("-11", f"Dịch vụ {service} không có ở địa chỉ {path}")
        match service:
            case "TraCuuHoSo":
                return self._look_up(body)
            case "DongBoHoSoMC":
                return self._dossiers(body, call)
            case "CapNhatTienDoHoSoMC":
                return self._steps(body, call)
            case "LayThuTuc":
                known = self.catalogue.procedures.get(str(body.get("maTTHC") or ""))
                return self._ok(), "", [lists.record(known)] if known else []
            case "LayQDCB":
                return self._ok(), "", lists.decision(self.catalogue, str(body.get("idQDCB") or ""))
            case "LayDanhSachTTHC":
                return self._ok(), "", [lists.list_row(p) for p in self.catalogue.procedures.values()]
            case "LayDanhMucLinhVuc":
                return self._ok(), "", lists.fields(self.catalogue)
            case "LayDanhMucCoQuan":
                return self._ok(), "", lists.agencies()
            case "LayDanhMucTinhThanh":
                return self._ok(), "", lists.provinces()
            case "LayDanhMucQuanHuyen":
                return self._ok(), "Cấp huyện kết thúc hoạt động từ 01/07/2025", []
            case "LayDanhMucPhuongXa":
                return self._ok(), "", lists.communes()
        return self._refuse("-11", f"Dịch vụ không tồn tại: {service}")

    def _spoiled(self, fault: Fault, service: str, body: dict[str, Any]) -> Answer | None:
        """The answer of an armed fault that takes the place of the real one; nothing is applied."""
        text = str(fault.options.get("text", ""))
        if fault.kind == "exists":
            code = _first(body).get("MaHoSo", "")
            return fault.options.get("error_code", "3"), text or f"Hồ sơ {code} đã tồn tại", []
        if fault.kind == "refuse_progress" and service == "CapNhatTienDoHoSoMC":
            return fault.options.get("error_code", "-1000"), text or "Hồ sơ chưa cập nhật trạng thái", []
        if fault.kind == "refuse":
            return fault.options.get("error_code", "-99"), text or "Bị từ chối", []
        return None

    def _look_up(self, body: dict[str, Any]) -> Answer:
        code = body.get("mahoso")
        if not isinstance(code, str) or not code.strip():
            return self._refuse(rules.MISSING, "Thiếu trường bắt buộc: mahoso")
        known = self.ledger.dossier(code)
        if known is None:
            return self._ok(), "", []
        shown = ("ThoiDiemXuLy", "TrangThai", "NoiDungXuLy", "NguoiXuLy")
        steps = [{name: s.get(name) or "" for name in shown} for s in self.ledger.steps(code)]
        return self._ok(), "", [{**orjson.loads(known.body), "DanhSachTienTrinh": steps}]

    def _dossiers(self, body: dict[str, Any], call: int) -> Answer:
        updating, items = body.get("isUpdating"), body.get("data")
        if updating not in ("True", "False"):
            return self._refuse(rules.MISSING, 'Thiếu trường bắt buộc: isUpdating ("True" hoặc "False")')
        if not isinstance(items, list) or not items:
            return self._refuse(rules.MISSING, "Thiếu trường bắt buộc: data")
        if len(items) > MOST_DOSSIERS:
            return self._refuse(rules.LIMIT, f"Vượt quá giới hạn {MOST_DOSSIERS} hồ sơ mỗi lần gọi")
        stored: dict[str, Known | None] = {}
        for item in items:
            if problem := rules.dossier(item, self.catalogue.procedures, self._now_text):
                return self._refuse(problem.code, _about(item, problem))
            code = item["MaHoSo"]
            if code in stored:
                return self._refuse(rules.LIMIT, f"Vượt quá giới hạn: hồ sơ {code} có hai lần trong một lần gọi")
            known = stored[code] = self.ledger.dossier(code)
            if updating == "False" and known:
                self.ledger.sin(call, DUPLICATE_CREATE, code, "a create for a dossier that is already there")
                self._answers += 1
                self._verdict = "refused"
                return _EXISTS[self._answers % 3], f"Hồ sơ {code} đã tồn tại", []
            if updating == "True" and known is None:
                return self._refuse(rules.UNKNOWN, f"Hồ sơ không tồn tại: {code}")
            if known and known.status in ENDED and int(item["TrangThaiHoSo"]) != known.status:
                return self._refuse(
                    rules.MOVE,
                    f"Chuyển trạng thái không hợp lệ {known.status}->{item['TrangThaiHoSo']}: hồ sơ {code} "
                    "đã trả kết quả, không được cập nhật trạng thái",
                )
        for item in items:
            self.ledger.put(call, item, stored[item["MaHoSo"]])
        return self._ok(), "Thành công", [{"MaHoSo": item["MaHoSo"]} for item in items]

    def _steps(self, body: dict[str, Any], call: int) -> Answer:
        """CapNhatTienDoHoSoMC: a batch is applied whole or not at all; every received step is written down."""
        items = body.get("data")
        if not isinstance(items, list) or not items:
            return self._refuse(rules.MISSING, "Thiếu trường bắt buộc: data")
        if len(items) > MOST_STEPS:
            return self._refuse(rules.LIMIT, f"Vượt quá giới hạn {MOST_STEPS} tiến trình mỗi lần gọi")
        heads: dict[str, tuple[str, int | None]] = {}
        batch: set[bytes] = set()
        judged: list[tuple[dict[str, Any], bytes, bool]] = []
        refusal: Refusal | None = None
        for item in items:
            problem, digest, again = self._judge_step(item, heads, batch, call)
            batch.add(digest)
            refusal = refusal or problem
            judged.append((item if isinstance(item, dict) else {"item": item}, digest, again))
        for item, digest, again in judged:
            verdict = "refused" if refusal else "duplicate" if again else "accepted"
            self.ledger.put_step(call, item, digest, verdict, refusal.text if refusal else "")
        if refusal:
            return self._refuse(refusal.code, refusal.text)
        return self._ok(), "Thành công", []

    def _judge_step(
        self, item: Any, heads: dict[str, tuple[str, int | None]], batch: set[bytes], call: int
    ) -> tuple[Refusal | None, bytes, bool]:
        """(refusal, digest, whether the same step came before); `heads` and `batch` carry the call along."""
        if problem := rules.step(item, self._now_text):
            return Refusal(problem.code, _about(item, problem)), b"", False
        code, at, status = item["MaHoSo"], item["ThoiDiemXuLy"], int(item["TrangThai"])
        digest = step_digest(item)
        if code not in heads:
            known = self.ledger.dossier(code)
            if known is None:
                return Refusal(rules.UNKNOWN, f"Hồ sơ không tồn tại: {code}"), digest, False
            heads[code] = (known.last_step_at, known.last_step_status)
        again = digest in batch or self.ledger.has_step(code, digest)
        if again:
            self.ledger.sin(call, DUPLICATE_STEP, code, f"step {at} status {status} received again")
        last_at, last_status = heads[code]
        if at < last_at:
            self.ledger.sin(call, ORDER, code, f"step {at} after {last_at}")
            return (
                Refusal(rules.ORDER, f"Tiến trình không đúng thứ tự thời gian: {code} {at} < {last_at}"),
                digest,
                again,
            )
        if again:
            return None, digest, True
        if not may_follow(last_status, status):
            return Refusal(rules.MOVE, f"Chuyển trạng thái không hợp lệ {last_status}->{status}: {code}"), digest, False
        heads[code] = (at, status)
        return None, digest, False

    # -- inside

    def _refuse(self, code: str, text: str) -> Answer:
        self._verdict = "refused"
        return code, text, []

    def _ok(self) -> Any:
        self._answers += 1
        return _OK[self._answers % 3]

    def _follow(self) -> None:
        """Takes over the sandbox's clock and the catalogue of its day when the journal has grown."""
        try:
            size = self.folder.journal.stat().st_size
        except FileNotFoundError:
            size = 0
        if size != self._journal_size:
            self._journal_size = size
            now: datetime = self.folder.now()
            self._now_text = now.strftime("%Y%m%d%H%M%S")
            self.catalogue = lists.catalogue(self.config.seed, self.folder.days())


def _first(body: dict[str, Any]) -> dict[str, Any]:
    items = body.get("data")
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}


def _about(item: Any, problem: Refusal) -> str:
    code = item.get("MaHoSo") if isinstance(item, dict) else None
    return f"{problem.text} (hồ sơ {code})" if code else problem.text


def _keys(body: Any) -> str:
    """What a call is about: dossier codes, or the procedure asked for."""
    if not isinstance(body, dict):
        return ""
    items = body.get("data")
    if isinstance(items, list):
        return ",".join(dict.fromkeys(str(i.get("MaHoSo") or "") for i in items[:60] if isinstance(i, dict)))
    return str(body.get("mahoso") or body.get("maTTHC") or body.get("idQDCB") or "")


def _opened(row: dict[str, Any]) -> dict[str, Any]:
    """A ledger row with its body as JSON and without the binary digest."""
    return {k: orjson.loads(v) if k == "body" else v for k, v in row.items() if k != "digest"}
