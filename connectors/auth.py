"""Keeping a token: early refresh, one login for all who wait, one forced login after an auth answer.

Threads of one connector share the keeper. Whoever finds the token missing or old logs in while the others wait and
then use the new one; `renew` names the token that was refused, so that a thread late to notice does not throw away a
token that is already new.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Token:
    """A token or session; `expires` is a time of the keeper's clock in seconds, None: until the peer says no."""

    value: str = field(repr=False)
    expires: float | None = None


class TokenKeeper:
    """Holds the token that a login gives. `login` may raise; nothing is kept then."""

    def __init__(self, login: Callable[[], Token], clock: Callable[[], float], refresh_before: float) -> None:
        self._login = login
        self._clock = clock
        self._early = refresh_before
        self._lock = threading.Lock()
        self._token: Token | None = None

    def current(self) -> str:
        """A token that holds for at least `refresh_before` seconds; logs in when there is none."""
        with self._lock:
            if self._token is None or self._is_old(self._token):
                self._token = None
                self._token = self._login()
            return self._token.value

    def renew(self, refused: str) -> str:
        """A token other than the one that was refused; logs in unless another thread just did."""
        with self._lock:
            if self._token is None or self._token.value == refused:
                self._token = None
                self._token = self._login()
            return self._token.value

    def _is_old(self, token: Token) -> bool:
        return token.expires is not None and self._clock() >= token.expires - self._early
