"""Keeping a token: early refresh, one login for all who wait, one forced login after an auth answer.

Threads of one connector share the keeper. Whoever finds the token missing or old logs in while the others wait and
then use the new one; `renew` names the token that was refused, so that a thread late to notice does not throw away a
token that is already new. A login that is refused is refused for all who waited: peers lock accounts after several.
"""

import threading
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field

from connectors.errors import AuthRefused


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
        self._logins = 0
        self._refused: AuthRefused | None = None

    def current(self) -> str:
        """A token that holds for at least `refresh_before` seconds; logs in when there is none."""
        known = self._logins
        with self._lock:
            if self._token is None or self._is_old(self._token):
                self._token = self._new(known)
            return self._token.value

    def renew(self, refused: str) -> str:
        """A token other than the one that was refused; logs in unless another thread just did."""
        known = self._logins
        with self._lock:
            if self._token is None or self._token.value == refused:
                self._token = self._new(known)
            return self._token.value

    def _new(self, known: int) -> Token:
        """A login, unless one was refused while its caller waited, who saw `known` logins ended before."""
        self._token = None
        if self._refused is not None and self._logins > known:
            raise copy(self._refused)
        self._refused = None
        try:
            return self._login()
        except AuthRefused as error:
            self._refused = copy(error)
            raise
        finally:
            self._logins += 1

    def _is_old(self, token: Token) -> bool:
        return token.expires is not None and self._clock() >= token.expires - self._early
