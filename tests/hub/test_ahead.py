"""Reading ahead changes when things happen, never their order, their errors or how many there are."""

import threading
from collections.abc import Iterator

import pytest

from hub.ahead import one_ahead


def test_items_come_in_their_order() -> None:
    assert list(one_ahead(one_ahead(range(50)))) == list(range(50))


def test_an_error_is_raised_after_the_items_before_it_were_worked_on() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("page 3")

    worked_on = []
    with pytest.raises(ValueError, match="page 3"):
        for item in one_ahead(source()):
            worked_on.append(item)
    assert worked_on == [1, 2]


def test_the_next_item_is_made_while_one_is_worked_on_and_none_beyond_it() -> None:
    made: list[int] = []
    second = threading.Event()

    def source() -> Iterator[int]:
        for number in range(1, 5):
            made.append(number)
            if number == 2:
                second.set()
            yield number

    items = one_ahead(source())
    assert next(items) == 1
    assert second.wait(5)
    assert made == [1, 2]
    items.close()  # type: ignore[attr-defined]
    assert made == [1, 2]


def test_an_error_of_the_worker_ends_the_reading() -> None:
    def source() -> Iterator[int]:
        yield from range(1000)

    with pytest.raises(RuntimeError, match="landing"):
        for item in one_ahead(source()):
            if item == 3:
                raise RuntimeError("landing")
    for thread in [one for one in threading.enumerate() if one.name.startswith("read-ahead")]:
        thread.join(5)
        assert not thread.is_alive()
