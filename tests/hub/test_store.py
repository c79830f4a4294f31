"""The database: migrations say what the tables say, and a province is held by one process at a time."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, NullPool, create_engine, text

from hub import store
from hub.context import Hub
from hub.errors import Busy, StageFailed
from hub.runs import get_run
from hub.store import MIGRATIONS, at_once, newest_revision, province_lock, revision, upgrade
from hub.sync import start_run, sync
from schemas.tables import metadata


def test_the_migrations_make_exactly_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    before, after = upgrade(engine)
    assert before == after


def test_a_database_is_up_to_date_when_it_has_the_revision_of_the_last_file(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert newest_revision() == ScriptDirectory.from_config(config).get_current_head() == revision(engine)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert upgrade(engine) == (None, newest_revision())


def test_a_province_is_held_by_one_at_a_time_and_others_are_free(lao_cai: Hub) -> None:
    with province_lock(lao_cai.engine, "lao_cai", "sync"):
        with pytest.raises(Busy, match="another process"), province_lock(lao_cai.engine, "lao_cai", "sync"):
            pytest.fail("two processes hold one province")
        with province_lock(lao_cai.engine, "quang_ngai", "sync"):
            pass
    with province_lock(lao_cai.engine, "lao_cai", "sync"):
        pass


def test_whatever_goes_wrong_in_a_stage_marks_the_run_failed(lao_cai: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("hub.pull.prepare_staging", broken)
    with pytest.raises(RuntimeError):
        sync(lao_cai)
    with lao_cai.engine.connect() as connection:
        state, error = connection.execute(text("SELECT state, error FROM run WHERE kind = 'sync'")).one()
    assert (state, error) == ("failed", "the disk is full")


def test_a_window_never_starts_after_it_ends(lao_cai: Hub) -> None:
    from datetime import UTC, datetime

    with lao_cai.engine.begin() as connection:
        connection.execute(text("INSERT INTO cursor VALUES ('lao_cai', 'dossiers', '2026-06-30T00:00Z', 1)"))
    run = start_run(lao_cai, until=datetime(2026, 1, 1, tzinfo=UTC))
    assert run.since == run.until and get_run(lao_cai.engine, run.run_id).fixed is False
    assert issubclass(Busy, StageFailed)


def test_a_connection_that_died_while_nobody_used_it_is_replaced_before_its_next_use(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "IDLE", 0.0)
    with engine.connect() as connection:
        first = connection.scalar(text("SELECT pg_backend_pid()"))
    with create_engine(engine.url, poolclass=NullPool).connect() as killer:
        assert killer.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": first})
    with at_once(engine) as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != first
