"""Shapes of the codes that cross the wire (CONTRACTS section 5 [seen]); checked, never taken apart for keys."""

import re

DOSSIER_CODE = re.compile(r"(?:\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}|[A-Z]\d{2}(?:\.\d{1,3}){0,4})-(?:\d{6}|\d{8})-\d{4,7}")
"""Lenient form of a dossier code; one that does not match is kept and flagged."""

PROCEDURE_BASE = re.compile(r"\d\.\d{6}")
_PROCEDURE_FORMS = re.compile(r"(\d\.\d{6})(?:(?:\.000\.00\.00)?\.([A-Z]\d{2}))?")

OLD_AGENCY_CODE = re.compile(r"([0-9A-Z]{3})\.([0-9A-Z]{2})\.([0-9A-Z]{2})\.([A-Z]\d{2})")
"""Unit, division, department, province or ministry: `000.00.53.H48`; `000` and `00` are levels without a unit."""
NEW_AGENCY_CODE = re.compile(r"([A-Z]\d{2})(?:\.([0-9A-Z]{2})(?:\.([0-9A-Z]{2})(?:\.([0-9A-Z]{3}))?)?)?")
"""The same from the top down, without the levels below: `H48.53`."""
_EMPTY = ("00", "00", "000")

CITIZEN_NUMBER = re.compile(r"\d{12}")
OLD_CITIZEN_NUMBER = re.compile(r"\d{9}")


def procedure_base(code: str) -> str | None:
    """The national code inside a local form: `1.001612.000.00.00.H48` and `1.000948.H38` -> base; None if it has none.

    A service code (`base.NN`) is not a procedure code and has no base here.
    """
    match = _PROCEDURE_FORMS.fullmatch(code.strip())
    return match.group(1) if match else None


def procedure_suffix(code: str) -> str | None:
    """The agency behind the base of a local form: `1.001612.000.00.00.H48`, `1.000948.H48` -> `H48`; None without."""
    match = _PROCEDURE_FORMS.fullmatch(code.strip())
    return match.group(2) if match else None


def new_agency_code(code: str) -> str | None:
    """An agency's code in its new form (QĐ 20/2020 [seen]); None for one that has neither form.

    That levels between two units keep their zeros (`001.00.53.H48` -> `H48.53.00.001`) is [inferred].

    >>> new_agency_code("000.00.53.H48"), new_agency_code("H48.53"), new_agency_code("000.01.50.H48")
    ('H48.53', 'H48.53', 'H48.50.01')
    """
    if NEW_AGENCY_CODE.fullmatch(code):
        return _without_empty_end(code.split("."))
    match = OLD_AGENCY_CODE.fullmatch(code)
    return _without_empty_end(list(reversed(match.groups()))) if match else None


def old_agency_code(code: str) -> str | None:
    """An agency's code in its old form, of four groups from the bottom up; None for one that has neither form.

    >>> old_agency_code("H48.53"), old_agency_code("H48"), old_agency_code("Sở Tài chính")
    ('000.00.53.H48', '000.00.00.H48', None)
    """
    if OLD_AGENCY_CODE.fullmatch(code):
        return code
    match = NEW_AGENCY_CODE.fullmatch(code)
    if match is None:
        return None
    top, *below = match.groups()
    groups = [said or empty for said, empty in zip(below, _EMPTY, strict=True)]
    return ".".join([*reversed(groups), top])


def _without_empty_end(groups: list[str]) -> str:
    while len(groups) > 1 and not groups[-1].strip("0"):
        groups.pop()
    return ".".join(groups)


def is_dossier_code(code: str) -> bool:
    return DOSSIER_CODE.fullmatch(code) is not None
