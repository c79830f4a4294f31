"""Dossiers and procedures in the words of the MobiFone one-gate (JSON) [style], service by service.

That a dossier is put together from four services is [seen] at an LGSP; their fields are not public.
"""

from datetime import datetime
from typing import Any

from sandbox.dossiers import Generator
from sandbox.plain import LISTED_AT, Plain, PlainDocument, PlainDossier, PlainStep
from sandbox.provinces import offices
from sandbox.statuses import MOBIFONE

Row = dict[str, Any]

_NUMBERS: dict[int, list[int]] = {
    status: [number for number, (_, means) in MOBIFONE.items() if means == status] for status in range(1, 11)
}
UNKNOWN_STATUS = (18, "Chuyển liên thông thuế")
_CHANNELS = ("TRUC_TUYEN", "TRUC_TIEP", "BUU_CHINH")
_TARGETS = ("CN", "DN", "CQ", "TC")


def moment(at: datetime | None) -> str:
    """`20260612100405`, "" for none; years before 1000 keep four digits."""
    if at is None:
        return ""
    return f"{at.year:04d}{at.month:02d}{at.day:02d}{at.hour:02d}{at.minute:02d}{at.second:02d}"


class MobiFoneRenderer:
    """What each service says of the record of a row."""

    def __init__(self, generator: Generator) -> None:
        self.plain = Plain(generator)
        self.generator = generator
        self._stem = generator.profile.code

    def dossier(self, row: int) -> Row:
        """A row of danhSachHoSo: the dossier with its progress, fees and results, without its files."""
        d = self.plain.record(row)
        number, word = UNKNOWN_STATUS if d.unknown_status else _status(d.status, d.variant)
        return {
            **self._head(d),
            "soHoSoQuocGia": d.national_code,
            "thuTuc": {
                "ma": d.procedure_code,
                "ten": d.procedure.name,
                "maLinhVuc": d.procedure.field_code,
                "tenLinhVuc": d.procedure.field_name,
            },
            "donViXuLy": {"ma": d.office.new, "ten": d.office.name, "donViCha": d.office.parent},
            "chuHoSo": {
                "hoTen": d.owner,
                "loai": _TARGETS[d.target],
                "loaiGiayTo": d.identity_kind,
                "soGiayTo": d.identity,
                "maSoThue": d.tax,
                "dienThoai": d.phone,
                "email": d.email,
                "diaChi": d.address,
                "maTinh": d.place.province,
                "maHuyen": d.place.district or "",
                "maXa": d.place.commune,
            },
            "nguoiNop": d.filer,
            "noiDung": d.subject,
            "kenhTiepNhan": _CHANNELS[d.channel],
            "congTiepNhan": "DVCQG" if d.on_national else "DVC_TINH",
            "thanhToan": d.pay,
            "xacThucVneid": d.vneid,
            "trangThai": number,
            "tenTrangThai": word,
            "ngayNop": moment(d.submitted),
            "ngayTiepNhan": moment(d.received),
            "hanTraKetQua": moment(d.due),
            "ngayHoanThanh": moment(d.finished),
            "ngayTraKetQua": moment(d.returned),
            "ngayTuChoi": moment(d.refused),
            "ngayRut": moment(d.withdrawn),
            "ngayCapNhat": moment(d.changed),
            "phiLePhi": [
                {"ma": fee.code, "ten": fee.name, "soTien": fee.amount, "thoiDiemThu": 1 if fee.paid else 4}
                for fee in d.fees
            ],
            "quaTrinhXuLy": [_step(step) for step in d.steps],
            "ketQua": [{"ma": result.code, "ten": result.name, "duongDan": result.url} for result in d.results],
        }

    def supplements(self, row: int) -> list[Row]:
        """Rows of hoSoBoSung: one for each time the citizen was asked for more."""
        d = self.plain.record(row)
        answered = [*d.steps[1:], None]
        return [
            {
                **self._head(d),
                "lan": count,
                "noiDung": f"Bổ sung lần {count}: {step.content}",
                "canBoYeuCau": step.officer,
                "ngayYeuCau": moment(step.at),
                "ngayBoSung": moment(following.at) if following else "",
            }
            for count, (step, following) in enumerate(
                ((step, following) for step, following in zip(d.steps, answered, strict=True) if step.status == 5), 1
            )
        ]

    def attachments(self, row: int) -> list[Row]:
        """Rows of tepDinhKem: one for each file handed in."""
        d = self.plain.record(row)
        return [{**self._head(d), **_file(d, n, document)} for n, document in enumerate(d.documents, 1)]

    def postal(self, row: int) -> list[Row]:
        """Rows of buuChinh: the papers on their way in (NOP), the result on its way back (TRA)."""
        d = self.plain.record(row)
        ways = [way for way, by_post in (("NOP", d.channel == 2), ("TRA", d.back == 1)) if by_post]
        return [
            {**self._head(d), "chieu": way, "maVanDon": f"VN{self._stem}{d.number:08d}{way[0]}", "nguoiNhan": d.filer}
            for way in ways
        ]

    def procedures(self, start: int, stop: int) -> list[Row]:
        """Rows of danhSachThuTuc at positions [start, stop)."""
        return [
            {
                "ma": p.code,
                "ten": p.name,
                "maLinhVuc": p.field_code,
                "tenLinhVuc": p.field_name,
                "capThucHien": p.level_text,
                "soQuyetDinh": p.decision,
                "congKhai": p.public,
                "ngayCapNhat": moment(LISTED_AT),
            }
            for p in self.generator.listing.listed[start:stop]
        ]

    def agencies(self) -> list[Row]:
        """All rows of danhSachDonVi: departments, then the people's committees of the communes."""
        departments, committees = offices(self.generator.profile.slug)
        return [
            *({"ma": o.new, "ten": o.name, "cap": "SO", "donViCha": o.parent} for o in departments),
            *({"ma": o.new, "ten": o.name, "cap": "XA", "donViCha": o.parent} for o in committees),
        ]

    def row_of_id(self, dossier_id: str) -> int | None:
        """The row that an id names; None when there is none."""
        digits = dossier_id.removeprefix(f"{self._stem}-")
        row = int(digits) if digits.isascii() and digits.isdigit() else -1
        return row if 0 <= row < self.generator.timeline.rows else None

    def _head(self, d: PlainDossier) -> Row:
        return {"hoSoId": f"{self._stem}-{d.number:010d}", "soHoSo": d.code}


def _status(status: int, variant: int) -> tuple[int, str]:
    numbers = _NUMBERS[status]
    number = numbers[variant % len(numbers)]
    return number, MOBIFONE[number][0]


def _step(step: PlainStep) -> Row:
    number, word = _status(step.status, step.variant)
    return {
        "thoiGian": moment(step.at),
        "canBo": step.officer,
        "chucVu": step.title,
        "phongBan": step.unit,
        "noiDung": step.content,
        "trangThai": number,
        "tenTrangThai": word,
        "hanXuLy": moment(step.due),
    }


def _file(d: PlainDossier, n: int, document: PlainDocument) -> Row:
    return {
        "tepId": f"{d.number}-{n}",
        "maGiayTo": document.component,
        "tenGiayTo": document.component_name,
        "tenTep": document.file_name,
        "duongDan": document.url,
        "soHoa": document.digitised,
        "taiSuDung": document.reused,
    }
