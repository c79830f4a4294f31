"""Chunks read from a list that moves, is killed, or does not answer; judged by the account and the message log."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import requests
from psycopg.errors import DeadlockDetected
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from connectors import Window
from connectors.wire.transport import WireRequest, WireResponse
from hub.config import BASE, Settings, load_province
from hub.context import source_of
from hub.errors import Busy, Refused, StageFailed
from hub.migration.attempt import Migrating
from hub.migration.deciding.decisions import Decision, decide
from hub.migration.proof.rereading import reread
from hub.migration.proof.sides import work_tables
from hub.migration.reading import account, one_chunk
from hub.migration.reading.chunks import cut_chunks
from hub.migration.reading.one_chunk import read_chunk
from hub.migration.run import read_history, run_delta, run_history
from hub.store import province_lock
from tests.conftest import Sandbox
from tests.migration.conftest import BEGUN, SOURCES, Begin, Hours, rows

CT = "can_tho_cu"
FORM = "%Y-%m-%dT%H:%M:%S.000+0000"


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Moving:
    """A VNPT list of a sandbox's dossiers, newest change first, that a test changes while it is paged."""

    records: list[dict[str, Any]]
    pages: list[int] = field(default_factory=list)
    before_page: Callable[[int], None] = lambda page: None
    broken: int | None = None

    def __call__(self, request: WireRequest) -> WireResponse:
        url = urlsplit(request.url)
        if "token" in url.path:
            return self._json({"access_token": "a", "expires_in": 3600, "token_type": "Bearer"})
        query = parse_qs(url.query)
        page, size = int(query["page"][0]), int(query["size"][0])
        self.pages.append(page)
        self.before_page(page)
        if page == self.broken:
            return WireResponse(200, b"<html>Maintenance</html>", {"Content-Type": "text/html"})
        newest_first = sorted(self.records, key=lambda one: str(one["updatedDate"]), reverse=True)
        content = newest_first[page * size : (page + 1) * size]
        return self._json({"content": content, "last": (page + 1) * size >= len(newest_first)})

    def change(self, place: int, at: datetime, **values: Any) -> str:
        """Change the record that stands at this place in order of age, the oldest first; answers with its id."""
        record = sorted(self.records, key=lambda one: str(one["updatedDate"]))[place]
        record |= {"updatedDate": at.astimezone(UTC).strftime(FORM), **values}
        return str(record["id"])

    @staticmethod
    def _json(value: Any) -> WireResponse:
        return WireResponse(200, orjson.dumps(value), {"Content-Type": "application/json"})


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The dossiers of the sandbox's VNPT source, taken from it once."""
    peers = Sandbox(tmp_path_factory.mktemp("vnpt"))
    settings = Settings(peers.home, (BASE / "examples" / "can_tho", BASE))
    peers.say("start", "--size", "60", "--port-base", "0", "--provinces", CT)
    try:
        pages = source_of(settings, load_province(settings, CT)).pull("dossiers", Window(None, BEGUN))
        return orjson.dumps([record for page in pages for record in page.records()])
    finally:
        peers.say("stop")


@pytest.fixture
def moving(served: bytes, tmp_path: Path) -> Moving:
    (tmp_path / "sandbox").mkdir()
    account = {"host": "https://peer.test", "login": "hub", "password": "x", "extra": {"client_id": "hub"}}
    (tmp_path / "sandbox" / "connections.json").write_bytes(orjson.dumps({"vnpt_can_tho_cu": account}))
    return Moving(orjson.loads(served))


def small_pages(m: Migrating, page_rows: int = 10) -> Migrating:
    """The VNPT source is asked for small pages; of others these tests ask nothing."""
    source = m.source(CT).source
    stream = source.spec.streams["dossiers"]
    pages = stream.pages.model_copy(update={"rows": page_rows})
    source.spec = source.spec.model_copy(update={"streams": {"dossiers": stream.model_copy(update={"pages": pages})}})
    return m


def account_of(m: Migrating) -> dict[str, datetime]:
    """Key -> time of the version that stands."""
    query = "SELECT source_key, changed_at FROM migrated WHERE migration_id = :id"
    return {key: changed for key, changed in rows(m, query)}


def expected_of(peer: Moving) -> dict[str, datetime]:
    return {str(one["id"]): datetime.strptime(one["updatedDate"], "%Y-%m-%dT%H:%M:%S.%f%z") for one in peer.records}


def landed_pages(m: Migrating) -> list[int]:
    query = "SELECT m.page FROM message m JOIN run r USING (run_id) WHERE r.kind = 'migration' ORDER BY message_id"
    return [page for (page,) in rows(m, query)]


@pytest.mark.parametrize("page", [0, 3, 5])
def test_a_killed_chunk_goes_on_behind_its_last_landed_page(
    moving: Moving, begin: Begin, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_chunk, "PIECE", 20)
    m = small_pages(begin(transport=moving))

    def kill(asked: int) -> None:
        if asked == page:
            raise Killed

    moving.before_page = kill
    with pytest.raises(Killed):
        read_history(m, CT)
    with m.engine.begin() as connection:  # a process that is gone marks nothing
        connection.execute(text("UPDATE migration_chunk SET state = 'reading'"))
    moving.before_page, before = lambda asked: None, len(account_of(m))
    counts = read_history(m, CT)
    assert account_of(m) == expected_of(moving)
    assert landed_pages(m) == list(range(1, 7))
    assert (counts["records"], counts["new"], counts["same"], counts["pages"]) == (60, 60, 0, 6)
    assert before == {0: 0, 3: 20, 5: 40}[page]


def test_a_crash_of_the_server_that_empties_staging_costs_no_record(
    moving: Moving, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_chunk, "PIECE", 20)
    m = small_pages(begin(transport=moving))
    moving.broken = 3
    with pytest.raises(StageFailed) as told:
        read_history(m, CT)
    assert "page 4" in str(told.value) and "lienthong migrate run can_tho" in str(told.value)
    [(run_id,)] = rows(m, "SELECT run_id FROM migration_chunk")
    with m.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE staging_dossier_{run_id}, staging_held_{run_id}"))
    moving.broken = None
    read_history(m, CT)
    assert account_of(m) == expected_of(moving)


def test_records_that_move_while_they_are_paged_come_with_the_delta_and_none_is_lost(
    moving: Moving, begin: Begin, hours: Hours
) -> None:
    m = small_pages(begin(transport=moving))
    moved: list[str] = []

    def change(asked: int) -> None:
        if asked == 2:
            hours.go_on(minutes=5)
            moved.append(moving.change(0, hours(), dossierStatus={"id": 4}))
            moved.append(moving.change(-3, hours(), nationCode="G01.899.000-260701-0001"))

    moving.before_page = change
    read_history(m, CT)
    known = account_of(m)
    assert moved[0] not in known, "it was on no page before the mark"
    assert known[moved[1]] < hours()
    moving.before_page = lambda asked: None
    hours.go_on(minutes=5)
    counts = run_delta(m, sources=[CT])[CT]
    assert account_of(m) == expected_of(moving)
    assert (counts["new"], counts["changed"]) == (1, 1)


def test_ctrl_c_marks_the_chunk_and_its_run_and_it_goes_on(moving: Moving, begin: Begin) -> None:
    m = small_pages(begin(transport=moving))

    def stop(asked: int) -> None:
        if asked == 4:
            raise KeyboardInterrupt

    moving.before_page = stop
    with pytest.raises(KeyboardInterrupt):
        read_history(m, CT)
    [(state, run_state, error)] = rows(
        m, "SELECT c.state, r.state, error FROM migration_chunk c JOIN run r USING (run_id)"
    )
    assert (state, run_state, error) == ("failed", "failed", "stopped by Ctrl-C; the next run resumes")
    moving.before_page = lambda asked: None
    assert read_history(m, CT)["pages"] == 6


def test_a_merge_that_waits_in_a_circle_with_the_load_is_done_again(
    moving: Moving, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    m, enter, tries = small_pages(begin(transport=moving)), account.enter, list[int]()

    def deadlock(*words: Any) -> Any:
        found = enter(*words)
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError("", {}, DeadlockDetected())
        return found

    monkeypatch.setattr(account, "enter", deadlock)
    assert read_history(m, CT)["new"] == len(moving.records)
    assert len(tries) == 2 and account_of(m) == expected_of(moving)


def test_a_second_reader_of_a_chunk_is_refused(moving: Moving, begin: Begin) -> None:
    m = small_pages(begin(transport=moving))
    cut_chunks(m, CT)
    with province_lock(m.engine, CT, f"migration {m.attempt_id}, chunk 1"), pytest.raises(Busy):
        read_chunk(m, CT, 1)
    assert read_chunk(m, CT, 1)["new"] == len(moving.records)
    asked = len(moving.pages)
    assert read_chunk(m, CT, 1)["new"] == len(moving.records)
    assert len(moving.pages) == asked, "a chunk that is done is left alone"


def test_nothing_is_read_for_an_attempt_that_is_over(moving: Moving, begin: Begin) -> None:
    m = small_pages(begin(transport=moving))
    cut_chunks(m, CT)
    with m.engine.begin() as connection:
        connection.execute(text("UPDATE migration SET state = 'rolled_back'"))
    with pytest.raises(Refused, match="rolled back"):
        read_chunk(m, CT, 1)
    assert not moving.pages


@pytest.mark.dossiers(40)
def test_all_sources_are_read_to_the_last_record_and_one_that_is_down_keeps_no_other_from_it(
    sandbox: Sandbox, can_tho_cu: str, hau_giang: str, soc_trang: str, begin: Begin
) -> None:
    m = begin()
    m.plan = m.plan.model_copy(update={"chunks": m.plan.chunks.model_copy(update={"days": 300})})
    sandbox.fault("viettel_hau_giang", operation="TraCuuDanhSachHoSo", kind="html", after=1, times=9)
    with pytest.raises(StageFailed) as told:
        run_history(m)
    assert "hau_giang · dossiers · page" in str(told.value)
    states = dict(rows(m, "SELECT source, string_agg(DISTINCT state, ' ') FROM migration_chunk GROUP BY source"))
    assert states["can_tho_cu"] == states["soc_trang"] == "done" and "failed" in states["hau_giang"]
    requests.delete(f"{sandbox.address('viettel_hau_giang')}/_sandbox/faults", timeout=10).raise_for_status()
    counts = run_history(m)
    served = {slug: sandbox.status()["systems"][slug]["served"] for slug in SOURCES}
    assert {slug: counts[slug]["new"] for slug in SOURCES} == served
    assert m.attempt.read_until == m.attempt.mark
    assert sum(m.attempt.counts.values()) == sum(served.values())


def test_what_a_source_dates_ahead_of_the_clock_comes_with_the_last_delta_and_stays_in_the_proof(
    moving: Moving, begin: Begin, hours: Hours, monkeypatch: pytest.MonkeyPatch
) -> None:
    m, asked = small_pages(begin(transport=moving)), list[Window]()
    pull = m.source(CT).source.pull

    def noted(stream: str, window: Window, **more: Any) -> Any:
        asked.append(window)
        return pull(stream, window, **more)

    monkeypatch.setattr(m.source(CT).source, "pull", noted)
    read_history(m, CT)
    hours.go_on(minutes=5)
    ahead = hours() + timedelta(minutes=10)
    key = moving.change(-1, ahead, dossierStatus={"id": 4})
    run_delta(m, sources=[CT])
    assert account_of(m)[key] < ahead, "the next delta brings it"
    run_delta(m, sources=[CT], until=hours(), kind="final")
    assert account_of(m)[key] == ahead and account_of(m) == expected_of(moving)
    assert [window.until > ahead for window in asked] == [False, False, True]
    [(newest,)] = rows(m, "SELECT max(CAST(counts ->> 'newest' AS timestamptz)) FROM migration_chunk")
    assert newest == ahead

    m.plan = m.plan.model_copy(update={"sources": m.plan.sources[:1]})
    with work_tables(m.engine) as connection:
        assert reread(m, connection)[CT].listed == 60
        times: dict[str, datetime] = dict(connection.execute(text("SELECT source_key, changed_at FROM again")).all())
    assert times == expected_of(moving) and asked[-1].until > ahead


SPLIT = "31183"  # Phường Long Tuyền of Bình Thủy became part of An Bình, and of Long Tuyền


@pytest.mark.parametrize("page", [1, 5])
def test_what_is_decided_while_a_chunk_is_read_holds_for_all_of_it(
    moving: Moving, begin: Begin, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(one_chunk, "PIECE", 20)
    m = small_pages(begin(transport=moving))
    for record in moving.records:
        record["applicant"]["data"] |= {"village": {"value": SPLIT}, "province": {"value": "92"}, "address": "Số 12"}
        record |= {"appliedDate": "2025-03-04T03:04:05.000+0000", "acceptedDate": "2025-03-04T03:04:05.000+0000"}

    def people_decide(asked: int) -> None:
        if asked == page:
            other = Migrating(m.plan, m.settings, m.engine, m.attempt_id, clock=m.clock, sleep=m.sleep)
            decide(other, Decision(CT, "commune", SPLIT, "31150", "Lê Thị Hoa", "theo công văn 12/UBND"))

    moving.before_page = people_decide
    read_history(m, CT)
    undecided = rows(m, 'SELECT source_key FROM migrated WHERE findings @> \'[{"reason": "commune_undecided"}]\'')
    became = rows(m, "SELECT DISTINCT record ->> 'commune' FROM migrated WHERE record ? 'commune'")
    assert (undecided, became, len(account_of(m))) == ([], [("31150",)], 60)
    assert rows(m, "SELECT state FROM migration_chunk") == [("done",)]
