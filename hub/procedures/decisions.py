"""Numbers of decisions (số quyết định công bố) as lists write them: bare, or inside a sentence with a date."""

import re

from hub.procedures.names import folded

_NUMBER = re.compile(r"(\d+)\s*/\s*((?:\d{4}\s*/\s*)?qđ(?:\s*-\s*[a-zđ&]+)*)")


def decision_numbers(text: str) -> frozenset[str]:
    """Every decision named in a text, as `2628/qđ-btc`; empty when none is written in that form.

    >>> sorted(decision_numbers("Quyết định số 0135/QĐ - BTP ngày 05/02/2026"))
    ['135/qđ-btp']
    """
    found = _NUMBER.findall(folded(text))
    return frozenset(f"{int(number)}/{''.join(rest.split())}" for number, rest in found)


def same_decision(one: str, other: str) -> bool:
    """Whether two texts name the same decisions; texts without a number in the usual form are compared as they are."""
    numbers, others = decision_numbers(one), decision_numbers(other)
    return numbers == others if numbers and others else folded(one) == folded(other)
