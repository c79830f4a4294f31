"""Reading ahead: the next item is made by a thread while the one before it is worked on."""

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
TURN = 0.0002


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in the same order, with a thread at work on the next one; at most two exist at a time.

    An error of the source is raised in its turn: after the items before it were taken and worked on.
    """
    source, end = iter(items), object()
    thread = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
    try:
        coming = thread.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, source, end)
            yield item  # type: ignore[misc]
    finally:
        # No wait: a generator that is given up may be ended by the very thread that would be waited for.
        thread.shutdown(wait=False, cancel_futures=True)


@contextmanager
def quick_turns() -> Iterator[None]:
    """Let a thread that heard from the peer or the database go on after 0.2 ms, not after Python's 5.

    A page takes some forty reads and writes of sockets; while another thread maps, each would wait its whole turn.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
