"""The national side as push and reconcile speak to it: payloads, the look-up, and what counts as the same."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import orjson

from connectors import Answer
from connectors.errors import BadAnswer, PeerRefused
from hub.context import Hub
from hub.errors import HubError
from schemas.records import DOSSIER, STEP, Field

PROGRESS = "DanhSachTienTrinh"
"""Where a look-up shows the steps it has. [style] No contract names it: ask the adapter's vendor."""


_LISTS_WITH_TIMES = {f.name for f in DOSSIER if f.name != "steps" and any(item.kind == "time" for item in f.items)}

SETTLE = 30.0
"""Seconds before a write without an answer is looked up, when the adapter's own time-out is not shorter."""


class Unsendable(HubError):
    """A stored record that the national mapping refuses: its gate or the mapping must be mended."""


class Resolved(Protocol):
    """What the hub adds to a canonical dossier before it is mapped to national fields."""

    @property
    def outgoing_code(self) -> str: ...
    @property
    def procedure_name(self) -> str | None: ...
    @property
    def field_code(self) -> str | None: ...
    @property
    def field_name(self) -> str | None: ...


class National:
    """One province's line to the adapter; safe to share between threads."""

    def __init__(self, hub: Hub) -> None:
        self._connector = hub.national
        self._dossier = hub.national_mapping("dossier")
        self._step = hub.national_mapping("step")
        self._sleep, self._settle = hub.sleep, min(hub.national.spec.limits.timeout, SETTLE)
        self.parallel = hub.national.spec.limits.parallel
        self.step_batch = hub.national.spec.operations["put_steps"].batch or 1

    def dossier_payload(self, record: dict[str, Any], resolved: Resolved) -> dict[str, Any]:
        """The national fields of a stored dossier (times are ISO texts in the store)."""
        canonical = with_times(record, DOSSIER)
        canonical |= {
            "outgoing_code": resolved.outgoing_code,
            "procedure_name": resolved.procedure_name,
            "field_code": resolved.field_code,
            "field_name": resolved.field_name,
            "steps": [],
        }
        return _sound(self._dossier.map(canonical), resolved.outgoing_code)

    def step_payload(self, record: dict[str, Any], resolved: Resolved) -> dict[str, Any]:
        """The national fields of a stored progress step."""
        canonical = with_times(record, STEP) | {"outgoing_code": resolved.outgoing_code}
        return _sound(self._step.map(canonical), resolved.outgoing_code)

    def settle(self) -> None:
        """Wait until a write that was given up can have been carried out."""
        self._sleep(self._settle)

    def look_up(self, code: str) -> dict[str, Any] | None:
        """The dossier as the national side has it; None when it says that it knows none.

        Raises:
            PeerRefused: any other answer. A failed look-up is not "not found".
        """
        answer = self._connector.call("look_up", code=code)
        if answer.kind == "not_found":
            return None
        if answer.kind == "done" and answer.result:
            return self._the_one(code, answer)
        raise PeerRefused(
            f"the look-up was not answered: {answer.code} {answer.text}",
            peer=self._connector.peer.id,
            operation="look_up",
            status=answer.status,
            raw=answer.raw,
            next_step=f"Look up {code} by hand; nothing was sent for it.",
        )

    def _the_one(self, code: str, answer: Answer) -> dict[str, Any]:
        """The dossier that was asked for among those that were answered, in the shape that was promised."""
        for found in answer.result:
            if isinstance(found, dict) and found.get("MaHoSo") == code:
                steps = found.get(PROGRESS) or []
                if isinstance(steps, list) and all(isinstance(step, dict) for step in steps):
                    return found
        raise BadAnswer(
            f"the look-up of {code} shows another dossier, or not in the agreed shape",
            peer=self._connector.peer.id,
            operation="look_up",
            status=answer.status,
            raw=answer.raw,
            next_step="Show the answer to the adapter's vendor; nothing was sent for this dossier.",
        )

    def put_dossier(self, payload: dict[str, Any], *, updating: bool) -> Answer:
        """Create or update; a create that meets "đã tồn tại" becomes one update."""
        answer = self._put(payload, updating)
        if answer.kind == "exists" and not updating:
            answer = self._put(payload, True)
        return answer

    def _put(self, payload: dict[str, Any], updating: bool) -> Answer:
        return self._connector.call("put_dossier", updating="True" if updating else "False", dossiers=[payload])

    def put_steps(self, payloads: list[dict[str, Any]]) -> Answer:
        return self._connector.call("put_steps", steps=payloads)

    @staticmethod
    def same_dossier(payload: dict[str, Any], known: dict[str, Any]) -> bool:
        """Whether the national record says what we would send, field by field."""
        return not differing(payload, known)

    def step_marks(self, known: dict[str, Any] | None) -> Counter[str]:
        """The steps that a looked-up record shows, by time and status."""
        return Counter(self.mark(step) for step in (known or {}).get(PROGRESS) or [])

    @staticmethod
    def mark(step: dict[str, Any]) -> str:
        """What tells national steps apart: time and status."""
        return f"{step.get('ThoiDiemXuLy')}|{step.get('TrangThai')}"


def differing(payload: dict[str, Any], known: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Fields in which the national record differs from what the hub would send: (field, hub, national).

    An absent field and a blank one are the same; lists are compared as JSON.
    """
    return [
        (name, ours, theirs)
        for name, value in payload.items()
        if (ours := _flat(value)) != (theirs := _flat(known.get(name)))
    ]


def _flat(value: Any) -> str:
    if value is None or value == []:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def with_times(record: dict[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """A stored record with its ISO texts as aware datetimes again, in the entries of its lists too."""
    times = {f.name: datetime.fromisoformat(record[f.name]) for f in fields if f.kind == "time" and record.get(f.name)}
    lists = {
        f.name: [with_times(entry, f.items) for entry in record[f.name]]
        for f in fields
        if f.name in _LISTS_WITH_TIMES and record.get(f.name)
    }
    return record | times | lists


def _sound(mapped: Any, code: str) -> dict[str, Any]:
    """The mapped national record, or the first reason why there is none."""
    if mapped.findings:
        finding = mapped.findings[0]
        raise Unsendable(
            f"{finding.field} cannot be said nationally: {finding.reason}",
            where=f"{code} · {finding.rule}",
            next_step="Mend the national mapping or the dossier's gate, then redrive it.",
        )
    return dict(mapped.record)
