"""A gateway's quota: a token bucket that refills by its own clock."""

import math
from collections.abc import Callable


class Quota:
    """`burst` calls at once and `per_second` more each second; one more is refused."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self.per_second, self.burst = per_second, burst
        self._clock = clock
        self._left = float(burst)
        self._at = clock()

    def take(self) -> bool:
        """Whether one more call is within the quota; a refused call costs nothing."""
        self._refill()
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def retry_after(self) -> int:
        """Whole seconds until the next call is within the quota, at least 1."""
        self._refill()
        return max(1, math.ceil((1 - self._left) / self.per_second))

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Most calls at once, calls left now, seconds until all of them are there again."""
        self._refill()
        full = math.ceil((self.burst - self._left) / self.per_second)
        return (
            ("x-ratelimit-limit", str(self.burst)),
            ("x-ratelimit-remaining", str(int(self._left))),
            ("x-ratelimit-reset", str(full)),
        )

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self.burst, self._left + (now - self._at) * self.per_second)
        self._at = now
