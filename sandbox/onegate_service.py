"""The Viettel one-gate contract [style] as spyne types: WSDL, checking of requests and faults come from here.

Bodies are not serialised by spyne (an object layer is an order of magnitude slower than the pages need): a method
leaves ready-made XML in `ctx.udc` and the listener below puts it into the envelope.
"""

from typing import Any, ClassVar

from sandbox import soap_service
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

NAMESPACE = "urn:viettel:motcua:v1"
PATH = "/motcua/HoSoService"
ADDRESS = f"http://127.0.0.1:18082{PATH}"
"""The address that stands in the committed WSDL; clients override it."""

LARGEST = 64 * 1024**2
"""Bytes of a request: it brings all files of a dossier, base64 [style]."""

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{ENVELOPE}"><soap:Body>'.encode()
_TAIL = b"</soap:Body></soap:Envelope>"

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
    """A file, base64; its SHA-256 in hex where the one-gate has it."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [("tenTep", Unicode), ("noiDung", Unicode), ("sha256", Unicode(min_occurs=0))]


_FILED_FIELDS = (
    "maHoSoQuocGia", "maThuTuc", "chuHoSo", "loaiDoiTuong", "maSoThue", "dienThoai", "email", "diaChi", "maTinh",
    "maXa", "trichYeu", "ngayNop", "hinhThucTra", "ghiChu",
)  # fmt: skip
_FILED_MUST = frozenset({"maHoSoQuocGia", "maThuTuc", "chuHoSo", "loaiDoiTuong", "trichYeu", "ngayNop"})


class HoSoTrucTuyen(ComplexModel):
    """A dossier that a citizen filed on a portal: the one-gate gives it its number."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [(n, _Must if n in _FILED_MUST else _Text) for n in _FILED_FIELDS]


class GiayToTuyThan(ComplexModel):
    """An identity paper: CCCD or CMND and its number."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [("loai", _Must), ("so", _Must)]


class TepNop(ComplexModel):
    """A file that was filed; `noiDung` is base64."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [("tenTep", _Must), ("maGiayTo", _Text), ("noiDung", _Must)]


class BienNhan(ComplexModel):
    """What the one-gate says of a dossier that was handed over: its number, when it came."""

    __namespace__ = NAMESPACE
    _type_info: ClassVar = [("maHoSo", Unicode), ("ngayTiepNhan", Unicode)]


class HoSoService(ServiceBase):
    """The operations; the one-gate behind them is `ctx.app.onegate`."""

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

    @rpc(
        HoSoTrucTuyen.customize(min_occurs=1, nillable=False),
        Array(GiayToTuyThan, min_occurs=0),
        Array(TepNop, min_occurs=0),
        _returns=BienNhan,
    )
    def TiepNhanHoSoTrucTuyen(ctx: Any, hoSo: Any, DanhSachGiayToTuyThan: Any, DanhSachTep: Any) -> BienNhan:
        ctx.udc = ctx.app.onegate.take(hoSo, DanhSachGiayToTuyThan or [], DanhSachTep or [])
        return BienNhan()

    @rpc(
        _Must,
        HoSoTrucTuyen.customize(min_occurs=1, nillable=False),
        Array(GiayToTuyThan, min_occurs=0),
        Array(TepNop, min_occurs=0),
        _returns=BienNhan,
    )
    def CapNhatHoSoTrucTuyen(
        ctx: Any, maHoSo: str, hoSo: Any, DanhSachGiayToTuyThan: Any, DanhSachTep: Any
    ) -> BienNhan:
        ctx.udc = ctx.app.onegate.take(hoSo, DanhSachGiayToTuyThan or [], DanhSachTep or [], maHoSo)
        return BienNhan()

    @rpc(_Must, _returns=BienNhan)
    def TraCuuHoSoTrucTuyen(ctx: Any, maHoSoQuocGia: str) -> BienNhan:
        ctx.udc = ctx.app.onegate.taken_as(maHoSoQuocGia)
        return BienNhan()

    @rpc(_Must, _Must, _Must, _Text, _returns=BienNhan)
    def CapNhatTrangThaiHoSo(ctx: Any, maHoSo: str, trangThai: str, thoiDiem: str, noiDung: str) -> BienNhan:
        ctx.udc = ctx.app.onegate.report(maHoSo, trangThai, thoiDiem, noiDung or "")
        return BienNhan()

    @rpc(_Must, _Must, _Must, _returns=BienNhan)
    def TraCuuTrangThaiHoSo(ctx: Any, maHoSo: str, trangThai: str, thoiDiem: str) -> BienNhan:
        ctx.udc = ctx.app.onegate.was_reported(maHoSo, trangThai, thoiDiem)
        return BienNhan()


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
    reading = Soap11(validator="lxml", huge_tree=True)  # else libxml2 ends an element at 10 MB: a file of 7.5 MB
    application = Application(
        [HoSoService], tns=NAMESPACE, name="HoSoService", in_protocol=reading, out_protocol=Soap11()
    )
    application.onegate = onegate
    return WsgiApplication(application, max_content_length=LARGEST)


def client_fault(text: str) -> Fault:
    return Fault("Client", text)


def wsdl() -> bytes:
    """The contract as XML, with the committed address."""
    return soap_service.written(soap_service.contract(service(None), ADDRESS))
