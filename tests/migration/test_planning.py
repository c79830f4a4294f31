"""Volume and time are told from a few questions to each source, with how sure they are; the plan's hours judge them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from connectors import Page, Window
from connectors.errors import PeerDown
from connectors.peer import CheckLine
from connectors.spec.pages import NoPages, NumberedPages
from hub.errors import StageFailed
from hub.migration.plans import planning
from hub.migration.plans.plan import Source
from hub.migration.plans.planning import Estimate, as_dict, estimate, in_time
from hub.migration.plans.sampling import Look, look
from mappings import Mapped
from schemas.findings import Finding
from schemas.migration_tables import migration_tick
from schemas.records import VIET_NAM

NOW = datetime(2026, 6, 30, 18, tzinfo=VIET_NAM)
BEGAN = NOW - timedelta(days=730)


class Peer:
    """A source with so many dossiers, one each so many minutes since BEGAN; remembers what it was asked."""

    def __init__(self, dossiers: int, pages: Any, *, total: bool = False, windows: bool = False) -> None:
        self.step, self.total, self.asked = (NOW - BEGAN) / dossiers, total, 0
        self.dossiers: list[dict[str, Any]] = [{"id": n, "at": BEGAN + n * self.step} for n in range(dossiers)]
        window = SimpleNamespace(since="tu", until="den", earliest=BEGAN) if windows else None
        self.spec = SimpleNamespace(system="thu", streams={"dossiers": SimpleNamespace(pages=pages, window=window)})
        self.rows = getattr(pages, "rows", None)

    def is_queue(self, stream: str) -> bool:
        return False

    def key_of(self, stream: str, record: dict[str, Any]) -> str:
        return str(record["id"])

    def changed_of(self, stream: str, record: dict[str, Any]) -> datetime:
        moment: datetime = record["at"]
        return moment

    def pull(self, stream: str, window: Window, after: Any = None, *, rows: int | None = None) -> Iterator[Page]:
        inside = [one for one in self.dossiers if window.since is None or window.since <= one["at"] < window.until]
        size = rows or self.rows or max(len(inside), 1)
        for number in count((after or {"page": 1})["page"]):
            self.asked += 1
            found = inside[(number - 1) * size : number * size]
            last = number * size >= len(inside)
            total = len(inside) if self.total else None
            yield Page(number, b"", "", 200, "", NOW, total, last, {}, _records=found)
            if last:
                return


def mapped(record: dict[str, Any]) -> Mapped:
    """Each tenth is in progress with two files, each hundredth has an unknown commune; received when it changed."""
    open_yet, wrong = record["id"] % 10 == 0, record["id"] % 100 == 5
    fields = {"status": 2 if open_yet else 10, "received_at": record["at"], "documents": [{"document_id": "a"}] * 2}
    return Mapped(fields, [Finding("unknown_commune", "commune")] if wrong else [], [])


def asked(peer: Peer, **source: Any) -> Look:
    hub = SimpleNamespace(
        slug="cu",
        source=peer,
        province=SimpleNamespace(earliest=None),
        clock=lambda: NOW,
        recoder=None,
        progress=lambda *said: None,
        mapping=lambda kind: SimpleNamespace(map=mapped),
    )
    ticks = count()
    return look(hub, Source(province="cu", **source), "in_progress", NOW, ticks=lambda: float(next(ticks)))  # type: ignore[arg-type]


NUMBERED = NumberedPages(by="number", page="trang", size="so", first=1, rows=50)


@pytest.mark.parametrize("dossiers", [1, 49, 50, 51, 100, 3_004, 5_000])
def test_pages_without_a_total_are_counted_by_halving(dossiers: int) -> None:
    peer = Peer(dossiers, NUMBERED)

    found = asked(peer)

    assert (found.total, found.how) == (dossiers, "counted") and peer.asked <= 15


def test_what_the_peer_says_of_itself_is_believed() -> None:
    peer = Peer(4_321, NUMBERED, total=True)

    assert (asked(peer).total, asked(peer).how) == (4_321, "stated") and peer.asked <= 8


@pytest.mark.parametrize("dossiers", [2_000, 50_000])
def test_a_peer_that_is_asked_by_time_is_sampled_and_the_truth_lies_in_the_range(dossiers: int) -> None:
    found = asked(Peer(dossiers, NoPages(by="none"), windows=True))

    assert found.how == "sampled" and found.low is not None and found.high is not None and found.total is not None
    assert (
        found.low <= dossiers * 1.01 and found.high >= dossiers * 0.99 and abs(found.total - dossiers) < dossiers / 20
    )
    assert found.records < dossiers / 5 or dossiers < 10_000


def test_the_sample_tells_what_moves_what_is_held_and_how_many_files_go_along() -> None:
    since = NOW - timedelta(days=365)
    everything, half = asked(Peer(5_000, NUMBERED)), asked(Peer(5_000, NUMBERED), since=since)
    open_yet = asked(Peer(5_000, NUMBERED), scope="in_progress")

    assert everything.moving == 5_000 and everything.attachments == 1_000
    assert everything.held["unknown_commune"] and everything.share(everything.in_progress) == 0.1
    assert half.moving is not None and half.moving < 5_000 and open_yet.moving == 500
    assert everything.read_rate and everything.map_rate and everything.seconds


LOOK = Look("cu", "thu", 100_000, 90_000, 110_000, "sampled", 1_000, 1_000, 100, 50, fetching=1.0, mapping=1.0)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each source shows, instead of asking it; the target's peers answer."""
    shown: dict[str, Any] = {}

    def instead(hub: Any, source: Source, *more: Any) -> Look:
        found = shown.get(source.province, LOOK)
        if isinstance(found, Exception):
            raise found
        return replace(found, source=source.province)

    monkeypatch.setattr(planning, "look", instead)
    monkeypatch.setattr(planning, "_peers", lambda m: {"target": [CheckLine("connection", True, "")]})
    return shown


@pytest.fixture
def planned(begin: Any, looks: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example's plan as it is looked at, its sources not opened."""
    m = begin()
    monkeypatch.setattr(type(m), "source", lambda self, slug: SimpleNamespace(slug=slug))
    return m


def test_reading_goes_side_by_side_loading_and_files_come_behind(planned: Any) -> None:
    found = estimate(planned)

    assert found.dossiers == 300_000 and found.files == 15_000 and not found.measured
    assert found.seconds == pytest.approx({"read": 200, "load": 3_000, "files": 750, "prove": 500})
    assert found.ends is not None and found.ends[0] < found.ends[1] == NOW + timedelta(seconds=3_950) < found.ends[2]
    assert in_time(planned, found) and as_dict(planned, found)["in_time"] is True


def test_a_rehearsal_has_measured_the_target(planned: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        for minute, loaded in enumerate((0, 0, 600, 1_200, 1_200)):
            at = NOW - timedelta(hours=1) + timedelta(minutes=minute)
            row = {"migration_id": planned.attempt_id, "at": at, "read": 2_000, "held": 0, "out_of_scope": 0}
            connection.execute(insert(migration_tick).values(**row, migrated=loaded))

    found = estimate(planned)

    assert found.measured and found.rates["load"] == 10.0


@pytest.mark.parametrize(("hours_before", "fits"), [(3, True), (-1, True), (-4.5, False)])
def test_the_hours_of_the_plan_judge_the_estimate(planned: Any, hours: Any, hours_before: float, fits: bool) -> None:
    hours.now = planned.plan.freeze - timedelta(hours=hours_before)

    found = estimate(planned)

    assert in_time(planned, found) is fits
    assert any("should have begun by" in one for one in found.warnings) is (hours_before < 3)


def test_a_source_that_does_not_answer_costs_the_estimate_and_not_the_others(
    planned: Any, looks: dict[str, Any]
) -> None:
    looks["soc_trang"] = StageFailed("no answer", where="soc_trang · sample")

    found = estimate(planned)

    assert [one.source for one in found.looks] == ["can_tho_cu", "hau_giang"] and "no answer" in found.silent[
        "soc_trang"
    ]
    assert found.dossiers is None and found.seconds is None and not found.answered


def test_too_many_held_in_the_sample_are_told_before_anything_is_begun(planned: Any, looks: dict[str, Any]) -> None:
    held = replace(LOOK)
    held.held = LOOK.held.copy()
    held.held["agency_not_recoded"] = 25
    looks["hau_giang"] = held

    found: Estimate = estimate(planned)

    assert found.warnings == ("hau_giang: 2.5% of 1,000 sampled dossiers would be held (agency_not_recoded 2.5%)",)


def test_a_peer_that_is_down_is_told_with_its_place() -> None:
    peer = Peer(10, NUMBERED)

    def gone(*asked: Any, **more: Any) -> Iterator[Page]:
        raise PeerDown("no connection", peer="thu", operation="dossiers")

    peer.pull = gone  # type: ignore[method-assign]

    with pytest.raises(StageFailed, match="no connection") as raised:
        asked(peer)
    assert "lienthong check cu" in raised.value.next_step
