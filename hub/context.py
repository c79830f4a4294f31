"""What the stages are handed: the database, the clock, and a province's connectors and mappings."""

import difflib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from connectors import Connector, Peer, load_spec
from connectors.spec import Stream
from hub.config import Inbound, Limits, Province, Settings, load_province
from hub.connections import peer
from hub.errors import ConfigurationError
from hub.store import database_url, engine_of
from mappings import CodeLists, Mapped, Mapping, load_mapping
from mappings.units import Units, units

RecordKind = Literal["dossier", "procedure", "step", "application"]

Progress = Callable[[str, int, int | None], None]
"""Called with a stage's name, what is done and, where it is known, what there is in all."""


def _now() -> datetime:
    return datetime.now(UTC)


def silent(stage: str, done: int, total: int | None) -> None:
    return None


@dataclass
class Hub:
    """One province as the stages see it. Time, sleep and transport can be passed in."""

    province: Province
    settings: Settings
    engine: Engine
    clock: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    progress: Progress = silent
    transport: Any = None
    recoder: Callable[[Mapped, str], None] | None = None
    """Writes the codes of a mapped record, known by its source key, anew before it is staged: a migration's sources
    have one."""
    _parts: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def slug(self) -> str:
        return self.province.slug

    @cached_property
    def lists(self) -> CodeLists:
        """The code lists of all configuration folders."""
        return CodeLists.load([folder / "mappings" for folder in self.settings.folders])

    def units(self) -> Units:
        """The administrative units, with the editions of one's own folder; read on first use."""
        return units(self.settings.folders)

    @cached_property
    def source(self) -> Connector:
        """The province's own system."""
        return source_of(self.settings, self.province, **self._passed_in())

    @cached_property
    def national(self) -> Connector:
        """The national adapter, as this province's unit."""
        side = self.province.national
        account = replace(peer(side.connection, self.settings.home), unit=side.unit)
        return _connector(self.settings, side.system, account, side.limits, **self._passed_in())

    @cached_property
    def intake(self) -> Connector:
        """The intake of the province's system, to which dossiers from the national portal are handed over."""
        return intake_of(self.settings, self.province, **self._passed_in())

    @property
    def inbound(self) -> Inbound:
        """The province's way in; raises ConfigurationError when its file has none."""
        return inbound_of(self.province)

    def portal_mapping(self) -> Mapping:
        """The mapping from the portal's message to the canonical application."""
        return self._mapping(self.inbound.portal, "application", None)

    def intake_mapping(self) -> Mapping:
        """The mapping from the canonical application to the words of the province's intake."""
        return self._mapping(self.inbound.mapping, "application", None)

    def mapping(self, kind: RecordKind) -> Mapping:
        """The province's mapping from its system's records to canonical ones."""
        return self._mapping(self.province.mapping_name, kind, self.province.overlay)

    def national_mapping(self, kind: RecordKind) -> Mapping:
        """The mapping from canonical records to the national fields."""
        return self._mapping(self.province.national.mapping, kind, None)

    def named_mapping(self, name: str, kind: RecordKind) -> Mapping:
        """Another mapping of the configuration folders, such as that of a migration's target."""
        return self._mapping(name, kind, None)

    def _mapping(self, name: str, kind: RecordKind, overlay: str | None) -> Mapping:
        key = f"{name}/{kind}"
        if key not in self._parts:
            folders = [folder / "mappings" for folder in self.settings.folders]
            self._parts[key] = load_mapping(name, kind=kind, folders=folders, overlay=overlay, lists=self.lists)
        return self._parts[key]

    def _passed_in(self) -> dict[str, Any]:
        return {} if self.transport is None else {"transport": self.transport}


def source_of(settings: Settings, province: Province, **passed_in: Any) -> Connector:
    """The connector to a province's own system; needs no database."""
    account = replace(peer(province.connection, settings.home, province.url), unit=province.national.unit)
    return _connector(settings, province.system, account, province.limits, province.earliest, **passed_in)


def intake_of(settings: Settings, province: Province, **passed_in: Any) -> Connector:
    """The connector to the intake of a province's system; needs no database."""
    side = inbound_of(province)
    account = replace(peer(side.connection, settings.home, side.url), unit=province.national.unit)
    return _connector(settings, side.system, account, side.limits, **passed_in)


def connector_of(hub: Hub, system: str, connection: str, url: str | None, limits: Limits) -> Connector:
    """The connector to another system beside a province's own, such as the import of a migration's target."""
    account = replace(peer(connection, hub.settings.home, url), unit=hub.province.national.unit)
    return _connector(hub.settings, system, account, limits, **hub._passed_in())


def inbound_of(province: Province) -> Inbound:
    """A province's way in.

    Raises:
        ConfigurationError: its file has none.
    """
    if province.inbound is None:
        raise ConfigurationError(
            "this province takes no dossiers from the national portal",
            where=f"provinces/{province.slug}.yaml",
            next_step="Write its key inbound: system, connection, mapping, account (docs/configuration.md).",
        )
    return province.inbound


def _connector(
    settings: Settings, system: str, account: Peer, limits: Limits, earliest: datetime | None = None, **passed_in: Any
) -> Connector:
    """The connector of a spec, with what this installation agreed on instead of the spec's own."""
    spec = load_spec(spec_path(settings, system))
    agreed: dict[str, Any] = {"limits": spec.limits.model_copy(update=limits.model_dump(exclude_none=True))}
    if earliest is not None:
        agreed["streams"] = {name: _beginning_at(earliest, stream) for name, stream in spec.streams.items()}
    return Connector(spec.model_copy(update=agreed), account, **passed_in)


def _beginning_at(earliest: datetime, stream: Stream) -> Stream:
    if stream.window is None:
        return stream
    return stream.model_copy(update={"window": stream.window.model_copy(update={"earliest": earliest})})


def spec_path(settings: Settings, system: str) -> Path:
    """Where the connector spec of a system is: `specs/` of one's own folder, or the repository's connectors/specs.

    Raises:
        ConfigurationError: nowhere; names the specs that exist.
    """
    places = [place for folder in settings.folders for place in (folder / "specs", folder / "connectors" / "specs")]
    for place in places:
        if (path := place / f"{system}.yaml").is_file():
            return path
    known = sorted({path.stem for place in places for path in place.glob("*.yaml")})
    near = difflib.get_close_matches(system, known, 1)
    raise ConfigurationError(
        f"there is no connector spec '{system}'" + (f"; did you mean '{near[0]}'?" if near else ""),
        where="system: in the province's file",
        next_step=f"Known: {', '.join(known)}. A new one is a file specs/{system}.yaml in the LIENTHONG_CONFIG folder.",
    )


def open_hub(slug: str, settings: Settings | None = None, **passed_in: Any) -> Hub:
    """The hub for one province, with the store that the environment names."""
    settings = settings or Settings.from_environment()
    province = load_province(settings, slug)
    return Hub(province, settings, engine_of(database_url(settings.home)), **passed_in)
