"""A whole sync of each province, judged by the ledgers of the peers."""

from typing import Any

import pytest
from sqlalchemy import text

from connectors.errors import PeerError
from hub.context import Hub
from hub.errors import StageFailed
from hub.status import province_status
from hub.sync import sync
from tests.conftest import Sandbox

PROVINCES = ("lao_cai", "quang_ngai")
PEER = {"lao_cai": "vnpt_lao_cai", "quang_ngai": "viettel_quang_ngai"}
SEARCH = {"lao_cai": "search", "quang_ngai": "TraCuuDanhSachHoSo"}
HELD = {
    "unmapped_procedure": "unmapped_procedure",
    "unmapped_status": "unmapped_status",
    "missing_owner": "missing_owner",
    "missing_received": "missing_received",
    "impossible_dates": "impossible_dates",
    "bad_identity": "bad_identity",
    "conflicting_duplicate": "conflicting_duplicate",
}
"""Planted dirt -> the reason the hub must give."""


@pytest.fixture(params=PROVINCES)
def hub(request: pytest.FixtureRequest, sandbox: Sandbox) -> Hub:
    """Each province in turn, against fresh peers."""
    return request.getfixturevalue(request.param)


def held(hub: Hub) -> dict[str, str]:
    """Held dossier codes with their reason, from the database."""
    query = text("SELECT dossier_code, reason FROM quarantine WHERE state = 'held' AND kind = 'dossier'")
    with hub.engine.connect() as connection:
        return {str(code): str(reason) for code, reason in connection.execute(query)}


def writes(sandbox: Sandbox) -> int:
    """Calls that changed or tried to change something nationally."""
    return sum(call["service"] in ("DongBoHoSoMC", "CapNhatTienDoHoSoMC") for call in sandbox.ledger("calls"))


def served(sandbox: Sandbox, slug: str) -> int:
    return int(sandbox.status()["systems"][slug]["served"])


@pytest.mark.dossiers(150)
def test_every_dossier_is_delivered_or_held_with_the_reason_of_its_dirt(hub: Hub, sandbox: Sandbox) -> None:
    sync(hub)
    labels: dict[str, str] = sandbox.get(PEER[hub.slug], "labels")
    expected = {code: HELD[kind] for code, kind in labels.items() if kind in HELD}
    assert held(hub) == expected
    assert len(set(expected.values())) > 1, "the sandbox plants too little dirt for this test"
    sent = sandbox.sent()
    assert len(sent) == served(sandbox, hub.slug) - len(expected)
    assert not set(sent) & set(expected)
    assert not sandbox.ledger("sins") and sandbox.national()["refused"] == 0


def test_a_clean_dossier_arrives_with_its_fields_and_its_steps_in_order(lao_cai: Hub, sandbox: Sandbox) -> None:
    sync(lao_cai)
    query = text("SELECT outgoing_code, record, status FROM dossier WHERE notes = '[]' AND status = 10 LIMIT 1")
    with lao_cai.engine.connect() as connection:
        code, record, status = connection.execute(query).one()
    body: dict[str, Any] = sandbox.sent()[code]["body"]
    assert body["MaHoSo"] == code
    assert body["ChuHoSo"] == record["applicant_name"]
    assert body["TrangThaiHoSo"] == str(status)
    assert body["NgayTiepNhan"] == record["received_at"][:19].translate({ord(c): None for c in "-T:"})
    steps = sandbox.get("national", "ledger/steps", code=code)["rows"]
    times = [step["at"] for step in steps]
    assert times == sorted(times) and len(times) >= 2
    assert all(step["verdict"] == "accepted" for step in steps)


def test_a_second_run_moves_and_sends_nothing(hub: Hub, sandbox: Sandbox) -> None:
    sync(hub)
    before = writes(sandbox)
    again = sync(hub)
    assert (again["merged"], again["delivered"], again["steps_delivered"]) == (0, 0, 0)
    assert writes(sandbox) == before


def test_after_a_day_exactly_what_changed_and_came_new_moves(hub: Hub, sandbox: Sandbox) -> None:
    sync(hub)
    before = sandbox.sent()
    moved = sandbox.say("advance", "--days", "1")["systems"][hub.slug]
    assert moved["changed"] and moved["added"]
    result = sync(hub)
    labels: dict[str, str] = sandbox.get(PEER[hub.slug], "labels")
    still_held = {code for code, kind in labels.items() if kind in HELD}
    assert set(held(hub)) == still_held
    after = sandbox.sent()
    touched = {code for code in after if before.get(code, {}).get("last_call") != after[code]["last_call"]}
    new_versions = {code for code in touched if code not in before or after[code]["body"] != before[code]["body"]}
    assert touched == new_versions, "a dossier was sent without a change"
    assert result["merged"] == len({*touched, *_with_new_steps(hub)})
    assert not sandbox.ledger("sins")
    assert len(after) == served(sandbox, hub.slug) - len(still_held)


def _with_new_steps(hub: Hub) -> set[str]:
    """Outgoing codes of dossiers that the last run touched."""
    query = text("SELECT outgoing_code FROM dossier WHERE run_id = (SELECT max(run_id) FROM run)")
    with hub.engine.connect() as connection:
        return set(connection.scalars(query))


@pytest.mark.dossiers(400)
def test_what_the_source_corrects_is_freed(hub: Hub, sandbox: Sandbox) -> None:
    sync(hub)
    first = set(held(hub))
    corrected = 0
    for _ in range(4):
        corrected += sandbox.say("advance", "--days", "1")["systems"][hub.slug]["corrected"]
        sync(hub)
        if corrected:
            break
    freed = first - set(held(hub))
    assert corrected and len(freed) == corrected
    labels: dict[str, Any] = sandbox.get(PEER[hub.slug], "labels", detail="1")
    assert all(labels[code]["corrected"] for code in freed)
    assert len(sandbox.sent()) == served(sandbox, hub.slug) - len(held(hub))


def test_status_counts_every_dossier_once_and_agrees_with_the_ledgers(hub: Hub, sandbox: Sandbox) -> None:
    sync(hub)
    sandbox.say("advance", "--days", "1")
    sync(hub)
    status, national = province_status(hub.engine, hub.slug), sandbox.national()
    assert status["pulled"] == served(sandbox, hub.slug) == status["delivered"] + status["held"]
    assert status["delivered"] == national["dossiers"] == status["reconciled"]
    assert status["steps_delivered"] == national["steps"]
    assert status["unknown"] == 0


def test_a_fixed_window_twice_is_harmless_and_moves_no_cursor(hub: Hub, sandbox: Sandbox) -> None:
    sync(hub)
    query = text("SELECT min(changed_at), max(changed_at) FROM dossier")
    cursor = text("SELECT changed_until FROM cursor")
    with hub.engine.connect() as connection:
        first, last = connection.execute(query).one()
        reached = connection.scalar(cursor)
    before, middle = writes(sandbox), first + (last - first) / 2
    for _ in range(2):
        result = sync(hub, since=first, until=middle)
        assert 0 < result["pulled"] < 60 and result["merged"] == 0
    assert writes(sandbox) == before
    with hub.engine.connect() as connection:
        assert connection.scalar(cursor) == reached


@pytest.mark.dossiers(150)
def test_windows_in_any_order_end_where_one_sync_ends(hub: Hub, sandbox: Sandbox) -> None:
    """A late half first, then the early half, then a plain sync: all is delivered once."""
    everything = sync(hub, dry_run=True)
    middle = text("SELECT now()")
    with hub.engine.connect() as connection:
        now = connection.scalar(middle)
    assert now and everything["pulled"] == 150
    sandbox.say("advance", "--days", "1")
    from datetime import datetime

    cut = datetime.fromisoformat("2026-05-01T00:00:00+07:00")
    sync(hub, since=cut)
    late = len(sandbox.sent())
    sync(hub, since=datetime.fromisoformat("2025-01-01T00:00:00+07:00"), until=cut)
    assert len(sandbox.sent()) > late
    sync(hub)
    status = province_status(hub.engine, hub.slug)
    assert status["pulled"] == served(sandbox, hub.slug) == status["delivered"] + status["held"]
    assert not sandbox.ledger("sins")


@pytest.mark.dossiers(150)
def test_a_dry_run_changes_nothing_anywhere(hub: Hub, sandbox: Sandbox) -> None:
    result = sync(hub, dry_run=True)
    assert result["pulled"] == 150 and result["merged"] and result["held"]
    assert sandbox.sent() == {} and writes(sandbox) == 0
    with hub.engine.connect() as connection:
        counts = [
            connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("dossier", "delivery", "progress_step", "quarantine", "cursor")
        ]
    assert counts == [0, 0, 0, 0, 0]
    assert sync(hub)["merged"] == result["merged"]


@pytest.mark.parametrize("kind", ["html", "truncated"])
def test_a_page_that_cannot_be_read_stops_there_and_the_next_run_goes_on(hub: Hub, sandbox: Sandbox, kind: str) -> None:
    small_pages(hub, 25)
    sandbox.fault(PEER[hub.slug], operation=SEARCH[hub.slug], kind=kind, after=2, times=20)
    with pytest.raises(StageFailed) as failed:
        sync(hub)
    assert "page 3" in failed.value.where and hub.slug in failed.value.where
    assert f"lienthong sync {hub.slug}" in failed.value.next_step
    with hub.engine.connect() as connection:
        state, page, error = connection.execute(text("SELECT state, page, error FROM run WHERE kind = 'sync'")).one()
        landed = connection.scalar(text("SELECT sum(records) FROM message WHERE error IS NULL AND stream = 'dossiers'"))
    assert (state, page, landed) == ("failed", 2, 50) and "page 3" in error
    clear_faults(sandbox, hub)
    asked = len(sandbox.ledger("calls", PEER[hub.slug]))
    sync(hub)
    status = province_status(hub.engine, hub.slug)
    assert status["last_run"]["attempt"] == 2
    assert status["pulled"] == served(sandbox, hub.slug) == status["delivered"] + status["held"]
    assert not sandbox.ledger("sins")
    reread = [call for call in sandbox.ledger("calls", PEER[hub.slug])[asked:] if call["operation"] == SEARCH[hub.slug]]
    assert len(reread) < 8, "the landed pages were read again"


def small_pages(hub: Hub, rows: int) -> None:
    """Let the province's stream ask for small pages, so that a small sandbox has many."""
    connector = hub.source
    stream = connector.spec.streams["dossiers"]
    pages = stream.pages.model_copy(update={"rows": rows})
    streams = {**connector.spec.streams, "dossiers": stream.model_copy(update={"pages": pages})}
    connector.spec = connector.spec.model_copy(update={"streams": streams})


def clear_faults(sandbox: Sandbox, hub: Hub) -> None:
    import requests

    assert requests.delete(f"{sandbox.address(PEER[hub.slug])}/_sandbox/faults", timeout=10).status_code < 300


@pytest.mark.dossiers(150)
def test_the_other_province_is_untouched_when_one_peer_is_down(lao_cai: Hub, quang_ngai: Hub, sandbox: Sandbox) -> None:
    sandbox.fault(PEER["lao_cai"], operation="*", kind="down", times=1000)
    lao_cai.source.exchange._sleep = lambda seconds: None
    with pytest.raises(StageFailed) as failed:
        sync(lao_cai)
    assert isinstance(failed.value.__cause__, PeerError)
    sync(quang_ngai)
    assert len(sandbox.sent()) == province_status(quang_ngai.engine, "quang_ngai")["delivered"] > 100


@pytest.mark.dossiers(150)
@pytest.mark.parametrize("changed", [3, 20])
def test_records_that_change_while_being_paged_are_neither_lost_nor_doubled(
    hub: Hub, sandbox: Sandbox, changed: int
) -> None:
    small_pages(hub, 20)
    sandbox.fault(PEER[hub.slug], operation=SEARCH[hub.slug], kind="change_while_paging", after=2, records=changed)
    sync(hub)
    sync(hub)
    status = province_status(hub.engine, hub.slug)
    assert status["pulled"] == served(sandbox, hub.slug) == status["delivered"] + status["held"] == 150
    assert len(sandbox.sent()) == status["delivered"]
    assert not sandbox.ledger("sins")


@pytest.mark.dossiers(150)
def test_an_expired_token_in_the_middle_costs_one_login_and_nothing_else(lao_cai: Hub, sandbox: Sandbox) -> None:
    small_pages(lao_cai, 25)
    sandbox.fault(PEER["lao_cai"], operation="search", kind="expired", after=2)
    sync(lao_cai)
    logins = [call for call in sandbox.ledger("calls", PEER["lao_cai"]) if call["operation"] == "token"]
    assert len(logins) == 2
    assert province_status(lao_cai.engine, "lao_cai")["pulled"] == 150
