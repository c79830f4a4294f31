"""`lienthong mapping test` and `show`: over files of one's own folder, judged by exit code, screen and JSON."""

import json
from typing import Any

import pytest

from hub.cli import main, output

GOOD = """mapping: tiny
procedure:
  procedure_code: code
  name: title
examples:
  - kind: procedure
    in: {code: 1, title: Đăng ký}
    out: {name: Đăng ký}
  - kind: procedure
    name: nobody gave it a name
    in: {code: 1}
    findings: [missing_name]
"""
OVERLAY = """overlay: here
over: tiny
procedure:
  name: ten
examples:
  - kind: procedure
    in: {code: 1, ten: Cấp lại}
    out: {name: Cấp lại}
"""


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Runs a command over the folder: (exit code, what it wrote)."""
    folder.path.mkdir(exist_ok=True)
    monkeypatch.setenv("LIENTHONG_CONFIG", str(folder.path))
    monkeypatch.setenv("COLUMNS", "160")

    def say(*words: str) -> tuple[Any, Any]:
        with pytest.raises(SystemExit) as done:
            main(["mapping", *words])
        said = capsys.readouterr()
        return done.value.code, json.loads(said.out) if "--json" in words else said.out + said.err

    return say


def test_examples_of_all_folders_and_overlays_run(folder, run):
    folder.write("tiny.yaml", GOOD)
    folder.write("overlays/here.yaml", OVERLAY)

    code, answer = run("test", "--json")

    found = {(one["mapping"], one["overlay"], one["kind"]): one for one in answer["mappings"]}
    assert (code, answer["ok"]) == (0, True)
    assert (found["tiny", None, "procedure"]["examples"], found["tiny", None, "procedure"]["passed"]) == (2, 2)
    assert found["tiny", "here", "procedure"]["examples"] == 1, "the base's example is not the overlay's"
    assert found["vnpt_igate", None, "dossier"]["passed"] >= 3


def test_a_failing_example_shows_expected_beside_got_with_its_line(folder, run):
    folder.write("tiny.yaml", GOOD.replace("out: {name: Đăng ký}", "out: {name: Cấp lại}"))

    code, said = run("test", "tiny")

    assert code == 1
    assert "✗ mappings/tiny.yaml:6 · name" in said
    assert "expected  Cấp lại" in said and "got       Đăng ký" in said
    assert "1 of 2 examples hold" in said and "vnpt_igate" not in said


def test_findings_that_did_not_come_fail_an_example(folder, run):
    folder.write("tiny.yaml", GOOD.replace("[missing_name]", "[missing_nam]"))

    code, answer = run("test", "tiny", "--json")

    (failure,) = answer["mappings"][0]["failures"]
    assert code == 1
    assert failure == {
        "where": "mappings/tiny.yaml:9 (nobody gave it a name)",
        "field": "findings",
        "expected": ["missing_nam"],
        "got": ["missing_name"],
    }


def test_a_file_that_cannot_be_used_is_told_beside_the_others(folder, run):
    folder.write("tiny.yaml", GOOD)
    folder.write("broken.yaml", GOOD.replace("tiny", "broken").replace("  name: title", "  nmae: title"))
    folder.write("overlays/here.yaml", OVERLAY.replace("  name: ten", "  nam: ten"))
    folder.write("overlays/worse.yaml", "overlay: [\n")

    code, said = run("test")

    assert code == 1
    assert "mappings/broken.yaml:4: procedure.nmae: no canonical field" in said and "Did you mean `name`?" in said
    assert "mappings/overlays/here.yaml:4: procedure.nam:" in said
    assert "mappings/overlays/worse.yaml:2" in said and "not YAML" in said
    assert "3 cannot be used" in said


def test_a_wrong_code_list_is_told_by_the_mappings_that_use_it_and_the_others_run(folder, run):
    (folder.path / "codelists").mkdir()
    (folder.path / "codelists/vnpt_igate_status.yaml").write_text("list: vnpt_igate_status\nwhats: x\n", "utf-8")
    folder.write("tiny.yaml", GOOD)

    code, answer = run("test", "--json", "tiny", "vnpt_igate")

    found = {(one["mapping"], one["kind"]): one for one in answer["mappings"]}
    assert code == 1 and found["tiny", "procedure"]["passed"] == 2
    assert {fault["file"] for fault in found["vnpt_igate", "dossier"]["faults"]} == {
        "config/codelists/vnpt_igate_status.yaml"
    }
    assert run("show", "tiny")[0] == 0 and run("show", "vnpt_igate")[0] == 2


def test_what_is_about_a_person_is_masked(folder, run):
    folder.write(
        "tiny.yaml",
        "mapping: tiny\ndirection: out\nstep:\n  chuHoSo: {from: officer}\n  so: dossier_code\nexamples:\n"
        "  - kind: step\n    in: {officer: Lò Thị Mai, dossier_code: '014190001234'}\n"
        "    out: {chuHoSo: Trần Văn Bình, so: '1'}\n",
    )

    code, said = run("test", "tiny")

    assert code == 1
    assert "L. T. M." in said and "T. V. B." in said and "Lò Thị Mai" not in said and "014190001234" not in said


def test_a_name_that_no_file_has_is_a_usage_error_with_the_nearest_one(folder, run):
    folder.write("tiny.yaml", GOOD)

    code, said = run("test", "tinny")

    assert code == 2 and "Did you mean `tiny`?" in said


def test_show_names_each_rule_with_its_line_and_the_overlays_own(folder, run):
    folder.write("tiny.yaml", GOOD)
    folder.write("overlays/here.yaml", OVERLAY)

    code, answer = run("show", "tiny", "--overlay", "here", "--json")

    assert code == 0
    assert [(rule["field"], rule["path"], rule["rule"]) for rule in answer["rules"]["procedure"]] == [
        ("procedure_code", "code", "mappings/tiny.yaml:3"),
        ("name", "ten", "mappings/overlays/here.yaml:4"),
    ]
    assert "here.yaml:4" in run("show", "tiny", "--overlay", "here")[1]
    assert run("show", "tiny", "--kind", "dossier")[0] == 2


def test_show_goes_into_lists_in_lists(run):
    code, answer = run("show", "national_adapter", "--json")

    paths = {rule["field"]: rule["path"] for rule in answer["rules"]["dossier"]}
    assert code == 0
    assert paths["DanhSachHoSoBoSung.DanhSachGiayToBoSung.TenGiayTo"] == "supplements[].documents[].name"


def test_a_long_fault_breaks_between_words_and_keeps_its_path_whole(monkeypatch, capsys):
    monkeypatch.setattr(output.out, "width", 60)
    path = "config/" + "a-long-folder/" * 5 + "tiny.yaml:3:"

    output.say_long(f"✗ {path} {'the mandatory field has no rule. ' * 3}")

    lines = capsys.readouterr().out.splitlines()
    assert any(path in line for line in lines) and all(len(line) <= 60 for line in lines if path not in line)
