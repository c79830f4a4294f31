"""The connector specs one can choose from: one's own and those that come with the hub."""

import re
from dataclasses import dataclass
from pathlib import Path

from connectors import ConnectorError, Spec, load_spec
from hub.config import BASE, Settings

MARK = re.compile(r"\[(seen|inferred|style)\]")


@dataclass(frozen=True, slots=True)
class SpecLine:
    """One spec file. `marks` say how sure its facts are; `spec` is None where the file cannot be used: `problem`."""

    name: str
    path: Path
    own: bool
    marks: tuple[str, ...]
    spec: Spec | None = None
    problem: str = ""

    @property
    def is_pulled(self) -> bool:
        """It describes a system whose dossiers are pulled: what a province's file can name."""
        return self.spec is not None and "dossiers" in self.spec.streams


def spec_lines(settings: Settings) -> list[SpecLine]:
    """All specs by name; of two with one name the engineer's own counts."""
    found: dict[str, SpecLine] = {}
    for folder in settings.folders:
        for place in (folder / "specs", folder / "connectors" / "specs"):
            for path in sorted(place.glob("*.yaml")):
                if path.stem not in found:
                    found[path.stem] = _line(path, own=folder != BASE)
    return [found[name] for name in sorted(found)]


def _line(path: Path, *, own: bool) -> SpecLine:
    text = path.read_text("utf-8", errors="replace")
    marks = tuple(mark for mark in ("seen", "inferred", "style") if mark in MARK.findall(text))
    try:
        return SpecLine(path.stem, path, own, marks, load_spec(path))
    except ConnectorError as error:
        return SpecLine(path.stem, path, own, marks, problem=str(error))
