"""The `{placeholders}` of a spec: where a value of the connection, the session or the call is put.

`{name}` is replaced; a text that is nothing but one placeholder keeps the value's type (a list stays a list).
`{a|b.c}` takes the first that is there, `{a=x}` the text x when nothing is, `{a?}` leaves the whole key or list item
out then, and `{a:text}` writes the value as text (`True` -> "True"). Inside a text a list is written with commas. Dots
reach into `extra`, the free part of the connection.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.]*(?:\|[A-Za-z_][\w.]*)*)(\?|=[^{}:]*)?(?::(text))?\}")


class Absent:
    """Marks a key or list item whose optional placeholder has no value: it is left out of the request."""


ABSENT = Absent()


class MissingValue(Exception):
    """A placeholder that is not optional has no value; `of_auth`: it is one of the spec's auth."""

    def __init__(self, name: str, *, of_auth: bool = False) -> None:
        self.name = name
        self.of_auth = of_auth
        super().__init__(name)


def names_in(value: Any) -> set[str]:
    """All names the placeholders of a text, list or mapping ask for; alternatives count each.

    >>> sorted(names_in({"a": "{unit|extra.madonvi}", "b": ["{token}"]}))
    ['extra.madonvi', 'token', 'unit']
    """
    return {name for match in _placeholders(value) for name in match.group(1).split("|")}


def needed_in(value: Any) -> set[str]:
    """The names without which a text, list or mapping cannot be filled: no alternative, no default, no `?`.

    >>> sorted(needed_in("{code}/{kind?}/{year=2026}/{unit|login}"))
    ['code']
    """
    found = (match.groups() for match in _placeholders(value))
    return {names for names, otherwise, _ in found if otherwise is None and "|" not in names}


def _placeholders(value: Any) -> Iterator[re.Match[str]]:
    if isinstance(value, str):
        yield from PLACEHOLDER.finditer(value)
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _placeholders(item)


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """The value with every placeholder replaced; raises MissingValue.

    >>> fill({"isUpdating": "{updating:text}", "data": "{rows}", "x": "{gone?}"}, {"updating": True, "rows": [1]})
    {'isUpdating': 'True', 'data': [1]}
    """
    if isinstance(value, str):
        return _fill_text(value, values)
    if isinstance(value, Mapping):
        filled = {key: fill(item, values) for key, item in value.items()}
        return {key: item for key, item in filled.items() if item is not ABSENT}
    if isinstance(value, list):
        return [item for item in (fill(item, values) for item in value) if item is not ABSENT]
    return value


def _fill_text(text: str, values: Mapping[str, Any]) -> Any:
    whole = PLACEHOLDER.fullmatch(text)
    if whole:
        return _value(whole, values)
    absent = False

    def replace(match: re.Match[str]) -> str:
        nonlocal absent
        found = _value(match, values)
        absent = absent or found is ABSENT
        return _text(found)

    filled = PLACEHOLDER.sub(replace, text)
    return ABSENT if absent else filled


def _value(match: re.Match[str], values: Mapping[str, Any]) -> Any:
    names, otherwise, form = match.groups()
    for name in names.split("|"):
        found = _look_up(name, values)
        if found is not None:
            return _text(found) if form == "text" else found
    if otherwise:
        return ABSENT if otherwise == "?" else otherwise[1:]
    raise MissingValue(names)


def _text(value: Any) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)


def _look_up(name: str, values: Mapping[str, Any]) -> Any:
    found: Any = values
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found
