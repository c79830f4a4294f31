"""Reading ahead: the next item is made by a thread while the one before it is worked on."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
