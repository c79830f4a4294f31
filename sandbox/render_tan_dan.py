"""Dossiers and procedures in the words of the Tân Dân façade (the inner JSON) [style]: flat, every value a text."""

from datetime import datetime
from typing import Any

from sandbox.dossiers import Generator
from sandbox.plain import LISTED_AT, Plain, PlainDossier, PlainStep
from sandbox.provinces import offices
from sandbox.statuses import TAN_DAN

Row = dict[str, Any]

_NUMBERS: dict[int, list[int]] = {
    status: [number for number, (_, means) in TAN_DAN.items() if means == status] for status in range(1, 11)
}
UNKNOWN_STATUS = (15, "Chuyển liên thông thuế")
_CHANNELS = ("Trực tuyến", "Trực tiếp", "Bưu chính")
_BACK = ("Trả tại bộ phận một cửa", "Trả qua bưu chính")
_TARGETS = ("Cá nhân", "Doanh nghiệp", "Cơ quan nhà nước", "Tổ chức")
_PAYMENTS = ("", "Cổng DVCQG", "Cổng thanh toán của tỉnh", "Tiền mặt")


def moment(at: datetime | None) -> str:
    """`12/06/2026 10:04:05`, "" for none; years before 1000 keep four digits."""
    if at is None:
        return ""
    return f"{at.day:02d}/{at.month:02d}/{at.year:04d} {at.hour:02d}:{at.minute:02d}:{at.second:02d}"


class TanDanRenderer:
    """What the façade says of the record of a row."""

    def __init__(self, generator: Generator) -> None:
        self.plain = Plain(generator)
        self.generator = generator
        self._stem = generator.profile.agency

    def dossier(self, row: int) -> Row:
        """One dossier whole: a flat record with four lists."""
        d = self.plain.record(row)
        number, word = UNKNOWN_STATUS if d.unknown_status else _status(d.status, d.variant)
        return {
            "IDHoSo": f"{self._stem}{d.number:09d}",
            "MaHoSo": d.code,
            "MaHoSoDVCQG": d.national_code,
            "MaTTHC": d.procedure_code,
            "TenTTHC": d.procedure.name,
            "MaLinhVuc": d.procedure.field_code,
            "TenLinhVuc": d.procedure.field_name,
            "MaDonVi": d.office.old,
            "TenDonVi": d.office.name,
            "ChuHoSo": d.owner,
            "NguoiNop": d.filer,
            "DoiTuong": _TARGETS[d.target],
            "SoDinhDanh": d.identity,
            "MaSoThue": d.tax,
            "DienThoai": d.phone,
            "Email": d.email,
            "DiaChi": d.address,
            "MaTinh": d.place.province,
            "MaXa": d.place.commune,
            "TrichYeu": d.subject,
            "HinhThucNop": _CHANNELS[d.channel],
            "HinhThucTra": _BACK[d.back],
            "NopTuDVCQG": _yes(d.on_national),
            "ThanhToan": _PAYMENTS[d.pay],
            "XacThucVNeID": _yes(d.vneid),
            "NgayNop": moment(d.submitted),
            "NgayTiepNhan": moment(d.received),
            "NgayHenTra": moment(d.due),
            "NgayXuLyXong": moment(d.finished),
            "NgayTraKetQua": moment(d.returned),
            "NgayTuChoi": moment(d.refused),
            "NgayCapNhat": moment(d.changed),
            "TrangThai": str(number),
            "TenTrangThai": word,
            **self._lists(d),
        }

    def _lists(self, d: PlainDossier) -> Row:
        return {
            "ThanhPhanHoSo": [
                {
                    "MaThanhPhan": document.component,
                    "TenThanhPhan": document.component_name,
                    "TenTep": document.file_name,
                    "DuongDan": document.url,
                    "SoHoa": _yes(document.digitised),
                    "TaiSuDung": str(document.reused),
                }
                for document in d.documents
            ],
            "PhiLePhi": [
                {
                    "Ma": fee.code,
                    "Ten": fee.name,
                    "SoTien": f"{fee.amount:,}".replace(",", "."),
                    "ThuKhi": "Tiếp nhận" if fee.paid else "Trả kết quả",
                }
                for fee in d.fees
            ],
            "TienTrinh": [_step(step) for step in d.steps],
            "KetQua": [{"Ma": result.code, "Ten": result.name, "DuongDan": result.url} for result in d.results],
        }

    def procedures(self, start: int, stop: int) -> list[Row]:
        """Procedures of the province's own list at positions [start, stop)."""
        return [
            {
                "MaTTHC": p.code,
                "TenTTHC": p.name,
                "MaLinhVuc": p.field_code,
                "TenLinhVuc": p.field_name,
                "Cap": p.level_text,
                "QuyetDinh": p.decision,
                "CongKhai": _yes(p.public),
                "NgayCapNhat": moment(LISTED_AT),
            }
            for p in self.generator.listing.listed[start:stop]
        ]

    def agencies(self) -> list[Row]:
        """All handling units: departments, then the people's committees of the communes."""
        return [
            {"MaDonVi": o.old, "MaDinhDanh": o.new, "TenDonVi": o.name, "DonViCha": o.parent}
            for group in offices(self.generator.profile.slug)
            for o in group
        ]


def _status(status: int, variant: int) -> tuple[int, str]:
    numbers = _NUMBERS[status]
    number = numbers[variant % len(numbers)]
    return number, TAN_DAN[number][0]


def _step(step: PlainStep) -> Row:
    number, word = _status(step.status, step.variant)
    return {
        "ThoiGian": moment(step.at),
        "CanBo": step.officer,
        "ChucVu": step.title,
        "PhongBan": step.unit,
        "NoiDung": step.content,
        "TrangThai": str(number),
        "TenTrangThai": word,
        "HanXuLy": moment(step.due),
    }


def _yes(said: bool) -> str:
    return "Có" if said else "Không"
