"""What an opened answer is, and what a person would read in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Optional

from schemas.masking import mask_text

Kind = Literal["json", "soap", "file", "fault", "html", "text", "empty", "broken"]
HTML = re.compile(rb"^\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
XML = re.compile(rb"^\s*<(?:\?xml|[A-Za-z_][\w.-]*(?::[\w.-]+)?[\s>/])")
TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)
FIRST_WORDS = 120
READ_AT_MOST = 4000


@dataclass(frozen=True, slots=True)
class Envelope:
    """An opened answer: its `kind`, the `data` of JSON or of a file, the `records` and `heads` of XML, or the `words`
    of the rest.

    `soap` stands for all XML; its `records` are None where the answer that was to be inside is missing. `around` is the
    answer it came in. `words` are as they came, for the answer table; whoever shows them masks them (`first_words`).
    """

    kind: Kind
    data: Any = field(default=None, repr=False)
    records: list[dict[str, Any]] | None = field(default_factory=list, repr=False)
    heads: Mapping[str, str] = field(default_factory=dict, repr=False)
    fault: str | None = field(default=None, repr=False)
    words: str = field(default="", repr=False)
    around: Optional["Envelope"] = None

    @property
    def readable(self) -> bool:
        """The answer is of the service itself, whatever it says."""
        return self.kind in ("json", "soap", "file")

    def find(self, path: str | None) -> Any:
        """The value under a dotted path of JSON, or of a named element of XML: inside first, then in what it came
        in."""
        found = None
        if path is None:
            return None
        if self.kind == "json":
            found = at(self.data, path)
            if found is None and isinstance(self.data, Mapping):
                # A name that has a dot itself, as @odata.nextLink.
                found = self.data.get(path)
        elif self.kind == "soap":
            found = self.heads.get(path)
        return self.around.find(path) if found is None and self.around is not None else found


def readable(body: bytes) -> str:
    """What a person would read in an answer: no tags, no line ends; of a long one the beginning."""
    text = body[:READ_AT_MOST].decode("utf-8", errors="replace")
    return " ".join(TAGS.sub(" ", text).split())


def first_words(text: str, most: int = FIRST_WORDS) -> str:
    """The first words of an answer for an error: masked before they are cut, so that no half number slips through."""
    words = mask_text(text)
    return words if len(words) <= most else words[: most - 1] + "…"


def at(data: Any, path: str | None) -> Any:
    """The value under a dotted path of JSON, None where there is none.

    >>> at({"result": [{"session": "x"}]}, "result.0.session")
    'x'
    """
    if path is None:
        return data
    for part in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data
