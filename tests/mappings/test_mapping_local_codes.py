"""What is local to a province: its own codes before the general reading, and an overlay whose lines are comments."""

from pathlib import Path

import pytest

from mappings import MappingError, load_mapping

RULE = "{from: [procedure.code, procedure.name], as: procedure_base, list: local_procedures}"
RECORD = {"code": "H38.12-260612-00042", "procedure": {"code": "DICHVU-7", "name": "Đăng ký"}}


def overlay(folder: Path, text: str) -> Path:
    (folder / "overlays").mkdir(exist_ok=True)
    (folder / "overlays" / "own.yaml").write_text(f"overlay: own\nover: vnpt_igate\n{text}", "utf-8")
    return folder


@pytest.mark.parametrize("entry", ["{code: dichvu-7, is: 1.001612}", "{name: đăng ký, is: 1.001612}"])
def test_a_local_procedure_code_or_name_becomes_the_national_code(tmp_path: Path, entry: str) -> None:
    text = f"dossier:\n  procedure_code: {RULE}\nlists:\n  local_procedures:\n    - {entry}\n"
    mapping = load_mapping("vnpt_igate", folders=[overlay(tmp_path, text)], overlay="own")
    assert mapping.map(RECORD).record["procedure_code"] == "1.001612"


def test_a_code_that_the_local_list_does_not_know_is_read_as_ever(tmp_path: Path) -> None:
    mapping = load_mapping(
        "vnpt_igate", folders=[overlay(tmp_path, f"dossier:\n  procedure_code: {RULE}\n")], overlay="own"
    )
    known = mapping.map(RECORD | {"procedure": {"code": "1.001612.000.00.00.H38"}})
    assert known.record["procedure_code"] == "1.001612"
    unknown = [one for one in mapping.map(RECORD).findings if one.field == "procedure_code"]
    assert [(one.reason, one.value) for one in unknown] == [("unmapped_procedure", "DICHVU-7 / Đăng ký")]


def test_another_reading_beside_a_list_is_refused_with_the_words_that_would_do(tmp_path: Path) -> None:
    rule = "{from: procedure.code, as: dossier_code, list: local_procedures}"
    with pytest.raises(MappingError, match=r"as: dossier_code.*procedure_base or text"):
        load_mapping("vnpt_igate", folders=[overlay(tmp_path, f"dossier:\n  procedure_code: {rule}\n")], overlay="own")


def test_an_overlay_of_which_every_line_is_a_comment_changes_nothing(tmp_path: Path) -> None:
    text = "dossier:\n#  note: x\nlists:\n  vnpt_igate_status:\n#   - {task: x, is: 4}\n"
    mapping = load_mapping("vnpt_igate", folders=[overlay(tmp_path, text)], overlay="own")
    assert mapping.map(RECORD) == load_mapping("vnpt_igate").map(RECORD)
    load_mapping("vnpt_igate", folders=[overlay(tmp_path, "lists:\n#  x:\n")], overlay="own")


def test_a_mapping_that_is_being_written_may_lack_mandatory_fields_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "young.yaml").write_text("mapping: young\ndossier:\n  dossier_code: code\n", "utf-8")
    with pytest.raises(MappingError, match="mandatory field `received_at`"):
        load_mapping("young", folders=[tmp_path])
    mapped = load_mapping("young", folders=[tmp_path], whole=False).map({"code": "H38.12-260612-00042"})
    assert mapped.record["dossier_code"] == "H38.12-260612-00042" and mapped.record["received_at"] is None
