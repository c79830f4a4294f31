"""A plan of `migrations/<plan>.yaml`: who moves where, by which hours, under which thresholds, and who says yes.

Imports nothing heavy: the DAG files read it while they are parsed.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hub.config import Limits, Moment, Overlap, Settings

Scope = Literal["all", "in_progress"]
Attachments = Literal["none", "in_progress", "all"]
MilestoneName = Literal[
    "procedures_published",
    "configuration_done",
    "migration_complete",
    "gateway_switched",
    "centres_ready",
    "go_live",
]


def _share(value: object) -> object:
    """`0.5 %` -> 0.005."""
    if isinstance(value, str) and value.rstrip().endswith("%"):
        return float(value.rstrip()[:-1].strip()) / 100
    return value


Share = Annotated[float, BeforeValidator(_share, json_schema_input_type=str | float), Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Target(_Section):
    """The system that takes the dossiers; its province file serves the nightly sync after the opening."""

    province: str = Field(description="slug of the new province's file")
    system: str = Field(description="connector spec of the import: `specs/<system>.yaml`")
    connection: str = Field(description="Airflow Connection of the import")
    mapping: str = Field(description="mapping from canonical dossiers to the words of the import")
    url: str | None = Field(default=None, description="address, when the connection does not say it")
    limits: Limits = Field(default=Limits(), description="limits, where they differ from the spec's")


class Rehearsal(_Section):
    """Where rehearsals load: another installation of the same system."""

    connection: str
    url: str | None = None


class Source(_Section):
    """An old province's system and what of it moves."""

    province: str = Field(description="slug of the old province's file")
    scope: Scope = Field(default="all", description="all dossiers, or those in progress")
    since: Moment | None = Field(default=None, description="received since this moment; left out: everything")


class Milestone(_Section):
    """An hour that somebody must keep, and where its evidence comes from."""

    name: MilestoneName
    by: Moment
    evidence: Literal["hub", "stated"] = Field(default="stated", description="the hub sees it, or a person states it")
    title: str | None = Field(default=None, description="in the words of the decision")


class Chunks(_Section):
    """How the work is cut."""

    days: int = Field(default=31, gt=0, le=366, description="days of changes in one chunk")
    batch: int = Field(default=200, gt=0, le=500, description="dossiers in one call to the target")


class Deltas(_Section):
    """How often what changed meanwhile is fetched until the freeze."""

    every: Overlap = timedelta(minutes=15)
    overlap: Overlap = timedelta(minutes=30)


class Recode(_Section):
    """By which day's units, and by which table of agencies, codes are written anew."""

    on: date = Field(description="the day whose units the new system knows")
    agencies: str | None = Field(default=None, description="CSV beside the plan: old agency codes and the new ones")


class Gates(_Section):
    """Thresholds of GO / NO-GO; that nothing is unaccounted is none of them: it is always asked for."""

    held: Share = 0.01
    equal: Share = 0.999
    split_open: int = Field(default=0, ge=0)
    files_missing: Share = 0.005
    refused: Share = 0.01


class Alert(_Section):
    """When the estimated end comes nearer to the deadline than `margin`, people are told."""

    margin: Overlap = timedelta(hours=1)
    connection: str | None = None


class Plan(_Section):
    """One file of migrations/."""

    slug: str
    title: str
    target: Target
    rehearsal: Rehearsal | None = None
    sources: tuple[Source, ...] = Field(min_length=1)
    freeze: Moment
    milestones: tuple[Milestone, ...] = Field(min_length=1)
    chunks: Chunks = Chunks()
    deltas: Deltas = Deltas()
    recode: Recode
    attachments: Attachments = "in_progress"
    gates: Gates = Gates()
    approvers: tuple[str, ...] = Field(min_length=1)
    alert: Alert = Alert()

    @property
    def deadline(self) -> datetime:
        """The legal hour: when the migration must be complete."""
        return next(one.by for one in self.milestones if one.name == "migration_complete")


@dataclass(frozen=True, slots=True)
class PlanFile:
    """Where a plan stands, and its digest."""

    path: Path

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def plan_slugs(settings: Settings) -> list[str]:
    """Names of all plans, sorted: of the first folder that has any, as provinces."""
    for folder in settings.folders:
        if found := sorted(path.stem for path in (folder / "migrations").glob("*.yaml")):
            return found
    return []


def plan_path(settings: Settings, slug: str) -> Path:
    """Where the plan stands."""
    for folder in settings.folders:
        if (path := folder / "migrations" / f"{slug}.yaml").is_file():
            return path
    raise FileNotFoundError(slug)


def load_plan(settings: Settings, slug: str) -> Plan:
    """Read migrations/<slug>.yaml."""
    from schemas import yaml_told

    _, data = yaml_told.load(plan_path(settings, slug).read_text("utf-8"))
    return Plan.model_validate({**data, "slug": slug})
