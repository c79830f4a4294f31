"""The compose file: the services of `lienthong up` in containers, with no secret and no port to the network."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.airflow_home import AirflowHome
from hub.config import BASE
from hub.services import AIRFLOW_SERVICES, RECEIVER, RECEIVER_PORT

DOCKER = BASE / "docker"

SECRETS = ("LIENTHONG_DATABASE_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_JWT_SECRET", "AIRFLOW_SECRET_KEY")

OF_THE_PLACE = {
    "AIRFLOW_HOME",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__API__HOST",
    "AIRFLOW__API__PORT",
    "AIRFLOW__SECRETS__USE_CACHE",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL",
    "GX_ANALYTICS_ENABLED",
    "NO_PROXY",
    "no_proxy",
}
"""Settings of `up` that the image makes, or that a container does not need."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file as it is read."""
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    return loaded


def test_airflow_runs_the_same_commands_as_processes_and_as_containers(compose: dict[str, Any]) -> None:
    for service in AIRFLOW_SERVICES:
        assert compose["services"][service.name]["command"] == ["python", *service.command[1:]]


def test_the_receiver_is_the_same_command_in_a_container_and_can_say_that_it_is_ready(compose: dict[str, Any]) -> None:
    service = compose["services"][RECEIVER.name]
    command = ["python", *RECEIVER.command[1:]]
    assert service["command"] == [*command, "--host", "0.0.0.0", "--port", str(RECEIVER_PORT)]
    assert [port.rpartition(":")[2] for port in service["ports"]] == [str(RECEIVER_PORT)]
    assert f"127.0.0.1:{RECEIVER_PORT}/health" in service["healthcheck"]["test"][-1]
    assert "sandbox" in service["profiles"], "it is tried out with the simulated peers"


def test_airflow_has_the_same_settings_as_processes_and_as_containers(compose: dict[str, Any], tmp_path: Path) -> None:
    here = AirflowHome(tmp_path, "postgresql+psycopg://x@/airflow").environment()
    there = compose["services"]["scheduler"]["environment"]
    own = {name for name in here if name.startswith("AIRFLOW")} - OF_THE_PLACE
    assert own <= set(there)
    plain = {name for name in own if not re.search("KEY|SECRET|CONN|URL|FOLDER", name)}
    assert {name: there[name] for name in plain} == {name: here[name] for name in plain}


def test_every_secret_is_asked_for_and_none_stands_in_the_file(compose: dict[str, Any]) -> None:
    text = (DOCKER / "compose.yaml").read_text("utf-8")
    example = (DOCKER / "example.env").read_text("utf-8")
    for name in SECRETS:
        assert f"${{{name}:?" in text, f"{name} has to be required"
        assert re.search(rf"^{name}=$", example, re.M), f"{name} has to be in example.env, empty"
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET_KEY|_SECRET|FERNET|_CONN|DATABASE_URL", name):
                assert "${" in value, f"{name} has a value of its own"


def test_every_variable_that_the_file_reads_is_explained_in_the_example(compose: dict[str, Any]) -> None:
    text = (DOCKER / "compose.yaml").read_text("utf-8")
    example = (DOCKER / "example.env").read_text("utf-8")
    read = set(re.findall(r"\$\{(\w+)", text)) - {"LIENTHONG_VERSION"}
    assert {name for name in read if name not in example} == set()


def test_ports_are_published_on_the_loopback_address_only(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_a_service_waits_for_exists_and_can_tell(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in services[other]


def test_every_folder_that_the_image_needs_is_sent_to_the_build_and_copied() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text("utf-8")
    sent = (BASE / ".dockerignore").read_text("utf-8").splitlines()
    project = tomllib.loads((BASE / "pyproject.toml").read_text("utf-8"))
    packages = [name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]]
    for folder in (*packages, "provinces"):
        assert f"COPY {folder} {folder}" in dockerfile
        assert f"!{folder}" in sent


def test_the_image_takes_every_package_from_the_lock_and_does_not_run_as_root() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text("utf-8")
    assert "--require-hashes" in dockerfile
    assert "--constraint requirements.lock" in dockerfile
    assert re.search(r"^USER 1000$", dockerfile, re.M)
