"""The canonical dossier: every field, its kind and the wire fields it stands for.

Mappings are compiled against this table, staging and dossier tables are made from it, and the national mapping reads
it back. Times are aware datetimes in Asia/Ho_Chi_Minh; codes are text; lists hold plain dicts of the fields below.
"""

from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")

Kind = Literal["text", "int", "flag", "time", "number", "list"]


@dataclass(frozen=True, slots=True)
class Field:
    """One canonical field. `mandatory` fields hold the dossier when absent; `wire` is its national name."""

    name: str
    kind: Kind
    doc: str
    wire: str = ""
    mandatory: bool = False
    most: int | None = None
    items: tuple["Field", ...] = field(default=())


IDENTIFIER = (
    Field("kind", "text", "1 CCCD (12 digits), 2 CMND (9 digits)", "LoaiDinhDanh", mandatory=True),
    Field("number", "text", "the number itself", "SoDinhDanh", mandatory=True),
)
DOCUMENT = (
    Field("document_id", "text", "the vendor's id of the file", "TepDinhKemId"),
    Field("component_code", "text", "code of the document in the procedure", "MaThanhPhanHoSo"),
    Field("name", "text", "file name", "TenTepDinhKem", most=4000),
    Field("url", "text", "public address of the file", "DuongDanTaiTepTin"),
    Field("digitised", "flag", "the paper was digitised", "DuocSoHoa"),
    Field("reused", "int", "0 no, 1, 2: taken over from an earlier dossier", "DuocTaiSuDung"),
    Field("from_store", "flag", "taken from the citizen's own store of papers", "DuocLayTuKhoDMQG"),
)
FEE = (
    Field("name", "text", "name of the fee", "TenPhiLePhi"),
    Field("fee_code", "text", "code of the fee", "MaPhiLePhi"),
    Field("when", "int", "1 at receipt, 2 at supplement, 4 at result", "HinhThucThu"),
    Field("amount", "number", "amount in đồng", "Gia"),
)
RESULT = (
    Field("name", "text", "name of the result paper", "TenGiayTo", most=2000),
    Field("result_id", "text", "the vendor's id of the paper", "GiayToId"),
    Field("url", "text", "public address of the electronic copy", "DuongDanTepTinKetQua"),
    Field("result_code", "text", "national result code KQ.…", "MaGiayToKetQua"),
)
SUPPLEMENT_PAPER = (
    Field("component_code", "text", "code of the document in the procedure", "MaThanhPhanHoSo"),
    Field("name", "text", "name of the paper", "TenGiayTo", most=2000),
    Field("url", "text", "public address of the file", "DuongDanTaiTepTin"),
)
"""A paper of a supplement. That the adapter takes a list of them is [seen], the names inside it are [inferred] from its
other lists of papers."""
SUPPLEMENT = (
    Field("supplement_id", "text", "the vendor's id of the request", "HoSoBoSungId"),
    Field("content", "text", "what was asked for", "NoiDungBoSung"),
    Field("requested_by", "text", "the officer who asked", "NguoiYeuCauBoSung"),
    Field("requested_at", "time", "when it was asked for", "NgayBoSung"),
    Field("received_by", "text", "the officer who took it", "NguoiTiepNhanBoSung"),
    Field("received_at", "time", "when the citizen handed it in; blank while it is waited for", "NgayTiepNhanBoSung"),
    Field("received_note", "text", "what was said of it when it was taken", "ThongTinTiepNhan"),
    Field("due_before", "time", "due day of the dossier until then", "NgayHenTraTruoc"),
    Field("due_after", "time", "due day of the dossier from then on", "NgayHenTraMoi"),
    Field("documents", "list", "papers that came with it", "DanhSachGiayToBoSung", items=SUPPLEMENT_PAPER),
)
"""A request to supplement the dossier [seen: DanhSachHoSoBoSung]. NgayBoSung is the day of the request [seen in a
one-gate that makes the row with it], not that of the citizen's answer."""
STEP = (
    Field("at", "time", "when it happened", "ThoiDiemXuLy", mandatory=True),
    Field("status", "int", "national status 1..10", "TrangThai", mandatory=True),
    Field("officer", "text", "who handled it", "NguoiXuLy", most=50),
    Field("title", "text", "the officer's title", "ChucDanh"),
    Field("unit", "text", "the handling division", "PhongBanXuLy"),
    Field("content", "text", "what was done", "NoiDungXuLy"),
    Field("started_at", "time", "start of the step", "NgayBatDau"),
    Field("due_at", "time", "the step's own limit", "NgayKetThucTheoQuyDinh"),
)

DOSSIER = (
    Field("dossier_code", "text", "the province's dossier code (mã hồ sơ)", "MaHoSo", mandatory=True),
    Field("national_code", "text", "the code the national portal gave, where there is one"),
    Field("receipt_no", "text", "local receipt number", "SoBienNhan"),
    Field("procedure_code", "text", "base national procedure code d.dddddd", "MaTTHC", mandatory=True),
    Field("procedure_code_local", "text", "the procedure code as the province writes it"),
    Field("status", "int", "national status 1..10 of CONTRACTS section 4", "TrangThaiHoSo", mandatory=True),
    Field("status_source", "text", "the vendor's own words for the status"),
    Field("channel", "int", "1 in person, 2 online, 3 postal", "KenhThucHien", mandatory=True),
    Field("applicant_name", "text", "owner of the dossier (chủ hồ sơ)", "ChuHoSo", mandatory=True),
    Field(
        "applicant_kind",
        "int",
        "1 citizen, 2 enterprise, 3 state agency, 4 other",
        "LoaiDoiTuong",
        mandatory=True,
    ),
    Field("applicant_account", "text", "account on the portal, online dossiers only", "MaDoiTuong"),
    Field("identifiers", "list", "citizen numbers", "DinhDanhCHS", items=IDENTIFIER),
    Field("tax_code", "text", "tax code of an enterprise"),
    Field("phone", "text", "phone number", "SoDienThoai"),
    Field("email", "text", "e-mail address", "Email"),
    Field("address", "text", "street address as the source writes it"),
    Field("commune", "text", "commune code as filed, of the era of the dossier"),
    Field("province", "text", "province code as filed"),
    Field("subject", "text", "subject (trích yếu)", "TrichYeuHoSo", mandatory=True, most=1000),
    Field("note", "text", "the province's remark", "GhiChu"),
    Field("submitted_at", "time", "submitted", "NgayNopHoSo", mandatory=True),
    Field("received_at", "time", "received", "NgayTiepNhan", mandatory=True),
    Field("due_at", "time", "due; blank is delivered blank and costs points", "NgayHenTra"),
    Field("finished_at", "time", "processing finished", "NgayKetThucXuLy"),
    Field("returned_at", "time", "result returned", "NgayTra"),
    Field("refused_at", "time", "refused", "NgayTuChoi"),
    Field("result_delivery", "int", "how the result goes back: 0 in person, 1 post", "HinhThuc", mandatory=True),
    Field("agency_code", "text", "code of the handling unit"),
    Field("agency_name", "text", "name of the handling unit", "DonViXuLy", mandatory=True),
    Field("portal", "int", "1 national portal, 2 provincial portal", "NoiNopHoSo", mandatory=True),
    Field(
        "online_payment",
        "int",
        "0 default, 1 national, 2 provincial gateway, 3 not online",
        "DuocThanhToanTrucTuyen",
    ),
    Field("identity_verified", "flag", "account verified by VNeID", "TaiKhoanDuocXacThucVoiVNeID"),
    Field("documents", "list", "documents handed in (thành phần hồ sơ)", "TaiLieuNop", items=DOCUMENT),
    Field("fees", "list", "fees", "DanhSachLePhi", items=FEE),
    Field("supplements", "list", "requests for more, and what came", "DanhSachHoSoBoSung", items=SUPPLEMENT),
    Field("results", "list", "result papers", "DanhSachGiayToKetQua", items=RESULT),
    Field("steps", "list", "progress steps (tiến trình), sent apart", items=STEP),
)

FORMER = (
    Field("field", "text", "the canonical field: commune, province, agency_code or dossier_code"),
    Field("code", "text", "the code that stands in the source"),
    Field("name", "text", "its name then, where it is known"),
    Field("way", "text", "what led to the new code: a kind of the crosswalk, address, table, by_level, decision"),
    Field("on", "text", "the day by which the code was read, ISO"),
)
RECODED = (
    Field("level", "int", "level of handling after a recoding: 1 province, 3 commune [seen: CAPTHUCHIEN]"),
    Field("former", "list", "codes that stood in the source, beside the new ones", items=FORMER),
)
"""What a migration's recoding adds to a dossier. No mapping makes these fields, and without a recoding they are absent:
a record that was never recoded keeps its content hash."""

PROCEDURE = (
    Field("procedure_code", "text", "the code as the province writes it", mandatory=True),
    Field("name", "text", "name of the procedure", "TENTTHC", mandatory=True),
    Field("field_code", "text", "code of the field (lĩnh vực)"),
    Field("field_name", "text", "name of the field", "TENLINHVUC"),
    Field("level", "text", "level of handling, in the source's words"),
    Field("decision", "text", "number of the decision that published it"),
    Field("public", "flag", "shown to citizens", "TRANGTHAI"),
)

FILED_DOCUMENT = (
    Field("name", "text", "file name", "TenTepDinhKem", mandatory=True, most=4000),
    Field("component_code", "text", "code of the document in the procedure", "MaThanhPhanHoSo"),
    Field("content", "text", "the file itself, base64", "Base64", mandatory=True),
    Field("digest", "text", "SHA-256 of the file, hex, where it is stated"),
    Field("size", "int", "bytes of the file, where they are stated"),
    Field("media_type", "text", "media type of the file"),
)

APPLICATION = (
    Field("national_code", "text", "the code that the national portal gave", "MaHoSo", mandatory=True),
    Field("procedure_code", "text", "base national procedure code d.dddddd", "MaTTHC", mandatory=True),
    Field("applicant_name", "text", "owner of the dossier (chủ hồ sơ)", "ChuHoSo", mandatory=True),
    Field("applicant_kind", "int", "1 citizen, 2 enterprise, 3 state agency, 4 other", "LoaiDoiTuong", mandatory=True),
    Field("applicant_account", "text", "account on the portal", "MaDoiTuong"),
    Field("identifiers", "list", "citizen numbers", "DinhDanhCHS", items=IDENTIFIER),
    Field("tax_code", "text", "tax code of an enterprise", "MaSoThue"),
    Field("phone", "text", "phone number", "SoDienThoai"),
    Field("email", "text", "e-mail address", "Email"),
    Field("address", "text", "street address as it was written", "DiaChiChiTiet"),
    Field("commune", "text", "commune code as filed", "MaXa"),
    Field("province", "text", "province code as filed", "MaTinh"),
    Field("subject", "text", "subject (trích yếu)", "TrichYeuHoSo", mandatory=True, most=1000),
    Field("note", "text", "the applicant's remark", "GhiChu"),
    Field(
        "submitted_at", "time", "filed on the portal; where it is not said, when the hub was given it", "NgayNopHoSo"
    ),
    Field("result_delivery", "int", "how the result goes back: 0 in person, 1 post", "HinhThuc"),
    Field("identity_verified", "flag", "account verified by VNeID", "TaiKhoanDuocXacThucVoiVNeID"),
    Field("documents", "list", "files handed in", "TaiLieuNop", items=FILED_DOCUMENT),
    Field("fees", "list", "fees", "DanhSachLePhi", items=FEE),
    Field("results", "list", "result papers", "DanhSachGiayToKetQua", items=RESULT),
)
"""What a citizen filed on the national portal, before the province has given it a number of its own."""

KINDS: dict[str, tuple[Field, ...]] = {"dossier": DOSSIER, "procedure": PROCEDURE, "application": APPLICATION}
"""Record kinds that a mapping can produce."""
