"""Accounts of peers: Airflow Connections, read from the environment, from Airflow, or from the sandbox's own file."""

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from connectors import Peer
from hub.errors import ConfigurationError


def peer(connection_id: str, home: Path, url: str | None = None) -> Peer:
    """The peer behind a connection id. `url`, when given, wins over the connection's own address.

    Looked for in this order: `AIRFLOW_CONN_<ID>` in the environment (URI or JSON, as Airflow defines them), Airflow's
    own connections (only inside an Airflow task), `<home>/sandbox/connections.json` (written by the sandbox).

    Raises:
        ConfigurationError: none of the three knows it, or what it says has no address.
    """
    found = _from_environment(connection_id) or _from_airflow(connection_id) or _from_sandbox(connection_id, home)
    variable = f"AIRFLOW_CONN_{connection_id.upper()}"
    if found is None:
        raise ConfigurationError(
            f"the connection '{connection_id}' is not known",
            where=connection_id,
            next_step=f"Set {variable}=http://login:password@host:port in the environment, or add it in Airflow "
            "(Admin, Connections). For the sandbox: lienthong sandbox start.",
        )
    address = url or found["host"]
    if not address:
        raise ConfigurationError(
            f"the connection '{connection_id}' has no address",
            where=connection_id,
            next_step=f"Put the host into {variable}, or 'url:' into the province's file.",
        )
    return Peer(
        id=connection_id,
        url=address.rstrip("/"),
        login=found["login"] or "",
        password=found["password"] or "",
        extra=found["extra"],
    )


def _from_environment(connection_id: str) -> dict[str, Any] | None:
    text = os.environ.get(f"AIRFLOW_CONN_{connection_id.upper()}")
    if not text:
        return None
    if text.lstrip().startswith("{"):
        try:
            data = json.loads(text)
        except ValueError as error:
            raise ConfigurationError(
                f"AIRFLOW_CONN_{connection_id.upper()} looks like JSON and is not: {error}",
                where=connection_id,
                next_step="Airflow's documentation, Connections, shows both forms.",
            ) from None
        extra = data.get("extra") or {}
        return _parts(
            data.get("schema") or data.get("conn_type"),
            data.get("host"),
            data.get("port"),
            data.get("login"),
            data.get("password"),
            json.loads(extra) if isinstance(extra, str) else extra,
        )
    split = urlsplit(text)
    query = dict(parse_qsl(split.query))
    extra = json.loads(query["__extra__"]) if "__extra__" in query else query
    host = (split.hostname or "") + split.path.rstrip("/") if split.hostname else ""
    path = split.path.rstrip("/")
    address = _parts(
        split.scheme,
        split.hostname,
        split.port,
        split.username and unquote(split.username),
        split.password and unquote(split.password),
        extra,
    )
    if host and path:
        address["host"] += path
    return address


def _from_airflow(connection_id: str) -> dict[str, Any] | None:
    """Airflow's own connection, only where a task runs: there the task SDK is already imported."""
    if "airflow.sdk.execution_time.supervisor" not in sys.modules and "airflow.sdk.execution_time" not in sys.modules:
        return None
    from airflow.exceptions import AirflowNotFoundException
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowRuntimeError

    try:
        found = Connection.get(connection_id)
    except (AirflowNotFoundException, AirflowRuntimeError):
        return None
    return _parts(found.conn_type, found.host, found.port, found.login, found.password, found.extra_dejson)


def _from_sandbox(connection_id: str, home: Path) -> dict[str, Any] | None:
    path = home / "sandbox" / "connections.json"
    if not path.is_file():
        return None
    data = json.loads(path.read_text("utf-8")).get(connection_id)
    return data and {"extra": {}, **data}


def _parts(
    scheme: str | None, host: str | None, port: int | None, login: str | None, password: str | None, extra: Any
) -> dict[str, Any]:
    if host and "://" not in host:
        host = f"{scheme if scheme in ('http', 'https') else 'https'}://{host}"
    if host and port:
        host = f"{host.rstrip('/')}:{port}"
    return {"host": host or "", "login": login, "password": password, "extra": dict(extra or {})}
