"""A YAML file that an engineer writes, read into its model: what is wrong is said with file, line, key, near match."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from hub.errors import ConfigurationError
from schemas import yaml_told

Kind = TypeVar("Kind", bound=BaseModel)


class _Loader(yaml_told.Loader):
    """Only true and false are truth values, so that a key may be `on`."""


_BOOL = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in resolvers if tag != _BOOL]
    for first, resolvers in yaml_told.Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


class ConfigFile(Generic[Kind]):
    """One file and the model that it must fit; it knows the line of every key."""

    def __init__(self, path: Path, model: type[Kind], *, what: str, hint: str) -> None:
        """Read the file; `what` it is (`a province file`), `hint`: where its keys are told.

        Raises:
            ConfigurationError: no UTF-8, no YAML, no map of keys, or a key twice.
        """
        self.path, self.model, self.hint = path, model, hint
        node, self.data = _read(path)
        if not isinstance(self.data, dict) or "slug" in self.data:
            raise ConfigurationError(
                f"{what} is a map of keys, and its name is its slug", where=f"{path}:1", next_step=hint
            )
        self._lines: dict[tuple[str, ...], int] = {}
        for keys, line in _key_lines(node, ()):
            if keys in self._lines:
                raise ConfigurationError(
                    f"the key '{dotted(keys)}' stands twice", where=f"{path}:{line}", next_step="Keep one of them."
                )
            self._lines[keys] = line

    def checked(self) -> Kind:
        """The file as its model, its name as `slug`; raises ConfigurationError."""
        try:
            return self.model.model_validate({**self.data, "slug": self.path.stem})
        except ValidationError as error:
            raise self._explained(error) from None

    def where(self, *keys: str | int) -> str:
        """File and line of a key, or of what it would stand in; items of a list are counted from 0."""
        parts = tuple(map(str, keys))
        line = next((self._lines[parts[:n]] for n in range(len(parts), -1, -1) if parts[:n] in self._lines), 1)
        return f"{self.path}:{line}"

    def _explained(self, error: ValidationError) -> ConfigurationError:
        """The first thing pydantic found; a misspelt key rather than its absence."""
        problem = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        keys = tuple(str(part) for part in problem["loc"])
        key, where = dotted(keys), self.where(*keys)
        if problem["type"] == "extra_forbidden":
            known = _known_keys(self.model, keys[:-1])
            near = difflib.get_close_matches(keys[-1], known, 1)
            guess = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}"
            return ConfigurationError(f"unknown key '{key}'; {guess}", where=where, next_step=self.hint)
        if problem["type"] == "missing":
            return ConfigurationError(f"the key '{key}' is missing", where=where, next_step=self.hint)
        guess = _near_word(problem)
        return ConfigurationError(
            f"'{key}': {problem['msg']} (it says {problem['input']!r}{guess})", where=where, next_step=self.hint
        )


def dotted(keys: Sequence[str]) -> str:
    """`sources.province`: the places in lists are left out, the line says which."""
    return ".".join(key for key in keys if not key.isdigit())


def _read(path: Path) -> tuple[yaml.Node | None, Any]:
    content = ""
    try:
        content = path.read_text("utf-8")
        return yaml_told.load(content, _Loader)
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            "the file is not UTF-8", where=f"{path}:{line}", next_step="Save it as UTF-8 (without BOM)."
        ) from None
    except yaml.YAMLError as error:
        problem, found = yaml_told.problem_of(error, content)
        raise ConfigurationError(
            f"this is not YAML: {problem}",
            where=f"{path}:{found}" if found else str(path),
            next_step="Mend the line; where it looks right, the indentation of the line above is the usual cause.",
        ) from None


def _near_word(problem: Mapping[str, Any]) -> str:
    """The nearest of the words that a key may say."""
    words = re.findall("'([^']*)'", str(problem.get("ctx", {}).get("expected", "")))
    near = difflib.get_close_matches(str(problem["input"]), words, 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _known_keys(model: type[BaseModel], parents: Sequence[str]) -> list[str]:
    for key in parents:
        if key.isdigit():
            continue
        annotation = model.model_fields[key].annotation
        kind = next((one for one in get_args(annotation) if one is not type(None)), annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            model = kind
    return [name for name in model.model_fields if name != "slug"]


def _key_lines(node: yaml.Node | None, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every key path of a YAML document with its line, counted from 1; items of a list are named by their place."""
    if node is None:
        return
    yield above, node.start_mark.line + 1
    inner: list[tuple[str, int, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        inner = [(str(key.value), key.start_mark.line + 1, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        inner = [(str(place), value.start_mark.line + 1, value) for place, value in enumerate(node.value)]
    for key, line, value in inner:
        path = (*above, key)
        yield path, line
        for deeper, found in _key_lines(value, path):
            if deeper != path:
                yield deeper, found
