"""A dossier handed over in several calls: in order, each call once, gone on with wherever it was killed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import ConfigError, WireRequest, WireResponse
from connectors.errors import ConnectorError, PeerBusy, PeerDown, PeerRefused, PeerUnknown
from connectors.sequence import run_sequence
from connectors.wire.transport import NoAnswer, NotSent
from tests.connectors.conftest import Make, json_answer, written

SPEC = written("""
system: small
transport: rest
auth: {kind: none}
limits: {attempts: 2}
reply: {code: code, text: message}
answers:
  - {status: [429, 503], then: retry}
  - {text: "*there already*", then: exists}
  - {status: 404, then: not_found}
  - {code: 0, then: done}
operations:
  number: {post: number, body: {unit: "{unit}"}, gives: {number: data.number}}
  file: {post: file, body: {number: "{number}", key: "{item.name}"}, gives: {file_id: data.id}, writes: true}
  find_file: {get: file, params: {number: "{number}", key: "{item.name}"}, gives: {file_id: data.id}}
  dossier: {post: dossier, body: {number: "{number}", key: main, files: "{file_id}"}, writes: true}
  find_dossier: {get: dossier, params: {number: "{number}", key: main}}
  receipt: {post: receipt, body: {number: "{number}", key: "{paid}"}, writes: true}
  find_receipt: {get: receipt, params: {number: "{number}", key: "{paid}"}}
  letter: {post: letter, body: {number: "{number}", key: letter}, writes: true}
sequences:
  intake:
    - {do: number}
    - {do: file, each: documents, probe: find_file}
    - {do: dossier, probe: find_dossier}
    - {do: receipt, when: paid, probe: find_receipt}
  unprobed:
    - {do: letter}
""")
VALUES: dict[str, Any] = {"documents": [{"name": "a"}, {"name": "b"}], "paid": "500"}
WHOLE = ["number", "file a", "file b", "dossier main", "receipt 500"]
GIVEN = {"number": "N1", "file_id": ["id-a", "id-b"]}

Fate = WireResponse | Exception


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Kept:
    """A journal that outlives the process; `moment` is called before and after each line is written."""

    moment: Callable[[], None] = lambda: None
    steps: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """What each step gave; None for one that had begun."""

    def done(self, key: str) -> Mapping[str, Any] | None:
        return self.steps.get(key)

    def begun(self, key: str) -> bool:
        return key in self.steps and self.steps[key] is None

    def begin(self, key: str) -> None:
        self._write(lambda: self.steps.__setitem__(key, None))

    def finish(self, key: str, given: Mapping[str, Any], answer: str) -> None:
        self._write(lambda: self.steps.__setitem__(key, dict(given)))

    def take_back(self, key: str) -> None:
        self._write(lambda: self.steps.__delitem__(key))

    def _write(self, line: Callable[[], None]) -> None:
        self.moment()
        line()
        self.moment()


@dataclass
class Office:
    """A peer that keeps account. `before` says what becomes of a call instead of being carried out, `after` instead of
    its answer; a call is named by path and key, a look-up as `find file a`."""

    before: dict[str, list[Fate | None]] = field(default_factory=dict)
    after: dict[str, list[Fate | None]] = field(default_factory=dict)
    moment: Callable[[], None] = lambda: None
    calls: list[str] = field(default_factory=list)
    """Everything that left the hub, in order; with what it was told where that is no clear answer to a write."""
    written: list[tuple[str, str]] = field(default_factory=list)
    """(call, number) of everything that was carried out."""
    bodies: dict[str, Any] = field(default_factory=dict)
    numbers: int = 0

    def __call__(self, request: WireRequest) -> WireResponse:
        split = urlsplit(request.url)
        what = split.path.rpartition("/")[2]
        if request.method == "GET":
            asked = {name: values[0] for name, values in parse_qs(split.query).items()}
            return self._told(f"{what} {asked['key']}", asked["number"])
        body = orjson.loads(request.body or b"{}")
        name = f"{what} {body['key']}" if "key" in body else what
        self.moment()
        fate = self._fate(self.before, name)
        if not isinstance(fate, NotSent):
            self.calls.append(f"{name}: later" if isinstance(fate, WireResponse) and fate.status == 503 else name)
        if fate is not None:
            return _meet(fate)
        answer = self._carry_out(name, body)
        self.moment()
        fate = self._fate(self.after, name)
        return answer if fate is None else _meet(fate)

    def _carry_out(self, name: str, body: dict[str, Any]) -> WireResponse:
        if name == "number":
            self.numbers += 1
            return json_answer({"code": 0, "data": {"number": f"N{self.numbers}"}})
        self.bodies[name] = body
        if (name, body["number"]) in self.written:
            return json_answer({"code": 7, "message": "it is there already"})
        self.written.append((name, body["number"]))
        return json_answer({"code": 0, "data": {"id": f"id-{body['key']}"}})

    def _told(self, name: str, number: str) -> WireResponse:
        fate = self._fate(self.before, f"find {name}")
        if fate is not None:
            return _meet(fate)
        found = (name, number) in self.written
        self.calls.append(f"find {name}: {'yes' if found else 'no'}")
        if not found:
            return json_answer({"code": 4, "message": "no such"}, status=404)
        return json_answer({"code": 0, "data": {"id": f"id-{name.split()[1]}"}})

    @staticmethod
    def _fate(fates: dict[str, list[Fate | None]], name: str) -> Fate | None:
        return fates[name].pop(0) if fates.get(name) else None


def _meet(fate: Fate) -> WireResponse:
    if isinstance(fate, Exception):
        raise fate
    return fate


def lost() -> NoAnswer:
    return NoAnswer("connection reset")


@pytest.fixture
def hand_over(make: Make) -> Callable[..., dict[str, Any]]:
    """One run of a sequence by a process that has just started."""

    def run(office: Office, kept: Kept, name: str = "intake", **values: Any) -> dict[str, Any]:
        return run_sequence(make(SPEC, office), name, {**VALUES, **values}, kept)

    return run


Run = Callable[..., dict[str, Any]]


def test_steps_come_in_order_and_later_ones_use_what_earlier_ones_gave(hand_over: Run) -> None:
    office = Office()
    assert hand_over(office, Kept()) == GIVEN
    assert office.calls == WHOLE
    assert office.bodies["dossier main"]["files"] == ["id-a", "id-b"]
    assert {number for _, number in office.written} == {"N1"}


@pytest.mark.parametrize(("paid", "made"), [("500", True), (None, False), ("", False)])
def test_a_step_with_a_condition_is_made_only_where_its_value_is_there(
    hand_over: Run, paid: str | None, made: bool
) -> None:
    office = Office()
    hand_over(office, Kept(), paid=paid)
    assert ("receipt 500" in office.calls) is made
    assert office.calls[:4] == WHOLE[:4]


@pytest.mark.parametrize("nothing", [[], None])
def test_a_step_for_each_of_nothing_makes_no_call_and_gives_an_empty_list(hand_over: Run, nothing: Any) -> None:
    office = Office()
    assert hand_over(office, Kept(), documents=nothing) == {"number": "N1", "file_id": []}
    assert office.calls == ["number", "dossier main", "receipt 500"]
    assert office.bodies["dossier main"]["files"] == []


def test_what_is_known_before_is_not_asked_again_and_a_known_file_is_not_sent_again(hand_over: Run) -> None:
    office = Office()
    documents = [{"name": "a", "file_id": "old-a"}, {"name": "b"}]
    assert hand_over(office, Kept(), number="N7", documents=documents) == {"file_id": ["old-a", "id-b"]}
    assert office.calls == ["file b", "dossier main", "receipt 500"]
    assert office.bodies["dossier main"] == {"number": "N7", "key": "main", "files": ["old-a", "id-b"]}


@pytest.mark.parametrize("place", range(len(WHOLE) + 1))
def test_it_goes_on_behind_the_last_finished_step(hand_over: Run, place: int) -> None:
    whole, first = Kept(), Office()
    hand_over(first, whole)
    kept = Kept(steps=dict(list(whole.steps.items())[:place]))
    office = Office(numbers=0 if place == 0 else 1, written=first.written[: max(0, place - 1)])
    assert hand_over(office, kept) == GIVEN
    assert office.calls == WHOLE[place:]
    assert kept.steps == whole.steps


@pytest.mark.parametrize("call", ["file b", "dossier main", "receipt 500"])
@pytest.mark.parametrize("arrived", [True, False])
def test_an_unanswered_write_is_looked_up_and_sent_again_only_when_it_did_not_arrive(
    hand_over: Run, call: str, arrived: bool
) -> None:
    fates: dict[str, list[Fate | None]] = {call: [lost()]}
    office, kept = Office(after=fates) if arrived else Office(before=fates), Kept()
    with pytest.raises(PeerUnknown):
        hand_over(office, kept)
    assert office.calls == WHOLE[: WHOLE.index(call) + 1]
    assert hand_over(office, kept) == GIVEN
    place = WHOLE.index(call)
    again = [f"find {call}: yes"] if arrived else [f"find {call}: no", call]
    assert office.calls == [*WHOLE[: place + 1], *again, *WHOLE[place + 1 :]]


@pytest.mark.parametrize(
    ("told", "raised", "words"),
    [
        ([lost(), lost()], PeerDown, "did not answer"),
        ([NotSent("refused"), NotSent("refused")], PeerDown, "cannot be reached"),
        ([json_answer({"code": 9, "message": "not now"})], PeerUnknown, "neither yes nor no: 9 not now"),
        ([WireResponse(200, b"<html>", {})], PeerUnknown, "look-up of an unanswered call failed"),
    ],
)
def test_while_a_lookup_is_not_answered_nothing_is_sent(
    hand_over: Run, told: list[Fate | None], raised: type[ConnectorError], words: str
) -> None:
    office, kept = Office(after={"dossier main": [lost()]}), Kept()
    with pytest.raises(PeerUnknown):
        hand_over(office, kept)
    office.before["find dossier main"] = told
    with pytest.raises(raised) as error:
        hand_over(office, kept)
    assert words in str(error.value)
    assert office.calls == WHOLE[:4]
    assert hand_over(office, kept) == GIVEN, "a later look-up tells"
    assert office.calls == [*WHOLE[:4], "find dossier main: yes", *WHOLE[4:]]


def test_an_unanswered_write_without_a_lookup_waits_for_a_person(hand_over: Run) -> None:
    office, kept = Office(after={"letter letter": [lost()]}), Kept()
    for _ in range(3):
        with pytest.raises(PeerUnknown) as error:
            hand_over(office, kept, "unprobed", number="N1")
    assert "names no probe" in str(error.value) and "Ask the vendor whether it arrived" in str(error.value)
    assert office.calls == ["letter letter"]


def test_what_is_there_already_counts_as_handed_over_with_what_the_lookup_gives(hand_over: Run) -> None:
    office = Office(written=[("file a", "N1")])
    assert hand_over(office, Kept()) == GIVEN
    assert office.calls == ["number", "file a", "find file a: yes", *WHOLE[2:]]


def test_a_refused_step_says_which_and_is_the_only_one_that_is_made_again(hand_over: Run) -> None:
    refusal = json_answer({"code": 12, "message": "unit is locked"})
    office, kept = Office(before={"dossier main": [refusal]}), Kept()
    with pytest.raises(PeerRefused) as error:
        hand_over(office, kept)
    assert error.value.operation == "dossier" and "12 unit is locked" in str(error.value)
    assert hand_over(office, kept) == GIVEN
    assert office.calls == [*WHOLE[:4], *WHOLE[3:]], "a refusal is an answer: no look-up"


def test_a_write_that_was_never_sent_is_sent_without_a_lookup(hand_over: Run) -> None:
    office, kept = Office(before={"dossier main": [NotSent("refused"), NotSent("refused")]}), Kept()
    with pytest.raises(PeerDown):
        hand_over(office, kept)
    assert hand_over(office, kept) == GIVEN
    assert office.calls == WHOLE


def test_a_write_that_was_told_to_come_later_is_looked_up_first(hand_over: Run) -> None:
    office, kept = Office(before={"dossier main": [json_answer({}, status=429)] * 2}), Kept()
    with pytest.raises(PeerBusy):
        hand_over(office, kept)
    assert hand_over(office, kept) == GIVEN
    assert office.calls[-3:] == ["find dossier main: no", "dossier main", "receipt 500"]


def test_a_call_that_writes_nothing_is_simply_made_again(hand_over: Run) -> None:
    office, kept = Office(after={"number": [lost(), lost()]}), Kept()
    with pytest.raises(PeerDown):
        hand_over(office, kept)
    assert hand_over(office, kept) == {**GIVEN, "number": "N3"}, "the numbers of lost answers are gaps"
    assert {number for _, number in office.written} == {"N3"}


def test_a_sequence_that_the_spec_does_not_have_is_told_with_those_it_has(hand_over: Run) -> None:
    with pytest.raises(ConfigError, match=r"no sequence 'intakes'.*intake, unprobed"):
        hand_over(Office(), Kept(), "intakes")


def assert_never_sent_unseen(calls: list[str]) -> None:
    """Between two times that a write left the hub, a look-up said that the first did not arrive."""
    open_writes: set[str] = set()
    for call in calls:
        if call.startswith("find "):
            name, _, told = call.removeprefix("find ").partition(": ")
            if told == "no":
                open_writes.discard(name)
        elif call != "number" and not call.endswith(": later"):
            assert call not in open_writes, f"{call} was sent again unseen: {calls}"
            open_writes.add(call)


FATES = st.sampled_from([None, None, "lost", "not sent", "busy"])


@given(
    lives=st.lists(st.integers(1, 30), max_size=25),
    before=st.dictionaries(st.sampled_from(WHOLE), st.lists(FATES, max_size=4), max_size=5),
    after=st.dictionaries(st.sampled_from(WHOLE), st.lists(st.sampled_from([None, "lost"]), max_size=4), max_size=5),
    silent=st.dictionaries(
        st.sampled_from([f"find {one}" for one in WHOLE[1:]]), st.lists(st.sampled_from([None, "lost"]), max_size=4)
    ),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_killed_anywhere_every_write_happens_once_and_is_never_sent_again_unseen(
    hand_over: Run,
    lives: list[int],
    before: dict[str, list[str | None]],
    after: dict[str, list[str | None]],
    silent: dict[str, list[str | None]],
) -> None:
    ways: dict[str, Callable[[], Fate]] = {
        "lost": lost,
        "not sent": lambda: NotSent("refused"),
        "busy": lambda: json_answer({}, status=503),
    }
    left = 0

    def moment() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    def fates(drawn: dict[str, list[str | None]]) -> dict[str, list[Fate | None]]:
        return {name: [ways[one]() if one else None for one in these] for name, these in drawn.items()}

    office = Office(before=fates(before | silent), after=fates(after), moment=moment)
    kept = Kept(moment)
    result: dict[str, Any] = {}
    for life in [*lives, *[0] * 60]:
        left = life
        try:
            result = hand_over(office, kept)
        except (Killed, PeerDown, PeerUnknown):
            continue
        break
    number = result["number"]
    assert office.written == [(name, number) for name in WHOLE[1:]]
    assert result == {**GIVEN, "number": number}
    assert_never_sent_unseen(office.calls)
