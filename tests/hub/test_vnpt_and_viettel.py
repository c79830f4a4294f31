"""The two first vendors through one bad night each: answers break off, pages lie, the ledgers are equal afterwards."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from hub.config import Settings
from hub.sync import sync
from tests.conftest import Sandbox
from tests.hub.vendors import Served, served

OPERATION = {"lao_cai": "search", "quang_ngai": "TraCuuDanhSachHoSo"}


@pytest.fixture(params=OPERATION)
def province(request: pytest.FixtureRequest, settings: Settings, engine: Engine, sandbox: Sandbox) -> Served:
    # The one-gate compares the time of a signature with its own clock.
    clock = (lambda: datetime.now(UTC)) if request.param == "quang_ngai" else None
    return served(request.param, settings, engine, sandbox, **({"clock": clock} if clock else {}))


@pytest.mark.dossiers(150)
def test_the_ledgers_are_equal_after_a_bad_night(province: Served) -> None:
    """The account is refused in the middle, the quota is over, an answer breaks off, a page comes again or shuffled."""
    province.small_pages(15)
    operation = OPERATION[province.hub.slug]
    for kind, after, more in (
        ("expired", 1, {}),
        ("quota", 3, {"times": 2, "seconds": 7}),
        ("reset", 5, {}),
        ("repeat_page", 7, {}),
        ("shuffle_page", 9, {"times": 2}),
        ("http", 12, {}),
    ):
        province.arm(operation=operation, kind=kind, after=after, **more)
    sync(province.hub)
    spoilt = [call["fault"] for call in province.calls(operation) if call["fault"]]
    assert sorted(spoilt) == sorted(
        ["expired", "quota", "quota", "reset", "repeat_page", "shuffle_page", "shuffle_page", "http"]
    )
    assert province.ledgers_agree() > 130
    assert 7 in province.time.naps, "Retry-After is what is waited for"


@pytest.mark.dossiers(150)
def test_what_changes_while_it_is_paged_is_neither_lost_nor_sent_twice(province: Served) -> None:
    province.small_pages(20)
    province.arm(operation=OPERATION[province.hub.slug], kind="change_while_paging", after=2, records=7)
    sync(province.hub)
    sync(province.hub)
    assert province.ledgers_agree() > 130
