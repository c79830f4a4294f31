"""A window longer than the peer allows is read in pieces: without a gap, none too long, and resumed anywhere."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import Connector, Hosts, Peer, Spec, Window, WireRequest, WireResponse
from connectors.paging.pager import Numbered, OnePage, Seen
from connectors.paging.windows import InPieces
from connectors.spec.times import TimeForm
from tests.connectors.conftest import NOW, Make, json_answer
from tests.connectors.specs import query_of, rest_spec

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")
SECONDS = TimeForm("dd/MM/yyyy HH:mm:ss", VIET_NAM)
WINDOWS = st.builds(
    lambda start, length: Window(EARLIEST + timedelta(seconds=start), EARLIEST + timedelta(seconds=start + length)),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)


def spec_of(most: str, form: str = "dd/MM/yyyy HH:mm:ss", pages: dict[str, Any] | None = None) -> Spec:
    window = {"since": "from", "until": "to", "most": most, "earliest": EARLIEST.isoformat(), "format": form}
    numbered = {"by": "number", "page": "p", "size": "n", "rows": 3, "total": "total"}
    return rest_spec({"window": window, "pages": pages or numbered})


class Changes:
    """A peer whose rows changed at these seconds; it refuses windows longer than it allows."""

    def __init__(self, seconds: list[int], most: timedelta, form: str = "dd/MM/yyyy HH:mm:ss") -> None:
        self.times = [EARLIEST + timedelta(seconds=second) for second in seconds]
        self.most = most
        self.form = TimeForm(form, VIET_NAM)
        self.asked: list[tuple[datetime, datetime]] = []

    def __call__(self, request: WireRequest) -> WireResponse:
        query, read = query_of(request), self.form.reader()
        since, until = read(query["from"]), read(query["to"])
        assert since is not None and until is not None
        if self.form.unit >= timedelta(days=1):
            until += timedelta(days=1) - timedelta(microseconds=1)
        assert until - since <= self.most, "the window is too long"
        self.asked.append((since, until))
        rows = [{"id": place, "changed": at.isoformat()} for place, at in enumerate(self.times) if since <= at <= until]
        page, size = int(query["p"]), int(query["n"])
        return json_answer({"rows": rows[page * size - size : page * size], "total": len(rows)})


def connector_for(spec: Spec, peer: Changes) -> Connector:
    return Connector(
        spec, Peer("p", "http://peer.test"), transport=peer, hosts=Hosts(), clock=lambda: NOW, sleep=lambda _: None
    )


@given(window=WINDOWS, most=st.integers(1, 300_000), form=st.sampled_from(["dd/MM/yyyy HH:mm:ss", "iso", "epoch_ms"]))
def test_pieces_cover_the_window_without_a_gap_and_none_is_longer_than_allowed(
    window: Window, most: int, form: str
) -> None:
    length = timedelta(seconds=max(most, 5000))
    pager = InPieces(OnePage(), window, length, TimeForm(form, VIET_NAM))
    pieces: list[tuple[datetime, datetime]] = []
    position: dict[str, Any] | None = pager.start()
    while position is not None:
        since, until = pager.since(position), pager.until(position)
        assert since is not None and until is not None
        pieces.append((since, until))
        position = orjson.loads(orjson.dumps(pager.after(position, Seen(rows=1), since)))
    assert (pieces[0][0], pieces[-1][1]) == (window.since, window.until)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(pieces))
    assert all(since < until <= since + length for since, until in pieces) or window.since == window.until
    assert len(pieces) == max(1, -(-(window.until - pieces[0][0]) // length))


@settings(deadline=None, max_examples=40)
@given(seconds=st.lists(st.integers(0, 400_000), max_size=30), window=WINDOWS, most=st.integers(20, 90))
def test_a_walk_in_pieces_finds_every_change_and_resumes_behind_any_page_with_exactly_the_rest(
    seconds: list[int], window: Window, most: int
) -> None:
    peer = Changes(seconds, timedelta(hours=most))
    connector = connector_for(spec_of(f"{most}h"), peer)
    pages = list(connector.pull("rows", window))
    found = [[record["id"] for record in page.records()] for page in pages]
    inside = {
        place for place, at in enumerate(peer.times) if window.since is not None and window.since <= at <= window.until
    }
    assert {key for keys in found for key in keys} == inside
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    for place, page in enumerate(pages):
        position = orjson.loads(orjson.dumps(page.position))
        rest = [[record["id"] for record in later.records()] for later in connector.pull("rows", window, position)]
        assert rest == found[place + 1 :]


@settings(deadline=None, max_examples=40)
@given(seconds=st.lists(st.integers(0, 1_200_000), max_size=30), window=WINDOWS, days=st.integers(1, 6))
def test_pieces_of_days_count_both_days_and_leave_none_out(seconds: list[int], window: Window, days: int) -> None:
    peer = Changes(seconds, timedelta(days=days), "dd/MM/yyyy")
    connector = connector_for(spec_of(f"{days}d", "dd/MM/yyyy"), peer)
    found = {record["id"] for page in connector.pull("rows", window) for record in page.records()}
    assert {
        place for place, at in enumerate(peer.times) if window.since and window.since <= at <= window.until
    } <= found
    firsts = sorted({since for since, _ in peer.asked})
    assert all(after - before == timedelta(days=days) for before, after in itertools.pairwise(firsts))


def test_a_walk_without_a_start_begins_at_the_earliest_and_knows_no_total(make: Make) -> None:
    peer = Changes([0, 86_400 * 40], timedelta(days=30))
    pages = list(make(spec_of("30d"), peer).pull("rows", Window(None, EARLIEST + timedelta(days=45))))
    assert peer.asked[0][0] == EARLIEST
    assert [(page.total, len(page)) for page in pages] == [(None, 1), (None, 1)]


def test_a_window_that_is_short_enough_is_one_piece_and_its_total_is_known(make: Make) -> None:
    peer = Changes([5, 6, 7, 8], timedelta(days=30))
    window = Window(EARLIEST, EARLIEST + timedelta(days=30))
    pages = list(make(spec_of("30d"), peer).pull("rows", window))
    assert [(page.number, page.total, page.last) for page in pages] == [(1, 4, False), (2, 4, True)]
    assert set(peer.asked) == {(EARLIEST, EARLIEST + timedelta(days=30))}


def test_the_same_row_on_the_border_of_two_pieces_is_asked_for_once_more_and_then_believed(make: Make) -> None:
    peer = Changes([86_400 * 30], timedelta(days=30))
    window = Window(EARLIEST, EARLIEST + timedelta(days=60))
    pages = list(make(spec_of("30d"), peer).pull("rows", window))
    assert [[record["id"] for record in page.records()] for page in pages] == [[0], [0], [0]]


@pytest.mark.parametrize("stumbles_at", range(2, 9))
def test_a_peer_that_gives_the_page_before_once_hides_none(make: Make, stumbles_at: int) -> None:
    """Also where a piece begins: the rows of a whole piece would be missing."""
    peer = Changes([86_400 * day + 7 for day in range(0, 120, 5)], timedelta(days=30))
    given: list[WireResponse] = []

    def stumbling(request: WireRequest) -> WireResponse:
        honest = peer(request)
        given.append(given[-1] if len(given) + 1 == stumbles_at else honest)
        return given[-1]

    window = Window(EARLIEST, EARLIEST + timedelta(days=120))
    pages = list(make(spec_of("30d"), stumbling).pull("rows", window))
    assert len(given) == 9
    assert {record["id"] for page in pages for record in page.records()} == set(range(24))


def test_pieces_go_on_inside_by_the_position_of_their_own_pages() -> None:
    window = Window(EARLIEST, EARLIEST + timedelta(days=3))
    pager = InPieces(Numbered("p", "n", 1, 2), window, timedelta(days=2), SECONDS)
    second = pager.after(pager.start(), Seen(rows=2), EARLIEST)
    assert second is not None
    third = pager.after(second, Seen(rows=1), EARLIEST)
    assert third is not None
    assert (pager.number(second), pager.number(third), pager.since(third)) == (2, 3, EARLIEST + timedelta(days=2))
    assert pager.until(third) == window.until
    assert pager.after(third, Seen(rows=0), None) is None
