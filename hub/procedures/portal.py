"""The national portal as the procedure list is read from it: no province is needed for that."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from connectors import Connector, load_spec
from hub.config import National, Settings, load_province, province_slugs
from hub.connections import peer
from hub.context import Progress, spec_path
from hub.errors import ConfigurationError
from hub.store import database_url, engine_of

CONNECTION = "national"
NATIONAL = "national"
"""What stands in run.province and message.province for the national list."""


def _now() -> datetime:
    return datetime.now(UTC)


def _silent(stage: str, done: int, total: int | None) -> None:
    return None


@dataclass
class Portal:
    """The adapter of the national portal with the hub's database; clock and progress can be passed in."""

    settings: Settings
    engine: Engine
    connector: Connector
    clock: Callable[[], datetime] = _now
    progress: Progress = _silent


def open_national(
    settings: Settings | None = None,
    engine: Engine | None = None,
    *,
    transport: Any = None,
    sleep: Callable[[float], None] = time.sleep,
    **passed_in: Any,
) -> Portal:
    """The portal by the connection `national`, with the store that the environment names.

    Spec and limits are those under `national:` of the first province that uses this connection (without one, of the
    first province, which then also names the connection). The unit is the connection's `madonvi`, or that province's.
    """
    settings = settings or Settings.from_environment()
    side = _side(settings)
    account = peer(side.connection, settings.home)
    unit = str(account.extra.get("madonvi") or side.unit)
    if not unit:
        raise ConfigurationError(
            f"in whose name to ask is not known: the connection '{side.connection}' has no madonvi, and no province",
            where=side.connection,
            next_step='Add {"madonvi": "H38"} to the connection\'s extra, or make a file provinces/<slug>.yaml.',
        )
    spec = load_spec(spec_path(settings, side.system))
    agreed = spec.limits.model_copy(update=side.limits.model_dump(exclude_none=True))
    spec, account = spec.model_copy(update={"limits": agreed}), replace(account, unit=unit)
    connector = Connector(spec, account, sleep=sleep, transport=transport)
    return Portal(settings, engine or engine_of(database_url(settings.home)), connector, **passed_in)


def _side(settings: Settings) -> National:
    """The `national:` part of the province that stands for all; a province file that is broken stops only itself."""
    sides: list[National] = []
    problem: ConfigurationError | None = None
    for slug in province_slugs(settings):
        try:
            sides.append(load_province(settings, slug).national)
        except ConfigurationError as error:
            problem = problem or error
    if not sides and problem:
        raise problem
    shared = [side for side in sides if side.connection == CONNECTION]
    return (shared or sides or [National(connection=CONNECTION, unit="")])[0]
