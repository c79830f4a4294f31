"""Amounts of PHILEPHI that are off by a factor of 1,000: against their own text and against the other channels.

Portals print “135 VNĐ” where the decision says 135.000 đồng [seen]. Amounts in another currency or in per cent are not
judged.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hub.procedures.limits import objects, times_of
from hub.procedures.names import tidy

FACTOR = 1_000
CHANNELS = {"1": "in person", "2": "online", "3": "postal"}
_AMOUNT = re.compile(r"^\d+$|^\d{1,3}(?:[.,]\d{3})+$")
_IN_TEXT = re.compile(
    r"(?<![\d.,])(\d{1,3}(?:[.,]\d{3})+|\d+)\s*(nghìn|ngàn|triệu)?\s*(?:đồng|vnđ|vnd|đ\b|việt nam đồng)", re.IGNORECASE
)
_TIMES = {"nghìn": 1_000, "ngàn": 1_000, "triệu": 1_000_000}
_FOREIGN = re.compile(r"usd|us\$|\$|đô la|đô-la|eur|euro|%|phần trăm", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fee:
    """One amount in đồng of one channel, with the amounts that its text names."""

    channel: str
    amount: int
    written: str
    text: str
    named: tuple[int, ...]

    @property
    def place(self) -> str:
        return CHANNELS.get(self.channel, f"KENH {self.channel}")


def off_by_thousand(record: dict[str, Any]) -> Iterator[tuple[bool, str, str]]:
    """What is wrong with a record's fees: (proved, channel, evidence), each amount of a channel once.

    Proved: the text of the amount itself, or another channel, has the same figure times 1,000. Else an amount from 1 to
    999 đồng is told as suspicious.
    """
    fees, foreign = _fees(record)
    for fee in fees:
        here = f"SOTIEN {fee.written}"
        said = next((named for named in fee.named if _apart(fee.amount, named)), None)
        larger = next((one for one in fees if one.channel != fee.channel and one.amount == fee.amount * FACTOR), None)
        if said is not None and fee.amount not in fee.named:
            yield True, fee.place, f"{here}, its text says {_dong(said)}: “{fee.text[:120]}”"
        elif larger is not None:
            yield True, fee.place, f"{here}, {larger.place} {_dong(larger.amount)}: one of the two is wrong"
        elif fee.amount < FACTOR:
            yield False, fee.place, here + _beside(fee, foreign)


def _beside(fee: Fee, foreign: list[tuple[str, int, str]]) -> str:
    """What else is said of a suspicious amount: its text, and the same figure in another currency."""
    words = f", text “{fee.text[:60]}”" if fee.text else ""
    also = next((one for one in foreign if one[1] == fee.amount), None)
    return words + (f"; {also[0]} has the same figure in another currency: “{also[2][:60]}”" if also else "")


def _fees(record: dict[str, Any]) -> tuple[list[Fee], list[tuple[str, int, str]]]:
    """Amounts above 0 in đồng, each (channel, amount, text) once, and those in another currency."""
    found: dict[tuple[str, int, str], Fee] = {}
    foreign: list[tuple[str, int, str]] = []
    for channel in objects(record.get("CACHTHUCTHUCHIEN")):
        kind = tidy(channel.get("KENH"))
        for entry in times_of({"CACHTHUCTHUCHIEN": [channel]}):
            for paid in objects(entry.get("PHILEPHI")):
                written, unit, words = (tidy(paid.get(key)) for key in ("SOTIEN", "DONVI", "MOTA"))
                if not _AMOUNT.match(written):
                    continue
                amount = int(re.sub(r"\D", "", written))
                if _FOREIGN.search(unit) or (_FOREIGN.search(words) and not _IN_TEXT.search(words)):
                    foreign.append((CHANNELS.get(kind, kind), amount, words or unit))
                elif amount:
                    found.setdefault((kind, amount, words), Fee(kind, amount, written, words, _named(words)))
    return list(found.values()), foreign


def _named(words: str) -> tuple[int, ...]:
    """The amounts in đồng that a text names.

    >>> _named("135.000 đồng/lần; nộp muộn 2 triệu đồng")
    (135000, 2000000)
    """
    return tuple(
        int(re.sub(r"\D", "", found[1])) * _TIMES.get((found[2] or "").lower(), 1) for found in _IN_TEXT.finditer(words)
    )


def _apart(one: int, other: int) -> bool:
    return one * FACTOR == other or other * FACTOR == one


def _dong(amount: int) -> str:
    return f"{amount:,} đồng".replace(",", ".")
