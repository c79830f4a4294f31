"""Mappings as the hub uses them: load one by name, map records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mappings.codelists import CodeLists, entry_lines
from mappings.compile import Function, compile_plans
from mappings.errors import Fault, MappingError, near
from mappings.language import (
    Example,
    Located,
    MappingFile,
    OverlayFile,
    laid_over,
    located,
    read_mapping_file,
    read_overlay_file,
)
from mappings.mapped import Mapped
from mappings.places import mapping_files, overlay_files
from mappings.plan import OUT_KINDS, Planner
from mappings.planned import Plan
from mappings.yamlfile import YamlFile
from schemas.records import KINDS


@dataclass(frozen=True, slots=True)
class Mapping:
    """A compiled mapping. `source` is the generated Python, `plans` the checked rules it was made from."""

    name: str
    kind: str
    overlay: str | None
    direction: Literal["in", "out"]
    source: str
    plans: tuple[Plan, ...]
    examples: tuple[tuple[Example, str], ...]
    function: Function

    def map(self, record: dict[str, Any]) -> Mapped:
        """Map one record. Whatever is wrong with the data is told in the result; nothing is raised for it."""
        return self.function(record)


def load_mapping(
    name: str,
    kind: str = "dossier",
    folders: Sequence[Path] | None = None,
    overlay: str | None = None,
    lists: CodeLists | None = None,
    *,
    whole: bool = True,
) -> Mapping:
    """Find, check and compile a mapping for one record kind.

    `folders` are searched in order before the package's own (an engineer's LIENTHONG_CONFIG first). `overlay` names a
    file in `overlays/` whose rules and code list entries lie over the base. Raises MappingError for whatever is wrong
    in any of the files, with file, line and key. The examples are those of the file that is loaded last. Without
    `whole` a mandatory field may have no rule yet, as in a mapping that is being written; it is blank then and nothing
    is said of it.
    """
    base, file = _read_base(name, folders)
    over = _read_overlay(overlay, base, folders) if overlay else None
    lists = lists or CodeLists.load(folders)
    section = _section(base, file, kind)
    times, examples = base.times, _examples(base, file, kind)
    if over is not None:
        lists = _lists_overlaid(lists, *over)
        section = _section_overlaid(section, *over, kind)
        times = over[0].times or times
        examples = _examples(*over, kind)
    out = base.direction == "out"
    plans = Planner(kind, out, times, lists, whole).plan(section, file.name)
    label = "_".join(filter(None, (name, overlay, kind)))
    keys = [(p.target, "None") for p in plans] if out else _canonical_keys(kind)
    function, source = compile_plans(label, plans, keys)
    return Mapping(name, kind, overlay, base.direction, source, tuple(plans), tuple(examples), function)


def overlaid_lists(name: str, overlay: str | None, folders: Sequence[Path] | None, lists: CodeLists) -> CodeLists:
    """The code lists as a mapping with this overlay sees them."""
    if overlay is None:
        return lists
    return _lists_overlaid(lists, *_read_overlay(overlay, _read_base(name, folders)[0], folders))


def kinds_of(name: str, folders: Sequence[Path] | None = None) -> list[str]:
    """The record kinds that a mapping has rules for."""
    base, _ = _read_base(name, folders)
    return [kind for kind in ("dossier", "procedure", "step", "application") if getattr(base, kind) is not None]


def mapping_names(folders: Sequence[Path] | None = None) -> list[str]:
    return sorted({path.stem for path, _ in mapping_files(folders)})


def overlay_names(folders: Sequence[Path] | None = None) -> list[tuple[str, str]]:
    """Overlays with the mapping that each lies over."""
    found: dict[str, str] = {}
    for path, folder in overlay_files(folders):
        if path.stem not in found:
            found[path.stem] = read_overlay_file(path, folder)[0].over
    return sorted(found.items())


def _read_base(name: str, folders: Sequence[Path] | None) -> tuple[MappingFile, YamlFile]:
    for path, folder in mapping_files(folders):
        if path.stem == name:
            return read_mapping_file(path, folder)
    what = f"there is no mapping `{name}`."
    raise MappingError([Fault(f"mappings/{name}.yaml", 1, "", what, near(name, mapping_names(folders)))])


def _read_overlay(name: str, base: MappingFile, folders: Sequence[Path] | None) -> tuple[OverlayFile, YamlFile]:
    files = overlay_files(folders)
    for path, folder in files:
        if path.stem == name:
            over, file = read_overlay_file(path, folder)
            if over.over != base.mapping:
                what = f"lies over `{over.over}`, but is used with `{base.mapping}`."
                raise MappingError([file.fault(("over",), what, "Name the mapping of the province's system.")])
            return over, file
    what = f"there is no overlay `{name}`."
    known = near(name, {path.stem for path, _ in files})
    raise MappingError([Fault(f"mappings/overlays/{name}.yaml", 1, "", what, known)])


def _section(base: MappingFile, file: YamlFile, kind: str) -> dict[str, Located]:
    known = OUT_KINDS if base.direction == "out" else KINDS
    fields = getattr(base, kind)
    if fields is None:
        what = f"the mapping has no rules for a {kind}."
        raise MappingError([file.fault((), what, f"Add a section `{kind}:`.")])
    if kind not in known:
        what = f"a mapping of direction `{base.direction}` has no {kind}."
        raise MappingError([file.fault((kind,), what, near("", known))])
    return located(fields, kind, file)


def _section_overlaid(section: dict[str, Located], over: OverlayFile, file: YamlFile, kind: str) -> dict[str, Located]:
    fields = getattr(over, kind)
    return section if fields is None else laid_over(section, located(fields, kind, file))


def _lists_overlaid(lists: CodeLists, over: OverlayFile, file: YamlFile) -> CodeLists:
    for name, entries in over.lists.items():
        if name not in lists:
            what = f"there is no code list `{name}`."
            raise MappingError([file.fault(("lists", name), what, near(name, lists.names()))])
        lists = lists.overlaid(name, entry_lines(entries, file, ("lists", name), lists[name]))
    return lists


def _examples(model: MappingFile | OverlayFile, file: YamlFile, kind: str) -> list[tuple[Example, str]]:
    return [
        (example, f"{file.name}:{file.line(('examples', number))}{f' ({example.name})' if example.name else ''}")
        for number, example in enumerate(model.examples)
        if example.kind == kind
    ]


def _canonical_keys(kind: str) -> list[tuple[str, str]]:
    return [(f.name, "[]" if f.kind == "list" else "None") for f in KINDS[kind]]
