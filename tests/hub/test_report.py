"""The morning page: complete, readable, and without a person in it."""

import re
from pathlib import Path

import pytest

from hub.config import BASE
from hub.context import Hub
from hub.gate.suite import load_suite
from hub.report import render
from hub.sync import sync
from schemas.field_names import TEN
from schemas.reasons import REASONS, explain
from schemas.records import DOSSIER, STEP
from tests.conftest import Sandbox


def test_every_reason_that_rules_and_mappings_give_is_explained() -> None:
    given = {rule.reason for rule in load_suite((BASE,), "dossier").rules}
    for path in (BASE / "mappings").rglob("*.yaml"):
        given |= set(re.findall(r"^reason: ([a-z_]+)", path.read_text("utf-8"), re.M))
    for path in (BASE / "mappings").glob("*.py"):
        words = r"\"((?:bad|unmapped|impossible|step|waits|late)_(?!key)[a-z_]+)\""
        given |= set(re.findall(words, path.read_text("utf-8")))
    assert len(given) > 12
    assert {reason for reason in given if reason not in REASONS and not reason.startswith("missing_")} == set()
    assert "dossier code" in explain("missing_dossier_code").meaning
    assert explain("missing_dossier_code").nghia == "thiếu trường bắt buộc: mã hồ sơ"
    assert {one.name for one in (*DOSSIER, *STEP)} <= TEN.keys()


@pytest.mark.dossiers(500)
def test_the_page_says_what_is_held_and_whom_to_call_and_names_nobody(lao_cai: Hub, sandbox: Sandbox) -> None:
    result = sync(lao_cai)
    page = render(lao_cai.engine, lao_cai.settings, lao_cai.clock())
    assert Path(result["report"]).read_text("utf-8").startswith("<!doctype html>")
    for reason in result["held_by_reason"]:
        assert reason in page and explain(reason).nghia in page
    assert "Lào Cai" in page and "the province" in page
    assert f"{result['merged']:,}".replace(",", ".") in page
    names = {row["body"]["ChuHoSo"] for row in sandbox.sent().values()}
    numbers = {one["SoDinhDanh"] for row in sandbox.sent().values() for one in row["body"]["DinhDanhCHS"]}
    assert names and numbers
    assert [secret for secret in names | numbers if secret in page] == []
