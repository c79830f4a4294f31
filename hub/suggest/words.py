"""Words by which fields, codes and statuses are recognised (words.yaml), and the form in which names are compared."""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

import yaml

_WORDS = yaml.safe_load(Path(__file__).with_name("words.yaml").read_text("utf-8"))

FIELD_NAMES: dict[str, list[str]] = _WORDS["fields"]
CODE_WORDS: dict[str, dict[int, list[str]]] = _WORDS["codes"]
STATUS_WORDS: dict[int, list[str]] = _WORDS["statuses"]
LIST_NAMES: dict[str, dict[str, list[str]]] = _WORDS["lists"]
"""Names of lists under `list`, and of the fields of their entries."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^0-9A-Za-z]+")


@lru_cache(maxsize=16_384)
def bare(text: str) -> str:
    """A text without marks and capitals, words apart.

    >>> bare("Đã tiếp nhận"), bare("daTiepNhan"), bare("ngay_nop_HS")
    ('da tiep nhan', 'da tiep nhan', 'ngay nop hs')
    """
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(word.lower() for word in _HUMP.split(letters) if word)
