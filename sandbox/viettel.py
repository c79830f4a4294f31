"""The provincial system that speaks the Viettel one-gate: SOAP 1.1, WS-Security digest, oldest change first [style]."""

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from sandbox import calendar, files, onegate_service, soap_service
from sandbox.faults import Fault, shuffled
from sandbox.intake import LEDGERS, Intake
from sandbox.render_taken import viettel_record
from sandbox.render_viettel import ViettelRenderer, tag
from sandbox.state import REPOSITORY, Config, Folder
from sandbox.system import SystemPeer
from sandbox.timeline import INTAKE
from sandbox.viettel_intake import ViettelIntake
from sandbox.wire import Reply, Request, json_reply

WSDL_FILE: Path = REPOSITORY / "schemas" / "wire" / "viettel_onegate.wsdl"
OPERATIONS = (
    *("TraCuuDanhSachHoSo", "LayChiTietHoSo", "LayDanhSachThuTuc", "LayFileDinhKem"),
    *("TiepNhanHoSoTrucTuyen", "CapNhatHoSoTrucTuyen", "TraCuuHoSoTrucTuyen"),
    *("CapNhatTrangThaiHoSo", "TraCuuTrangThaiHoSo"),
)
CREATED_WITHIN = 300
"""Seconds that a UsernameToken may be old or early; a nonce is remembered twice as long."""

_OPERATION = re.compile(rb"<(?:[\w.-]+:)?(" + "|".join(OPERATIONS).encode() + rb")[\s/>]")
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "#PasswordDigest"
_XML = "text/xml; charset=utf-8"


class ViettelPeer(SystemPeer):
    """SOAP peer of one province; `clock` gives epoch seconds, against which a token's Created is checked."""

    def __init__(self, folder: Folder, config: Config, slug: str, clock: Callable[[], float]) -> None:
        super().__init__(folder, config, slug, clock)
        self.renderer = ViettelRenderer(self.state.generator)
        self.taken = Intake(self._db, folder, slug, self.state.generator)
        self.intake = ViettelIntake(self.taken)
        self._service = onegate_service.service(self)
        self._wsdl = WSDL_FILE.read_bytes()
        self._nonces: dict[bytes, float] = {}
        self._fault: Fault | None = None
        self._rows: list[int] = []
        self._params: dict[str, Any] = {}
        self._by_code: dict[str, int] | None = None

    def operation(self, request: Request) -> str:
        if request.path != onegate_service.PATH:
            return ""
        if request.method == "GET":
            return "wsdl"
        found = _OPERATION.search(request.body)
        return found.group(1).decode() if found else "unknown"

    def handle(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """The answer to one call, written to the ledger."""
        self.state.follow()
        self._rows, self._params, self._fault = [], {}, fault
        kind = fault.kind if fault else ""
        if operation == "wsdl":
            reply = Reply(self._wsdl, 200, _XML)
        elif not operation:
            reply = json_reply({"error": "Not Found"}, 404)
        elif fault and kind == "soap_fault":
            reply = _fault(
                "soap:Server", str(fault.options.get("text", "Object reference not set to an instance of an object"))
            )
        elif problem := self._refusal(request, kind in ("expired", "wrong_password")):
            reply = _fault("wsse:FailedAuthentication", f"Authentication failed: {problem}")
        else:
            status, body = soap_service.call(self._service, onegate_service.PATH, request.headers, request.body)
            reply = Reply(body, status, _XML)
        self.mark_served(self._rows)
        self.record_call(operation or request.path, self._params, reply, len(self._rows), fault)
        return reply

    # -- operations: each gives the inside of its ...Result

    def search(self, since: str, until: str, page: int, size: int) -> bytes:
        """TraCuuDanhSachHoSo: rows with since <= ngayCapNhat <= until, oldest change first."""
        self._params = {"tuNgay": since, "denNgay": until, "trang": page, "kichThuoc": size}
        fault = self._fault
        kind = fault.kind if fault else ""
        low, high = _date(since), _date(until)
        timeline = self.state.generator.timeline
        if fault and kind == "change_while_paging":
            self.state.change_now(int(fault.number("records", 5)), near_end=False)
        if kind == "repeat_page":
            page = max(1, page - 1)
        first, end = self.state.changed_within(low, high)
        total = end - first
        start = first + (page - 1) * size
        rows = timeline.slice(start, min(start + size, end)) if start < end else []
        if kind == "shuffle_page":
            rows = shuffled(rows)
        self._rows = rows
        records = [self._record(row) for row in rows]
        if kind == "unknown_field":
            records = [r.replace(b"<ghiChu/>", b"<ghiChu/><truongMoi>2.7</truongMoi>", 1) for r in records]
        elif kind == "unknown_status" and records:
            records[0] = re.sub(rb"<trangThai>\d+<", b"<trangThai>77<", records[0], count=1)
        return b"<tongSo>%d</tongSo><trang>%d</trang><kichThuoc>%d</kichThuoc><DanhSachHoSo>%b</DanhSachHoSo>" % (
            total,
            page,
            size,
            b"".join(records),
        )

    def detail(self, code: str) -> bytes:
        """LayChiTietHoSo: the newest record of a dossier code."""
        self._params = {"maHoSo": code}
        row = self.state.row_of(code)
        if row is None:
            row = self.taken.row_of(code)
        if row is None:
            raise onegate_service.client_fault(f"Hồ sơ {code} không tồn tại")
        self._rows = [row]
        return self._record(row).removeprefix(b"<HoSo>").removesuffix(b"</HoSo>")

    def procedures(self, page: int, size: int) -> bytes:
        """LayDanhSachThuTuc."""
        self._params = {"trang": page, "kichThuoc": size}
        total = len(self.state.generator.listing.listed)
        items = self.renderer.procedures((page - 1) * size, page * size)
        return b"<tongSo>%d</tongSo><DanhSachThuTuc>%b</DanhSachThuTuc>" % (total, items)

    def file(self, name: str) -> bytes:
        """LayFileDinhKem: a small made-up PDF, with its SHA-256 at times; nothing inside when it is lost."""
        self._params = {"maTep": name}
        content = self.fetch(name)
        if content is None:
            return tag("tenTep", name)
        stated = tag("sha256", hashlib.sha256(content).hexdigest()) if files.states_digest(name) else b""
        return tag("tenTep", name) + tag("noiDung", base64.b64encode(content).decode()) + stated

    def take(self, filed: Any, papers: list[Any], files: list[Any], number: str | None = None) -> bytes:
        """TiepNhanHoSoTrucTuyen and, with a number, CapNhatHoSoTrucTuyen."""
        self._params = {"maHoSoQuocGia": filed.maHoSoQuocGia, "files": len(files)}
        if self._fault and self._fault.kind == "refuse":
            raise onegate_service.client_fault(str(self._fault.options.get("text", "Bị từ chối")))
        return self.intake.take(filed, papers, files, number)

    def taken_as(self, national_code: str) -> bytes:
        """TraCuuHoSoTrucTuyen."""
        self._params = {"maHoSoQuocGia": national_code}
        return self.intake.taken_as(national_code)

    def report(self, number: str, status: str, at: str, content: str) -> bytes:
        """CapNhatTrangThaiHoSo."""
        self._params = {"maHoSo": number, "trangThai": status}
        return self.intake.report(number, status, at, content)

    def was_reported(self, number: str, status: str, at: str) -> bytes:
        """TraCuuTrangThaiHoSo."""
        self._params = {"maHoSo": number, "trangThai": status}
        return self.intake.was_reported(number, status, at)

    def control(self, request: Request) -> Reply:
        """`/_sandbox/ledger/intake_{numbers,files,taken,reported,sins}` beside what every system has."""
        if (found := request.path.removeprefix("/_sandbox/ledger/intake_")) in LEDGERS:
            return json_reply(self.taken.page(found, request.query))
        return super().control(request)

    # -- inside

    def _record(self, row: int) -> bytes:
        return viettel_record(self.taken, row) if row >= INTAKE else self.renderer.record(row)

    def _refusal(self, request: Request, refuse: bool) -> str:
        """Why the UsernameToken is refused; empty when it holds. Digest = Base64(SHA1(nonce + created + password))."""
        try:
            tree = etree.fromstring(
                request.body, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
            )
        except etree.XMLSyntaxError:
            return ""  # the service answers it with a Client fault
        token = tree.find(f".//{{{_WSSE}}}UsernameToken")
        if token is None:
            return "no UsernameToken"
        user = token.findtext(f"{{{_WSSE}}}Username", "")
        password = token.find(f"{{{_WSSE}}}Password")
        nonce_text = token.findtext(f"{{{_WSSE}}}Nonce", "")
        created = token.findtext(f"{{{_WSU}}}Created", "")
        if password is None or not (password.get("Type") or "").endswith(_DIGEST):
            return "PasswordDigest is required"
        try:
            nonce = base64.b64decode(nonce_text, validate=True)
            at = datetime.fromisoformat(created)
        except ValueError:
            return "Nonce or Created cannot be read"
        now = self.clock()
        if abs((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now) > CREATED_WITHIN:
            return "Created is too far from the server's time"
        expected = base64.b64encode(hashlib.sha1(nonce + created.encode() + self.password.encode()).digest()).decode()
        if refuse or user != self.login or (password.text or "").strip() != expected:
            return "wrong user name or password"
        if self._nonces.get(nonce, 0) > now:
            return "nonce was used before"
        if len(self._nonces) > 10_000:
            self._nonces = {n: end for n, end in self._nonces.items() if end > now}
        self._nonces[nonce] = now + 2 * CREATED_WITHIN
        return ""


def _date(text: str) -> datetime:
    try:
        return datetime.strptime(text.strip(), "%d/%m/%Y %H:%M:%S").replace(tzinfo=calendar.VIET_NAM)
    except ValueError:
        raise onegate_service.client_fault(f"Định dạng ngày không hợp lệ (dd/MM/yyyy HH:mm:ss): {text}") from None


def _fault(code: str, text: str) -> Reply:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<soap:Envelope xmlns:soap="{onegate_service.ENVELOPE}" xmlns:wsse="{_WSSE}">'
        f"<soap:Body><soap:Fault><faultcode>{code}</faultcode><faultstring>{escape(text)}</faultstring></soap:Fault></soap:Body></soap:Envelope>"
    )
    return Reply(body.encode(), 500, _XML)
