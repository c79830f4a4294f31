"""A province behind the Tân Dân façade, end to end: five days at a time, errors as words, judged by the ledgers."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from connectors.errors import PeerRefused
from hub.config import Settings
from hub.errors import StageFailed
from hub.sync import sync
from tests.conftest import Sandbox
from tests.hub.vendors import NOW, Served, served

BUSY = "Lỗi: hệ thống đang bận, vui lòng thử lại sau"
VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def nghe_an(settings: Settings, engine: Engine, sandbox: Sandbox) -> Served:
    """The province behind the façade, over fresh peers."""
    return served("nghe_an", settings, engine, sandbox)


def windows(province: Served) -> list[tuple[datetime, datetime]]:
    """The windows that the façade was asked for, in order, each once."""
    said = [(call["params"]["tuNgay"], call["params"]["denNgay"]) for call in province.calls("dossiers")]
    return [(read(since), read(until)) for since, until in dict.fromkeys(said)]


def read(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M:%S").replace(tzinfo=VIET_NAM)


@pytest.mark.dossiers(150)
def test_all_is_delivered_or_held_with_its_reason_and_a_second_run_sends_nothing(nghe_an: Served) -> None:
    first = sync(nghe_an.hub)
    assert nghe_an.ledgers_agree() == first["delivered"] > 130
    assert nghe_an.held()
    writes = nghe_an.writes()
    again = sync(nghe_an.hub)
    assert (again["merged"], again["delivered"], again["steps_delivered"]) == (0, 0, 0)
    assert nghe_an.writes() == writes


def test_the_half_year_is_asked_for_in_pieces_of_five_days_without_a_gap(nghe_an: Served) -> None:
    sync(nghe_an.hub)
    asked = windows(nghe_an)
    assert (asked[0][0], asked[-1][1]) == (datetime(2026, 1, 1, tzinfo=VIET_NAM), NOW)
    assert all(until - since <= timedelta(days=5) for since, until in asked)
    assert all(until == since for (_, until), (since, _) in pairwise(asked))
    assert len(asked) == len(nghe_an.calls("dossiers")) == 38
    sync(nghe_an.hub)
    assert len(windows(nghe_an)) <= 38 + 2, "the second run begins where the first one ended"


def test_a_day_later_exactly_what_changed_and_came_new_is_sent(nghe_an: Served) -> None:
    sync(nghe_an.hub)
    assert nghe_an.day_passes()


@pytest.mark.dossiers(150)
def test_the_ledgers_are_equal_after_a_bad_night(nghe_an: Served) -> None:
    """The session ends, the system is busy, a gateway counts, a page breaks off, comes again, comes shuffled."""
    nghe_an.small_pages(2)
    nghe_an.arm(operation="dossiers", kind="expired", after=11)
    nghe_an.arm(operation="dossiers", kind="error_inside", text=BUSY, after=20, times=2)
    nghe_an.arm(operation="dossiers", kind="quota", after=30, seconds=7)
    nghe_an.arm(operation="dossiers", kind="reset", after=40)
    for after in (50, 53, 56):
        nghe_an.arm(operation="dossiers", kind="repeat_page", after=after)
    nghe_an.arm(operation="dossiers", kind="shuffle_page", after=60, times=10)
    sync(nghe_an.hub)
    assert nghe_an.sandbox.status()["systems"]["nghe_an"]["faults"] == 18
    assert nghe_an.ledgers_agree() > 130
    assert len(nghe_an.calls("login")) == 2
    assert 7 in nghe_an.time.naps, "Retry-After is what is waited for"


@pytest.mark.dossiers(150)
def test_what_changes_while_it_is_paged_is_neither_lost_nor_sent_twice(nghe_an: Served) -> None:
    """It leaves the piece that is read for the last one: the rest of the piece moves up by its place."""
    nghe_an.small_pages(2)
    nghe_an.arm(operation="dossiers", kind="change_while_paging", after=30, records=5)
    sync(nghe_an.hub)
    nghe_an.ledgers_agree()
    sync(nghe_an.hub)
    assert nghe_an.ledgers_agree() > 130


def test_an_error_in_words_that_nobody_named_stops_there_with_the_words_and_the_next_run_goes_on(
    nghe_an: Served,
) -> None:
    nghe_an.arm(operation="dossiers", kind="error_inside", text="Lỗi: không có quyền tra cứu", after=9)
    with pytest.raises(StageFailed) as failed:
        sync(nghe_an.hub)
    assert isinstance(failed.value.__cause__, PeerRefused)
    assert "không có quyền tra cứu" in str(failed.value) and "page 10" in failed.value.where
    asked = len(nghe_an.calls("dossiers"))
    sync(nghe_an.hub)
    nghe_an.ledgers_agree()
    assert len(nghe_an.calls("dossiers")) - asked <= 30, "the pieces that had landed were asked for again"


def test_its_procedures_differ_from_the_national_ones_as_planted(nghe_an: Served) -> None:
    assert nghe_an.procedures_agree() > 1000
