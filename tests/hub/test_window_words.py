"""The window of a run in a person's words: what cannot be meant is told, and opens no run that fails."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from hub.cli.sync import in_order, parse_time
from hub.context import Hub
from hub.errors import ConfigurationError
from hub.sync import start_run


def test_a_window_that_starts_after_now_is_told_and_opens_no_run(lao_cai: Hub) -> None:
    """It was opened, and failed with a traceback in the pull."""
    with pytest.raises(ConfigurationError, match=r"starts \(.*\) after it ends") as failed:
        start_run(lao_cai, since=lao_cai.clock() + timedelta(days=365))
    assert failed.value.next_step
    with lao_cai.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM run WHERE kind = 'sync'")) == 0


@pytest.mark.parametrize("said", ["0001-01-01", "0202-06-30T08:00", "9999-12-31"])
def test_a_year_that_cannot_be_meant_is_told_with_its_option(said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--since: the year \d{4} cannot be meant"):
        parse_time(said, "--since")


def test_a_start_after_now_needs_an_end_behind_it() -> None:
    ahead = datetime.now(UTC) + timedelta(days=30)
    with pytest.raises(ConfigurationError, match="starts after now"):
        in_order(ahead, None)
    with pytest.raises(ConfigurationError, match="ends before it starts"):
        in_order(ahead, ahead - timedelta(days=1))
    in_order(ahead, ahead + timedelta(days=1))
    in_order(None, None)
