"""Masking: personal data is taken out of a text before a person or a log reads it.

Nothing here changes what is stored or sent; it is for errors, logs, reports and recordings only. A mask keeps enough
to find the record again (the last digits, the first letter) and no more.
"""

import re
from typing import Any

import orjson

BASE64_BODY = re.compile(r"[A-Za-z0-9+/]{120,}={0,2}")
EMAIL = re.compile(r"\b([\w.+-])[\w.+-]*@([\w-]+(?:\.[\w-]+)+)")
# A national phone number, 0 or +84 and nine or ten digits, with or without separators; before the identity numbers,
# and never a piece of a dossier code (`-0092637`, `.240501`).
PHONE = re.compile(r"(?<![\w.+-])(?:\+84|0)(?:[ .-]?\d){8,9}(?![\w-])")
IDENTITY = re.compile(r"(?<![\w.-])(\d{9}|\d{12})(?![\w-])")
# A field and its value: in JSON, in JSON inside a string of JSON (`\"token\":\"…\"`), in XML, in a form.
SECRET_PAIR = re.compile(
    r"""(["']?(?:password|passwd|session|access_token|refresh_token|client_secret|token)\\*["']?\s*[:=]\s*\\*["']?)"""
    r"""((?:\\(?!["'])|[^"'&,\s}<\\])+)""",
    re.IGNORECASE,
)
BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE)


def _field(names: str) -> re.Pattern[str]:
    return re.compile(rf"""(["<](?:\w+:)?(?:{names})\\*["']?\s*(?:>|:\s*\\*"))([^"<\\]+)""", re.IGNORECASE)


NAME_FIELD = _field(r"fullname|ownerFullname|chuHoSo|nguoi\w+|canBo\w*|hoTen|applicant_name|officer")
TAX_FIELD = _field("taxCode|tax_code|maSoThue")
ADDRESS_FIELD = _field("address|diaChi|DiaChiChiTiet")

# Fields of an identity number, as the one-stop systems and the hub call them; not those of its kind, date or place.
_IDENTITY_NAME = (
    r"(?!loai|ngay|noi)(?![\w-]{0,40}(?:type|kind|date|place|verif))(?:[\w-]{0,40}(?:identity|identifier|cccd|cmnd|cmt"
    r"|so_?giay_?to|so_?dinh_?danh|dinh_?danh_?chs|ho_?chieu|passport|can_?cuoc|citizen_?(?:id|num))[\w-]{0,40}"
    r"|applicant_account)"
)
# A wrong number is a person's all the same: eleven digits, a letter, blanks. `number` alone, the hub's own name, may be
# a number of anything, so there it looks like one; without quotes, eight digits at least are no page or count.
_AS_NUMBER = r"(?=(?:[^\"<\\\d]*\d){4})[^\"<\\]+"
IDENTITY_FIELD = re.compile(
    rf"""((?:<(?:\w{{1,40}}:)?{_IDENTITY_NAME}(?:\s[^<>]{{0,400}})?>|"{_IDENTITY_NAME}\\*"\s*:\s*\\*")\s*)"""
    rf"""({_AS_NUMBER})"""
    rf"""|("(?:{_IDENTITY_NAME}|number)\\*"\s*:\s*)(\d{{8,}})(?![\d.])"""
    r"""|("number\\*"\s*:\s*\\*"|<(?:\w{1,40}:)?number>)([A-Z]{0,3}[\d. ]{5,})(?=[\\"<])""",
    re.IGNORECASE,
)
IDENTITY_KEY = re.compile(rf"{_IDENTITY_NAME}|number", re.IGNORECASE)
SHORTEST_IDENTITY = 8
"""Digits of an identity number that lost the zeros before it."""


def mask_identity(number: str) -> str:
    """An identity number with its last three digits left: `024099001234` -> `*********234`."""
    return "*" * max(len(number) - 3, 0) + number[-3:]


def _mask_identity_field(found: re.Match[str]) -> str:
    before, number = (one for one in found.groups() if one is not None)
    return before + mask_identity(number.rstrip())


def mask_phone(number: str) -> str:
    """A phone number with its last two digits left; separators go."""
    digits = re.sub(r"\D", "", number)
    return "*" * max(len(digits) - 2, 0) + digits[-2:]


def mask_email(address: str) -> str:
    """An address with the first letter and the domain left."""
    return EMAIL.sub(r"\1***@\2", address)


def mask_name(name: str) -> str:
    """A person's name as initials: `Nguyễn Văn An` -> `N. V. A.`."""
    return " ".join(f"{word[0]}." for word in name.split())


def mask_base64(text: str) -> str:
    """A text whose base64 bodies (120 characters and more) are replaced by their length."""
    return BASE64_BODY.sub(lambda m: f"[base64, {len(m.group())} characters]", text)


def mask_secrets(text: str) -> str:
    """A text whose `password: …`, `session=…`, `Bearer …` values are replaced."""
    return BEARER.sub(r"\1 ***", SECRET_PAIR.sub(r"\1***", text))


def mask_text(text: str) -> str:
    """A text with every known kind of personal data, secret and file body masked; dossier codes stay readable.

    A name that a field gives away is masked wherever else it stands, in a subject for instance.
    """
    text = mask_secrets(mask_base64(text))
    for name in {match.group(2) for match in NAME_FIELD.finditer(text) if " " in match.group(2).strip()}:
        text = text.replace(name, mask_name(name))
    text = NAME_FIELD.sub(lambda m: m.group(1) + mask_name(m.group(2)), text)
    text = TAX_FIELD.sub(lambda m: m.group(1) + mask_identity(m.group(2)), text)
    text = IDENTITY_FIELD.sub(_mask_identity_field, text)
    text = ADDRESS_FIELD.sub(r"\1***", text)
    text = mask_email(text)
    text = PHONE.sub(lambda m: mask_identity(m.group()) if len(m.group()) == 12 else mask_phone(m.group()), text)
    return IDENTITY.sub(lambda m: mask_identity(m.group()), text)


def _identity_as_text(name: str, value: Any) -> Any:
    if not isinstance(value, int) or not IDENTITY_KEY.fullmatch(name):
        return value
    return str(value) if len(str(value)) >= SHORTEST_IDENTITY else value


_NUMBER_AT = re.compile("\ue000(\\d+)\ue000")


def mask_json(value: Any) -> Any:
    """A value of JSON masked as `mask_text` masks its text. Numbers stay (a fee of nine digits is no identity, and a
    masked one would be no JSON) but in a field of an identity number, where they become a masked text.

    >>> mask_json({"applicant_name": "Nguyễn Văn An", "fees": [{"amount": 150000000}]})
    {'applicant_name': 'N. V. A.', 'fees': [{'amount': 150000000}]}
    """
    numbers: list[Any] = []

    def taken_out(one: Any) -> Any:
        if isinstance(one, dict):
            return {name: taken_out(_identity_as_text(name, inner)) for name, inner in one.items()}
        if isinstance(one, list):
            return [taken_out(inner) for inner in one]
        if isinstance(one, int | float) and not isinstance(one, bool):
            numbers.append(one)
            return f"\ue000{len(numbers) - 1}\ue000"
        return one

    def put_back(one: Any) -> Any:
        if isinstance(one, dict):
            return {name: put_back(inner) for name, inner in one.items()}
        if isinstance(one, list):
            return [put_back(inner) for inner in one]
        found = _NUMBER_AT.fullmatch(one) if isinstance(one, str) else None
        return numbers[int(found[1])] if found else one

    return put_back(orjson.loads(mask_text(orjson.dumps(taken_out(value)).decode())))
