"""Memory while pages come and go, and while large libraries load: no search for cycles that are not there; what pages
used goes back at the end."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def for_pages() -> Iterator[None]:
    """Pause Python's search for reference cycles, and return free memory to the system afterwards.

    Parsed pages are trees of new dicts: each search walks them all and finds nothing, which costs a third of a pull.
    They are freed by their reference counts as always; what little the libraries leave is found once it is over.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        give_back()


@contextmanager
def for_modules() -> Iterator[None]:
    """Pause Python's search for reference cycles while a large library loads, and leave out of later ones what is there
    by then: modules live as long as the process, and walking them costs a sixth of loading them, again and again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def give_back() -> None:
    """Let glibc return what was freed; it keeps it per thread otherwise. Other C libraries have no such call."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
