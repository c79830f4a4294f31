"""Source records as the two example systems send them, whole and clean; people and numbers are made up."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from mappings import MappingError, load_mapping

_IGATE: dict[str, Any] = {
    "id": "66a1b2c3d4e5f60718293a4b",
    "code": "000.00.15.H38-260612-00042",
    "nationCode": None,
    "procedure": {
        "id": "5f1",
        "code": "1.001612.000.00.00.H38",
        "translate": [{"languageId": 228, "name": "Đăng ký thành lập hộ kinh doanh"}],
        "sector": {"id": "s1", "code": "G05-KD04", "name": [{"languageId": 228, "name": "Thành lập hộ kinh doanh"}]},
    },
    "agency": {
        "id": "a1",
        "code": "000.00.15.H38",
        "name": [{"languageId": 228, "name": "Sở Tài chính tỉnh Lào Cai"}],
        "parent": {"id": "a0", "name": [{"languageId": 228, "name": "UBND tỉnh Lào Cai"}]},
    },
    "applicant": {
        "data": {
            "fullname": "Trần Văn Bình",
            "ownerFullname": "Nguyễn Thị Hạnh",
            "identityNumber": "010190001234",
            "phoneNumber": "0912000042",
            "email": "hanh42@example.vn",
            "address": "Số 42 đường Hoàng Liên",
            "village": {"label": "Phường Sa Pa", "value": "03006"},
            "district": None,
            "province": {"label": "Tỉnh Lào Cai", "value": "15"},
            "noidungyeucaugiaiquyet": "Đề nghị cấp giấy chứng nhận đăng ký hộ kinh doanh số 42",
            "chonDoiTuong": {"label": "Công dân", "value": "0"},
            "taxCode": None,
        }
    },
    "dossierFormFile": [
        {
            "id": f"f{n}",
            "procedureForm": {"code": f"KQ.G15.00003{n}", "name": f"Giấy tờ số {n}"},
            "digitized": n < 2,
            "reused": 0,
            "file": [
                {
                    "id": f"66a1b2c3d4e5f60718293b0{n}",
                    "filename": f"giay-to-{n}.pdf",
                    "size": 120_000,
                    "url": f"https://dichvucong.laocai.gov.vn/tep/66a1b2c3d4e5f60718293b0{n}/giay-to-{n}.pdf",
                }
            ],
        }
        for n in range(3)
    ],
    "dossierFee": [
        {
            "procost": {"code": "LP01", "type": {"name": "Lệ phí"}},
            "amount": 100000,
            "quantity": 1,
            "paid": 1,
            "when": 1,
        },
        {"procost": {"code": "P02", "type": {"name": "Phí"}}, "amount": 20000, "quantity": 1, "when": 4},
    ],
    "applyMethod": {"id": 0, "name": "Trực tuyến"},
    "dossierReceivingKind": {"id": 0, "name": "Nhận trực tiếp"},
    "paymentMethod": {"id": 2},
    "vneid": True,
    "submittedOnNational": False,
    "dossierStatus": {"id": 2, "name": "Đang xử lý"},
    "dossierTaskStatus": {"id": "t4", "name": "Chờ trình lãnh đạo"},
    "appliedDate": "2026-06-11T08:15:30.000+0000",
    "acceptedDate": "2026-06-12T01:04:05.000+0000",
    "appointmentDate": "2026-06-21T17:00:00.000+0000",
    "completedDate": None,
    "returnedDate": None,
    "withdrawDate": None,
    "refusedDate": None,
    "updatedDate": "2026-06-13T03:04:05.000+0000",
    "task": [
        {
            "id": f"t{n}",
            "assignee": {"fullname": "Lý A Páo", "position": "Chuyên viên"},
            "agency": {"name": [{"languageId": 228, "name": "Phòng Đăng ký kinh doanh"}]},
            "content": content,
            "createdDate": f"2026-06-1{n + 1}T0{n + 1}:04:05.000+0000",
            "dueDate": None,
            "status": {"id": number, "name": name},
        }
        for n, (number, name, content) in enumerate(
            [
                (0, "Mới đăng ký", "Nộp hồ sơ"),
                (19, "Đã tiếp nhận", "Tiếp nhận hồ sơ"),
                (2, "Đang xử lý", "Thẩm định hồ sơ"),
                (12, "Chờ phê duyệt", "Trình lãnh đạo phê duyệt"),
            ]
        )
    ],
    "attachment": [],
}

_VIETTEL: dict[str, Any] = {
    "maHoSo": "000.00.12.H48-260612-00042",
    "maHoSoQuocGia": None,
    "soBienNhan": "BN-42",
    "maThuTuc": "1.001612.000.00.00.H48",
    "tenThuTuc": "Đăng ký thành lập hộ kinh doanh",
    "maLinhVuc": "G05-KD04",
    "tenLinhVuc": "Thành lập hộ kinh doanh",
    "maCoQuan": "000.00.12.H48",
    "tenCoQuan": "Sở Tài chính tỉnh Quảng Ngãi",
    "chuHoSo": "Nguyễn Thị Hạnh",
    "loaiDoiTuong": "0",
    "loaiGiayTo": "CCCD",
    "soGiayTo": "051190001234",
    "dienThoai": "0912000042",
    "email": "hanh42@example.vn",
    "diaChi": "Số 42 đường Phạm Văn Đồng",
    "maTinh": "51",
    "maHuyen": None,
    "maXa": "21025",
    "trichYeu": "Đề nghị cấp giấy chứng nhận đăng ký hộ kinh doanh số 42",
    "kenhNop": "TT",
    "hinhThucTra": "0",
    "noiNop": "2",
    "thanhToan": "3",
    "dinhDanhDienTu": "1",
    "ngayNop": "11/06/2026 15:15:30",
    "ngayTiepNhan": "12/06/2026 08:04:05",
    "ngayHenTra": "22/06/2026 17:00:00",
    "ngayHoanThanh": None,
    "ngayTra": None,
    "ngayTuChoi": None,
    "ngayCapNhat": "13/06/2026 10:04:05",
    "trangThai": "3",
    "tenTrangThai": "Đang thụ lý",
    "ghiChu": None,
    "DanhSachGiayTo": {
        "GiayTo": [
            {
                "maGiayTo": f"KQ.G15.00003{n}",
                "tenGiayTo": f"Giấy tờ số {n}",
                "tenTep": f"giay-to-{n}.pdf",
                "duongDan": f"https://motcua.quangngai.gov.vn/tep/20260612/42/giay-to-{n}.pdf",
                "soHoa": "1",
                "taiSuDung": "0",
            }
            for n in range(3)
        ]
    },
    "DanhSachLePhi": {
        "LePhi": [
            {"maPhi": "LP01", "tenPhi": "Lệ phí", "soTien": "100000", "hinhThucThu": "1"},
            {"maPhi": "P02", "tenPhi": "Phí", "soTien": "20000", "hinhThucThu": "4"},
        ]
    },
    "DanhSachTienTrinh": {
        "TienTrinh": [
            {
                "thoiDiem": f"1{n + 1}/06/2026 08:04:05",
                "nguoiXuLy": "Võ Thị Lan",
                "chucDanh": "Chuyên viên",
                "phongBan": "Phòng Đăng ký kinh doanh",
                "noiDung": content,
                "trangThai": number,
                "tenTrangThai": name,
                "hanXuLy": None,
            }
            for n, (number, name, content) in enumerate(
                [
                    ("1", "Chờ tiếp nhận", "Nộp hồ sơ"),
                    ("2", "Đã tiếp nhận", "Tiếp nhận hồ sơ"),
                    ("3", "Đang thụ lý", "Thẩm định hồ sơ"),
                    ("6", "Trình ký", "Trình ký"),
                ]
            )
        ]
    },
    "DanhSachKetQua": None,
}


def igate(**changes: Any) -> dict[str, Any]:
    """A clean iGate dossier of its own, with top-level keys changed."""
    return {**deepcopy(_IGATE), **changes}


def viettel(**changes: Any) -> dict[str, Any]:
    """A clean Viettel dossier of its own, with top-level keys changed."""
    return {**deepcopy(_VIETTEL), **changes}


@pytest.fixture(name="igate")
def igate_maker() -> Callable[..., dict[str, Any]]:
    return igate


@pytest.fixture(name="viettel")
def viettel_maker() -> Callable[..., dict[str, Any]]:
    return viettel


@pytest.fixture
def folder(tmp_path: Path):
    """A configuration folder; `write(name, text)` puts a file into its mappings."""

    class Folder:
        path = tmp_path / "config"

        def write(self, name: str, text: str) -> None:
            file = self.path / "mappings" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

        def tiny(self, rules: str, head: str = "") -> "Folder":
            self.write("tiny.yaml", f"mapping: tiny\n{head}procedure:\n  procedure_code: code\n{rules}")
            return self

        def load(self, name="tiny", kind="procedure", **more):
            return load_mapping(name, kind, folders=[self.path], **more)

        def map(self, record, **more):
            return self.load(**more).map(record)

        def fault(self, **more):
            with pytest.raises(MappingError) as error:
                self.load(**more)
            return error.value

    return Folder()
