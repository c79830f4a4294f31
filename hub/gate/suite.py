"""Suites of the gate: rules and derived columns of YAML or JSON files, a steward's own laid over the package's."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hub.errors import ConfigurationError
from schemas import yaml_told

FOLDER = "expectations"
NAMES = ("dossier", "batch")
"""Suites that the gate runs: on the rows of a run, and on the run as a whole."""
LEVELS = ("hold", "warn", "stop")
_ENDINGS = (".yaml", ".json")
_TEXTS = ("expect", "reason", "field")
_OURS = {*_TEXTS, "level", "waivable", "detail"}
_SUITE_KEYS = {"suite", "name", "extend", "columns", "expectations", "meta", "$schema"}
_DOCS = "docs/quality.md has every key."


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation with what it means to the hub.

    `detail` names the gate's column that says in a finding what its value was compared with; `waivable`: a person may
    let a row pass all the same.
    """

    expect: str
    arguments: dict[str, Any]
    reason: str
    field: str
    where: str
    level: str = "hold"
    waivable: bool = False
    detail: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The gate's columns that the rule names."""
        named = (self.arguments.get(key) for key in ("column", "column_A", "column_B"))
        listed = self.arguments.get("column_list", self.arguments.get("column_set")) or ()
        return tuple(str(one) for one in (*named, *listed, self.detail) if one is not None)

    @property
    def same_as(self) -> tuple[Any, ...]:
        """What tells it from another rule; one laid over a suite replaces the rule that it is the same as."""
        return self.expect, self.reason, self.field, self.columns


@dataclass(frozen=True, slots=True)
class DerivedColumn:
    """A column of the gate that a suite defines: an SQL expression over the gate's row and the staged record."""

    name: str
    expression: str
    where: str


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite as it runs: all files laid over each other."""

    name: str
    rules: tuple[Rule, ...]
    columns: tuple[DerivedColumn, ...] = ()
    files: tuple[str, ...] = field(default=(), compare=False)

    def waivable(self, reason: str, name: str) -> bool:
        """Whether a person may waive this finding: some rule that gives it says so."""
        return any(rule.waivable for rule in self.rules if (rule.reason, rule.field) == (reason, name))


def load_suite(folders: tuple[Path, ...], name: str) -> Suite:
    """The suite as it runs: the package's, with the steward's `expectations/<name>.yaml` or `.json` laid over it where
    that says `extend: true`, or in its place where not.

    Raises:
        ConfigurationError: what is wrong in a file, with its line; a file of the folder that is no suite's.
    """
    *own, base = folders
    found = read_suite(base / "schemas" / FOLDER / f"{name}.yaml", name)[0]
    for folder in reversed(own):
        _refuse_unknown_files(folder / FOLDER)
        for ending in _ENDINGS:
            if (path := folder / FOLDER / f"{name}{ending}").is_file():
                laid, extends = read_suite(path, name)
                found = _laid_over(found, laid) if extends else laid
    return found


def read_suite(path: Path, name: str | None = None) -> tuple[Suite, bool]:
    """One suite file, and whether it extends the one before it."""
    node, data = _document(path)
    if not isinstance(data, dict):
        raise _wrong("the key 'expectations' is missing", path, 1, "A suite is suite: and expectations: with a list.")
    for key in data:
        if key not in _SUITE_KEYS:
            near = difflib.get_close_matches(str(key), sorted(_SUITE_KEYS), 1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(_SUITE_KEYS))}"
            raise _wrong(f"unknown key '{key}'; {hint}", path, _line_of(node, str(key)), _DOCS)
    meta = data.get("meta") or {}
    if not isinstance(meta, dict):
        raise _wrong(f"'meta' is a map of keys (it says {meta!r})", path, _line_of(node, "meta"), _DOCS)
    extend = meta.get("extend", data.get("extend", False))
    if not isinstance(extend, bool):
        raise _wrong(f"'extend' is true or false (it says {extend!r})", path, _line_of(node, "extend"), _DOCS)
    columns = tuple(_columns(path, node, data.get("columns") or meta.get("columns") or {}))
    rules = tuple(_rules(path, node, data, may_be_missing=extend and bool(columns)))
    return Suite(name or path.stem, rules, columns, (shown(path),)), extend


def _document(path: Path) -> tuple[yaml.Node | None, Any]:
    """YAML, of which JSON is a part, as nodes and values."""
    try:
        content = path.read_text("utf-8")
        return yaml_told.load(content)
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise _wrong("the file is not UTF-8", path, line, "Save it as UTF-8 (without BOM).") from None
    except yaml.YAMLError as error:
        problem, found = yaml_told.problem_of(error, content)
        raise _wrong(f"this is not YAML: {problem}", path, found or 1, "Mend the line, or the one above it.") from None


def _columns(path: Path, node: yaml.Node | None, columns: Any) -> Iterator[DerivedColumn]:
    lines, file = _lines_below(node, "columns"), shown(path)
    if not isinstance(columns, dict):
        raise _wrong("'columns' is a map of name: SQL expression", path, _line_of(node, "columns"), _DOCS)
    for name, expression in columns.items():
        line = lines.get(str(name), 1)
        if not str(name).isidentifier() or str(name) != str(name).lower():
            raise _wrong(f"'{name}' is no name for a column", path, line, "Small letters, digits and _ only.")
        if not isinstance(expression, str) or not expression.strip():
            raise _wrong(f"the column '{name}' has no SQL expression", path, line, _DOCS)
        yield DerivedColumn(str(name), expression.strip(), f"{file}:{line}")


def _rules(path: Path, node: yaml.Node | None, data: dict[str, Any], *, may_be_missing: bool) -> Iterator[Rule]:
    entries = data.get("expectations")
    if entries is None and may_be_missing:
        return
    if not isinstance(entries, list):
        key = "the key 'expectations' is not a list" if entries is not None else "the key 'expectations' is missing"
        raise _wrong(key, path, _line_of(node, "expectations"), "A suite is suite: and expectations: with a list.")
    seen: dict[str, str] = {}
    name = shown(path)
    for entry, line in zip(entries, _lines_of(node), strict=True):
        if not isinstance(entry, dict):
            raise _wrong("the expectation is not a map of keys", path, line, _ENTRY)
        for key in ("kwargs", "meta"):
            if "expect" not in entry and not isinstance(entry.get(key) or {}, dict):
                raise _wrong(f"the expectation's '{key}' is not a map of keys", path, line, _DOCS)
        rule = _rule(path, f"{name}:{line}", line, _flat(entry))
        key = str((*rule.same_as, sorted(rule.arguments.items(), key=str)))
        if key in seen:
            raise _wrong(f"the rule stands twice (also at {seen[key]})", path, line, "Keep one of them.")
        seen[key] = rule.where
        yield rule


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of Great Expectations' own JSON (type, kwargs, meta) in the words of the YAML."""
    if "type" not in entry or "expect" in entry:
        return entry
    meta = {key: value for key, value in (entry.get("meta") or {}).items() if key in _OURS}
    return {"expect": entry["type"], **(entry.get("kwargs") or {}), **meta}


_ENTRY = "Each entry names expect, its arguments, reason and field."


def _rule(path: Path, where: str, line: int, entry: dict[str, Any]) -> Rule:
    for key in sorted(_TEXTS):
        if key not in entry:
            raise _wrong(f"the expectation has no '{key}'", path, line, _ENTRY)
        if not isinstance(entry[key], str):
            raise _wrong(f"the expectation's '{key}' is not text (it says {entry[key]!r})", path, line, _ENTRY)
    level, waivable, detail = entry.get("level", "hold"), entry.get("waivable", False), entry.get("detail")
    if level not in LEVELS:
        raise _wrong(f"there is no level {level!r}", path, line, f"Levels: {', '.join(LEVELS)}.")
    if not isinstance(waivable, bool):
        raise _wrong(f"'waivable' is true or false (it says {waivable!r})", path, line, _DOCS)
    if detail is not None and not isinstance(detail, str):
        raise _wrong(f"'detail' names a column of the gate (it says {detail!r})", path, line, _DOCS)
    for key in ("column_list", "column_set"):
        if not isinstance(entry.get(key) or [], list):
            raise _wrong(f"'{key}' is a list of columns (it says {entry[key]!r})", path, line, _DOCS)
    arguments = {key: given for key, given in entry.items() if key not in _OURS}
    return Rule(entry["expect"], arguments, entry["reason"], entry["field"], where, level, waivable, detail)


def _laid_over(under: Suite, over: Suite) -> Suite:
    """Rules and columns of `over` take the place of those that they are the same as; the others come behind."""
    rules = {rule.same_as: rule for rule in over.rules}
    kept = [rules.pop(rule.same_as, rule) for rule in under.rules]
    columns = {column.name: column for column in (*under.columns, *over.columns)}
    return Suite(under.name, (*kept, *rules.values()), tuple(columns.values()), (*under.files, *over.files))


def _refuse_unknown_files(folder: Path) -> None:
    """A suite under a wrong name would never run, and nobody would see it."""
    for path in sorted(folder.glob("*")):
        if path.suffix in _ENDINGS and path.stem not in NAMES and path.name != "days.yaml":
            near = difflib.get_close_matches(path.stem, NAMES, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise _wrong(f"there is no suite '{path.stem}' to extend or replace{hint}", path, 1, f"Suites: {_KNOWN}.")


_KNOWN = ", ".join(NAMES)


def shown(path: Path) -> str:
    """A file's name in findings: from the repository's root, or whole when it is one's own."""
    root = Path(__file__).resolve().parents[2]
    return path.resolve().relative_to(root).as_posix() if path.resolve().is_relative_to(root) else str(path)


def _wrong(what: str, path: Path, line: int, next_step: str) -> ConfigurationError:
    return ConfigurationError(what, where=f"{path}:{line}", next_step=next_step)


def _line_of(node: yaml.Node | None, key: str) -> int:
    """The line of a key of the document, or its first."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((name.start_mark.line + 1 for name, _ in pairs if name.value == key), 1)


def _lines_of(node: yaml.Node | None) -> list[int]:
    """The line of each entry; of a key that stands twice YAML takes the last."""
    assert isinstance(node, yaml.MappingNode)
    listed = [value for name, value in node.value if name.value == "expectations"][-1]
    return [entry.start_mark.line + 1 for entry in listed.value]


def _lines_below(node: yaml.Node | None, key: str) -> dict[str, int]:
    """The line of each key of a map, wherever in the document that map stands."""
    found: dict[str, int] = {}
    for name, value in node.value if isinstance(node, yaml.MappingNode) else []:
        if name.value == key and isinstance(value, yaml.MappingNode):
            found = {inner.value: inner.start_mark.line + 1 for inner, _ in value.value}
        else:
            found = _lines_below(value, key) or found
    return found
