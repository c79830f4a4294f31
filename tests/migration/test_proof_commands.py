"""What people and schedulers get from go and verify: an answer, a reason and an exit code."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hub.cli import main
from hub.config import BASE
from hub.migration.proof.proving import prove
from tests.migration.merged import Merged, merged, outgoing


@pytest.fixture
def both(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Merged:
    """A small cutover whose folders and database the command line finds."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.setenv("LIENTHONG_CONFIG", str(BASE / "examples" / "can_tho"))
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    return merged(engine, tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as ended:
        main(["migrate", *words, "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


def test_no_go_is_exit_code_1_with_every_gate_and_its_reason(both: Merged, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = said(capsys, "go", "can_tho", "--at", "2026-07-01T14:00")

    assert (code, answer["go"]) == (1, False)
    assert all(gate["why"] and gate["title"] for gate in answer["gates"])


def test_evidence_is_held_against_the_digest_that_the_hub_kept(
    both: Merged, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = prove(both.m, outgoing=outgoing)
    assert said(capsys, "verify", proof.folder) == (
        0,
        {"folder": proof.folder, "digest": proof.digest, "signed": proof.digest, "sound": True, "wrong": []},
    )

    manifest = Path(proof.folder, "MANIFEST.sha256")
    manifest.write_text("".join(manifest.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    code, answer = said(capsys, "verify", proof.folder)
    assert (code, answer["signed"]) == (1, proof.digest)
    assert len(answer["wrong"]) == 3  # the manifest is another, accounting.csv is not in it, and so was added

    assert said(capsys, "verify", str(both.m.settings.home))[0] == 2


def test_a_rehearsal_begins_only_with_a_plan_that_is_sound(both: Merged, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["migrate", "rehearse", "can_tho", "--at", "2026-06-20T14:00"])

    assert ended.value.code == 2 and "viettel_hau_giang" in capsys.readouterr().err
    assert both.run("SELECT kind FROM migration") == [{"kind": "cutover"}], "nothing was begun"
