"""From raw message to quarantine to redrive to the national ledger: a mapping error, an unknown code, a failed rule."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.config import BASE, Settings
from hub.context import Hub
from hub.quarantine import held_items, item, raw_of
from hub.redrive import redrive
from hub.sync import sync
from hub.worklist.chosen import Chosen
from tests.conftest import Sandbox

pytestmark = pytest.mark.dossiers(100)

POSTAL, REFUSED, LONG = ("channel", "2"), ("status", "16 / Từ chối tiếp nhận"), 107
RULE = (
    "  - {{expect: expect_column_values_to_be_between, column: subject_length, max_value: {most}, reason: too_wordy,"
    " field: subject}}\n"
)


def broken(own: Path) -> dict[str, Path]:
    """A folder of one's own with three mistakes: postal filing unmapped, a status unknown, a rule too strict."""
    found = {}
    for name, base, text, instead in (
        ("mapping", "mappings/vnpt_igate.yaml", "{0: 2, 1: 1, 2: 3}", "{0: 2, 1: 1}"),
        ("code", "mappings/codelists/vnpt_igate_status.yaml", "  - {id: 16, name: Từ chối tiếp nhận, is: 3}\n", ""),
        ("rule", "schemas/expectations/dossier.yaml", "expectations:\n", f"expectations:\n{RULE.format(most=LONG)}"),
    ):
        path = own / base.removeprefix("schemas/")
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = (BASE / base).read_text("utf-8")
        assert sound.count(text) == 1
        path.write_text(sound.replace(text, instead), "utf-8")
        found[name] = path
    return found


def anew(hub: Hub) -> Hub:
    """The hub as a new process has it: it reads what was mended."""
    return replace(hub, _parts={})


def test_a_mapping_error_an_unknown_code_and_a_failed_rule_are_followed_from_the_message_to_the_national_ledger(
    lao_cai: Hub, sandbox: Sandbox, tmp_path: Path
) -> None:
    files = broken(tmp_path / "own")
    hub = replace(lao_cai, settings=Settings(lao_cai.settings.home, (tmp_path / "own", BASE)), _parts={})
    sync(hub)

    def code_of(one: dict[str, Any]) -> str:
        """The code under which the national side would have it."""
        return str(item(hub.engine, one["item_id"])["mapped"]["national_code"] or one["dossier_code"])

    waits: dict[str, set[str]] = {"mapping": set(), "code": set(), "rule": set()}
    numbers = {}
    for one in held_items(hub.engine, "lao_cai"):
        finding = one["findings"][0]
        kind = {"channel": "mapping", "status": "code", "subject": "rule"}[finding["field"]]
        numbers[code_of(one)] = one["item_id"]
        waits[kind].add(code_of(one))
        raw = raw_of(hub, one["message_id"], one["position"]).decode()
        assert one["dossier_code"] in raw, "the raw record is not the one that is held"
        assert f"{files['rule'] if kind == 'rule' else 'mappings/vnpt_igate.yaml'}:" in finding["rule"]
        if kind == "mapping":
            assert finding["value"] == POSTAL[1]
        elif kind == "code":
            assert finding["value"].startswith(REFUSED[1]) and "Từ chối tiếp nhận" in raw
        else:
            assert len(finding["value"]) > LONG and finding["value"] in raw
    assert all(waits.values()) and not set().union(*waits.values()) & sandbox.sent().keys()
    before = set(sandbox.sent())

    mended = {"code": Chosen(reason="unmapped_status"), "mapping": Chosen(rule="vnpt_igate.yaml")}
    for kind, chosen in mended.items():
        files[kind].unlink()
        assert redrive(anew(hub), chosen)["redriven"] == len(waits[kind])
        still = {code_of(one): one for one in held_items(hub.engine, "lao_cai")}
        for code in waits[kind] & still.keys():  # it was behind a second mistake
            assert (still[code]["item_id"], still[code]["reason"]) == (numbers[code], "too_wordy")
        arrived = set(sandbox.sent()) - before
        assert arrived == waits[kind] - still.keys() and arrived, "others went out than those that waited for it"
        before |= arrived

    files["rule"].unlink()
    last = {code_of(one) for one in held_items(hub.engine, "lao_cai")}
    assert redrive(anew(hub), Chosen(reason="too_wordy"))["freed"] == len(last) >= len(waits["rule"])
    assert held_items(hub.engine, "lao_cai") == [] and set(sandbox.sent()) == before | last
    sent = sandbox.sent()
    assert {sent[code]["body"]["KenhThucHien"] for code in waits["mapping"]} == {"3"}
    assert {sent[code]["body"]["TrangThaiHoSo"] for code in waits["code"]} == {"3"}
    assert sandbox.ledger("sins") == [] and sandbox.national()["order_violations"] == 0
