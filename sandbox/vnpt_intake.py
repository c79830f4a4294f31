"""The intake of VNPT: OAuth2 client credentials, then GetNextValue, UploadFile, NoiHoSo, CapNhatTienTrinh and
CapNhatTrangThai [seen]; paths, field names and the look-ups beside them are [style].

Three forms of a date in one contract [seen]: the dossier's `yyyy-MM-dd HH:mm:ss`, a step's ISO with milliseconds, a
status' `yyyyMMddHHmmss`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import orjson

from sandbox.calendar import VIET_NAM
from sandbox.faults import Fault
from sandbox.intake import Intake, Refused, Taken
from sandbox.multipart import parts
from sandbox.tokens import Tokens
from sandbox.wire import Reply, Request, json_reply

PREFIX = "/intake/"
TOKEN = "intake_token"
TOKEN_SECONDS = 300
DOSSIER_FORM, STEP_FORM, STATUS_FORM = "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y%m%d%H%M%S"
WITH_FEES = frozenset({5, 6, 9})
"""Only with these statuses may fees and results come [seen]."""

_WRITES = {"GetNextValue", "UploadFile", "NoiHoSo", "CapNhatHoSo", "CapNhatTienTrinh", "CapNhatTrangThai"}
_READS = {"TraCuuTep", "TraCuuHoSo", "TraCuuTienTrinh", "TraCuuTrangThai"}


class VnptIntake:
    """The push side of one iGate; `login` and `password` are client id and secret."""

    def __init__(self, intake: Intake, login: str, password: str, clock: Callable[[], float]) -> None:
        self.intake, self.login, self.password = intake, login, password
        self.tokens = Tokens(clock, TOKEN_SECONDS)

    @staticmethod
    def operation(path: str) -> str:
        """The operation's name; empty for an address that is none of these."""
        name = path.removeprefix(PREFIX)
        if name == "oauth2/token":
            return TOKEN
        return name if name in _WRITES | _READS else ""

    def handle(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """The answer: `{code, message, data}`, the code being the HTTP status or 0."""
        kind = fault.kind if fault else ""
        if operation == TOKEN:
            return self._token(request, kind == "wrong_password")
        if kind == "expired":
            self.tokens.forget()
        if not self.tokens.bearer(request.headers):
            return _answer(401, "Token không hợp lệ hoặc đã hết hạn")
        try:
            if fault and kind == "refuse":
                raise Refused(400, str(fault.options.get("text", "Bị từ chối")))
            return _answer(0, "Thành công", self._serve(request, operation))
        except Refused as refused:
            return _answer(refused.status, refused.text)
        except (ValueError, KeyError, TypeError) as problem:
            return _answer(400, f"Dữ liệu không hợp lệ: {problem}")

    def _token(self, request: Request, refuse: bool) -> Reply:
        form = {k: v[0] for k, v in parse_qs(request.body.decode("latin-1")).items()}
        if form.get("grant_type") != "client_credentials":
            return json_reply({"error": "unsupported_grant_type"}, 400)
        if refuse or (form.get("client_id"), form.get("client_secret")) != (self.login, self.password):
            return json_reply({"error": "invalid_client", "error_description": "Invalid client credentials"}, 401)
        return json_reply({"access_token": self.tokens.issue(), "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})

    def _serve(self, request: Request, operation: str) -> dict[str, Any]:
        intake = self.intake
        if operation in _READS:
            return self._look_up(request.query, operation)
        if operation == "UploadFile":
            fields, name, content = multipart(request)
            return {
                "fileId": intake.receive_file(fields["soHoSo"], name, fields.get("maThanhPhan", ""), content),
                "size": len(content),
            }
        body = orjson.loads(request.body)
        if operation == "GetNextValue":
            return {"soHoSo": intake.next_number(body["maTTHC"])}
        number = str(body["soHoSo"])
        if operation in ("NoiHoSo", "CapNhatHoSo"):
            intake.take(self._taken(number, body), new=operation == "NoiHoSo")
        elif operation == "CapNhatTienTrinh":
            step = body["tienTrinh"]
            at = _moment(step["thoiDiem"], STEP_FORM)
            intake.report(number, "step", at.isoformat(), int(step["trangThai"]), step)
        else:
            self._status(number, body["trangThai"])
        return {"soHoSo": number}

    def _status(self, number: str, body: dict[str, Any]) -> None:
        status, at = int(body["trangThai"]), _moment(body["ngayCapNhat"], STATUS_FORM)
        if status not in WITH_FEES and (body.get("lePhi") or body.get("ketQua")):
            self.intake.sin("fees", number, f"fees or results with status {status}")
            raise Refused(400, "Lệ phí và kết quả chỉ đi cùng trạng thái 5, 6, 9")
        self.intake.report(number, "status", at.isoformat(), status, body)

    def _taken(self, number: str, body: dict[str, Any]) -> Taken:
        """A dossier in the words of NoiHoSo."""
        h = body["hoSo"]
        papers = body.get("giayToTuyThan") or [{}]
        for name in ("maHoSoQuocGia", "maTTHC", "chuHoSo", "trichYeu", "ngayNop"):
            if not str(h.get(name) or "").strip():
                raise Refused(400, f"Thiếu trường bắt buộc: {name}")
        return Taken(
            number=number,
            national_code=h["maHoSoQuocGia"],
            procedure=h["maTTHC"],
            owner=h["chuHoSo"],
            kind=int(h["loaiDoiTuong"]),
            identity_kind={"1": "CCCD", "2": "CMND"}.get(str(papers[0].get("loai")), ""),
            identity=str(papers[0].get("so") or ""),
            tax=h.get("maSoThue") or "",
            phone=h.get("soDienThoai") or "",
            email=h.get("email") or "",
            address=h.get("diaChi") or "",
            province=h.get("maTinh") or "",
            commune=h.get("maXa") or "",
            subject=h["trichYeu"],
            back=int(h.get("hinhThucTra") or 0),
            submitted=_moment(h["ngayNop"], DOSSIER_FORM).isoformat(),
            files=self.intake.files(number, list(body.get("danhSachTep") or [])),
        )

    def _look_up(self, query: dict[str, str], operation: str) -> dict[str, Any]:
        number, intake = query.get("soHoSo", ""), self.intake
        if operation == "TraCuuTep":
            if found := intake.file_id(number, query.get("sha256", ""), query.get("tenTep", "")):
                return {"fileId": found}
        elif operation == "TraCuuHoSo":
            if taken := intake.find(number):
                return {"soHoSo": number, "maHoSoQuocGia": taken.national_code}
        else:
            kind, form = ("step", STEP_FORM) if operation == "TraCuuTienTrinh" else ("status", STATUS_FORM)
            at = _moment(query.get("thoiDiem", ""), form).isoformat()
            if intake.was_reported(number, kind, at, int(query.get("trangThai", 0))):
                return {"soHoSo": number}
        raise Refused(404, "Không tìm thấy dữ liệu")


def multipart(request: Request) -> tuple[dict[str, str], str, bytes]:
    """The plain fields of a multipart/form-data body, and its one file's name and bytes."""
    try:
        fields, name, content = parts(request)
    except ValueError as problem:
        raise Refused(400, "Yêu cầu multipart/form-data") from problem
    if content is None or "soHoSo" not in fields:
        raise Refused(400, "Thiếu tệp hoặc soHoSo")
    return fields, name, content


def _moment(text: str, form: str) -> datetime:
    at = datetime.strptime(text, form)
    return at if at.tzinfo else at.replace(tzinfo=VIET_NAM)


def _answer(code: int, message: str, data: object = None) -> Reply:
    return json_reply({"code": code, "message": message, "data": data}, code or 200)
