"""A province's file, written with its comments and tried before it is kept."""

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from croniter import croniter

from connectors.spec import Spec
from connectors.spec.account import account_fields
from hub.config import BASE, Settings, load_province, province_schema, refuse_slug
from hub.errors import ConfigurationError

SCHEDULE = "30 1 * * *"


@dataclass(frozen=True, slots=True)
class NewProvince:
    """What the file says; `url` None: the connection gives the address."""

    slug: str
    name: str
    code: str
    agency: str
    system: str
    connection: str
    url: str | None = None
    schedule: str | None = SCHEDULE


def own_folder(settings: Settings, command: str = "province new") -> Path:
    """The engineer's folder, which LIENTHONG_CONFIG names.

    Raises:
        ConfigurationError: it names none; nothing is ever written into the package.
    """
    own = settings.folders[0]
    if own == BASE:
        raise ConfigurationError(
            "LIENTHONG_CONFIG is not set, so there is no folder of yours to write into",
            where=command,
            next_step="Make one and name it: mkdir -p ~/lienthong-config && export LIENTHONG_CONFIG=~/lienthong-config",
        )
    return own


def province_path(settings: Settings, slug: str) -> Path:
    """Where the file of a new province will be; raises ConfigurationError for what cannot be its name."""
    path = own_folder(settings) / "provinces" / f"{slug}.yaml"
    refuse_slug(slug, path)
    return path


def write_province(settings: Settings, new: NewProvince, spec: Spec, *, force: bool = False) -> Path:
    """Write `provinces/<slug>.yaml`; the file is read back and found good before it takes its place.

    Raises:
        ConfigurationError: there is one already (without `force`), or what would be wrong in the new one.
    """
    path = province_path(settings, new.slug)
    folder = path.parent
    if path.exists() and not force:
        raise ConfigurationError(
            "there is such a province already",
            where=str(path),
            next_step="Edit the file, choose another name, or replace it with --force.",
        )
    if new.schedule is not None and not croniter.is_valid(new.schedule):
        raise ConfigurationError(
            f"'{new.schedule}' is not a cron expression",
            where="--schedule",
            next_step='Write minute, hour, day, month, weekday: "30 1 * * *" is 01:30 every night.',
        )
    if new.url is not None and urlsplit(new.url).scheme not in ("http", "https"):
        raise ConfigurationError(
            f"'{new.url}' is not an address", where="--url", next_step="Write it as https://host, with a path if any."
        )
    text = province_text(new, spec)
    with tempfile.TemporaryDirectory() as trial:
        tried = Path(trial) / "provinces" / path.name
        tried.parent.mkdir()
        tried.write_text(text, "utf-8")
        try:
            load_province(Settings(settings.home, (Path(trial),)), new.slug)
        except ConfigurationError as error:
            error.where = str(path)  # the line is that of a file that is not there
            raise
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    schema = folder / "province.schema.json"
    schema.write_text(json.dumps(province_schema(), ensure_ascii=False, indent=2) + "\n", "utf-8")
    return path


def province_text(new: NewProvince, spec: Spec) -> str:
    """The file, with a comment on every line that a person must look at."""
    address = f"url: {_scalar(new.url)}" if new.url else "# url: https://…"
    schedule = "null" if new.schedule is None else f'"{new.schedule}"'
    code, agency = json.dumps(new.code, ensure_ascii=False), _scalar(new.agency)
    lines = [
        ("# yaml-language-server: $schema=province.schema.json", ""),
        (f"# {' '.join(new.name.split())}: {spec.title or spec.system}. All keys: docs/configuration.md.", ""),
        ("province:", ""),
        (f"  code: {code}", "of the administrative units in force since 01/07/2025"),
        (f"  name: {_scalar(new.name)}", ""),
        (f"  agency: {agency}", "first-level agency code; ask the province, lists disagree since the mergers"),
        (f"system: {new.system}", "connector spec: lienthong specs lists them"),
        (address, "when the connection does not say it"),
        (f"connection: {_scalar(new.connection)}", "an Airflow Connection; the secret is never here"),
        (f"schedule: {schedule}", "minute hour day month weekday, Asia/Ho_Chi_Minh; null: only by hand"),
        ("# limits: {per_second: 5}", f"where the vendor grants other figures than the spec's {_limits(spec)}"),
        ("# overlay: " + new.slug, f"mappings/overlays/{new.slug}.yaml: what is local here"),
        ("national:", ""),
        ("  connection: national", "the account on the national adapter"),
        (f"  unit: {agency}", "madonvi: the unit in whose name dossiers are sent"),
    ]
    width = max(len(line) for line, comment in lines if comment) + 2
    return "".join(f"{line:<{width}}# {comment}\n" if comment else f"{line}\n" for line, comment in lines)


def _scalar(text: str) -> str:
    """A text as YAML writes it: bare where it then reads as itself, else in quotes ("Huế: thành phố")."""
    try:
        bare = yaml.safe_load(f"key: {text}") == {"key": text}
    except yaml.YAMLError:
        bare = False
    return text if bare else json.dumps(text, ensure_ascii=False)


def _limits(spec: Spec) -> str:
    return f"{spec.limits.per_second:g} a second"


def connection_line(connection: str, url: str | None, spec: Spec) -> tuple[str, list[str]]:
    """The environment variable to set, dots for what only the account's owner knows, and what may be added to it."""
    fields = account_fields(spec)
    account: dict[str, object] = {"conn_type": "http", "host": url or "https://…"}
    if fields.login:
        account["login"] = "…"
    if fields.password:
        account["password"] = "…"
    if fields.extra:
        account["extra"] = dict.fromkeys(fields.extra, "…")
    value = json.dumps(account, ensure_ascii=False)
    may = [f"extra.{name} is used when it is there" for name in fields.optional]
    return f"export AIRFLOW_CONN_{connection.upper()}='{value}'", may


def default_connection(system: str, slug: str) -> str:
    """The vendor's word and the province: `vnpt_lao_cai`."""
    return f"{re.split(r'[_-]', system)[0]}_{slug}"


def next_schedule(taken: int) -> str:
    """A quarter of an hour behind the provinces that are there, from 01:30 on; after 04:15 it starts over."""
    minutes = 90 + 15 * (taken % 12)
    return f"{minutes % 60} {minutes // 60} * * *"
