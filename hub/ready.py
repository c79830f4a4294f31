"""Whether a province can be synced at all: its mappings, its gate, its schedule and the national procedure list."""

from collections.abc import Callable

from sqlalchemy import text

from connectors import CheckLine
from connectors.errors import ConnectorError
from hub.check import check_suites
from hub.connections import peer
from hub.context import Hub
from hub.errors import ConfigurationError, HubError, NotYet
from mappings import MappingError


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
    last = ("gate", lambda: check_suites(hub))
    return [_line(name, part) for name, part in (first, *_parts(hub), last)]


def inbound_lines(hub: Hub) -> list[CheckLine]:
    """One line for each part of the way in, and, when all can be read, those of the connection to the intake."""
    parts = [
        ("mapping", lambda: _inbound_mapping(hub)),
        ("portal's account", lambda: _account(hub)),
        ("sequence", lambda: _sequences(hub)),
        ("own procedures", lambda: _own_procedures(hub)),
    ]
    lines = [_line(name, part) for name, part in parts]
    if lines[2].ok:
        steps = [step for steps in hub.intake.spec.sequences.values() for step in steps]
        lines += hub.intake.check(tried={name for step in steps for name in (step.do, step.probe) if name})
    return lines


def _inbound_mapping(hub: Hub) -> str:
    hub.portal_mapping()
    hub.intake_mapping()
    return f"{hub.inbound.portal}, {hub.inbound.mapping}"


def _account(hub: Hub) -> str:
    account = peer(hub.inbound.account, hub.settings.home, url=f"portal of {hub.slug}")
    if not account.login or not account.password:
        raise ConfigurationError(
            f"the connection '{hub.inbound.account}' has no login or no password",
            where=f"provinces/{hub.slug}.yaml: inbound.account",
            next_step="Give it both: whoever shows them may hand dossiers in.",
        )
    return f"{hub.inbound.account}, as {account.login}"


def _sequences(hub: Hub) -> str:
    spec = hub.intake.spec
    if "intake" not in spec.sequences:
        raise ConfigurationError(
            f"the spec {spec.system} has no sequence 'intake'",
            where=f"provinces/{hub.slug}.yaml: inbound.system",
            next_step="Name a spec that has one, or write it (docs/connector-language.md, sequences).",
        )
    unsure = [step.do for step in spec.sequences["intake"] if spec.operations[step.do].writes and step.probe is None]
    words = "; ".join(f"{name}: {len(steps)} steps" for name, steps in spec.sequences.items())
    return f"{words}; without a look-up: {', '.join(unsure)}" if unsure else words


def _own_procedures(hub: Hub) -> str:
    query = text("SELECT count(*) FROM province_procedure WHERE province = :province AND gone_at IS NULL")
    with hub.engine.connect() as connection:
        known = connection.scalar(query, {"province": hub.slug})
    if not known:
        raise NotYet(
            "the province's own procedure list was never read, so every dossier is answered 500",
            where="procedures",
            next_step=f"Pull it first: lienthong procedures pull --province {hub.slug}",
        )
    return f"{known:,} may be filed"


def _parts(hub: Hub) -> list[tuple[str, Callable[[], str]]]:
    return [
        ("schedule", lambda: _schedule(hub)),
        ("mapping", lambda: _mapping(hub)),
        ("national procedures", lambda: _procedures(hub)),
    ]


def _province(hub: Hub) -> str:
    code = hub.province.province.code
    found = hub.units().unit(code, hub.clock().date())
    if found is None:
        raise ConfigurationError(
            f"no province has the code {code} today",
            where=f"provinces/{hub.slug}.yaml: province.code",
            next_step="Write the code of the administrative units in force (34 provinces since 01/07/2025).",
        )
    return f"{code} is {found.name}"


def _schedule(hub: Hub) -> str:
    """When it runs; what is no cron expression was refused when the file was read."""
    schedule = hub.province.schedule
    return "only by hand" if schedule is None else f"{schedule} (Asia/Ho_Chi_Minh)"


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
