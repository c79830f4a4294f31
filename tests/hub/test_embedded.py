"""The embedded PostgreSQL: shared by many processes, stopped by the last, never left unusable by a killed one."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from hub import embedded
from hub.config import BASE

HOLD = """
import sys
from pathlib import Path
from hub import embedded
print(embedded.start(Path(sys.argv[1])), flush=True)
sys.stdin.readline()
"""

Holder = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that is not one of pytest's: pytest closes those to other users, and as root the server is another."""
    with tempfile.TemporaryDirectory(prefix="lienthong-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def folder(place: Path) -> Iterator[Path]:
    """A data folder whose server is stopped after the test."""
    yield place / "pg"
    embedded.stop(place / "pg")


@pytest.fixture
def holder(folder: Path) -> Iterator[Holder]:
    """Starts processes that hold a share in the server until a line comes on their standard input."""
    started: list[subprocess.Popen[str]] = []

    def hold() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=BASE,
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline().startswith("postgresql+psycopg://")
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_the_last_process_that_ends_stops_the_server(folder: Path, holder: Holder) -> None:
    first, second = holder(), holder()
    first.communicate("\n")
    assert embedded.running(folder)
    second.communicate("\n")
    assert not embedded.running(folder)


def test_a_killed_process_does_not_keep_the_server_alive_for_ever(folder: Path, holder: Holder) -> None:
    killed, last = holder(), holder()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    last.communicate("\n")
    assert not embedded.running(folder)


def test_a_killed_server_starts_again_with_what_was_committed(folder: Path, holder: Holder) -> None:
    holder()
    pid = int((folder / "postmaster.pid").read_text().split("\n")[0])
    other = embedded.beside(embedded.start(folder), "kept")
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    assert embedded.beside(embedded.start(folder), "kept") == other


def test_a_pid_that_belongs_to_another_program_now_is_not_taken_for_the_server(folder: Path, holder: Holder) -> None:
    holder().communicate("\n")
    (folder / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n0\n5432\n{folder}\n\n0 0\nready\n")
    assert not embedded.running(folder)
    assert embedded.start(folder)


@pytest.mark.parametrize("name", ["thư mục có dấu", "x" * 120])
def test_a_data_folder_may_have_any_name(place: Path, name: str) -> None:
    folder = place / name / "pg"
    address = embedded.start(folder)
    try:
        assert embedded.beside(address, "another").partition("?")[0].endswith("/another")
    finally:
        assert embedded.stop(folder)
    assert not Path(address.partition("?host=")[2], ".s.PGSQL.5432").exists()
    assert Path(address.partition("?host=")[2]).exists() == (address.endswith(str(folder)))
