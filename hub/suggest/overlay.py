"""The overlay that proposals are written to: every proposal a comment, and what a person edited is never touched."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from hub.config import Settings
from hub.suggest.model import Proposal, Suggestions
from schemas.records import VIET_NAM

_EVIDENCE = re.compile(r"\s+# (?:\d+ · |no candidate).*$")


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the proposals: a new file, a file beside the one that is there, or nothing where none is new."""

    state: Literal["written", "beside", "nothing new", "nowhere"]
    path: Path | None
    new: int

    def as_dict(self) -> dict[str, str | int | None]:
        return {"state": self.state, "path": str(self.path) if self.path else None, "new": self.new}


def overlay_path(settings: Settings, name: str) -> Path | None:
    """Where an overlay belongs in the engineer's own folder; None without one."""
    own = settings.folders[0] if len(settings.folders) > 1 else None
    return own / "mappings" / "overlays" / f"{name}.yaml" if own else None


def write(path: Path | None, found: Suggestions, now: datetime) -> Written:
    """Write the file, or the new proposals beside it when it exists: `<name>.suggested.yaml`."""
    if path is None:
        return Written("nowhere", None, len(found.proposals))
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(path.stem, found, found.proposals, now), "utf-8")
        return Written("written", path, len(found.proposals))
    there = {_body(line) for line in path.read_text("utf-8").splitlines()}
    new = [one for one in found.proposals if _body(one.line) not in there]
    if not new:
        return Written("nothing new", path, 0)
    beside = path.with_name(f"{path.stem}.suggested.yaml")
    beside.write_text(text_of(beside.stem, found, new, now), "utf-8")
    return Written("beside", beside, len(new))


def text_of(name: str, found: Suggestions, proposals: Sequence[Proposal], now: datetime) -> str:
    """The overlay as YAML; valid as it stands, and it changes nothing until a line is uncommented."""
    day = now.astimezone(VIET_NAM)
    lines = [
        f"# Proposals of `lienthong suggest {found.province}` from {found.records:,} records, {day:%d/%m/%Y}.",
        "# Nothing counts until its line is uncommented: take `# ` away, leave the spaces before it. Behind a line",
        "# stand its score of 100 and its evidence. Of several candidates for one field keep one; fill each `?`.",
        f"overlay: {name}",
        f"over: {found.mapping}",
    ]
    own = [one for one in proposals if one.place == "dossier"]
    if own:
        lines += ["", "dossier:", *(f"  # {_line(one)}" for one in own)]
    places = list(dict.fromkeys(one.place for one in proposals if one.place != "dossier"))
    if places:
        lines += ["", "lists:"]
    for place in places:
        lines += [f"  {place}:", *(f"    # {_line(one)}" for one in proposals if one.place == place)]
    return "\n".join(lines) + "\n"


def _line(one: Proposal) -> str:
    count = "1 dossier" if one.dossiers == 1 else f"{one.dossiers:,} dossiers"
    evidence = f"{one.score} · {one.why}" if one.score else one.why
    return f"{one.line}   # {evidence} · {count}"


def _body(line: str) -> str:
    """A proposal without comment marks, evidence and spacing: what tells whether it is known already."""
    return " ".join(_EVIDENCE.sub("", line).strip().removeprefix("#").split())
