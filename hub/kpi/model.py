"""The indicators of QĐ 766/QĐ-TTg, and a figure of one.

Formulas [seen]: CONTRACTS section 7. Where a formula is silent the hub's own reading is marked [inferred].
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

Name = Literal[
    "sync",
    "on_time",
    "online",
    "online_payment",
    "digitised",
    "result_copy",
    "reuse",
    "identity",
    "publication",
    "satisfaction",
]


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator: its names, its formula in words, and the share in per cent that earns full marks, where known."""

    title: str
    ten: str
    formula: str
    full_at: int | None = None


INDICATORS: dict[Name, Indicator] = {
    "sync": Indicator(
        "Dossiers synchronised",
        "Hồ sơ đã đồng bộ",
        "dossiers whose newest version the national side accepted / dossiers read, held ones included",
    ),
    "on_time": Indicator(
        "Solved on time",
        "Giải quyết đúng hạn",
        "end (NgayKetThucXuLy, else status 9, then 10, then 8 or 3) less the supplement time <= NgayHenTra, without it "
        "<= receipt + the procedure's longest time; two or more status 5 = overdue / dossiers that ended",
    ),
    "online": Indicator(
        "Online services",
        "Cung cấp dịch vụ công trực tuyến",
        "KenhThucHien 2 and, where a result paper is due, its code and link / dossiers; times the sync rate",
        50,
    ),
    "online_payment": Indicator(
        "Online payment",
        "Thanh toán trực tuyến",
        "DuocThanhToanTrucTuyen 1 or 2 / dossiers with a fee above 0",
        80,
    ),
    "digitised": Indicator(
        "Digitised components",
        "Số hóa thành phần hồ sơ",
        "HoSoCoThanhPhanSoHoa 1 or a TaiLieuNop with DuocSoHoa 1 / dossiers",
        80,
    ),
    "result_copy": Indicator(
        "Electronic result",
        "Cấp kết quả điện tử",
        "a result paper with code and link / dossiers of which a result paper is due",
    ),
    "reuse": Indicator(
        "Reuse of digitised data",
        "Khai thác, sử dụng lại dữ liệu số hóa",
        "a TaiLieuNop with DuocLayTuKhoDMQG 1 / dossiers",
    ),
    "identity": Indicator(
        "Identity verified by VNeID",
        "Tài khoản được xác thực với VNeID",
        "TaiKhoanDuocXacThucVoiVNeID 1 / dossiers",
    ),
    "publication": Indicator(
        "Procedures published in time",
        "Công khai thủ tục đúng hạn",
        "procedures on the national database within 5 working days of the decision / procedures whose day of decision "
        "and of publication are known",
    ),
    "satisfaction": Indicator(
        "Satisfaction",
        "Mức độ hài lòng",
        "satisfied ratings / ratings (DongBoDanhGia)",
        90,
    ),
}
"""In the order of the screen. How many points a share is worth is not in the formulas that were seen; `full_at` is."""

DOSSIER_INDICATORS: tuple[Name, ...] = (
    "on_time",
    "online",
    "online_payment",
    "digitised",
    "result_copy",
    "reuse",
    "identity",
)
"""Judged one dossier at a time, over synchronised dossiers only: the national side cannot count what it lacks."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One indicator's figures; `share` and `value` in per cent with two decimals, None where they are not known.

    `value` is what is held against full marks: for `online` the share times the sync rate.
    """

    name: Name
    numerator: int | None
    denominator: int | None
    share: Decimal | None
    value: Decimal | None
    of_full: Decimal | None
    not_counting: dict[str, int]
    outside: dict[str, int]
    note: str = ""
    ghi_chu: str = ""

    def as_dict(self) -> dict[str, Any]:
        one = INDICATORS[self.name]
        decimals = {key: _float(getattr(self, key)) for key in ("share", "value", "of_full")}
        return {
            "title": one.title,
            "ten": one.ten,
            "formula": one.formula,
            "numerator": self.numerator,
            "denominator": self.denominator,
            **decimals,
            "full_at": one.full_at,
            "not_counting": self.not_counting,
            "outside": self.outside,
            "note": self.note,
            "ghi_chu": self.ghi_chu,
        }


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def two_decimals(value: Decimal) -> Decimal:
    """Rounded half up, as CONTRACTS 7 asks for two decimals; half up is the usual way in Viet Nam [inferred].

    >>> two_decimals(Decimal("66.665"))
    Decimal('66.67')
    """
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def per_cent(part: int, whole: int) -> Decimal | None:
    """A share in per cent, not rounded; None of nothing."""
    return Decimal(100 * part) / Decimal(whole) if whole else None


def figure(
    name: Name,
    numerator: int,
    denominator: int,
    not_counting: dict[str, int] | None = None,
    outside: dict[str, int] | None = None,
    *,
    times: Decimal | None = Decimal(1),
    note: str = "",
    ghi_chu: str = "",
) -> Figure:
    """A figure from its counts; only what is shown is rounded, each time from the exact fraction.

    Args:
        times: a factor on the share, 0 to 1; None when it is not known.
    """
    exact = per_cent(numerator, denominator)
    value = None if exact is None or times is None else exact * times
    full_at = INDICATORS[name].full_at
    of_full = None if value is None or full_at is None else min(Decimal(100), value * 100 / full_at)
    share, value, of_full = (None if one is None else two_decimals(one) for one in (exact, value, of_full))
    return Figure(name, numerator, denominator, share, value, of_full, not_counting or {}, outside or {}, note, ghi_chu)


def not_known(name: Name, note: str, ghi_chu: str) -> Figure:
    """An indicator of which the hub has no data: said so, never made up."""
    return Figure(name, None, None, None, None, None, {}, {}, note, ghi_chu)
