"""The national catalogues: the full procedure list, whole records (LayThuTuc) and code lists [seen].

Records are built from the real list, and dirty where real ones are: amounts as "Không" or "1.000.000", limits that are
no numbers, texts with line breaks. Each advanced day renames one procedure, gives one another decision, closes one and
adds one, all handled by ministries only, so that no dossier of a province depends on them.
"""

import random
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.people import DOCUMENT_NAMES
from sandbox.procedures import Procedure, national, rows
from sandbox.provinces import ALL, OF_EACH_SYSTEM, offices

_CHANNEL_MODES = {"1": "Trực tiếp", "2": "Trực tuyến", "3": "Dịch vụ bưu chính"}
_AUDIENCE = {
    "Công dân Việt Nam": "1",
    "Doanh nghiệp": "2",
    "Người nước ngoài": "3",
    "Cán bộ, công chức, viên chức": "4",
}


@dataclass(slots=True)
class Catalogue:
    """The list as of a day: `closed` ones are gone from it, `renamed` and `decided` map a code to its old value."""

    procedures: dict[str, Procedure]
    renamed: dict[str, str] = field(default_factory=dict)
    decided: dict[str, str] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        return {
            "listed": len(self.procedures),
            "renamed": sorted(self.renamed),
            "decided": sorted(self.decided),
            "closed": sorted(self.closed),
            "new": sorted(self.new),
        }


def catalogue(seed: int, days: int) -> Catalogue:
    """The national list after so many days."""
    made = Catalogue(dict(national()))
    for day in range(1, days + 1):
        rng = random.Random(f"national:{seed}:{day}")
        pool = [p for p in made.procedures.values() if p.levels == ("0",) and p.code[:5] != "1.115"]
        renamed, decided, closed, model = rng.sample(pool, 4)
        made.renamed.setdefault(renamed.code, renamed.name)
        made.procedures[renamed.code] = replace(renamed, name=f"{renamed.name} (sửa đổi {day})")
        made.decided.setdefault(decided.code, decided.decision)
        made.procedures[decided.code] = replace(decided, decision=f"{3000 + day}/QĐ-BTC")
        made.closed.append(closed.code)
        del made.procedures[closed.code]
        code = f"1.115{day:03d}"
        made.new.append(code)
        made.procedures[code] = replace(
            model, code=code, name=f"{model.name} (ban hành ngày {day})", decision=f"{3100 + day}/QĐ-BTC"
        )
    return made


def list_row(p: Procedure) -> dict[str, str]:
    """A row of LayDanhSachTTHC."""
    return {"MATTHC": p.code, "TENTTHC": p.name, "MACOQUANCONGBO": p.agency_code, "TRANGTHAI": "1"}


def record(p: Procedure) -> dict[str, Any]:
    """A whole procedure as LayThuTuc gives it (CONTRACTS section 3)."""
    n = int(p.code.replace(".", ""))
    level_agency = p.implementing or p.agency
    return {
        "ID": str(n),
        "MATTHC": p.code,
        "TENTTHC": p.name,
        "MACOQUANCONGBO": p.agency_code,
        "LOAITTHC": p.kind,
        "TRANGTHAI": "1",
        "IDQUYETDINHCONGBO": p.decision,
        "MOTA": f"Thủ tục thuộc lĩnh vực {p.field_name}.\r\nCơ quan công bố: {p.agency}.\n",
        "MOTADOITUONGTHUCHIEN": ", ".join(p.audience),
        "MOTACOQUANTHUCHIEN": level_agency,
        "DIACHITIEPNHAN": "Bộ phận Một cửa" if p.local else "Bộ phận Một cửa của Bộ",
        "YEUCAU": "Không" if n % 3 else "Đáp ứng điều kiện theo quy định của pháp luật chuyên ngành.",
        "TUKHOA": p.field_name.lower(),
        "CAPTHUCHIEN": [{"CAPTHUCHIEN": level} for level in p.levels],
        "LINHVUCTHUCHIEN": [{"MALINHVUC": p.field_code, "TENLINHVUC": p.field_name}],
        "CACHTHUCTHUCHIEN": _channels(p, n),
        "THANHPHANHOSO": _documents(n),
        "TRINHTUTHUCHIEN": [
            {
                "TRUONGHOP": "",
                "TRINHTU": [
                    {"TENTRINHTU": f"Bước {k}: {text}"}
                    for k, text in enumerate(("Nộp hồ sơ", "Thẩm định hồ sơ", "Trả kết quả"), 1)
                ],
            }
        ],
        "DOITUONGTHUCHIEN": [{"MADOITUONG": _AUDIENCE.get(a, "9"), "TENDOITUONG": a} for a in p.audience],
        "KETQUATHUCHIEN": [{"MAKETQUA": code, "TENKETQUA": name} for code, name in p.results],
        "CANCUPHAPLY": [{"SOVANBAN": f"{n % 90 + 10}/2024/NĐ-CP", "TENVANBAN": f"Nghị định về {p.field_name.lower()}"}],
        "COQUANTHUCHIEN": [{"MADONVI": p.agency_code, "TENDONVI": level_agency}],
        "COQUANCOTHAMQUYEN": [{"MADONVI": p.agency_code, "TENDONVI": p.agency}],
        "COQUANDUOCUYQUYEN": [],
        "COQUANPHOIHOP": [],
        "TTHCLIENQUAN": [],
        "TTHCLIENTHONG": [],
    }


def _channels(p: Procedure, n: int) -> list[dict[str, Any]]:
    made: dict[str, list[dict[str, Any]]] = {}
    for k, c in enumerate(p.channels):
        duration = (
            c.duration
            if c.duration and (n + k) % 17
            else f"{c.duration or 'Theo'} ngày làm việc, kể từ khi nhận đủ hồ sơ"
        )
        fees = []
        if c.fee is not None:
            amount = f"{c.fee:,}".replace(",", ".") if (n + k) % 2 else str(c.fee)
            fees.append(
                {
                    "MAPHILEPHI": f"LP-{p.code}",
                    "SOTIEN": amount if c.fee else "Không",
                    "DONVI": "Đồng",
                    "MOTA": c.fee_text,
                    "URL": "",
                }
            )
        made.setdefault(c.kind, []).append(
            {
                "THOIGIANGIAIQUYET": duration,
                "DONVITINH": c.unit or "Ngày làm việc",
                "MOTA": f"{_CHANNEL_MODES[c.kind]}.\n{c.duration} {c.unit}".strip(),
                "PHILEPHI": fees,
            }
        )
    return [{"KENH": kind, "THOIGIAN": times} for kind, times in sorted(made.items())]


def _documents(n: int) -> list[dict[str, Any]]:
    papers = []
    for k in range(2 + n % 3):
        number = (n + k * 5) % len(DOCUMENT_NAMES)
        paper = {
            "MAGIAYTO": f"T-{number + 1:04d}",
            "TENGIAYTO": DOCUMENT_NAMES[number],
            "SOBANCHINH": "1",
            "SOBANSAO": str(k % 2),
            "TENMAUDON": f"mau-{n % 1000}.docx" if k == 0 else "",
        }
        papers.append({**paper, ("URL", "Url")[n % 2]: "https://csdl.example.vn/mau/1.docx" if k == 0 else ""})
        if k == 0 and n % 5 == 0:
            papers.append({**paper, "TENMAUDON": f"mau-{n % 1000}b.docx", "URL": "https://csdl.example.vn/mau/2.docx"})
    return [{"TRUONGHOP": "", "GIAYTO": papers}]


def decision(made: Catalogue, number: str) -> list[dict[str, Any]]:
    """LayQDCB: the decision and the procedures that it published; empty when there is none of that number."""
    codes = [p.code for p in made.procedures.values() if p.decision == number]
    if not codes:
        return []
    return [{"ID": number, "SOQUYETDINH": number, "DANHSACHTTHC": [{"MATTHC": c, "LOAI": "CONGBO"} for c in codes]}]


def fields(made: Catalogue) -> list[dict[str, str]]:
    pairs = {p.field_code: (p.field_name, p.agency_code) for p in made.procedures.values()}
    return [{"MALINHVUC": c, "TENLINHVUC": n, "MANGANH": a} for c, (n, a) in sorted(pairs.items())]


def agencies() -> list[dict[str, str]]:
    """Ministries, the example provinces since the mergers of 2025, their departments and communes."""
    found = [{"MADONVI": r["code"], "TENDONVI": r["name"], "CAPDONVI": "0"} for r in rows("ministries.csv")]
    for p in (*(ALL[slug] for slug in OF_EACH_SYSTEM), ALL["can_tho"]):
        found.append({"MADONVI": p.agency, "TENDONVI": f"UBND {p.name}", "CAPDONVI": "1"})
        departments, committees = offices(p.slug)
        found += [{"MADONVI": o.old, "TENDONVI": o.name, "CAPDONVI": "1"} for o in departments]
        found += [{"MADONVI": o.old, "TENDONVI": o.name, "CAPDONVI": "3"} for o in committees]
    return found


def provinces() -> list[dict[str, str]]:
    return [{"MATINHTHANH": r["code"], "TENTINHTHANH": r["name"]} for r in rows("provinces.csv")]


def communes() -> list[dict[str, str]]:
    """Communes since 2025-07-01 of the example provinces."""
    made = {r["code"]: (r["name"], r["province_code"]) for r in rows("communes.csv")}
    return [{"MAPHUONGXA": c, "TENPHUONGXA": n, "MATINHTHANH": p} for c, (n, p) in sorted(made.items())]
