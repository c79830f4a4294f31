"""The answer table: what an answer of a peer means, by the ordered rules of its spec.

`done` accepted · `exists` the peer has it already · `not_found` the peer does not know it · `login_again` the
session is over · `retry` later, the same again · `hold` refused, a person must look. The first rule of which all
conditions hold decides; a code that no rule names is held, since guessing "done" loses a record and guessing "retry"
never ends. What cannot be read as an answer of the service (a gateway's HTML, a cut body, an error in words) is `done`
only by a rule that names its text or its code: a status alone says nothing of who wrote the page.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Any

from connectors.answer.opened import Envelope
from connectors.spec.words import Reply, Rule, Verdict

# With these HTTP says that there is no body.
NO_CONTENT = frozenset({204, 205})


@dataclass(frozen=True, slots=True)
class Said:
    """The parts of an answer that rules look at; `fault` is the code and text of a SOAP fault.

    `readable` is false for what is no answer of the service itself; a body may only be missing where HTTP says so (204,
    205).
    """

    status: int
    code: str | None = None
    text: str = field(default="", repr=False)
    fault: str | None = field(default=None, repr=False)
    readable: bool = True


def read_answer(status: int, envelope: Envelope, reply: Reply) -> Said:
    """The parts of an answer, wherever its envelope keeps them."""
    code = normal_code(envelope.find(reply.code)) if reply.code else None
    if envelope.readable:
        return Said(status, code, _text(envelope.find(reply.text)) if reply.text else "")
    return Said(
        status, code, envelope.words, envelope.fault, readable=envelope.kind == "empty" and status in NO_CONTENT
    )


def normal_code(code: Any) -> str | None:
    """An answer code as text, so that 0, "0" and "00" are one; None when there is none.

    >>> [normal_code(code) for code in (0, "0", "00", "-1", "E01", None, "")]
    ['0', '0', '0', '-1', 'E01', None, None]
    """
    text = "" if code is None else str(code).strip()
    if not text:
        return None
    return str(int(text)) if re.fullmatch(r"[+-]?\d{1,18}", text) else text


def fold(text: str) -> str:
    """A text as rules compare it: composed (NFC), no case, single spaces; accents stay."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def compile_rules(rules: Sequence[Rule], *, needs_code: bool) -> Callable[[Said], tuple[Verdict, bool]]:
    """A function that judges answers: the verdict, and whether a rule named it.

    Without a rule, HTTP 2xx is `done` where the system has no answer code (`needs_code` false); all else is `hold`.
    """
    tests = [(_compile(rule), rule.then) for rule in rules]

    def judge(said: Said) -> tuple[Verdict, bool]:
        for test, verdict in tests:
            if test(said):
                return verdict, True
        accepted = not needs_code and 200 <= said.status < 300 and said.fault is None
        return ("done" if accepted else "hold"), False

    return judge


def _compile(rule: Rule) -> Callable[[Said], bool]:
    statuses = frozenset(rule.status or ())
    codes = frozenset(None if code == "none" else normal_code(code) for code in rule.code or ())
    text, fault = _globs(rule.text), _globs(rule.fault)
    guesses = rule.then == "done" and not (text or fault or codes - {None})

    def test(said: Said) -> bool:
        if guesses and not said.readable:
            return False
        if statuses and said.status not in statuses:
            return False
        if codes and said.code not in codes:
            return False
        if text and not text(said.text):
            return False
        return not fault or (said.fault is not None and fault(said.fault))

    return test


def _globs(globs: Sequence[str] | None) -> Callable[[str], bool] | None:
    if not globs:
        return None
    pattern = re.compile("|".join(translate(fold(glob)) for glob in globs))
    return lambda text: pattern.match(fold(text)) is not None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
