"""A record is put together from several services, and can be put together again from what was kept."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from traceback import format_exception
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
import pytest

from connectors import BadAnswer, ConfigError, Connector, Hosts, Page, Peer, PeerRefused, Spec, Window, WireRequest
from connectors import WireResponse as Answer
from connectors.answer.bundle import Bundle, NoBundle, PartBody, pack, unpack
from tests.connectors.conftest import NOW, Make, json_answer, soap_answer
from tests.connectors.specs import query_of, rest_spec

WINDOW = Window(None, NOW)
ANSWERS = [
    {"status": 404, "then": "not_found"},
    {"status": 503, "then": "retry"},
    {"code": 0, "then": "done"},
    {"code": 9, "then": "hold"},
]
REPLY = {"code": "code", "text": "message", "records": "data"}
PAPERS = {"get": "rows/{record.id}/papers"}
DETAIL = {"get": "detail", "params": {"id": "{record.id}"}, "take": "merge"}
POSTAL = {"post": "postal", "body": {"codes": "{keys}"}, "key": "row", "batch": 2, "take": "one"}
ROWS = [
    {"id": "A/1", "kind": 1, "name": "An"},
    {"id": "B", "kind": 2, "name": "Bình"},
    {"id": "C", "kind": 1, "name": "Chi"},
    {"kind": 1, "name": "không mã"},
]


class Services:
    """A peer of several services: the list, papers of a row, its detail, and the post of several rows."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked: list[str] = []
        self.under_way = self.most = self.answered = 0
        self.odd: dict[str, Callable[[WireRequest], Answer]] = {}

    def __call__(self, request: WireRequest) -> Answer:
        path = urlsplit(request.url).path.removeprefix("/base/")
        with self.lock:
            self.asked.append(path if not request.body else f"{path} {request.body.decode()}")
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            for part, answer in self.odd.items():
                if part in request.url:
                    return answer(request)
            return self.answer(path, request)
        finally:
            with self.lock:
                self.under_way -= 1
                self.answered += 1

    def answer(self, path: str, request: WireRequest) -> Answer:
        if path == "rows":
            return json_answer({"code": 0, "data": ROWS})
        if path == "detail":
            key = query_of(request)["id"]
            return json_answer({"code": 0, "data": {"id": key, "name": f"{key} whole", "address": f"xóm {key}"}})
        if path == "postal":
            codes = orjson.loads(request.body or b"")["codes"]
            # In another order than asked for, and nothing about B.
            return json_answer(
                {"code": 0, "data": [{"row": code, "no": f"EMS {code}"} for code in codes[::-1] if code != "B"]}
            )
        key = unquote(path.split("/")[1])
        if key == "C":
            return json_answer({"message": "không có"}, status=404)
        return json_answer({"code": 0, "data": [{"paper": f"{key}-{place}"} for place in range(2)]})


def spec_of(parts: dict[str, Any], **stream: Any) -> Spec:
    own = {"pages": {"by": "none"}, "records": "data", "parts": parts, **stream}
    return rest_spec(own, reply=REPLY, answers=ANSWERS, limits={"per_second": 1000, "parallel": 3})


def page_of(connector: Connector) -> Page:
    (page,) = connector.pull("rows", WINDOW)
    return page


WHOLE = [
    {
        "id": key,
        "kind": kind,
        "name": f"{key} whole",
        "address": f"xóm {key}",
        "papers": papers,
        "postal": postal,
    }
    for key, kind, papers, postal in (
        ("A/1", 1, [{"paper": "A/1-0"}, {"paper": "A/1-1"}], {"row": "A/1", "no": "EMS A/1"}),
        ("B", 2, [{"paper": "B-0"}, {"paper": "B-1"}], None),
        ("C", 1, [], {"row": "C", "no": "EMS C"}),
    )
]
ALL = {"papers": PAPERS, "detail": DETAIL, "postal": POSTAL}


def test_parts_are_asked_for_each_record_or_for_many_and_put_in_their_place(make: Make) -> None:
    peer = Services()
    records = list(page_of(make(spec_of(ALL), peer)).records())
    assert records[:3] == WHOLE
    assert sorted(peer.asked) == sorted(
        [
            "rows",
            "rows/A%2F1/papers",
            "rows/B/papers",
            "rows/C/papers",
            "detail",
            "detail",
            "detail",
            'postal {"codes":["A/1","B"]}',
            'postal {"codes":["C"]}',
        ]
    )


def test_a_record_without_a_key_is_not_asked_for_and_keeps_its_place(make: Make) -> None:
    records = list(page_of(make(spec_of(ALL), Services())).records())
    assert records[3] == {**ROWS[3], "papers": [], "postal": None}


def test_the_kept_body_holds_page_and_parts_and_gives_the_same_records_without_the_peer(make: Make) -> None:
    peer = Services()
    connector = make(spec_of(ALL), peer)
    page = page_of(connector)
    asked = len(peer.asked)
    assert page.media_type == "application/vnd.lienthong.bundle"
    assert list(connector.parse("rows", page.raw)) == list(page.records())
    assert orjson.loads(connector.raw_record("rows", page.raw, 1)) == WHOLE[1]
    assert len(peer.asked) == asked
    for body in (b'{"paper":"A/1-0"}', b"EMS C", "không có".encode(), b"Chi"):
        assert body in page.raw


def test_the_same_answers_give_the_same_body_in_whatever_order_they_come(make: Make) -> None:
    bodies = set()
    for late in ("A%2F1", "B"):
        peer = Services()

        def slow(request: WireRequest, peer: Services = peer) -> Answer:
            # Until the two others have been answered.
            while peer.answered < 3:
                time.sleep(0.001)
            return peer.answer(urlsplit(request.url).path.removeprefix("/base/"), request)

        peer.odd = {late: slow}
        page = page_of(make(spec_of({"papers": PAPERS}), peer))
        bodies.add((page.raw, page.digest))
    assert len(bodies) == 1


def test_parts_are_asked_for_side_by_side_and_never_more_than_the_limit_allows() -> None:
    together = threading.Barrier(3, timeout=10)
    peer = Services()

    def meet(request: WireRequest) -> Answer:
        together.wait()
        return json_answer({"code": 0, "data": []})

    peer.odd = {"papers": meet}
    connector = Connector(
        spec_of({"papers": PAPERS}),
        Peer("p", "http://peer.test/base"),
        transport=peer,
        hosts=Hosts(),
        clock=lambda: NOW,
    )
    page_of(connector)
    assert peer.most == 3


def test_a_part_is_asked_for_only_where_its_condition_holds(make: Make) -> None:
    peer = Services()
    parts = {"papers": {**PAPERS, "when": {"kind": "1"}}, "postal": {**POSTAL, "when": {"kind": [2, 3]}}}
    records = list(page_of(make(spec_of(parts), peer)).records())
    assert sorted(peer.asked) == ['postal {"codes":["B"]}', "rows", "rows/A%2F1/papers", "rows/C/papers"]
    assert records[1]["papers"] == []


def test_two_records_of_one_key_are_asked_for_once_in_a_batch_and_both_are_given_it(make: Make) -> None:
    peer = Services()
    peer.odd = {"/rows": lambda request: json_answer({"code": 0, "data": [ROWS[0], ROWS[2], {**ROWS[0], "kind": 7}]})}
    records = list(page_of(make(spec_of({"postal": POSTAL}), peer)).records())
    assert [record["postal"]["no"] for record in records] == ["EMS A/1", "EMS C", "EMS A/1"]
    assert peer.asked[1:] == ['postal {"codes":["A/1","C"]}']


def test_keys_stand_with_commas_where_only_text_can_stand(make: Make) -> None:
    peer = Services()
    peer.odd = {"post?": lambda request: json_answer({"code": 0, "data": []})}
    postal = {"get": "post", "params": {"codes": "{keys}", "q": "in({keys})"}, "key": "row", "batch": 9}
    urls: list[str] = []

    def answer(request: WireRequest) -> Answer:
        urls.append(request.url)
        return peer(request)

    page_of(make(spec_of({"postal": postal}), answer))
    assert urls[1] == "http://peer.test/base/post?codes=A%2F1%2CB%2CC&q=in%28A%2F1%2CB%2CC%29"


@pytest.mark.parametrize(
    ("part", "answer", "error", "words"),
    [
        ("papers", json_answer({"code": 9, "message": "không có quyền"}), PeerRefused, "không có quyền"),
        ("papers", json_answer({"code": 0, "data": None}), BadAnswer, "nothing under 'data'"),
        ("papers", Answer(200, b"<html>502</html>", {}), BadAnswer, "HTML, not JSON"),
        ("papers", Answer(200, b'{"code":0,"data":[', {}), BadAnswer, "breaks off"),
        ("detail", json_answer({"code": 0, "data": ["x"]}), BadAnswer, "no object"),
        ("detail", json_answer({"code": 0, "data": {"id": "Z"}}), BadAnswer, "it is of 'Z', asked for was"),
        ("postal", json_answer({"code": 0, "data": [{"row": "Z"}]}), BadAnswer, "of 'Z' under 'row', which was not"),
        ("postal", json_answer({"code": 0, "data": [{"no": 1}]}), BadAnswer, "of None under 'row'"),
    ],
)
def test_an_answer_that_is_no_part_is_an_error_that_names_page_record_and_part(
    make: Make, part: str, answer: Answer, error: type[Exception], words: str
) -> None:
    peer = Services()
    peer.odd = {"A%2F1/papers" if part == "papers" else part: lambda request: answer}
    with pytest.raises(error, match=words) as caught:
        page_of(make(spec_of({part: ALL[part]}), peer))
    said = str(caught.value)
    assert f"rows.{part} · page 1" in said
    assert f"{part} of A/1" in said


def test_a_part_is_tried_again_like_any_other_call(make: Make) -> None:
    peer, busy = Services(), [json_answer({}, status=503)]
    peer.odd = {
        "B/papers": lambda request: busy.pop() if busy else json_answer({"code": 0, "data": [{"paper": "late"}]})
    }
    records = list(page_of(make(spec_of({"papers": PAPERS}), peer)).records())
    assert records[1]["papers"] == [{"paper": "late"}]


def test_a_record_that_lacks_what_its_part_needs_is_an_error_of_the_spec(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"record\.code, which a record on page 1 does not have"):
        page_of(make(spec_of({"papers": {"get": "rows/{record.code}/papers"}}), Services()))


def test_nothing_is_asked_for_when_a_page_is_empty(make: Make) -> None:
    peer = Services()
    peer.odd = {"/rows": lambda request: json_answer({"code": 0, "data": []})}
    connector = make(spec_of(ALL), peer)
    page = page_of(connector)
    assert (len(peer.asked), list(connector.parse("rows", page.raw))) == (1, [])


def test_a_page_that_says_that_there_is_nothing_is_kept_as_it_was_said(make: Make) -> None:
    spec = spec_of({})
    connector = make(spec, lambda request: json_answer({"message": "không có"}, status=404))
    page = page_of(connector)
    assert (len(page), list(connector.parse("rows", page.raw))) == (0, [])
    assert "không có".encode() in page.raw


def test_a_body_that_was_kept_before_the_spec_had_parts_can_still_be_read(make: Make) -> None:
    connector = make(spec_of({}), Services())
    page = page_of(connector)
    assert page.media_type == "application/json"
    assert list(make(spec_of({"papers": PAPERS}), Services()).parse("rows", page.raw)) == ROWS


def test_a_bundle_gives_back_any_bytes_and_a_cut_one_is_called_so() -> None:
    bundle = Bundle(
        b"\n{}\x00\xff", "text/xml", (PartBody("a", (0, 2), True, b'{"bundle":1,\n'), PartBody("b", (), False, b""))
    )
    raw = pack(bundle)
    assert unpack(raw) == bundle
    for end in range(20, len(raw)):
        with pytest.raises(NoBundle):
            unpack(raw[:end])


def test_parts_of_a_soap_record_are_xml_and_are_kept_as_such(make: Make) -> None:
    spec = Spec.model_validate(
        {
            "system": "invented",
            "transport": "soap",
            "wsdl": "viettel_onegate.wsdl",
            "every_call": {"post": "service"},
            "streams": {
                "rows": {
                    "call": "LayDanhSachThuTuc",
                    "records": "ThuTuc",
                    "key": "maThuTuc",
                    "params": {"trang": 1, "kichThuoc": 10},
                    "parts": {
                        "file": {
                            "call": "LayFileDinhKem",
                            "params": {"maTep": "{record.maThuTuc}"},
                            "records": "LayFileDinhKemResult",
                            "take": "one",
                        }
                    },
                }
            },
        }
    )

    def answer(request: WireRequest) -> Answer:
        if b"LayFileDinhKem" in (request.body or b""):
            return soap_answer("<LayFileDinhKemResult><tenTep>a.pdf</tenTep></LayFileDinhKemResult>")
        return soap_answer("<ThuTuc><maThuTuc>1.00</maThuTuc></ThuTuc>")

    connector = make(spec, answer)
    page = page_of(connector)
    assert list(page.records()) == [{"maThuTuc": "1.00", "file": {"tenTep": "a.pdf"}}]
    assert list(connector.parse("rows", page.raw)) == list(page.records())


def test_a_hook_is_found_in_ones_own_folder_and_gives_the_record_that_is_used(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "names.py").write_text(
        "def upper(record):\n    record['name'] = record['name'].upper()\n    return record\n"
        "def gone(record):\n    return None\n"
        "def fails(record):\n    raise KeyError(record['name'])\n"
    )
    monkeypatch.setenv("LIENTHONG_CONFIG", str(tmp_path))
    connector = make(spec_of({}, hook="names:upper"), Services())
    page = page_of(connector)
    assert [record["name"] for record in page.records()] == ["AN", "BÌNH", "CHI", "KHÔNG MÃ"]
    assert [record["name"] for record in connector.parse("rows", page.raw)] == ["AN", "BÌNH", "CHI", "KHÔNG MÃ"]
    wrong = {"gone": "gives NoneType", "fails": r"raises KeyError in line 7 of .*names\.py", "none": "is no function"}
    for name, words in wrong.items():
        with pytest.raises(ConfigError, match=words) as caught:
            page_of(make(spec_of({}, hook=f"names:{name}"), Services()))
        assert "An" not in "".join(format_exception(caught.value)), "a record reaches no log by way of the traceback"


def test_a_hook_that_is_not_there_is_an_error_that_says_where_it_was_looked_for(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_CONFIG", str(tmp_path))
    with pytest.raises(ConfigError, match=r"nowhere.*hooks/nowhere\.py"):
        page_of(make(spec_of({}, hook="nowhere:here"), Services()))
