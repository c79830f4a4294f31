"""How much one host is asked, by all connectors of a process together: rate, requests in flight, and a circuit
breaker.

Two provinces behind one address share one budget, and the strictest limits named for a host hold for all.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pybreaker import STATE_OPEN, CircuitBreaker, CircuitBreakerError
from pyrate_limiter import Rate, RateItem, StateBucket, TokenBucket

from connectors.spec import Limits

MINUTE = 60_000
NEVER = 10.0**8


class HostClosed(Exception):
    """The circuit is open: the host failed too often and is left alone for a while."""


class _Failure(Exception):
    """What the circuit breaker counts."""


class Host:
    """The budget of one host. `clock` gives seconds (monotonic), `sleep` takes seconds."""

    def __init__(self, name: str, limits: Limits, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.name = name
        self._clock = clock
        self._sleep = sleep
        self._limits = limits
        self._free = threading.Condition()
        self._in_flight = 0
        self._bucket = _bucket(limits)
        self._breaker = CircuitBreaker(
            fail_max=limits.open_after, reset_timeout=NEVER, name=name, throw_new_error_on_trip=False
        )
        self._opened_at = 0.0
        self._last_failure = ""
        self._not_before = 0.0

    def tighten(self, limits: Limits) -> None:
        """Another connector asks this host: the strictest of both limits holds from now on."""
        with self._free:
            strict = self._limits.model_copy(
                update={
                    "per_second": min(self._limits.per_second, limits.per_second),
                    "burst": min(_burst(self._limits), _burst(limits)),
                    "parallel": min(self._limits.parallel, limits.parallel),
                }
            )
            if (strict.per_second, strict.burst) != (self._limits.per_second, _burst(self._limits)):
                self._bucket = _bucket(strict)
            self._limits = strict

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for a free place and a token, then holds the place; raises HostClosed."""
        self._check_open()
        with self._free:
            while self._in_flight >= self._limits.parallel:
                self._free.wait()
            self._in_flight += 1
        try:
            self._take_token()
            yield
        finally:
            with self._free:
                self._in_flight -= 1
                self._free.notify()

    def pause(self, seconds: float) -> None:
        """The peer asked for a pause: nobody asks this host before it is over."""
        with self._free:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def succeeded(self) -> None:
        """The host answered."""
        self._record(None)

    def failed(self, why: str) -> None:
        """The host could not be reached, did not answer, or is gone as a gateway says: `why` tells the next error."""
        with self._free:
            self._last_failure = why
        self._record(_Failure(why))

    def _check_open(self) -> None:
        # pybreaker holds its lock while it calls, which would make every request wait for the one before; so it
        # guards nothing itself and is only told how each request ended. The clock that was passed in decides when
        # the host is tried again: one failure then opens the circuit anew.
        with self._free:
            if self._breaker.current_state != STATE_OPEN:
                return
            if self._clock() < self._opened_at + self._limits.open_for:
                raise HostClosed(
                    f"{self.name} failed {self._breaker.fail_max} times in a row and is left alone for "
                    f"{self._limits.open_for:g} s. The last failure: {self._last_failure}"
                )
            self._breaker.half_open()

    def _record(self, error: Exception | None) -> None:
        def outcome() -> None:
            if error is not None:
                raise error

        try:
            self._breaker.call(outcome)
        except CircuitBreakerError:
            return
        except Exception as raised:
            if raised is not error:
                raise
            if self._breaker.current_state == STATE_OPEN:
                self._opened_at = self._clock()

    def _take_token(self) -> None:
        while True:
            with self._free:
                now = self._clock()
                pause = self._not_before - now
                if pause <= 0:
                    item = RateItem(self.name, int(now * 1000))
                    if self._bucket.put(item):
                        return
                    pause = max(int(self._bucket.waiting(item)), 1) / 1000
            self._sleep(pause)


class Hosts:
    """The hosts of a process, by network location."""

    def __init__(self) -> None:
        self._hosts: dict[str, Host] = {}
        self._lock = threading.Lock()

    def join(self, name: str, limits: Limits, clock: Callable[[], float], sleep: Callable[[float], None]) -> Host:
        """The host of this name, with these limits or stricter ones."""
        with self._lock:
            host = self._hosts.get(name)
            if host is None:
                host = self._hosts[name] = Host(name, limits, clock, sleep)
            else:
                host.tighten(limits)
            return host

    def forget(self) -> None:
        """Starts anew: no budgets, all circuits closed."""
        with self._lock:
            self._hosts.clear()


def _burst(limits: Limits) -> int:
    return limits.burst or max(1, int(limits.per_second))


def _bucket(limits: Limits) -> StateBucket:
    # Rates are kept per minute, so that 0.5 a second can be said in whole numbers.
    rate = Rate(max(1, round(limits.per_second * 60)), MINUTE, burst=_burst(limits))
    return StateBucket([rate], TokenBucket())
