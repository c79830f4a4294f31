"""What the national adapter refuses, and with which words (CONTRACTS sections 1 and 4; codes [style], fields [seen]).

Pure functions: a value goes in, a `Refusal` or None comes out. Nothing is repaired.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sandbox.procedures import Procedure

MISSING, PROCEDURE, ORDER, MOVE, LIMIT, DATE, UNKNOWN, LINK = "-2", "-4", "-5", "-6", "-7", "-8", "-9", "-10"

MANDATORY = (
    "MaHoSo", "MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc", "ChuHoSo", "LoaiDoiTuong", "TrichYeuHoSo", "NgayNopHoSo",
    "NgayTiepNhan", "TrangThaiHoSo", "HinhThuc", "DonViXuLy", "NoiNopHoSo", "HoSoCoThanhPhanSoHoa",
    "TaiKhoanDuocXacThucVoiVNeID", "DuocThanhToanTrucTuyen",
)  # fmt: skip
CODES: dict[str, frozenset[str]] = {
    "KenhThucHien": frozenset("123"),
    "LoaiDoiTuong": frozenset("1234"),
    "TrangThaiHoSo": frozenset(str(n) for n in range(1, 11)),
    "HinhThuc": frozenset("01"),
    "NoiNopHoSo": frozenset("12"),
    "HoSoCoThanhPhanSoHoa": frozenset("01"),
    "TaiKhoanDuocXacThucVoiVNeID": frozenset("01"),
    "DuocThanhToanTrucTuyen": frozenset("0123"),
}
DATES = ("NgayNopHoSo", "NgayTiepNhan", "NgayTra", "NgayKetThucXuLy", "NgayTuChoi")
"""Times that lie in the past; NgayHenTra is checked for its form only."""
LISTS = (
    "DinhDanhCHS", "DSKetNoiCSDL", "TaiLieuNop", "DanhSachLePhi", "DanhSachTepDinhKemKhac", "DanhSachHoSoBoSung",
    "DanhSachGiayToKetQua",
)  # fmt: skip
STEP_MANDATORY = ("MaHoSo", "ThoiDiemXuLy", "TrangThai")

_INTERNAL = re.compile(r"(10|127)\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|localhost$|localhost:")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an item is refused: the adapter's code and text, and the field it is about."""

    code: str
    text: str
    field: str = ""


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value == []


def compact(value: str) -> datetime | None:
    """A `yyyyMMddHHmmss` as a naive local datetime; None when it is none or lies outside 1990-2100."""
    if len(value) != 14 or not value.isdigit():
        return None
    try:
        at = datetime(
            int(value[:4]), int(value[4:6]), int(value[6:8]), int(value[8:10]), int(value[10:12]), int(value[12:])
        )
    except ValueError:
        return None
    return at if 1990 <= at.year < 2100 else None


def _date(item: Mapping[str, Any], name: str, now: str) -> Refusal | None:
    value = item.get(name)
    if _blank(value):
        return None
    if compact(str(value)) is None:
        return Refusal(DATE, f"Định dạng ngày không hợp lệ: {name}={value}", name)
    if now and str(value) > now:
        return Refusal(DATE, f"Ngày sau thời điểm hiện tại: {name}={value}", name)
    return None


def only_strings(value: Any, path: str = "") -> str:
    """The path of the first value that is neither text, null nor a list or object of such; empty when all are."""
    if value is None or isinstance(value, str):
        return ""
    if isinstance(value, dict):
        for key, inner in value.items():
            if found := only_strings(inner, f"{path}.{key}" if path else key):
                return found
        return ""
    if isinstance(value, list):
        for n, inner in enumerate(value):
            if found := only_strings(inner, f"{path}[{n}]"):
                return found
        return ""
    return path


def dossier(item: Any, procedures: Mapping[str, Procedure], now: str) -> Refusal | None:
    """The first reason to refuse a hồ sơ; `now` is the adapter's time as yyyyMMddHHmmss."""
    if not isinstance(item, dict):
        return Refusal(MISSING, "Dữ liệu hồ sơ không phải là đối tượng")
    for name in MANDATORY:
        if _blank(item.get(name)):
            return Refusal(MISSING, f"Thiếu trường bắt buộc: {name}", name)
    if "KenhThucHien" not in item:
        return Refusal(MISSING, "Thiếu trường bắt buộc: KenhThucHien", "KenhThucHien")
    if wrong := only_strings(item):
        return Refusal(MISSING, f"Giá trị không phải là chuỗi: {wrong}", wrong)
    for name, allowed in CODES.items():
        value = item.get(name)
        if not _blank(value) and value not in allowed:
            return Refusal(MISSING, f"Giá trị ngoài danh mục: {name}={value}", name)
    for name in LISTS:
        if not isinstance(item.get(name, []), list | None):
            return Refusal(MISSING, f"Trường phải là danh sách: {name}", name)
    return (
        _identity(item)
        or _procedure(item, procedures)
        or _lengths(item)
        or next((r for name in DATES if (r := _date(item, name, now))), None)
        or _date(item, "NgayHenTra", "")
        or _order_of_dates(item)
        or _links(item)
    )


def _identity(item: dict[str, Any]) -> Refusal | None:
    numbers = item.get("DinhDanhCHS")
    if _blank(numbers) or not isinstance(numbers, list):
        return Refusal(MISSING, "Thiếu trường bắt buộc: DinhDanhCHS", "DinhDanhCHS")
    for n in numbers:
        if not isinstance(n, dict):
            return Refusal(MISSING, "Định danh không hợp lệ", "DinhDanhCHS")
        number = str(n.get("SoDinhDanh") or "")
        digits = {"1": 12, "2": 9}.get(str(n.get("LoaiDinhDanh")))
        if digits is None or len(number) != digits or not number.isdigit():
            return Refusal(
                MISSING, f"Số định danh không hợp lệ: loại {n.get('LoaiDinhDanh')}, {len(number)} ký tự", "DinhDanhCHS"
            )
    return None


def _procedure(item: dict[str, Any], procedures: Mapping[str, Procedure]) -> Refusal | None:
    known = procedures.get(item["MaTTHC"])
    if known is None:
        return Refusal(PROCEDURE, f"Mã TTHC không tồn tại: {item['MaTTHC']}", "MaTTHC")
    if item["TenTTHC"] != known.name:
        return Refusal(PROCEDURE, f"Tên TTHC không khớp với mã {known.code}", "TenTTHC")
    if (item["MaLinhVuc"], item["TenLinhVuc"]) != (known.field_code, known.field_name):
        return Refusal(PROCEDURE, f"Lĩnh vực không khớp với TTHC {known.code}: {item['MaLinhVuc']}", "MaLinhVuc")
    return None


def _lengths(item: dict[str, Any]) -> Refusal | None:
    limits = [("TrichYeuHoSo", item.get("TrichYeuHoSo"), 1000)]
    limits += [
        ("TenTepDinhKem", d.get("TenTepDinhKem"), 4000) for d in item.get("TaiLieuNop") or () if isinstance(d, dict)
    ]
    limits += [
        ("TenGiayTo", d.get("TenGiayTo"), 2000) for d in item.get("DanhSachGiayToKetQua") or () if isinstance(d, dict)
    ]
    for name, value, most in limits:
        if len(value or "") > most:
            return Refusal(LIMIT, f"Vượt quá giới hạn {most} ký tự: {name} ({len(value or '')})", name)
    return None


def _order_of_dates(item: dict[str, Any]) -> Refusal | None:
    if item["NgayTiepNhan"] < item["NgayNopHoSo"]:
        return Refusal(DATE, "Ngày tiếp nhận trước ngày nộp hồ sơ", "NgayTiepNhan")
    return None


def _links(item: dict[str, Any]) -> Refusal | None:
    links = [
        ("DuongDanTaiTepTin", d.get("DuongDanTaiTepTin")) for d in item.get("TaiLieuNop") or () if isinstance(d, dict)
    ]
    links += [
        ("DuongDanTepTinKetQua", d.get("DuongDanTepTinKetQua"))
        for d in item.get("DanhSachGiayToKetQua") or ()
        if isinstance(d, dict)
    ]
    for name, url in links:
        if url and (reason := bad_link(url)):
            return Refusal(LINK, f"Đường dẫn tệp không hợp lệ ({reason}): {name}", name)
    return None


def bad_link(url: str) -> str:
    """Why a link cannot be followed from outside the province; empty when it can."""
    if "##" in url:
        return "nhiều tệp trong một trường"
    if any(c.isspace() for c in url):
        return "có khoảng trắng"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return "không phải http(s)"
    return "địa chỉ nội bộ" if _INTERNAL.match(parts.netloc) else ""


def step(item: Any, now: str) -> Refusal | None:
    """The first reason to refuse a tiến trình for itself; order and moves need the ledger."""
    if not isinstance(item, dict):
        return Refusal(MISSING, "Dữ liệu tiến trình không phải là đối tượng")
    for name in STEP_MANDATORY:
        if _blank(item.get(name)):
            return Refusal(MISSING, f"Thiếu trường bắt buộc: {name}", name)
    if wrong := only_strings(item):
        return Refusal(MISSING, f"Giá trị không phải là chuỗi: {wrong}", wrong)
    if item["TrangThai"] not in CODES["TrangThaiHoSo"]:
        return Refusal(MISSING, f"Giá trị ngoài danh mục: TrangThai={item['TrangThai']}", "TrangThai")
    if len(item.get("NguoiXuLy") or "") > 50:
        return Refusal(LIMIT, "Vượt quá giới hạn 50 ký tự: NguoiXuLy", "NguoiXuLy")
    return (
        _date(item, "ThoiDiemXuLy", now) or _date(item, "NgayBatDau", "") or _date(item, "NgayKetThucTheoQuyDinh", "")
    )
