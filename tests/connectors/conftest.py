"""Peers that are functions: no network, no real time, no chance."""

import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import Any

import orjson
import pytest
import yaml

import connectors
from connectors import Connector, Hosts, Peer, Spec, WireRequest, WireResponse, load_spec

SPECS = Path(connectors.__file__).parent / "specs"
NOW = datetime(2026, 7, 1, 1, 30, tzinfo=UTC)
SECRET = "s3cret-Pass/word"


@dataclass
class Time:
    """A clock that moves only when something sleeps."""

    seconds: float = 0.0
    naps: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def ticks(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds


Make = Callable[..., Connector]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def make(time: Time) -> Make:
    """A connector for a spec (by name, or read from a file) whose peer is the given function."""

    def made(spec: str | Spec, transport: Callable[[WireRequest], WireResponse], **peer: Any) -> Connector:
        extra = {"client_id": "svc", **peer.pop("extra", {})}
        account = {"url": "http://peer.test/base", "login": "user", "password": SECRET, "unit": "H38", **peer}
        known = Peer("peer_x", extra=extra, **account)
        found = load_spec(SPECS / f"{spec}.yaml") if isinstance(spec, str) else spec
        return Connector(
            found,
            known,
            clock=time.now,
            ticks=time.ticks,
            sleep=time.sleep,
            transport=transport,
            hosts=Hosts(),
            random=Random(7),
        )

    return made


def written(text: str) -> Spec:
    """A spec from its YAML text, without a file."""
    return Spec.model_validate(yaml.safe_load(dedent(text)))


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def json_answer(body: Any, status: int = 200, **headers: str) -> WireResponse:
    return WireResponse(status, orjson.dumps(body), {"Content-Type": "application/json", **headers})


def soap_answer(inside: str, status: int = 200) -> WireResponse:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<soap:Body>{inside}</soap:Body></soap:Envelope>"
    )
    return WireResponse(status, body.encode(), {"Content-Type": "text/xml; charset=utf-8"})


def soap_fault(text: str, code: str = "soap:Server") -> WireResponse:
    return soap_answer(
        f"<soap:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring></soap:Fault>", status=500
    )


class Scripted:
    """Answers in order; an exception in the list is raised. Logins are answered apart and counted."""

    def __init__(self, *answers: WireResponse | Exception, lifetime: int = 300) -> None:
        self.answers = list(answers)
        self.requests: list[WireRequest] = []
        self.logins = 0
        self.lifetime = lifetime

    def __call__(self, request: WireRequest) -> WireResponse:
        if request.url.endswith("/token"):
            self.logins += 1
            return json_answer({"access_token": f"token-{self.logins}", "expires_in": self.lifetime})
        if request.url.endswith("/auth"):
            self.logins += 1
            return json_answer({"session": f"session-{self.logins}", "error_code": "00"})
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def bodies(self) -> list[Any]:
        return [orjson.loads(request.body or b"null") for request in self.requests]
