"""Checks of single calls: what an unknown code and a repeated write are answered with."""

import re
from typing import Any

from connectors.conformance.ground import Ground, Verdict, failed, passed, skipped
from connectors.spec import Spec

UNKNOWN = "000.00.00.H00-000000-0000"
TABLE = "Name that answer under answers: in the spec."


def looks_up(spec: Spec, operation: str) -> bool:
    """It finds something by a code: `empty: not_found`, or a sequence asks it whether a call arrived (`probe:`)."""
    said = spec.operations[operation]
    probes = {step.probe for steps in spec.sequences.values() for step in steps}
    return not said.writes and (said.empty == "not_found" or operation in probes)


def unknown_code(ground: Ground, operation: str) -> Verdict:
    """A code that nobody has is answered as not found: not as a failure, and not with somebody's record."""
    said = ground.spec.operations[operation]
    if not looks_up(ground.spec, operation):
        return skipped("it looks nothing up by a code")
    if said.example is None and said.required != {"code"}:
        return skipped("the spec gives no example of its parameters")
    asked = {name: _nobodys(value) for name, value in (said.example or {"code": UNKNOWN}).items()}
    code = next((value for value in asked.values() if isinstance(value, str)), "the example")
    answer = ground.connector.call(operation, **asked)
    if answer.kind == "not_found":
        return passed(f"{code} is not found")
    if answer.kind == "done":
        return failed(f"{code} is answered with {len(answer.result)} results", "Ask the vendor whose record that is.")
    return failed(
        f'{code} is answered "{answer.text}" (code {answer.code}, HTTP {answer.status}): {answer.kind}', TABLE
    )


def _nobodys(value: Any) -> Any:
    """A code with its digits zeroed; a table or list stays, for its parts may be times that must stay possible."""
    return re.sub(r"\d", "0", value) if isinstance(value, str) else value


def push_idempotence(ground: Ground, operation: str) -> Verdict:
    """The same write sent twice is taken twice as one: accepted, or answered as there already."""
    said = ground.spec.operations[operation]
    if not said.writes:
        return skipped("it writes nothing")
    if not ground.writes:
        return skipped("writes are tried only with --writes")
    if said.required and said.example is None:
        return skipped("the spec gives no example")
    kinds = []
    for turn in ("first", "second"):
        answer = ground.connector.call(operation, **(said.example or {}))
        kinds.append(answer.kind)
        if answer.kind not in ("done", "exists"):
            return failed(
                f'the {turn} time it is answered "{answer.text}" (code {answer.code}, HTTP {answer.status}): '
                f"{answer.kind}",
                f"{TABLE} A write that is repeated after a broken connection must end well.",
            )
    return passed(f"first {kinds[0]}, then {kinds[1]}")
