"""Airflow's settings for this hub as environment variables: for the demo, for `up` and for a shell of your own."""

import base64
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hub.config import BASE, Settings, load_province, province_slugs
from hub.errors import ConfigurationError
from hub.migration.plans.plan import load_plan, plan_slugs

DAGS = BASE / "dags"

TIMEZONE = "Asia/Ho_Chi_Minh"


@dataclass(frozen=True, slots=True)
class AirflowHome:
    """Where this hub's Airflow lives: its folder, its database and the address of its api-server."""

    folder: Path
    database_url: str
    url: str = "http://127.0.0.1:8080"

    def environment(self) -> dict[str, str]:
        """The variables that Airflow's own commands, the DAG runner and the services read.

        Every one can be overruled by a variable that is set already, except those that say where this home is.
        """
        keys = _keys(self.folder)
        address = urlsplit(self.url)
        mine = {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database_url,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": self.database_url,
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs"),
            "AIRFLOW__API__HOST": address.hostname or "127.0.0.1",
            "AIRFLOW__API__PORT": str(address.port or 8080),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
        }
        chosen = {
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DEFAULT_TIMEZONE": TIMEZONE,
            # One person on a loopback address: everybody who reaches it is an administrator.
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__FERNET_KEY": keys["fernet_key"],
            "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt_secret"],
            "AIRFLOW__API__SECRET_KEY": keys["secret_key"],
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__EXPOSE_CONFIG": "False",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            "AIRFLOW__SECRETS__USE_CACHE": "False",
            "GX_ANALYTICS_ENABLED": "False",
        }
        # An office proxy must not be asked for what runs on this machine.
        around = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        mine["no_proxy"] = mine["NO_PROXY"] = ",".join(filter(None, [around, "127.0.0.1", "localhost"]))
        return {name: os.environ.get(name, value) for name, value in chosen.items()} | mine


def beside(database_url: str) -> str:
    """Address of the database `airflow` on the hub's server; `LIENTHONG_AIRFLOW_DATABASE_URL` names another."""
    own = os.environ.get("LIENTHONG_AIRFLOW_DATABASE_URL")
    if own:
        return own
    from hub import embedded

    return embedded.beside(database_url, "airflow")


def pool_of(connection: str) -> str:
    """The Airflow pool of which every task that talks to this peer takes a slot."""
    return f"peer_{connection}"


def pools(settings: Settings) -> dict[str, tuple[int, str]]:
    """Every peer's pool: slots and description. The national adapter serves several provinces at once.

    A province or plan whose file cannot be read has none; its flow in Airflow tells why.
    """
    wanted: dict[str, tuple[int, str]] = {pool_of("national"): (4, "the national adapter")}
    for slug in province_slugs(settings):
        with suppress(ConfigurationError):
            one = load_province(settings, slug)
            wanted[pool_of(one.connection)] = (1, f"{one.province.name}: {one.system}")
            wanted.setdefault(pool_of(one.national.connection), (4, "the national adapter"))
            if one.inbound is not None:
                wanted.setdefault(pool_of(one.inbound.connection), (1, f"{one.province.name}: {one.inbound.system}"))
    for slug in plan_slugs(settings):
        with suppress(ConfigurationError):
            plan = load_plan(settings, slug)
            wanted.setdefault(pool_of(plan.target.connection), (1, f"{plan.title}: {plan.target.system}"))
    return wanted


def _keys(folder: Path) -> dict[str, str]:
    """Airflow's three keys, made once and readable by their owner only; other keys would void stored secrets."""
    path = folder / "keys.json"
    try:
        keys: dict[str, str] = json.loads(path.read_text("utf-8"))
        return keys
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    fresh = {
        "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "jwt_secret": secrets.token_urlsafe(64),
        "secret_key": secrets.token_urlsafe(32),
    }
    part = folder / f"keys.{os.getpid()}"
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(fresh, file)
    try:
        os.link(part, path)
    except FileExistsError:
        return _keys(folder)
    finally:
        part.unlink()
    return fresh
