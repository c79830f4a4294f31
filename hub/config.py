"""Where things are and what a province says of itself: data folder, configuration folders, provinces/*.yaml."""

import difflib
import os
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from croniter import croniter
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from hub.config_file import ConfigFile
from hub.errors import ConfigurationError
from schemas.durations import DURATION_SCHEMA, parse_duration

BASE = Path(__file__).resolve().parents[1]
"""The repository: the sandbox's provinces, and the specs and mappings that an engineer's own folder overlays."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`home` keeps database, reports and logs; `folders` are searched for configuration, the engineer's own first."""

    home: Path
    folders: tuple[Path, ...]

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read `LIENTHONG_HOME` (default: `.lienthong` in the repository) and `LIENTHONG_CONFIG` (one's own folder)."""
        home = Path(os.environ.get("LIENTHONG_HOME") or BASE / ".lienthong").resolve()
        own = os.environ.get("LIENTHONG_CONFIG")
        if own and not Path(own).is_dir():
            raise ConfigurationError(
                f"LIENTHONG_CONFIG names {own}, which is not a folder",
                next_step="Make the folder (with provinces/, specs/, mappings/ as needed) or unset the variable.",
            )
        return cls(home, (Path(own).resolve(), BASE) if own else (BASE,))


LONGEST_OVERLAP = timedelta(days=366)


def _span(value: object) -> timedelta:
    """`30m`, `2h`, `1d` -> timedelta; a bare number is refused, since its unit would be a guess."""
    try:
        return timedelta(seconds=parse_duration(value))
    except OverflowError:
        return timedelta.max


def _not_behind_itself(overlap: timedelta) -> timedelta:
    """A negative overlap would leave a gap between two runs, and one without end reaches before all time."""
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise ValueError(f"write a time between 0m and {LONGEST_OVERLAP.days}d")
    return overlap


Overlap = Annotated[
    timedelta,
    BeforeValidator(_span, json_schema_input_type=str),
    AfterValidator(_not_behind_itself),
    Field(json_schema_extra={**DURATION_SCHEMA, "default": "30m"}),
]


def _known_cron(schedule: str) -> str:
    if not croniter.is_valid(schedule):
        raise ValueError("this is no cron expression; five fields are wanted, such as 30 1 * * *")
    return schedule


Cron = Annotated[str, AfterValidator(_known_cron)]


def _with_offset(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("write the time with its offset, as 2020-01-01T00:00:00+07:00")
    return moment


def _written_out(moment: object) -> object:
    """A bare number would be read as seconds since 1970."""
    if isinstance(moment, int | float):
        raise ValueError("write a day and an hour with their offset, as 2020-01-01T00:00:00+07:00")
    return moment


Moment = Annotated[
    datetime, BeforeValidator(_written_out, json_schema_input_type=datetime), AfterValidator(_with_offset)
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(_Section):
    """Which province: code of admin unit valid today, name for people, agency code of the province (Hnn)."""

    code: str = Field(
        description="code of the province in the administrative units in force, as text", pattern=r"^\d{2}$"
    )
    name: str = Field(description="its name as people write it", min_length=1)
    agency: str = Field(description="first-level agency code, such as `H38`", pattern=r"^[A-Z]\d{2}$")


class Limits(_Section):
    """How much a peer is asked, where the province agreed on other figures than the spec's."""

    per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="requests a second")
    parallel: int | None = Field(default=None, gt=0, description="requests in flight")


class National(_Section):
    """How the province speaks to the national adapter."""

    connection: str = Field(default="national", description="Airflow Connection of the national adapter")
    unit: str = Field(description="`madonvi`: the unit in whose name dossiers are sent")
    system: str = Field(default="national_adapter", description="connector spec of the adapter")
    mapping: str = Field(default="national_adapter", description="mapping from canonical to national fields")
    limits: Limits = Field(
        default=Limits(), description="limits towards the adapter, where they differ from the spec's"
    )


def _bytes(value: object) -> object:
    """`20MB`, `500kB` -> bytes; anything else is left to pydantic."""
    units = {"kB": 1024, "MB": 1024**2}
    if isinstance(value, str) and value[-2:] in units and value[:-2].isdigit():
        return int(value[:-2]) * units[value[-2:]]
    return value


Size = Annotated[
    int, BeforeValidator(_bytes, json_schema_input_type=str), Field(gt=0, json_schema_extra={"examples": ["20MB"]})
]


class Inbound(_Section):
    """How dossiers that citizens file on the national portal reach the province's system."""

    system: str = Field(description="connector spec with the sequence `intake`: `specs/<system>.yaml`")
    connection: str = Field(description="Airflow Connection of the system's intake")
    mapping: str = Field(description="mapping from the canonical application to the words of the intake")
    account: str = Field(description="Airflow Connection with the login and password that the portal shows")
    portal: str = Field(default="national_inbound", description="mapping from the portal's message to canonical")
    url: str | None = Field(default=None, description="address of the intake, when the connection does not say it")
    schedule: Cron | None = Field(default="*/5 * * * *", description="cron in Asia/Ho_Chi_Minh; `null`: only by hand")
    largest_file: Size = Field(
        default=20 * 1024**2,
        validate_default=False,
        description="a file may be this large: `20MB`; a larger one is answered 500. Not more than the intake takes",
    )
    largest_message: Size = Field(
        default=100 * 1024**2,
        validate_default=False,
        description="a whole message may be this large: `100MB`. For an intake that takes all files in one call, "
        "write what that call may hold",
    )
    limits: Limits = Field(default=Limits(), description="limits towards the intake, where they differ from the spec's")


class Stated(_Section):
    """What a person states of the province, because the hub cannot see it."""

    met: bool = Field(description="whether it is so")
    day: date = Field(description="day of the statement, such as `2026-06-30`")
    source: str = Field(min_length=1, description="the document or person that says so, such as `Công văn 12/SNV-CCHC`")
    detail: str | None = Field(default=None, description="what exactly, such as the databases that are connected")


class Readiness(_Section):
    """Lines of the scorecard that only a person can fill; left out they are not known."""

    procedures_published: Stated | None = Field(
        default=None, description="the province's procedures are published on the portal"
    )
    national_databases: Stated | None = Field(
        default=None, description="the province's system is connected with the national databases"
    )
    service_centres: Stated | None = Field(default=None, description="the list of service centres is published")


class Province(_Section):
    """One file of provinces/: which spec, mapping, connection, schedule and limits. Secrets are in the connection."""

    slug: str = Field(description="name of the file; not written in it")
    province: Place = Field(description="which province this is")
    system: str = Field(description="connector spec: `specs/<system>.yaml`")
    mapping: str | None = Field(default=None, description="mapping file, when it is not named like the system")
    overlay: str | None = Field(
        default=None, description="`mappings/overlays/<overlay>.yaml`: what is local to this province"
    )
    url: str | None = Field(default=None, description="address of the system, when the connection does not say it")
    connection: str = Field(description="Airflow Connection with login and password (`AIRFLOW_CONN_<ID>` serves too)")
    schedule: Cron | None = Field(default="30 1 * * *", description="cron in Asia/Ho_Chi_Minh; `null`: only by hand")
    overlap: Overlap = Field(
        default=timedelta(minutes=30), description="how far each window reaches back behind the cursor: `30m`, `2h`"
    )
    earliest: Moment | None = Field(
        default=None,
        description="when the system's first dossier changed, with its offset: a first run asks from here, instead of "
        "from the spec's `earliest` or the year 2000",
    )
    limits: Limits = Field(
        default=Limits(), description="limits towards the province's system, where they differ from the spec's"
    )
    gateway: Moment | None = Field(
        default=None,
        description="the hour from which citizens file online on the national portal only, with its offset; what is "
        "filed on the provincial portal later is warned of. Left out: there is no such hour yet",
    )
    national: National = Field(description="the national side")
    inbound: Inbound | None = Field(
        default=None, description="the way in for dossiers from the national portal; left out: there is none"
    )

    readiness: Readiness = Field(
        default=Readiness(), description="what is stated for the scorecard, each with its day and source"
    )

    @property
    def mapping_name(self) -> str:
        return self.mapping or self.system


def load_province(settings: Settings, slug: str) -> Province:
    """Read provinces/<slug>.yaml from the first folder that has provinces.

    Raises:
        ConfigurationError: no such file (with near names), or file, line and key of what is wrong in it.
    """
    known = province_slugs(settings)
    for folder in settings.folders:
        path = folder / "provinces" / f"{slug}.yaml"
        if slug in known and path.is_file():
            return _read_province(path)
    near = difflib.get_close_matches(slug, known, 1)
    next_step = f"Known: {', '.join(known) or 'none'}. A new one is a file provinces/{slug}.yaml."
    if any((folder / "provinces" / f"{slug}.yaml").is_file() for folder in settings.folders):
        next_step += f" The example '{slug}' counts only while LIENTHONG_CONFIG names no folder with provinces."
    raise ConfigurationError(
        f"there is no province '{slug}'" + (f"; did you mean '{near[0]}'?" if near else ""),
        where="provinces/",
        next_step=next_step,
    )


def province_slugs(settings: Settings) -> list[str]:
    """Names of all province files, sorted; one's own folder and the repository's together.

    With an own folder that holds provinces, only those count: the repository's are the sandbox's example.
    """
    for folder in settings.folders:
        if found := sorted(path.stem for path in (folder / "provinces").glob("*.yaml")):
            return found
    return []


def refuse_slug(slug: str, path: Path, of: str = "province") -> None:
    """Raises ConfigurationError for a name that cannot be the slug of the file at `path`, that `of` a province."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", slug):
        raise ConfigurationError(
            f"'{slug}' is no name for a {of}'s file",
            where=str(path),
            next_step="Use small letters without marks, digits and _: lao_cai.yaml. The name people read is inside it.",
        )


def _read_province(path: Path) -> Province:
    """One province file, checked."""
    refuse_slug(path.stem, path)
    hint = "The keys are listed in provinces/province.schema.json and docs/configuration.md."
    return ConfigFile(path, Province, what="a province file", hint=hint).checked()


def province_schema() -> dict[str, Any]:
    """JSON Schema of a province file, for editors."""
    schema = Province.model_json_schema()
    schema["properties"].pop("slug")
    schema["required"].remove("slug")
    return schema
