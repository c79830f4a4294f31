"""A wrong word in a spec file, told in the words of the language: what is wrong, what is known, what was meant."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from rapidfuzz import fuzz, process

from connectors.errors import ConfigError
from connectors.spec import Spec

KeyPath = tuple[str, ...]
NEAR = 60.0


def near(word: str, known: Sequence[str]) -> str | None:
    """The known word most like a wrong one, when it is like it at all.

    >>> near("token_ulr", ["token_url", "client_id"])
    'token_url'
    """
    found = process.extractOne(word, known, scorer=fuzz.ratio, score_cutoff=NEAR)
    return found[0] if found else None


def explain(error: ValidationError, path: Path, lines: Mapping[KeyPath, int]) -> ConfigError:
    """The first problem as a ConfigError; the others are counted."""
    problems = error.errors(include_url=False)
    # A missing key is often the wrong word of an unknown one: the unknown one is told first.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), _in_the_nearest_branch(problems))
    loc = tuple(str(part) for part in problem["loc"])
    key = _in_file(loc, lines)
    line = next((lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines), 1)
    what, next_step = _say(problem, loc)
    if problem["type"] == "missing":
        key = _in_file(loc[:-1], lines)
    others = len({_in_file(tuple(str(part) for part in p["loc"]), lines) for p in problems} - {key})
    if others:
        next_step = f"{next_step} ({others} more in this file.)".strip()
    return ConfigError(what, file=path, line=line, key=".".join(key), next_step=next_step)


def _in_the_nearest_branch(problems: list[ErrorDetails]) -> ErrorDetails:
    """The first problem, unless it only says that a mapping is no text: then the problem inside the mapping."""
    first = problems[0]
    if isinstance(first.get("input"), dict) and not first["type"].startswith("union"):
        above = first["loc"][:-1]
        inside = (p for p in problems[1:] if p["loc"][: len(above)] == above and len(p["loc"]) > len(first["loc"]))
        return next(inside, first)
    return first


def _say(problem: ErrorDetails, loc: KeyPath) -> tuple[str, str]:
    """What is wrong, and what to write instead."""
    kind, given, context = problem["type"], problem.get("input"), problem.get("ctx") or {}
    wrong = loc[-1] if loc else ""
    if kind == "extra_forbidden":
        return f"unknown key {wrong!r}.", _instead(wrong, _known_keys(loc[:-1]))
    if kind == "missing":
        return f"the key {wrong!r} is missing.", ""
    if kind == "union_tag_not_found":
        tag = str(context["discriminator"]).strip("'")
        known = _known_tags(loc)
        match = near(tag, [str(key) for key in given]) if isinstance(given, dict) else None
        step = f"Did you mean {tag!r} where {match!r} stands?" if match else ""
        return f"the key {tag!r} is missing; known are {', '.join(known)}.", step
    if kind in ("union_tag_invalid", "literal_error"):
        said = str(context.get("tag", given))
        expected = str(context.get("expected_tags", context.get("expected")))
        words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
        match = near(said, words)
        step = f"Did you mean {match!r}?" if match else ""
        return f"{said!r} is not known here; known are {', '.join(words)}.", step
    if kind == "string_pattern_mismatch" and wrong == "[key]":
        return f"{given!r} is not a name: small letters, digits and _, a letter first.", ""
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"keys are wanted here, not {given!r}.", _known_here(_known_keys(loc))
    if kind == "list_type":
        return f"a list is wanted here, not {given!r}.", "Write each item in a line of its own, after a dash."
    if kind == "string_type" and isinstance(given, bool | int | float):
        return f"{given!r} is a number or yes/no to YAML, a text is wanted.", f'Write it in quotes: "{given}".'
    return str(problem["msg"]).removeprefix("Value error, ") + ".", ""


def _instead(wrong: str, known: Sequence[str]) -> str:
    match = near(wrong, known)
    return f"Did you mean {match!r}?" if match else _known_here(known)


def _known_here(known: Sequence[str]) -> str:
    return f"Known here: {', '.join(sorted(known))}." if known else ""


def _in_file(loc: KeyPath, lines: Mapping[KeyPath, int]) -> KeyPath:
    """A validation place without the union tags that pydantic puts between the keys."""
    path: KeyPath = ()
    for part in loc:
        if (*path, part) in lines:
            path = (*path, part)
    return path


def _known_keys(loc: KeyPath) -> list[str]:
    """The keys that may stand at a place."""
    return list(_schema_at(loc).get("properties", {}))


def _known_tags(loc: KeyPath) -> list[str]:
    """The kinds that may be chosen at a place."""
    return list(_schema_at(loc).get("discriminator", {}).get("mapping", {}))


def _schema_at(loc: KeyPath) -> dict[str, Any]:
    """The part of the language's JSON Schema that stands at a place."""
    schema = Spec.model_json_schema()
    here: dict[str, Any] = schema
    for part in loc:
        here = _inner(here, part, schema)
    return here


def _inner(schema: dict[str, Any], part: str, root: dict[str, Any]) -> dict[str, Any]:
    """The schema of one key, item or union tag."""
    if part == schema.get("title"):
        return schema
    if part in schema.get("discriminator", {}).get("mapping", {}):
        return _resolve({"$ref": schema["discriminator"]["mapping"][part]}, root)
    if part in schema.get("properties", {}):
        return _resolve(schema["properties"][part], root)
    for word in ("items", "additionalProperties", "patternProperties"):
        inner = schema.get(word)
        if word == "patternProperties" and inner:
            inner = next(iter(inner.values()))
        if isinstance(inner, dict):
            return _resolve(inner, root)
    return {}


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        schema = next((option for option in options if "$ref" in option), options[0])
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: dict[str, Any] = root["$defs"][reference.rsplit("/", 1)[1]]
    return found
