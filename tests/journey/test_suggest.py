"""Suggest: a mutilated mapping is found out and mended by uncommenting lines; nothing counts before."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.survey.fields import Profile
from hub.config import BASE, Place, Settings, load_province
from hub.context import Hub
from hub.preview import preview
from hub.suggest import Suggestions, lists, overlay_path, places, procedures, suggest, write
from mappings import CodeLists, Mapped, MappingError, load_mapping
from tests.conftest import Sandbox
from tests.journey.conftest import Say, planted

LOST_RULES = ("received_at", "applicant_name", "identifiers", "agency_name", "due_at", "channel")
LOST_STATUSES = ("Đã có kết quả", "Đang xử lý")
NOW = datetime(2026, 6, 30, 11, tzinfo=UTC)
LAO_CAI = Place(code="15", name="Lào Cai", agency="H38")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A configuration of one's own: Lào Cai, six rules and two status words poorer than the package's."""
    folder = tmp_path / "config"
    for part in ("provinces", "mappings/codelists"):
        (folder / part).mkdir(parents=True)
    province = (BASE / "provinces/lao_cai.yaml").read_text("utf-8")
    (folder / "provinces/lao_cai.yaml").write_text(province + "overlay: lao_cai\n", "utf-8")
    mapping = (BASE / "mappings/vnpt_igate.yaml").read_text("utf-8").partition("\nexamples:")[0]
    for name in LOST_RULES:
        mapping = re.sub(rf"^  {name}:.*\n(    .*\n)*", "", mapping, flags=re.M)
    (folder / "mappings/vnpt_igate.yaml").write_text(mapping, "utf-8")
    codes = (BASE / "mappings/codelists/vnpt_igate_status.yaml").read_text("utf-8")
    for word in LOST_STATUSES:
        codes = re.sub(rf"^  - .*(task|name): {word},.*\n", "", codes, flags=re.M)
    (folder / "mappings/codelists/vnpt_igate_status.yaml").write_text(codes, "utf-8")
    return folder


@pytest.fixture
def poor(own: Path, sandbox: Sandbox, lao_cai: Hub) -> Hub:
    return fresh(lao_cai, own)


def fresh(hub: Hub, own: Path) -> Hub:
    """The hub as a new process would open it over this configuration."""
    settings = Settings(hub.settings.home, (own, BASE))
    return Hub(load_province(settings, "lao_cai"), settings, hub.engine, transport=hub.transport)


def uncomment(path: Path, wanted: dict[str, str]) -> None:
    """Take the `# ` away from each line that begins like this, the first time it comes; each must be there."""
    lines, missing = path.read_text("utf-8").splitlines(), dict(wanted)
    for place, line in enumerate(lines):
        body = line.strip().removeprefix("# ")
        key = next((key for key, begin in missing.items() if line.strip() != body and body.startswith(begin)), None)
        if key is not None:
            lines[place] = line.replace("# ", "", 1)
            del missing[key]
    assert not missing, missing
    path.write_text("\n".join(lines) + "\n", "utf-8")


def percent(found: Suggestions) -> dict[str, float]:
    return {one.part: one.percent or 0.0 for one in found.coverage}


@pytest.mark.dossiers(300)
def test_uncommenting_what_is_right_raises_the_coverage_and_fewer_are_held(poor: Hub, own: Path) -> None:
    with pytest.raises(MappingError, match="there is no overlay `lao_cai`"):
        preview(poor, 20)
    before = suggest(poor, 200)
    assert percent(before)["fields"] == 0 and percent(before)["statuses"] < 50
    path = overlay_path(poor.settings, before.overlay)
    assert path is not None and write(path, before, NOW).state == "written"
    assert percent(suggest(fresh(poor, own), 200)) == percent(before), "comments count for nothing"
    uncomment(path, {name: f"{name}: " for name in LOST_RULES if name != "channel"})
    uncomment(path, {"channel": "channel: {from: applyMethod.name, table: {"})
    rules = fresh(poor, own)
    held = preview(rules, 200).counts()["held"]
    assert percent(suggest(rules, 200))["fields"] > 95 and held > 20
    uncomment(path, {"ready": "- {id: 6, name: Đã có kết quả, is: 9}", "at work": "- {id: 2, name: Đang xử lý, is: 4}"})
    mended = fresh(poor, own)
    assert percent(suggest(mended, 200))["statuses"] > percent(before)["statuses"] + 20
    assert preview(mended, 200).counts()["held"] < held


def test_what_a_person_edited_stays_and_only_what_is_new_is_written_beside(poor: Hub, own: Path) -> None:
    found = suggest(poor, 100)
    path = overlay_path(poor.settings, found.overlay)
    assert path is not None
    write(path, found, NOW)
    assert write(path, found, NOW).state == "nothing new"
    edited = path.read_text("utf-8").replace("is: 9}", "is: 10}").replace("  # received_at", "  received_at", 1)
    path.write_text(edited, "utf-8")
    written = write(path, found, NOW)
    assert (written.state, written.new) == ("beside", sum("is: 9}" in one.line for one in found.proposals))
    assert path.read_text("utf-8") == edited
    assert written.path is not None and written.path.name == "lao_cai.suggested.yaml"
    assert "received_at" not in written.path.read_text("utf-8")
    folders = [own / "mappings"]
    load_mapping("vnpt_igate", folders=folders, overlay="lao_cai.suggested", whole=False)


def test_a_suggestion_shows_nothing_of_a_person(
    poor: Hub, own: Path, sandbox: Sandbox, screen: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_CONFIG", str(own))
    code, text, _ = screen("suggest", "lao_cai", "-n", "150", "--json")
    answer = json.loads(text)
    written = Path(answer["file"]["path"]).read_text("utf-8")
    assert code == 0 and answer["proposals"] and "applicant_name" in written
    assert {value for value in planted(sandbox, "lao_cai") if value in text or value in written} == set()
    _, shown, _ = screen("suggest", "lao_cai", "-n", "150")
    assert "every mandatory field is filled" in shown and "was not touched" in shown


def test_without_a_folder_of_ones_own_nothing_is_written(
    lao_cai: Hub, sandbox: Sandbox, screen: Say, tmp_path: Path
) -> None:
    code, shown, _ = screen("suggest", "lao_cai", "-n", "50")
    assert code == 0 and not list((BASE / "mappings/overlays").glob("lao_cai*"))
    code, shown, _ = screen("suggest", "lao_cai", "-n", "50", "--out", "-")
    assert code == 0 and shown.startswith("# Proposals of") and "over: vnpt_igate" in shown


def sampled(records: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Mapped]]:
    mapping = load_mapping("vnpt_igate")
    return [(record, mapping.map(record)) for record in records]


def dossier(
    procedure: str = "1.001612", title: str = "", agency: str = "H38.12", commune: str = "02788"
) -> dict[str, Any]:
    return {
        "code": "H38.12-260612-00042",
        "procedure": {"code": procedure, "translate": [{"languageId": 228, "name": title}]},
        "agency": {"code": agency, "name": [{"languageId": 228, "name": "Sở Tư pháp"}]},
        "applicant": {"data": {"village": {"value": commune}}},
        "acceptedDate": "2026-06-12T03:00:00.000+0000",
    }


NATIONAL = {"1.001612": "Đăng ký thành lập hộ kinh doanh", "2.000815": "Chứng thực bản sao từ bản chính giấy tờ"}


@pytest.mark.parametrize(
    ("code", "name", "line", "least"),
    [
        ("1001612", "", "- {code: 1001612, is: 1.001612}", 95),
        ("DICHVU-7", "ĐĂNG KÝ  THÀNH LẬP HỘ KINH DOANH", "- {code: DICHVU-7, is: 1.001612}", 100),
        ("DICHVU-8", "Chứng thực bản sao từ bản chính", "- {code: DICHVU-8, is: 2.000815}", 85),
        ("DICHVU-9", "Cấp giấy phép lái xe", "- {code: DICHVU-9, is: ?}", 0),
    ],
)
def test_a_procedure_is_proposed_by_its_base_then_by_its_name_and_never_below_the_threshold(
    code: str, name: str, line: str, least: int
) -> None:
    records, profile = [dossier(code, name)], Profile("dossiers")
    profile.add(records[0])
    found = procedures.proposals(load_mapping("vnpt_igate"), sampled(records), profile, NATIONAL, {})
    assert [one.line for one in found if one.place == "local_procedures"] == [line]
    assert found[-1].score >= least and (found[-1].score > 0) == (least > 0)
    assert found[0].line == "procedure_code: {from: procedure.code, as: procedure_base, list: local_procedures}"


def test_a_code_that_is_national_is_no_proposal() -> None:
    profile = Profile("dossiers")
    assert procedures.proposals(load_mapping("vnpt_igate"), sampled([dossier()]), profile, NATIONAL, {}) == []


@pytest.mark.parametrize("code", ["H38.12", "H38", "000.00.12.H38"])
def test_both_forms_of_an_agency_code_are_known(code: str) -> None:
    assert places.agency_known({"agency_code": code}, LAO_CAI) is True
    assert places.agency_known({"agency_code": code.replace("H38", "H48")}, LAO_CAI) is False


def test_an_agency_is_proposed_by_its_name_in_other_dossiers_or_by_the_form_in_its_code() -> None:
    mapping = load_mapping("vnpt_igate")
    by_name = places.agency_proposals(mapping, sampled([dossier(), dossier(agency="STP")]), LAO_CAI)
    assert by_name[-1].line == "- {code: STP, is: H38.12}"
    by_form = places.agency_proposals(mapping, sampled([dossier(agency="h38-12")]), LAO_CAI)
    assert by_form[-1].line == "- {code: h38-12, is: H38.12}"
    assert (
        by_form[0].line
        == 'agency_code: {from: [agency.code, "agency.name[languageId=228].name"], as: text, list: local_agencies}'
    )


@pytest.mark.parametrize(
    ("commune", "line"),
    [
        ("2788", "- {code: 2788, is: 02788}"),
        ("Phường Sa Pa", "- {code: Phường Sa Pa, is: "),
        ("99999", "- {code: 99999, is: ?}"),
    ],
)
def test_a_commune_is_proposed_by_its_lost_zeros_or_its_name_under_the_province(commune: str, line: str) -> None:
    records = sampled([dossier(), dossier(commune=commune)])
    assert [places.commune_known(mapped.record, LAO_CAI, date(2026, 7, 1)) for _, mapped in records] == [True, False]
    found = places.unit_proposals(load_mapping("vnpt_igate"), records, LAO_CAI, date(2026, 7, 1))
    assert found[-1].line.startswith(line) and found[0].line.startswith(
        "commune: {from: applicant.data.village.value, as: text"
    )


def test_a_list_is_proposed_with_the_fields_of_its_entries(tmp_path: Path) -> None:
    """The steps of a system nobody has mapped yet, by the names and the look of what stands in the list."""
    step = {
        "thoiDiem": "12/06/2026 08:00:00",
        "trangThai": "3",
        "tenTrangThai": "Đang thụ lý",
        "nguoiXuLy": "Lò Văn Mai",
    }
    record = {
        "maHoSo": "H38.12-260612-00042",
        "tienTrinh": [step],
        "giayTo": [{"tenTep": "don.pdf", "url": "https://x.vn/1"}],
    }
    (tmp_path / "young.yaml").write_text("mapping: young\ndossier:\n  dossier_code: maHoSo\n", "utf-8")
    profile = Profile("dossiers")
    profile.add(record)
    young = load_mapping("young", folders=[tmp_path], whole=False)
    lines = {
        one.line.partition(":")[0]: one.line for one in lists.proposals(young, [record], profile, CodeLists.load())
    }
    assert set(lines) == {"steps", "documents"}
    assert 'at: {from: thoiDiem, format: "dd/MM/yyyy HH:mm:ss"}' in lines["steps"]
    text = "".join(f"  {line}\n" for line in lines.values())
    (tmp_path / "young.yaml").write_text(f"mapping: young\ndossier:\n  dossier_code: maHoSo\n{text}", "utf-8")
    mapped = load_mapping("young", folders=[tmp_path], whole=False).map(record).record
    assert [(one["status"], one["officer"]) for one in mapped["steps"]] == [(4, "Lò Văn Mai")]
    assert mapped["documents"][0]["url"] == "https://x.vn/1"


def test_local_lines_and_their_rule_are_valid_once_uncommented(tmp_path: Path) -> None:
    """What the proposals say is what the mapping language reads: the national code comes out."""
    records, profile = (
        [dossier("DICHVU-7", "Đăng ký thành lập hộ kinh doanh", "STP", "2788"), dossier()],
        Profile("dossiers"),
    )
    for record in records:
        profile.add(record)
    mapping, lines = load_mapping("vnpt_igate"), sampled(records)
    found = [
        *procedures.proposals(mapping, lines, profile, NATIONAL, {}),
        *places.agency_proposals(mapping, lines, LAO_CAI),
        *places.unit_proposals(mapping, lines, LAO_CAI, date(2026, 7, 1)),
    ]
    path = tmp_path / "overlays" / "own.yaml"
    write(path, replace_with(found), NOW)
    uncomment(path, {one.line: one.line for one in found})
    mapped = load_mapping("vnpt_igate", folders=[tmp_path], overlay="own", lists=CodeLists.load()).map(records[0])
    assert (mapped.record["procedure_code"], mapped.record["agency_code"], mapped.record["commune"]) == (
        "1.001612",
        "H38.12",
        "02788",
    )


def replace_with(found: list[Any]) -> Suggestions:
    empty = Suggestions("lao_cai", "vnpt_igate", "own", 2, [], [], [])
    return replace(empty, proposals=found)


@pytest.fixture(autouse=True)
def _no_leftovers() -> Iterator[None]:
    yield
    assert not list((BASE / "mappings/overlays").glob("*.suggested.yaml"))
