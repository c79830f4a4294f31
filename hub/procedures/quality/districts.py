"""Words that still speak of the district level, which ended on 01/07/2025: huyện, quận, thị xã as level or office.

Whole syllables only, in NFC: `quân` (army) is no `quận`. Not meant: classes of roads (đường huyện), and poor districts
as the name of a programme (huyện nghèo), which are no level that handles anything.
"""

import re
from collections.abc import Iterator
from typing import Any

from hub.procedures.limits import objects
from hub.procedures.names import tidy

_WORD = re.compile(r"(?<![^\W_])(?:huyện|quận|thị xã)(?![^\W_])", re.IGNORECASE)
_NOT_MEANT = re.compile(r"(?<![^\W_])(?:đường huyện|huyện nghèo)(?![^\W_])", re.IGNORECASE)
DISTRICT_LEVEL = "2"
SHOWN = 60
"""Characters around the word that are shown."""

_TEXTS = ("MOTA", "MOTADOITUONGTHUCHIEN", "MOTACOQUANTHUCHIEN", "DIACHITIEPNHAN", "YEUCAU")
_LISTS = (
    ("COQUANTHUCHIEN", None, "TENDONVI"),
    ("COQUANCOTHAMQUYEN", None, "TENDONVI"),
    ("COQUANDUOCUYQUYEN", None, "TENDONVI"),
    ("COQUANPHOIHOP", None, "TENDONVI"),
    ("TRINHTUTHUCHIEN", "TRINHTU", "TENTRINHTU"),
    ("KETQUATHUCHIEN", None, "TENKETQUA"),
)
"""Where offices and steps are named: (list, inner list, text)."""


def district_words(text: str) -> str | None:
    """The first mention of the district level with what stands around it; None when there is none.

    >>> district_words("Ủy ban nhân dân quận Ba Đình")
    'Ủy ban nhân dân quận Ba Đình'
    >>> district_words("Quân khu và đường huyện, hộ ở huyện nghèo")
    """
    plain = _NOT_MEANT.sub(lambda match: " " * len(match[0]), tidy(text))
    found = _WORD.search(plain)
    if found is None:
        return None
    start, end = max(found.start() - SHOWN, 0), found.end() + SHOWN
    return tidy(text)[start:end].strip()


def in_texts(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(field, evidence) for every field of a record, but its name, that speaks of districts; each field once."""
    levels = {tidy(one.get("CAPTHUCHIEN")) for one in objects(record.get("CAPTHUCHIEN"))}
    if DISTRICT_LEVEL in levels:
        yield "CAPTHUCHIEN", "2 (cấp huyện)"
    for key in _TEXTS:
        if words := district_words(tidy(record.get(key))):
            yield key, words
    for key, inner, name in _LISTS:
        entries = objects(record.get(key))
        if inner:
            entries = [one for entry in entries for one in objects(entry.get(inner))]
        if words := next(filter(None, (district_words(tidy(one.get(name))) for one in entries)), None):
            yield key, words
