"""Delivery against a national adapter that lies, judged by its ledger: nothing lost, nothing twice, in order."""

import os
import signal
import time

import pytest
import requests
from sqlalchemy import text

from connectors.connector import HOSTS
from hub.config import BASE
from hub.context import Hub
from hub.errors import StageFailed
from hub.national import National
from hub.push import push
from hub.quarantine import held_items
from hub.redrive import redrive
from hub.status import province_status
from hub.store import engine_of
from hub.sync import start_run, sync
from hub.worklist.chosen import Chosen
from tests.commands import begun
from tests.conftest import Databases, Sandbox

PUT, STEPS, LOOK_UP = "DongBoHoSoMC", "CapNhatTienDoHoSoMC", "TraCuuHoSo"


def calls(sandbox: Sandbox, service: str) -> list[dict[str, object]]:
    return [call for call in sandbox.ledger("calls") if call["service"] == service]


def assert_all_arrived_once(hub: Hub, sandbox: Sandbox) -> None:
    """Every deliverable dossier and step is in the national ledger exactly once and in order."""
    status, national = province_status(hub.engine, hub.slug), sandbox.national()
    served = sandbox.status()["systems"][hub.slug]["served"]
    assert status["pulled"] == served == status["delivered"] + status["held"]
    assert national["dossiers"] == status["delivered"]
    with hub.engine.connect() as connection:
        owed = connection.scalar(text("SELECT count(*) FROM progress_step WHERE state <> 'delivered'"))
        steps = connection.scalar(text("SELECT count(*) FROM progress_step"))
    assert owed == 0 and national["steps"] == steps
    assert not sandbox.ledger("sins")


def impatient(hub: Hub) -> None:
    """No real pauses between tries."""
    hub.sleep = lambda seconds: None
    for connector in (hub.source, hub.national):
        connector.exchange._sleep = lambda seconds: None


@pytest.mark.dossiers(150)
def test_each_dossier_is_looked_up_then_sent_then_its_steps(lao_cai: Hub, sandbox: Sandbox) -> None:
    sync(lao_cai)
    order: dict[str, list[str]] = {}
    for call in sandbox.ledger("calls"):
        for code in str(call["keys"]).split(","):
            order.setdefault(code.strip(), []).append(str(call["service"]))
    sent = sandbox.sent()
    assert len(sent) > 120
    for code in sent:
        seen = order[code]
        assert seen.index(LOOK_UP) < seen.index(PUT)
        assert STEPS not in seen or seen.index(PUT) < seen.index(STEPS)


@pytest.mark.parametrize("operation", [PUT, STEPS])
def test_an_answer_that_is_lost_after_it_was_carried_out_is_probed_and_not_sent_again(
    lao_cai: Hub, sandbox: Sandbox, operation: str
) -> None:
    impatient(lao_cai)
    sandbox.fault("national", operation=operation, kind="reset", after=5, times=20)
    sync(lao_cai)
    assert_all_arrived_once(lao_cai, sandbox)
    assert all(dossier["version"] == 1 for dossier in sandbox.sent().values())


@pytest.mark.parametrize("operation", [PUT, STEPS])
def test_a_request_that_never_arrived_is_sent_again(lao_cai: Hub, sandbox: Sandbox, operation: str) -> None:
    impatient(lao_cai)
    sandbox.fault("national", operation=operation, kind="down", after=5, times=4)
    sync(lao_cai)
    assert_all_arrived_once(lao_cai, sandbox)


def test_a_create_that_meets_an_existing_dossier_becomes_an_update(lao_cai: Hub, sandbox: Sandbox) -> None:
    """The look-up said no, another hop created it meanwhile: "đã tồn tại" is answered with one update."""
    sync(lao_cai)
    sandbox.say("advance", "--days", "1")
    side = National(lao_cai)
    code, known = next((code, row["body"]) for code, row in sandbox.sent().items() if row["status"] == 4)
    payload = {name: value for name, value in known.items() if name != "DanhSachTienTrinh"} | {"GhiChu": "đã sửa"}
    assert side.put_dossier(payload, updating=False).kind == "done"
    assert sandbox.sent()[code]["body"]["GhiChu"] == "đã sửa"
    assert [sin["kind"] for sin in sandbox.ledger("sins")] == ["duplicate_create"], "the peer saw the create, as meant"


@pytest.mark.dossiers(150)
def test_a_hub_that_lost_its_memory_sends_nothing_twice(
    lao_cai: Hub, sandbox: Sandbox, databases: Databases, with_procedures: str
) -> None:
    sync(lao_cai)
    before = len(calls(sandbox, PUT)) + len(calls(sandbox, STEPS))
    without_memory = databases.make(with_procedures)
    forgetful = Hub(lao_cai.province, lao_cai.settings, engine_of(without_memory))
    result = sync(forgetful)
    assert result["delivered"] == result["merged"] > 120
    assert len(calls(sandbox, PUT)) + len(calls(sandbox, STEPS)) == before
    assert_all_arrived_once(forgetful, sandbox)
    databases.give_back(without_memory)


def test_a_session_that_ends_without_notice_costs_no_dossier(lao_cai: Hub, sandbox: Sandbox) -> None:
    for after in (7, 40, 90):
        sandbox.fault("national", operation=PUT, kind="session_expired", after=after)
    sync(lao_cai)
    assert_all_arrived_once(lao_cai, sandbox)


def test_a_dossier_that_is_refused_waits_with_the_words_and_is_sent_when_redriven(
    lao_cai: Hub, sandbox: Sandbox
) -> None:
    sandbox.fault("national", operation=PUT, kind="refuse", after=4, times=1, text="Đơn vị bị khóa", error_code="-99")
    sync(lao_cai)
    [item] = held_items(lao_cai.engine, "lao_cai", "refused_nationally")
    assert "Đơn vị bị khóa" in item["findings"][0]["value"] and item["stage"] == "push"
    code = item["dossier_code"]
    assert code not in sandbox.sent()
    assert not [call for call in calls(sandbox, STEPS) if code in str(call["keys"])], "steps went before the dossier"
    assert redrive(lao_cai, Chosen(reason="refused_nationally"))["freed"] == 1
    assert code in sandbox.sent()
    assert_all_arrived_once(lao_cai, sandbox)


@pytest.mark.dossiers(150)
def test_an_adapter_that_goes_down_keeps_what_is_owed_and_the_next_run_sends_it(lao_cai: Hub, sandbox: Sandbox) -> None:
    impatient(lao_cai)
    sandbox.fault("national", operation="*", kind="down", after=100, times=100_000)
    with pytest.raises(StageFailed) as failed:
        sync(lao_cai)
    assert "push" in failed.value.where and "wait in the outbox" in failed.value.next_step
    arrived = len(sandbox.sent())
    assert 0 < arrived < 120
    status = province_status(lao_cai.engine, "lao_cai")
    assert status["last_run"]["state"] == "failed" and status["merged"] > 120
    requests.delete(f"{sandbox.address('national')}/_sandbox/faults", timeout=10)
    HOSTS.forget()  # as a new process would
    sync(Hub(lao_cai.province, lao_cai.settings, lao_cai.engine))
    assert_all_arrived_once(lao_cai, sandbox)


def test_a_kill_in_the_middle_of_the_push_loses_nothing_and_sends_nothing_twice(
    lao_cai: Hub, sandbox: Sandbox, database: str
) -> None:
    """SIGKILL, several times at other places, then a run that ends well."""
    environment = {**os.environ, "LIENTHONG_HOME": str(sandbox.home), "LIENTHONG_DATABASE_URL": database}
    for target in (5, 20, 35):
        process = begun("sync", "lao_cai", environment=environment, folder=BASE)
        deadline = time.monotonic() + 60
        while process.is_alive() and len(sandbox.sent()) < target and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it had ended before it was killed"
    assert 0 < len(sandbox.sent()) < 55
    sync(lao_cai)
    assert_all_arrived_once(lao_cai, sandbox)


OWED = "UPDATE dossier SET content_hash = :hash, record = record || CAST(:note AS jsonb) WHERE dossier_code = :code"


def owe(hub: Hub, code: str, content: str) -> None:
    """Merge a newer content of a dossier, as another process would: its remark says which."""
    given = {"hash": content, "note": f'{{"note": "{content}"}}', "code": code}
    with hub.engine.begin() as connection:
        connection.execute(text(OWED), given)
        connection.execute(
            text(
                "INSERT INTO delivery (province, dossier_code, content_hash, run_id)"
                " VALUES ('lao_cai', :code, :hash, 1)"
                " ON CONFLICT (province, dossier_code) WHERE state <> 'delivered' DO UPDATE SET content_hash = :hash"
            ),
            given,
        )


def test_a_version_that_is_merged_while_the_older_one_is_sent_is_owed_next(lao_cai: Hub, sandbox: Sandbox) -> None:
    """Between intent and answer another process merges a newer content; the answer is not taken for that one."""
    sync(lao_cai)
    query = text("SELECT dossier_code, outgoing_code FROM dossier WHERE status = 4 ORDER BY 1 LIMIT 1")
    with lao_cai.engine.connect() as connection:
        code, outgoing = connection.execute(query).one()
    owe(lao_cai, code, "first")
    real = lao_cai.national.call

    def merged_meanwhile(operation: str, **given: object) -> object:
        if operation == "put_dossier":
            owe(lao_cai, code, "second")
        return real(operation, **given)

    lao_cai.national.call = merged_meanwhile  # type: ignore[method-assign, assignment]
    push(lao_cai, start_run(lao_cai).run_id)
    lao_cai.national.call = real  # type: ignore[method-assign]
    assert sandbox.sent()[outgoing]["body"]["GhiChu"] == "first"
    push(lao_cai, start_run(lao_cai).run_id)
    assert sandbox.sent()[outgoing]["body"]["GhiChu"] == "second"


SECOND_OFFICER = """
INSERT INTO progress_step (province, dossier_code, step_key, happened_at, status, ordinal, record, run_id)
SELECT province, dossier_code, step_key || 'b', happened_at, status, ordinal + 1,
       record || '{"content": "cán bộ thứ hai"}', run_id
FROM progress_step WHERE status = 4 AND dossier_code = (SELECT dossier_code FROM dossier WHERE status = 4
                                                        ORDER BY 1 LIMIT 1)
ORDER BY happened_at DESC LIMIT 1 RETURNING dossier_code
"""


def test_a_new_step_of_the_same_time_and_status_as_a_sent_one_is_sent_too(lao_cai: Hub, sandbox: Sandbox) -> None:
    sync(lao_cai)
    with lao_cai.engine.begin() as connection:
        code = connection.scalar(text(SECOND_OFFICER))
        outgoing = connection.scalar(text("SELECT outgoing_code FROM dossier WHERE dossier_code = :c"), {"c": code})
    push(lao_cai, start_run(lao_cai).run_id)
    steps = sandbox.get("national", "ledger/steps", code=outgoing)["rows"]
    assert [step["body"]["NoiDungXuLy"] for step in steps].count("cán bộ thứ hai") == 1
