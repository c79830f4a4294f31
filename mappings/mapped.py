"""What a mapping gives back, and how trouble inside a record is told."""

from dataclasses import dataclass, field
from typing import Any

from schemas.findings import Finding, Note

Step = dict[str, Any]
SHOWN = 200
"""Characters of a wire value that a finding shows; the raw message is kept beside it anyway."""


@dataclass(slots=True)
class Mapped:
    """One record, mapped. Findings hold it, notes travel with it.

    `record` carries every field of its kind (None or [] when absent). `held_steps` are the progress steps that wait
    while the dossier and the legal head of its progress go on.
    """

    record: dict[str, Any]
    findings: list[Finding]
    notes: list[Note]
    held_steps: list[tuple[Step, Finding]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Where:
    """A rule as findings name it: canonical field, source path, file and line; and its word for a missing value."""

    field: str
    path: str
    rule: str
    missing: str = "missing"
    mandatory: bool = False


class Refused(Exception):
    """A wire value that a rule cannot read; becomes a finding. `shown` replaces a value that must be masked,
    `code_list` names the list that does not know it."""

    def __init__(self, reason: str, shown: str | None = None, code_list: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.shown = shown
        self.code_list = code_list


class Amended(Exception):
    """A wire value that was read with a change worth telling; becomes notes. A kind that ends in `_` gets the field."""

    def __init__(self, value: Any, *notes: tuple[str, str | None]) -> None:
        super().__init__()
        self.value = value
        self.notes = notes


TROUBLE = (Refused, Amended, TypeError)
"""What a generated rule catches: the two above, and the TypeError of a list or object where a plain value belongs."""

EMPTY: dict[str, Any] = {}


def shown(value: Any) -> str:
    """A wire value as a finding shows it: the parts of a several-part key joined with ` / `, lists and objects by name
    only, since they may hold anything about a person."""
    if isinstance(value, dict):
        return "(an object)"
    if isinstance(value, list):
        return f"(a list of {len(value)})"
    if isinstance(value, tuple):
        return " / ".join("-" if part is None else shown(part) for part in value)[:SHOWN]
    try:
        return str(value)[:SHOWN]
    except (RecursionError, ValueError):
        return f"<{type(value).__name__}>"


def trouble(error: Exception, value: Any, where: Where, findings: list[Finding], notes: list[Note]) -> Any:
    """Turn what a rule raised into a finding or notes; gives the value that goes on (None when it was refused)."""
    if isinstance(error, Amended):
        for kind, detail in error.notes:
            named = kind + where.field.rpartition(".")[2] if kind.endswith("_") else kind
            notes.append(Note(named, where.field, detail))
        return error.value
    if isinstance(error, Refused):
        text = error.shown if error.shown is not None else shown(value)
        detail = f"list {error.code_list}" if error.code_list else None
        findings.append(Finding(error.reason, where.field, text, where.rule, where.path, detail))
        return None
    if _hashable(value):
        raise error  # not the data's fault
    findings.append(Finding("bad_value", where.field, shown(value), where.rule, where.path))
    return None


def missing(where: Where) -> Finding:
    return Finding(where.missing, where.field, None, where.rule, where.path)


def node(value: Any, path: str, where: Where, findings: list[Finding]) -> dict[str, Any]:
    """A nested object of the wire record; empty when absent, and a `bad_value` finding when it is something else."""
    if isinstance(value, dict):
        return value
    if value is not None and value != "":
        findings.append(Finding("bad_value", where.field, shown(value), where.rule, path))
    return EMPTY


def rows(value: Any, path: str, where: Where, findings: list[Finding]) -> list[Any]:
    """A list of the wire record, under the same rules as `node`."""
    if isinstance(value, list):
        return value
    if value is not None and value != "":
        findings.append(Finding("bad_value", where.field, shown(value), where.rule, path))
    return []


def pick(value: Any, key: str, wanted: tuple[Any, ...]) -> Any:
    """The first object of a list whose `key` is one of the wanted values, None without one.

    A single object counts as a list of one. Anything else comes back as it is, for `node` to refuse.
    """
    for entry in value if value.__class__ is list else (value,):
        if entry.__class__ is dict and entry.get(key) in wanted:
            return entry
    return None if isinstance(value, list | dict) else value


def nth(value: Any, index: int) -> Any:
    """The entry at an index (negative from the end), None when the list is too short."""
    if value.__class__ is list:
        return value[index] if -len(value) <= index < len(value) else None
    return None if isinstance(value, dict) else value


def joined(between: str, *parts: str | None) -> str | None:
    """The parts that are not blank, put together; None when all are."""
    return between.join([part for part in parts if part]) or None


def some(value: Any, key: str) -> bool:
    """Whether any object of a list has a true `key`."""
    return value.__class__ is list and any(entry.__class__ is dict and bool(entry.get(key)) for entry in value)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
