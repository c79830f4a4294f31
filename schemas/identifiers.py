"""Shapes of the codes that cross the wire (CONTRACTS section 5 [seen]); checked, never taken apart for keys."""

import re

DOSSIER_CODE = re.compile(r"(?:\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}|[A-Z]\d{2}(?:\.\d{1,3}){0,4})-(?:\d{6}|\d{8})-\d{4,7}")
"""Lenient form of a dossier code; one that does not match is kept and flagged."""

PROCEDURE_BASE = re.compile(r"\d\.\d{6}")
_PROCEDURE_FORMS = re.compile(r"(\d\.\d{6})(?:\.000\.00\.00\.[A-Z]\d{2}|\.[A-Z]\d{2})?")

CITIZEN_NUMBER = re.compile(r"\d{12}")
OLD_CITIZEN_NUMBER = re.compile(r"\d{9}")


def procedure_base(code: str) -> str | None:
    """The national code inside a local form: `1.001612.000.00.00.H48` and `1.000948.H38` -> base; None if it has none.

    A service code (`base.NN`) is not a procedure code and has no base here.
    """
    match = _PROCEDURE_FORMS.fullmatch(code.strip())
    return match.group(1) if match else None


def is_dossier_code(code: str) -> bool:
    return DOSSIER_CODE.fullmatch(code) is not None
