"""Vietnamese texts as people compare them: case, spaces, Unicode form and the place of a tone mark do not matter."""

import unicodedata
from functools import lru_cache
from typing import Any

_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_NO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_SAME = str.maketrans({"–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-", "“": '"', "”": '"', "‘": "'", "’": "'"})


def tidy(value: Any) -> str:
    """A value of a list as text: NFC, single spaces, nothing invisible; "" for none."""
    if value is None:
        return ""
    text = " ".join(str(value).translate(_NO_WIDTH).replace("\x00", " ").split())
    return unicodedata.normalize("NFC", text)


@lru_cache(maxsize=32_768)
def folded(text: str) -> str:
    """The form in which two texts are compared.

    A syllable has at most one tone, so that its tone is moved to the end: `hòa` and `hoà` are the same word.

    >>> folded("Hoà  giải") == folded("HÒA GIẢI")
    True
    >>> folded("hòa") == folded("hoa")
    False
    """
    words = unicodedata.normalize("NFD", tidy(text).casefold().translate(_SAME)).split()
    return " ".join(_tone_last(word) for word in words).strip(" .;,")


def _tone_last(word: str) -> str:
    letters = [letter for letter in word if letter not in _TONES]
    if len(letters) == len(word):
        return unicodedata.normalize("NFC", word)
    tones = (letter for letter in word if letter in _TONES)
    return unicodedata.normalize("NFC", "".join(letters)) + "".join(tones)
