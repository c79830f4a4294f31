"""A finding's value and what it was compared with, as people write them: dates, amounts, short sentences."""

import re
from datetime import datetime
from typing import Any

from schemas.personal_fields import identifiers_in_words
from schemas.records import VIET_NAM

_MOMENT = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?(?![\w-])")
_DAY = re.compile(r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?![\w:-])")
_FEE = re.compile(r"(\d+), published (\d+)")


def _moment(found: re.Match[str]) -> str:
    try:
        moment = datetime.fromisoformat(found.group())
        local = moment.astimezone(VIET_NAM) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return found.group()
    return f"{local:%d/%m/}{local.year:04d}{local: %H:%M}"


def for_people(text: str) -> str:
    """Times and days of ISO 8601 as dd/MM/yyyy HH:mm in Viet Nam, and a fee beside the published one as amounts.

    >>> for_people("before receipt 2026-02-02T01:00:00+00:00"), for_people("limit 2026-06-03")
    ('before receipt 02/02/2026 08:00', 'limit 03/06/2026')
    >>> for_people("2000, published 2000000")
    '2,000 đồng, published 2,000,000 đồng'
    """
    text = _FEE.sub(lambda m: f"{int(m[1]):,} đồng, published {int(m[2]):,} đồng", text)
    return _DAY.sub(r"\3/\2/\1", _MOMENT.sub(_moment, text))


def in_words(found: dict[str, Any]) -> str:
    """`finished_at = 29/01/2026 07:55 · before receipt 02/02/2026 08:00`: field, value and detail of a finding."""
    value, detail = (for_people(str(found.get(key) or "")) for key in ("value", "detail"))
    said = " · ".join(filter(None, (value, detail)))
    return f"{found['field']} = {said}" if said else str(found["field"])


def value_for_people(field: str, text: str) -> str:
    """A value in clear, as people write it."""
    return for_people(identifiers_in_words(text) if field == "identifiers" else text)


_NGHIA = {
    "before receipt": "trước ngày tiếp nhận",
    "before submission": "trước ngày nộp",
    "later than": "sau",
    "closed": "bãi bỏ từ",
    "limit": "thời hạn",
    "check digit": "sai số kiểm tra",
    "length": "sai độ dài",
    "also claimed by": "cùng mã với bản ghi",
    "no tax code": "không phải mã số thuế",
    "no network has it": "không mạng nào có số này",
    "no phone number": "không phải số điện thoại",
}


def nghia(detail: str) -> str:
    """A detail in Vietnamese, with dates as people write them; what is a value stays."""
    for said, nghia_ in _NGHIA.items():
        if detail == said or detail.startswith(f"{said} "):
            detail = nghia_ + detail[len(said) :]
            break
    return for_people(detail)
