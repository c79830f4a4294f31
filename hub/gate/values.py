"""Values that SQL cannot judge by itself: tax codes, phone numbers, commune codes; each distinct one is seen once."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, text

from mappings.units import Units
from schemas.records import VIET_NAM

_AT_ONCE = 5_000

SURE_PHONE = r"^(\+?84|0)(3[2-9]|5[25689]|7[06-9]|8[1-9]|9[0-9])[0-9]{7}$"
"""Mobile numbers of the Vietnamese networks, without separators: what phonenumbers says of them is known. Everything
else is asked of it."""
_SEPARATORS = " .()-"
_SEVERAL = re.compile(r"[;,/]| - ")

_WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)
_WEIGHED = " + ".join(f"substr(tax_code, {place}, 1)::int * {weight}" for place, weight in enumerate(_WEIGHTS, 1))
_TAX_CODES = (
    "SELECT DISTINCT tax_code FROM {staging} WHERE tax_code IS NOT NULL AND CASE"
    " WHEN tax_code ~ '^[0-9]{{10}}$' AND tax_code !~ '^..0000000'"
    f" THEN 10 - ({_WEIGHED}) % 11 <> substr(tax_code, 10, 1)::int ELSE true END"
)
"""Codes of ten digits whose check digit is right are settled; everything else is asked of python-stdnum."""
_PHONES = (
    "SELECT DISTINCT phone FROM {staging} WHERE phone IS NOT NULL AND translate(phone, '"
    + _SEPARATORS
    + "', '') !~ '"
    + SURE_PHONE.replace("{7}", "{{7}}")
    + "'"
)


def make_tables(connection: Connection, staging: str, units: Callable[[], Units]) -> None:
    """Temporary tables of this transaction with what is wrong: `gate_tax_code` and `gate_phone` (value, fault),
    `gate_commune` (value, valid_from, valid_to, fault)."""
    for name, query, fault_of in (("tax_code", _TAX_CODES, tax_code_fault), ("phone", _PHONES, phone_fault)):
        connection.execute(text(f"CREATE TEMP TABLE gate_{name} (value text, fault text) ON COMMIT DROP"))
        for values in _distinct(connection, query.format(staging=staging)):
            found = [{"value": value, "fault": fault} for value in values if (fault := fault_of(value))]
            if found:
                connection.execute(text(f"INSERT INTO gate_{name} VALUES (:value, :fault)"), found)
        connection.execute(text(f"ANALYZE gate_{name}"))
    _make_communes(connection, staging, units)


def _distinct(connection: Connection, query: str) -> Iterator[list[str]]:
    """A query's first column, some thousand values at a time."""
    yield from connection.scalars(text(query)).partitions(_AT_ONCE)  # type: ignore[misc]


def tax_code_fault(value: str) -> str | None:
    """Why a tax code cannot be one. Since 01/07/2025 a person's citizen number is their tax code [Circular 86/2024].

    >>> tax_code_fault("0100233488"), tax_code_fault("0100233480"), tax_code_fault("12345")
    (None, 'check digit', 'length')
    """
    from stdnum import exceptions
    from stdnum.vn import mst

    number = mst.compact(value)
    if len(number) == 12 and number.isascii() and number.isdigit():
        return None
    try:
        mst.validate(number)
    except exceptions.InvalidLength:
        return "length"
    except exceptions.InvalidChecksum:
        return "check digit"
    except exceptions.ValidationError:
        return "no tax code"
    return None


def phone_fault(value: str) -> str | None:
    """Why a text is no phone number: of several in one field each must be one.

    >>> phone_fault("0912345678"), phone_fault("024 3825 3536; 0912345678"), phone_fault("0161234567")
    (None, None, 'no network has it')
    """
    import phonenumbers

    for one in filter(None, (part.strip() for part in _SEVERAL.split(value))):
        try:
            if not phonenumbers.is_valid_number(phonenumbers.parse(one, "VN")):
                return "no network has it"
        except phonenumbers.NumberParseException:
            return "no phone number"
    return None


def _make_communes(connection: Connection, staging: str, units: Callable[[], Units]) -> None:
    """Codes that no commune had, on the day or before it, for each era between two changes of the units.

    A code that the reform abolished is real input for long after it (CONTRACTS section 8 [seen]) and resolves.
    """
    codes = list(connection.scalars(text(f"SELECT DISTINCT commune FROM {staging} WHERE commune IS NOT NULL")))
    connection.execute(
        text(
            "CREATE TEMP TABLE gate_commune (value text, valid_from timestamptz, valid_to timestamptz, fault text)"
            " ON COMMIT DROP"
        )
    )
    found: list[dict[str, Any]] = []
    if codes:
        known = units()
        eras = eras_of(known)
        for code in codes:
            rows = known.by_code.get(("commune", code), ())
            found += [
                {"value": code, "from": start, "to": end, "fault": "no commune had it by then"}
                for start, end in eras
                if not any(unit.valid_from is None or unit.valid_from <= _day_in(start) for unit in rows)
            ]
    if found:
        connection.execute(text("INSERT INTO gate_commune VALUES (:value, :from, :to, :fault)"), found)


def eras_of(units: Units) -> list[tuple[datetime, datetime]]:
    """The spans between two days on which any unit changed, in Vietnamese days; open at both ends."""
    days = sorted({unit.valid_from for rows in units.by_code.values() for unit in rows if unit.valid_from})
    moments = [datetime.combine(day, time(), VIET_NAM) for day in days]
    return list(pairwise([datetime(1, 1, 2, tzinfo=UTC), *moments, datetime(9999, 1, 1, tzinfo=UTC)]))


def _day_in(moment: datetime) -> Any:
    return moment.astimezone(VIET_NAM).date()
