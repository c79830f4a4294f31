"""What is proposed and how much is covered: each proposal one line of YAML with its score and evidence."""

from dataclasses import dataclass
from typing import Any, Literal

Part = Literal["fields", "procedures", "statuses", "agencies", "units"]

PARTS: dict[Part, str] = {
    "fields": "every mandatory field is filled",
    "procedures": "the national list has the procedure",
    "statuses": "every status has a national one",
    "agencies": "the agency's code is one of the province",
    "units": "the commune lies in the province",
}
"""What counts as covered, in words."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of how many sampled dossiers one part is known. `stated` leaves out dossiers that say nothing of it."""

    part: Part
    known: int
    stated: int

    @property
    def percent(self) -> float | None:
        """In per cent, one decimal; None when no dossier says anything."""
        return round(100 * self.known / self.stated, 1) if self.stated else None

    def as_dict(self) -> dict[str, Any]:
        return {"known": self.known, "stated": self.stated, "percent": self.percent}


@dataclass(frozen=True, slots=True)
class Proposal:
    """One line for the overlay. `line` is YAML; without a candidate its code is `?` and the score 0.

    `place` is `dossier` or the name of a code list. Examples in `why` are masked.
    """

    part: Part
    place: str
    line: str
    score: int
    why: str
    dossiers: int

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What a sample says about a province's mapping."""

    province: str
    mapping: str
    overlay: str
    records: int
    coverage: list[Coverage]
    proposals: list[Proposal]
    remarks: list[str]

    def as_dict(self) -> dict[str, Any]:
        return {
            "province": self.province,
            "mapping": self.mapping,
            "overlay": self.overlay,
            "records": self.records,
            "coverage": {one.part: one.as_dict() for one in self.coverage},
            "proposals": [one.as_dict() for one in self.proposals],
            "remarks": self.remarks,
        }


def said(value: object) -> str:
    """A value as it may stand in a flow of YAML: plain where it cannot be misread, else in quotes.

    A `?` stays bare: whoever uncomments it without an answer is told the line.
    """
    text = str(value)
    if text == "?":
        return text
    plain = text and all(letter.isalnum() or letter in " _./^-" for letter in text)
    tricky = (
        text.casefold() in ("true", "false", "null", "yes", "no", "on", "off") or text[:1] in " -." or text[-1:] == " "
    )
    if plain and not tricky:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
