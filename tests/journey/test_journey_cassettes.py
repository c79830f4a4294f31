"""A cassette replays a real exchange, and nothing of a person and no secret is in its files."""

import base64
import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import (
    BadAnswer,
    ConfigError,
    Connector,
    Hosts,
    Peer,
    PeerDown,
    Spec,
    Window,
    WireRequest,
    WireResponse,
    load_spec,
)
from connectors.cassettes import Recording, read_cassette
from connectors.cassettes.record import record
from hub.config import BASE, Settings, load_province
from hub.context import spec_path
from mappings import load_mapping
from sandbox.people import FAMILY, GIVEN, MIDDLE, STREETS
from tests.conftest import Sandbox
from tests.connectors.conftest import SPECS
from tests.journey.conftest import Say, connect, planted
from tests.journey.test_journey_conform import SHIPPED

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def forms(value: str) -> Iterator[str]:
    """The ways in which a value may stand in a file; not the program's own list of them."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value)[1:-1].upper().replace("\\U", "\\u")
    yield json.dumps(json.dumps(value))[2:-2]
    yield quote(value)
    yield quote(value, safe="")
    yield quote(value, safe="").lower()
    yield quote_plus(value)
    yield html.escape(value)
    yield value.encode("ascii", "xmlcharrefreplace").decode()
    raw = value.encode()
    for shift in range(3):
        coded = base64.b64encode(b"x" * shift + raw).decode()
        yield coded[4 if shift else 0 : len(coded) // 4 * 4 - 4]


def found_in(text: str, values: set[str]) -> list[str]:
    return [value for value in values if len(value) > 5 for form in forms(value) if len(form) > 5 and form in text]


@pytest.mark.dossiers(100)
@pytest.mark.parametrize("slug", SHIPPED)
def test_a_recording_replays_the_same_dossiers_and_holds_nothing_of_a_person(sandbox: Sandbox, slug: str) -> None:
    configured = Settings(sandbox.home, (BASE,))
    province = load_province(configured, slug)
    connector = connect(sandbox, province.connection, province.system)
    folder = sandbox.home / "cassettes" / slug
    kept = record(connector, folder, list(connector.spec.streams), records=30, until=NOW, random=Random(1))
    spec = load_spec(spec_path(configured, province.system))
    said = kept.streams["dossiers"]
    assert said["records"] >= 30

    cassette = read_cassette(folder, spec)
    window = Window(said["since"] and datetime.fromisoformat(said["since"]), datetime.fromisoformat(said["until"]))
    replayed = list(pulled(cassette.connector(spec), window, said))
    real = list(pulled(connector, window, said))
    assert [connector.key_of("dossiers", one) for one in replayed] == [
        connector.key_of("dossiers", one) for one in real
    ]
    mapping = load_mapping(province.mapping_name)
    for ours, theirs in zip(replayed, real, strict=True):
        shown, true = mapping.map(ours).record, mapping.map(theirs).record
        for name in ("dossier_code", "procedure_code", "status", "received_at", "due_at", "agency_code", "channel"):
            assert shown.get(name) == true.get(name), name
        assert shown["applicant_name"] != true["applicant_name"] or not true["applicant_name"]
    names = {mapping.map(one).record["applicant_name"] for one in real}
    assert len({mapping.map(one).record["applicant_name"] for one in replayed}) == len(names)

    text = "\n".join(path.read_text("utf-8") for path in kept.files)
    assert found_in(text, planted(sandbox, slug)) == []
    account = connector.peer
    token = connector.exchange.token()
    assert found_in(text, {str(one) for one in (account.password, token, *account.extra.values()) if one}) == []
    assert account.url not in text


def pulled(connector: Any, window: Window, said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    count = 0
    for page in connector.pull("dossiers", window, rows=said["rows"]):
        yield from page.records()
        count += len(page)
        if count >= said["records"]:
            return


@pytest.mark.dossiers(60)
def test_the_command_writes_into_ones_own_folder_and_replaces_what_is_there(
    say: Say, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, error = say("record", "lao_cai")
    assert code == 2 and "LIENTHONG_CONFIG" in error
    own = sandbox.home / "own"
    (own / "provinces").mkdir(parents=True)
    (own / "provinces" / "lao_cai.yaml").write_bytes((BASE / "provinces" / "lao_cai.yaml").read_bytes())
    monkeypatch.setenv("LIENTHONG_CONFIG", str(own))
    code, text, _ = say("record", "lao_cai", "--records", "9", "--json")
    answer = json.loads(text)
    folder = own / "cassettes" / "lao_cai"
    assert code == 0 and answer["folder"] == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(answer["files"])
    (folder / "009-left-over.http").write_text("old", "utf-8")
    assert "exchanges" in say("record", "lao_cai", "--records", "3")[1]
    assert not (folder / "009-left-over.http").exists()
    sandbox.say("stop", "lao_cai")
    before = sorted(path.name for path in folder.iterdir())
    assert say("record", "lao_cai")[0] == 3
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_request_that_was_not_recorded_is_named_beside_those_that_were(tmp_path: Path) -> None:
    spec = load_spec(SPECS / "vnpt_igate.yaml")
    folder = keep(tmp_path, spec, [({"content": [], "last": True}, "pa/dossier/search?page=0&size=5")])
    replay = read_cassette(folder, spec)
    with pytest.raises(PeerDown) as caught:
        list(replay.connector(spec).pull("procedures", Window(None, NOW), rows=5))
    assert "no recording of GET /bd/procedure" in str(caught.value) or "no recording of POST" in str(caught.value)
    with pytest.raises(ConfigError, match="recorded of vnpt_igate"):
        read_cassette(folder, load_spec(SPECS / "viettel_onegate.yaml"))
    with pytest.raises(ConfigError, match="no cassette"):
        read_cassette(tmp_path / "none", spec)


def test_equal_requests_are_answered_in_the_recorded_order(tmp_path: Path) -> None:
    spec = load_spec(SPECS / "vnpt_igate.yaml")
    folder = keep(tmp_path, spec, [({"n": 1}, "a?x=1"), ({"n": 2}, "a?x=1"), ({"n": 3}, "b")])
    replay = read_cassette(folder, spec)
    asked = WireRequest("GET", "http://cassette.test/a?x=1")
    assert [json.loads(replay(asked).body)["n"] for _ in range(3)] == [1, 2, 2]


def keep(folder: Path, spec: Spec, exchanges: list[tuple[Any, str]], **peer: Any) -> Path:
    """A cassette of these JSON answers."""
    answers = iter([json.dumps(answer).encode() for answer, _ in exchanges])
    account = Peer("x", "http://peer.test", "svc-login", "s3cret-Pass/word", {"client_id": "svc-client"}, **peer)
    recording = Recording(
        lambda request: WireResponse(200, next(answers), {"Content-Type": "application/json"}), spec, account, Random(3)
    )
    for _, path in exchanges:
        recording(WireRequest("GET", f"http://peer.test/{path}"))
    recording.finish(folder / "made", NOW, {})
    return folder / "made"


# Whatever the nesting, and wherever else a value stands: nothing of a person is in the file.

words = st.sampled_from
name = st.builds(
    lambda *parts: " ".join(part.decode() for part in parts), words(FAMILY), words(MIDDLE), words(GIVEN)
).flatmap(lambda text: st.sampled_from([text, text.upper()]))
identity = st.from_regex(r"0[0-9]{2}[0-3][0-9]{8}", fullmatch=True)
phone = st.from_regex(r"0(3|7|8|9)[0-9]{8}", fullmatch=True)
email = st.from_regex(r"[a-z]{3,8}\.[a-z]{3,8}[0-9]{1,3}@example\.vn", fullmatch=True)
address = st.builds(
    lambda number, street, place: f"Số {number} {street.decode()}{place}", st.integers(10, 999), words(STREETS), name
)


def is_not_the_mask(number: str) -> bool:
    """Zeros are what the mask writes for the digits of a text; in base64 they cannot be told from a number of zeros."""
    return "00000" not in number


person = st.fixed_dictionaries(
    {
        "chuHoSo": name,
        "soGiayTo": identity.filter(is_not_the_mask),
        "dienThoai": phone.filter(is_not_the_mask),
        "email": email,
        "diaChi": address,
    }
)


def as_json(one: dict[str, str]) -> Any:
    return {"HoSo": [{**one, "trichYeu": f"Cấp đổi cho {one['chuHoSo']}, {one['dienThoai']}", "maHoSo": "H48-1"}]}


def as_english(one: dict[str, str]) -> Any:
    keys = ("fullname", "identityNumber", "phoneNumber", "email", "address")
    data = dict(zip(keys, one.values(), strict=True))
    return {"content": [{"id": 1, "applicant": {"data": data}, "note": f"{one['soGiayTo']} / {one['email']}"}]}


def as_xml(one: dict[str, str]) -> str:
    fields = "".join(f"<{key}>{html.escape(value)}</{key}>" for key, value in one.items())
    numbered = one["chuHoSo"].encode("ascii", "xmlcharrefreplace").decode()
    return f'<DanhSach><HoSo ten="{one["chuHoSo"]}">{fields}<nguoiNop>{numbered}</nguoiNop></HoSo></DanhSach>'


def unnamed(one: dict[str, str]) -> Any:
    """In fields of which no name says anything."""
    text = f"Ông/bà {one['chuHoSo']}, số {one['soGiayTo']}, {one['diaChi']}, gọi {one['dienThoai']}"
    return {"a": one["chuHoSo"], "b": [one["soGiayTo"], int(one["soGiayTo"])], "c": {"d": text}, "e": one["email"]}


SHAPES = [
    as_json,
    as_english,
    unnamed,
    as_xml,
    lambda one: {"message": json.dumps(as_json(one))},
    lambda one: {"message": json.dumps(as_json(one), ensure_ascii=False)},
    lambda one: {"data": as_xml(one)},
    lambda one: {"data": base64.b64encode(json.dumps(as_english(one)).encode()).decode()},
    lambda one: {"data": base64.b64encode(as_xml(one).encode()).decode()},
    lambda one: {"noiDung": base64.b64encode(b"%PDF-1.4 " + as_xml(one).encode() + b"\xff\xfe" * 80).decode()},
    lambda one: {"tep": f"https://a.vn/fi/{quote(one['chuHoSo'])}-{one['soGiayTo']}.pdf?ten={quote(one['chuHoSo'])}"},
    lambda one: {"tenTep": f"{one['chuHoSo']} - {one['soGiayTo']}.pdf", "ghiChu": one["diaChi"]},
]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=person, other=person, shapes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3), form=st.booleans())
def test_no_personal_value_passes_the_mask_in_any_shape(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, str], other: dict[str, str], shapes: list[Any], form: bool
) -> None:
    folder = tmp_path_factory.mktemp("cassette")
    bodies = [shape(whose) for whose in (one, other) for shape in shapes]
    spec = load_spec(SPECS / "vnpt_igate.yaml")
    account = Peer("x", "http://peer.test", "svc-login", "s3cret-Pass/word", {"client_id": "svc-client"})

    def peer(request: WireRequest) -> WireResponse:
        body = bodies.pop(0)
        if isinstance(body, str):
            return WireResponse(200, body.encode(), {"Content-Type": "text/xml; charset=utf-8"})
        return WireResponse(200, json.dumps(body, ensure_ascii=form).encode(), {"Content-Type": "application/json"})

    recording = Recording(peer, spec, account, Random(5))
    for whose in (one, other):
        for _ in shapes:
            asked = urlencode({"password": "s3cret-Pass/word", "hoTen": whose["chuHoSo"], "q": whose["soGiayTo"]})
            headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Sign": whose["dienThoai"]}
            recording(WireRequest("POST", f"http://peer.test/a?{asked}", headers, asked.encode()))
    files = recording.finish(folder / "made", NOW, {})
    text = "\n".join(path.read_text("utf-8") for path in files)
    assert found_in(text, {*one.values(), *other.values(), "s3cret-Pass/word", "svc-login", "svc-client"}) == []


def test_made_up_values_keep_their_shape_and_are_the_same_each_time(tmp_path: Path) -> None:
    who = {"fullname": "Nguyễn Thị Hạnh", "identityNumber": "051190001234", "phoneNumber": "0912345678"}
    again = {"ownerFullname": "NGUYỄN THỊ HẠNH", "identityNumber": "051190001234", "birthday": "02/09/1975"}
    other = {"fullname": "Trần Văn Bình", "taxCode": "4300205943", "code": "000.00.15.H38-260612-00042"}
    folder = keep(tmp_path, load_spec(SPECS / "vnpt_igate.yaml"), [([who, again, other], "a")])
    text = (folder / "001-a.http").read_text("utf-8")
    first, second, third = json.loads(text.partition("\n=== ")[2].partition("\n\n")[2])
    assert len(first["fullname"].split()) == 3 and first["fullname"].upper() == second["ownerFullname"]
    assert first["identityNumber"] == second["identityNumber"] != "051190001234"
    assert first["identityNumber"][:4] == "0511" and len(first["identityNumber"]) == 12
    assert first["phoneNumber"][:3] == "091" and len(first["phoneNumber"]) == 10
    assert second["birthday"] == "01/01/1975" and len(third["taxCode"]) == 10
    assert third["fullname"] != first["fullname"] and third["code"] == "000.00.15.H38-260612-00042"


def test_a_body_that_is_no_text_is_kept_as_its_length(tmp_path: Path) -> None:
    spec = load_spec(SPECS / "vnpt_igate.yaml")
    pdf = b"%PDF-1.4\xff\xfe Nguy\xe1"
    recording = Recording(
        lambda request: WireResponse(200, pdf, {"Content-Type": "application/pdf", "Set-Cookie": "s=1"}),
        spec,
        Peer("x", "http://peer.test"),
    )
    recording(WireRequest("GET", "http://peer.test/fi/file/1"))
    files = recording.finish(tmp_path / "made", NOW, {})
    text = files[0].read_text("utf-8")
    assert f"[a file was here: {len(pdf)} bytes]" in text and "s=1" not in text and "Set-Cookie: ***" in text


def test_a_page_of_html_is_replayed_as_one(tmp_path: Path) -> None:
    spec = load_spec(SPECS / "vnpt_igate.yaml")
    account = Peer("x", "http://peer.test", "svc-login", "s3cret", {"client_id": "svc-client"})

    def peer(request: WireRequest) -> WireResponse:
        if "token" in request.url:
            return WireResponse(200, b'{"access_token": "t0ken-1", "expires_in": 300}')
        return WireResponse(200, b"<html><h1>502 Bad Gateway</h1></html>", {"Content-Type": "text/html"})

    recording = Recording(peer, spec, account)
    live = Connector(spec, account, transport=recording, clock=lambda: NOW, hosts=Hosts())
    with pytest.raises(BadAnswer, match="502 Bad Gateway"):
        list(live.pull("dossiers", Window(None, NOW)))
    recording.finish(tmp_path / "made", NOW, {})
    with pytest.raises(BadAnswer, match="502 Bad Gateway"):
        list(read_cassette(tmp_path / "made", spec).connector(spec).pull("dossiers", Window(None, NOW)))


def test_a_name_that_a_later_answer_gives_away_is_swept_from_the_earlier_ones(tmp_path: Path) -> None:
    plain = {
        "tenThuTuc": "Cấp cho Lường Văn Ún",
        "link": "https://a.vn/x",
        "code": "L%C6%B0%E1%BB%9Dng%20V%C4%83n%20%C3%9An",
    }
    exchanges = [(plain, "a"), ({"fullname": "Lường Văn Ún"}, "b")]
    folder = keep(tmp_path, load_spec(SPECS / "vnpt_igate.yaml"), exchanges)
    text = "".join(path.read_text("utf-8") for path in folder.iterdir())
    assert "Cấp cho Mẫu" in text and found_in(text, {"Lường Văn Ún"}) == []
