"""The Viettel one-gate contract [style] as spyne types: WSDL, checking of requests and faults come from here.

Bodies are not serialised by spyne (an object layer is an order of magnitude slower than the pages need): a method
leaves ready-made XML in `ctx.udc` and the listener below puts it into the envelope.
"""

import io
import logging
from collections.abc import Callable
from typing import Any, ClassVar

from lxml import etree

from sandbox.soap_stack import (
    Application,
    Array,
    ComplexModel,
    Fault,
    Integer,
    ServiceBase,
    Soap11,
    Unicode,
    WsgiApplication,
    rpc,
)

logging.getLogger("spyne").setLevel(logging.CRITICAL + 1)  # a refused request is an answer, not a failure

NAMESPACE = "urn:viettel:motcua:v1"
PATH = "/motcua/HoSoService"
ADDRESS = f"http://127.0.0.1:18082{PATH}"
"""The address that stands in the committed WSDL; clients override it."""

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{ENVELOPE}"><soap:Body>'.encode()
_TAIL = b"</soap:Body></soap:Envelope>"

_ORDER = {
    "simpleType": 1,
    "complexType": 2,
    "element": 3,
    "types": 1,
    "message": 2,
    "portType": 3,
    "binding": 4,
    "service": 5,
}

_Text = Unicode(min_occurs=0)
_Must = Unicode(min_occurs=1, nillable=False)


class GiayTo(ComplexModel):
    """One document handed in."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [(n, _Text) for n in ("maGiayTo", "tenGiayTo", "tenTep", "duongDan", "soHoa", "taiSuDung")]


class LePhi(ComplexModel):
    """One fee, in đồng."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [(n, _Text) for n in ("maPhi", "tenPhi", "soTien", "hinhThucThu")]


class TienTrinh(ComplexModel):
    """One progress step."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [
        (n, _Text)
        for n in ("thoiDiem", "nguoiXuLy", "chucDanh", "phongBan", "noiDung", "trangThai", "tenTrangThai", "hanXuLy")
    ]


class KetQua(ComplexModel):
    """One result paper."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [(n, _Text) for n in ("maKetQua", "tenKetQua", "duongDan")]


_BEFORE_LISTS = (
    "maHoSo", "maHoSoQuocGia", "soBienNhan", "maThuTuc", "tenThuTuc", "maLinhVuc", "tenLinhVuc", "maCoQuan",
    "tenCoQuan", "chuHoSo", "loaiDoiTuong", "loaiGiayTo", "soGiayTo", "dienThoai", "email", "diaChi", "maTinh",
    "maHuyen", "maXa", "trichYeu", "kenhNop", "hinhThucTra", "noiNop", "thanhToan", "dinhDanhDienTu", "ngayNop",
    "ngayTiepNhan", "ngayHenTra", "ngayHoanThanh", "ngayTra", "ngayTuChoi", "ngayCapNhat", "trangThai", "tenTrangThai",
    "ghiChu",
)  # fmt: skip


class HoSo(ComplexModel):
    """One dossier; times are `dd/MM/yyyy HH:mm:ss`, local."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [
        *((n, _Must if n == "maHoSo" else _Text) for n in _BEFORE_LISTS),
        ("DanhSachGiayTo", Array(GiayTo, min_occurs=0)),
        ("DanhSachLePhi", Array(LePhi, min_occurs=0)),
        ("DanhSachTienTrinh", Array(TienTrinh, min_occurs=0)),
        ("DanhSachKetQua", Array(KetQua, min_occurs=0)),
    ]


_PROCEDURE_FIELDS = (
    "maThuTuc", "tenThuTuc", "maLinhVuc", "tenLinhVuc", "mucDo", "capThucHien", "quyetDinh", "trangThai", "ngayCapNhat",
)  # fmt: skip


class ThuTuc(ComplexModel):
    """One procedure of the province's own list."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [(n, _Text) for n in _PROCEDURE_FIELDS]


class TrangHoSo(ComplexModel):
    """One page of dossiers; `tongSo` counts the whole window."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [
        ("tongSo", Integer),
        ("trang", Integer),
        ("kichThuoc", Integer),
        ("DanhSachHoSo", Array(HoSo, min_occurs=0)),
    ]


class TrangThuTuc(ComplexModel):
    """One page of procedures."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [("tongSo", Integer), ("DanhSachThuTuc", Array(ThuTuc, min_occurs=0))]


class TepDinhKem(ComplexModel):
    """A file, base64."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [("tenTep", Unicode), ("noiDung", Unicode)]


class HoSoService(ServiceBase):
    """The four operations; the one-gate behind them is `ctx.app.onegate`."""

    @rpc(
        _Must,
        _Must,
        Integer(min_occurs=1, nillable=False, ge=1),
        Integer(min_occurs=1, nillable=False, ge=1, le=1000),
        _returns=TrangHoSo,
    )
    def TraCuuDanhSachHoSo(ctx: Any, tuNgay: str, denNgay: str, trang: int, kichThuoc: int) -> TrangHoSo:
        ctx.udc = ctx.app.onegate.search(tuNgay, denNgay, trang, kichThuoc)
        return TrangHoSo()

    @rpc(_Must, _returns=HoSo)
    def LayChiTietHoSo(ctx: Any, maHoSo: str) -> HoSo:
        ctx.udc = ctx.app.onegate.detail(maHoSo)
        return HoSo()

    @rpc(
        Integer(min_occurs=1, nillable=False, ge=1),
        Integer(min_occurs=1, nillable=False, ge=1, le=1000),
        _returns=TrangThuTuc,
    )
    def LayDanhSachThuTuc(ctx: Any, trang: int, kichThuoc: int) -> TrangThuTuc:
        ctx.udc = ctx.app.onegate.procedures(trang, kichThuoc)
        return TrangThuTuc()

    @rpc(_Must, _returns=TepDinhKem)
    def LayFileDinhKem(ctx: Any, maTep: str) -> TepDinhKem:
        ctx.udc = ctx.app.onegate.file(maTep)
        return TepDinhKem()


def _ready_made(ctx: Any) -> None:
    if ctx.udc is not None and ctx.out_error is None:
        name = ctx.method_name.encode()
        ctx.out_string = [
            _HEAD,
            b'<%bResponse xmlns="%b"><%bResult>' % (name, NAMESPACE.encode(), name),
            ctx.udc,
            b"</%bResult></%bResponse>" % (name, name),
            _TAIL,
        ]


HoSoService.event_manager.add_listener("method_return_string", _ready_made)


def service(onegate: object) -> WsgiApplication:
    """The SOAP service over an object whose `search`, `detail`, `procedures`, `file` give the inside of a result."""
    application = Application(
        [HoSoService], tns=NAMESPACE, name="HoSoService", in_protocol=Soap11(validator="lxml"), out_protocol=Soap11()
    )
    application.onegate = onegate
    return WsgiApplication(application)


def client_fault(text: str) -> Fault:
    return Fault("Client", text)


def wsdl() -> bytes:
    """The contract as XML, indented, with the committed address."""
    made = service(None)
    made.doc.wsdl11.build_interface_document(ADDRESS)
    tree = etree.fromstring(made.doc.wsdl11.get_interface_document())
    # spyne writes types and messages in the order of a set: sort them, so that the committed file can be compared.
    for parent in (tree, *tree.iter("{http://www.w3.org/2001/XMLSchema}schema")):
        parent[:] = sorted(parent, key=lambda e: (_ORDER.get(etree.QName(e).localname, 0), e.get("name", "")))
    for binding in tree.iter("{http://schemas.xmlsoap.org/wsdl/}portType", "{http://schemas.xmlsoap.org/wsdl/}binding"):
        binding[:] = sorted(binding, key=lambda e: e.get("name", ""))
    etree.indent(tree)
    return etree.tostring(tree, xml_declaration=True, encoding="UTF-8") + b"\n"


def call(app: Callable[..., Any], headers: dict[bytes, bytes], body: bytes) -> tuple[int, bytes]:
    """One WSGI call without a server between: (HTTP status, body)."""
    status: list[str] = []

    def start(line: str, _headers: object, _error: object = None) -> None:
        status.append(line)

    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": PATH,
        "QUERY_STRING": "",
        "CONTENT_TYPE": headers.get(b"content-type", b"text/xml; charset=utf-8").decode("latin-1"),
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    answer = b"".join(app(environ, start))
    return int(status[0].split()[0]), answer
