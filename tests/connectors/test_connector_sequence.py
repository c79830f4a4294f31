"""What a hand-over writes down of its steps, so that it goes on after whatever went wrong."""

from collections.abc import Mapping
from typing import Any

import pytest

from connectors import ConfigError
from connectors.sequence import run_sequence
from tests.connectors.conftest import Make, Scripted, json_answer, written


class Notes:
    """A journal in memory."""

    def __init__(self) -> None:
        self.finished: dict[str, Mapping[str, Any]] = {}
        self.open: set[str] = set()

    def done(self, key: str) -> Mapping[str, Any] | None:
        return self.finished.get(key)

    def begun(self, key: str) -> bool:
        return key in self.open

    def begin(self, key: str) -> None:
        self.open.add(key)

    def finish(self, key: str, given: Mapping[str, Any], answer: str) -> None:
        self.open.discard(key)
        self.finished[key] = given

    def take_back(self, key: str) -> None:
        self.open.discard(key)


def test_a_step_that_lacks_a_value_was_never_sent_and_is_not_looked_up_later(make: Make) -> None:
    spec = written("""
        system: desk
        transport: rest
        reply: {code: code}
        answers: [{code: 0, then: done}]
        operations: {receive: {post: receive, body: {name: "{name}"}, writes: true}}
        sequences: {intake: [{do: receive}]}""")
    peer, notes = Scripted(json_answer({"code": 0})), Notes()
    connector = make(spec, peer)
    with pytest.raises(ConfigError, match="name"):
        run_sequence(connector, "intake", {}, notes)
    run_sequence(connector, "intake", {"name": "An"}, notes)
    assert (len(peer.requests), set(notes.finished)) == (1, {"1 receive"})
