"""What every command of `lienthong migrate` begins with: the plan, the folders, the database."""

from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy import Engine

from hub.config import Settings
from hub.migration.plans.plan import Plan, load_plan
from hub.store import database_url, engine_of, upgrade

PlanSlug = Annotated[str, typer.Argument(help="Plan: the name of its file in migrations/, such as can_tho.")]


@dataclass(frozen=True, slots=True)
class Opened:
    """A plan that could be read, and where the hub keeps what it does."""

    plan: Plan
    settings: Settings
    engine: Engine


def open_plan(slug: str) -> Opened:
    """The plan and the database, its tables brought up to date; raises ConfigurationError."""
    settings = Settings.from_environment()
    plan = load_plan(settings, slug)
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    return Opened(plan, settings, engine)
