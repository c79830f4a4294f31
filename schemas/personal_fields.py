"""How a value of a canonical field is shown to a person: one function for every list, file and page."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from schemas.masking import mask_email, mask_identity, mask_name, mask_phone, mask_text
from schemas.personal import Kind, kind_of, looks_like_a_name
from schemas.records import DOSSIER, RECODED, STEP

Mask = Callable[[str], str]

IDENTITY_KINDS = {"1": "CCCD", "2": "CMND"}
"""Kinds of identity numbers as the national side counts them [seen: LoaiDinhDanh]."""
_IDENTIFIER = re.compile(r'\{[^{}]*?"number"\s*:\s*"([^"]*)"?[^{}]*\}?')
_KIND = re.compile(r'"kind"\s*:\s*"?(\w+)')


def identifiers_in_words(text: str, mask: Mask = str) -> str:
    """Identity numbers with their kind in words, out of the list that stands in a record; a bare number stays bare.

    >>> identifiers_in_words('[{"kind": "1", "number": "010242062242"}]')
    'CCCD 010242062242'
    """
    if not text.lstrip().startswith(("[", "{")):
        return ", ".join(mask(number) for number in text.split(", "))
    found = []
    for one in _IDENTIFIER.finditer(text):
        kind = _KIND.search(one.group())
        found.append(" ".join(filter(None, (IDENTITY_KINDS.get(kind[1]) if kind else None, mask(one[1])))))
    return ", ".join(found) or "***"


def _masked_identifiers(text: str) -> str:
    return identifiers_in_words(text, mask_identity)


def _hidden(text: str) -> str:
    return "***"


MASKS: dict[str, Mask] = {
    "applicant_name": mask_name,
    "identifiers": _masked_identifiers,
    "tax_code": mask_identity,
    "phone": mask_phone,
    "email": mask_email,
    "address": _hidden,
    "applicant_account": mask_identity,
}
"""How a value of a personal field is masked; every other text loses the names that these give."""

_BY_KIND: dict[Kind, Mask] = {
    "name": mask_name,
    "identity": _masked_identifiers,
    "tax": mask_identity,
    "phone": mask_phone,
    "email": mask_email,
    "address": _hidden,
    "birth": _hidden,
    "secret": _hidden,
}
_CANONICAL = frozenset(one.name for one in (*DOSSIER, *RECODED, *STEP))
FREE_TEXT = frozenset({"subject", "note", "content", "received_note"})
"""Canonical fields in which people write what they like, the applicant's name as well."""
_RUN = re.compile(r"\w+(?: \w+)+")
FAULTS = frozenset({"check digit", "length", "no tax code", "no network has it", "no phone number"})
"""What the gate says of a personal value without repeating it."""


def masked(field: str, text: str, names: Iterable[str] = ()) -> str:
    """A value of a canonical field, or of a steward's own, as a person may read it; `names` are masked in any text."""
    mask = MASKS.get(field.partition(".")[0])
    last = field.rpartition(".")[2]
    if (mask is None and last not in _CANONICAL | FREE_TEXT) or last in ("officer", "requested_by", "received_by"):
        kind = kind_of([last], text)
        mask = _BY_KIND.get(kind) if kind else None
    if mask is not None:
        return mask(text)
    for name in names:
        text = text.replace(name, mask_name(name))
    if last in FREE_TEXT:
        text = _RUN.sub(_names_masked, unicodedata.normalize("NFC", text))
    return mask_text(text)


def masked_detail(field: str, detail: str, names: Iterable[str] = ()) -> str:
    """What a value was compared with, as a person may read it: it may repeat the value of a personal field."""
    if field in MASKS and not (detail in FAULTS or re.fullmatch(r"\d{4}", detail)):
        return MASKS[field](detail)
    return masked("note", detail, names)


def _names_masked(found: re.Match[str]) -> str:
    """A run of words with the names in it masked: `Đơn của Hồ Gia Nam` -> `Đơn của H. G. N.`."""
    words, shown = found.group().split(" "), list[str]()
    while words:
        length = 0
        while length < min(len(words), LONGEST_NAME) and words[length][0].isupper():
            length += 1
        name = " ".join(words[:length])
        is_name = length > 1 and looks_like_a_name(name)
        shown.append(mask_name(name) if is_name else words[0])
        words = words[length if is_name else 1 :]
    return " ".join(shown)


LONGEST_NAME = 6
"""Words of a name."""


def personal_values(record: dict[str, Any] | None) -> list[tuple[str, str]]:
    """(field, value) of every personal value in a canonical record, longest first."""
    found = set[tuple[str, str]]()
    for field in MASKS:
        value = (record or {}).get(field)
        numbers = [one.get("number") for one in value if isinstance(one, dict)] if isinstance(value, list) else [value]
        found |= {(field, str(one)) for one in numbers if one and len(str(one)) > SHORTEST}
    return sorted(found, key=lambda one: len(one[1]), reverse=True)


SHORTEST = 3
"""Letters of a personal value; one of so few stands in too many other words to be looked for."""


def without_person(text: str, record: dict[str, Any] | None) -> str:
    """A text in which the personal values of its record are masked wherever they stand."""
    for field, value in personal_values(record):
        text = text.replace(value, MASKS[field](value))
    return text


def masked_finding(found: dict[str, Any], record: dict[str, Any] | None = None) -> dict[str, Any]:
    """A finding or a warning (field, value, detail) as a person may read it; `record` is the canonical one."""
    field, names = found["field"], [value for kind, value in personal_values(record) if kind == "applicant_name"]
    shown = dict(found)
    if shown.get("value"):
        shown["value"] = _shown(field, found["value"], record, lambda text: masked(field, text, names))
    if shown.get("detail"):
        shown["detail"] = _shown(field, str(found["detail"]), record, lambda text: masked_detail(field, text, names))
    return shown


def _shown(field: str, value: str, record: dict[str, Any] | None, mask: Mask) -> str:
    return mask(value) if field in MASKS else mask(without_person(value, record))
