"""A peer that pages for ever is told so, and an honest one is never taken for it."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import BadAnswer, Window, WireRequest, WireResponse
from connectors.paging.bounds import MOST_EMPTY, Bounded
from connectors.paging.chained import Cursor
from connectors.paging.pager import EndlessPages, Numbered, Offset, Pager, Seen
from tests.connectors.conftest import NOW, Make, json_answer
from tests.connectors.specs import query_of, rest_spec

WINDOW = Window(None, NOW)
NUMBER = {"by": "number", "page": "page", "size": "size", "rows": 5}
OFFSET = {"by": "offset", "offset": "skip", "limit": "take", "rows": 5}
CURSOR = {"by": "cursor", "cursor": "after", "next": "next"}
LINK = {"by": "link", "next": "next"}


def rows(start: int, many: int = 5) -> list[dict[str, Any]]:
    return [{"id": start + place, "changed": NOW.isoformat()} for place in range(many)]


def walked(make: Make, pages: dict[str, Any], answer: Callable[[int], dict[str, Any]], most: int = 300) -> str:
    """What the error says at the end of a walk; `answer` makes the nth answer, counted from 0."""
    asked = count()

    def peer(request: WireRequest) -> WireResponse:
        number = next(asked)
        assert number < 2000, "the walk does not end"
        return json_answer(answer(number))

    spec = rest_spec({"pages": pages})
    spec = spec.model_copy(update={"limits": spec.limits.model_copy(update={"pages": most})})
    with pytest.raises(BadAnswer) as caught:
        for _ in make(spec, peer).pull("rows", WINDOW):
            pass
    assert caught.value.page and caught.value.next_step
    return str(caught.value)


@pytest.mark.parametrize("length", [2, 3, 7])
@pytest.mark.parametrize("pages", [NUMBER, OFFSET, CURSOR, LINK], ids=lambda pages: pages["by"])
def test_pages_that_go_round_in_a_circle_are_an_error(make: Make, pages: dict[str, Any], length: int) -> None:
    said = walked(make, pages, lambda n: {"rows": rows(n % length * 5), "next": f"?c={n}"})
    assert "round in a circle" in said and "names under pages:" in said


@pytest.mark.parametrize("pages", [NUMBER, OFFSET, CURSOR, LINK], ids=lambda pages: pages["by"])
def test_ever_new_rows_end_at_the_most_pages_of_a_walk(make: Make, pages: dict[str, Any]) -> None:
    said = walked(make, pages, lambda n: {"rows": rows(n * 5), "next": f"?c={n}"}, most=50)
    assert "50 pages are read" in said and "limits.pages" in said


def test_a_total_that_grows_ahead_of_reading_ends_at_the_most_pages_of_a_walk(make: Make) -> None:
    said = walked(make, {**NUMBER, "total": "total"}, lambda n: {"rows": rows(n * 5), "total": n * 5 + 100}, most=50)
    assert "50 pages are read" in said


@pytest.mark.parametrize("pages", [CURSOR, LINK], ids=lambda pages: pages["by"])
def test_empty_pages_that_name_a_next_one_are_an_error_after_twenty(make: Make, pages: dict[str, Any]) -> None:
    said = walked(make, pages, lambda n: {"rows": rows(0) if n == 3 else [], "next": f"?c={n}"})
    assert f"page {4 + MOST_EMPTY} is the {MOST_EMPTY}th empty page in a row" in said


def test_some_empty_pages_between_others_are_no_error(make: Make) -> None:
    asked = count()

    def peer(request: WireRequest) -> WireResponse:
        number = next(asked)
        found = rows(number * 5) if number % MOST_EMPTY == 0 else []
        return json_answer({"rows": found, "next": f"c{number}" if number < 100 else ""})

    pages = list(make(rest_spec({"pages": CURSOR}), peer).pull("rows", WINDOW))
    assert sum(len(page) for page in pages) == 30


def test_what_was_seen_of_a_walk_goes_on_behind_a_crash(make: Make) -> None:
    asked = count()

    def peer(request: WireRequest) -> WireResponse:
        return json_answer({"rows": rows(next(asked) % 2 * 5)})

    connector, position = make(rest_spec({"pages": NUMBER}), peer), None
    with pytest.raises(BadAnswer, match="round in a circle"):
        for _ in range(50):
            position = next(connector.pull("rows", WINDOW, after=position)).position


def test_pages_by_number_of_a_list_of_pieces_share_what_lies_between(make: Make) -> None:
    """Every piece holds the same one row: right at the instant that pieces share, and no circle."""

    def peer(request: WireRequest) -> WireResponse:
        return json_answer({"rows": rows(0, 1) if int(query_of(request)["page"]) == 1 else []})

    window = {"since": "since", "until": "until", "most": "1d", "earliest": "2026-01-01T00:00:00+07:00"}
    spec = rest_spec({"pages": {**NUMBER, "first": 1}, "window": window})
    assert len(list(make(spec, peer).pull("rows", WINDOW))) > 100


@given(pushed=st.integers(0, 20), pages=st.integers(1, 5), length=st.integers(1, 40), offset=st.booleans())
def test_an_honest_list_that_grows_at_its_front_is_read_to_its_end(
    pushed: int, pages: int, length: int, offset: bool
) -> None:
    """Newest first, changes may push whole pages back: each comes again once, and the walk goes on."""
    inner: Pager = (
        Offset("page", "size", 0, 2, newest_first=True) if offset else Numbered("page", "size", 0, 2, newest_first=True)
    )
    pager, listed, before = Bounded(inner, 1000), list(range(length)), list[int]()
    position, found = pager.start(), set[int]()
    for read in range(500):
        if read == pushed:
            listed = [*range(1000, 1000 + 2 * pages), *listed]
        place = position["page"] * 2 if not offset else position["offset"]
        page = listed[place : place + 2]
        found |= set(page)
        following = pager.after(position, Seen(len(page), page == before, digest=str(page)), None)
        if following is None:
            break
        before, position = page, following
    assert following is None
    assert set(range(length)) <= found


def test_a_circle_whose_beginning_lies_far_behind_is_found() -> None:
    pager, position = Bounded(Cursor(size={}, cursor="c"), 100_000), None
    position = pager.start()
    with pytest.raises(EndlessPages, match="circle"):
        for read in range(10_000):
            page = read if read < 300 else 300 + read % 90
            following = pager.after(position, Seen(5, digest=str(page), next=f"c{read}"), None)
            assert following is not None
            position = following
    assert len(str(position)) < 200
