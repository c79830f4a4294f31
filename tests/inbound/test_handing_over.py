"""Handing over, judged by the systems' own ledgers: each dossier once, its steps in order, its files byte for byte, and
its status back on the national side."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests
from sqlalchemy import text

from connectors.connector import HOSTS
from hub.config import BASE
from hub.context import Hub
from hub.errors import StageFailed
from hub.inbound import dossier, push, standing
from hub.inbound.journal import StepJournal
from hub.sync import sync
from tests.inbound.conftest import CONNECTION, PDF, Portal, account, assert_all_arrived_once, message, paper, rows

both = pytest.mark.parametrize("slug", ["lao_cai", "quang_ngai"])
vnpt = pytest.mark.parametrize("slug", ["lao_cai"])
TAKES = {"lao_cai": "NoiHoSo", "quang_ngai": "TiepNhanHoSoTrucTuyen"}


@both
def test_what_the_portal_was_promised_reaches_the_province_once_and_its_status_comes_back(
    portal: Portal, hub: Hub, slug: str
) -> None:
    sandbox = portal.sandbox
    portal.citizens_file(6, unknown=2)
    assert push(hub) == {"handed_over": 4, "held": 0, "unknown": 0, "waiting": 0}
    assert_all_arrived_once(portal, slug)
    assert push(hub)["handed_over"] == 0
    before = sandbox.national()["dossiers"]
    assert before == 6, "the portal knows what citizens filed with it"

    sync(hub)
    accepted = {one["code"] for one in portal.filed() if one["status"] == 200}
    sent = sandbox.sent()
    assert {code: sent[code]["status"] for code in accepted} == dict.fromkeys(accepted, 2)
    assert all(sent[one["code"]]["status"] == 1 for one in portal.filed() if one["status"] == 404)
    generated = sandbox.status()["systems"][slug]["served"]
    assert len(sent) <= 6 + generated and not sandbox.ledger("sins"), "no dossier became a second one"
    assert all(sent[code]["version"] == 2 for code in accepted), "the portal's own dossier was updated"
    for code in accepted:
        steps = [step["status"] for step in sandbox.ledger("steps") if step["code"] == code]
        assert steps == ["1", "2"]
    assert standing(hub.engine, slug)["returned"] == len(accepted)

    sandbox.say("advance", "--days", "1")
    sync(hub)
    sent = sandbox.sent()
    assert {sent[code]["status"] for code in accepted} == {4}
    assert not sandbox.ledger("sins")


@vnpt
def test_the_six_calls_come_in_their_order_for_each_dossier(portal: Portal, hub: Hub, slug: str) -> None:
    portal.citizens_file(1)
    [filed] = portal.filed()
    push(hub)
    calls = [one["operation"] for one in portal.sandbox.ledger("calls", CONNECTION[slug])]
    made = [one for one in calls if one not in ("procedure", "token", "intake_token")]
    uploads = ["UploadFile"] * len(filed["files"])
    assert made == ["GetNextValue", *uploads, "NoiHoSo", "CapNhatTienTrinh", "CapNhatTrangThai"]


UNANSWERED = [
    *(("lao_cai", one) for one in ("GetNextValue", "UploadFile", "NoiHoSo", "CapNhatTienTrinh", "CapNhatTrangThai")),
    *(("quang_ngai", one) for one in ("TiepNhanHoSoTrucTuyen", "CapNhatTrangThaiHoSo")),
]


@pytest.mark.parametrize(("slug", "operation"), UNANSWERED)
def test_a_call_whose_answer_is_lost_is_looked_up_and_not_made_twice(
    portal: Portal, hub: Hub, slug: str, operation: str
) -> None:
    portal.citizens_file(4, unknown=0)
    portal.sandbox.fault(CONNECTION[slug], operation=operation, kind="reset", after=1, times=2)
    assert push(hub)["handed_over"] == 4
    if operation == "GetNextValue":  # a number whose answer is lost is a gap in the issuer's series, nothing else
        with_gaps = account(portal.sandbox, slug, "numbers")
        assert len(with_gaps) == 6 and len(account(portal.sandbox, slug, "taken")) == 4
        assert account(portal.sandbox, slug, "sins") == []
    else:
        assert_all_arrived_once(portal, slug)


@both
def test_a_push_that_is_killed_while_a_call_is_under_way_goes_on_behind_its_last_answer(
    portal: Portal, hub: Hub, slug: str, settings: Any, database: str
) -> None:
    sandbox = portal.sandbox
    portal.citizens_file(5, unknown=0)
    sandbox.fault(CONNECTION[slug], operation=TAKES[slug], kind="timeout_after", after=2, times=1, seconds=60)
    environment = {**os.environ, "LIENTHONG_HOME": str(settings.home), "LIENTHONG_DATABASE_URL": database}
    command = [str(Path(sys.executable).with_name("lienthong")), "inbound", "push", slug]
    child = subprocess.Popen(command, cwd=BASE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while len(account(sandbox, slug, "taken")) < 3 and time.monotonic() < end:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert len(account(sandbox, slug, "taken")) >= 3
    assert rows(hub, "SELECT 1 FROM inbound_step WHERE state = 'begun'"), "it was in the middle of a call"
    result = push(hub)
    assert result["waiting"] == result["held"] == 0
    assert_all_arrived_once(portal, slug)


class Killed(BaseException):
    """Stands for a kill at a place of the test's choice."""


@vnpt
def test_a_push_that_dies_behind_any_step_asks_for_no_second_number_and_sends_no_file_twice(
    portal: Portal, hub: Hub, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.citizens_file(1)
    finish = StepJournal.finish
    deaths = 0

    def finish_and_die(journal: StepJournal, *written: Any) -> None:
        finish(journal, *written)
        raise Killed

    while standing(hub.engine, slug)["handed_over"] == 0:
        monkeypatch.setattr(StepJournal, "finish", finish_and_die)
        try:
            push(hub)
        except Killed:
            deaths += 1
        assert deaths < 20
    assert deaths == len(rows(hub, "SELECT 1 FROM inbound_step")) >= 5
    assert_all_arrived_once(portal, slug)


@both
def test_what_the_province_refuses_is_held_with_its_words_and_goes_over_when_it_is_asked_again(
    portal: Portal, hub: Hub, slug: str
) -> None:
    portal.citizens_file(2, unknown=0)
    portal.sandbox.fault(CONNECTION[slug], operation=TAKES[slug], kind="refuse", times=1, text="Đơn vị bị khóa")
    assert push(hub) == {"handed_over": 1, "held": 1, "unknown": 0, "waiting": 0}
    [held] = rows(hub, "SELECT national_code, reason FROM inbound_dossier WHERE state = 'held'")
    assert "Đơn vị bị khóa" in held["reason"]
    assert push(hub)["handed_over"] == 0, "nothing is tried again by itself"
    assert push(hub, held=True)["handed_over"] == 1
    assert_all_arrived_once(portal, slug)


@both
def test_a_new_version_keeps_the_number_and_brings_what_is_new(portal: Portal, hub: Hub, slug: str) -> None:
    sandbox = portal.sandbox
    assert portal.desk.send(message(hub))["status"] == 200
    assert portal.desk.send(message(hub, TrichYeuHoSo="Đăng ký mới (sửa)"))["status"] == 200
    assert push(hub)["handed_over"] == 1, "the first was overtaken before anything of it was sent"
    other = paper(b"%PDF-1.4\nkhac\n%%EOF\n", TenTepDinhKem="Bổ sung.pdf")
    assert portal.desk.send(message(hub, TaiLieuNop=[paper(), other]))["status"] == 200
    assert push(hub)["handed_over"] == 1
    [taken] = account(sandbox, slug, "taken")
    assert taken["versions"] == 2 and len(taken["body"]["files"]) == 2
    assert len(account(sandbox, slug, "numbers")) == 1 and account(sandbox, slug, "sins") == []
    assert [one["name"] for one in account(sandbox, slug, "files")] == ["Tờ khai.pdf", "Bổ sung.pdf"]
    found = dossier(hub.engine, slug, "G22.99-20260630-7000001")
    assert [one["state"] for one in found["versions"]] == ["superseded", "handed_over", "handed_over"]


@both
def test_a_system_that_is_down_keeps_nothing_from_arriving_later(portal: Portal, hub: Hub, slug: str) -> None:
    portal.citizens_file(4, unknown=0)
    portal.sandbox.fault(CONNECTION[slug], operation="*", kind="down", after=3, times=100_000)
    with pytest.raises(StageFailed) as failed:
        push(hub)
    assert "dossiers wait" in failed.value.next_step
    assert len(account(portal.sandbox, slug, "taken")) < 4
    requests.delete(f"{portal.sandbox.address(CONNECTION[slug])}/_sandbox/faults", timeout=10)
    HOSTS.forget()  # as a new process would
    again = Hub(hub.province, hub.settings, hub.engine)
    again.sleep = lambda seconds: None
    push(again)
    assert_all_arrived_once(portal, slug)


@pytest.mark.parametrize("operation", ["UploadFile", "NoiHoSo", "CapNhatTrangThai"])
@vnpt
def test_a_token_that_ends_between_two_calls_costs_nothing(portal: Portal, hub: Hub, slug: str, operation: str) -> None:
    """One at a time: a second end while the first is being mended would be a login that is refused."""
    portal.citizens_file(3, unknown=0)
    portal.sandbox.fault(CONNECTION[slug], operation=operation, kind="expired", after=1)
    assert push(hub)["handed_over"] == 3
    assert portal.sandbox.get(CONNECTION[slug], "faults")["faults"] == [], "it did end"
    assert_all_arrived_once(portal, slug)


@vnpt
def test_files_that_are_no_longer_what_they_were_kept_as_never_leave(portal: Portal, hub: Hub, slug: str) -> None:
    portal.citizens_file(1)
    with hub.engine.begin() as connection:
        connection.execute(text("UPDATE inbound_file SET content = content || '\\x00'::bytea"))
    assert push(hub)["held"] == 1
    assert account(portal.sandbox, slug, "files") == []


@both
def test_a_file_of_nine_megabytes_goes_over_byte_for_byte(portal: Portal, hub: Hub, slug: str) -> None:
    large = PDF + Random(9).randbytes(9 * 1024**2)
    assert portal.desk.send(message(hub, TaiLieuNop=[paper(large), paper()]))["status"] == 200
    assert push(hub)["handed_over"] == 1
    arrived = {(one["size"], one["digest"]) for one in account(portal.sandbox, slug, "files")}
    assert arrived == {(len(one), hashlib.sha256(one).hexdigest()) for one in (large, PDF)}
