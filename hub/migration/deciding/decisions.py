"""What a person decides where no rule does: a code of a source, and what it becomes; kept with a name and a reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from sqlalchemy import Connection, text

from hub.errors import ConfigurationError, Refused
from hub.migration.attempt import Attempt, Migrating, current, note_event
from hub.migration.deciding.candidates import candidates_of
from hub.migration.deciding.remapping import map_again
from hub.migration.reading.recoding import recoding_of
from mappings.errors import near
from mappings.recoding import Recoding

Field = Literal["commune", "province", "agency_code", "dossier_code"]

_TOLD = 20
"""Candidates that a refusal names."""

KEPT = """
INSERT INTO migration_decision (plan, source, field, code, source_key, decided, who, why)
VALUES (:plan, :source, :field, :code, :record, :decided, :who, :why)
ON CONFLICT (plan, source, field, code, source_key) DO UPDATE SET
    decided = excluded.decided, who = excluded.who, why = excluded.why, at = clock_timestamp()
"""

BEFORE = """
SELECT decided FROM migration_decision
WHERE plan = :plan AND source = :source AND field = :field AND code = :code AND source_key = :record
"""

TAKEN = """
SELECT source FROM migrated WHERE migration_id = :id AND dossier_code = :decided AND state <> 'out_of_scope'
AND (source, source_key) NOT IN (SELECT source, source_key FROM migrated
                                 WHERE migration_id = :id AND source = :source AND dossier_code IN (:code, :before)
                                 AND :record IN ('', source_key)) LIMIT 1
"""

LOADED = """
SELECT dossier_code FROM migrated WHERE migration_id = :id AND source = :source AND dossier_code IN (:code, :before)
AND :record IN ('', source_key) AND (loaded_hash IS NOT NULL OR state IN ('loading', 'unknown')) LIMIT 1
"""

FITS = """
:record IN ('', m.source_key) AND m.state <> 'out_of_scope' AND (
    m.dossier_code IN (:code, :before) AND :field = 'dossier_code'
    OR m.state = 'held' AND m.findings @> jsonb_build_array(jsonb_build_object(
        'field', CAST(:field AS text), 'value', CAST(:code AS text)))
    OR CAST(:before AS text) <> '' AND m.record -> 'former' @> jsonb_build_array(jsonb_build_object(
        'field', CAST(:field AS text), 'code', CAST(:code AS text), 'way', 'decision'))
    OR :record <> '' AND m.record -> 'former' @> jsonb_build_array(jsonb_build_object(
        'field', CAST(:field AS text), 'code', CAST(:code AS text)))
    OR :record <> '' AND m.record ->> CAST(:field AS text) = :code)
"""
"""Rows that a decision is about: those held for the code, those that an earlier decision wrote anew, the one named."""


NOTHING = {"mapped": 0, "free": 0, "held": 0, "out_of_scope": 0}


@dataclass(frozen=True, slots=True)
class Decision:
    """A code as it stands in a source, and what it becomes; with `record` (a source key) of that record alone."""

    source: str
    field: Field
    code: str
    decided: str
    who: str
    why: str
    record: str = ""

    @property
    def words(self) -> str:
        of = f" (record {self.record})" if self.record else ""
        return f"{self.field} {self.code} of {self.source}{of} becomes {self.decided}"


def field_of(name: str) -> Field:
    """A field that can be decided; raises ConfigurationError for another."""
    for known in get_args(Field):
        if name == known:
            return cast("Field", known)
    raise ConfigurationError(
        f"'{name}' is no field that is decided", where="--field", next_step=near(name, get_args(Field))
    )


def decide(m: Migrating, one: Decision) -> dict[str, Any]:
    """Keep a decision and map again what waits for it.

    Returns:
        `before` (what was decided earlier, or None) and what became of the rows: `mapped`, `free`, `held`,
        `out_of_scope`.

    Raises:
        ConfigurationError: the source, the code or what it is to become cannot be; says what it may become.
        Refused: the attempt is approved or over, or the target has the dossier under its old code.
    """
    with deciding(m) as attempt:
        return _decide(m, attempt, one)


def _decide(m: Migrating, attempt: Attempt | None, one: Decision) -> dict[str, Any]:
    must_be_sound(m, one, recoding_for(m, one.source))
    with m.engine.begin() as connection:
        before = keep(connection, m, attempt, one)
        note_event(
            connection,
            m.plan.slug,
            attempt.migration_id if attempt else None,
            "decision",
            one.words,
            name=one.field,
            who=one.who,
            source=one.source,
            code=one.code,
            record=one.record,
            decided=one.decided,
            before=before,
            why=one.why,
        )
    wanted = {"field": one.field, "code": one.code, "record": one.record, "before": before or ""}
    return {"before": before, **(map_again(m, one.source, FITS, **wanted) if attempt else NOTHING)}


def keep(connection: Connection, m: Migrating, attempt: Attempt | None, one: Decision) -> str | None:
    """Write a decision down inside the caller's transaction. Returns what was decided before.

    Raises:
        ConfigurationError, Refused: a dossier code that is another dossier's, or that the target has taken.
    """
    # Beside no merge: what is merged is seen by the mapping that follows, what is not sees the decision.
    key = {"id": attempt.migration_id if attempt else 0}
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('lienthong.account'), :id)"), key)
    given: dict[str, Any] = {
        "id": attempt.migration_id if attempt else 0,
        "plan": m.plan.slug,
        "source": one.source,
        "field": one.field,
        "code": one.code,
        "record": one.record,
    }
    before: str | None = connection.scalar(text(BEFORE), given)
    if one.field == "dossier_code":
        _must_be_free(connection, m, one, {**given, "before": before or ""})
    connection.execute(text(KEPT), {**given, "decided": one.decided, "who": one.who, "why": one.why})
    return before


def recoding_for(m: Migrating, source: str) -> Recoding:
    """The recoding of a source of the plan; raises ConfigurationError for another."""
    slugs = [one.province for one in m.plan.sources]
    if source not in slugs:
        raise ConfigurationError(
            f"'{source}' is no source of this plan", where="--source", next_step=near(source, slugs)
        )
    return recoding_of(m.plan, m.source(source))


WITHOUT_APPROVAL = "SELECT pg_advisory_xact_lock_shared(hashtext('lienthong.decision'), hashtext(:plan))"
WITHOUT_DECISION = "SELECT pg_advisory_xact_lock(hashtext('lienthong.decision'), hashtext(:plan))"


@contextmanager
def deciding(m: Migrating) -> Iterator[Attempt | None]:
    """The newest attempt, while no approval comes between a decision and what follows from it; raises Refused."""
    with m.engine.begin() as held:
        held.execute(text(WITHOUT_APPROVAL), {"plan": m.plan.slug})
        yield may_decide(m)


def no_decision_meanwhile(connection: Connection, plan: str) -> None:
    """Wait for the decisions that are being taken; others wait until this transaction ends."""
    connection.execute(text(WITHOUT_DECISION), {"plan": plan})


def may_decide(m: Migrating) -> Attempt | None:
    """The newest attempt, when something may still be decided for it.

    Raises:
        Refused: what was approved is what opens.
    """
    newest, cutover = current(m.engine, m.plan.slug), current(m.engine, m.plan.slug, "cutover")
    for attempt in (cutover, newest):
        if attempt is not None and attempt.state in SETTLED_STATES:
            raise _too_late(attempt)
    return newest


SETTLED_STATES = ("approved", "opened", "rolling_back")
"""States in which nothing is decided any more, whatever was rehearsed since."""


def _too_late(attempt: Attempt) -> Refused:
    after = {
        "approved": f"Take the approval back first: lienthong migrate refuse {attempt.plan}",
        "opened": "What is left is entered in the new system by hand; lienthong migrate work lists it.",
        "rolling_back": f"End its way back first: lienthong migrate rollback {attempt.plan} --by … --why …",
    }[attempt.state]
    state = attempt.state.replace("_", " ")
    return Refused(
        f"this {attempt.kind} is {state}; what people said yes to is not changed behind them",
        where=f"migration {attempt.plan}",
        next_step=f"Nothing was changed. {after}",
    )


def must_be_sound(m: Migrating, one: Decision, recoding: Recoding) -> None:
    """Raises ConfigurationError when something is blank, or a code cannot become what it is to."""
    for name, value in (("--code", one.code), ("--as", one.decided), ("--why", one.why)):
        if not value.strip():
            raise ConfigurationError(f"{name} says nothing", where=name, next_step="Nothing was changed.")
    if one.field != "dossier_code":
        _must_be_candidate(recoding, one, m.target_hub.province.province.code)


def _must_be_candidate(recoding: Recoding, one: Decision, province: str) -> None:
    """Raises ConfigurationError unless the new code is in force on the plan's day, and may be meant."""
    known = candidates_of(recoding, one.field, one.code)
    named = "; ".join(f"{found['code']} {found['name']}" for found in known[:_TOLD]) or "none by the table"
    more = f"; {len(known) - _TOLD} more" if len(known) > _TOLD else ""
    on = f"{recoding.on:%d/%m/%Y}"
    if one.field == "agency_code":
        agencies = recoding.agencies.known if recoding.agencies else {}
        if recoding.agencies is None or recoding.agencies.agency(one.decided) not in agencies.values():
            raise ConfigurationError(
                f"{one.decided} is no agency of the new province in the plan's table",
                where="--as",
                next_step=f"Nothing was changed. Candidates: {named}{more}. "
                + near(one.decided, [found.code for found in agencies.values()]),
            )
        return
    unit = recoding.edition.unit(one.decided, recoding.on)
    if unit is None or unit.level != one.field:
        what = f"{one.decided} is no {one.field} in force on {on}"
    elif known and one.decided not in {found["code"] for found in known}:
        what = f"{one.field} {one.code} did not become {one.decided} {unit.name}"
    else:
        return
    any_of = f"None is known; any serves that is in force on {on}: lienthong units list --province {province}"
    told = f"Candidates: {named}{more}." if known else any_of
    raise ConfigurationError(what, where="--as", next_step=f"Nothing was changed. {told}")


def _must_be_free(connection: Connection, m: Migrating, one: Decision, given: dict[str, Any]) -> None:
    """Raises ConfigurationError or Refused when a dossier code cannot become another one."""
    if one.decided == one.code:
        raise ConfigurationError(
            "the code stays what it is", where="--as", next_step="Decide for the other source, or name a new code."
        )
    if other := connection.scalar(text(TAKEN), {**given, "decided": one.decided}):
        raise ConfigurationError(
            f"{one.decided} is a dossier of {other} already",
            where="--as",
            next_step="Nothing was changed. Name a code that no source has: with the old province's prefix, say.",
        )
    if loaded := connection.scalar(text(LOADED), given):
        raise Refused(
            f"the target has the dossier as {loaded}; under another code it would be there twice",
            where=f"migration {m.plan.slug} · {one.source}",
            next_step="Nothing was changed. Decide for the source whose dossier is held.",
        )
