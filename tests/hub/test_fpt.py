"""Two provinces of FPT eGov, end to end: a month as a DataSet in a string, a cursor over signed requests."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from connectors.errors import AuthRefused
from hub.config import BASE, Settings
from hub.errors import StageFailed
from hub.sync import sync
from tests.conftest import Sandbox
from tests.hub.vendors import NOW, Served, served

THANH_HOA = """\
province: {code: "38", name: Thanh Hóa, agency: H56}
system: fpt_egov_rest
connection: fpt_thanh_hoa
limits: {per_second: 200}
national: {connection: national, unit: H56, limits: {per_second: 2000}}
"""
wall_clock = partial(datetime.now, UTC)
SEARCH = {"son_la": "GetDanhSachHoSo", "thanh_hoa": "search"}


@pytest.fixture
def son_la(settings: Settings, engine: Engine, sandbox: Sandbox) -> Served:
    """The province of the SOAP generation, over fresh peers."""
    return served("son_la", settings, engine, sandbox)


@pytest.fixture
def thanh_hoa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, sandbox: Sandbox) -> Served:
    """The province of the REST generation, in a configuration folder of one's own; requests are signed with the
    machine's time, as the peer compares it with its own."""
    own = tmp_path / "own"
    (own / "provinces").mkdir(parents=True)
    (own / "provinces" / "thanh_hoa.yaml").write_text(THANH_HOA, encoding="utf-8")
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.setenv("LIENTHONG_CONFIG", str(own))
    settings = Settings.from_environment()
    assert settings.folders == (own.resolve(), BASE)
    return served("thanh_hoa", settings, engine, sandbox, clock=wall_clock)


@pytest.fixture(params=["son_la", "thanh_hoa"])
def province(request: pytest.FixtureRequest) -> Served:
    """Each of the two in turn."""
    found: Served = request.getfixturevalue(request.param)
    return found


@pytest.mark.dossiers(150)
def test_all_is_delivered_or_held_with_its_reason_and_a_second_run_sends_nothing(province: Served) -> None:
    first = sync(province.hub)
    assert province.ledgers_agree() == first["delivered"] > 130
    assert province.held()
    writes = province.writes()
    again = sync(province.hub)
    assert (again["merged"], again["delivered"], again["steps_delivered"]) == (0, 0, 0)
    assert province.writes() == writes


def test_a_day_later_exactly_what_changed_and_came_new_is_sent(province: Served, sandbox: Sandbox) -> None:
    sync(province.hub)
    before = sandbox.sent()
    moved = sandbox.say("advance", "--days", "1")["systems"][province.hub.slug]
    assert moved["changed"] and moved["added"]
    sync(province.hub)
    province.ledgers_agree()
    after = sandbox.sent()
    touched = {code for code in after if before.get(code, {}).get("last_call") != after[code]["last_call"]}
    assert touched == {code for code in after if code not in before or after[code]["body"] != before[code]["body"]}
    assert 0 < len(touched) <= moved["changed"] + moved["added"]


def test_a_dossier_arrives_with_what_its_rows_say(province: Served, sandbox: Sandbox) -> None:
    sync(province.hub)
    query = text("SELECT outgoing_code, record FROM dossier WHERE notes = '[]' AND status = 10 LIMIT 1")
    with province.hub.engine.connect() as connection:
        code, record = connection.execute(query).one()
    body: dict[str, Any] = sandbox.sent()[code]["body"]
    assert (body["ChuHoSo"], body["TrangThaiHoSo"]) == (record["applicant_name"], "10")
    assert body["NgayTiepNhan"] == record["received_at"][:19].translate({ord(c): None for c in "-T:"})
    assert len(body["TaiLieuNop"]) == len(record["documents"]) > 0
    steps = sandbox.get("national", "ledger/steps", code=code)["rows"]
    times = [step["at"] for step in steps]
    assert times == sorted(times) and len(times) > 1
    assert {step["verdict"] for step in steps} == {"accepted"}


def test_its_procedures_differ_from_the_national_ones_as_planted(province: Served) -> None:
    assert province.procedures_agree() > 1000


def windows(province: Served) -> list[tuple[datetime, datetime]]:
    """The windows that the SOAP peer was asked for, in order."""
    said = [call["params"] for call in province.calls("GetDanhSachHoSo")]
    asked = [orjson.loads(one) if isinstance(one, str) else one for one in said]
    return [(datetime.fromisoformat(one["fromDate"]), datetime.fromisoformat(one["toDate"])) for one in asked]


def test_months_are_asked_for_one_after_another_without_a_gap(son_la: Served) -> None:
    sync(son_la.hub)
    asked = windows(son_la)
    assert asked[0][0] == datetime.fromisoformat("2025-01-01T00:00:00+07:00")
    assert asked[-1][1] == NOW
    assert all(until - since <= timedelta(days=31) for since, until in asked)
    assert all(since == before for (since, _), (_, before) in zip(asked[1:], asked, strict=False))
    assert len(asked) == 18
    sync(son_la.hub)
    assert len(windows(son_la)) <= 18 + 2, "the second run begins where the first one ended"


def test_rows_as_they_were_before_a_change_are_not_read(son_la: Served) -> None:
    """Every seventh row of a DataSet is also below diffgr:before, with the status of a new dossier."""
    sync(son_la.hub)
    numbers = text("SELECT count(*) FROM dossier WHERE status = 1")
    page = text("SELECT sum(records) FROM message WHERE stream = 'dossiers'")
    with son_la.hub.engine.connect() as connection:
        new, records = connection.scalar(numbers), connection.scalar(page)
    assert records == son_la.sandbox.status()["systems"]["son_la"]["records"]
    assert new < 30


NIGHTS: dict[str, list[dict[str, Any]]] = {
    "calls fail for a while": [
        {"kind": "expired", "after": 3},
        {"kind": "quota", "after": 5, "seconds": 7},
        {"kind": "reset", "after": 7},
        {"kind": "soap_fault", "after": 9},
        {"kind": "error_inside", "after": 11, "times": 2},
        {"kind": "http", "after": 16, "status": 503, "times": 2},
    ],
    "pages are not what was asked for": [
        {"kind": "shuffle_page", "after": 12, "times": 2},
        {"kind": "repeat_page", "after": 15},
        {"kind": "change_while_paging", "after": 16, "records": 6},
    ],
}


@pytest.mark.dossiers(160)
@pytest.mark.parametrize("faults", NIGHTS.values(), ids=NIGHTS)
def test_the_ledgers_are_equal_although(province: Served, faults: list[dict[str, Any]]) -> None:
    slug = province.hub.slug
    if slug == "thanh_hoa":
        province.small_pages(8)
    for fault in faults:
        province.arm(operation=SEARCH[slug], **fault)
    sync(province.hub)
    assert province.sandbox.status()["systems"][slug]["faults"] == sum(fault.get("times", 1) for fault in faults)
    if any(fault["kind"] == "change_while_paging" for fault in faults):
        sync(province.hub)
    assert province.ledgers_agree() > 140
    assert everything_was_served(province)


@pytest.mark.dossiers(150)
@pytest.mark.parametrize("kind", ["truncated", "html"])
def test_a_page_that_cannot_be_read_stops_there_and_the_next_run_goes_on(province: Served, kind: str) -> None:
    slug = province.hub.slug
    if slug == "thanh_hoa":
        province.small_pages(10)
    province.arm(operation=SEARCH[slug], kind=kind, after=13, times=9)
    with pytest.raises(StageFailed) as failed:
        sync(province.hub)
    assert failed.value.where.endswith("page 14")
    province.clear_faults()
    asked = len(province.calls(SEARCH[slug]))
    sync(province.hub)
    assert province.ledgers_agree() and everything_was_served(province)
    assert len(province.calls(SEARCH[slug])) - asked <= 8, "pages that had landed were asked for again"


def everything_was_served(province: Served) -> bool:
    """No dossier of the system was left out, by its own account."""
    counts = province.sandbox.status()["systems"][province.hub.slug]
    return bool(counts["served"] == counts["dossiers"])


def test_an_ended_token_costs_one_login(son_la: Served) -> None:
    son_la.arm(operation="GetDanhSachHoSo", kind="expired", after=3)
    sync(son_la.hub)
    assert len(son_la.calls("Login")) == 2


def test_a_token_is_renewed_before_its_twenty_minutes_are_over(son_la: Served) -> None:
    from connectors import Window

    pages = son_la.hub.source.pull("dossiers", Window(None, NOW))
    next(pages)
    son_la.time.seconds += 18 * 60
    next(pages)
    assert len(son_la.calls("Login")) == 1
    son_la.time.seconds += 70
    next(pages)
    assert len(son_la.calls("Login")) == 2


def test_a_wrong_secret_stops_the_sync_with_what_the_peer_says(thanh_hoa: Served, sandbox: Sandbox) -> None:
    file = sandbox.home / "sandbox" / "connections.json"
    accounts = orjson.loads(file.read_bytes())
    accounts["fpt_thanh_hoa"]["password"] = "not-the-secret"
    file.write_bytes(orjson.dumps(accounts))
    wrong = served("thanh_hoa", thanh_hoa.hub.settings, thanh_hoa.hub.engine, sandbox, clock=wall_clock)
    with pytest.raises(StageFailed) as failed:
        sync(wrong.hub)
    assert isinstance(failed.value.__cause__, AuthRefused)
    assert "Chữ ký không hợp lệ" in str(failed.value)
    assert "not-the-secret" not in str(failed.value)


def test_one_dossier_is_given_by_its_code_and_an_unknown_one_is_not_found(province: Served) -> None:
    source = province.hub.source
    sync(province.hub)
    code = next(iter(province.held()))
    found = source.call("dossier", code=code)
    assert found.kind == "done" and len(found.result) == 1
    assert code in str(found.result[0])
    missing = source.call("dossier", code="000.00.00.H00-000000-0000")
    assert (missing.kind, missing.result) == ("not_found", [])
