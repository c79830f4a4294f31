"""Paging ends, loses nothing while the list moves, and calls a peer that goes round in circles what it is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import BadAnswer, Window, WireRequest, WireResponse
from connectors.paging.by_time import ByTime
from connectors.paging.pager import EndlessPages, MissingRows, Numbered, Pager, Seen
from tests.connectors.conftest import NOW, Make, Scripted, json_answer

START = datetime(2026, 6, 1, tzinfo=UTC)
MOVES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 60)), max_size=12)
TIMES = st.lists(st.integers(0, 40), max_size=60)


@dataclass
class Listing:
    """A peer's list, oldest change first; `moves` says which row changes before which page is read."""

    changed: dict[int, int]
    moves: list[tuple[int, int]]
    stays: bool
    reads: int = 0
    moved: set[int] = field(default_factory=set)

    def rows(self, since: datetime | None) -> list[tuple[int, datetime]]:
        times = sorted((second, key) for key, second in self.changed.items())
        listed = [(key, START + timedelta(seconds=second)) for second, key in times]
        return [(key, at) for key, at in listed if since is None or at >= since]

    def page(self, number: int, size: int, since: datetime | None) -> tuple[list[tuple[int, datetime]], int]:
        for read, key in self.moves:
            if read == self.reads and key in self.changed:
                self.moved.add(key)
                if self.stays:
                    self.changed[key] = 1000 + self.reads
                else:
                    del self.changed[key]
        self.reads += 1
        rows = self.rows(since)
        return rows[number * size : (number + 1) * size], len(rows)


def walk(pager: Pager, listing: Listing, size: int) -> set[int]:
    """The keys of all rows that a pager finds; a reader that does not end fails."""
    seen: set[int] = set()
    position = pager.start()
    before: list[tuple[int, datetime]] | None = None
    for _ in range(2000):
        rows, total = listing.page(position["page"] - 1, size, pager.since(position))
        seen |= {key for key, _ in rows}
        following = pager.after(position, Seen(len(rows), rows == before, total, times=[at for _, at in rows]), START)
        if following is None:
            return seen
        before, position = rows, following
    raise AssertionError("the pager does not end")


@given(times=TIMES, size=st.integers(1, 7), moves=MOVES)
def test_numbered_pages_lose_no_row_when_rows_leave_the_window(
    times: list[int], size: int, moves: list[tuple[int, int]]
) -> None:
    listing = Listing(dict(enumerate(times)), moves, stays=False)
    seen = walk(Numbered("page", "size", 1, size), listing, size)
    assert set(range(len(times))) - listing.moved <= seen


@given(times=TIMES, size=st.integers(2, 7), moves=MOVES, stays=st.booleans())
def test_pages_by_time_lose_no_row_when_rows_leave_or_move_to_the_end(
    times: list[int], size: int, moves: list[tuple[int, int]], stays: bool
) -> None:
    spread = {key: second * 10 + key % 10 for key, second in enumerate(times)}
    distinct = dict(zip(spread, sorted(set(spread.values())), strict=False))
    listing = Listing(dict(distinct), moves, stays)
    seen = walk(ByTime("page", "size", 1, size, timedelta(seconds=1)), listing, size)
    assert set(distinct) - listing.moved <= seen


@given(times=TIMES, size=st.integers(1, 7))
def test_pages_by_time_find_every_row_when_many_changed_at_one_instant(times: list[int], size: int) -> None:
    listing = Listing({key: second // 10 for key, second in enumerate(times)}, [], stays=True)
    assert walk(ByTime("page", "size", 1, size, timedelta(seconds=1)), listing, size) == set(range(len(times)))


def test_a_list_that_is_not_in_order_of_change_is_an_error_for_pages_by_time() -> None:
    pager = ByTime("page", "size", 1, 2, timedelta(seconds=1))
    changed = [START + timedelta(seconds=second) for second in (50, 1, 40, 2, 30, 3)]
    position = pager.start()
    with pytest.raises(EndlessPages, match="not in order"):
        for _ in range(1000):
            since = pager.since(position)
            left = [at for at in changed if since is None or at >= since]
            rows = left[(position["page"] - 1) * 2 : position["page"] * 2]
            following = pager.after(position, Seen(len(rows), total=len(left), times=rows), START)
            assert following is not None, "rows were lost without a word"
            position = following


def test_an_empty_page_before_the_counted_end_is_an_error() -> None:
    with pytest.raises(MissingRows, match="5 rows, although 10 are counted"):
        Numbered("page", "size", 1, 5).after({"page": 2, "total": 10, "read": 5}, Seen(rows=0, total=10), None)


def test_a_peer_that_gives_fewer_rows_a_page_than_asked_for_is_read_to_its_end() -> None:
    pager, position, reads = Numbered("page", "size", 1, 1000), {"page": 1}, 0
    following: dict[str, Any] | None = position
    while following is not None:
        reads += 1
        following = pager.after(following, Seen(rows=min(500, 2300 - (reads - 1) * 500), total=2300), None)
    assert reads == 5


def test_a_total_that_swings_is_an_error_and_no_endless_pull() -> None:
    pager = Numbered("page", "size", 1, 2)
    position, totals = pager.start(), [10, 9]
    with pytest.raises(EndlessPages, match="fell"):
        for read in range(1000):
            following = pager.after(position, Seen(rows=2, total=totals[read % 2]), None)
            assert following is not None
            position = following


@given(rows=st.integers(0, 40), size=st.integers(1, 9), first=st.sampled_from([0, 1]), said=st.sampled_from("tls"))
def test_numbered_pages_end_by_total_by_the_last_mark_and_by_a_short_page(
    rows: int, size: int, first: int, said: str
) -> None:
    pager, seen = Numbered("page", "size", first, size), 0
    position: dict[str, Any] | None = pager.start()
    for _ in range(60):
        assert position is not None
        number = position["page"] - first
        here = max(0, min(size, rows - number * size))
        seen += here
        last = (number + 1) * size >= rows
        position = pager.after(
            position, Seen(here, total=rows if said == "t" else None, last=last if said == "l" else None), None
        )
        if position is None:
            break
    assert (position, seen) == (None, rows)


class Igate:
    """A newest-first list of VNPT's shape; row 0 is the newest."""

    def __init__(self, rows: int, newest: datetime, step: timedelta) -> None:
        self.times = [newest - index * step for index in range(rows)]
        self.pages: list[int] = []

    def __call__(self, request: WireRequest) -> WireResponse:
        if request.url.endswith("/token"):
            return json_answer({"access_token": "t", "expires_in": 300})
        query = parse_qs(urlsplit(request.url).query)
        page, size = int(query["page"][0]), int(query["size"][0])
        self.pages.append(page)
        here = list(enumerate(self.times))[page * size : (page + 1) * size]
        rows = [{"id": f"r{index}", "updatedDate": at.isoformat()} for index, at in here]
        return json_answer({"content": rows, "last": (page + 1) * size >= len(self.times)})


def test_a_newest_first_pull_stops_behind_the_start_of_its_window(make: Make) -> None:
    peer = Igate(5000, NOW, timedelta(minutes=1))
    since = NOW - timedelta(minutes=700)
    keys = [
        record["id"]
        for page in make("vnpt_igate", peer).pull("dossiers", Window(since, NOW))
        for record in page.records()
    ]
    assert {f"r{index}" for index in range(701)} <= set(keys)
    assert peer.pages == [0, 1, 2]


def test_one_record_out_of_its_place_does_not_end_a_newest_first_pull(make: Make) -> None:
    peer = Igate(1200, NOW, timedelta(minutes=1))
    peer.times[10] = NOW - timedelta(days=400)
    window = Window(NOW - timedelta(minutes=900), NOW)
    pages = list(make("vnpt_igate", peer).pull("dossiers", window))
    assert sum(len(page) for page in pages) >= 901


def test_pages_wholly_behind_the_end_of_a_window_are_passed_over(make: Make) -> None:
    peer = Igate(1500, NOW, timedelta(minutes=1))
    window = Window(None, NOW - timedelta(minutes=600))
    assert [page.number for page in make("vnpt_igate", peer).pull("dossiers", window)] == [2, 3]


def test_a_pull_resumes_behind_a_page_and_behind_the_last_with_nothing(make: Make) -> None:
    peer = Igate(1200, NOW, timedelta(minutes=1))
    connector, window = make("vnpt_igate", peer), Window(None, NOW)
    pages = list(connector.pull("dossiers", window))
    assert [(page.number, page.last, len(page)) for page in pages] == [(1, False, 500), (2, False, 500), (3, True, 200)]
    assert [page.number for page in connector.pull("dossiers", window, after=pages[0].position)] == [2, 3]
    assert list(connector.pull("dossiers", window, after=pages[-1].position)) == []


def test_a_peer_that_repeats_its_page_for_ever_is_a_bad_answer_that_names_the_page(make: Make) -> None:
    same = json_answer({"content": [{"id": "a", "updatedDate": NOW.isoformat()}], "last": False})
    with pytest.raises(BadAnswer, match="same as the page before") as caught:
        list(make("vnpt_igate", Scripted(same)).pull("dossiers", Window(None, NOW)))
    # Newest first, as many rows as a page holds may have moved to the front: asked again, then passed, then an error.
    assert (caught.value.page, caught.value.operation) == (3, "dossiers")
    assert caught.value.raw == same.body
