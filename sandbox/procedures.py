"""The real national procedure list, and the list each province keeps beside it with planted differences."""

import csv
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

DATA = Path(__file__).parent / "data"

_LEVELS = {"cấp bộ": "0", "cấp tỉnh": "1", "cấp huyện": "2", "cấp xã": "3"}
_MINISTRY = {
    "Bộ Nông nghiệp và Môi trường": "G10",
    "Bộ xây dựng (Giao thông vận tải cũ)": "G17",
    "Bộ Xây dựng": "G17",
    "Tòa án nhân dân": "G37",
}
_NOT_AT_ONE_STOP = ("hải quan", "ngân hàng", "ngoại hối", "hàng hải", "hàng không", "chứng khoán", "thuế", "đăng kiểm")


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to hand in: `kind` 1 in person, 2 online, 3 postal; `fee` in đồng, None when the source states none."""

    kind: str
    duration: str
    unit: str
    fee: int | None
    fee_text: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """One national procedure of the real list; `levels` holds 0 ministry, 1 province, 2 district, 3 commune."""

    code: str
    name: str
    agency_code: str
    agency: str
    field_code: str
    field_name: str
    level_text: str
    levels: tuple[str, ...]
    kind: str
    decision: str
    audience: tuple[str, ...]
    implementing: str
    channels: tuple[Channel, ...] = ()
    results: tuple[tuple[str, str], ...] = ()

    @property
    def local(self) -> bool:
        """Whether a province or a commune handles it: what a provincial list should hold."""
        return "1" in self.levels or "3" in self.levels


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _initials(text: str) -> str:
    plain = text.upper().replace("Đ", "D")
    letters = [w[0] for w in re.findall(r"[^\W\d_]+", plain)]
    return "".join(c if c.isascii() else "X" for c in letters)[:2].ljust(2, "X")


def _field_codes(listed: list[dict[str, str]], ministries: dict[str, str]) -> dict[tuple[str, str], str]:
    """Codes `G15-HT01` for every (ministry, field) in order of name: made up, stable [style]."""
    codes: dict[tuple[str, str], str] = {}
    used: defaultdict[str, int] = defaultdict(int)
    for pair in sorted({(ministries.get(r["issuing_agency"], "G22"), r["field"]) for r in listed}):
        stem = f"{pair[0]}-{_initials(pair[1])}"
        used[stem] += 1
        codes[pair] = f"{stem}{used[stem]:02d}"
    return codes


@lru_cache(maxsize=1)
def national() -> dict[str, Procedure]:
    """All procedures of the real list by code, in order of code."""
    ministries = {r["name"]: r["code"] for r in rows("ministries.csv")} | _MINISTRY
    channels: defaultdict[str, list[Channel]] = defaultdict(list)
    kinds = {"in_person": "1", "online": "2", "postal": "3"}
    for r in rows("procedure_channels.csv"):
        fee = int(r["fee_amount"]) if r["fee_amount"].isdigit() else None
        channels[r["procedure_code"]].append(
            Channel(kinds[r["channel"]], r["duration"], r["duration_unit"], fee, r["fee_text"])
        )
    results: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for r in rows("result_types.csv"):
        for code in r["procedure_codes"].split("|"):
            results[code].append((r["result_code"], r["result_name"]))
    listed = rows("procedures.csv")
    fields = _field_codes(listed, ministries)
    made = {}
    for r in listed:
        ministry = ministries.get(r["issuing_agency"], "G22")
        levels = {_LEVELS[p.strip().lower()] for p in r["level"].split(",") if p.strip().lower() in _LEVELS}
        made[r["code"]] = Procedure(
            code=r["code"],
            name=r["name"],
            agency_code=ministry,
            agency=r["issuing_agency"],
            field_code=fields[ministry, r["field"]],
            field_name=r["field"],
            level_text=r["level"],
            levels=tuple(sorted(levels)),
            kind=r["procedure_type"],
            decision=r["decision_no"],
            audience=tuple(a.strip() for a in r["audience"].split(", ") if a.strip()),
            implementing=r["implementing_agencies"],
            channels=tuple(channels[r["code"]]),
            results=tuple(results[r["code"]][:3]),
        )
    return made


@dataclass(frozen=True, slots=True)
class LocalProcedure:
    """A procedure as the province lists it; `base` is None for one that it invented."""

    code: str
    base: str | None
    name: str
    field_code: str
    field_name: str
    level_text: str
    decision: str
    public: bool = True


def fee_of(procedure: LocalProcedure) -> int:
    """The fee in đồng that the real list states for handing in, 0 when free or not stated."""
    known = national().get(procedure.base or "")
    return max((c.fee or 0 for c in known.channels), default=0) if known else 0


def charged(procedure: LocalProcedure) -> bool:
    """Whether every way of handing in states one and the same fee, so that a wrong one is wrong by every reading."""
    known = national().get(procedure.base or "")
    stated = {c.fee for c in known.channels} if known else set()
    return len(stated) == 1 and bool(fee_of(procedure))


def result_of(procedure: LocalProcedure) -> tuple[str, str] | None:
    """(code, name) of the first result paper of the real list; None when it names none."""
    known = national().get(procedure.base or "")
    return known.results[0] if known and known.results else None


def codes_of(procedure: LocalProcedure, agency: str) -> tuple[str, str, str, str, str]:
    """The code as dossiers carry it, by `Dossier.form`."""
    base, long, short = forms(procedure.base, agency) if procedure.base else (procedure.code,) * 3
    return base, long, long, short, long


@dataclass(frozen=True, slots=True)
class LocalList:
    """A province's list with what was planted in it, by base code (`unknown`: by the code it invented).

    `shifted` stand beside the name of the row that follows; they are `stale` too.
    """

    listed: tuple[LocalProcedure, ...]
    missing: tuple[str, ...]
    stale: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    shifted: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        return {
            "listed": len(self.listed),
            "missing": len(self.missing),
            "stale": len(self.stale),
            "unknown": len(self.unknown),
            "shifted": len(self.shifted),
        }


def forms(base: str, agency: str) -> tuple[str, str, str]:
    """The three ways in which one portal writes a procedure code [seen]."""
    return base, f"{base}.000.00.00.{agency}", f"{base}.{agency}"


_INVENTED = (
    "Xác nhận hộ kinh doanh tại chợ phiên",
    "Đăng ký sử dụng nhà văn hóa thôn",
    "Hỗ trợ giống cây trồng vụ đông",
    "Xác nhận tạm dừng khai thác cát sỏi",
    "Đăng ký tham gia tuyến phố đi bộ",
    "Cấp thẻ vào khu bảo tồn địa phương",
    "Xin phép tổ chức lễ hội làng",
    "Hỗ trợ lãi suất vay của tỉnh",
    "Đăng ký bến đò ngang mùa lũ",
    "Xác nhận nhà ở dột nát để hỗ trợ",
    "Đăng ký đỗ xe du lịch nội thị",
    "Xét tặng danh hiệu của tỉnh",
)


@lru_cache(maxsize=8)
def local_list(slug: str, agency: str, seed: int) -> LocalList:
    """The provincial list: some procedures missing, some with an old name or decision, some invented; forms mixed."""
    rng = random.Random(f"procedures:{seed}:{slug}")
    reference = [p for p in national().values() if p.local]
    missing = {p.code for p in rng.sample(reference, len(reference) // 16)}
    kept = [p for p in reference if p.code not in missing]
    stale: dict[str, str] = {}
    for n, p in enumerate(rng.sample(kept, len(kept) // 20)):
        stale[p.code] = "name" if n % 2 else "decision"
    listed = []
    for p in kept:
        name, decision = p.name, p.decision
        if stale.get(p.code) == "name":
            name = f"{p.name} (cấp huyện)" if rng.random() < 0.5 else f"Thủ tục: {p.name}"
        elif stale.get(p.code) == "decision":
            decision = f"{rng.randint(100, 3999)}/QĐ-UBND"
        code = forms(p.code, agency)[rng.choice((0, 1, 1, 2))]
        listed.append(LocalProcedure(code, p.code, name, p.field_code, p.field_name, p.level_text, decision))
    unknown = []
    for n, name in enumerate(_INVENTED, 1):
        code = f"{agency}.TTDP.{n:03d}" if n % 2 else f"DP{n:02d}_{slug.upper().replace('_', '')}"
        unknown.append(code)
        listed.insert(
            rng.randrange(len(listed)),
            LocalProcedure(code, None, name, f"{agency}-DP", "Thủ tục đặc thù của tỉnh", "Cấp xã", "12/QĐ-UBND"),
        )
    shifted = _shift(listed, stale, seed) if slug == _SHIFTED_AT else ()
    stale |= dict.fromkeys(shifted, "name")
    return LocalList(tuple(listed), tuple(sorted(missing)), dict(sorted(stale.items())), tuple(unknown), shifted)


_SHIFTED_AT, _SHIFTED_ROWS = "nghe_an", 8
"""In this province's list so many names in a row slipped up by one row."""


def _shift(listed: list[LocalProcedure], stale: dict[str, str], seed: int) -> tuple[str, ...]:
    """Lets the names of a block slip; gives the base codes of its rows."""
    start = random.Random(f"shifted:{seed}").randrange(len(listed) // 2)
    while True:
        block = listed[start : start + _SHIFTED_ROWS + 1]
        right = all(p.base and p.base not in stale for p in block) and len({p.name for p in block}) == len(block)
        if right:
            names = [p.name for p in block[1:]]
            listed[start : start + _SHIFTED_ROWS] = [replace(p, name=n) for p, n in zip(block, names, strict=False)]
            return tuple(p.base or "" for p in block[:-1])
        start += 1


def used_by_dossiers(listing: LocalList, seed: int, slug: str, most: int = 320) -> list[LocalProcedure]:
    """What citizens really ask for: listed procedures of the everyday fields, the frequent ones first."""
    known = national()
    usual = [
        p
        for p in listing.listed
        if p.base is not None
        and p.base not in listing.shifted
        and len(p.name) < 160
        and known[p.base].code[0] in "123"
        and not any(word in p.field_name.lower() for word in _NOT_AT_ONE_STOP)
    ]
    random.Random(f"used:{seed}:{slug}").shuffle(usual)
    return usual[:most]
