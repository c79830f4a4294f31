"""A queue gives what was not acknowledged: page by page, acknowledged by whoever has it, and never read ahead."""

from typing import Any

import orjson
import pytest

from connectors import BadAnswer, Connector, PeerRefused, PeerUnknown, Spec, Window, WireRequest, WireResponse
from connectors.wire.transport import NoAnswer
from tests.connectors.conftest import NOW, Make, json_answer
from tests.connectors.specs import query_of, rest_spec

WINDOW = Window(None, NOW)


class Queue:
    """Gives the first rows that were not acknowledged; `says` is what it answers to an acknowledgement."""

    def __init__(self, count: int) -> None:
        self.waiting = [{"id": str(place), "changed": NOW.isoformat()} for place in range(count)]
        self.calls: list[str] = []
        self.says: WireResponse | Exception = json_answer({"status": 1})

    def __call__(self, request: WireRequest) -> WireResponse:
        if "done" not in request.url:
            self.calls.append("read")
            return json_answer({"status": 1, "rows": self.waiting[: int(query_of(request)["n"])]})
        keys = orjson.loads(request.body or b"")["ids"]
        self.calls.append(f"acknowledge {','.join(keys)}")
        if isinstance(self.says, Exception):
            raise self.says
        if b'"status":1' in self.says.body:
            self.waiting = [row for row in self.waiting if row.get("id") not in keys]
        return self.says


def spec_of(**operation: Any) -> Spec:
    pages = {"by": "queue", "acknowledge": "mark", "size": "n", "rows": 3}
    mark = {"post": "done", "body": {"ids": "{keys}"}, "writes": True, **operation}
    return rest_spec(
        {"pages": pages}, operations={"mark": mark}, reply={"code": "status"}, answers=[{"code": 1, "then": "done"}]
    )


def drained(connector: Connector) -> list[list[str]]:
    pages = []
    for page in connector.pull("rows", WINDOW):
        pages.append([record["id"] for record in page.records()])
        connector.acknowledge("rows", page)
    return pages


def test_a_queue_is_read_until_it_is_empty_and_each_page_acknowledged_before_the_next(make: Make) -> None:
    peer = Queue(7)
    assert drained(make(spec_of(), peer)) == [["0", "1", "2"], ["3", "4", "5"], ["6"], []]
    assert peer.calls == [
        "read",
        "acknowledge 0,1,2",
        "read",
        "acknowledge 3,4,5",
        "read",
        "acknowledge 6",
        "read",
    ]
    assert not peer.waiting


def test_an_acknowledgement_is_cut_into_what_the_peer_takes_at_once(make: Make) -> None:
    peer = Queue(3)
    drained(make(spec_of(batch=2), peer))
    assert peer.calls == ["read", "acknowledge 0,1", "acknowledge 2", "read"]


def test_a_page_that_comes_again_although_it_was_acknowledged_is_an_error(make: Make) -> None:
    peer = Queue(3)
    peer.says = json_answer({"status": 1, "kept": 0})
    waiting = list(peer.waiting)

    def forgets(request: WireRequest) -> WireResponse:
        answer = peer(request)
        peer.waiting = list(waiting)
        return answer

    with pytest.raises(BadAnswer, match="came again although it was acknowledged") as caught:
        drained(make(spec_of(), forgets))
    assert caught.value.page == 2


def test_an_acknowledgement_that_is_refused_or_not_answered_is_an_error_of_its_page(make: Make) -> None:
    peer = Queue(3)
    peer.says = json_answer({"status": 0})
    with pytest.raises(PeerRefused, match="does not take the acknowledgement") as refused:
        drained(make(spec_of(), peer))
    assert (refused.value.page, refused.value.operation) == (1, "mark")
    peer.says = NoAnswer("silence", timeout=True)
    with pytest.raises(PeerUnknown) as unknown:
        drained(make(spec_of(), peer))
    assert unknown.value.page == 1
    assert len(peer.waiting) == 3


def test_a_queue_goes_on_after_a_page_by_what_is_waiting(make: Make) -> None:
    peer = Queue(5)
    connector = make(spec_of(), peer)
    page = next(connector.pull("rows", WINDOW))
    again = next(connector.pull("rows", WINDOW, after=page.position))
    assert (again.number, list(again.records())) == (2, list(page.records()))


def test_records_without_a_key_are_not_acknowledged(make: Make) -> None:
    peer = Queue(2)
    peer.waiting[0].pop("id")
    connector = make(spec_of(), peer)
    connector.acknowledge("rows", next(connector.pull("rows", WINDOW)))
    assert peer.calls == ["read", "acknowledge 1"]


def test_a_stream_that_is_no_queue_has_nothing_to_acknowledge(make: Make) -> None:
    peer = Queue(2)
    connector = make(rest_spec({"params": {"n": 5}}), peer)
    page = next(connector.pull("rows", WINDOW))
    connector.acknowledge("rows", page)
    assert (peer.calls, connector.is_queue("rows")) == (["read"], False)


def test_who_only_looks_gets_the_first_page_and_changes_nothing(make: Make) -> None:
    peer = Queue(7)

    pages = [[record["id"] for record in page.records()] for page in make(spec_of(), peer).pull("rows", WINDOW)]

    assert (pages, peer.calls, len(peer.waiting)) == ([["0", "1", "2"]], ["read"], 7)
