"""What a plan says of other files, accounts, tables and the time of day, judged before anything is begun."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hub.config import Province, Settings, load_province
from hub.config_file import ConfigFile
from hub.connections import peer
from hub.context import spec_path
from hub.errors import ConfigurationError, HubError
from hub.migration.plans.plan import Plan, plan_file, told
from hub.migration.reading.recoding import agencies_of
from mappings import load_mapping
from mappings.errors import MappingError
from mappings.units import units
from schemas.records import VIET_NAM

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right, with the place in the plan; a warning stops nothing."""

    level: Level
    what: str
    where: str
    next_step: str


def must_be_sound(plan: Plan, settings: Settings, now: datetime) -> None:
    """Raises ConfigurationError with the first error of `problems_of`; to be asked before anything is begun."""
    for problem in problems_of(plan, settings, now):
        if problem.level == "error":
            raise ConfigurationError(problem.what, where=problem.where, next_step=problem.next_step)


def problems_of(plan: Plan, settings: Settings, now: datetime) -> list[Problem]:
    """All that would stop or mislead a migration that began `now`; errors first. No peer is asked."""
    file = plan_file(settings, plan.slug)
    found = [
        *_of_provinces(plan, settings, file),
        *_of_accounts(plan, settings, file),
        *_of_target(plan, settings, file),
        *_of_hours(plan, file, now),
        *_of_scope(plan, file, now),
    ]
    return sorted(found, key=lambda one: one.level != "error")


def _of_provinces(plan: Plan, settings: Settings, file: ConfigFile[Plan]) -> Iterator[Problem]:
    """Files of sources and target, and two sources behind one account."""
    accounts: dict[tuple[str, str | None], str] = {}
    for keys, slug in _provinces(plan):
        try:
            province = load_province(settings, slug)
        except ConfigurationError as error:
            nowhere = error.where == "provinces/"
            what = error.what if nowhere else f"the file of '{slug}' cannot be used: {error.where}: {error.what}"
            yield Problem("error", what, file.where(*keys), error.next_step)
            continue
        account = (province.connection, province.url)
        if keys[0] == "sources" and account in accounts:
            yield Problem(
                "error",
                f"'{slug}' and '{accounts[account]}' are read over one connection, '{province.connection}': every "
                "dossier would move twice",
                file.where(*keys),
                "Each old system has an account of its own; correct `connection` in one of the two province files.",
            )
        if keys[0] == "sources" and account in (
            (plan.target.connection, plan.target.url),
            (plan.rehearsal and plan.rehearsal.connection, plan.rehearsal and plan.rehearsal.url),
        ):
            yield Problem(
                "error",
                f"'{slug}' is read over '{province.connection}', into which the plan loads",
                file.where(*keys),
                "Source and target are two systems with two accounts; correct the one that is wrong.",
            )
        accounts.setdefault(account, slug)
        with suppress(MappingError):
            yield from _of_unit(plan, settings, province, file, keys)


def _provinces(plan: Plan) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for place, source in enumerate(plan.sources):
        yield ("sources", place, "province"), source.province
    yield ("target", "province"), plan.target.province


def _of_unit(
    plan: Plan, settings: Settings, province: Province, file: ConfigFile[Plan], keys: tuple[str | int, ...]
) -> Iterator[Problem]:
    """The new province must be a unit on the day of the recoding, an old one have been a unit once."""
    known, code, on = units(settings.folders), province.province.code, plan.recode.on
    if keys[0] == "target" and known.unit(code, on) is None:
        yield Problem(
            "error",
            f"the target's province code {code} is no unit on {on:%d/%m/%Y}, the day of `recode.on`",
            file.where("recode", "on"),
            f"Correct `province.code` in provinces/{province.slug}.yaml, or the day; a merger that the units do not "
            "know yet is an edition of your own (docs/codes.md).",
        )
    if keys[0] == "sources" and not known.rows(code):
        yield Problem(
            "error",
            f"'{province.slug}' has province code {code}, which no unit ever had",
            file.where(*keys),
            f"Correct `province.code` in provinces/{province.slug}.yaml.",
        )


def _of_accounts(plan: Plan, settings: Settings, file: ConfigFile[Plan]) -> Iterator[Problem]:
    wanted: list[tuple[tuple[str | int, ...], str, str | None]] = [
        (("target", "connection"), plan.target.connection, plan.target.url)
    ]
    if plan.rehearsal:
        wanted.append((("rehearsal", "connection"), plan.rehearsal.connection, plan.rehearsal.url))
    if plan.alert.connection:
        wanted.append((("alert", "connection"), plan.alert.connection, None))
    for keys, slug in _provinces(plan):
        with suppress(HubError):  # told by _of_provinces
            province = load_province(settings, slug)
            wanted.append((keys, province.connection, province.url))
    for keys, connection, url in wanted:
        try:
            peer(connection, settings.home, url)
        except ConfigurationError as error:
            yield Problem("error", error.what, file.where(*keys), error.next_step)


def _of_target(plan: Plan, settings: Settings, file: ConfigFile[Plan]) -> Iterator[Problem]:
    """Spec and mapping of the import, and the table of agencies."""
    try:
        spec_path(settings, plan.target.system)
    except ConfigurationError as error:
        yield Problem("error", error.what, file.where("target", "system"), error.next_step)
    try:
        load_mapping(plan.target.mapping, "dossier", [folder / "mappings" for folder in settings.folders])
    except MappingError as error:
        yield Problem("error", str(error.faults[0]), file.where("target", "mapping"), error.next_step)
    agencies = plan.recode.agencies
    if agencies is not None and not agencies.is_file():
        yield Problem(
            "error",
            f"there is no table of agencies {agencies}",
            file.where("recode", "agencies"),
            "Put the CSV beside the plan, or leave `agencies` out: then no agency code changes.",
        )
    else:
        try:
            agencies_of(plan, units(settings.folders))
        except MappingError as error:
            yield Problem("error", str(error.faults[0]), file.where("recode", "agencies"), error.next_step)
    if plan.rehearsal is None:
        yield Problem(
            "warning",
            "the plan names no place to rehearse: the first run would be the real one",
            file.where("target"),
            "Write `rehearsal: {connection: …}` of another installation of the target.",
        )


def _of_hours(plan: Plan, file: ConfigFile[Plan], now: datetime) -> Iterator[Problem]:
    if plan.deadline <= now:
        place = next(number for number, one in enumerate(plan.milestones) if one.by == plan.deadline)
        yield Problem(
            "error",
            f"the deadline {told(plan.deadline)} is past; it is {told(now)}",
            file.where("milestones", place, "by"),
            "What is over can be looked at (clock, reconcile) and not begun; for a new migration write new hours.",
        )
    elif plan.freeze <= now:
        yield Problem(
            "warning",
            f"the sources should be frozen since {told(plan.freeze)}; what they still take is read by the last delta",
            file.where("freeze"),
            "Write a later hour, or go on if the old systems are closed to new dossiers.",
        )


def _of_scope(plan: Plan, file: ConfigFile[Plan], now: datetime) -> Iterator[Problem]:
    for place, source in enumerate(plan.sources):
        where = file.where("sources", place, "since")
        if source.since and source.since > now:
            yield Problem(
                "error",
                f"'{source.province}' moves only what is received after now: `since` is {told(source.since)}",
                where,
                "Write the moment from which received dossiers move, or leave it out: then all do.",
            )
        elif source.since and source.scope == "in_progress":
            yield Problem(
                "warning",
                f"dossiers in progress of '{source.province}' that were received before "
                f"{source.since.astimezone(VIET_NAM):%d/%m/%Y} stay in the old system",
                where,
                "Leave `since` out unless somebody finishes them there.",
            )
