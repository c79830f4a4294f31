"""Discover says what a peer sends, field by field, and shows nothing of a person."""

import json

import pytest

from connectors.survey.fields import MOST_VALUES, Profile
from tests.conftest import Sandbox
from tests.journey.conftest import Say, planted


@pytest.mark.dossiers(120)
def test_fields_are_counted_as_the_peer_gives_them_and_set_against_the_mapping(say: Say, sandbox: Sandbox) -> None:
    code, text, _ = say("discover", "quang_ngai", "--records", "80", "--json")
    streams = json.loads(text)["streams"]
    dossiers = streams["dossiers"]
    fields = {one["path"]: one for one in dossiers["fields"]}
    assert code == 0 and dossiers["records"] == 80
    assert (fields["maHoSo"]["filled"], fields["maHoSo"]["feeds"]) == (80, ["(the spec)", "dossier_code"])
    assert fields["ngayCapNhat"]["types"] == {"time dd/MM/yyyy HH:mm:ss": 80}
    assert fields["loaiDoiTuong"]["distinct"] < 5 < fields["trangThai"]["distinct"]
    assert "mucDo" in streams["procedures"]["there_but_unread"]
    assert dossiers["there_but_unread"] == ["maLinhVuc", "tenLinhVuc", "maHuyen"]
    wsdl = json.loads(text)["wsdl"]
    assert wsdl["served"] and wsdl["operations"]["LayChiTietHoSo"]["used_by"] == "dossier"
    assert "chuHoSo?: string" in wsdl["types"]["HoSo"]


@pytest.mark.dossiers(60)
def test_a_field_that_the_peer_no_longer_sends_is_named(say: Say, sandbox: Sandbox) -> None:
    own = sandbox.home / "config"
    (own / "mappings" / "overlays").mkdir(parents=True)
    (own / "mappings" / "overlays" / "local.yaml").write_text(
        "overlay: local\nover: vnpt_igate\ndossier:\n  phone: applicant.data.soDiDong\n", "utf-8"
    )
    (own / "provinces").mkdir()
    (own / "provinces" / "lao_cai.yaml").write_text(
        'province: {code: "15", name: Lào Cai, agency: H38}\nsystem: vnpt_igate\noverlay: local\n'
        "connection: vnpt_lao_cai\nnational: {unit: H38}\n",
        "utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIENTHONG_CONFIG", str(own))
        _, text, _ = say("discover", "lao_cai", "--stream", "dossiers", "--json")
        dossiers = json.loads(text)["streams"]["dossiers"]
        assert "applicant.data.soDiDong" in dossiers["read_but_missing"]
        assert "applicant.data.phoneNumber" in dossiers["there_but_unread"]
        assert "applicant.data.soDiDong → phone" in say("discover", "lao_cai")[1]


@pytest.mark.dossiers(100)
@pytest.mark.parametrize("slug", ["lao_cai", "quang_ngai"])
def test_no_value_of_a_person_is_shown(say: Say, sandbox: Sandbox, slug: str) -> None:
    screens = "".join(say("discover", slug, "--records", "1000", *words)[1] for words in ([], ["--json"]))
    values = planted(sandbox, slug)
    assert len(values) > 400 and len(screens) > 10_000
    assert [value for value in values if value in screens] == []


def test_memory_does_not_grow_with_the_sample() -> None:
    profile = Profile("x")
    for number in range(3 * MOST_VALUES):
        profile.add({"ma": f"HS-{number}", "x": "y" * 10_000})
    assert len(profile.fields["ma"].values) == MOST_VALUES and profile.fields["ma"].distinct == f"{MOST_VALUES}+"
    assert max(map(len, profile.fields["x"].values)) < 100
    assert profile.fields["ma"].records == 3 * MOST_VALUES


def test_a_stream_that_is_not_there_is_a_mistake_with_a_next_step(say: Say) -> None:
    code, _, error = say("discover", "lao_cai", "--stream", "hoso")
    assert code == 2 and "dossiers" in error


def test_a_record_nested_deeper_than_any_document_is_shown_down_to_a_depth() -> None:
    """JSON of a peer may nest a thousand times; what looks at every field must not end with it."""
    record: dict[str, object] = {"ma": 1}
    for _ in range(900):
        record = {"a": record}
    profile = Profile("dossiers")
    profile.add({"ma": "H20", "x": record, "y": [[[1]]]})
    assert [seen.path.count(".") <= 50 for seen in profile.shown()] == [True] * 3
    assert profile.fields["y[][][]"].examples() == ["1"]
