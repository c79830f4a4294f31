"""Reading a spec file: YAML with the line of every key, so that an error says file, line, key and the nearest known
key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from connectors.errors import ConfigError
from connectors.spec import Spec
from connectors.spec.consistency import problems_of
from connectors.spec.explain import KeyPath, explain, near
from schemas import yaml_told

SPECS = Path(__file__).parents[1] / "specs"
WIRE = Path(__file__).parents[2] / "schemas" / "wire"


def load_spec(path: Path) -> Spec:
    """The spec in a file; raises ConfigError with file, line and key, and a near match for a wrong word."""
    data, lines = read_yaml(path)
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        raise explain(error, path, lines) from None
    spec._file, spec._lines = path, lines
    if problem := next(problems_of(spec), None):
        raise problem
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
        node, data = yaml_told.load(text)
    except yaml.YAMLError as error:
        problem, line = yaml_told.problem_of(error, text)
        raise ConfigError(
            f"this is not YAML: {problem}.",
            file=path,
            line=line,
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
