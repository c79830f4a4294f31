"""`lienthong quality`: rules in words, warnings masked, outcomes, Data Docs read offline, a stop accepted once."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.cli import main
from hub.config import BASE
from hub.context import Hub
from hub.gate import docs
from hub.gate.docs import data_docs_page
from hub.gate.suite import load_suite, read_suite
from hub.report import write_report
from schemas.reasons import REASONS
from schemas.tables import holding_table
from schemas.wording import in_words, nghia
from tests.quality.conftest import NOW, at, clean, gated, staged

PHONE = "0161234567"


@pytest.fixture
def say(hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command on the hub's database: (exit code, what it says)."""
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", hub.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("LIENTHONG_HOME", str(hub.settings.home))

    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["quality", *words])
        return int(ended.value.code or 0), capsys.readouterr().out

    return run


def test_the_commands_show_what_the_gate_found_and_data_docs_hold_no_value(hub: Hub, say: Any) -> None:
    gated(hub, staged(hub, {"a": {**clean(1), "phone": PHONE}, "b": {**clean(2), "applicant_name": None}}))

    code, said = say("warnings", "lao_cai", "--json")
    (warning,) = json.loads(said)["warnings"]
    assert code == 0 and warning["reason"] == "bad_phone" and warning["dossier_code"] == clean(1)["dossier_code"]
    assert PHONE not in said and PHONE not in say("warnings")[1]
    outcomes = json.loads(say("outcomes", "lao_cai", "--json")[1])["outcomes"]
    assert {one["reason"]: one["failed"] for one in outcomes if one["failed"]} == {"missing_owner": 1, "bad_phone": 1}
    assert "bad_phone" in say("outcomes")[1]
    redriven = staged(hub, {"b": clean(2)})
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO run (run_id, kind, province, state, stage, until) OVERRIDING SYSTEM VALUE"
                " SELECT 900, 'redrive', province, state, stage, until FROM run WHERE run_id = :id"
            ),
            {"id": redriven.run_id},
        )
        connection.execute(
            text(
                "INSERT INTO rule_outcome (run_id, suite, number, province, rule, expect, level, reason, field,"
                " evaluated, failed) SELECT 900, suite, number, province, rule, expect, level, reason, field, 1, 0"
                " FROM rule_outcome"
            )
        )
    assert json.loads(say("outcomes", "lao_cai", "--json")[1])["outcomes"] == outcomes, "a redrive speaks for few rows"

    page = Path(json.loads(say("docs", "--json")[1])["page"])
    pages = list(page.parent.rglob("*.html"))
    assert page == hub.settings.home / "reports/quality/index.html" and len(pages) >= 3
    told = "".join(one.read_text("utf-8") for one in pages)
    assert "missing_owner (hold)" in told and "bad_phone (warn)" in told
    assert not re.search(r"""<(?:script|link|img)[^>]*(?:src|href)=["']https?:""", told), "not readable offline"
    assert not any(value in told for value in (PHONE, "Nguyễn Văn An", "015090001234", "0100233488"))
    for link in re.findall(r'href="([^"]+)"', page.read_text("utf-8")):
        assert (page.parent / link.replace("%20", " ")).is_file()

    report = write_report(hub.engine, hub.settings, NOW).read_text("utf-8")
    assert 'href="quality/index.html"' in report and "<code>bad_phone</code>" in report and PHONE not in report


def test_a_build_of_data_docs_leaves_the_site_standing_until_the_new_one_is_whole(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = data_docs_page(hub.settings.home)
    page.parent.mkdir(parents=True)
    page.write_text("the site so far")

    def build(fresh: Path, results: object) -> None:
        if not inner:
            inner.append(fresh)
            docs.build_docs(hub.engine, hub.settings.home)  # another build begins and ends meanwhile
            assert "the site so far" not in page.read_text("utf-8")
            raise OSError("no room")
        assert fresh not in inner and page.read_text("utf-8") == "the site so far"

    inner: list[Path] = []
    monkeypatch.setattr(docs, "_build", build)
    with pytest.raises(OSError, match="no room"):
        docs.build_docs(hub.engine, hub.settings.home)
    assert "Data Docs" in page.read_text("utf-8")
    assert {one.name for one in page.parent.parent.iterdir()} <= {"quality", ".quality.lock"}


def test_a_number_that_has_not_its_usual_form_is_masked_in_warnings(hub: Hub, say: Any) -> None:
    numbers = {"tax_code": "0314409051-002", "phone": "91234567"}
    gated(hub, staged(hub, {"a": {**clean(1), **numbers}}))
    code, said = say("warnings", "--json")
    assert code == 0 and len(json.loads(said)["warnings"]) == 2 and "check digit" in said
    told = json.loads(say("recheck", "lao_cai", "--json")[1])
    assert told == {"province": "lao_cai", "looked_at": 0, "ended": 0, "left": 2}, "no version of it was merged"
    assert not any(number in shown for number in numbers.values() for shown in (said, say("warnings")[1]))


def test_a_date_or_a_fee_says_what_it_was_compared_with(hub: Hub, say: Any) -> None:
    late = {**clean(1), "due_at": at("2026-07-20T17:00:00"), "fees": [{"amount": 50_000_000}]}
    run = staged(hub, {"a": late, "b": {**clean(2), "finished_at": at("2026-07-02T07:55:00")}})
    gated(hub, run)
    with hub.engine.connect() as connection:
        [held] = connection.scalars(text(f"SELECT findings FROM {holding_table(run.run_id).name}"))
    detail = held[0]["detail"]
    assert detail == "before receipt 2026-07-06T09:00:00+07:00"
    assert in_words(held[0]) == "finished_at = 02/07/2026 07:55 · before receipt 06/07/2026 09:00"
    assert nghia(detail) == "trước ngày tiếp nhận 06/07/2026 09:00"
    found = {one["reason"]: one for one in json.loads(say("warnings", "--json")[1])["warnings"]}
    assert found["due_beyond_limit"]["detail"] == "limit 2026-07-13"
    assert found["due_beyond_limit"]["value"].startswith("2026-07-20T")
    said = " ".join(say("warnings")[1].split())
    assert "due_at = 20/07/2026 17:00 · limit 13/07/2026" in said
    assert "fees = 50,000,000 đồng, published 50,000 đồng" in said
    assert "lệch 1.000 lần" in said and "Ask the province" in said


def test_rules_are_told_in_words_and_a_stop_is_accepted_by_name_and_only_a_stop(say: Any) -> None:
    code, said = say("rules", "--json")
    rules = json.loads(said)["rules"]
    assert code == 0 and all(rule["meaning"] and rule["nghia"] and rule["who"] for rule in rules)
    assert {rule["reason"] for rule in rules} - set(REASONS) <= {
        "missing_dossier_code", "missing_source_key", "missing_agency_name"
    }  # fmt: skip
    assert "due_beyond_limit" in say("rules")[1]
    words = ("--why", "the tax office moved", "--by", "Lan", "--json")
    assert say("accept", "lao_cai", "--rule", "unusual_volume", *words)[0] == 0
    forever = say("accept", "lao_cai", "--rule", "unusual_volume", "--from-now-on", *words)
    assert forever[0] == 0 and json.loads(forever[1])["forgotten"] == 0
    code, said = say("accept", "lao_cai", "--rule", "bad_phone", *words)
    assert code == 2 and "no rule that stops a run" in said


def test_the_examples_of_the_page_for_stewards_are_suites_that_extend_the_packages(tmp_path: Path) -> None:
    page = (BASE / "docs/quality.md").read_text("utf-8")
    found = re.findall(r"<!-- suite(?: json)? -->\n```(yaml|json)\n(.*?)```", page, re.DOTALL)
    assert [kind for kind, _ in found] == ["yaml", "json"]
    folder = tmp_path / "expectations"
    folder.mkdir()
    for kind, content in found:
        (folder / f"dossier.{kind}").write_text(content, "utf-8")
        assert read_suite(folder / f"dossier.{kind}")[1]
    suite = load_suite((tmp_path, BASE), "dossier")
    levels = {rule.reason: rule.level for rule in suite.rules}
    assert levels["bad_phone"] == "hold" and levels["long_note"] == levels["missing_tax_code"] == "warn"
    assert len(suite.rules) == len(load_suite((BASE,), "dossier").rules) + 2


def test_rules_that_share_a_reason_are_told_apart_within_80_columns(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = say("rules")[1]

    assert "received_at >= submitted_at" in said and "due_at >= received_at" in said and "waivable" in said
    assert max(map(len, said.splitlines())) <= 80
