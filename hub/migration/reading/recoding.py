"""The recoder of one source: the plan's rules, the units of the configuration, people's decisions, today's levels."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

from hub.context import Hub
from hub.migration.plans.plan import Plan
from mappings import Mapped
from mappings.new_agencies import NewAgencies, read_agencies
from mappings.recoding import Recoding
from mappings.units import Units

if TYPE_CHECKING:
    from hub.migration.attempt import Migrating

DECIDED = "SELECT field, code, source_key, decided FROM migration_decision WHERE plan = :plan AND source = :source"

LEVELS = "SELECT procedure_code, levels FROM procedure_version WHERE valid_to IS NULL"


def recoder_of(migrating: "Migrating", source: Hub) -> Callable[[Mapped, str], None]:
    """What a source's records go through before the gate; people's decisions are those of this moment.

    Raises:
        MappingError: the table of agencies cannot be used; names file and line.
    """
    recode = recoding_of(migrating.plan, source).recode

    def recoder(mapped: Mapped, key: str) -> None:
        mapped.findings += recode(mapped.record, key)

    return recoder


def refresh(migrating: "Migrating", source: str) -> None:
    """Take up what was decided since the source's recoder was made; to be called when a chunk starts."""
    hub = migrating.source(source)
    hub.recoder = recoder_of(migrating, hub)


def recoding_of(plan: Plan, source: Hub) -> Recoding:
    """The recoding of one source; raises MappingError."""
    levels = _levels(source.engine)
    edition = source.units()
    return Recoding(
        source.slug,
        plan.recode.on,
        edition,
        agencies_of(plan, edition),
        _decisions(source.engine, plan.slug, source.slug),
        lambda code: levels.get(code, frozenset()),
    )


def agencies_of(plan: Plan, edition: Units) -> NewAgencies | None:
    """The plan's table of agencies, None for a plan without one; raises MappingError."""
    if plan.recode.agencies is None:
        return None
    return read_agencies(plan.recode.agencies, [one.province for one in plan.sources], edition, plan.recode.on)


def _decisions(engine: Engine, plan: str, source: str) -> dict[tuple[str, str, str], str]:
    with engine.connect() as connection:
        rows = connection.execute(text(DECIDED), {"plan": plan, "source": source})
        return {(row.field, row.code, row.source_key): row.decided for row in rows}


def _levels(engine: Engine) -> dict[str, frozenset[int]]:
    """Levels of the procedures in force; the few levels share their sets."""
    shared: dict[frozenset[int], frozenset[int]] = {}
    with engine.connect() as connection:
        found = {
            row.procedure_code: frozenset(int(level) for level in row.levels if str(level).isdigit())
            for row in connection.execute(text(LEVELS))
        }
    return {code: shared.setdefault(levels, levels) for code, levels in found.items()}
