"""The example provinces: who they are, where their people live and which offices handle dossiers."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sandbox.calendar import VIET_NAM
from sandbox.procedures import rows


@dataclass(frozen=True, slots=True)
class Profile:
    """What the sandbox has to know of a province; `cccd` are the prefixes of citizen numbers issued there.

    From the hour `gateway` on citizens file online with the national portal only [style]. An old province `joins` the
    new one of that slug: its history goes two years back, its code and name are those of before 2025-07-01.
    """

    slug: str
    name: str
    code: str
    agency: str
    kind: str
    connection: str
    cccd: tuple[str, ...]
    host: str
    gateway: datetime = datetime(2026, 6, 1, 18, tzinfo=VIET_NAM)
    joins: str = ""


# Which vendor serves which province here is [style]; names, codes and agencies are real, H13 is [inferred] by alphabet.
PROFILES: dict[str, Profile] = {
    "lao_cai": Profile(
        "lao_cai", "Tỉnh Lào Cai", "15", "H38", "vnpt", "vnpt_lao_cai", ("010", "015"), "dichvucong.laocai.example.vn"
    ),
    "quang_ngai": Profile(
        "quang_ngai", "Tỉnh Quảng Ngãi", "51", "H48", "viettel", "viettel_quang_ngai", ("051", "062"),
        "motcua.quangngai.example.vn",
    ),
    "son_la": Profile(
        "son_la", "Tỉnh Sơn La", "14", "H52", "fpt_soap", "fpt_son_la", ("014",), "egov.sonla.example.vn",
        datetime(2026, 5, 15, 18, tzinfo=VIET_NAM),
    ),
    "thanh_hoa": Profile(
        "thanh_hoa", "Tỉnh Thanh Hóa", "38", "H56", "fpt_rest", "fpt_thanh_hoa", ("038",), "egov.thanhhoa.example.vn"
    ),
    "thai_nguyen": Profile(
        "thai_nguyen", "Tỉnh Thái Nguyên", "19", "H55", "mobifone", "mobifone_thai_nguyen", ("006", "019"),
        "lgsp.thainguyen.example.vn", datetime(2026, 6, 15, 18, tzinfo=VIET_NAM),
    ),
    "nghe_an": Profile(
        "nghe_an", "Tỉnh Nghệ An", "40", "H41", "tan_dan", "tan_dan_nghe_an", ("040",), "dichvucong.nghean.example.vn"
    ),
    "can_tho_cu": Profile(
        "can_tho_cu", "Thành phố Cần Thơ", "92", "H13", "vnpt", "vnpt_can_tho_cu", ("092",),
        "dichvucong.canthocu.example.vn", joins="can_tho",
    ),
    "hau_giang": Profile(
        "hau_giang", "Tỉnh Hậu Giang", "93", "H30", "viettel", "viettel_hau_giang", ("093",),
        "motcua.haugiang.example.vn", joins="can_tho",
    ),
    "soc_trang": Profile(
        "soc_trang", "Tỉnh Sóc Trăng", "94", "H51", "fpt_soap", "fpt_soc_trang", ("094",), "egov.soctrang.example.vn",
        joins="can_tho",
    ),
}  # fmt: skip
"""Provinces whose systems have dossiers of their own."""

TARGETS: dict[str, Profile] = {
    slug: Profile(
        slug, "Thành phố Cần Thơ", "92", "H13", "vnpt_import", f"vnpt_{slug}", ("092", "093", "094"),
        f"dichvucong.{host}.example.vn",
    )
    for slug, host in (("can_tho", "cantho"), ("can_tho_thu", "canthothu"))
}  # fmt: skip
"""New provinces: their systems begin empty and take what is imported; `can_tho_thu` is for rehearsals."""

ALL = PROFILES | TARGETS
OF_EACH_SYSTEM = tuple(slug for slug, profile in PROFILES.items() if not profile.joins)
"""The provinces that stand for a vendor's system, without those that merge."""

STARTED = ("lao_cai", "quang_ngai", "son_la", "thai_nguyen", "nghe_an")
"""The provinces whose systems start when none is named: one for each vendor."""


@dataclass(frozen=True, slots=True)
class Place:
    """A commune as filed: `district` is None in the units in force since 2025-07-01."""

    commune: str
    commune_name: str
    district: str | None
    district_name: str | None
    province: str
    province_name: str


@dataclass(frozen=True, slots=True)
class Office:
    """A handling unit; `old` and `new` are the two ways in which its code is written [seen]."""

    old: str
    new: str
    name: str
    parent: str


_DEPARTMENTS = (
    "Sở Tư pháp", "Sở Nông nghiệp và Môi trường", "Sở Xây dựng", "Sở Tài chính", "Sở Nội vụ", "Sở Công Thương",
    "Sở Y tế", "Sở Giáo dục và Đào tạo", "Sở Khoa học và Công nghệ", "Sở Văn hóa, Thể thao và Du lịch", "Công an tỉnh",
    "Ban Quản lý các khu công nghiệp", "Bộ Chỉ huy quân sự tỉnh",
)  # fmt: skip
DEPARTMENT_OF = {"G01": 10, "G10": 1, "G11": 12, "G12": 3, "G15": 0, "G17": 2, "G19": 3}
"""Which department handles the procedures of a ministry, by its place in the list; others go to the fifth (Nội vụ)."""


@lru_cache(maxsize=16)
def places(slug: str) -> tuple[list[Place], list[Place]]:
    """(old, new) communes of the province; an old commune that was split is left out: nobody knows where it went."""
    profile = ALL[slug]
    whole = ALL[profile.joins or slug]
    old, new = [], {}
    for r in rows("communes.csv"):
        if r["old_province_code" if profile.joins else "province_code"] != profile.code:
            continue
        new[r["code"]] = Place(r["code"], r["name"], None, None, whole.code, whole.name)
        if r["n_targets"] == "1" and r["kind"] in ("whole", "unchanged"):
            old.append(
                Place(
                    r["old_code"],
                    r["old_name"],
                    r["old_district_code"],
                    r["old_district_name"],
                    r["old_province_code"],
                    r["old_province_name"],
                )
            )
    return old, list(new.values())


@lru_cache(maxsize=16)
def offices(slug: str) -> tuple[list[Office], list[Office]]:
    """(departments of the province, people's committees of its communes)."""
    profile = ALL[slug]
    kind = profile.name.split()[0].lower()
    departments = [
        Office(
            f"000.00.{n:02d}.{profile.agency}",
            f"{profile.agency}.{n:02d}",
            name if kind == "tỉnh" else name.replace(" tỉnh", " thành phố"),
            f"UBND {profile.name}",
        )
        for n, name in enumerate(_DEPARTMENTS, 11)
    ]
    committees = [
        Office(
            f"{n // 100:03d}.{n % 100:02d}.50.{profile.agency}",
            f"{profile.agency}.50.{n:02d}",
            f"UBND {p.commune_name}",
            f"UBND {profile.name}",
        )
        for n, p in enumerate(places(slug)[1], 1)
    ]
    return departments, committees
