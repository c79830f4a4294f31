"""A database that is away and a disk that refuses end in a sentence, not in a traceback of the hub."""

import errno
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hub.cli import main
from hub.cli.outside import told
from hub.errors import ConfigurationError, StageFailed
from hub.store import database_url, engine_of

SECRET = "Bi-Mat-2026"


def ended(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and standard error of one command."""
    with pytest.raises(SystemExit) as left:
        main(words)
    return int(left.value.code or 0), capsys.readouterr().err


def test_a_database_that_is_away_is_told_without_traceback_and_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", f"postgresql://me:{SECRET}@/x?host={tmp_path}")
    code, said = ended(["status"], capsys)
    assert code == 3
    assert "the database does not answer" in said and "LIENTHONG_DATABASE_URL" in said
    assert "Traceback" not in said and SECRET not in said


@pytest.mark.parametrize("address", [f"mysql://me:{SECRET}@host/x", SECRET])
def test_an_address_of_no_postgresql_is_told_without_its_password(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", address)
    with pytest.raises(ConfigurationError, match="no address of a PostgreSQL") as failed:
        database_url(tmp_path)
    assert SECRET not in str(failed.value)


def test_a_data_folder_that_cannot_be_written_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a_file"
    file.touch()
    monkeypatch.setenv("LIENTHONG_HOME", str(file / "home"))
    monkeypatch.delenv("LIENTHONG_DATABASE_URL", raising=False)
    code, said = ended(["status"], capsys)
    assert code == 3 and f"{file}/home: the disk refuses" in said and "Traceback" not in said


def test_a_failed_statement_does_not_tell_the_record_that_it_carried(database: str) -> None:
    """SQLAlchemy writes the parameters into its error, the hub the error into the run and the log."""
    with engine_of(database).connect() as connection, pytest.raises(DBAPIError) as failed:
        connection.execute(text("SELECT CAST(:name AS int)"), {"name": b"\0" + SECRET.encode()})
    assert SECRET not in str(failed.value)


def test_a_full_disk_is_told_and_a_defect_stays_one() -> None:
    full = told(OSError(errno.ENOSPC, "No space left on device", "/data/reports/index.html"))
    assert isinstance(full, StageFailed) and "/data/reports/index.html" in str(full)
    defect, missing = KeyError("x"), FileNotFoundError(errno.ENOENT, "No such file", "words.yaml")
    assert told(defect) is defect and told(missing) is missing
