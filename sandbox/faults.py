"""Faults that a test or a person arms on a running peer: each lets `after` calls pass, then spoils `times` calls."""

import random
from dataclasses import asdict, dataclass, field
from typing import Any

COMMON = {
    "down": "the connection is closed without an answer; nothing was applied",
    "html": "HTTP 200 with a proxy's HTML page `502 Bad Gateway`; nothing was applied",
    "http": "HTTP `status` (503) with a plain text; nothing was applied",
    "timeout": "no answer for `seconds` (5) or until the caller hangs up; nothing was applied",
    "slow": "applied and answered, but only after `seconds` (5)",
    "timeout_after": "applied, then no answer for `seconds` (5) or until the caller hangs up",
    "truncated": "applied, but the body ends after 60 % with a right Content-Length",
    "reset": "applied, but the connection breaks in the middle of the body",
    "wrong_charset": "the body is UTF-16 though the header says UTF-8",
}
SYSTEM = {
    "expired": "the token (REST) or the password (SOAP) is refused on this call",
    "wrong_password": "logging in is refused",
    "soap_fault": "a SOAP fault `Server` with `text`",
    "change_while_paging": "`records` (5) dossiers change and move just before this page is read",
    "repeat_page": "the page before is served again",
    "shuffle_page": "the records of the page come in another order",
    "quota": "HTTP 429 with Retry-After `seconds` (1); nothing was applied",
    "error_inside": "HTTP 200 that holds an error in the vendor's own words, `text`, where the vendor answers so",
    "refuse": "what is handed over from outside is refused with `text`",
    "unknown_field": "every record carries a field that no document names",
    "unknown_status": "the first record of the page has a status that no list knows",
}
TARGET = {
    "refuse_share": "until cleared, `percent` (1) of the imported dossiers, always the same, are refused with `text`",
}
STANDING = frozenset({"refuse_share"})
"""Kinds that hold until they are cleared and spoil no call as such."""
NATIONAL = {
    "timeout_before": "same as timeout: no answer and not applied",
    "session_expired": "the session is refused and forgotten",
    "exists": "a create is answered `đã tồn tại` with `error_code` (3)",
    "refuse": "refused with `error_code` (-99) and `text`; `code` picks one dossier",
    "refuse_progress": "progress is refused with `chưa cập nhật trạng thái`",
    "json_in_string": "the JSON answer comes as a string inside JSON",
}
NOT_APPLIED = frozenset({"down", "html", "http", "quota", "timeout", "timeout_before"})


@dataclass(slots=True)
class Fault:
    """One armed fault; `operation` "*" is any, `code` limits it to calls that name a dossier."""

    id: int
    operation: str
    kind: str
    after: int = 0
    times: int = 1
    code: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        return float(self.options.get(name, default))


class FaultBook:
    """The armed faults of one peer, in the order they were armed."""

    def __init__(self, kinds: dict[str, str]) -> None:
        self.kinds = COMMON | kinds
        self.armed: list[Fault] = []
        self._next = 1

    def arm(self, request: dict[str, Any]) -> Fault:
        """A fault from its JSON; ValueError names what is wrong with it."""
        body = dict(request)
        kind = str(body.pop("kind", ""))
        if kind not in self.kinds:
            raise ValueError(f"unknown fault kind {kind!r}; this peer knows: {', '.join(sorted(self.kinds))}")
        fault = Fault(
            id=self._next,
            operation=str(body.pop("operation", "*")),
            kind=kind,
            after=int(body.pop("after", 0)),
            times=int(body.pop("times", 1)),
            code=str(body.pop("code", "")),
            options=body,
        )
        self._next += 1
        self.armed.append(fault)
        return fault

    def take(self, operation: str, body: bytes) -> Fault | None:
        """The fault that spoils this call, if one does; every armed fault of the operation counts the call."""
        hit: Fault | None = None
        for fault in self.armed:
            if (
                fault.kind in STANDING
                or fault.operation not in ("*", operation)
                or (fault.code and fault.code.encode() not in body)
            ):
                continue
            if fault.after > 0:
                fault.after -= 1
            elif hit is None:
                fault.times -= 1
                hit = fault
        self.armed = [f for f in self.armed if f.times > 0]
        return hit

    def standing(self, kind: str) -> Fault | None:
        """The latest armed fault of a standing kind."""
        return next((fault for fault in reversed(self.armed) if fault.kind == kind), None)

    def clear(self) -> int:
        n = len(self.armed)
        self.armed = []
        return n

    def listing(self) -> list[dict[str, Any]]:
        return [asdict(f) for f in self.armed]


def shuffled(rows: list[int]) -> list[int]:
    """The rows of a page in another order, the same each time."""
    other = list(rows)
    random.Random(len(rows)).shuffle(other)
    return other
