"""One host has one budget, whoever asks it."""

import threading
from collections.abc import Callable
from random import Random

import pytest

from connectors import (
    Connector,
    Hosts,
    Peer,
    PeerBusy,
    PeerDown,
    PeerError,
    Window,
    WireRequest,
    WireResponse,
    load_spec,
)
from connectors.spec import Limits
from connectors.wire.limits import Host
from tests.connectors.conftest import NOW, SPECS, Make, Scripted, Time, json_answer, written

EMPTY = json_answer({"content": [], "last": True})


def host(time: Time, **limits: object) -> Host:
    return Hosts().join("h", Limits.model_validate(limits), time.ticks, time.sleep)


def test_after_its_burst_a_host_is_asked_at_its_rate(time: Time) -> None:
    shared = host(time, per_second=2, burst=3)
    for _ in range(7):
        with shared.turn():
            pass
    assert time.seconds == pytest.approx(2.0, abs=0.02)


def test_half_a_request_a_second_is_a_rate_too(time: Time) -> None:
    shared = host(time, per_second=0.5)
    for _ in range(3):
        with shared.turn():
            pass
    assert time.seconds == pytest.approx(4.0, abs=0.02)


def test_two_connectors_of_one_host_share_the_stricter_limits(time: Time) -> None:
    hosts = Hosts()
    spec = load_spec(SPECS / "vnpt_igate.yaml")
    peer = Scripted(EMPTY)

    def connector(per_second: float) -> Connector:
        limits = spec.limits.model_copy(update={"per_second": per_second, "burst": 1})
        return Connector(
            spec.model_copy(update={"limits": limits}),
            Peer("p", "http://one.test", "u", "p", {"client_id": "c"}),
            clock=time.now,
            ticks=time.ticks,
            sleep=time.sleep,
            transport=peer,
            hosts=hosts,
            random=Random(1),
        )

    generous, strict = connector(100), connector(1)
    for one in (generous, strict, generous):
        list(one.pull("dossiers", Window(None, NOW)))
    # Five requests (two of them logins), one a second.
    assert time.seconds == pytest.approx(4.0, abs=0.05)


def test_no_more_requests_are_in_flight_than_allowed() -> None:
    lock, most, now = threading.Lock(), 0, 0
    waiting = threading.Event()

    def peer(request: WireRequest) -> WireResponse:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        waiting.wait(0.02)
        with lock:
            now -= 1
        return json_answer({"session": "s", "error_code": 0, "result": [{}]})

    spec = load_spec(SPECS / "national_adapter.yaml")
    limits = spec.limits.model_copy(update={"parallel": 3})
    known = Peer("national", "http://n.test", "u", "p", unit="H38")
    connector = Connector(spec.model_copy(update={"limits": limits}), known, transport=peer, hosts=Hosts())
    threads = [threading.Thread(target=lambda: connector.call("look_up", code="A")) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most == 3


def test_a_pause_that_one_caller_was_asked_for_holds_for_all(make: Make, time: Time) -> None:
    shared = host(time, per_second=1000)
    shared.pause(5)
    with shared.turn():
        assert time.seconds >= 5


class Gate:
    """One host with two provinces behind it: notes when each was asked, and answers what it is told to."""

    def __init__(self, time: Time, *answers: WireResponse) -> None:
        self.time = time
        self.answers = list(answers)
        self.asked: list[tuple[str, float]] = []

    def __call__(self, request: WireRequest) -> WireResponse:
        self.asked.append((request.headers["X-Province"], self.time.seconds))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


FOUND = json_answer({"code": 0, "items": []})


def province(name: str, url: str, gate: Gate, hosts: Hosts, **limits: object) -> Connector:
    spec = written("""
        system: small
        transport: rest
        auth: {kind: api_key, header: X-Province, value: "{login}"}
        reply: {code: code, text: message}
        answers:
          - {status: [429, 502, 503, 504], then: retry}
          - {code: QUOTA, then: retry}
          - {text: "*vượt quá hạn mức*", then: retry}
          - {code: 0, then: done}
        streams: {dossiers: {get: list, records: items, key: id}}
        operations: {put: {post: list, writes: true}}""")
    spec = spec.model_copy(update={"limits": Limits.model_validate({"wait": "1s", "attempts": 1, **limits})})
    time = gate.time
    return Connector(
        spec, Peer(name, url, name), clock=time.now, ticks=time.ticks, sleep=time.sleep, transport=gate, hosts=hosts,
        random=Random(1),
    )  # fmt: skip


def pull(connector: Connector) -> None:
    list(connector.pull("dossiers", Window(None, NOW)))


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_one_province_was_told_holds_for_its_neighbour_on_the_host(time: Time, status: int) -> None:
    gate = Gate(time, json_answer({}, status, **{"Retry-After": "7"}), FOUND)
    hosts = Hosts()
    one = province("one", "https://gate.test/one", gate, hosts)
    two = province("two", "https://GATE.test:443/two", gate, hosts)
    with pytest.raises(PeerBusy):
        pull(one)
    pull(two)
    assert gate.asked == [("one", 0.0), ("two", 7.0)]


class Meanwhile(Time):
    """A clock by which something else happens while the first one sleeps."""

    act: Callable[[], None] | None = None

    def sleep(self, seconds: float) -> None:
        act, self.act = self.act, None
        if act is not None:
            act()
        super().sleep(seconds)


def test_too_many_requests_without_a_time_is_a_pause_for_all_on_the_host() -> None:
    time, hosts = Meanwhile(), Hosts()
    gate = Gate(time, json_answer({}, 429), FOUND)
    one = province("one", "http://gate.test/1", gate, hosts, attempts=2)
    two = province("two", "http://gate.test/2", gate, hosts)
    time.act = lambda: pull(two)
    pull(one)
    (first, _), (second, at), _ = gate.asked
    assert (first, second, 0.5 <= at <= 1.0) == ("one", "two", True)


def test_two_provinces_on_one_host_share_its_rate_and_another_host_has_its_own(time: Time) -> None:
    gate, hosts = Gate(time, FOUND), Hosts()
    addresses = {"one": "http://gate.test/1", "two": "http://gate.test:80/2", "far": "http://gate.test:8080/"}
    each = {name: province(name, url, gate, hosts, per_second=1, burst=1) for name, url in addresses.items()}
    for name in ("one", "far", "two", "one"):
        pull(each[name])
    assert [(name, round(at)) for name, at in gate.asked] == [("one", 0), ("far", 0), ("two", 1), ("one", 2)]


@pytest.mark.parametrize("body", [{"code": "QUOTA"}, {"code": 0, "message": "Bạn đã VƯỢT QUÁ HẠN MỨC gọi dịch vụ"}])
def test_a_quota_that_is_told_with_http_200_is_waited_for(time: Time, body: dict[str, object]) -> None:
    gate = Gate(time, json_answer(body), json_answer(body, 200, **{"Retry-After": "9"}), FOUND)
    pull(province("one", "http://gate.test", gate, Hosts(), attempts=3))
    first, second, third = (at for _, at in gate.asked)
    assert 0.5 <= second - first <= 1.0
    assert third - second == 9.0
    gate = Gate(time, json_answer(body), FOUND)
    assert province("one", "http://gate.test", gate, Hosts(), attempts=2).call("put").kind == "done"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_that_says_the_host_is_gone_opens_the_circuit_for_all_on_the_host(time: Time, status: int) -> None:
    gate, hosts = Gate(time, json_answer({}, status)), Hosts()
    one = province("one", "http://gate.test/1", gate, hosts, open_after=3, open_for="10s")
    two = province("two", "http://gate.test/2", gate, hosts, open_after=3, open_for="10s")
    for _ in range(3):
        with pytest.raises(PeerBusy):
            pull(one)
    with pytest.raises(PeerDown, match=f"left alone for 10 s. The last failure: answered HTTP {status}"):
        pull(two)
    assert len(gate.asked) == 3
    gate.answers = [FOUND]
    time.seconds += 10
    pull(two)
    assert gate.asked[-1][0] == "two"


@pytest.mark.parametrize(
    "answer",
    [
        *(json_answer({}, status) for status in (400, 401, 403, 404, 408, 409, 429, 500)),
        json_answer({}, 503, **{"Retry-After": "0"}),
    ],
    ids=lambda answer: f"{answer.status}",
)
def test_what_the_service_itself_says_never_opens_the_circuit(time: Time, answer: WireResponse) -> None:
    gate = Gate(time, answer)
    one = province("one", "http://gate.test/1", gate, Hosts(), open_after=2, per_second=1000)
    for _ in range(5):
        with pytest.raises(PeerError) as caught:
            pull(one)
        assert "left alone" not in str(caught.value)
    assert len(gate.asked) == 5
