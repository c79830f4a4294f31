"""YAML read as plain data that remembers its lines, so that every message can point at one."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from mappings.errors import Fault, MappingError
from schemas import yaml_told

Key = tuple[str | int, ...]


class _Loader(yaml_told.ValuesTold, yaml.CSafeLoader):
    """YAML in which codes stay text: only true and false are truth values (a vendor's key may be `on` or `no`), and
    numbers with leading zeros, colons or more than four decimals (`010`, `12:30`, `1.001612`) are not numbers."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in resolvers if tag.rpartition(":")[2] not in ("bool", "int", "float")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _shape, _first in (
    ("bool", r"true|false|True|False", "tfTF"),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)\.[0-9]{1,4}", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_shape})$"), list(_first))


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file's data, the name it is called by in messages, and the line of each key (`("dossier", "status")`)."""

    name: str
    data: dict[str, Any]
    lines: dict[Key, int]

    def line(self, key: Key) -> int:
        """The line of a key, or of the nearest key around it."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def fault(self, key: Key, what: str, next_step: str = "") -> Fault:
        return Fault(self.name, self.line(key), ".".join(map(str, key)), what, next_step)


def shown_name(path: Path, folder: Path) -> str:
    """A file's name in messages: relative to the folder that holds `folder` (`mappings/vnpt_igate.yaml`)."""
    try:
        return path.resolve().relative_to(folder.resolve().parent).as_posix()
    except ValueError:
        return path.name


def read_yaml(path: Path, name: str) -> YamlFile:
    """Read one YAML file whose top is a table; a broken file or a key said twice is a MappingError."""
    try:
        return _parsed(path.read_text(encoding="utf-8"), name)
    except UnicodeDecodeError as error:
        raise MappingError([Fault(name, 1, "", f"cannot be read: {error}.", "Save it as UTF-8 YAML.")]) from error


@lru_cache(maxsize=256)
def _parsed(text: str, name: str) -> YamlFile:
    """The same text is parsed once in a process: provinces of one vendor read the same files. Nobody changes it."""
    try:
        node, data = yaml_told.load(text, _Loader)
    except yaml.YAMLError as error:
        problem, line = yaml_told.problem_of(error, text)
        raise MappingError(
            [Fault(name, line or 1, "", f"this is not YAML: {problem}.", "Check indentation and quotes.")]
        ) from error
    if node is None or not isinstance(data, dict):
        raise MappingError([Fault(name, 1, "", "the file is not a table of keys.", "Start with `mapping: <name>`.")])
    lines: dict[Key, int] = {}
    faults: list[Fault] = []
    _walk(node, (), lines, faults, name)
    if faults:
        raise MappingError(faults)
    return YamlFile(name, data, lines)


def _walk(node: yaml.Node, key: Key, lines: dict[Key, int], faults: list[Fault], name: str) -> None:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key_node, value in node.value:
            inner = (*key, str(key_node.value))
            line = key_node.start_mark.line + 1
            if inner in lines:
                what = f"this key is already said on line {lines[inner]}."
                faults.append(Fault(name, line, ".".join(map(str, inner)), what, "Keep one of the two."))
            lines[inner] = line
            _walk(value, inner, lines, faults, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*key, index), lines, faults, name)
