"""A plan of `migrations/<plan>.yaml`: who moves where, by which hours, under which thresholds, and who says yes.

Imports nothing heavy: the DAG files read it while they are parsed. What a plan says of other files, accounts and the
time of day is judged in hub.migration.plans.problems, so that the plan of a migration that is over can still be read.
"""

import difflib
import hashlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from hub.config import Limits, Moment, Overlap, Settings, refuse_slug
from hub.config_file import ConfigFile
from hub.errors import ConfigurationError
from schemas.records import VIET_NAM

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

DEADLINE: MilestoneName = "migration_complete"

HINT = "The keys are listed in schemas/plan.schema.json and docs/migration.md."


def _share(value: object) -> object:
    """`0.5 %` and `0,5 %` -> 0.005; a bare number is a part of one."""
    if not isinstance(value, str):
        return value
    number, sign, rest = value.strip().partition("%")
    try:
        if not sign or rest:
            raise ValueError
        return float(number.strip().replace(",", ".")) / 100
    except ValueError:
        raise ValueError("write a share in per cent, as 0.5 %, or as a number from 0 to 1") from None


Share = Annotated[float, BeforeValidator(_share, json_schema_input_type=str | float)]


def _not_at_once(every: timedelta) -> timedelta:
    if every < timedelta(minutes=1):
        raise ValueError("write a time of at least 1m")
    return every


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Target(_Section):
    """The system that takes the dossiers; its province file serves the nightly sync after the opening."""

    province: str = Field(description="the new province: its file `provinces/<province>.yaml`")
    system: str = Field(description="connector spec of the import: `specs/<system>.yaml`")
    connection: str = Field(description="Airflow Connection of the import")
    mapping: str = Field(description="mapping from canonical dossiers to the words of the import")
    url: str | None = Field(default=None, description="address of the import, when the connection does not say it")
    limits: Limits = Field(default=Limits(), description="limits towards the import, where they differ from the spec's")


class Rehearsal(_Section):
    """Where rehearsals load: another installation of the same system."""

    connection: str = Field(description="Airflow Connection of an installation that is not the target's")
    url: str | None = Field(default=None, description="its address, when the connection does not say it")


class Source(_Section):
    """An old province's system and what of it moves."""

    province: str = Field(description="the old province: its file `provinces/<province>.yaml`")
    scope: Scope = Field(default="all", description="every dossier, or only those that are not finished")
    since: Moment | None = Field(
        default=None, description="only what was received since this moment, with its offset; left out: everything"
    )


class Milestone(_Section):
    """An hour that somebody must keep, and where its evidence comes from."""

    name: MilestoneName = Field(description="what must be reached")
    by: Moment = Field(description="the hour, with its offset")
    evidence: Literal["hub", "stated"] = Field(
        default="stated", description="`hub`: the hub sees it; `stated`: a person says so, with a document or a name"
    )
    title: str | None = Field(default=None, description="in the words of the decision that fixes the hour")


class Chunks(_Section):
    """How the work is cut."""

    days: int = Field(default=31, gt=0, le=366, description="days of changes in one chunk")
    batch: int = Field(default=200, gt=0, le=500, description="dossiers in one call to the target")


class Deltas(_Section):
    """How often what changed meanwhile is fetched until the freeze."""

    every: Annotated[Overlap, AfterValidator(_not_at_once)] = Field(
        default=timedelta(minutes=15),
        description="how long after one delta the next begins",
        json_schema_extra={"default": "15m"},
    )
    overlap: Overlap = Field(
        default=timedelta(minutes=30), description="how far a delta reaches back behind what is read already"
    )


class Recode(_Section):
    """By which day's units, and by which table of agencies, codes are written anew."""

    on: date = Field(description="the day whose administrative units the new system knows")
    agencies: Path | None = Field(
        default=None, description="CSV beside the plan: every old agency code and the new one; left out: none changes"
    )


class Gates(_Section):
    """Thresholds of GO / NO-GO; that nothing is unaccounted is none of them: it is always asked for."""

    held: Share = Field(
        default=0.01,
        ge=0,
        le=1,
        description="held dossiers, of all that were read, at most",
        json_schema_extra={"default": "1 %"},
    )
    equal: Share = Field(
        default=0.999,
        ge=0,
        le=1,
        description="dossiers equal in every field on both sides, of all compared, at least",
        json_schema_extra={"default": "99.9 %"},
    )
    split_open: int = Field(default=0, ge=0, description="split communes that nobody has decided, at most")
    files_missing: Share = Field(
        default=0.005,
        ge=0,
        le=1,
        description="attachments that the source no longer has, of all in scope, at most",
        json_schema_extra={"default": "0.5 %"},
    )
    refused: Share = Field(
        default=0.01,
        ge=0,
        le=1,
        description="dossiers that the target refuses, of all sent, at most",
        json_schema_extra={"default": "1 %"},
    )
    gone: Share = Field(
        default=0.001,
        ge=0,
        le=1,
        description="dossiers that a source no longer lists when read again, of all that were read of it, at most",
        json_schema_extra={"default": "0.1 %"},
    )


class Alert(_Section):
    """When the estimated end comes nearer to the deadline than `margin`, people are told."""

    margin: Overlap = Field(
        default=timedelta(hours=1),
        description="how long before the deadline the estimated end must be",
        json_schema_extra={"default": "1h"},
    )
    connection: str | None = Field(
        default=None, description="Airflow Connection of a webhook that gets each alert as JSON; left out: none"
    )


class Plan(_Section):
    """One file of migrations/."""

    slug: str = Field(description="name of the file; not written in it")
    title: str = Field(min_length=1, description="what people call the migration")
    target: Target = Field(description="the new system")
    rehearsal: Rehearsal | None = Field(
        default=None, description="where rehearsals load; left out: there can be no rehearsal"
    )
    sources: tuple[Source, ...] = Field(min_length=1, description="the old systems")
    freeze: Moment = Field(description="the hour from which the old systems take nothing new, with its offset")
    milestones: tuple[Milestone, ...] = Field(
        min_length=1, description="in the order of their hours; `migration_complete` is the deadline"
    )
    chunks: Chunks = Field(default=Chunks(), description="how the work is cut")
    deltas: Deltas = Field(default=Deltas(), description="how what changes meanwhile is followed")
    recode: Recode = Field(description="how codes are written anew")
    attachments: Attachments = Field(
        default="in_progress", description="files that move too: of no dossier, of those not finished, of all"
    )
    gates: Gates = Field(default=Gates(), description="thresholds of GO / NO-GO")
    approvers: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="who says GO: persons or offices"
    )
    alert: Alert = Field(default=Alert(), description="who is told when the hour is in danger")

    @property
    def deadline(self) -> datetime:
        """The legal hour: when the migration must be complete."""
        return next(one.by for one in self.milestones if one.name == DEADLINE)


def plan_slugs(settings: Settings) -> list[str]:
    """Names of all plans, sorted: of the first folder that has any, as provinces."""
    for folder in settings.folders:
        if found := sorted(path.stem for path in (folder / "migrations").glob("*.yaml")):
            return found
    return []


def plan_path(settings: Settings, slug: str) -> Path:
    """Where the plan stands.

    Raises:
        ConfigurationError: nowhere; names the nearest.
    """
    known = plan_slugs(settings)
    for folder in settings.folders:
        if slug in known and (path := folder / "migrations" / f"{slug}.yaml").is_file():
            return path
    near = difflib.get_close_matches(slug, known, 1)
    raise ConfigurationError(
        f"there is no plan '{slug}'" + (f"; did you mean '{near[0]}'?" if near else ""),
        where="migrations/",
        next_step=f"Known: {', '.join(known) or 'none'}. A new one is a file migrations/{slug}.yaml in the folder that "
        "LIENTHONG_CONFIG names (docs/migration.md).",
    )


def plan_digest(path: Path) -> str:
    """SHA-256 of the plan's file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def plan_file(settings: Settings, slug: str) -> ConfigFile[Plan]:
    """The plan's file, which knows the line of each key; raises ConfigurationError."""
    path = plan_path(settings, slug)
    refuse_slug(slug, path, "plan")
    return ConfigFile(path, Plan, what="a plan", hint=HINT)


def load_plan(settings: Settings, slug: str) -> Plan:
    """Read migrations/<slug>.yaml; the table of agencies is looked for beside it.

    Raises:
        ConfigurationError: no such plan (with near names), or file, line and key of what is wrong in it.
    """
    file = plan_file(settings, slug)
    plan = file.checked()
    for keys, what, next_step in _contradictions(plan):
        raise ConfigurationError(what, where=file.where(*keys), next_step=next_step)
    if plan.recode.agencies is None:
        return plan
    beside = {"agencies": file.path.parent / plan.recode.agencies}
    return plan.model_copy(update={"recode": plan.recode.model_copy(update=beside)})


Contradiction = tuple[tuple[str | int, ...], str, str]
"""Keys of the place, what is wrong, what to do."""


def _contradictions(plan: Plan) -> Iterator[Contradiction]:
    """What cannot be meant, judged from the plan alone."""
    yield from _wrong_sources(plan)
    yield from _wrong_hours(plan)
    if plan.rehearsal and (plan.rehearsal.connection, plan.rehearsal.url) == (plan.target.connection, plan.target.url):
        yield (
            ("rehearsal", "connection"),
            f"rehearsals would load into the target itself: both say '{plan.target.connection}'",
            "Name the connection of another installation, or leave `rehearsal` out.",
        )
    for place, name in enumerate(plan.approvers):
        if name in plan.approvers[:place]:
            yield ("approvers", place), f"the approver '{name}' stands twice", "Keep one of them."


def _wrong_sources(plan: Plan) -> Iterator[Contradiction]:
    seen: set[str] = set()
    for place, source in enumerate(plan.sources):
        keys = ("sources", place, "province")
        if source.province in seen:
            yield keys, f"the source '{source.province}' stands twice", "Keep one; each dossier moves once."
        if source.province == plan.target.province:
            yield (
                keys,
                f"the source '{source.province}' is the target too",
                "The old system and the new one each need a file in provinces/, also where both bear one name: "
                f"{source.province}_cu.yaml for the old.",
            )
        if source.since and source.since >= plan.freeze:
            yield (
                ("sources", place, "since"),
                f"'{source.province}' moves nothing: `since` ({told(source.since)}) is not before the freeze "
                f"({told(plan.freeze)})",
                "Write the moment from which received dossiers move, or leave it out: then all do.",
            )
        seen.add(source.province)


def _wrong_hours(plan: Plan) -> Iterator[Contradiction]:
    names = [one.name for one in plan.milestones]
    for place, one in enumerate(plan.milestones):
        if one.name in names[:place]:
            yield ("milestones", place, "name"), f"the milestone '{one.name}' stands twice", "Keep one of them."
    if DEADLINE not in names:
        yield (
            ("milestones",),
            f"no milestone is '{DEADLINE}', so there is no deadline",
            f"Write it: - {{name: {DEADLINE}, by: <the legal hour with its offset>, evidence: hub}}",
        )
        return
    for place, (one, following) in enumerate(zip(plan.milestones, plan.milestones[1:], strict=False), 1):
        if following.by < one.by:
            yield (
                ("milestones", place, "by"),
                f"'{following.name}' ({told(following.by)}) is due before '{one.name}' ({told(one.by)}) above it",
                "Write the milestones in the order of their hours, or correct the hour.",
            )
    if "go_live" in names and names.index("go_live") < names.index(DEADLINE):
        yield (
            ("milestones", names.index("go_live")),
            f"'go_live' stands before '{DEADLINE}': the new system would open without its dossiers",
            f"Write it behind '{DEADLINE}'.",
        )
    if plan.freeze >= plan.deadline:
        yield (
            ("freeze",),
            f"the sources freeze at {told(plan.freeze)}, which is not before the deadline ({told(plan.deadline)})",
            "The last changes are read, loaded and proved between the two; leave hours, not minutes.",
        )
    last = plan.milestones[-1].by
    if plan.recode.on > last.astimezone(VIET_NAM).date():
        yield (
            ("recode", "on"),
            f"the units of {plan.recode.on:%d/%m/%Y} are not in force yet at the last milestone ({told(last)})",
            "Write the day from which the new units are in force.",
        )


def told(moment: datetime) -> str:
    """dd/MM/yyyy HH:mm in Viet Nam."""
    return moment.astimezone(VIET_NAM).strftime("%d/%m/%Y %H:%M")
