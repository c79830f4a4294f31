"""Reading a spec file: YAML with the line of every key, so that an error says file, line, key and the nearest known
key."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from rapidfuzz import fuzz, process

from connectors.errors import ConfigError
from connectors.spec import Operation, Spec, Stream
from connectors.spec_auth import SIGNED, Hmac, Login
from connectors.spec_words import BUILT_IN
from connectors.templates import names_in

KeyPath = tuple[str, ...]
SPECS = Path(__file__).parent / "specs"
WIRE = Path(__file__).parent.parent / "schemas" / "wire"
NEAR = 60.0


def load_spec(path: Path) -> Spec:
    """The spec in a file; raises ConfigError with file, line and key, and a near match for a wrong word."""
    data, lines = read_yaml(path)
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        raise _explain(error, path, lines) from None
    spec._file, spec._lines = path, lines
    _check_placeholders(spec, path)
    if spec.wsdl and wsdl_file(spec) is None:
        raise ConfigError(
            f"there is no file {spec.wsdl!r} in schemas/wire or beside the spec.",
            file=path,
            line=spec.line("wsdl"),
            key="wsdl",
            next_step="Ask the vendor for the WSDL (or fetch it with ?wsdl) and keep it there.",
        )
    return spec


def wsdl_file(spec: Spec) -> Path | None:
    """The kept WSDL of a SOAP spec: beside the spec's own file first, then in schemas/wire."""
    folders = [spec.file.parent, spec.file.parent.parent / "wire"] if spec.file else []
    for folder in [*folders, WIRE]:
        if spec.wsdl and (folder / spec.wsdl).is_file():
            return folder / spec.wsdl
    return None


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """The mapping in a YAML file and the line of each key; raises ConfigError for what is no YAML, or has a key
    twice."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError("there is no such file.", file=path, next_step=_near_file(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("the file is not UTF-8 text.", file=path, next_step="Save it as UTF-8.") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"this is not YAML: {error.problem or error.context}.",
            file=path,
            line=mark.line + 1 if mark else None,
            next_step="Look at the indentation, quotes and colons of this line and the one above.",
        ) from None
    if not isinstance(data, dict) or node is None:
        raise ConfigError("the file holds no keys.", file=path, line=1)
    lines: dict[KeyPath, int] = {}
    for key, line in _keys(node, ()):
        if key in lines:
            raise ConfigError(
                f"the key stands twice, first in line {lines[key]}.", file=path, line=line, key=".".join(key)
            )
        lines[key] = line
    return data, lines


def _keys(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _keys(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*path, str(index))
            yield here, value.start_mark.line + 1
            yield from _keys(value, here)


def _near_file(path: Path) -> str:
    names = [other.name for other in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
    match = near(path.name, names)
    return (
        f"Did you mean {match}?" if match else "Specs are read from connectors/specs and from LIENTHONG_CONFIG/specs."
    )


def near(word: str, known: Sequence[str]) -> str | None:
    """The known word most like a wrong one, when it is like it at all.

    >>> near("token_ulr", ["token_url", "client_id"])
    'token_url'
    """
    found = process.extractOne(word, known, scorer=fuzz.ratio, score_cutoff=NEAR)
    return found[0] if found else None


def _explain(error: ValidationError, path: Path, lines: Mapping[KeyPath, int]) -> ConfigError:
    """The first problem as a ConfigError; the others are counted."""
    problems = error.errors(include_url=False)
    # A missing key is often the wrong word of an unknown one: the unknown one is told first.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    loc = tuple(str(part) for part in problem["loc"])
    key = _in_file(loc, lines)
    line = next((lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines), 1)
    wrong = str(problem["loc"][-1]) if problem["loc"] else ""
    next_step = ""
    if problem["type"] == "extra_forbidden":
        known = _known_keys(loc[:-1])
        what = f"unknown key {wrong!r}."
        match = near(wrong, known)
        next_step = f"Did you mean {match!r}?" if match else f"Known here: {', '.join(sorted(known))}."
    elif problem["type"] == "missing":
        what = f"the key {wrong!r} is missing."
        key = _in_file(loc[:-1], lines)
    elif problem["type"] in ("union_tag_invalid", "literal_error"):
        given = str((problem.get("ctx") or {}).get("tag", problem.get("input")))
        expected = str((problem.get("ctx") or {}).get("expected_tags", (problem.get("ctx") or {}).get("expected")))
        words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
        what = f"{given!r} is not known here; known are {', '.join(words)}."
        match = near(given, words)
        next_step = f"Did you mean {match!r}?" if match else ""
    else:
        what = str(problem["msg"]).removeprefix("Value error, ") + "."
    if len(problems) > 1:
        next_step = f"{next_step} ({len(problems) - 1} more in this file.)".strip()
    return ConfigError(what, file=path, line=line, key=".".join(key), next_step=next_step)


def _in_file(loc: KeyPath, lines: Mapping[KeyPath, int]) -> KeyPath:
    """A validation place without the union tags that pydantic puts between the keys."""
    path: KeyPath = ()
    for part in loc:
        if (*path, part) in lines:
            path = (*path, part)
    return path


def _known_keys(loc: KeyPath) -> list[str]:
    """The keys that may stand at a place, by walking the JSON Schema of the language."""
    schema = Spec.model_json_schema()
    here: dict[str, Any] = schema
    for part in loc:
        here = _inner(here, part, schema)
    return list(here.get("properties", {}))


def _inner(schema: dict[str, Any], part: str, root: dict[str, Any]) -> dict[str, Any]:
    """The schema of one key, item or union tag."""
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
        schema = next((option for option in schema["anyOf"] if option.get("type") != "null"), schema)
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: dict[str, Any] = root["$defs"][reference.rsplit("/", 1)[1]]
    return found


def _check_placeholders(spec: Spec, path: Path) -> None:
    """Names outside an operation must be built in, or `extra.…`; an operation's own names are its parameters."""
    parts: list[tuple[KeyPath, BaseModel]] = [(("auth",), spec.auth), (("every_call",), spec.every_call)]
    parts += [(("streams", name), stream) for name, stream in spec.streams.items()]
    for place, part in parts:
        names = (
            part.names() if isinstance(part, Login | Stream | type(spec.every_call)) else names_in(part.model_dump())
        )
        known = BUILT_IN | SIGNED if isinstance(part, Hmac) else BUILT_IN
        for name in sorted(names):
            if name not in known and not name.startswith("extra."):
                match = near(name, sorted(known))
                raise ConfigError(
                    f"the placeholder {{{name}}} is not known.",
                    file=path,
                    line=spec.line(*place),
                    key=".".join(place),
                    next_step=f"Did you mean {{{match}}}?"
                    if match
                    else f"Known: {', '.join(sorted(known))}, extra.…",
                )
    for kind, members in (("streams", spec.streams), ("operations", spec.operations)):
        for name, member in members.items():
            _check_address(spec, path, kind, name, member)


def _check_address(spec: Spec, path: Path, kind: str, name: str, member: Stream | Operation) -> None:
    common = spec.every_call
    has_path = member.get or member.post or common.get or common.post
    if spec.transport == "rest" and not has_path:
        problem = "get or post is missing: the path under the peer's url"
    elif spec.transport == "soap" and not (member.call and has_path):
        problem = "call (the SOAP operation) and post (here or under every_call) are needed"
    elif isinstance(member, Operation) and member.example and set(member.example) != member.parameters:
        problem = f"example must give exactly {', '.join(sorted(member.parameters)) or 'nothing'}"
    else:
        return
    raise ConfigError(problem + ".", file=path, line=spec.line(kind, name), key=f"{kind}.{name}")
