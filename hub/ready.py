"""Whether a province can be synced at all: its mappings, its gate, its schedule and the national procedure list."""

from collections.abc import Callable

from croniter import croniter
from sqlalchemy import text

from connectors import CheckLine
from connectors.errors import ConnectorError
from hub.check import suite_path
from hub.context import Hub
from hub.errors import ConfigurationError, HubError, NotYet
from hub.expectations import check_suite
from mappings import MappingError
from mappings.units import units


def ensure_ready(hub: Hub) -> None:
    """Read everything that the stages will need, so that a mistake is told before anything starts.

    Raises:
        ConfigurationError, MappingError, ConfigError: what is wrong, with file and line.
    """
    for _, part in _parts(hub):
        part()


def configuration_lines(hub: Hub) -> list[CheckLine]:
    """One line for each part of the configuration, in the form of a connector's check."""
    first = ("province", lambda: _province(hub))  # reads every administrative unit: not for each run
    last = ("gate", lambda: check_suite(suite_path(hub.settings)))
    return [_line(name, part) for name, part in (first, *_parts(hub), last)]


def _parts(hub: Hub) -> list[tuple[str, Callable[[], str]]]:
    return [
        ("schedule", lambda: _schedule(hub)),
        ("mapping", lambda: _mapping(hub)),
        ("national procedures", lambda: _procedures(hub)),
    ]


def _province(hub: Hub) -> str:
    code = hub.province.province.code
    found = units().unit(code, hub.clock().date())
    if found is None:
        raise ConfigurationError(
            f"no province has the code {code} today",
            where=f"provinces/{hub.slug}.yaml: province.code",
            next_step="Write the code of the administrative units in force (34 provinces since 01/07/2025).",
        )
    return f"{code} is {found.name}"


def _schedule(hub: Hub) -> str:
    schedule = hub.province.schedule
    if schedule is None:
        return "only by hand"
    if not croniter.is_valid(schedule):
        raise ConfigurationError(
            f"'{schedule}' is not a cron expression",
            where=f"provinces/{hub.slug}.yaml: schedule",
            next_step='Write minute, hour, day, month, weekday: "30 1 * * *" is 01:30 every night.',
        )
    return f"{schedule} (Asia/Ho_Chi_Minh)"


def _mapping(hub: Hub) -> str:
    for mapping in (hub.mapping, hub.national_mapping):
        mapping("dossier")
    hub.national_mapping("step")
    overlay = f" with overlay {hub.province.overlay}" if hub.province.overlay else ""
    return f"{hub.province.mapping_name}{overlay}, {hub.province.national.mapping}"


def _procedures(hub: Hub) -> str:
    with hub.engine.connect() as connection:
        known = connection.scalar(text("SELECT count(*) FROM procedure_version WHERE valid_to IS NULL"))
    if not known:
        raise NotYet(
            "the national procedure list is empty, so every dossier would be held",
            where="procedures",
            next_step="Pull it first: lienthong procedures pull (or run the flow procedures__national).",
        )
    return f"{known:,} in force"


def _line(name: str, part: Callable[[], str]) -> CheckLine:
    try:
        return CheckLine(name, True, part())
    except (HubError, ConnectorError) as error:
        return CheckLine(name, False, f"{error.where}: {error.what}" if error.where else error.what, error.next_step)
    except MappingError as error:
        return CheckLine(name, False, str(error), "docs/mapping-language.md has every key.")
