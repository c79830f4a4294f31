"""One batch to the target: sent, answered item by item, looked up where no answer came, and never sent unseen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors import Answer, Connector
from connectors.errors import AuthRefused, ConfigError, PeerBusy, PeerDown, PeerError, PeerRefused, PeerUnknown
from hub.migration.attempt import Migrating
from hub.migration.target.outgoing import Unsayable, outgoing_of, version_key
from hub.national import SETTLE
from schemas.findings import Finding

ITEM_REFUSED = frozenset({200, 400, 413, 422})
"""HTTP statuses with which a whole call is refused for what is in it; with others the import itself says no."""

REFUSED, DIFFERS = "refused_by_target", "target_differs"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row of `migrated` whose intent is committed; `was` is the state before, `age` the seconds since the intent
    before this one."""

    source: str
    source_key: str
    dossier_code: str
    content_hash: str
    record: dict[str, Any]
    loaded_hash: str | None
    was: str
    age: float

    @property
    def is_unanswered(self) -> bool:
        """It was sent, or may have been, and nobody knows what came of it."""
        return self.was != "read"


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a row: `migrated` with an outcome, `held` with its findings, `unknown`, or `read`: not sent."""

    row: Claimed
    state: str
    outcome: str | None = None
    target_id: str | None = None
    words: str | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def reason(self) -> str | None:
        return self.findings[0].reason if self.findings else None


Keep = Callable[[Sequence[Settled]], None]

TRIES = 3
"""Times a batch without a clear answer is looked up and sent in one go before it stays `unknown` for the next."""

Items = dict[str, tuple[Claimed, dict[str, Any]]]
"""Rows with their items, by dossier code."""


class Importing:
    """The target's import as the loading speaks to it; safe to share between threads."""

    def __init__(self, m: Migrating) -> None:
        self.connector: Connector = m.target
        self._item = outgoing_of(m)
        self._version = version_key(m.target_mapping())
        self._ours = {source.province for source in m.plan.sources}
        self._sleep, self._settle = m.sleep, min(self.connector.spec.limits.timeout, SETTLE)

    def settle(self, age: float = 0.0) -> None:
        """Wait until a call that was given up `age` seconds ago can have been carried out."""
        if age < self._settle:
            self._sleep(self._settle - age)

    def items(self, rows: Sequence[Claimed]) -> tuple[Items, list[Settled]]:
        """The rows as items, by dossier code; those that cannot be said are held."""
        items: Items = {}
        held: list[Settled] = []
        for row in rows:
            try:
                items[row.dossier_code] = row, self._item({"source": row.source, "record": row.record})
            except Unsayable as error:
                held.append(Settled(row, "held", findings=error.findings))
        return items, held

    def send(self, items: Items) -> list[Settled]:
        """One call, or more where the import refuses a whole call for one of its items.

        Raises:
            PeerUnknown: nobody knows what became of the items.
            PeerRefused: the import takes nothing from this account.
        """
        answer = self.connector.call("load", dossiers=[item for _, item in items.values()])
        if answer.kind == "done":
            return self._answered(items, answer)
        if answer.status not in ITEM_REFUSED:
            raise PeerRefused(
                f"the import refuses: {_words(answer)}.",
                peer=self.connector.peer.id,
                operation="load",
                status=answer.status,
                raw=answer.raw,
                next_step="Ask the target's vendor what the account may do; what was answered is kept.",
            )
        if len(items) == 1:
            return [_refused(row, _words(answer)) for row, _ in items.values()]
        pairs = list(items.items())
        middle = len(pairs) // 2
        return [one for half in (pairs[:middle], pairs[middle:]) for one in self.send(dict(half))]

    def look_up(self, rows: Iterable[Claimed]) -> dict[str, dict[str, Any]]:
        """What the target has of these codes: version, source and id, by code.

        Raises:
            PeerUnknown: the look-up says neither yes nor no.
        """
        codes = [row.dossier_code for row in rows]
        try:
            answer = self.connector.call("find", codes=codes)
        except PeerDown:
            raise
        except PeerError as error:
            raise PeerUnknown(f"the look-up failed: {error.what}", peer=error.peer, operation="find") from error
        if answer.kind not in ("done", "not_found"):
            raise PeerUnknown(
                f"the look-up says neither yes nor no: {_words(answer)}",
                peer=self.connector.peer.id,
                operation="find",
                raw=answer.raw,
            )
        return {str(one["code"]): one for one in answer.result} if answer.kind == "done" else {}

    def found(self, items: Items) -> tuple[list[Settled], Items]:
        """Of unanswered items those that arrived, and those that did not: another version there is not this one."""
        there = self.look_up(row for row, _ in items.values())
        arrived: list[Settled] = []
        rest: Items = {}
        for code, (row, item) in items.items():
            one = there.get(code)
            if one is not None and str(one["version"] or "") == item[self._version]:
                outcome = "created" if row.loaded_hash is None else "updated"
                arrived.append(Settled(row, "migrated", outcome, _text(one["id"]), "found when it was looked up"))
            else:
                rest[code] = row, item
        return arrived, rest

    def _answered(self, items: Items, answer: Answer) -> list[Settled]:
        """What each item's own answer says; one without any is unknown."""
        settled, refused = [], []
        answers = {str(one["code"]): one for one in answer.result}
        for code, (row, _) in items.items():
            one = answers.get(code) or {}
            outcome = str(one.get("outcome") or "")
            if outcome in ("created", "updated", "unchanged"):
                settled.append(Settled(row, "migrated", outcome, _text(one["id"]), _text(one["words"])))
            elif outcome == "refused":
                refused.append(_refused(row, _text(one["words"]) or "no reason given", _text(one["id"])))
            else:
                settled.append(Settled(row, "unknown", words=f"the answer does not say what became of it: {outcome}"))
        return settled + self._explained(refused)

    def _explained(self, refused: list[Settled]) -> list[Settled]:
        """Refused items, those apart whose code is there already and is not of this migration."""
        new = [one.row for one in refused if one.row.loaded_hash is None]
        try:
            there = self.look_up(new) if new else {}
        except PeerError:
            return refused  # refused they are; only why is told less well
        return [
            _refused(one.row, one.words or "", _text(found["id"]), DIFFERS)
            if (found := there.get(one.row.dossier_code)) and _text(found["source"]) not in self._ours
            else one
            for one in refused
        ]


def deliver(importing: Importing, items: Items, keep: Keep) -> None:
    """Look up what was sent without an answer, send what is not there, and so on until all is answered; `keep` is told
    each answer as it comes.

    Raises:
        PeerError, ConfigError: the loading cannot go on; what was not sent is owed as before.
    """
    unanswered = {code: pair for code, pair in items.items() if pair[0].is_unanswered}
    fresh = {code: pair for code, pair in items.items() if code not in unanswered}
    asked: Items = {}
    why, age = "", min((row.age for row, _ in unanswered.values()), default=0.0)
    for _ in range(TRIES):
        try:
            if unanswered:
                importing.settle(age)  # what is still being carried out must show in the look-up
                arrived, rest = importing.found(unanswered)
                keep(arrived)
                fresh, unanswered, age = fresh | rest, {}, 0.0
            for asked in _calls(fresh):
                fresh = {code: pair for code, pair in fresh.items() if code not in asked}
                try:
                    answers = importing.send(asked)
                except PeerUnknown as error:
                    unanswered, why = unanswered | asked, str(error)
                    continue
                known = [one for one in answers if one.state != "unknown"]
                keep(known)
                said = {one.row.dossier_code for one in known}
                unanswered |= {code: pair for code, pair in asked.items() if code not in said}
            asked = {}
            if not unanswered:
                return
        except PeerUnknown as error:
            why = str(error)
        except (PeerError, ConfigError) as error:
            why = str(error)
            doubtful = _given_back(unanswered, "unknown", why)
            keep([*_given_back(fresh, "read", why), *_given_back(asked, _after(error), why), *doubtful])
            raise
    keep([*_given_back(fresh, "read", why), *_given_back(unanswered, "unknown", why)])


def _calls(items: Items) -> list[Items]:
    """What goes in one call. One that an earlier run left unknown, and that is not there, goes alone: it may be what
    the target breaks on."""
    alone = [{code: pair} for code, pair in items.items() if pair[0].was == "unknown"]
    together = {code: pair for code, pair in items.items() if pair[0].was != "unknown"}
    return [*([together] if together else []), *alone]


def _after(error: Exception) -> str:
    """The state of a call that failed: of a write nobody knows what it did before it said "later"; what was never
    sent, or is refused altogether, was never carried out."""
    never_sent = isinstance(error, PeerDown) and not isinstance(error, PeerBusy)
    return "read" if never_sent or isinstance(error, AuthRefused | ConfigError | PeerRefused) else "unknown"


def _given_back(items: Items, state: str, why: str) -> list[Settled]:
    return [Settled(row, state, words=why) for row, _ in items.values()]


def _refused(row: Claimed, words: str, target_id: str | None = None, reason: str = REFUSED) -> Settled:
    finding = Finding(reason, "dossier_code", row.dossier_code, detail=words)
    return Settled(row, "held", "refused", target_id, words, [finding])


def _words(answer: Answer) -> str:
    return f"{answer.code or answer.status} {answer.text}".strip()


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)
