"""Handing over: kept dossiers to the province's system, version by version, each by the spec's sequence.

The sequence is `intake`, or `update` for a further version of a dossier that was handed over. Every step is journalled
before its call and after its answer, so that a push that is killed anywhere goes on behind the last finished step.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

import orjson
from sqlalchemy import text

from connectors import Spec
from connectors.errors import ConnectorError, PeerDown, PeerError, PeerRefused, PeerUnknown
from connectors.sequence import run_sequence
from hub.context import Hub
from hub.errors import StageFailed
from hub.inbound.journal import StepJournal
from hub.inbound.store import Damaged, file_content
from hub.inbound.values import Unsayable, values_of
from hub.national import SETTLE
from hub.staging import printable
from hub.store import province_lock

TRIES = 3
"""Times a dossier without a clear answer is probed and sent in one push before it stays `unknown` for the next."""

OWED = """
SELECT * FROM (
    SELECT DISTINCT ON (d.national_code) d.national_code, d.version, d.state, d.record, d.procedure_code_local,
           d.procedure_name,
           coalesce((SELECT jsonb_agg(e.given ORDER BY e.version) FROM inbound_dossier e
                     WHERE e.province = d.province AND e.national_code = d.national_code
                     AND e.version < d.version), '[]') AS given,
           EXISTS (SELECT FROM inbound_dossier e WHERE e.province = d.province AND e.national_code = d.national_code
                   AND e.version < d.version AND e.state = 'handed_over') AS known
    FROM inbound_dossier d
    WHERE d.province = :province AND d.state NOT IN ('handed_over', 'superseded')
    ORDER BY d.national_code, d.version
) owed
WHERE (state <> 'held' OR :held) AND NOT national_code = ANY(:seen) ORDER BY national_code LIMIT :limit
"""
"""The oldest open version of each dossier; what is held keeps its later versions waiting."""

SUPERSEDED = """
UPDATE inbound_dossier d SET state = 'superseded', answered_at = clock_timestamp(),
       reason = 'a newer version came before anything of it was handed over'
WHERE province = :province AND state IN ('received', 'held')
  AND NOT EXISTS (SELECT FROM inbound_step s WHERE s.province = d.province AND s.national_code = d.national_code
                  AND s.version = d.version)
  AND EXISTS (SELECT FROM inbound_dossier n WHERE n.province = d.province AND n.national_code = d.national_code
              AND n.version > d.version)
"""

CLAIM = 100

FILES = "files"
"""Under which `given` keeps what the system gave for each file, by digest and name."""


@dataclass(frozen=True, slots=True)
class Owed:
    """One version that is to be handed over; `given` is what the system gave to the versions before."""

    national_code: str
    version: int
    state: str
    record: dict[str, Any]
    procedure_code_local: str
    procedure_name: str
    given: list[dict[str, Any]]
    known: bool

    @property
    def sequence(self) -> str:
        return "update" if self.known else "intake"

    def known_values(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values of the sequence with what the versions before were given: the number, and each file's own."""
        plain = {name: value for one in self.given for name, value in one.items() if name != FILES}
        files = {key: value for one in self.given for key, value in one.get(FILES, {}).items()}
        documents = [one | files.get(_file_key(one), {}) for one in values["documents"]]
        return {**plain, **values, "documents": documents}

    def to_keep(self, given: dict[str, Any], per_file: set[str]) -> dict[str, Any]:
        """What is kept of a hand-over for the versions after it; lists named in `per_file` belong to the files."""
        names = sorted(per_file & set(given))
        files = {
            _file_key(one): {name: given[name][place] for name in names}
            for place, one in enumerate(self.record["documents"])
        }
        plain = {name: value for name, value in given.items() if not isinstance(value, list)}
        return {**plain, FILES: files} if names else plain


def _file_key(document: dict[str, Any]) -> str:
    return f"{document['digest']} {document['name']}"


def push(hub: Hub, *, held: bool = False) -> dict[str, Any]:
    """Hand over everything that is owed; with `held`, also what was refused before.

    Returns:
        Counts of this push: `handed_over`, `held`, `unknown`, and `waiting`: what is still owed.

    Raises:
        StageFailed: the system cannot be reached or refuses the login; what was answered so far is kept.
    """
    with province_lock(hub.engine, hub.slug, "inbound"):
        connector, mapping = hub.intake, hub.intake_mapping()
        counts: dict[str, int] = {"handed_over": 0, "held": 0, "unknown": 0}
        stop = Event()
        with ThreadPoolExecutor(max_workers=connector.spec.limits.parallel, thread_name_prefix="inbound") as pool:
            for owed in _rounds(hub, held):
                futures = [pool.submit(_hand_over, hub, connector, mapping, one, stop) for one in owed]
                try:
                    for future in futures:
                        state = future.result()
                        counts[state] = counts.get(state, 0) + 1
                        hub.progress("inbound", sum(counts.values()), None)
                except PeerError as error:
                    stop.set()
                    raise _explained(hub, error) from error
        counts.pop("received", None)
        return {**counts, "waiting": waiting(hub)}


def waiting(hub: Hub) -> int:
    """Versions that are owed and neither held nor handed over."""
    query = text(
        "SELECT count(*) FROM inbound_dossier WHERE province = :province"
        " AND state IN ('received', 'sending', 'unknown')"
    )
    with hub.engine.connect() as connection:
        return int(connection.scalar(query, {"province": hub.slug}) or 0)


def _rounds(hub: Hub, held: bool) -> Any:
    """Batches of the oldest open version of each dossier; a dossier with further versions comes again in the next
    round, one that stays open does not."""
    seen: list[str] = []
    while True:
        with hub.engine.begin() as connection:
            connection.execute(text(SUPERSEDED), {"province": hub.slug})
            given = {"province": hub.slug, "held": held, "seen": seen, "limit": CLAIM}
            batch = [Owed(**row._mapping) for row in connection.execute(text(OWED), given)]
            connection.execute(
                text(
                    "UPDATE inbound_dossier SET state = 'sending', intent_at = clock_timestamp(),"
                    " attempts = attempts + 1 WHERE province = :province AND (national_code, version) IN"
                    " (SELECT * FROM unnest(CAST(:codes AS text[]), CAST(:versions AS int[])))"
                ),
                {
                    "province": hub.slug,
                    "codes": [one.national_code for one in batch],
                    "versions": [one.version for one in batch],
                },
            )
        if not batch:
            return
        yield batch
        with hub.engine.connect() as connection:
            still_open = text(
                "SELECT national_code FROM inbound_dossier WHERE province = :province AND national_code = ANY(:codes)"
                " AND state IN ('held', 'unknown', 'received', 'sending') AND attempts > 0"
            )
            codes = {"province": hub.slug, "codes": [one.national_code for one in batch]}
            seen += connection.scalars(still_open, codes).all()


def _hand_over(hub: Hub, connector: Any, mapping: Any, owed: Owed, stop: Event) -> str:
    """One version through its sequence; gives the state it ends in."""
    if stop.is_set():
        return _end(hub, owed, "received")
    try:
        values = values_of(
            owed.record,
            local_code=owed.procedure_code_local,
            local_name=owed.procedure_name,
            mapping=mapping,
            contents=_contents(hub, owed.record),
        )
    except (Unsayable, Damaged) as error:
        return _end(hub, owed, "held", str(error))
    if owed.sequence not in connector.spec.sequences:
        return _end(hub, owed, "held", f"the spec {connector.spec.system} has no sequence '{owed.sequence}'")
    journal = StepJournal(hub.engine, hub.slug, owed.national_code, owed.version)
    for attempt in range(1, TRIES + 1):
        try:
            given = run_sequence(connector, owed.sequence, owed.known_values(values), journal)
        except PeerUnknown as error:
            _end(hub, owed, "unknown", str(error))
            if attempt == TRIES:
                break
            hub.sleep(min(connector.spec.limits.timeout, SETTLE))  # what is being carried out must show in the probe
        except PeerRefused as error:
            return _end(hub, owed, "held", str(error))
        except PeerDown as error:
            _end(hub, owed, "unknown", str(error))
            stop.set()
            raise
        except ConnectorError as error:
            _end(hub, owed, "received", str(error))
            stop.set()
            raise
        else:
            return _end(hub, owed, "handed_over", given=owed.to_keep(given, _per_file(connector.spec, owed.sequence)))
    return "unknown"


def _per_file(spec: Spec, sequence: str) -> set[str]:
    """Values that a sequence's answers give for each file."""
    steps = [step for step in spec.sequences[sequence] if step.each == "documents"]
    return {name for step in steps for name in spec.operations[step.do].gives}


def _contents(hub: Hub, record: dict[str, Any]) -> dict[str, bytes]:
    with hub.engine.connect() as connection:
        return {one["digest"]: file_content(connection, one["digest"]) for one in record["documents"]}


def _end(hub: Hub, owed: Owed, state: str, reason: str | None = None, given: dict[str, Any] | None = None) -> str:
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE inbound_dossier SET state = :state, reason = :reason, answered_at = clock_timestamp(),"
                " given = given || CAST(:given AS jsonb)"
                " WHERE province = :province AND national_code = :code AND version = :version"
            ),
            {
                "state": state,
                "reason": printable(reason) if reason else None,
                "given": orjson.dumps(given or {}).decode(),
                "province": hub.slug,
                "code": owed.national_code,
                "version": owed.version,
            },
        )
    return state


def _explained(hub: Hub, error: PeerError) -> StageFailed:
    return StageFailed(
        error.what,
        where=f"{hub.slug} · inbound · {error.where}",
        next_step=f"{waiting(hub):,} dossiers wait; nothing that was answered is lost.\n  {error.next_step}\n"
        f"  Retry now: lienthong inbound push {hub.slug}",
    )
