"""How a wire value is read (`as:`) and how a canonical value is written back.

Every reader takes one wire value and gives its canonical value, None for a blank one; it raises `Refused` for a value
it cannot read and `Amended` for one that it had to change. Readers of values that repeat are `Memo` tables: a look-up
in one costs a tenth of the reading.
"""

import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any

from mappings.mapped import Amended, Refused
from schemas.identifiers import is_dossier_code, new_agency_code, old_agency_code, procedure_base, procedure_suffix
from schemas.records import VIET_NAM

Read = Callable[[Any], Any]

is_normalized = unicodedata.is_normalized

_NO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


class Memo(dict[Any, Any]):
    """A reader that remembers the strings it has read: `memo[value]`. Blank values give None.

    Only strings are remembered: 1, 1.0 and True are one key to a dict and three values on a wire. It forgets
    everything when it holds `most` values, so memory stays flat over any number of records.
    """

    __slots__ = ("most", "read", "ready")

    def __init__(self, read: Read, ready: dict[Any, Any] | None = None, most: int = 20_000) -> None:
        super().__init__()
        self.read = read
        self.ready = {None: None, "": None, **(ready or {})}
        self.most = most
        self.update(self.ready)

    def __missing__(self, value: Any) -> Any:
        found = self.read(value)
        if value.__class__ is str and len(value) <= 200:
            if len(self) >= self.most:
                self.clear()
                self.update(self.ready)
            self[value] = found
        return found


def clean(value: str) -> str:
    """NFC, every run of spaces and line ends as one space, no control or zero-width characters."""
    if value.isascii():
        return " ".join(value.split()) if value.isprintable() else _drop_unprintable(value)
    text = " ".join(value.split())
    if not text.isprintable():
        text = _drop_unprintable(text)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _drop_unprintable(value: str) -> str:
    text = "".join(c for c in value.translate(_NO_WIDTH) if c.isspace() or unicodedata.category(c) != "Cc")
    return " ".join(text.split())


def _as_text(value: Any) -> str:
    """A string or a whole number as text; a truth value, a fraction or a list is a `bad_value`."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return str(value)
        except ValueError:  # thousands of digits
            raise Refused("bad_value", "<number of thousands of digits>") from None
    raise Refused("bad_value")


def text_reader(most: int | None = None) -> Read:
    """Clean text, cut at `most` characters. Composing (NFC) is noted as `decomposed_text`, a cut as `long_<field>`."""

    longest = most or 10**9

    def read(value: Any) -> str | None:
        if (
            value.__class__ is str
            and value.isprintable()
            and "  " not in value
            and value.strip() is value
            and len(value) <= longest
            and (value.isascii() or is_normalized("NFC", value))
        ):
            return value or None
        return read_slowly(value)

    def read_slowly(value: Any) -> str | None:
        raw = _as_text(value)
        text = clean(raw)
        if not text:
            return None
        notes: list[tuple[str, str | None]] = []
        if not text.isascii():
            if not unicodedata.is_normalized("NFC", raw):
                notes.append(("decomposed_text", None))
            if not text.isprintable() and any(unicodedata.category(c) == "Cs" for c in text):
                raise Refused("bad_value", text.encode("ascii", "backslashreplace").decode())
        if most is not None and len(text) > most:
            notes.append(("long_", f"{len(text):,} characters, kept {most:,}"))
            text = text[:most].rstrip()
        if notes:
            raise Amended(text, *notes)
        return text

    return read


def read_dossier_code(value: Any) -> str | None:
    """A dossier code, kept as it is; one off the lenient form (CONTRACTS 5 [seen]) is noted as `odd_code`."""
    if value.__class__ is str and is_dossier_code(value):
        return value
    text = clean(_as_text(value))
    if not text:
        return None
    if not is_dossier_code(text):
        raise Amended(text, ("odd_code", text[:100]))
    return text


def read_procedure_base(value: Any) -> str | None:
    """The national base of a procedure code; a code without one is `unmapped_procedure`."""
    text = clean(_as_text(value))
    if not text:
        return None
    base = procedure_base(text)
    if base is None:
        raise Refused("unmapped_procedure")
    return base


def read_procedure_suffix(value: Any) -> str | None:
    """The agency behind the base of a procedure code, blank where none stands; no procedure code is refused."""
    text = clean(_as_text(value))
    if text and procedure_base(text) is None:
        raise Refused("unmapped_procedure")
    return procedure_suffix(text)


def agency_code_reader(form: Callable[[str], str | None]) -> Read:
    """A reader of agency codes into one of their two forms; one in neither is kept and noted as `odd_agency_code`."""

    def read(value: Any) -> str | None:
        text = clean(_as_text(value))
        if not text:
            return None
        code = form(text.upper())
        if code is None:
            raise Amended(text, ("odd_agency_code", text[:100]))
        return code

    return read


read_agency_code = agency_code_reader(new_agency_code)
read_old_agency_code = agency_code_reader(old_agency_code)


def read_integer(value: Any) -> int | None:
    """A whole number, or its digits as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        digits = text[1:] if text[0] == "-" else text
        if digits.isascii() and digits.isdigit() and len(digits) <= 18:
            return int(text)
    raise Refused("bad_value")


_FLAGS = {
    "1": True, "0": False, "true": True, "false": False, "có": True, "không": False, "yes": True, "no": False,
}  # fmt: skip


def read_flag(value: Any) -> bool | None:
    """true/false, 1/0, "1"/"0", "Có"/"Không"."""
    if isinstance(value, bool):
        return value
    text = clean(_as_text(value)).casefold()
    if not text:
        return None
    if text not in _FLAGS:
        raise Refused("bad_value")
    return _FLAGS[text]


_NOTHING = frozenset({"không", "không thu", "miễn phí", "miễn", "không thu phí"})
_UNITS = (" vnđ", " vnd", " đồng", " đ", "đồng", "vnđ", "vnd", "đ")


def read_number(value: Any) -> int | float | None:
    """A number as it is, or as Vietnamese offices print it: "1.000.000", "1,000,000", "150.000 đồng", "12,5".

    "Không" and "Miễn phí" are 0. A single point or comma before three digits parts thousands ("135.000" is 135,000).
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise Refused("bad_value")
        return int(value) if value.is_integer() else value
    if not isinstance(value, str):
        raise Refused("bad_value")
    text = clean(value).casefold()
    if not text:
        return None
    if text in _NOTHING:
        return 0
    for unit in _UNITS:
        if text.endswith(unit):
            text = text[: -len(unit)].rstrip()
            break
    sign = -1 if text.startswith("-") else 1
    return sign * _printed_number(text.lstrip("-") if sign < 0 else text)


def _printed_number(text: str) -> int | float:
    for mark, other in ((".", ","), (",", ".")):
        whole, found, rest = text.partition(other)
        groups = whole.split(mark)
        grouped = len(groups) > 1 and 1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
        digits = "".join(groups)
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18) or not (grouped or len(groups) == 1):
            continue
        if not found:
            return int(digits)
        if rest.isascii() and rest.isdigit() and (len(rest) <= 2 or (len(groups) == 1 and len(rest) != 3)):
            fraction = float(f"{digits}.{rest[:12]}")
            return int(fraction) if fraction.is_integer() else fraction
    raise Refused("bad_value")


_NUMBER_MARKS = str.maketrans("", "", " .-")


def citizen_number_reader() -> Callable[..., list[dict[str, str]] | None]:
    """A citizen number as the list of identifiers: 12 digits are a CCCD (1), 9 a CMND (2), else `bad_identity`.

    The reader may be given the kind that the source states too; one that contradicts the length is refused. A number is
    masked in its finding.
    """
    kinds = Memo(read_stated_kind)

    def read(value: Any, stated: Any = None) -> list[dict[str, str]] | None:
        says = kinds[stated] if stated.__class__ is str else None if stated is None else read_stated_kind(stated)
        text = value
        if value.__class__ is not str or not value.isdigit():
            text = clean(_as_text(value)).translate(_NUMBER_MARKS)
            if not text:
                return None
        length = len(text) if text.isascii() and text.isdigit() else 0
        kind = "1" if length == 12 else "2" if length == 9 else None
        if kind is None or (says is not None and says != kind):
            raise Refused("bad_identity", f"{text[:3]}… ({len(text)} characters)")
        return [{"kind": kind, "number": text}]

    return read


_STATED_KINDS = {"1": "1", "cccd": "1", "căn cước": "1", "căn cước công dân": "1", "2": "2", "cmnd": "2"}


def read_stated_kind(value: Any) -> str | None:
    """The kind of citizen number that a source states: CCCD or 1, CMND or 2; None for one that says neither."""
    return _STATED_KINDS.get(clean(_as_text(value)).casefold())


def read_key(value: Any) -> str | None:
    """A value as code lists and conditions compare it: clean text, letter case aside; true is 1, false is 0."""
    if value is None:
        return None
    if isinstance(value, float):
        value = int(value) if value.is_integer() else str(value)
    if isinstance(value, bool):
        value = int(value)
    return clean(_as_text(value)).casefold() or None


# --- the way back: canonical -> wire ------------------------------------------------------------------------------


def write_text(value: Any) -> str | None:
    return read_text(value)


def write_flag(value: Any) -> str | None:
    """1 or 0."""
    if isinstance(value, bool):
        return "1" if value else "0"
    raise Refused("bad_value")


def write_number(value: Any) -> str | None:
    """Plain digits, a point before a fraction: 150000, 12.5."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(read_number(value))
    raise Refused("bad_value")


def write_compact_time(value: Any) -> str | None:
    """yyyyMMddHHmmss in Asia/Ho_Chi_Minh."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Refused("bad_date")
    t = value if value.tzinfo is VIET_NAM else value.astimezone(VIET_NAM)
    return f"{t.year:04}{t.month:02}{t.day:02}{t.hour:02}{t.minute:02}{t.second:02}"


read_text = text_reader()
