"""YAML whose mistakes all have a line: a value that cannot be, a sign that no file may hold, an anchor in itself."""

import pickle
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

if TYPE_CHECKING:
    _Loader = yaml.SafeLoader
else:
    _Loader = object


class ValuesTold(_Loader):
    """Put before a safe loader: a value that Python refuses (30 February: "day is out of range for month") is an error
    of YAML's own, with its line."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError) as error:
            why = f" ({error})" if isinstance(error, ValueError) else ""
            raise ConstructorError(None, None, f"{node.value!r} cannot be{why}", node.start_mark) from None


class Loader(ValuesTold, yaml.SafeLoader):
    """PyYAML's safe loader, its errors with a line."""


def load(text: str, loader: type[Any] = Loader) -> tuple[yaml.Node | None, Any]:
    """The one document as nodes, which know their lines, and as values; raises yaml.YAMLError (see `problem_of`).

    What is well-formed is read by libyaml, ten times as fast; of what is not, the loader itself says what is wrong. A
    text that was read before is not read again: the values are the caller's own, the nodes are for looking at.
    """
    node, values = _read_once(text, loader)  # type: ignore[arg-type]  # a class is hashable
    return node, pickle.loads(values)


@lru_cache(maxsize=256)
def _read_once(text: str, loader: type[Any]) -> tuple[yaml.Node | None, bytes]:
    try:
        node, values = _read(text, _by_libyaml(loader))  # type: ignore[arg-type]
    except yaml.YAMLError:
        node, values = _read(text, loader)
    return node, pickle.dumps(values)


def _read(text: str, loader: type[Any]) -> tuple[yaml.Node | None, Any]:
    reading = loader(text)
    try:
        node = reading.get_single_node()
        refuse_circles(node)
        return node, None if node is None else reading.construct_document(node)
    finally:
        reading.dispose()


@cache
def _by_libyaml(loader: type[Any]) -> type[Any]:
    """The loader with libyaml's parser; it sees the same values in the same words."""
    if issubclass(loader, yaml.CSafeLoader):
        return loader
    words = {name: getattr(loader, name) for name in ("yaml_implicit_resolvers", "yaml_constructors")}
    return type(loader.__name__, (ValuesTold, yaml.CSafeLoader), words)


def problem_of(error: yaml.YAMLError, text: str) -> tuple[str, int | None]:
    """What is wrong with a document and its line, counted from 1; None where YAML does not say it."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return str(error.problem or error.context), mark.line + 1 if mark else None
    if isinstance(error, ReaderError) and isinstance(error.character, int):
        sign = chr(error.character)
        line = text[: text.index(sign)].count("\n") + 1 if sign in text else None
        return f"the sign U+{error.character:04X} must not stand in it", line
    return str(error), None


def refuse_circles(node: yaml.Node | None, above: tuple[yaml.Node, ...] = ()) -> None:
    """Raises for an anchor that holds itself, on which whoever walks the nodes would not end."""
    if node in above:
        raise ConstructorError(None, None, "an anchor (&) holds itself (*)", node.start_mark if node else None)
    for inner in _inside(node):
        refuse_circles(inner, (*above, node) if node else above)


def _inside(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """The lists and tables directly in a node."""
    if isinstance(node, yaml.MappingNode):
        yield from (value for _, value in node.value if isinstance(value, yaml.CollectionNode))
    elif isinstance(node, yaml.SequenceNode):
        yield from (value for value in node.value if isinstance(value, yaml.CollectionNode))
