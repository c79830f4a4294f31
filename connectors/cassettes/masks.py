"""Made-up values in the place of personal ones: of the same shape, and the same one each time within a cassette."""

import base64
import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlencode, urlsplit, urlunsplit

from connectors.survey.looks import time_form
from schemas.masking import EMAIL, IDENTITY, PHONE
from schemas.personal import Kind, kind_of, plain_name

HIDDEN = "***"
SHORTEST = 5
"""Shorter texts are masked where their field says so, but not looked for everywhere."""
DIGITS = ("Không", "Một", "Hai", "Ba", "Bốn", "Năm", "Sáu", "Bảy", "Tám", "Chín")
FILE_NAME = re.compile(r"filename|tentep|tenfile|tentaptin")
ADDRESS = re.compile(r"https?://\S+")


class Masker:
    """Masks the values of one cassette.

    `secrets` are the account's own; `plain` are the names of fields that are never masked (a page's cursor). The
    made-up values come from `random` and say nothing of the true ones: the table of both is never written.
    """

    def __init__(self, secrets: Iterable[str] = (), plain: Iterable[str] = (), random: Random | None = None) -> None:
        self._secrets = {secret for secret in secrets if len(secret) > 2}
        self._plain = frozenset(plain)
        self._random = random or Random()
        self._made: dict[tuple[Kind, str], str] = {}
        self.originals: dict[str, str] = {}
        self.counts: Counter[Kind] = Counter()

    def add_secret(self, secret: str) -> None:
        """A secret that came up on the way, as a token does."""
        self._secrets.add(secret)

    def value(self, path: Sequence[str], text: str) -> str:
        """A text under these keys as it may be kept."""
        text = self.without_secrets(text)
        if not text.strip() or text == HIDDEN:
            return text
        field = path[-1] if path else ""
        if field in self._plain:
            return text
        if ADDRESS.fullmatch(text):
            return self._address(text)
        if FILE_NAME.search(plain_name(field)):
            return self._file_name(text)
        kind = kind_of(path, text)
        return self._without_known(text) if kind is None else self._instead(kind, text)

    def swept(self, text: str) -> str:
        """A whole file without any original or secret, in whichever way it may be written."""
        pairs = [*self.originals.items(), *((secret, HIDDEN) for secret in self._secrets)]
        for original, instead in sorted(pairs, key=lambda pair: -len(pair[0])):
            if len(original) < SHORTEST:
                continue
            for ours, theirs in zip(written_forms(original), written_forms(instead), strict=True):
                if ours in text:
                    text = text.replace(ours, theirs)
            for core, shown in zip(base64_cores(original), base64_cores(instead), strict=True):
                if core and core in text:
                    text = text.replace(core, (shown * len(core))[: len(core)] or "A" * len(core))
        return text

    def _instead(self, kind: Kind, text: str) -> str:
        folded = " ".join(unicodedata.normalize("NFC", text).casefold().split())
        made = self._made.get((kind, folded))
        if made is None:
            made = self._made[kind, folded] = self._make(kind, text)
            self.counts[kind] += 1
        if text.isupper() and kind == "name":
            made = made.upper()
        if kind not in ("words", "secret"):
            self.originals[text] = made
        return made

    def _make(self, kind: Kind, text: str) -> str:
        number = self.counts[kind] + 1
        if kind == "name":
            words = [DIGITS[int(digit)] for digit in str(number)]
            missing = len(text.split()) - len(words) - 1
            return " ".join(["Mẫu", *([DIGITS[0]] * missing), *words])
        if kind == "email":
            return EMAIL.sub(f"nguoi{number}@example.vn", text) if EMAIL.search(text) else scrambled(text)
        if kind in ("phone", "identity", "tax"):
            return self._digits(text, 4 if kind == "identity" and len(text) == 12 else 3 if kind == "phone" else 0)
        if kind == "birth":
            return _first_of_year(text)
        return HIDDEN if kind == "secret" else scrambled(text)

    def _digits(self, text: str, kept: int) -> str:
        """Other digits of the same number; the first ones say no more than province, century and sex, or network."""
        while True:
            made = "".join(
                str(self._random.randrange(10)) if letter.isdigit() and place >= kept else _hidden(letter)
                for place, letter in enumerate(text)
            )
            if made != text or not any(letter.isdigit() for letter in text[kept:]):
                return made

    def without_secrets(self, text: str) -> str:
        """A text in which the account's own values are hidden."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text

    def _without_known(self, text: str) -> str:
        """A plain text without the people that stand in it after all."""
        text = EMAIL.sub(lambda m: self._instead("email", m.group()), text)
        text = PHONE.sub(lambda m: self._instead("identity" if len(m.group()) == 12 else "phone", m.group()), text)
        text = IDENTITY.sub(lambda m: self._instead("identity", m.group()), text)
        if " " in text:
            for original, made in self.originals.items():
                if len(original) >= SHORTEST and original in text:
                    text = text.replace(original, made)
        return text

    def _file_name(self, text: str) -> str:
        stem, dot, ending = text.rpartition(".")
        return f"{self._without_known(scrambled(stem, digits=False))}{dot}{ending}" if dot else scrambled(text)

    def _address(self, text: str) -> str:
        """An address: host and codes stay, a file's name and the query's values do not."""
        parts = urlsplit(text)
        before, slash, last = parts.path.rpartition("/")
        path = "/".join(quote(self._without_known(unquote(part)), safe=":@") for part in before.split("/"))
        named = unquote(last)
        last = quote(self._file_name(named) if "." in named else self._without_known(named), safe=":@")
        query = urlencode([(name, self.value([name], value)) for name, value in parse_qsl(parts.query, True)])
        return urlunsplit((parts.scheme, parts.netloc, f"{path}{slash}{last}", query, ""))


class Shapes:
    """Stands in the place of a Masker where only the shape counts: what is personal becomes the name of its kind."""

    def __init__(self, plain: Iterable[str] = ()) -> None:
        self._plain = frozenset(plain)

    def value(self, path: Sequence[str], text: str) -> str:
        field = path[-1] if path else ""
        if text == HIDDEN or not text.strip() or field in self._plain:
            return text
        if ADDRESS.fullmatch(text):
            return "<address>"
        if FILE_NAME.search(plain_name(field)):
            return "<file>"
        kind = kind_of(path, text)
        if kind is None:
            for pattern, name in ((EMAIL, "<email>"), (PHONE, "<number>"), (IDENTITY, "<number>")):
                text = pattern.sub(name, text)
            return text
        return HIDDEN if kind == "secret" else "<number>" if kind in ("phone", "identity") else f"<{kind}>"


def scrambled(text: str, *, digits: bool = True) -> str:
    """A text of the same length and words that says nothing.

    >>> scrambled("Cấp đổi số 12"), scrambled("don-12", digits=False)
    ('Xxx xxx xx 00', 'xxx-12')
    """
    text = unicodedata.normalize("NFC", text)
    return "".join("0" if letter.isdigit() and digits else _hidden(letter) for letter in text)


def _hidden(letter: str) -> str:
    return ("X" if letter.isupper() else "x") if letter.isalpha() else letter


def _first_of_year(text: str) -> str:
    """A date of birth on the first of January: the year says no more than an age."""
    form = time_form(text) or ""
    if form.startswith("dd/MM/yyyy"):
        return f"01/01/{text[6:]}"
    if form.startswith("yyyy-MM-dd") or form == "iso":
        return f"{text[:4]}-01-01{text[10:]}"
    return f"{text[:4]}0101{text[8:]}" if form.startswith("yyyyMMdd") else scrambled(text)


def written_forms(text: str) -> Iterator[str]:
    """A text as JSON, addresses, forms and XML may write it; always as many, in one order."""
    escaped = json.dumps(text)[1:-1]
    yield text
    yield unicodedata.normalize("NFD", text)
    yield escaped
    yield escaped.replace("\\u", "\\\\u")
    yield re.sub(r"\\u([0-9a-f]{4})", lambda m: "\\u" + m.group(1).upper(), escaped)
    for coded in (quote(text, safe=""), quote_plus(text), quote(text, safe="@")):
        yield coded
        yield re.sub(r"%[0-9A-F]{2}", lambda m: m.group().lower(), coded)
    yield html.escape(text, quote=False)
    yield html.escape(html.escape(text, quote=False), quote=False)
    for form in ("&#{};", "&#x{:x};", "&#x{:X};"):
        yield "".join(letter if letter.isascii() else form.format(ord(letter)) for letter in text)
    yield base64.b64encode(text.encode()).decode()
    yield base64.urlsafe_b64encode(text.encode()).decode()


def base64_cores(text: str) -> list[str]:
    """What base64 makes of a text that stands at any of the three places of a longer one, without the ends."""
    raw = text.encode()
    cores = []
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        cores.append(whole[shift * 8 // 6 + (shift > 0) : len(whole) - 1])
    return cores
