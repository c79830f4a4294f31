"""Errors of the mapping files. The tree:

    MappingError    a mapping, overlay or code list cannot be used; the integration engineer acts

Trouble in a record is data, not an error: it comes back as findings and notes on `Mapped`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file: where it is, what it is, and what to write instead."""

    file: str
    line: int
    key: str
    what: str
    next_step: str

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        return f"{self.file}:{self.line}:{key} {self.what} {self.next_step}".rstrip()


class MappingError(Exception):
    """A mapping, overlay or code list that cannot be used. All faults of the file are told at once."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults

    @property
    def file(self) -> str:
        return self.faults[0].file

    @property
    def line(self) -> int:
        return self.faults[0].line

    @property
    def key(self) -> str:
        return self.faults[0].key

    @property
    def next_step(self) -> str:
        return self.faults[0].next_step


def near(word: str, known: Iterable[str]) -> str:
    """The sentence that helps with an unknown word: its nearest known one, else the known ones."""
    words = sorted(known)
    if not words:
        return "None is known."
    match = process.extractOne(word, words, scorer=DamerauLevenshtein.normalized_similarity, score_cutoff=0.5)
    if match:
        return f"Did you mean `{match[0]}`?"
    shown = ", ".join(words[:20])
    return f"Known: {shown}{', …' if len(words) > 20 else ''}."
