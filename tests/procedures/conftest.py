"""An empty database, the portal over an adapter in memory, and one sandbox for all tests of the lists."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from openpyxl import Workbook
from sqlalchemy import Engine, text

from hub.config import BASE, Settings
from hub.procedures import Portal, open_national
from hub.store import engine_of
from tests.conftest import Databases, Sandbox
from tests.procedures.doubles import HEADINGS, Adapter, Clock


@pytest.fixture
def blank(databases: Databases) -> Iterator[Engine]:
    """Engine of a database without any procedure."""
    address = databases.make("template_hub")
    yield engine_of(address)
    databases.give_back(address)


@pytest.fixture
def adapter() -> Adapter:
    return Adapter()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def portal(
    settings: Settings, blank: Engine, adapter: Adapter, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Portal:
    """The portal over the adapter in memory, on an address of its own; pauses take no time."""
    address = f"http://login:password@{uuid4().hex[:8]}.test"
    monkeypatch.setenv("AIRFLOW_CONN_NATIONAL", address)
    return open_national(settings, blank, transport=adapter, sleep=lambda seconds: None, clock=clock)


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The sandbox's three peers, shared by all tests of the lists."""
    running = Sandbox(tmp_path_factory.mktemp("peers"))
    running.say("start", "--size", "10", "--port-base", "0")
    yield running
    running.say("stop")


@pytest.fixture
def at_peers(peers: Sandbox) -> Settings:
    """Settings whose connections are the shared peers'."""
    return Settings(peers.home, (BASE,))


@pytest.fixture
def rows() -> Callable[..., list[dict[str, Any]]]:
    """Rows of a query as plain dicts."""

    def read(engine: Engine, query: str, **values: Any) -> list[dict[str, Any]]:
        with engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(text(query), values)]

    return read


@pytest.fixture
def excel(tmp_path: Path) -> Callable[..., Path]:
    """Writes an .xlsx as the portal exports it: titles above, then the header, then the lines."""

    def write(
        lines: list[dict[str, Any]],
        *,
        headings: tuple[str, ...] = HEADINGS,
        titles: int = 2,
        name: str = "list.xlsx",
    ) -> Path:
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = "DanhSach"
        for number in range(titles):
            sheet.append([f"DANH MỤC THỦ TỤC HÀNH CHÍNH {number}"])
        sheet.append(list(headings))
        for one in lines:
            sheet.append([one.get(heading) for heading in headings])
        path = tmp_path / name
        book.save(path)
        return path

    return write
