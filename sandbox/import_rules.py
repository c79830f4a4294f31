"""What the import of a new province demands of an item [style]; what breaks a rule is refused with words."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from sandbox.procedures import rows
from sandbox.provinces import ALL, offices, places

Item = dict[str, Any]

_MUST = (
    "maHoSo", "maTTHC", "trangThai", "kenh", "chuHoSo", "loaiDoiTuong", "maXa", "maTinh", "trichYeu", "ngayNop",
    "ngayTiepNhan", "maCoQuan", "tenCoQuan", "nguon", "phienBan",
)  # fmt: skip
_TEXTS = (
    *_MUST, "maHoSoQuocGia", "soBienNhan", "maTTHCDiaPhuong", "maSoThue", "soDienThoai", "email", "diaChi", "ghiChu",
    "ngayHenTra", "ngayKetThuc", "ngayTra", "ngayTuChoi", "hinhThucTra", "noiNop", "thanhToan", "vneid", "capThucHien",
)  # fmt: skip
_LISTS = {
    "giayToTuyThan": ("loai", "so"),
    "maCu": ("truong", "ma", "ten"),
    "giayTo": ("id", "ma", "ten", "soHoa", "taiSuDung", "tuKho"),
    "lePhi": ("ten", "ma", "lucThu", "soTien"),
    "ketQua": ("ma", "ten", "id", "duongDan"),
    "boSung": (
        "ma",
        "noiDung",
        "nguoiYeuCau",
        "ngayYeuCau",
        "nguoiNhan",
        "ngayNhan",
        "ghiChu",
        "hanTruoc",
        "hanSau",
        "giayTo",
    ),
    "tienTrinh": ("thoiDiem", "trangThai", "nguoiXuLy", "chucDanh", "donVi", "noiDung"),
}
_INSIDE = {"boSung.giayTo": ("ma", "ten", "duongDan")}
_TIMES = ("ngayNop", "ngayTiepNhan", "ngayHenTra", "ngayKetThuc", "ngayTra", "ngayTuChoi")
_KNOWN = frozenset(_TEXTS) | frozenset(_LISTS)
_STATUSES = frozenset(map(str, range(1, 11)))
_LISTED = {
    "kenh": ("1", "2", "3"), "loaiDoiTuong": ("1", "2", "3", "4"), "hinhThucTra": ("0", "1"), "noiNop": ("1", "2"),
    "thanhToan": ("0", "1", "2", "3"),
}  # fmt: skip
"""Code lists of the national contract."""

OUT_OF_ORDER = "Tiến trình không đúng thứ tự thời gian"


class Refused(Exception):
    """What a whole call is refused with: HTTP status and words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def checker(slug: str) -> Callable[[Item, str], str]:
    """The rules of one target: `(item, now as yyyy-MM-dd HH:mm:ss) -> words`, empty when nothing is wrong."""
    own = ALL[slug]
    agencies = {code for group in offices(slug) for office in group for code in (office.old, office.new)}
    communes = {place.commune for place in places(slug)[1]}
    provinces = {r["code"] for r in rows("provinces.csv")}
    elsewhere = {r["code"]: r["province_code"] for r in rows("communes.csv")}

    def unit(commune: str, province: str) -> str:
        if province not in provinces:
            return f"maTinh không còn hiệu lực: {province}"
        inside = commune in communes if province == own.code else elsewhere.get(commune, province) == province
        return "" if inside and len(commune) == 5 and commune.isdigit() else f"maXa không còn hiệu lực: {commune}"

    def check(item: Item, now: str) -> str:
        if wrong := _shape(item):
            return wrong
        for name, known in _LISTED.items():
            if item.get(name) and item[name] not in known:
                return f"{name} ngoài danh mục: {item[name]}"
        if item["trangThai"] not in _STATUSES:
            return f"trangThai ngoài danh mục: {item['trangThai']}"
        if item["maCoQuan"] not in agencies:
            return f"maCoQuan không có trong danh mục: {item['maCoQuan']}"
        return unit(item["maXa"], item["maTinh"]) or _dates(item, now) or _steps(item.get("tienTrinh") or ())

    return check


def _shape(item: Item) -> str:
    for name in _MUST:
        value = item.get(name)
        if value is None or value == "":
            return f"Thiếu trường bắt buộc: {name}"
    for name, value in item.items():
        if name not in _KNOWN:
            return f"Trường không có trong đặc tả: {name}"
        if value is None:
            continue
        if (columns := _LISTS.get(name)) is None:
            if not isinstance(value, str):
                return f"{name} phải là chuỗi"
        elif wrong := _rows(name, value, columns):
            return wrong
    return ""


def _rows(name: str, value: object, columns: tuple[str, ...]) -> str:
    if not isinstance(value, list):
        return f"{name} phải là danh sách"
    for row in value:
        if not isinstance(row, dict):
            return f"{name} phải là danh sách đối tượng"
        for column, inside in row.items():
            if column not in columns:
                return f"Trường không có trong đặc tả: {name}.{column}"
            if (columns_inside := _INSIDE.get(f"{name}.{column}")) is not None:
                if wrong := _rows(f"{name}.{column}", inside, columns_inside):
                    return wrong
            elif inside is not None and not isinstance(inside, str):
                return f"{name}.{column} phải là chuỗi"
    return ""


def _dates(item: Item, now: str) -> str:
    for name in _TIMES:
        if item.get(name) and not _moment(item[name]):
            return f"{name} sai định dạng yyyy-MM-dd HH:mm:ss: {item[name]}"
    received = item["ngayTiepNhan"]
    if item["ngayNop"] > received:
        return "ngayNop sau ngayTiepNhan"
    if received > now:
        return f"ngayTiepNhan ở tương lai: {received}"
    if (item.get("ngayKetThuc") or received) < received:
        return "ngayKetThuc trước ngayTiepNhan"
    return ""


def _steps(steps: list[dict[str, str]] | tuple[()]) -> str:
    before = ""
    for step in steps:
        at = step.get("thoiDiem") or ""
        if not _moment(at):
            return f"tienTrinh.thoiDiem sai định dạng yyyy-MM-dd HH:mm:ss: {at}"
        if step.get("trangThai") not in _STATUSES:
            return f"tienTrinh.trangThai ngoài danh mục: {step.get('trangThai')}"
        if at < before:
            return f"{OUT_OF_ORDER}: {at} sau {before}"
        before = at
    return ""


@lru_cache(maxsize=65_536)
def _moment(text: str) -> bool:
    if len(text) != 19 or text[10] != " ":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
