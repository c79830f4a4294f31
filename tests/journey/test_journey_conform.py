"""The conformance suite: every spec passes against its peer, and a planted fault of each kind is found by its name."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from connectors import Connector, Window, WireRequest, WireResponse
from connectors.conformance import CHECKS, Ground, Verdict, conform
from hub.config import BASE, Settings, load_province
from sandbox.provinces import PROFILES
from tests.conftest import Sandbox
from tests.connectors.conftest import Make, Scripted, json_answer
from tests.inbound.conftest import CONNECTION
from tests.journey.conftest import Say, connect, planted

SHIPPED = sorted(path.stem for path in (BASE / "provinces").glob("*.yaml") if path.stem in PROFILES)
NOW = datetime(2026, 7, 1, tzinfo=UTC)
SINCE = datetime(2026, 4, 1, tzinfo=UTC)
FORM = "%d/%m/%Y %H:%M:%S"

Bend = Callable[[WireRequest, WireResponse], WireResponse]


def suite(connector: Connector, *checks: str, stream: str = "dossiers", writes: bool = False) -> dict[str, Verdict]:
    ground = Ground(connector, until=NOW, wanted=60, writes=writes)
    return {one.check: one for one in conform(ground, [stream], checks or None)}


@pytest.mark.dossiers(120)
@pytest.mark.parametrize("slug", SHIPPED)
def test_every_spec_conforms_to_its_peer(sandbox: Sandbox, slug: str) -> None:
    province = load_province(Settings(sandbox.home, (BASE,)), slug)
    connector = connect(sandbox, province.connection, province.system)
    ground = Ground(connector, until=NOW, wanted=60)
    found = list(conform(ground, list(connector.spec.streams)))
    assert [one for one in found if one.outcome == "fail"] == []
    of = {one.check for one in found if one.outcome == "pass"}
    assert {"wrong_login", "paging", "repeatable", "dates", "encoding"} <= of
    shown = " ".join(one.evidence for one in found)
    assert not [value for value in planted(sandbox, slug) if value in shown]


@pytest.mark.parametrize("slug", ["lao_cai", "quang_ngai"])
def test_every_intake_conforms_and_is_handed_nothing(say: Say, sandbox: Sandbox, slug: str) -> None:
    code, text, _ = say("conform", slug, "--inbound", "--json")
    answer, inbound = json.loads(text), load_province(Settings(sandbox.home, (BASE,)), slug).inbound
    assert inbound is not None and (code, answer["system"]) == (0, inbound.system)
    verdicts = {(one["check"], one["about"]): one["outcome"] for one in answer["checks"]}
    steps = [step for steps in connect(sandbox, inbound.connection, inbound.system).spec.sequences.values()
             for step in steps]  # fmt: skip
    token = {"lao_cai": "pass", "quang_ngai": "not applicable"}  # Viettel's calls carry the account itself
    assert (verdicts["wrong_login", ""], verdicts["expired_token", ""]) == ("pass", token[slug])
    assert {verdicts["unknown_code", step.probe] for step in steps if step.probe} == {"pass"}
    assert not {check for check, _ in verdicts} & {"paging", "ordering", "window_edges"}
    kinds = ("numbers", "files", "taken", "reported", "sins")
    assert [sandbox.ledger(f"intake_{kind}", CONNECTION[slug]) for kind in kinds] == [[]] * len(kinds)


@pytest.mark.parametrize("slug", ["lao_cai"])
def test_an_intake_that_answers_a_look_up_with_somebodys_dossier_is_found(sandbox: Sandbox, slug: str) -> None:
    def bend(request: WireRequest, response: WireResponse) -> WireResponse:
        if "TraCuuHoSo" in request.url:
            return WireResponse(200, orjson.dumps({"code": 0, "message": "", "data": [{"soHoSo": "x"}]}))
        return response

    ground = Ground(connect(sandbox, "vnpt_intake_lao_cai", "vnpt_intake", bend))
    found = {one.about: one for one in conform(ground, [], ["unknown_code"])}
    assert {about for about, one in found.items() if one.outcome == "fail"} == {"find_dossier"}
    assert "1 results" in found["find_dossier"].evidence


@pytest.mark.parametrize(
    ("words", "said"), [(("son_la",), "takes no dossiers"), (("lao_cai", "--stream", "dossiers"), "no streams")]
)
def test_what_has_no_intake_and_no_streams_is_told(say: Say, words: tuple[str, ...], said: str) -> None:
    code, _, told = say("conform", *words, "--inbound")
    assert code == 2 and said in told


@pytest.mark.dossiers(120)
def test_the_command_shows_each_verdict_and_ends_with_1_when_one_fails(say: Say, sandbox: Sandbox) -> None:
    window = ("--since", "2026-05-01", "--until", "2026-07-01")
    code, text, _ = say("conform", "lao_cai", *window, "--json")
    answer = json.loads(text)
    assert code == 0 and answer["ok"] is True
    assert {one["check"] for one in answer["checks"]} <= set(CHECKS)
    assert all(one["proves"] and one["evidence"] for one in answer["checks"])
    code, screen, _ = say("conform", "lao_cai", *window, "--check", "paging", "--stream", "dossiers")
    assert code == 0 and "1 passed, 0 failed" in screen
    sandbox.fault("vnpt_lao_cai", operation="search", kind="repeat_page", after=1, times=500)
    code, screen, _ = say("conform", "lao_cai", *window, "--check", "paging")
    assert code == 1 and "come twice in one walk" in " ".join(screen.split())
    assert say("conform", "lao_cai", "--check", "pagging")[0] == 2


# One planted fault for each check of a stream. Each bends the true answers of a real peer.


def each_record(change: Callable[[int, bytes], bytes]) -> Bend:
    """Bends every `<HoSo>` element of an answer; the change is told its place on the page."""

    def bend(request: WireRequest, response: WireResponse) -> WireResponse:
        numbers = iter(range(100_000))
        body = re.sub(rb"<HoSo>.*?</HoSo>", lambda m: change(next(numbers), m.group()), response.body, flags=re.S)
        return WireResponse(response.status, body, response.headers)

    return bend


def counted_too_high(request: WireRequest, response: WireResponse) -> WireResponse:
    more = re.sub(
        rb"<tongSo>(\d+)<", lambda m: b"<tongSo>%d<" % (int(m.group(1)) + (int(m.group(1)) > 0)), response.body
    )
    return WireResponse(response.status, more, response.headers)


def turned_round(request: WireRequest, response: WireResponse) -> WireResponse:
    found = re.findall(rb"<HoSo>.*?</HoSo>", response.body, re.S)
    body = response.body.replace(b"".join(found), b"".join(reversed(found))) if found else response.body
    return WireResponse(response.status, body, response.headers)


class Restless:
    """A field that says something else in every answer."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, request: WireRequest, response: WireResponse) -> WireResponse:
        self.calls += 1
        note = b"<ghiChu>xem %d</ghiChu>" % self.calls
        return WireResponse(response.status, response.body.replace(b"<ghiChu/>", note), response.headers)


def another_time(number: int, record: bytes) -> bytes:
    return re.sub(rb"<ngayTiepNhan>(\d\d)/(\d\d)/(\d{4}) [\d:]+<", rb"<ngayTiepNhan>\3-\2-\1<", record)


def another_charset(number: int, record: bytes) -> bytes:
    return re.sub(
        rb"<tenThuTuc>([^<]*)<",
        lambda m: b"<tenThuTuc>" + m.group(1).decode().encode().decode("latin-1").encode() + b"<",
        record,
    )


def without_marks(number: int, record: bytes) -> bytes:
    return record.replace("Đ".encode(), "\ufffd".encode())


PLANTED: list[tuple[str, Callable[[], Bend], str]] = [
    ("paging", lambda: counted_too_high, "counted"),
    ("ordering", lambda: turned_round, "oldest_first"),
    ("repeatable", Restless, "ghiChu"),
    ("dates", lambda: each_record(another_time), "ngayTiepNhan"),
    ("encoding", lambda: each_record(another_charset), "tenThuTuc"),
    ("encoding", lambda: each_record(without_marks), "another charset"),
]


@pytest.mark.dossiers(120)
@pytest.mark.parametrize("slug", ["quang_ngai"])
@pytest.mark.parametrize(("check", "plant", "said"), PLANTED, ids=[f"{one[0]}-{n}" for n, one in enumerate(PLANTED)])
def test_a_planted_fault_is_found_by_its_check(
    sandbox: Sandbox, check: str, plant: Callable[[], Bend], said: str, slug: str
) -> None:
    assert suite(connect(sandbox, "viettel_quang_ngai", "viettel_onegate"), check)[check].outcome == "pass"
    verdict = suite(connect(sandbox, "viettel_quang_ngai", "viettel_onegate", plant()), check)[check]
    assert verdict.outcome == "fail" and said in verdict.evidence and verdict.next_step, verdict
    assert not [value for value in planted(sandbox, slug) if value in verdict.evidence]


# A peer that understands the asked window otherwise than it is meant: (start, end) -> what it really looks for.

SECOND = timedelta(seconds=1)
Shift = Callable[[datetime, datetime], tuple[datetime, datetime]]


def misread(straight: Connector, shift: Shift) -> Connector:
    def transport(request: WireRequest) -> WireResponse:
        body = (request.body or b"").decode()
        ends = re.findall(r":(?:tuNgay|denNgay)>([^<]+)<", body)
        if len(ends) == 2:
            start, end = shift(*(datetime.strptime(one, FORM) for one in ends))
            for name, moment in (("tuNgay", start), ("denNgay", max(start, end))):
                body = re.sub(rf"(:{name}>)[^<]+<", rf"\g<1>{moment:{FORM}}<", body)
        return straight.transport(replace(request, body=body.encode() if request.body else None))

    return straight.beside(transport=transport)


@pytest.mark.dossiers(120)
@pytest.mark.parametrize("slug", ["quang_ngai"])
@pytest.mark.parametrize(
    ("shift", "failing"),
    [
        (lambda start, end: (start, end), set()),
        (lambda start, end: (start + SECOND, end), set()),
        (lambda start, end: (start + SECOND, end - SECOND), set()),
        (lambda start, end: (datetime(2020, 1, 1), datetime(2030, 1, 1)), {"window_edges", "empty_window"}),
        (lambda start, end: (start, end - timedelta(days=20)), {"overlap"}),
    ],
    ids=["as meant", "start left out", "both left out", "not looked at", "shown late"],
)
def test_a_window_that_is_not_read_as_meant_is_found(
    sandbox: Sandbox, slug: str, shift: Shift, failing: set[str]
) -> None:
    bent = misread(connect(sandbox, "viettel_quang_ngai", "viettel_onegate"), shift)
    ground = Ground(bent, window=Window(SINCE, NOW))
    found = list(conform(ground, ["dossiers"], ["window_edges", "empty_window", "overlap"]))
    assert {one.check for one in found if one.outcome == "fail"} >= failing, found
    assert failing or {one.outcome for one in found} == {"pass"}


@pytest.mark.dossiers(120)
@pytest.mark.parametrize("slug", ["quang_ngai"])
def test_a_record_on_the_edge_of_two_windows_without_overlap_is_missed_and_told(sandbox: Sandbox, slug: str) -> None:
    straight = connect(sandbox, "viettel_quang_ngai", "viettel_onegate")
    dossiers = straight.spec.streams["dossiers"]
    assert dossiers.window is not None
    window = dossiers.window.model_copy(update={"overlap": 0.0})
    streams = {**straight.spec.streams, "dossiers": dossiers.model_copy(update={"window": window})}
    bare = straight.beside(spec=straight.spec.model_copy(update={"streams": streams}))
    ground = Ground(misread(bare, lambda start, end: (start + SECOND, end - SECOND)), window=Window(SINCE, NOW))
    verdict = next(conform(ground, ["dossiers"], ["window_edges"]))
    assert verdict.outcome == "fail" and "in neither of two windows" in verdict.evidence
    assert "overlap" in verdict.next_step


@pytest.mark.dossiers(60)
@pytest.mark.parametrize(("slug", "status", "outcome"), [("lao_cai", 403, "fail"), ("lao_cai", 401, "pass")])
def test_an_old_token_that_is_not_answered_as_one_is_found(
    sandbox: Sandbox, slug: str, status: int, outcome: str
) -> None:
    def bend(request: WireRequest, response: WireResponse) -> WireResponse:
        if response.status == 401 and not request.url.endswith("/token"):
            return WireResponse(status, response.body, response.headers)
        return response

    found = suite(connect(sandbox, "vnpt_lao_cai", "vnpt_igate", bend), "expired_token")["expired_token"]
    assert found.outcome == outcome
    assert outcome == "pass" or ("403" in found.evidence and "login_again" in found.next_step)
    refused = [row for row in sandbox.ledger("calls", "vnpt_lao_cai") if row["status"] == 401]
    assert len(refused) == 1


def test_a_token_that_anybody_could_make_up_and_a_password_that_is_not_looked_at_are_found(make: Make) -> None:
    peer = Scripted(json_answer({"content": [], "last": True}))
    found = suite(make("vnpt_igate", peer), "expired_token", "wrong_login")
    assert found["expired_token"].outcome == "fail" and "never given is accepted" in found["expired_token"].evidence
    assert found["wrong_login"].outcome == "fail" and "accepted" in found["wrong_login"].evidence


def test_a_wrong_login_that_is_answered_like_a_broken_service_is_found(make: Make) -> None:
    def peer(request: WireRequest) -> WireResponse:
        if request.url.endswith("/token"):
            good = b"s3cret-Pass%2Fword" in (request.body or b"")
            return json_answer({"access_token": "t1", "expires_in": 300}) if good else WireResponse(404, b"not here")
        return json_answer({"content": [], "last": True})

    found = suite(make("vnpt_igate", peer), "wrong_login")["wrong_login"]
    assert found.outcome == "fail" and "login_again" in found.next_step


def test_an_unknown_code_that_is_answered_with_a_record_or_an_unnamed_answer_is_found(make: Make) -> None:
    def peer(answer: object) -> Callable[[WireRequest], WireResponse]:
        def answered(request: WireRequest) -> WireResponse:
            if request.url.endswith("/auth"):
                return json_answer({"session": "s", "error_code": 0})
            body = orjson.loads(request.body or b"{}")
            return json_answer(answer if body.get("service") == "TraCuuHoSo" else {"error_code": 0, "result": []})

        return answered

    def verdict(answer: object) -> Verdict:
        ground = Ground(make("national_adapter", peer(answer)), until=NOW)
        found = list(conform(ground, [], ["unknown_code"]))
        return next(one for one in found if one.about == "look_up")

    assert verdict({"error_code": 0, "result": []}).outcome == "pass"
    assert verdict({"error_code": 0, "result": [{"MaHoSo": "x"}]}).outcome == "fail"
    unnamed = verdict({"error_code": -77, "message": "Không thấy"})
    assert unnamed.outcome == "fail" and "Không thấy" in unnamed.evidence and "answers:" in unnamed.next_step


def test_a_write_is_tried_only_when_told_and_a_second_one_that_is_refused_is_found(make: Make) -> None:
    writes: list[str] = []

    def peer(request: WireRequest) -> WireResponse:
        if request.url.endswith("/auth"):
            return json_answer({"session": "s", "error_code": 0})
        service = orjson.loads(request.body or b"{}").get("service")
        if service == "DongBoHoSoMC":
            writes.append(service)
            again = len(writes) % 2 == 0
            return json_answer({"error_code": -50, "message": "Trùng"} if again else {"error_code": 0, "result": []})
        return json_answer({"error_code": 0, "result": []})

    connector = make("national_adapter", peer)
    put = connector.spec.operations["put_dossier"].model_copy(update={"example": {"updating": False, "dossiers": []}})
    tried = connector.beside(
        spec=connector.spec.model_copy(update={"operations": {**connector.spec.operations, "put_dossier": put}})
    )
    quiet = [one for one in conform(Ground(tried, until=NOW), [], ["push_idempotence"]) if one.about == "put_dossier"]
    assert quiet[0].outcome == "not applicable" and writes == []
    loud = list(conform(Ground(tried, until=NOW, writes=True), [], ["push_idempotence"]))
    verdict = next(one for one in loud if one.about == "put_dossier")
    assert verdict.outcome == "fail" and "second" in verdict.evidence and len(writes) == 2


def test_each_check_says_in_one_sentence_what_it_proves() -> None:
    assert len(CHECKS) >= 12
    assert all(sentence.endswith(".") and len(sentence) > 30 for sentence in CHECKS.values())


def test_the_page_has_every_check_and_what_it_proves() -> None:
    page = (BASE / "docs" / "conformance.md").read_text("utf-8")
    assert [name for name, sentence in CHECKS.items() if f"| `{name}` |" not in page or sentence not in page] == []
