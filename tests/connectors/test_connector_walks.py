"""Offsets, cursors and links find every row, and a peer that lies about them is told so."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors import BadAnswer, Connector, Page, Window, WireRequest, WireResponse
from connectors.paging.chained import Cursor
from connectors.paging.pager import EndlessPages, MissingRows, Numbered, Offset, Seen
from tests.connectors.conftest import NOW, Make, json_answer
from tests.connectors.specs import query_of, rest_spec

WINDOW = Window(None, NOW)
OFFSET = {"by": "offset", "offset": "skip", "limit": "take", "rows": 10}
CURSOR = {"by": "cursor", "cursor": "after", "next": "meta.next", "size": "take", "rows": 10}
LINK = {"by": "link", "next": "next", "size": "take", "rows": 10}


class Keeping:
    """Keeps the requests and answers with a function of each."""

    def __init__(self, answer: Callable[[WireRequest], WireResponse]) -> None:
        self.answer = answer
        self.requests: list[WireRequest] = []

    def __call__(self, request: WireRequest) -> WireResponse:
        self.requests.append(request)
        assert len(self.requests) < 500, "the walk does not end"
        return self.answer(request)

    @property
    def queries(self) -> list[dict[str, str]]:
        return [query_of(request) for request in self.requests]


def rows_of(pages: Iterator[Page]) -> list[Any]:
    return [record["id"] for page in pages for record in page.records()]


def listing(count: int) -> list[dict[str, Any]]:
    return [{"id": place, "changed": NOW.isoformat()} for place in range(count)]


def by_offset(rows: list[dict[str, Any]], said: str = "total", most: int = 1000) -> Keeping:
    """A peer that counts (`total`), or marks the last page (`last`) or that more follow (`more`); `most` a page."""

    def answer(request: WireRequest) -> WireResponse:
        query = query_of(request)
        start = int(query["skip"])
        end = start + min(int(query["take"]), most)
        marks = {"total": len(rows), "last": end >= len(rows), "more": end < len(rows)}
        return json_answer({"rows": rows[start:end], said: marks[said]})

    return Keeping(answer)


@pytest.mark.parametrize("said", ["total", "last", "more"])
@pytest.mark.parametrize("count", [0, 1, 10, 25, 30])
def test_offsets_give_every_row_once_and_end_where_the_answer_says(make: Make, said: str, count: int) -> None:
    peer = by_offset(listing(count), said)
    connector = make(rest_spec({"pages": {**OFFSET, said: said}}), peer)
    assert rows_of(connector.pull("rows", WINDOW)) == list(range(count))
    asked = [int(query["skip"]) for query in peer.queries]
    assert asked == list(range(0, max(count, 1), 10))


def test_offsets_without_a_mark_end_at_a_page_that_is_not_full(make: Make) -> None:
    peer = by_offset(listing(25), "total")
    assert rows_of(make(rest_spec({"pages": OFFSET}), peer).pull("rows", WINDOW)) == list(range(25))
    assert len(peer.requests) == 3


def test_offsets_skip_what_was_given_when_a_peer_gives_fewer_than_asked_for(make: Make) -> None:
    peer = by_offset(listing(25), "total", most=4)
    assert rows_of(make(rest_spec({"pages": {**OFFSET, "total": "total"}}), peer).pull("rows", WINDOW)) == list(
        range(25)
    )
    assert [query["skip"] for query in peer.queries] == ["0", "4", "8", "12", "16", "20", "24"]


@given(
    count=st.integers(0, 60),
    size=st.integers(1, 7),
    moves=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 60)), max_size=12),
)
@example(count=3, size=1, moves=[(1, 0), (2, 1)])  # behind a step back the page equals the one before
def test_offsets_lose_no_row_when_rows_leave_while_paging(count: int, size: int, moves: list[tuple[int, int]]) -> None:
    pager, left, gone, seen = Offset("skip", "take", 0, size), list(range(count)), set[int](), set[int]()
    position: dict[str, Any] | None = pager.start()
    before: list[int] | None = None
    for read in range(1000):
        if position is None:
            break
        for when, row in moves:
            if when == read and row in left:
                left.remove(row)
                gone.add(row)
        here = left[position["offset"] :][:size]
        seen |= set(here)
        position = pager.after(position, Seen(len(here), here == before, len(left)), None)
        before = here
    assert position is None, "the walk does not end"
    assert set(range(count)) - gone <= seen


def test_a_page_of_an_offset_that_comes_again_is_asked_for_once_more_and_then_an_error(make: Make) -> None:
    peer = Keeping(lambda request: json_answer({"rows": listing(10), "total": 100}))
    with pytest.raises(BadAnswer, match="page 2 is the same as the page before it") as caught:
        list(make(rest_spec({"pages": {**OFFSET, "total": "total"}}), peer).pull("rows", WINDOW))
    assert caught.value.page == 2


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("kind", [Numbered, Offset])
def test_a_page_that_comes_again_once_is_not_counted_twice(kind: type[Numbered | Offset], newest_first: bool) -> None:
    """Else the walk would end a page too early, where the answer counts the rows."""
    pager = kind("page", "size", 0, 10, newest_first)
    rows, seen, before, stumbles = list(range(50)), set[int](), list[int](), 1
    position: dict[str, Any] | None = pager.start()
    while position is not None:
        start = position["page"] * 10 if kind is Numbered else position["offset"]
        if start == 20 and stumbles:
            start, stumbles = 10, 0
        here = rows[start : start + 10]
        seen |= set(here)
        position = pager.after(position, Seen(len(here), here == before, len(rows)), None)
        before = here
    assert seen == set(rows)


def test_fewer_rows_than_are_counted_are_an_error(make: Make) -> None:
    peer = by_offset(listing(25), "total")
    honest = peer.answer
    peer.answer = lambda request: WireResponse(200, honest(request).body.replace(b'"total":25', b'"total":40'))
    with pytest.raises(BadAnswer, match="empty after 25 rows, although 40 are counted"):
        list(make(rest_spec({"pages": {**OFFSET, "total": "total"}}), peer).pull("rows", WINDOW))


def test_a_mark_that_is_missing_is_an_error_that_names_it(make: Make) -> None:
    peer = by_offset(listing(25), "total")
    with pytest.raises(BadAnswer, match=r"no true or false under 'paging\.more'"):
        list(make(rest_spec({"pages": {**OFFSET, "more": "paging.more"}}), peer).pull("rows", WINDOW))


def test_numbers_end_where_the_answer_says_that_no_more_follow(make: Make) -> None:
    def answer(request: WireRequest) -> WireResponse:
        page = int(query_of(request)["p"])
        return json_answer({"rows": listing(30)[page * 10 - 10 : page * 10], "more": page < 3})

    peer = Keeping(answer)
    pages = {"by": "number", "page": "p", "size": "n", "rows": 10, "more": "more"}
    assert rows_of(make(rest_spec({"pages": pages}), peer).pull("rows", WINDOW)) == list(range(30))
    assert [query["p"] for query in peer.queries] == ["1", "2", "3"]


def test_a_page_that_the_peer_does_not_know_is_a_page_without_rows_unless_rows_are_counted(make: Make) -> None:
    pages = {"by": "number", "page": "p", "size": "n", "rows": 10, "total": "total"}
    spec = rest_spec({"pages": pages}, answers=[{"status": 404, "then": "not_found"}])
    none = Keeping(lambda request: json_answer({"message": "không có"}, status=404))
    assert [len(page) for page in make(spec, none).pull("rows", WINDOW)] == [0]

    def lies(request: WireRequest) -> WireResponse:
        if query_of(request)["p"] == "1":
            return json_answer({"rows": listing(10), "total": 25})
        return json_answer({}, status=404)

    with pytest.raises(BadAnswer, match="10 rows, although 25 are counted"):
        list(make(spec, Keeping(lies)).pull("rows", WINDOW))


def by_cursor(rows: list[dict[str, Any]], names: Callable[[int], str] = "c{}".format) -> Keeping:
    def answer(request: WireRequest) -> WireResponse:
        query = query_of(request)
        starts = {names(place): place for place in range(0, len(rows) + 1)}
        start = starts[query["after"]] if "after" in query else 0
        end = start + int(query["take"])
        following = names(end) if end < len(rows) else None
        return json_answer({"rows": rows[start:end], "meta": {"next": following, "total": len(rows)}})

    return Keeping(answer)


@pytest.mark.parametrize("count", [0, 1, 10, 25, 30])
def test_a_cursor_is_carried_on_until_there_is_none(make: Make, count: int) -> None:
    peer = by_cursor(listing(count))
    connector = make(rest_spec({"pages": CURSOR}), peer)
    pages = list(connector.pull("rows", WINDOW))
    assert rows_of(iter(pages)) == list(range(count))
    assert "after" not in peer.queries[0]
    assert [page.number for page in pages] == list(range(1, max(1, (count + 9) // 10) + 1))


def test_a_walk_by_cursor_resumes_behind_any_page(make: Make) -> None:
    peer = by_cursor(listing(45))
    connector = make(rest_spec({"pages": {**CURSOR, "total": "meta.total"}}), peer)
    pages = list(connector.pull("rows", WINDOW))
    for place, page in enumerate(pages, 1):
        assert rows_of(connector.pull("rows", WINDOW, after=page.position)) == list(range(min(place * 10, 45), 45))


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_cursors_that_go_round_in_a_circle_are_an_error(make: Make, length: int) -> None:
    def answer(request: WireRequest) -> WireResponse:
        here = int(query_of(request).get("after", "-1"))
        # Each page has other rows, so that only the cursors tell.
        rows = [{"id": f"{here}-{len(peer.requests)}"}]
        return json_answer({"rows": rows, "meta": {"next": str((here + 1) % length)}})

    peer = Keeping(answer)
    with pytest.raises(BadAnswer, match="names a page as the next one that was read before"):
        list(make(rest_spec({"pages": CURSOR}), peer).pull("rows", WINDOW))
    assert len(peer.requests) < 4 * length + 4


def test_the_same_rows_under_another_cursor_are_an_error(make: Make) -> None:
    peer = Keeping(lambda request: json_answer({"rows": listing(3), "meta": {"next": f"c{len(peer.requests)}"}}))
    with pytest.raises(BadAnswer, match="same as the page before") as caught:
        list(make(rest_spec({"pages": CURSOR}), peer).pull("rows", WINDOW))
    assert caught.value.page == 2


def test_a_cursor_whose_page_comes_again_once_is_asked_for_once_more(make: Make) -> None:
    peer = by_cursor(listing(25))
    honest, given = peer.answer, list[WireResponse]()

    def stumbling(request: WireRequest) -> WireResponse:
        given.append(given[-1] if len(given) == 1 else honest(request))
        return given[-1]

    peer.answer = stumbling
    pages = list(make(rest_spec({"pages": CURSOR}), peer).pull("rows", WINDOW))
    assert [len(page) for page in pages] == [10, 10, 10, 5]
    assert len({record["id"] for page in pages for record in page.records()}) == 25


def test_an_end_of_the_cursors_before_the_total_is_an_error(make: Make) -> None:
    peer = by_cursor(listing(25))
    honest = peer.answer
    peer.answer = lambda request: WireResponse(200, honest(request).body.replace(b'"total":25', b'"total":26'))
    with pytest.raises(BadAnswer, match="after 25 rows, although 26 are counted"):
        list(make(rest_spec({"pages": {**CURSOR, "total": "meta.total"}}), peer).pull("rows", WINDOW))


def test_more_without_a_cursor_is_an_error() -> None:
    pager = Cursor(size={}, cursor="after")
    with pytest.raises(MissingRows, match="does not say where"):
        pager.after(pager.start(), Seen(rows=3, last=False), None)
    assert pager.after(pager.start(), Seen(rows=3, last=True, next="c9"), None) is None


def test_a_cursor_beside_rows_of_a_total_that_fell_is_no_error() -> None:
    pager = Cursor(size={}, cursor="after")
    position = pager.after(pager.start(), Seen(rows=10, total=20, next="c1"), None)
    assert position is not None
    assert pager.after(position, Seen(rows=9, total=19), None) is None
    with pytest.raises(EndlessPages):
        pager.after(position, Seen(rows=9, total=19, next="c1"), None)


def linked(rows: list[dict[str, Any]], address: str, header: bool = False) -> Keeping:
    """A peer whose answers give the next page's address, made from `address` with the place in it."""

    def answer(request: WireRequest) -> WireResponse:
        start = int(query_of(request).get("from", "0"))
        following = address.format(start + 10) if start + 10 < len(rows) else ""
        body = {"rows": rows[start : start + 10], "next": "" if header else following}
        links = {"Link": f'<http://peer.test/base/rows>; rel="first", <{following}>; rel="next"'}
        return WireResponse(200, orjson.dumps(body), links if header and following else {})

    return Keeping(answer)


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize(
    "address", ["http://peer.test/base/rows?from={}", "/base/rows?from={}", "rows?from={}", "?from={}"]
)
def test_links_are_followed_however_they_are_written(make: Make, address: str, header: bool) -> None:
    peer = linked(listing(35), address, header)
    pages = {**LINK, "next": "header"} if header else LINK
    connector = make(rest_spec({"pages": pages, "params": {"unit": "{unit}"}}), peer)
    assert rows_of(connector.pull("rows", WINDOW)) == list(range(35))
    assert [request.url for request in peer.requests] == [
        "http://peer.test/base/rows?unit=H38&take=10",
        *(f"http://peer.test/base/rows?from={place}" for place in (10, 20, 30)),
    ]


def test_a_linked_page_carries_the_login_and_is_retried_like_any_other(make: Make) -> None:
    peer = linked(listing(25), "?from={}")
    honest, busy = peer.answer, [True]

    def answer(request: WireRequest) -> WireResponse:
        if "from=10" in request.url and busy.pop():
            busy.append(False)
            return json_answer({}, status=503)
        return honest(request)

    peer.answer = answer
    spec = rest_spec({"pages": LINK}, auth={"kind": "bearer"}, answers=[{"status": 503, "then": "retry"}])
    assert rows_of(make(spec, peer).pull("rows", WINDOW)) == list(range(25))
    assert {request.headers["Authorization"] for request in peer.requests} == {"Bearer s3cret-Pass/word"}
    assert len(peer.requests) == 4


@pytest.mark.parametrize(
    "address",
    [
        "http://elsewhere.test/base/rows?from={}",
        "https://peer.test/base/rows?from={}",
        "http://peer.test:8080/base/rows?from={}",
        "http://peer.test@elsewhere.test/rows?from={}",
        "//elsewhere.test/rows?from={}",
        "http://user:pass@peer.test/base/rows?from={}",
        "http://[peer.test/rows?from={}",
    ],
)
def test_a_link_to_another_host_is_an_error_and_is_not_followed(make: Make, address: str) -> None:
    peer = linked(listing(25), address)
    with pytest.raises(BadAnswer, match=r"not at the peer's own host|cannot be read"):
        list(make(rest_spec({"pages": LINK}), peer).pull("rows", WINDOW))
    assert len(peer.requests) == 1


def test_links_that_go_round_in_a_circle_are_an_error(make: Make) -> None:
    def answer(request: WireRequest) -> WireResponse:
        return json_answer({"rows": [{"id": len(peer.requests)}], "next": f"?p={len(peer.requests) % 3}"})

    peer = Keeping(answer)
    with pytest.raises(BadAnswer, match="was read before"):
        list(make(rest_spec({"pages": LINK}), peer).pull("rows", WINDOW))


def test_a_name_with_a_dot_is_found_where_the_next_address_stands(make: Make) -> None:
    rows = [json_answer({"rows": listing(1), "@odata.nextLink": "?from=1"}), json_answer({"rows": []})]
    peer = Keeping(lambda request: rows.pop(0))
    pages = {"by": "link", "next": "@odata.nextLink"}
    pulled: Connector = make(rest_spec({"pages": pages}), peer)
    assert len(list(pulled.pull("rows", WINDOW))) == 2
