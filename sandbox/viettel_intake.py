"""The intake of the Viettel one-gate [style]: one call with the files inside gives the number, then statuses."""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sandbox import onegate_service
from sandbox.calendar import VIET_NAM
from sandbox.intake import Intake, Refused, Taken
from sandbox.render_viettel import tag
from sandbox.statuses import VIETTEL

_FORM = "%d/%m/%Y %H:%M:%S"


class ViettelIntake:
    """The push side of one one-gate; every method gives the inside of its ...Result."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    def take(self, filed: Any, papers: list[Any], files: list[Any], number: str | None = None) -> bytes:
        """A new dossier, or a new version of the one with this number."""
        with _as_fault():
            contents = [_decoded(one) for one in files]
            known = self.intake.number_of(filed.maHoSoQuocGia)
            if number is None and known:
                self.intake.sin("duplicate_dossier", known, f"{filed.maHoSoQuocGia} was handed over before")
                raise Refused(400, f"Hồ sơ {filed.maHoSoQuocGia} đã tồn tại")
            submitted = _moment(filed.ngayNop)
            new = number is None
            number = number or self.intake.next_number(filed.maThuTuc)
            ids = [
                self.intake.file_id(number, _digest(content), one.tenTep)
                or self.intake.receive_file(number, one.tenTep, one.maGiayTo or "", content)
                for one, content in zip(files, contents, strict=True)
            ]
            taken = Taken(
                number=number,
                national_code=filed.maHoSoQuocGia,
                procedure=filed.maThuTuc,
                owner=filed.chuHoSo,
                kind=int(filed.loaiDoiTuong),
                identity_kind=papers[0].loai if papers else "",
                identity=papers[0].so if papers else "",
                tax=filed.maSoThue or "",
                phone=filed.dienThoai or "",
                email=filed.email or "",
                address=filed.diaChi or "",
                province=filed.maTinh or "",
                commune=filed.maXa or "",
                subject=filed.trichYeu,
                back=int(filed.hinhThucTra or 0),
                submitted=submitted.isoformat(),
                files=self.intake.files(number, ids),
            )
            self.intake.take(taken, new=new)
            return self._receipt(number)

    def taken_as(self, national_code: str) -> bytes:
        with _as_fault():
            number = self.intake.number_of(national_code)
            if number is None:
                raise Refused(404, f"Hồ sơ {national_code} không tồn tại")
            return self._receipt(number)

    def report(self, number: str, status: str, at: str, content: str) -> bytes:
        with _as_fault():
            meaning, moment = _meaning(status), _moment(at).isoformat()
            for kind in ("status", "step"):  # one call tells both
                self.intake.report(number, kind, moment, meaning, {"noiDung": content})
            return self._receipt(number)

    def was_reported(self, number: str, status: str, at: str) -> bytes:
        with _as_fault():
            if not self.intake.was_reported(number, "status", _moment(at).isoformat(), _meaning(status)):
                raise Refused(404, f"Trạng thái không tồn tại: {number} {at}")
            return self._receipt(number)

    def _receipt(self, number: str) -> bytes:
        return tag("maHoSo", number) + tag("ngayTiepNhan", f"{self.intake.generator.timeline.now:{_FORM}}")


@contextmanager
def _as_fault() -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        raise onegate_service.client_fault(refused.text) from None


def _decoded(file: Any) -> bytes:
    try:
        return base64.b64decode(file.noiDung, validate=True)
    except binascii.Error:
        raise Refused(400, f"Nội dung tệp không phải base64: {file.tenTep}") from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text.strip(), _FORM).replace(tzinfo=VIET_NAM)
    except ValueError:
        raise Refused(400, f"Định dạng ngày không hợp lệ (dd/MM/yyyy HH:mm:ss): {text}") from None


def _meaning(status: str) -> int:
    if not status.isdigit() or int(status) not in VIETTEL:
        raise Refused(400, f"Trạng thái ngoài danh mục: {status}")
    return VIETTEL[int(status)][1]
