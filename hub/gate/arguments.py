"""Arguments of a rule against those that its expectation in Great Expectations takes: told in a sentence each, and in
few words for a screen."""

import difflib
from collections.abc import Collection
from typing import Any

from hub.errors import ConfigurationError
from hub.gate.suite import Rule, Suite
from schemas.records import DOSSIER

_UNUSED = {"id", "batch_id", "catch_exceptions", "rendered_content", "result_format", "meta", "notes", "windows"}
"""Arguments of every expectation that say nothing of what it expects."""
_GALLERY = "https://greatexpectations.io/expectations"
_NEEDED, _UNKNOWN, _TOGETHER = "value_error.missing", "value_error.extra", "__root__"


def refused(rule: Rule, kind: Any, error: Exception) -> ConfigurationError:
    """The error of arguments that an expectation's class did not take, one clause for each argument."""
    known = sorted(set(getattr(kind, "__fields__", {})) - _UNUSED)
    found = {str(one["loc"][0]): one for one in reversed(error.errors())} if hasattr(error, "errors") else {}
    told = [f"it does not take '{name}'" for name in rule.arguments if not isinstance(name, str)]
    near: list[str] = []
    for name in (one for one, problem in found.items() if problem["type"] == _UNKNOWN):
        close = difflib.get_close_matches(name, known, 1)
        near += close
        told.append(f"it does not take '{name}'" + (f", did you mean '{close[0]}'?" if close else ""))
    for name, problem in found.items():
        if problem["type"] == _NEEDED and name not in near:
            told.append(f"'{name}' is missing")
        elif name == _TOGETHER and len(found) == 1:
            told.append(str(problem["msg"]))
        elif name in rule.arguments and problem["type"] != _UNKNOWN:
            told.append(f"'{name}' cannot be {rule.arguments[name]!r}")
    return ConfigurationError(
        f"'{rule.expect}': {'; '.join(told) or str(error).splitlines()[0]}",
        where=rule.where,
        next_step=f"Its arguments: {', '.join(known)}. What they hold: {_GALLERY}",
    )


def refuse_unknown_fields(suite: Suite, more: Collection[str] = ()) -> None:
    """Raises a ConfigurationError for a rule whose `field` no dossier has; `more` are fields of the suite's own."""
    known = {field.name for field in DOSSIER} | {
        f"{field.name}.{item.name}" for field in DOSSIER for item in field.items
    }
    for rule in suite.rules:
        if rule.field not in known | set(more):
            close = difflib.get_close_matches(rule.field, sorted(known | set(more)), 1)
            raise ConfigurationError(
                f"a dossier has no field '{rule.field}'" + (f", did you mean '{close[0]}'?" if close else ""),
                where=rule.where,
                next_step="`field` names the canonical field: lienthong mapping show NAME lists them.",
            )


def in_short(rule: Rule) -> str:
    """What a rule expects, in the few words of a table: `received_at >= submitted_at`, `status between 1 and 10`."""
    given = dict(rule.arguments)
    what = rule.expect.removeprefix("expect_").removeprefix("column_").removeprefix("values_").removeprefix("to_")
    if "column_A" in given and what == "pair_values_a_to_be_greater_than_b":
        sign = ">=" if given.get("or_equal") else ">"
        return f"{given['column_A']} {sign} {given['column_B']}"
    column = given.pop("column", "")
    low, high = given.pop("min_value", None), given.pop("max_value", None)
    if what == "be_between":
        if low is None or high is None:
            return f"{column} <= {high}" if low is None else f"{column} >= {low}"
        return f"{column} between {low} and {high}"
    values = ", ".join(_short(value) for key, value in given.items() if key != "ignore_row_if")
    words = {"not_be_null": "is filled", "be_null": "is empty", "match_regex": "matches"}
    words |= {"not_match_regex": "does not match", "be_in_set": "is one of"}
    return " ".join(filter(None, (str(column), words.get(what, what.replace("_", " ")), values)))


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
