"""What can go wrong between the hub and a peer, grouped by who must act.

::

    ConnectorError
     ├─ ConfigError        the engineer: a file, a key or an address is wrong; nothing was sent
     └─ PeerError          something happened on the way to a peer
         ├─ PeerDown       nobody, it is retried: never reached, or gone before it answered a read
         │   └─ PeerBusy   nobody, it is retried: it answered "later" until the attempts were used up
         ├─ PeerUnknown    nobody, it is probed: a write may or may not have arrived; never resent unseen
         ├─ AuthRefused    the engineer or the province: login and password are not accepted
         ├─ BadAnswer      the vendor: the answer cannot be read as what its document promises
         ├─ PeerFault      the vendor: a SOAP fault that no rule of the spec names
         └─ PeerRefused    the vendor or the province: a readable answer that says no

Each error says what, where and what to do next; `raw` keeps the peer's answer for the quarantine, cut at 64 kB. The
text of an error is masked: no identity number, phone, name, file body, password or token reaches a log through it.
"""

from pathlib import Path
from typing import Any

from schemas.masking import mask_text

__all__ = [
    "AuthRefused",
    "BadAnswer",
    "ConfigError",
    "ConnectorError",
    "PeerBusy",
    "PeerDown",
    "PeerError",
    "PeerFault",
    "PeerRefused",
    "PeerUnknown",
]

RAW_LIMIT = 64 * 1024


class ConnectorError(Exception):
    """Base of everything this package raises: `what` happened, `where`, and the `next_step` for the one who must
    act."""

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        self.what = mask_text(what)
        self.where = where
        self.next_step = next_step
        super().__init__(self.what)

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head} {self.next_step}" if self.next_step else head

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is copied and sent to another process by its arguments alone, else: ours are named.
        return _remade, (type(self), self.args, self.__dict__)


def _remade(kind: type[ConnectorError], args: tuple[Any, ...], fields: dict[str, Any]) -> ConnectorError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class ConfigError(ConnectorError):
    """A configuration file or a connection cannot be used; `line` counts from 1, `key` is the dotted path."""

    def __init__(
        self,
        what: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        key: str | None = None,
        next_step: str = "",
    ) -> None:
        self.file = None if file is None else str(file)
        self.line = line
        self.key = key
        where = self.file or ""
        if line is not None:
            where += f":{line}"
        if key:
            where += f" ({key})" if where else key
        super().__init__(what, where=where, next_step=next_step)


class PeerError(ConnectorError):
    """Something happened on the way to a peer.

    `operation` is the stream or operation of the spec, `page` counts from 1, `status` is the HTTP status, `raw` the
    answer.
    """

    def __init__(
        self,
        what: str,
        *,
        peer: str,
        operation: str | None = None,
        page: int | None = None,
        status: int | None = None,
        raw: bytes | None = None,
        next_step: str = "",
    ) -> None:
        self.peer = peer
        self.operation = operation
        self.page = page
        self.status = status
        self.raw = None if raw is None else raw[:RAW_LIMIT]
        super().__init__(what, next_step=next_step)

    @property
    def where(self) -> str:
        """`peer · operation · page n`, as far as each is known."""
        parts = [self.peer, self.operation, f"page {self.page}" if self.page is not None else None]
        return " · ".join(part for part in parts if part)

    @where.setter
    def where(self, value: str) -> None:
        """Nothing to keep: the place is made of `peer`, `operation` and `page`."""

    def at_page(self, page: int) -> "PeerError":
        """The same error, told where in a pull it happened."""
        self.page = page
        return self


class PeerDown(PeerError):
    """The peer was never reached, or went away before it answered a read; repeating is safe."""


class PeerBusy(PeerDown):
    """The peer answered "later" (429, 503, a text of the spec's `retry` rules) until the attempts were used up."""


class PeerUnknown(PeerError):
    """A write left and no readable answer came back: it may have been carried out. Probe before sending again."""


class AuthRefused(PeerError):
    """The login was refused, or an answer asked for a login again right after one succeeded."""


class BadAnswer(PeerError):
    """The answer is not what the vendor's document promises: HTML for JSON, a cut page, a repeated page, a wrong
    type."""


class PeerFault(PeerError):
    """A SOAP fault that no rule of the spec names."""


class PeerRefused(PeerError):
    """A readable answer that says no, and that no rule of the spec names."""
