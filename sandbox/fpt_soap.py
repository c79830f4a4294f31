"""The provincial system that speaks FPT eGov's SOAP generation: a token in the SOAP header, whole windows [style]."""

import base64
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from sandbox import calendar, fpt_dataset, fpt_service, soap_service
from sandbox.faults import Fault, shuffled
from sandbox.render_fpt import STRANGE_STATUS
from sandbox.state import REPOSITORY, Config, Folder
from sandbox.system import SystemPeer
from sandbox.tokens import Tokens
from sandbox.wire import Reply, Request, json_reply

WSDL_FILE: Path = REPOSITORY / "schemas" / "wire" / "fpt_egov.wsdl"
TOKEN_SECONDS = 20 * 60
LONGEST_WINDOW = timedelta(days=31)

_OPERATION = re.compile(rb"<(?:[\w.-]+:)?(" + "|".join(fpt_service.OPERATIONS).encode() + rb")[\s/>]")
_XML = "text/xml; charset=utf-8"
_SERVER = "Server was unable to process request. ---> "


class FptSoapPeer(SystemPeer):
    """SOAP peer of one province; a token lives `TOKEN_SECONDS` by `clock`."""

    def __init__(self, folder: Folder, config: Config, slug: str, clock: Callable[[], float]) -> None:
        super().__init__(folder, config, slug, clock)
        self.renderer = fpt_dataset.FptSoapRenderer(self.state.generator)
        self._service = fpt_service.service(self)
        self._wsdl = WSDL_FILE.read_bytes()
        self._tokens = Tokens(clock, TOKEN_SECONDS)
        self._fault: Fault | None = None
        self._rows: list[int] = []
        self._before: list[int] = []
        self._params: dict[str, Any] = {}

    def operation(self, request: Request) -> str:
        """Name of the WSDL's operation, `wsdl` or `unknown`; empty for another address."""
        if request.path != fpt_service.PATH:
            return ""
        if request.method == "GET":
            return "wsdl"
        found = _OPERATION.search(request.body)
        return found.group(1).decode() if found else "unknown"

    def handle(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """The answer to one call, written to the ledger."""
        self.state.follow()
        self._fault, self._rows, self._params = fault, [], {}
        if operation == "wsdl":
            reply = Reply(self._wsdl, 200, _XML)
        elif not operation:
            reply = json_reply({"error": "Not Found"}, 404)
        elif self._kind == "soap_fault" and fault:
            text = str(fault.options.get("text", "Object reference not set to an instance of an object."))
            reply = _fault("soap:Server", _SERVER + text)
        elif (action := _action(request)) != fpt_service.NAMESPACE + operation:
            reply = _fault("soap:Client", f"Server did not recognize the value of HTTP Header SOAPAction: {action}.")
        else:
            status, body = soap_service.call(self._service, fpt_service.PATH, request.headers, request.body)
            reply = Reply(body, status, _XML)
        self.mark_served(self._rows)
        self.record_call(operation or request.path, self._params, reply, len(self._rows), fault)
        return reply

    # -- operations: each gives the string of its ...Result

    def enter(self, login: str, password: str) -> str:
        """Login: a token."""
        if self._kind == "wrong_password" or (login, password) != (self.login, self.password):
            raise fpt_service.server_fault("Tên đăng nhập hoặc mật khẩu không đúng")
        return self._tokens.issue()

    def admit(self, token: str) -> None:
        """Refuses a call whose token is not in force."""
        if self._kind == "expired":
            self._tokens.forget()
        if not self._tokens.holds(token):
            raise fpt_service.server_fault("Token expired" if token else "Token is missing")

    def search(self, since: datetime, until: datetime) -> str:
        """GetDanhSachHoSo: all records with since <= NgayCapNhat <= until, oldest change first."""
        since, until = _local(since), _local(until)
        self._params = {"fromDate": since.isoformat(), "toDate": until.isoformat()}
        if until - since > LONGEST_WINDOW:
            raise fpt_service.server_fault(f"Khoảng thời gian tra cứu tối đa {LONGEST_WINDOW.days} ngày")
        fault = self._fault
        if fault and self._kind == "error_inside":
            return error("E500", str(fault.options.get("text", "Hệ thống đang bận, vui lòng thử lại sau")))
        if fault and self._kind == "change_while_paging":
            self.state.change_now(int(fault.number("records", 5)), near_end=False)
        first, end = self.state.changed_within(since, until)
        rows = self.state.generator.timeline.slice(first, end) if first < end else []
        if self._kind == "repeat_page":
            rows = self._before
        elif self._kind == "shuffle_page":
            rows = shuffled(rows)
        self._rows = self._before = rows
        records = [self.renderer.record(row) for row in rows]
        if self._kind == "unknown_field":
            records = [{**r, "TruongMoi": "2.7"} for r in records]
        elif self._kind == "unknown_status" and records:
            records[0] |= dict(zip(("TrangThai", "TenTrangThai"), STRANGE_STATUS, strict=True))
        return fpt_dataset.dataset("HoSo", records)

    def detail(self, code: str) -> str:
        """GetChiTietHoSo: the newest record of a dossier code."""
        self._params = {"maHoSo": code}
        row = self.state.row_of(code)
        if row is None:
            return error("E404", f"Không tìm thấy hồ sơ {code}")
        self._rows = [row]
        return fpt_dataset.document("HoSo", self.renderer.record(row))

    def procedures(self) -> str:
        """GetDanhMucThuTuc."""
        return fpt_dataset.dataset("ThuTuc", self.renderer.procedures())

    def file(self, file_id: str) -> str:
        """GetFile: a small made-up PDF as base64."""
        self._params = {"fileId": file_id}
        content = self.fetch(file_id)
        if content is None:
            return error("E404", f"Không tìm thấy tệp {file_id}")
        return base64.b64encode(content).decode()

    # -- inside

    @property
    def _kind(self) -> str:
        return self._fault.kind if self._fault else ""


def error(code: str, message: str) -> str:
    """What stands in the result of a call that HTTP calls a success."""
    return f"{fpt_dataset.DECLARATION}<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"


def _action(request: Request) -> str:
    return request.headers.get(b"soapaction", b"").decode("latin-1").strip('"')


def _local(at: datetime) -> datetime:
    """A time without an offset is the server's own, as .NET takes it."""
    return (at if at.tzinfo else at.replace(tzinfo=calendar.VIET_NAM)).astimezone(calendar.VIET_NAM)


def _fault(code: str, text: str) -> Reply:
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>'
        f"<faultcode>{code}</faultcode><faultstring>{escape(text)}</faultstring><detail />"
        "</soap:Fault></soap:Body></soap:Envelope>"
    )
    return Reply(body.encode(), 500, _XML)
