"""The generated parts of the reference pages: tables of keys, written from the JSON Schemas of the three languages.

In a page, a table stands between `<!-- keys of Stream, apart from Request -->` and `<!-- end of keys -->`. After the
name of the object may come `, apart from <Object>` (its keys are told elsewhere), `: from, first` (only these) or
`, with those inside` (`province.code`). `python -m docs.reference` writes every table anew.
"""

import json
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from connectors.spec import Spec
from hub.config import province_schema
from hub.migration.plans.plan_schema import plan_schema
from mappings.schema import MODELS, schema_of

Schema = Mapping[str, Any]

FOLDER = Path(__file__).parent
BLOCK = re.compile(
    r"(?P<open><!-- keys of (?P<name>\w+)(?:, apart from (?P<apart>\w+))?(?P<inside>, with those inside)?"
    r"(?:: (?P<only>[\w, ]+))? -->\n).*?(?P<close><!-- end of keys -->)",
    re.DOTALL,
)
UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


class UnknownObject(Exception):
    """A page asks for the keys of an object that its language does not have."""


def objects() -> dict[str, dict[str, Schema]]:
    """For each page that has tables: the objects of its language by name."""
    spec = Spec.model_json_schema()
    province, plan = province_schema(), plan_schema()
    models = {model.__name__: schema_of(model) for model in MODELS.values()}
    edition = models.pop("Edition")
    inner = {name: found for schema in models.values() for name, found in schema["$defs"].items()}
    return {
        "connector-language.md": {**spec["$defs"], "Spec": spec},
        "mapping-language.md": {**inner, **models},
        "codes.md": {**edition["$defs"], "Edition": edition},
        "configuration.md": {**province["$defs"], "Province": province},
        "migration.md": {**plan["$defs"], "Plan": plan},
    }


def written(page: str, known: Mapping[str, Schema]) -> str:
    """The page with every table as the schemas say it; raises UnknownObject."""

    here = {match["name"] for match in BLOCK.finditer(page)}
    anchored: set[str] = set()

    def table_of(match: re.Match[str]) -> str:
        for name in (match["name"], match["apart"]):
            if name and name not in known:
                raise UnknownObject(f"there is no {name}; known: {', '.join(sorted(known))}")
        anchor = "" if match["name"] in anchored else f'<a id="{_anchor(match["name"])}"></a>\n\n'
        anchored.add(match["name"])
        return f"{match['open']}{anchor}{table(match, known, here)}{match['close']}"

    return BLOCK.sub(table_of, page)


def shown(page: str, known: Mapping[str, Schema]) -> set[tuple[str, str]]:
    """(object, key) of every row of the page's tables."""
    found = set()
    for match in BLOCK.finditer(page):
        found |= {(match["name"], key.split(".")[0]) for key, _, _ in _rows(match, known)}
        if match["apart"]:
            found |= {(match["name"], key) for key in known[match["apart"]]["properties"]}
        if match["inside"]:
            found |= {
                (_target(schema), key.split(".")[1])
                for key, schema, _ in _rows(match, known)
                for name in [key.split(".")[0]]
                if "." in key
                for schema in [known[match["name"]]["properties"][name]]
            }
    return found


def table(match: re.Match[str], known: Mapping[str, Schema], here: Set[str]) -> str:
    """One table of keys in Markdown; objects whose keys are `here`, on the same page, are links to them."""
    lines = ["| key | is | default | meaning |", "|---|---|---|---|"]
    for key, schema, needed in _rows(match, known):
        default = "*needed*" if needed else _default(schema)
        cells = (f"`{key}`", _kind(schema, here), default, _prose(str(schema.get("description", ""))))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _rows(match: re.Match[str], known: Mapping[str, Schema]) -> Iterator[tuple[str, Schema, bool]]:
    """Key, schema and whether it must be given."""
    schema = known[match["name"]]
    elsewhere = set(known[match["apart"]]["properties"]) if match["apart"] else set()
    only = [name.strip() for name in (match["only"] or "").split(",") if name.strip()]
    needed_first = sorted(schema["properties"], key=lambda name: name not in schema.get("required", []))
    for name in only or needed_first:
        found, needed = schema["properties"][name], name in schema.get("required", [])
        if name in elsewhere:
            continue
        inner = known.get(_target(found)) if match["inside"] else None
        if inner is None:
            yield name, found, needed
            continue
        for key, value in inner["properties"].items():
            yield f"{name}.{key}", value, needed and key in inner.get("required", [])


def _prose(text: str) -> str:
    """A description as Markdown: `<` is a letter, outside code too."""
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in re.split(r"(`[^`]*`)", text))


def _target(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _anchor(name: str) -> str:
    return "keys-" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def _said(name: str) -> str:
    """`WindowSpec` as a reader says it: window."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.removesuffix("Spec")).lower()


def _kind(schema: Schema, here: Set[str]) -> str:
    """What stands behind a key, in words."""
    if name := _target(schema):
        return f"[{_said(name)}](#{_anchor(name)})" if name in here else _said(name)
    if tags := schema.get("discriminator", {}).get("mapping"):
        return ", ".join(f"[{tag}](#{_anchor(ref.rpartition('/')[2])})" for tag, ref in tags.items())
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if forms := schema.get("anyOf") or schema.get("oneOf"):
        kinds = dict.fromkeys(_kind(form, here) for form in forms if form.get("type") != "null")
        if {"text", "whole number", "true or false"} <= kinds.keys():
            kinds = dict.fromkeys(["value", *(kind for kind in kinds if kind not in WORDS.values())])
        return " or ".join(kinds)
    if "(ms|s|m|h|d)" in schema.get("pattern", "") or schema.get("format") == "duration":
        return "duration"
    if schema.get("format") in ("date", "date-time"):
        return {"date": "day", "date-time": "time"}[schema["format"]]
    if schema.get("type") == "array":
        inner = _kind(schema["items"], here) if schema.get("items") else "values"
        return f"list of {inner}"
    if schema.get("type") == "object":
        values = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
        of = _kind(values, here) if isinstance(values, Mapping) and values else ""
        return f"map of names to {of}" if of else "map"
    return WORDS.get(str(schema.get("type")), "any value")


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if value in (None, "", []) or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if _kind(schema, frozenset()) == "duration":
        return f"`{_duration(value)}`"
    return f"`{value}`" if isinstance(value, str) and value.strip() else f"`{json.dumps(value)}`"


def _duration(value: float | str) -> str:
    """Seconds, or an ISO duration of minutes (PT30M), as a spec writes it."""
    if isinstance(value, str):
        return value.removeprefix("PT").lower()
    unit, seconds = next((unit, seconds) for unit, seconds in UNITS if value % seconds == 0)
    return f"{value / seconds:g}{unit}"


if __name__ == "__main__":
    for name, known in objects().items():
        path = FOLDER / name
        path.write_text(written(path.read_text("utf-8"), known), encoding="utf-8")
