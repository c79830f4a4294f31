"""The examples of mapping files: each record mapped, what came set beside what the example says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mappings.codelists import CodeLists
from mappings.errors import Fault, MappingError, near
from mappings.language import Example, read_overlay_file
from mappings.mapped import Mapped
from mappings.mapping import Mapping, kinds_of, load_mapping, mapping_names
from mappings.places import overlay_files


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that does not hold: where it stands, of what field (or findings, notes, held steps), what came."""

    where: str
    field: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        verb = "is" if self.field not in ("findings", "notes", "held steps") else "are"
        return f"{self.where}: {self.field} {verb} {self.got!r}, the example says {self.expected!r}"


@dataclass(frozen=True, slots=True)
class Tested:
    """The examples of one record kind of a mapping or overlay. With `faults` the file cannot be used at all."""

    mapping: str
    overlay: str | None
    kind: str
    examples: int = 0
    failures: tuple[Failure, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def passed(self) -> int:
        return self.examples - len({failure.where for failure in self.failures})

    @property
    def ok(self) -> bool:
        return not self.failures and not self.faults


def run_examples(mapping: Mapping) -> list[Failure]:
    """Map the mapping's own examples (of an overlay: those of its file). Empty when all hold."""
    return [
        Failure(where, *difference)
        for example, where in mapping.examples
        for difference in _differences(example, mapping.map(example.in_))
    ]


def examine(
    names: Sequence[str] = (),
    folders: Sequence[Path] | None = None,
    lists: CodeLists | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Tested]:
    """Run the examples of every mapping and overlay, or of those named. A file that cannot be used is one of the
    answers, and so is a mapping whose code list is wrong; a name that none has is a MappingError.
    """
    known, overlays = mapping_names(folders), _overlays(folders)
    _refuse_unknown(names, {*known, *overlays})
    lists = lists or CodeLists.load(folders, wrong_too=True)
    chosen = [name for name in dict.fromkeys((*known, *overlays)) if not names or name in names]
    found: list[Tested] = []
    for number, name in enumerate(chosen, 1):
        if name in known:
            found += _tested(name, None, folders, lists)
        if name in overlays:
            found += _overlay_tested(*overlays[name], folders, lists)
        progress(number, len(chosen))
    return found


def _overlay_tested(path: Path, folder: Path, folders: Sequence[Path] | None, lists: CodeLists) -> list[Tested]:
    try:
        over = read_overlay_file(path, folder)[0].over
    except MappingError as error:
        return [Tested("", path.stem, "", faults=tuple(error.faults))]
    return _tested(over, path.stem, folders, lists)


def _tested(name: str, overlay: str | None, folders: Sequence[Path] | None, lists: CodeLists) -> list[Tested]:
    found = []
    try:
        kinds = kinds_of(name, folders)
    except MappingError as error:
        return [Tested(name, overlay, "", faults=tuple(error.faults))]
    for kind in kinds:
        try:
            mapping = load_mapping(name, kind, folders, overlay, lists)
        except MappingError as error:
            found.append(Tested(name, overlay, kind, faults=tuple(error.faults)))
        else:
            found.append(Tested(name, overlay, kind, len(mapping.examples), tuple(run_examples(mapping))))
    return found


def _overlays(folders: Sequence[Path] | None) -> dict[str, tuple[Path, Path]]:
    """Overlay files with their folders, of each name the nearest."""
    found: dict[str, tuple[Path, Path]] = {}
    for path, folder in overlay_files(folders):
        found.setdefault(path.stem, (path, folder))
    return dict(sorted(found.items()))


def _refuse_unknown(names: Sequence[str], known: set[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise MappingError(
            [
                Fault(f"mappings/{name}.yaml", 1, "", f"there is no mapping or overlay `{name}`.", near(name, known))
                for name in unknown
            ]
        )


def _differences(example: Example, result: Mapped) -> list[tuple[str, Any, Any]]:
    """(what, expected, got) of everything in which a result is not what the example says."""
    found: list[tuple[str, Any, Any]] = []
    for name, expected in example.out.items():
        actual = _plain(result.record.get(name))
        if not _holds(expected, actual):
            found.append((name, expected, actual))
    reasons, said = sorted({finding.reason for finding in result.findings}), sorted(set(example.findings))
    if said != reasons:
        found.append(("findings", said, reasons))
    kinds = {note.kind for note in result.notes}
    if not set(example.notes) <= kinds:
        found.append(("notes", example.notes, sorted(kinds)))
    held = [finding.reason for _, finding in result.held_steps]
    if example.held_steps is not None and held != example.held_steps:
        found.append(("held steps", example.held_steps, held))
    return found


def _holds(expected: Any, actual: Any) -> bool:
    """Whether a value is what an example says; an example may leave out fields of a list's entries."""
    if isinstance(expected, list) and isinstance(actual, list):
        pairs = zip(expected, actual, strict=False)
        return len(expected) == len(actual) and all(_holds(e, a) for e, a in pairs)
    if isinstance(expected, dict) and isinstance(actual, dict):
        return all(_holds(value, actual.get(key)) for key, value in expected.items())
    return type(_plain(expected)) is type(actual) and bool(_plain(expected) == actual)


def _plain(value: Any) -> Any:
    """Times as ISO text, inside lists and tables too."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return value
