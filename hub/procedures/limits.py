"""How long a procedure may take: the longest time of its record, CACHTHUCTHUCHIEN[].THOIGIAN[] (CONTRACTS 3 [seen])."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hub.procedures.names import folded, tidy

UNITS = {"ngày làm việc": "working_days", "ngày": "days", "giờ làm việc": "hours", "giờ": "hours", "tháng": "months"}
"""Units of DONVITINH by their folded name; hours are working hours, eight a day [inferred]."""
_UNITS = {folded(name): unit for name, unit in UNITS.items()}
HOURS_A_DAY = 8
_NUMBER = re.compile(r"^(\d+(?:[.,]\d+)?)\s*(.*)$")


@dataclass(frozen=True, slots=True)
class Limit:
    """The longest time a procedure states in each unit; 0 where it states none in that unit. Not `sure`: one of its
    times cannot be read, and may be longer."""

    working_days: int = 0
    days: int = 0
    months: int = 0
    sure: bool = True

    @property
    def known(self) -> bool:
        return bool(self.working_days or self.days or self.months)


def longest_limit(record: dict[str, Any]) -> Limit:
    """The longest time that the record of LayThuTuc states; a text that is no number, or that names another unit than
    DONVITINH, is left out and never guessed."""
    most, sure = {"working_days": 0.0, "days": 0.0, "months": 0.0}, True
    for entry in times_of(record):
        read = read_time(entry)
        if read is None:
            sure = False
            continue
        number, unit = read
        if unit == "hours":
            number, unit = math.ceil(number / HOURS_A_DAY), "working_days"
        most[unit] = max(most[unit], number)
    return Limit(**{unit: math.ceil(number) for unit, number in most.items()}, sure=sure)


def times_of(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every entry of THOIGIAN over all channels."""
    for channel in objects(record.get("CACHTHUCTHUCHIEN")):
        yield from objects(channel.get("THOIGIAN"))


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list that may also come as a single object, or not at all."""
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, dict)]


def read_time(entry: dict[str, Any]) -> tuple[float, str] | None:
    """(number, unit) of one THOIGIAN; None when it is no number or the text contradicts DONVITINH.

    >>> read_time({"THOIGIANGIAIQUYET": "5 ngày làm việc, kể từ khi nhận đủ hồ sơ", "DONVITINH": "Ngày làm việc"})
    (5.0, 'working_days')
    >>> read_time({"THOIGIANGIAIQUYET": "Theo quy định", "DONVITINH": "Ngày"})
    """
    found = _NUMBER.match(tidy(entry.get("THOIGIANGIAIQUYET")))
    unit = _UNITS.get(folded(tidy(entry.get("DONVITINH"))))
    if found is None:
        return None
    said = _unit_in(folded(found[2]))
    unit = unit or said
    number = float(found[1].replace(",", "."))
    return (number, unit) if unit and said in (None, unit) and number > 0 else None


def _unit_in(words: str) -> str | None:
    """The unit with which a text begins; the longer name first."""
    return next((unit for name, unit in _UNITS.items() if words.startswith(name)), None)
