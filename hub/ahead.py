"""Reading ahead: the next page is fetched and parsed while the one before it is mapped and landed."""

import gc
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in the same order, with a thread at work on the next one; at most two exist at a time.

    An error of the source is raised in its turn: after the items before it were taken and worked on.
    """
    source, end = iter(items), object()
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        coming = thread.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, source, end)
            yield item  # type: ignore[misc]


@contextmanager
def without_cycle_search() -> Iterator[None]:
    """Pause Python's search for reference cycles: parsed pages hold none, and it walks every new dict again and again.

    It costs a third of a pull. Pages are freed by their reference counts as always; what little cyclic garbage the
    libraries leave is collected at the end.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
