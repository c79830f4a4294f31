"""How one kind of answer is read: what the spec says of a stream, an operation or a part, gathered once."""

from dataclasses import dataclass
from typing import Any

from connectors.answer.envelope import Envelope, open_envelope
from connectors.answer.opened import at
from connectors.spec import Operation, Piece, Spec, Stream
from connectors.spec.words import Reply

HEADER = "header."
"""How `gives` names a header of the answer."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Where an answer keeps its records (`element`) and what else is read of it (`heads`)."""

    where: Reply
    element: str | None
    lists: tuple[str, ...]
    heads: tuple[str, ...]
    soap: bool

    @property
    def asked(self) -> dict[str, Any]:
        """The fields of an `Ask` that say how its answer is read."""
        return {"record": self.element, "lists": self.lists, "heads": self.heads, "reply": self.where}

    def open(self, raw: bytes) -> Envelope:
        """A kept body, opened as it was when it came."""
        return open_envelope(
            raw, record=self.element, lists=self.lists, heads=self.heads, soap=self.soap, inside=self.where.inside
        )

    def records(self, envelope: Envelope) -> list[dict[str, Any]] | None:
        """The list of records that a stream promises; None where there is none."""
        if envelope.kind == "soap":
            return envelope.records
        found = at(envelope.data, self.element)
        if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
            return None
        return found

    def results(self, envelope: Envelope) -> list[Any]:
        """What an operation gives: a list, one thing as a list of it, nothing as an empty list."""
        if envelope.kind == "file":
            return [{"content": envelope.data}] if envelope.data else []
        if envelope.kind == "soap":
            return envelope.records or []
        found = at(envelope.data, self.element) if envelope.kind == "json" else None
        return [] if found is None else found if isinstance(found, list) else [found]


def reading_of(spec: Spec, part: Stream | Operation | Piece) -> Reading:
    """The reading of a part of a spec: its own words before those of the whole system."""
    where = spec.reply_of(part)
    heads = [where.code, where.text]
    if isinstance(part, Stream):
        heads += [getattr(part.pages, mark, None) for mark in ("total", "last", "more", "next")]
    elif isinstance(part, Operation):
        heads += [path.removesuffix("?") for path in part.gives.values() if not path.startswith(HEADER)]
    return Reading(
        where,
        part.records or where.records,
        tuple(part.lists),
        tuple(name for name in heads if name),
        spec.transport == "soap",
    )
