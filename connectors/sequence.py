"""A dossier handed over in several calls: a spec's `sequences:`, step by step, gone on with after a kill.

What an answer `gives` is known to the later steps under its name; an `each` step's values become lists, in the order of
the items. A journal is told before a call and after its answer. A step that it knows as done is not done again; one
that had begun and has no answer is looked up by its `probe` before it is sent again; one whose values are known already
(the number that an earlier version was given, the id of a file in its item) is not asked again.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from connectors.connector import Connector
from connectors.errors import BadAnswer, ConfigError, PeerBusy, PeerDown, PeerError, PeerRefused, PeerUnknown
from connectors.peer import Answer
from connectors.spec import Operation, SequenceStep


class Journal(Protocol):
    """Where the steps of one hand-over are written down; each call must have lasted when it returns."""

    def done(self, key: str) -> Mapping[str, Any] | None:
        """What a finished step gave; None for a step that is not finished."""
        ...

    def begun(self, key: str) -> bool:
        """Whether a step was sent, or may have been, without an answer."""
        ...

    def begin(self, key: str) -> None: ...

    def finish(self, key: str, given: Mapping[str, Any], answer: str) -> None: ...

    def take_back(self, key: str) -> None:
        """The step did not happen: it was never sent, or was refused."""
        ...


def run_sequence(connector: Connector, name: str, values: Mapping[str, Any], journal: Journal) -> dict[str, Any]:
    """Carry out a sequence and give what its answers gave; with `each`, as lists.

    Raises:
        PeerUnknown: a write may or may not have arrived; running it again probes first.
        PeerRefused: a step was refused; `operation` says which. The finished steps stay finished.
        PeerDown, AuthRefused, BadAnswer: nothing was carried out by this step.
        ConfigError: the spec has no such sequence, or a value is missing.
    """
    spec = connector.spec
    if name not in spec.sequences:
        known = ", ".join(sorted(spec.sequences)) or "none"
        raise ConfigError(
            f"{spec.system} has no sequence {name!r}.",
            file=spec.file,
            line=spec.line("sequences"),
            key="sequences",
            next_step=f"It has: {known}.",
        )
    known_values = dict(values)
    given: dict[str, Any] = {}
    for place, step in enumerate(spec.sequences[name], 1):
        found = _step(connector, step, place, known_values, journal)
        given |= found
        known_values |= found
    return given


def _step(
    connector: Connector, step: SequenceStep, place: int, values: Mapping[str, Any], journal: Journal
) -> dict[str, Any]:
    operation = connector.spec.operations[step.do]
    if step.when is not None and not values.get(step.when):
        return {}
    if step.each is None:
        if operation.gives and all(values.get(name) is not None for name in operation.gives):
            return {}
        return dict(_call(connector, step, f"{place} {step.do}", values, journal))
    lists: dict[str, Any] = {name: [] for name in operation.gives}
    for number, item in enumerate(values.get(step.each) or (), 1):
        found = {name: item[name] for name in lists if item.get(name) is not None}
        if not lists or len(found) < len(lists):
            key = f"{place} {step.do} {number}"
            found = dict(_call(connector, step, key, {**values, "item": item}, journal))
        for name, collected in lists.items():
            collected.append(found.get(name))
    return lists


def _call(
    connector: Connector, step: SequenceStep, key: str, values: Mapping[str, Any], journal: Journal
) -> Mapping[str, Any]:
    """One call, unless the journal knows its answer or the probe finds that it arrived."""
    done = journal.done(key)
    if done is not None:
        return done
    operation = connector.spec.operations[step.do]
    if operation.writes and journal.begun(key):
        found = _probe(connector, step, values)
        if found is not None:
            journal.finish(key, found, "found when it was looked up")
            return found
    journal.begin(key)
    try:
        answer = connector.call(step.do, **_parameters(operation, values))
    except (PeerBusy, BadAnswer):
        if not operation.writes:
            journal.take_back(key)
        raise  # of a write nobody knows what it did before it said "later"
    except ConfigError:
        journal.take_back(key)
        raise
    except PeerError as error:
        if not isinstance(error, PeerUnknown):
            journal.take_back(key)
        raise
    if answer.kind == "exists" and operation.writes:  # the number is ours alone, so what is there is what we sent
        found = _probe(connector, step, values) if step.probe else {}
        if found is not None:
            journal.finish(key, found, _words(answer))
            return found
    if answer.kind != "done":
        journal.take_back(key)
        raise PeerRefused(
            f"the step is refused: {_words(answer)}.",
            peer=connector.peer.id,
            operation=step.do,
            status=answer.status,
            raw=answer.raw,
            next_step="The steps before it stand. Ask the vendor what it means, then hand the dossier over again.",
        )
    journal.finish(key, answer.values, _words(answer))
    return answer.values


def _probe(connector: Connector, step: SequenceStep, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the look-up of an unanswered call gives; None when the call did not arrive.

    Raises:
        PeerUnknown: the step has no probe, or the look-up was not answered.
    """
    place: dict[str, Any] = {"peer": connector.peer.id, "operation": step.do}
    if step.probe is None:
        raise PeerUnknown(
            "an earlier call was not answered, and the spec names no probe for it.",
            next_step="Ask the vendor whether it arrived; name an operation under probe: that tells it.",
            **place,
        )
    try:
        answer = connector.call(step.probe, **_parameters(connector.spec.operations[step.probe], values))
    except PeerDown:
        raise
    except PeerError as error:
        raise PeerUnknown(f"the look-up of an unanswered call failed: {error.what}", **place) from error
    if answer.kind == "not_found":
        return None
    if answer.kind != "done":
        raise PeerUnknown(
            f"the look-up of an unanswered call says neither yes nor no: {_words(answer)}.", raw=answer.raw, **place
        )
    wanted = connector.spec.operations[step.do].gives
    return {name: value for name, value in answer.values.items() if name in wanted}


def _parameters(operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values.get(name) for name in operation.parameters}


def _words(answer: Answer) -> str:
    return f"{answer.code or answer.status} {answer.text}".strip()
