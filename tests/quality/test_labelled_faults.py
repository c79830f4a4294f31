"""The right rule catches every fault that the sandbox plants, in each of the six systems, and no rule says more."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from benchmarks import labelled
from hub.config import BASE, Settings
from hub.sync import sync
from sandbox.dirt import DELIVERED, HELD, WARNED, WITHOUT
from sandbox.provinces import OF_EACH_SYSTEM, PROFILES
from tests.conftest import Sandbox
from tests.hub.vendors import Served, served

DOSSIERS = 500
"""So many hold every kind of fault that a system can have."""


@pytest.fixture
def province(slug: str, tmp_path: Path, engine: Engine, sandbox: Sandbox) -> Served:
    """One of the six over fresh peers; requests are signed with the machine's time, as peers compare it with theirs."""
    labelled.configure(tmp_path / "own" / "provinces")
    settings = Settings(tmp_path, (tmp_path / "own", BASE))
    return served(slug, settings, engine, sandbox, clock=lambda: datetime.now(UTC))


@pytest.mark.dossiers(DOSSIERS)
@pytest.mark.parametrize("slug", OF_EACH_SYSTEM)
def test_the_right_rule_catches_each_planted_fault_and_no_rule_anything_else(province: Served, slug: str) -> None:
    sync(province.hub)
    lines: dict[str, labelled.Line] = {}
    labelled.judge(province.hub.engine, slug, labelled.planted(province.sandbox.address(province.peer)), lines)
    labelled.show(Console(), lines)
    without = set(WITHOUT.get(PROFILES[slug].kind, ()))
    there = {label for label, line in lines.items() if line.planted}
    assert there == {*HELD, *DELIVERED, *WARNED} - without, "the sandbox plants too little for this test"
    assert {label: line.alarms for label, line in lines.items() if line.alarms} == {}
    assert {label: line.missed for label, line in lines.items() if line.missed} == {}
    assert labelled.score(lines.values()) == (1.0, 1.0)


HELD_ITEM = """
INSERT INTO quarantine (province, kind, stage, dossier_code, source_key, reason, findings, content_hash, run_id,
    seen_run_id) VALUES ('p', 'dossier', 'check', :code, :code, :reason, jsonb_build_array(jsonb_build_object(
    'reason', cast(:reason AS text), 'field', cast(:field AS text))), '', 0, 0)
"""


def test_the_judge_counts_what_is_missed_what_names_another_field_and_what_is_said_without_cause(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    held = (
        ("right", "bad_identity", "identifiers"),
        ("elsewhere", "bad_identity", "phone"),
        ("clean", "missing_owner", "applicant_name"),
    )
    with engine.begin() as connection:
        for code, reason, field in held:
            connection.execute(text(HELD_ITEM), {"code": code, "reason": reason, "field": field})
    lines: dict[str, labelled.Line] = {}
    planted = {"right": "bad_identity", "elsewhere": "bad_identity", "unseen": "bad_phone", "copied": "stale_copy"}
    labelled.judge(engine, "p", planted, lines)
    assert {label: (line.planted, line.caught, len(line.alarms)) for label, line in lines.items()} == {
        "bad_identity": (2, 1, 1),
        "bad_phone": (1, 0, 0),
        "stale_copy": (1, 0, 0),
        "missing_owner": (0, 0, 1),
    }
    assert labelled.score(lines.values()) == (1 / 3, 1 / 4)
    labelled.show(Console(), lines)
    assert "precision 33.3%, recall 25.0%" in capsys.readouterr().out
