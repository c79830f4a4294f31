"""Dossiers of the intake in the words of the systems that took them, among the others of their pull."""

from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import orjson

from sandbox import calendar
from sandbox.intake import Intake
from sandbox.procedures import LocalProcedure, national
from sandbox.statuses import VIETTEL, VNPT
from sandbox.timeline import INTAKE, INTAKE_PATH

_VNPT_OF = {1: 0, 2: 19, 4: 2, 9: 6, 10: 5}
_VIETTEL_OF = {1: 1, 2: 2, 4: 3, 9: 7, 10: 8}


def vnpt_record(intake: Intake, row: int) -> bytes:
    """One dossier as iGate shows it."""
    taken, moments = intake.at_row(row), intake.moments(row)
    procedure = intake.procedure(taken.procedure)
    office = intake.office(procedure)
    at = dict(zip(INTAKE_PATH, moments, strict=False))
    status = INTAKE_PATH[len(moments) - 1]
    record: dict[str, Any] = {
        "id": f"intake{row - INTAKE:010d}",
        "code": taken.number,
        "nationCode": taken.national_code,
        "procedure": {
            "code": taken.procedure,
            "translate": _names(procedure.name),
            "sector": {"code": procedure.field_code, "name": _names(procedure.field_name)},
        },
        "agency": {"id": f"dv-{office.new}", "code": office.old, "name": _names(office.name)},
        "applicant": {
            "data": {
                "fullname": taken.owner,
                "ownerFullname": taken.owner,
                "identityNumber": taken.identity,
                "phoneNumber": taken.phone,
                "email": taken.email,
                "address": taken.address,
                "village": {"value": taken.commune},
                "district": None,
                "province": {"value": taken.province},
                "noidungyeucaugiaiquyet": taken.subject,
                "chonDoiTuong": {"value": str(taken.kind)},
                "taxCode": taken.tax or None,
            }
        },
        "dossierFormFile": [
            {
                "procedureForm": {"code": one.component or None, "name": one.name},
                "digitized": True,
                "reused": 0,
                "file": [
                    {
                        "id": one.file_id,
                        "filename": one.name,
                        "url": f"https://{intake.generator.profile.host}/fi/file/{one.file_id}",
                    }
                ],
            }
            for one in taken.files
        ],
        "dossierFee": [],
        "applyMethod": {"id": 0, "name": "Trực tuyến"},
        "dossierReceivingKind": {"id": taken.back},
        "paymentMethod": {"id": 3},
        "vneid": True,
        "submittedOnNational": True,
        "dossierStatus": _vnpt_status(status),
        "dossierTaskStatus": None,
        "appliedDate": _iso(datetime.fromisoformat(taken.submitted)),
        "acceptedDate": _iso(moments[0]),
        "appointmentDate": _iso(intake.due(procedure, moments[0])),
        "completedDate": _iso(at.get(9)),
        "returnedDate": _iso(at.get(10)),
        "withdrawDate": None,
        "refusedDate": None,
        "updatedDate": _iso(moments[-1]),
        "task": [
            {
                "id": f"intake{row - INTAKE}-{n}",
                "assignee": {"fullname": step.officer, "position": step.title},
                "agency": {"name": _names(office.name)},
                "content": step.content,
                "createdDate": _iso(step.at),
                "dueDate": None,
                "status": _vnpt_status(step.status),
            }
            for n, step in enumerate(intake.steps(row, taken), 1)
        ],
        "attachment": [
            {
                "id": f"intake{row - INTAKE}-k",
                "filename": "ket-qua.pdf",
                "resultCode": code,
                "url": f"https://{intake.generator.profile.host}/fi/file/intake{row - INTAKE}-k",
            }
            for code, _ in _results(procedure, at)
        ],
    }
    return orjson.dumps(record)


def viettel_record(intake: Intake, row: int) -> bytes:
    """One dossier as a `<HoSo>` of the one-gate, its children in the order of the WSDL."""
    taken, moments = intake.at_row(row), intake.moments(row)
    procedure = intake.procedure(taken.procedure)
    office = intake.office(procedure)
    at = dict(zip(INTAKE_PATH, moments, strict=False))
    host = intake.generator.profile.host
    out = [
        _tags(
            maHoSo=taken.number, maHoSoQuocGia=taken.national_code,
            soBienNhan=f"BN{intake.generator.profile.code}-TT{row - INTAKE:06d}", maThuTuc=taken.procedure,
            tenThuTuc=procedure.name, maLinhVuc=procedure.field_code, tenLinhVuc=procedure.field_name,
            maCoQuan=office.new, tenCoQuan=office.name, chuHoSo=taken.owner, loaiDoiTuong=taken.kind,
            loaiGiayTo=taken.identity_kind, soGiayTo=taken.identity, dienThoai=taken.phone, email=taken.email,
            diaChi=taken.address, maTinh=taken.province, maXa=taken.commune, trichYeu=taken.subject, kenhNop="TN",
            hinhThucTra=taken.back, noiNop=1, thanhToan=3, dinhDanhDienTu=1,
            ngayNop=_local(datetime.fromisoformat(taken.submitted)), ngayTiepNhan=_local(moments[0]),
            ngayHenTra=_local(intake.due(procedure, moments[0])), ngayHoanThanh=_local(at.get(9)),
            ngayTra=_local(at.get(10)),
            ngayTuChoi="", ngayCapNhat=_local(moments[-1]), **_viettel_status(INTAKE_PATH[len(moments) - 1]), ghiChu="",
        ),
        "<DanhSachGiayTo>",
        *(
            _element("GiayTo", maGiayTo=one.component, tenGiayTo=one.name, tenTep=one.name,
                     duongDan=f"https://{host}/tep/{one.file_id}", soHoa=1, taiSuDung=0)
            for one in taken.files
        ),
        "</DanhSachGiayTo><DanhSachLePhi/><DanhSachTienTrinh>",
        *(
            _element("TienTrinh", thoiDiem=_local(step.at), nguoiXuLy=step.officer, chucDanh=step.title,
                     phongBan=office.name, noiDung=step.content, **_viettel_status(step.status))
            for step in intake.steps(row, taken)
        ),
        "</DanhSachTienTrinh><DanhSachKetQua>",
        *(
            _element("KetQua", maKetQua=code, tenKetQua=name, duongDan=f"https://{host}/tep/{row - INTAKE}-kq.pdf")
            for code, name in _results(procedure, at)
        ),
        "</DanhSachKetQua>",
    ]  # fmt: skip
    return f"<HoSo>{''.join(out)}</HoSo>".encode()


def _results(procedure: LocalProcedure, at: dict[int, datetime]) -> list[tuple[str, str]]:
    """The result paper that a finished dossier brings, by the national list."""
    known = national().get(procedure.base or "")
    return [known.results[0][:2]] if 9 in at and known and known.results else []


def _names(text: str) -> list[dict[str, object]]:
    return [{"languageId": 228, "name": text}]


def _vnpt_status(status: int) -> dict[str, object]:
    number = _VNPT_OF[status]
    return {"id": number, "name": VNPT[number][0]}


def _viettel_status(status: int) -> dict[str, object]:
    number = _VIETTEL_OF[status]
    return {"trangThai": number, "tenTrangThai": VIETTEL[number][0]}


def _iso(at: datetime | None) -> str | None:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000+0000" if at else None


def _local(at: datetime | None) -> str:
    return f"{at.astimezone(calendar.VIET_NAM):%d/%m/%Y %H:%M:%S}" if at else ""


def _tags(**values: object) -> str:
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in values.items())


def _element(element: str, **values: object) -> str:
    return f"<{element}>{_tags(**values)}</{element}>"
