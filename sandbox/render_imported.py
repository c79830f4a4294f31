"""Imported dossiers in iGate's own words, as the new province's pull shows them."""

from datetime import UTC, datetime
from typing import Any

import orjson

from sandbox.calendar import VIET_NAM
from sandbox.import_ledger import public_id
from sandbox.import_rules import Item
from sandbox.people import OFFICERS, STEP_WORDS
from sandbox.procedures import national
from sandbox.statuses import VNPT

_STATUS = {1: 0, 2: 19, 3: 16, 4: 2, 5: 3, 6: 9, 7: 7, 8: 8, 9: 6, 10: 5}
_METHODS = {"2": (0, "Trực tuyến"), "1": (1, "Trực tiếp"), "3": (2, "Bưu chính")}


def record(host: str, key: int, item: Item, updated: str, later: list[tuple[str, int]]) -> bytes:
    """One dossier; `updated` and the steps that staff made `later` are local times."""
    number = public_id(key)
    status = later[-1][1] if later else int(item["trangThai"])
    reached = {s: at for at, s in later}
    code = item.get("maTTHCDiaPhuong") or item["maTTHC"]
    known = national().get(item["maTTHC"])
    sector = {"code": known.field_code, "name": _names(known.field_name)} if known else None
    papers = item.get("giayToTuyThan") or [{}]
    method, method_name = _METHODS[item["kenh"]]
    body: dict[str, Any] = {
        "id": number,
        "code": item["maHoSo"],
        "nationCode": item.get("maHoSoQuocGia") or None,
        "procedure": {"code": code, "translate": _names(known.name if known else code), "sector": sector},
        "agency": {"id": f"dv-{item['maCoQuan']}", "code": item["maCoQuan"], "name": _names(item["tenCoQuan"])},
        "applicant": {
            "data": {
                "fullname": item["chuHoSo"],
                "ownerFullname": item["chuHoSo"],
                "identityNumber": papers[0].get("so"),
                "phoneNumber": item.get("soDienThoai"),
                "email": item.get("email"),
                "address": item.get("diaChi"),
                "village": {"value": item["maXa"]},
                "district": None,
                "province": {"value": item["maTinh"]},
                "noidungyeucaugiaiquyet": item["trichYeu"],
                "chonDoiTuong": {"value": str(int(item["loaiDoiTuong"]) - 1)},
                "taxCode": item.get("maSoThue") or None,
            }
        },
        "dossierFormFile": [_document(host, one) for one in item.get("giayTo") or ()],
        "dossierFee": [_fee(one) for one in item.get("lePhi") or ()],
        "applyMethod": {"id": method, "name": method_name},
        "dossierReceivingKind": {"id": int(item.get("hinhThucTra") or 0)},
        "paymentMethod": {"id": int(item.get("thanhToan") or 0)},
        "vneid": _true(item.get("vneid")),
        "submittedOnNational": item.get("noiNop") == "1",
        "dossierStatus": _status(status),
        "dossierTaskStatus": None,
        "appliedDate": _iso(item["ngayNop"]),
        "acceptedDate": _iso(item["ngayTiepNhan"]),
        "appointmentDate": _iso(item.get("ngayHenTra")),
        "completedDate": _iso(item.get("ngayKetThuc") or reached.get(9)),
        "returnedDate": _iso(item.get("ngayTra") or reached.get(10)),
        "withdrawDate": None,
        "refusedDate": _iso(item.get("ngayTuChoi")),
        "updatedDate": _iso(updated),
        "task": [_task(number, n, step) for n, step in enumerate(_steps(key, item, later), 1)],
        "attachment": [
            {"id": one.get("id"), "filename": one.get("ten"), "resultCode": one.get("ma"), "url": one.get("duongDan")}
            for one in item.get("ketQua") or ()
        ],
    }
    return orjson.dumps(body)


def _steps(key: int, item: Item, later: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """The imported steps, then those of the new province's staff."""
    officer, title = OFFICERS[key % len(OFFICERS)]
    own = [
        {
            "thoiDiem": at,
            "trangThai": str(status),
            "nguoiXuLy": officer.decode(),
            "chucDanh": title,
            "donVi": item["tenCoQuan"],
            "noiDung": STEP_WORDS[status],
        }
        for at, status in later
    ]
    return [*(item.get("tienTrinh") or ()), *own]


def _task(number: str, n: int, step: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{number}-{n}",
        "assignee": {"fullname": step.get("nguoiXuLy"), "position": step.get("chucDanh")},
        "agency": {"name": _names(step.get("donVi") or "")},
        "content": step.get("noiDung"),
        "createdDate": _iso(step["thoiDiem"]),
        "dueDate": None,
        "status": _status(int(step["trangThai"])),
    }


def _document(host: str, one: dict[str, Any]) -> dict[str, Any]:
    file_id = one.get("id") or one.get("ten") or ""
    return {
        "procedureForm": {"code": one.get("ma"), "name": one.get("ten")},
        "digitized": _true(one.get("soHoa")),
        "reused": int(one.get("taiSuDung") or 0),
        "file": [{"id": file_id, "filename": one.get("ten"), "url": f"https://{host}/fi/file/{file_id}"}],
    }


def _fee(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "procost": {"code": one.get("ma"), "type": {"name": one.get("ten")}},
        "amount": float(one.get("soTien") or 0),
        "quantity": 1,
        "paid": 0,
        "when": int(one.get("lucThu") or 4),
    }


def _true(value: object) -> bool:
    return str(value).lower() in ("1", "true")


def _status(status: int) -> dict[str, object]:
    number = _STATUS[status]
    return {"id": number, "name": VNPT[number][0]}


def _names(text: str) -> list[dict[str, object]]:
    return [{"languageId": 228, "name": text}]


def _iso(text: str | None) -> str | None:
    """Local `yyyy-MM-dd HH:mm:ss` as iGate's UTC; a due time keeps its hour."""
    if not text:
        return None
    at = datetime.fromisoformat(text).replace(tzinfo=VIET_NAM).astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.000+0000"
