"""Whether a field's values look like what a canonical field wants: dates, codes, numbers of people, few words."""

import re
from collections.abc import Callable

from connectors.survey.fields import FieldSeen
from connectors.survey.looks import time_form
from schemas.masking import EMAIL
from schemas.personal import looks_like_a_name
from schemas.records import Field

FEW = 25
"""Most distinct values of a field that carries a code."""

CODED = frozenset(
    {"status", "channel", "applicant_kind", "result_delivery", "portal", "online_payment", "status_source"}
)

_PATTERNS: dict[str, str] = {
    "dossier_code": r"(?:\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}|[A-Z]\d{2}(?:\.\d{1,3}){0,4})-(?:\d{6}|\d{8})-\d{4,7}",
    "national_code": r"(?:\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}|[A-Z]\d{2}(?:\.\d{1,3}){0,4})-(?:\d{6}|\d{8})-\d{4,7}",
    "procedure_code": r"\d\.\d{6}(?:\..*)?",
    "procedure_code_local": r"\d\.\d{6}(?:\..*)?",
    "identifiers": r"\d{9}|\d{12}",
    "phone": r"(?:\+84|0)[\d .-]{8,12}",
    "tax_code": r"\d{10}(?:-\d{3})?",
    "commune": r"\d{5}",
    "province": r"\d{2}",
    "agency_code": r"(?:\d{2,3}\.)*[A-Z]\d{2}(?:\.\d{1,3})*",
}
_TELLING = frozenset({"dossier_code", "procedure_code", "identifiers", "phone", "email"})
"""Fields whose values are recognised under any name."""


def _matching(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


_TESTS: dict[str, Callable[[str], object]] = {
    **{name: _matching(pattern) for name, pattern in _PATTERNS.items()},
    "email": EMAIL.fullmatch,
    "applicant_name": looks_like_a_name,
}


def share(seen: FieldSeen, fits: Callable[[str], object]) -> float:
    """The part of a field's values (as often as they come) that fit; 0..1."""
    total = sum(seen.values.values())
    return sum(count for value, count in seen.values.items() if fits(value)) / total if total else 0.0


def time_format(seen: FieldSeen) -> str | None:
    """The form in which nearly all values write a time, else None."""
    if not seen.values:
        return None
    form = time_form(next(iter(seen.values)))
    return form if form and share(seen, time_form) >= 0.9 else None


def shape(field: Field, seen: FieldSeen) -> int | None:
    """How well the values fit, 0..100; None when they contradict the field."""
    if field.kind == "time":
        return 100 if time_format(seen) else None
    if time_format(seen) and field.name not in ("tax_code", "identifiers"):
        return None
    if field.name in CODED:
        return 100 if len(seen.values) <= FEW and not seen.more else None
    if field.kind == "flag":
        return (
            100
            if share(seen, lambda value: value.casefold() in ("true", "false", "0", "1", "có", "không")) == 1
            else None
        )
    test = _TESTS.get(field.name)
    if test is None:
        return 60 if set(seen.types) & {"text", "digits", "integer"} else None
    found = round(100 * share(seen, test))
    return found if found >= 50 or field.name in ("applicant_name", "agency_code", "procedure_code") else None


def telling(field: Field, found: int) -> int:
    """What the values alone are worth under a name that says nothing."""
    return round(0.75 * found) if field.name in _TELLING and found >= 90 else 0
