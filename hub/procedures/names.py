"""Vietnamese texts as people compare them: case, spaces, Unicode form and the place of a tone mark do not matter."""

import re
import unicodedata
from functools import lru_cache
from typing import Any

_TONES = "\u0300\u0301\u0303\u0309\u0323"
_SYLLABLE = re.compile(rf"[\w\u0302\u0306\u031b{_TONES}]+")
"""Letters with their marks (circumflex, breve, horn) and tones, in decomposed form."""
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
    plain = unicodedata.normalize("NFD", tidy(text).casefold().translate(_SAME))
    return unicodedata.normalize("NFC", _SYLLABLE.sub(_tone_last, plain)).strip(" .;,")


def _tone_last(syllable: re.Match[str]) -> str:
    tones = "".join(letter for letter in syllable[0] if letter in _TONES)
    return "".join(letter for letter in syllable[0] if letter not in _TONES) + tones
