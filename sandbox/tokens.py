"""Tokens that a peer hands out at a login and forgets after a while, by its own clock."""

import secrets
from collections.abc import Callable


class Tokens:
    """The tokens in force; each holds `seconds` by `clock`."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self.seconds = seconds
        self._clock = clock
        self._ends: dict[str, float] = {}

    def issue(self) -> str:
        """A new token."""
        now = self._clock()
        self._ends = {token: end for token, end in self._ends.items() if end > now}
        token = secrets.token_urlsafe(32)
        self._ends[token] = now + self.seconds
        return token

    def bearer(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a request carries a token in force as `Authorization: Bearer …`."""
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and self.holds(token.decode("latin-1"))

    def holds(self, token: str) -> bool:
        return self._ends.get(token, 0) > self._clock()

    def forget(self) -> None:
        """Ends all of them at once."""
        self._ends = {}
