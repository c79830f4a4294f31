"""The one-stop system of the tutorial: it behaves as docs/tutorial/may-ngan.md says, and keeps a ledger.

    python tests/tutorial/may_ngan.py --port 18095

It shares no code with the hub or its sandbox. What a real system does and no document says is here too: a record that
changes while it is handed out, a busy answer with success around it, records entered late. `/_so-cai` gives the ledger
and what a right national side must hold; POST `/_so-cai/ngay-moi` lets a day pass. Both stand in no document.
"""

import argparse
import base64
import json
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

LOGIN, PASSWORD, UNIT = "h20_lienthong", "Nghin-May-2026", "H20"
VIET_NAM = timezone(timedelta(hours=7))
FIRST_DAY = datetime(2026, 6, 1, 8, 5, tzinfo=VIET_NAM)
NEXT_DAY = datetime(2026, 6, 30, 9, 0, tzinfo=VIET_NAM)
SIZE = 48
MOST_WAITING, MOST_STEPS = 50, 10

NATIONAL = {
    "CHO_TIEP_NHAN": 1, "DA_TIEP_NHAN": 2, "TU_CHOI": 3, "DANG_GIAI_QUYET": 4, "CHO_BO_SUNG": 5, "CHO_NOP_PHI": 6,
    "XIN_RUT": 7, "TAM_DUNG": 8, "CO_KET_QUA": 9, "DA_TRA": 10, "CHUYEN_LIEN_THONG": 4,
}  # fmt: skip
"""What each word means nationally; the last one stands in no document."""
PATHS = (
    ("CHO_TIEP_NHAN",),
    ("DA_TIEP_NHAN", "DANG_GIAI_QUYET"),
    ("DA_TIEP_NHAN", "DANG_GIAI_QUYET", "CHO_BO_SUNG"),
    ("DA_TIEP_NHAN", "DANG_GIAI_QUYET", "CO_KET_QUA", "DA_TRA"),
    ("DA_TIEP_NHAN", "CHO_NOP_PHI", "DANG_GIAI_QUYET", "CO_KET_QUA"),
    ("TU_CHOI",),
    ("DA_TIEP_NHAN", "DANG_GIAI_QUYET", "TAM_DUNG"),
    ("DA_TIEP_NHAN", "DANG_GIAI_QUYET", "XIN_RUT"),
)
AFTER = {"DANG_GIAI_QUYET": "CO_KET_QUA", "CHO_BO_SUNG": "DANG_GIAI_QUYET", "TAM_DUNG": "DANG_GIAI_QUYET"}
PROCEDURES = (
    ("1.001193", "Thủ tục đăng ký khai sinh", "HT", "Hộ tịch", "Cấp xã", "163/QĐ-BTP"),
    ("1.000894", "Thủ tục đăng ký kết hôn", "HT", "Hộ tịch", "Cấp xã", "163/QĐ-BTP"),
    ("1.000656", "Thủ tục đăng ký khai tử", "HT", "Hộ tịch", "Cấp xã", "163/QĐ-BTP"),
    ("1.004884", "Thủ tục đăng ký lại khai sinh", "HT", "Hộ tịch", "Cấp xã", "163/QĐ-BTP"),
    ("1.004873", "Thủ tục cấp Giấy xác nhận tình trạng hôn nhân", "HT", "Hộ tịch", "Cấp xã", "163/QĐ-BTP"),
    ("1.001612", "Đăng ký thành lập hộ kinh doanh", "KD", "Hộ kinh doanh", "Cấp xã", "2353/QĐ-BTC"),
    ("1.005319", "Cấp lại Chứng chỉ hành nghề thú y", "TY", "Thú y", "Cấp tỉnh", "277/QĐ-BNNMT"),
)
LOCAL_PROCEDURE = ("H20.MN.007", "Xác nhận hộ nuôi cá tra", "TS", "Thủy sản", "Cấp xã", "12/QĐ-UBND")
PLACES = (("28261", "82"), ("29971", "82"), ("28252", "82"), ("29974", "87"))
"""(commune, province) as filed: two of the units in force, two of those until 2025-06-30."""
NAMES = ("Lê Thị Mai", "Trần Văn Bình", "Nguyễn Thị Hạnh", "Phạm Quốc Việt", "Võ Ngọc Ánh", "Huỳnh Hữu Phước")
OFFICERS = ("Võ Minh Tâm", "Đặng Thu Hà", "Bùi Anh Dũng")
HELD = {5: "unmapped_status", 29: "unmapped_status", 11: "unmapped_procedure", 17: "missing_owner",
        23: "missing_received", 31: "bad_identity"}  # fmt: skip
"""What is wrong with a dossier, by its number, and the reason for which a right hub holds it."""
STEP_WITHOUT_TIME, CHANGES_WHILE_READ = 37, 7


@dataclass(frozen=True)
class Dossier:
    """One dossier as it stands: `path` are its statuses so far, `times` when each came."""

    number: int
    path: tuple[str, ...]
    times: tuple[datetime, ...]
    changed: datetime
    version: int = 1

    @property
    def code(self) -> str:
        return f"H20.26-{self.times[0]:%y%m%d}-{self.number:04d}"

    @property
    def procedure(self) -> tuple[str, ...]:
        return LOCAL_PROCEDURE if HELD.get(self.number) == "unmapped_procedure" else PROCEDURES[self.number % 7]

    def moved(self, status: str, at: datetime) -> "Dossier":
        return replace(self, path=(*self.path, status), times=(*self.times, at), changed=at, version=self.version + 1)


def made(number: int) -> Dossier:
    """The dossier of a number as it was at first: everything follows from the number."""
    path = PATHS[number % len(PATHS)]
    if HELD.get(number) == "unmapped_status":
        path = ("DA_TIEP_NHAN", "CHUYEN_LIEN_THONG")
    if number == STEP_WITHOUT_TIME:
        path = ("DA_TIEP_NHAN", "DANG_GIAI_QUYET", "CO_KET_QUA")
    start = FIRST_DAY + timedelta(hours=11 * number)
    times = tuple(start + timedelta(hours=5 * place) for place in range(len(path)))
    return Dossier(number, path, times, times[-1])


def as_xml(dossier: Dossier) -> str:
    """A dossier as section 2 of the document shows it."""
    n, wrong, day = dossier.number, HELD.get(dossier.number), dossier.times[0]
    code, name, *_ = dossier.procedure
    commune, province = PLACES[n % len(PLACES)]
    at = dict(zip(dossier.path, dossier.times, strict=True))
    company = n % 5 == 4
    identity = f"082{190 + n % 9}{n:06d}" if n % 6 else f"31{n:07d}"
    suffix = ".H20" if n % 3 == 1 and code[0].isdigit() else ""

    def moment(found: datetime | None) -> str:
        return found.isoformat() if found else ""

    values: list[tuple[str, Any]] = [
        ("MaHoSo", dossier.code),
        ("SoBienNhan", f"BN-{n:04d}"),
        ("ThuTuc", [("Ma", code + suffix), ("Ten", name)]),
        ("CoQuan", [("Ma", f"H20.26.{n % 4 + 1:02d}"), ("Ten", f"UBND {('phường Mỹ Tho', 'xã Thường Phước')[n % 2]}")]),
        ("NguoiNop", [
            ("Loai", "DN" if company else "CN"),
            ("HoTen", "" if wrong == "missing_owner" else f"Công ty TNHH Sen {n}" if company else NAMES[n % 6]),
            ("SoDinhDanh", identity[:11] if wrong == "bad_identity" else identity),
            ("MaSoThue", f"14{n:08d}" if company else ""),
            ("DienThoai", f"09000{n:05d}"),
            ("ThuDienTu", f"nguoi{n}@example.vn"),
            ("DiaChi", [("ChiTiet", f"{n} Trưng Trắc"), ("MaXa", commune), ("MaTinh", province)]),
        ]),
        ("TrichYeu", f"{name} & cấp bản sao"),
        ("KenhNop", ("TRUC_TIEP", "TRUC_TUYEN", "BUU_CHINH")[n % 3]),
        ("NhanKetQua", ("TAI_CHO", "BUU_CHINH")[n % 2]),
        ("CongNop", ("TINH", "QUOC_GIA")[n % 4 == 3]),
        ("ThoiDiem", [
            ("Nop", moment(day - timedelta(hours=17))),
            ("TiepNhan", "" if wrong == "missing_received" else moment(day)),
            ("HenTra", f"{day + timedelta(days=7):%Y-%m-%d}"),
            ("HoanThanh", moment(at.get("CO_KET_QUA"))),
            ("Tra", moment(at.get("DA_TRA"))),
            ("TuChoi", moment(at.get("TU_CHOI"))),
        ]),
        ("TrangThai", dossier.path[-1]),
        ("CoTep", "1" if has_papers(n) else "0"),
        ("CapNhat", moment(dossier.changed)),
    ]  # fmt: skip
    return element("HoSo", values)


def element(name: str, value: Any) -> str:
    """An element as the vendor writes it: empty ones closed at once, the subject in CDATA."""
    if isinstance(value, list):
        return f"<{name}>{''.join(element(*inner) for inner in value)}</{name}>"
    if not value:
        return f"<{name}/>"
    return f"<{name}><![CDATA[{value}]]></{name}>" if name == "TrichYeu" else f"<{name}>{escape(value)}</{name}>"


def has_papers(number: int) -> bool:
    return number % 2 == 0


def steps_of(dossier: Dossier) -> list[dict[str, Any]]:
    """The progress of a dossier, section 4; one dossier has a step that lost its time."""
    found: list[dict[str, Any]] = [
        {
            "maHoSo": dossier.code,
            "luc": int(at.timestamp()),
            "trangThai": status,
            "canBo": OFFICERS[(dossier.number + place) % 3],
            "chucVu": "Chuyên viên",
            "boPhan": "Bộ phận một cửa",
            "noiDung": status.replace("_", " ").capitalize(),
            "han": None,
        }
        for place, (status, at) in enumerate(zip(dossier.path, dossier.times, strict=True))
    ]
    if dossier.number == STEP_WITHOUT_TIME:
        found[1]["luc"] = None
    return found


def papers_of(dossier: Dossier) -> dict[str, Any]:
    """Papers, fees and results, section 5."""
    files = f"https://motcua.example.vn/tep/{dossier.number:04d}"
    result = [{"ten": "Kết quả giải quyết", "duongDan": f"{files}-kq.pdf"}] if "CO_KET_QUA" in dossier.path else []
    return {
        "giayTo": [{"ma": "TP-1", "ten": "Tờ khai.pdf", "duongDan": f"{files}-1.pdf", "soHoa": True}],
        "lePhi": [{"ma": "LP-1", "ten": "Lệ phí", "soTien": 20000, "thuKhi": "NOP"}],
        "ketQua": result,
    }


@dataclass
class System:
    """All dossiers, which version of each was confirmed and which was last handed out, and the calls so far."""

    dossiers: dict[str, Dossier] = field(default_factory=dict)
    confirmed: dict[str, int] = field(default_factory=dict)
    handed: dict[str, int] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_in(self, dossier: Dossier) -> None:
        self.dossiers[dossier.code] = dossier

    def waiting(self) -> list[Dossier]:
        """Dossiers that are new or changed since they were confirmed, those that wait longest first."""
        found = [d for d in self.dossiers.values() if self.confirmed.get(d.code) != d.version]
        return sorted(found, key=lambda d: (d.version, d.number))

    def hand_out(self, most: int) -> tuple[list[Dossier], int]:
        """The next dossiers, and how many wait behind them."""
        waiting = self.waiting()
        self.handed |= {dossier.code: dossier.version for dossier in waiting[:most]}
        return waiting[:most], len(waiting[most:])

    def confirm(self, codes: list[str]) -> int:
        """Codes of dossiers that were handed out: the version that was handed out counts. One has changed by now."""
        known = [code for code in codes if code in self.handed]
        for code in known:
            self.confirmed[code] = self.handed[code]
            dossier = self.dossiers[code]
            if dossier.number == CHANGES_WHILE_READ and dossier.version == 1:
                self.take_in(dossier.moved("DANG_GIAI_QUYET", dossier.changed + timedelta(days=1)))
        return len(known)

    def once(self, trouble: str) -> bool:
        """Whether it is time for a trouble: once, when the first page was confirmed."""
        if not self.confirmed or self.troubles[trouble]:
            return False
        self.troubles[trouble] += 1
        return True

    def let_a_day_pass(self) -> dict[str, list[str]]:
        """Some dossiers go on, two new ones come, and one of three weeks ago is entered late."""
        moved = [d for d in self.dossiers.values() if d.number % 6 == 1 and d.path[-1] in AFTER]
        for dossier in moved:
            self.take_in(dossier.moved(AFTER[dossier.path[-1]], NEXT_DAY + timedelta(minutes=dossier.number)))
        start = NEXT_DAY + timedelta(hours=1)
        new = [Dossier(SIZE + n, ("DA_TIEP_NHAN",), (at := start + timedelta(minutes=n),), at) for n in (0, 1)]
        late = Dossier(SIZE + 2, ("DA_TIEP_NHAN",), (FIRST_DAY,), FIRST_DAY)
        for dossier in (*new, late):
            self.take_in(dossier)
        return {"moved": [d.code for d in moved], "new": [d.code for d in new], "late": [late.code]}

    def expected(self) -> dict[str, dict[str, Any]]:
        """For each dossier: the reason it must be held for, or the national status and steps it must arrive with."""
        found = {}
        for dossier in self.dossiers.values():
            reason = HELD.get(dossier.number)
            steps = [NATIONAL[status] for status in dossier.path]
            found[dossier.code] = {
                "held": reason,
                "status": steps[-1],
                "steps": steps[:1] if dossier.number == STEP_WITHOUT_TIME else steps,
            }
        return found

    def ledger(self) -> dict[str, Any]:
        return {
            "dossiers": self.expected(),
            "waiting": [d.code for d in self.waiting()],
            "calls": dict(self.calls),
            "refused": dict(self.refused),
            "troubles": dict(self.troubles),
        }


class Handler(BaseHTTPRequestHandler):
    """The services of the document, over one `System`."""

    protocol_version = "HTTP/1.1"
    system: System

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        with self.system.lock:
            if url.path == "/_so-cai":
                return self.answer(self.system.ledger())
            if not self.allowed():
                return None
            match url.path.strip("/").split("/"):
                case ["v3", "ho-so", "cho-lay"]:
                    return self.waiting(int(asked.get("toi-da", "20")))
                case ["v3", "ho-so", code]:
                    return self.one(code)
                case ["v3", "ho-so", code, "giay-to"]:
                    return self.papers(code)
                case ["v3", "qua-trinh"]:
                    return self.steps(asked.get("ma", "").split(","))
                case ["v3", "thu-tuc"]:
                    return self.procedures(int(asked.get("trang", "1")), int(asked.get("so-dong", "100")))
            return self.answer({"ketQua": 0, "thongBao": "Không có dịch vụ này"}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.system.lock:
            if self.path == "/_so-cai/ngay-moi":
                return self.answer(self.system.let_a_day_pass())
            if not self.allowed():
                return None
            if self.path == "/v3/ho-so/da-lay":
                self.system.calls["da-lay"] += 1
                count = self.system.confirm(json.loads(body)["maHoSo"])
                return self.answer({"ketQua": 1, "thongBao": f"Đã xác nhận {count} hồ sơ"})
            return self.answer({"ketQua": 0, "thongBao": "Không có dịch vụ này"}, 404)

    def allowed(self) -> bool:
        """Basic and the unit, section 1; an answer is sent when not."""
        wanted = "Basic " + base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            self.system.refused["account"] += 1
            self.answer({"ketQua": -1, "thongBao": "Sai tài khoản"}, 401)
        elif self.headers.get("X-Don-Vi") != UNIT:
            self.system.refused["unit"] += 1
            self.answer({"ketQua": -3, "thongBao": "Đơn vị không được cấp quyền"}, 403)
        else:
            return True
        return False

    def waiting(self, most: int) -> None:
        self.system.calls["cho-lay"] += 1
        if self.system.once("busy"):  # the nightly backup
            return self.answer({"ketQua": 1, "thongBao": "", "duLieu": "Hệ thống đang bận sao lưu, vui lòng gọi lại"})
        dossiers, left = self.system.hand_out(min(most, MOST_WAITING))
        return self.answer({"ketQua": 1, "thongBao": "", "conLai": left, "duLieu": package(dossiers)})

    def one(self, code: str) -> None:
        self.system.calls["ho-so"] += 1
        dossier = self.system.dossiers.get(code)
        if dossier is None:
            return self.answer({"ketQua": 0, "thongBao": "Không tìm thấy hồ sơ", "duLieu": ""})
        return self.answer({"ketQua": 1, "thongBao": "", "duLieu": package([dossier])})

    def papers(self, code: str) -> None:
        self.system.calls["giay-to"] += 1
        dossier = self.system.dossiers.get(code)
        if dossier is None or not has_papers(dossier.number):
            return self.answer({"ketQua": 0, "thongBao": "Hồ sơ không có giấy tờ"})
        return self.answer({"ketQua": 1, "thongBao": "", "chiTiet": papers_of(dossier)})

    def steps(self, codes: list[str]) -> None:
        self.system.calls["qua-trinh"] += 1
        if self.system.once("quota"):
            return self.answer({"ketQua": 9, "thongBao": "Quá số yêu cầu"}, 429, {"Retry-After": "1"})
        if len(codes) > MOST_STEPS:
            self.system.refused["qua-trinh"] += 1
            return self.answer({"ketQua": 0, "thongBao": "Quá 10 hồ sơ một lần"}, 400)
        found = [
            step for code in codes if code in self.system.dossiers for step in steps_of(self.system.dossiers[code])
        ]
        return self.answer({"ketQua": 1, "thongBao": "", "buoc": found})

    def procedures(self, page: int, rows: int) -> None:
        self.system.calls["thu-tuc"] += 1
        known = (*PROCEDURES, LOCAL_PROCEDURE)
        shown = known[(page - 1) * rows : page * rows]
        names = ("ma", "ten", "maLinhVuc", "tenLinhVuc", "cap", "quyetDinh")
        found = [dict(zip(names, row, strict=True)) | {"congKhai": True} for row in shown]
        headers = {}
        if page * rows < len(known):
            address = f"http://{self.headers['Host']}/v3/thu-tuc?so-dong={rows}&trang={page + 1}"
            headers["Link"] = f'<{address}>; rel="next"'
        return self.answer({"ketQua": 1, "thongBao": "", "thuTuc": found}, 200, headers)

    def answer(self, body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        raw = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged: the ledger is the log."""


def package(dossiers: list[Dossier]) -> str:
    """Dossiers as the XML string of `duLieu`; its heading says utf-16, as .NET's writer of strings does."""
    if not dossiers:
        return ""
    return f'<?xml version="1.0" encoding="utf-16"?><GoiHoSo>{"".join(map(as_xml, dossiers))}</GoiHoSo>'


def main() -> None:
    options = argparse.ArgumentParser(description="The one-stop system of the tutorial.")
    options.add_argument("--port", type=int, default=18095, help="0 takes a free one")
    system = System()
    for number in range(SIZE):
        system.take_in(made(number))
    handler = type("Service", (Handler,), {"system": system})
    server = ThreadingHTTPServer(("127.0.0.1", options.parse_args().port), handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
