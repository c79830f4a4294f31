"""One host has one budget, whoever asks it."""

import threading
from random import Random

import pytest

from connectors import Connector, Hosts, Peer, Window, WireRequest, WireResponse, load_spec
from connectors.limits import Host
from connectors.spec import Limits
from tests.connectors.conftest import NOW, SPECS, Make, Scripted, Time, json_answer

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
