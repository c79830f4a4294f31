"""An attempt at a plan: its row, its events, and what the stages of a migration are handed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, select, text, update
from sqlalchemy.dialects.postgresql import insert

from connectors import Connector
from hub.config import Settings, load_province
from hub.context import Hub, Progress, connector_of, silent
from hub.errors import Busy, Refused, StageFailed
from hub.migration.plans.fixed import fixed_parts
from hub.migration.plans.plan import Plan, load_plan
from mappings import Mapping
from schemas.migration_tables import ATTEMPT_STATES, migration, migration_event

AttemptKind = Literal["rehearsal", "cutover"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the table `migration`."""

    migration_id: int
    plan: str
    kind: AttemptKind
    state: str
    plan_digest: str
    target: str
    mark: datetime
    read_until: datetime | None
    target_mark: str | None
    target_before: dict[str, Any] | None
    counts: dict[str, Any]
    error: str | None
    started_at: datetime
    frozen_at: datetime | None
    opened_at: datetime | None
    ended_at: datetime | None

    def past(self, state: str) -> bool:
        """Whether the attempt has come to this state, or further."""
        return ATTEMPT_STATES.index(self.state) >= ATTEMPT_STATES.index(state)


_COLUMNS = [migration.c[name] for name in Attempt.__dataclass_fields__]


def _read(row: Row[Any]) -> Attempt:
    return Attempt(**row._mapping)


def get_attempt(engine: Engine, migration_id: int) -> Attempt:
    """The attempt as it stands now."""
    with engine.connect() as connection:
        return _read(connection.execute(select(*_COLUMNS).filter_by(migration_id=migration_id)).one())


def current(engine: Engine, plan: str, kind: AttemptKind | None = None) -> Attempt | None:
    """The newest attempt at a plan that was not rolled back; of one kind, or of any."""
    query = select(*_COLUMNS).where(migration.c.plan == plan, migration.c.state != "rolled_back")
    if kind is not None:
        query = query.where(migration.c.kind == kind)
    with engine.connect() as connection:
        row = connection.execute(query.order_by(migration.c.migration_id.desc()).limit(1)).one_or_none()
    return None if row is None else _read(row)


def must_be_current(engine: Engine, plan: str, kind: AttemptKind | None = None) -> Attempt:
    """As `current`.

    Raises:
        Refused: there is no attempt yet, or the last one was rolled back.
    """
    found = current(engine, plan, kind)
    if found is None:
        what = f"no {kind}" if kind else "no attempt"
        raise Refused(
            f"there is {what} of this plan under way: none was begun, or the last one was rolled back",
            where=f"migration {plan}",
            next_step=f"Begin with: lienthong migrate rehearse {plan}, then lienthong migrate run {plan}.",
        )
    return found


def under_way(engine: Engine, plan: str, kind: AttemptKind) -> Attempt | None:
    """The attempt that is taken up; None where one of this kind would begin."""
    found = current(engine, plan, kind)
    return None if found is not None and kind == "rehearsal" and found.past("proved") else found


def open_attempt(engine: Engine, plan: Plan, kind: AttemptKind, *, digest: str, mark: datetime) -> Attempt:
    """Take up the running attempt of this kind, or begin one; history is read up to `mark`.

    Raises:
        Busy: others begin and end attempts at this plan meanwhile.
    """
    values = {"plan": plan.slug, "kind": kind, "plan_digest": digest, "target": plan.target.province, "mark": mark}
    values["plan_fixed"] = fixed_parts(plan)
    for _ in range(TRIES):
        if found := under_way(engine, plan.slug, kind):
            return found
        with engine.begin() as connection:
            fresh = insert(migration).values(**values).on_conflict_do_nothing().returning(*_COLUMNS)
            row = connection.execute(fresh).one_or_none()
            if row is not None:
                begun = _read(row)
                note_event(connection, plan.slug, begun.migration_id, "state", f"{kind} began", name="reading")
                return begun
    raise Busy(
        f"another process begins and ends a {kind} of this plan",
        where=f"migration {plan.slug}",
        next_step="Nothing was begun. Wait for it, then give the command again.",
    )


TRIES = 3
"""Times that the attempt of another process, which began at the same moment, is looked for."""

LOCKED = "SELECT state FROM migration WHERE migration_id = :id FOR UPDATE"


def locked(connection: Connection, attempt: Attempt, states: tuple[str, ...]) -> Attempt:
    """The attempt's row, held until the transaction ends, as it stands and in one of these states still.

    Raises:
        Refused: somebody else moved it meanwhile.
    """
    state = str(connection.scalar(text(LOCKED), {"id": attempt.migration_id}))
    if state not in states:
        raise Refused(
            f"somebody else brought the {attempt.kind} to '{state}' meanwhile",
            where=f"migration {attempt.plan} · attempt {attempt.migration_id}",
            next_step=f"Nothing was changed. See where it stands: lienthong migrate go {attempt.plan}",
        )
    return replace(attempt, state=state)


def move_on(connection: Connection, attempt: Attempt, state: str, **values: Any) -> None:
    """Bring an attempt that is `locked` to another state, with an event, inside the stage's own transaction."""
    changed = update(migration).filter_by(migration_id=attempt.migration_id).values(state=state, error=None, **values)
    connection.execute(changed)
    note_event(connection, attempt.plan, attempt.migration_id, "state", f"{attempt.state} -> {state}", name=state)


def advance(m: "Migrating", before: tuple[str, ...], after: str) -> None:
    """`locked` and `move_on` in a transaction of their own."""
    with m.engine.begin() as connection:
        move_on(connection, locked(connection, m.attempt, before), after)


def note_event(
    connection: Connection,
    plan: str,
    migration_id: int | None,
    kind: str,
    words: str,
    *,
    name: str = "",
    who: str = "hub",
    **details: Any,
) -> None:
    """One row of the plan's log, inside the transaction of what happened."""
    values = {"plan": plan, "migration_id": migration_id, "kind": kind, "name": name, "who": who, "text": words}
    connection.execute(insert(migration_event).values(**values, details=details))


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Migrating:
    """One attempt at a plan as the stages see it. Time, sleep, progress and transport can be passed in."""

    plan: Plan
    settings: Settings
    engine: Engine
    attempt_id: int
    clock: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    progress: Progress = silent
    transport: Any = None
    tick_took: timedelta = timedelta()
    """How long the last look at the counts took: the clock's next one waits accordingly."""
    _sources: dict[str, Hub] = field(default_factory=dict, repr=False)

    @property
    def attempt(self) -> Attempt:
        """The attempt as it stands now, read again each time."""
        return get_attempt(self.engine, self.attempt_id)

    def source(self, slug: str) -> Hub:
        """The hub of one source's province; its records come recoded."""
        if slug not in self._sources:
            hub = self._hub(slug)
            hub.recoder = self._recoder(hub)
            self._sources[slug] = hub
        return self._sources[slug]

    @cached_property
    def target_hub(self) -> Hub:
        """The hub of the new province."""
        return self._hub(self.plan.target.province)

    @cached_property
    def target(self) -> Connector:
        """The import of the new system: of the rehearsal's installation while it is rehearsed."""
        side, place = self.plan.target, self.plan.target
        if self.attempt.kind == "rehearsal":
            if self.plan.rehearsal is None:
                raise StageFailed(
                    "the plan names no place to rehearse",
                    where=f"migrations/{self.plan.slug}.yaml",
                    next_step="Write its key rehearsal: the connection of another installation of the target.",
                )
            place = side.model_copy(update=self.plan.rehearsal.model_dump())
        return connector_of(self.target_hub, side.system, place.connection, place.url, side.limits)

    def target_mapping(self) -> Mapping:
        """From canonical dossiers to the words of the import."""
        return self.target_hub.named_mapping(self.plan.target.mapping, "dossier")

    def _hub(self, slug: str) -> Hub:
        province = load_province(self.settings, slug)
        passed = {"clock": self.clock, "sleep": self.sleep, "progress": self.progress, "transport": self.transport}
        return Hub(province, self.settings, self.engine, **passed)

    def _recoder(self, hub: Hub) -> Any:
        from hub.migration.reading.recoding import recoder_of

        return recoder_of(self, hub)


def migrating(settings: Settings, engine: Engine, slug: str, attempt_id: int, **passed_in: Any) -> Migrating:
    """What the stages of an attempt take."""
    return Migrating(load_plan(settings, slug), settings, engine, attempt_id, **passed_in)
