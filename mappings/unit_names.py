"""Names of administrative units as people write them, and the units that an address names. Nothing leaves the process.

Names are compared folded: NFC, letter case, tone placement (hòa / hoà), punctuation and leading zeros aside. Marks
that tell letters apart stay: without them `Tân Lập` and `Tấn Lập` would be one.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Place = Literal["province", "city", "district", "commune"]

_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_LETTERS = str.maketrans({"ð": "đ", "ɖ": "đ", "’": "'", "‘": "'", "`": "'", "ʼ": "'"})
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_SEGMENT = re.compile(r"[,;|/\n()]+")

_SHORT = (
    (re.compile(r"\btp\s*\.?\s*hcm\b|\btphcm\b", re.I), "thành phố hồ chí minh"),
    (re.compile(r"\b(?:tp\.|tp(?=\s))", re.I), "thành phố "),
    (re.compile(r"\b(?:tx\.|tx(?=\s))", re.I), "thị xã "),
    (re.compile(r"\b(?:tt\.|tt(?=\s))", re.I), "thị trấn "),
    (re.compile(r"\b(?:p\.|p(?=\s?\d))", re.I), "phường "),
    (re.compile(r"\b(?:q\.|q(?=\s?\d))", re.I), "quận "),
    (re.compile(r"\bx\.", re.I), "xã "),
    (re.compile(r"\bh\.", re.I), "huyện "),
    (re.compile(r"\bt\.(?=\s?[^\W\d])", re.I), "tỉnh "),
)
"""Short forms before a name. A bare letter counts only with its dot, or before a number (`P1`)."""


@lru_cache(maxsize=65_536)
def fold(text: str) -> str:
    """A text for comparison: small letters, each syllable's tone behind it, numbers without leading zeros.

    >>> fold("Xã Hòa  An") == fold("XÃ HOÀ AN"), fold("Phường 01") == fold("phường 1"), fold("Hoà") == fold("Hóa")
    (True, True, False)
    """
    words = _WORD.findall(unicodedata.normalize("NFC", text).casefold().translate(_LETTERS))
    return " ".join(map(_syllable, words))


def _syllable(word: str) -> str:
    if word.isdigit():
        return word.lstrip("0") or "0"
    if word.isascii():
        return word
    letters = unicodedata.normalize("NFD", word)
    tones = "".join(letter for letter in letters if letter in _TONES)
    kept = "".join(letter for letter in letters if letter not in _TONES)
    return unicodedata.normalize("NFC", kept) + tones


_KINDS: dict[str, Place] = {
    "phường": "commune",
    "xã": "commune",
    "thị trấn": "commune",
    "đặc khu": "commune",
    "quận": "district",
    "huyện": "district",
    "thị xã": "district",
    "tỉnh": "province",
    "thành phố": "city",
}
_PREFIXES = sorted(((fold(words).split(), kind, words.capitalize()) for words, kind in _KINDS.items()), key=str)


@lru_cache(maxsize=65_536)
def bare(name: str) -> str:
    """A unit's folded name without the word for what it is (`Phường Sa Pa` -> `sa pa`)."""
    words = fold(name).split()
    found = _prefix(words, 0)
    return " ".join(words[found[0] :]) if found and found[0] < len(words) else " ".join(words)


def _prefix(words: list[str], at: int) -> tuple[int, Place, str] | None:
    for prefix, kind, word in _PREFIXES:
        if words[at : at + len(prefix)] == prefix:
            return len(prefix), kind, word
    return None


@dataclass(frozen=True, slots=True)
class Mention:
    """A place as an address names it: folded name, what it says it is, and the word for it (`Phường`).

    `kind` None is a part of the text without such a word.
    """

    name: str
    kind: Place | None
    word: str = ""


def mentions(address: str) -> list[Mention]:
    """The places that an address names, in its order. Text before the first unit word of a part is left aside.

    >>> [(one.name, one.kind) for one in mentions("Tổ 5, P.1, Q.3 TP.HCM")][1:3]
    [('1', 'commune'), ('3', 'district')]
    """
    found = []
    for segment in _SEGMENT.split(_spelled_out(address)):
        words = fold(segment).split()
        if words:
            found += _of_segment(words)
    return found


def _spelled_out(address: str) -> str:
    text = unicodedata.normalize("NFC", address)
    for short, words in _SHORT:
        text = short.sub(words, text)
    return text


def _of_segment(words: list[str]) -> list[Mention]:
    starts: list[tuple[int, int, Place, str]] = []
    at = 0
    while at < len(words):
        found = _prefix(words, at)
        if found and at + found[0] < len(words):
            starts.append((at, at + found[0], found[1], found[2]))
            at += found[0] + 1  # the word behind it belongs to the name (`Xã Phố Là`)
        else:
            at += 1
    if not starts:
        return [Mention(" ".join(words), None)]
    ends = [start for start, *_ in starts[1:]] + [len(words)]
    return [
        Mention(" ".join(words[begin:end]), kind, word)
        for (_, begin, kind, word), end in zip(starts, ends, strict=True)
    ]
