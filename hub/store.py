"""The PostgreSQL that holds everything: where it is, its engine, its migrations and its locks."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from hub.errors import Busy, ConfigurationError

MIGRATIONS = Path(__file__).resolve().parents[1] / "schemas" / "migrations"


def database_url(home: Path) -> str:
    """`LIENTHONG_DATABASE_URL`, or the embedded server of `<home>/pg`, started when it is not running.

    Raises:
        ConfigurationError: the address is none of PostgreSQL.
    """
    if url := os.environ.get("LIENTHONG_DATABASE_URL"):
        if not url.startswith(("postgresql://", "postgresql+psycopg://")):
            raise ConfigurationError(
                "this is no address of a PostgreSQL server",
                where="LIENTHONG_DATABASE_URL",
                next_step="Write postgresql://user:password@host/database, or unset it for the embedded server.",
            )
        return url.replace("postgresql://", "postgresql+psycopg://", 1)
    from hub import embedded

    return embedded.start(home / "pg")


@cache
def engine_of(url: str) -> Engine:
    """One engine for each address in this process; JSON in and out by orjson.

    What a failed statement carried is not in its error: an error goes to logs, and a dossier is a person's.
    """
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=8,
        max_overflow=8,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    event.listen(engine, "checkin", _noted)
    event.listen(engine, "checkout", _pinged)
    return engine


IDLE = 1.0
"""Seconds after which a connection of the pool is tried before it is used: the server may have gone and come back. The
pool's own ping comes at every use, which was a third of all that a push said to the database."""


def _noted(driver: Any, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _pinged(driver: psycopg.Connection[Any], record: ConnectionPoolEntry, proxy: Any) -> None:
    """Raises `DisconnectionError` for a connection that is dead: the pool makes another one, and drops older ones."""
    if time.monotonic() - record.info.get("used_at", time.monotonic()) < IDLE:
        return
    try:
        was, driver.autocommit = driver.autocommit, True
        driver.execute("SELECT")
        driver.autocommit = was
    except psycopg.OperationalError as error:
        raise DisconnectionError from error


@contextmanager
def at_once(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement is a transaction of its own: it goes there and back once, and not with a
    BEGIN before it and a COMMIT behind it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def revision(engine: Engine) -> str | None:
    """The revision of the hub's tables; None for a database that has none."""
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return None
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return None if found is None else str(found)


def newest_revision() -> str:
    """The revision that this program's tables have: the last file of the migrations, named `<revision>_<what>.py`."""
    return max(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Bring the hub's tables to the newest revision.

    Returns:
        The revision before (None for an empty database) and after.
    """
    if (current := revision(engine)) == newest_revision():
        return current, str(current)
    # Half a second of imports, which a database that is up to date does not cost.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('lienthong.migrations'))"))
        before = MigrationContext.configure(connection).get_current_revision()
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        after = MigrationContext.configure(connection).get_current_revision()
    return before, str(after)


def raw_cursor(connection: Connection) -> psycopg.Cursor[Any]:
    """The psycopg cursor under an SQLAlchemy connection, for COPY inside the same transaction."""
    cursor: psycopg.Cursor[Any] = connection.connection.cursor()  # type: ignore[assignment]
    return cursor


_whole: ContextVar[frozenset[tuple[Engine, str, str]]] = ContextVar("whole", default=frozenset())


@contextmanager
def whole_province(engine: Engine, province: str, *purposes: str) -> Iterator[None]:
    """Hold the province for several purposes from first to last; the stages called inside go on under these locks.

    Raises:
        Busy: another process holds one of them; nothing is held then.
    """
    with province_locks(engine, [(province, purpose) for purpose in purposes]):
        before = _whole.get()
        _whole.set(before | {(engine, province, purpose) for purpose in purposes})
        try:
            yield
        finally:
            _whole.set(before)


@contextmanager
def province_lock(engine: Engine, province: str, purpose: str) -> Iterator[None]:
    """Hold the province for one purpose in this process; a second holder is refused at once.

    The lock belongs to a database session, so it is gone when the process dies. Inside `whole_province` it is held.

    Raises:
        Busy: another process holds it.
    """
    with province_locks(engine, [(province, purpose)]):
        yield


@contextmanager
def province_locks(engine: Engine, wanted: Sequence[tuple[str, str]]) -> Iterator[None]:
    """`province_lock` for several provinces and purposes, by one connection however many they are.

    Raises:
        Busy: another process holds one of them; nothing is held then.
    """
    asked = [one for one in wanted if (engine, *one) not in _whole.get()]
    if not asked:
        yield
        return
    with at_once(engine) as connection:
        held: list[dict[str, str]] = []
        try:
            for province, purpose in asked:
                key = {"key": f"lienthong.{province}.{purpose}"}
                if not connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"), key):
                    raise Busy(
                        f"another process is at work on {purpose} of this province",
                        where=province,
                        next_step="Wait for it (lienthong status shows it) or stop it; nothing was started.",
                    )
                held.append(key)
            yield
        finally:
            for key in held:
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), key)
