"""No output shows a personal value, whatever canonical field a rule, a steward's own included, gives it under."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.cli import main
from hub.context import Hub
from hub.report import write_report
from schemas.personal_fields import MASKS, identifiers_in_words, masked, masked_finding
from tests.quality.conftest import NOW

NAME, NUMBER = "Hồ Gia Nam", "010242062242"
PERSON = {
    "applicant_name": NAME,
    "identifiers": [{"kind": "1", "number": NUMBER}],
    "tax_code": "5328605128",
    "phone": "91234567",
    "email": "nam.ho@example.vn",
    "address": "12 Lê Lợi",
    "applicant_account": "01024206224",
}
TEXTS = {field: f"Gia hạn tạm trú - {NAME}" for field in ("subject", "note")}
SECRETS = (NAME, NUMBER, "5328605128", "91234567", "nam.ho", "12 Lê Lợi", "01024206224")


def stored(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def test_every_personal_field_is_among_those_that_are_tried() -> None:
    assert PERSON.keys() == MASKS.keys()


def test_an_identity_number_reads_with_its_kind_in_words_also_when_its_list_was_cut() -> None:
    whole = json.dumps(PERSON["identifiers"])
    assert masked("identifiers", whole) == "CCCD *********242"
    assert identifiers_in_words(whole) == f"CCCD {NUMBER}"
    assert masked("identifiers", f'[{{"kind": "2", "number": "{NUMBER}"}}, {{"kind": "1", "number": "01024') == (
        "CMND *********242, CCCD **024"
    )
    assert masked("identifiers", NUMBER) == masked("identifiers.number", NUMBER) == "*********242"


def test_a_name_in_free_text_is_masked_by_its_record_and_by_its_look() -> None:
    found = {"field": "subject", "value": f"Đơn của Tráng A Páo và {NAME} (số 5328605128)", "detail": NAME}
    shown = masked_finding(found, {"applicant_name": "Tráng A Páo", "tax_code": "5328605128"})
    assert shown["value"] == "Đơn của T. A. P. và H. G. N. (số *******128)" and shown["detail"] == "H. G. N."
    assert masked("agency_name", "Sở Tài chính") == "Sở Tài chính"


def test_no_output_shows_a_persons_value(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = {**PERSON, **TEXTS}
    findings = [
        {"reason": "own_rule", "field": field, "value": stored(value), "detail": detail, "rule": "own.yaml:1"}
        for field, value in values.items()
        for detail in (stored(value), "check digit")
    ]
    record = json.dumps(values)
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO dossier (province, dossier_code, outgoing_code, source_key, procedure_code, status,"
                " content_hash, steps_hash, record, message_id, run_id) VALUES ('lao_cai', 'A', 'A', 'a', '1', 4, '',"
                " '', CAST(:record AS jsonb), 1, 1)"
            ),
            {"record": record},
        )
        for number, one in enumerate(findings):
            connection.execute(
                text(
                    "INSERT INTO warning (province, dossier_code, reason, field, value, rule, run_id, seen_run_id)"
                    " VALUES ('lao_cai', 'A', :reason, :field, :value, 'own.yaml:1', 1, 1)"
                ),
                {**one, "reason": f"own_{number}", "value": f"{one['value']} · {one['detail']}"},
            )
        item_id = connection.scalar(
            text(
                "INSERT INTO quarantine (province, kind, stage, dossier_code, source_key, reason, findings, mapped,"
                " content_hash, run_id, seen_run_id) VALUES ('lao_cai', 'dossier', 'check', 'A', 'b', 'own_rule',"
                " CAST(:findings AS jsonb), CAST(:record AS jsonb), 'x', 1, 1) RETURNING item_id"
            ),
            {"record": record, "findings": json.dumps(findings)},
        )
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", hub.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("LIENTHONG_HOME", str(hub.settings.home))
    csv = tmp_path / "held.csv"

    def say(*words: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        said = capsys.readouterr().out
        assert not ended.value.code, said
        return said

    shown: dict[str, str] = {}
    for words in (
        ("quality", "warnings", "--limit", "100"),
        ("quarantine", "list"),
        ("quarantine", "show", str(item_id)),
        ("quarantine", "export", "--to", str(csv)),
    ):
        shown[" ".join(words[:2])] = say(*words)
        shown[" ".join(words[:2]) + " --json"] = say(*words, "--json")
    held = json.loads(shown["quarantine show --json"])["findings"]
    shown["quarantine show --json"] = json.dumps(held, ensure_ascii=False)
    shown["quarantine show"] = shown["quarantine show"].partition("as received")[0]
    shown["file"] = csv.read_text("utf-8-sig")
    shown["report"] = write_report(hub.engine, hub.settings, NOW).read_text("utf-8")
    assert [(where, one) for where, said in shown.items() for one in SECRETS if one in said.replace("\n", "")] == []
    assert "CCCD *********242" in shown["file"] and "Gia hạn tạm trú - H. G. N." in shown["quality warnings"]
