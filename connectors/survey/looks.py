"""What a value on the wire looks like, before anybody has said what it means: a number, a code, a time and its form."""

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.spec.times import TimeForm

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), form)
    for pattern, form in (
        (r"\d{4}-\d{2}-\d{2}", "yyyy-MM-dd"),
        (r"\d{4}-\d{2}-\d{2}T.*", "iso"),
        (r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", "yyyy-MM-dd HH:mm:ss"),
        (r"\d{2}/\d{2}/\d{4}", "dd/MM/yyyy"),
        (r"\d{2}/\d{2}/\d{4} \d{2}:\d{2}", "dd/MM/yyyy HH:mm"),
        (r"\d{2}/\d{2}/\d{4} \d{2}:\d{2}:\d{2}", "dd/MM/yyyy HH:mm:ss"),
        (r"(?:1[89]|20|0\d)\d{2}(?:0[1-9]|1[0-2])[0-3]\d[0-2]\d[0-5]\d[0-5]\d", "yyyyMMddHHmmss"),
        (r"20\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", "yyyyMMdd"),
        (r"1[0-9]{12}", "epoch_ms"),
    )
)  # fmt: skip
"""Patterns of times and their form; of two that fit the first counts. `iso` is judged by its parser."""


def time_form(value: Any) -> str | None:
    """The form in which a value writes a time; None when it is none.

    >>> [time_form(value) for value in ("2026-06-11T03:04:05.000+0000", "12/06/2026 08:00", 1781200000000, "1.001193")]
    ['iso', 'dd/MM/yyyy HH:mm', 'epoch_ms', None]
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return next((form for pattern, form in FORMS if pattern.fullmatch(text)), None)


def read_time(value: Any, form: str, zone: ZoneInfo = ZONE) -> datetime | None:
    """The time in a value of a known form; None where the calendar has no such time."""
    return TimeForm(form, zone).reader()(value)


def look(value: Any) -> str:
    """One word or two for a value's type, as a person would say it.

    >>> [look(value) for value in (True, 3, "024", "Đang xử lý", "2026-06-11", [], 1.5)]
    ['true/false', 'integer', 'digits', 'text', 'time yyyy-MM-dd', 'list', 'number']
    """
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, list | dict):
        return "list" if isinstance(value, list) else "object"
    if form := time_form(value):
        return f"time {form}"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    return "digits" if str(value).isdigit() else "text"
