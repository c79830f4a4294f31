"""How a history is cut: every moment lies in a window, deltas go on where it ended."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import pytest
from sqlalchemy import update

from connectors import Window
from connectors.spec.pages import Queue
from connectors.wire.transport import WireRequest, WireResponse
from hub.errors import ConfigurationError, StageFailed
from hub.migration.attempt import Migrating
from hub.migration.reading.chunks import chunks_of, cut_chunks, delta_chunk, read_until
from schemas.migration_tables import migration_chunk
from tests.migration.conftest import BEGUN, Begin

FIRST = datetime(2026, 2, 10, 3, tzinfo=UTC)


def nobody(request: WireRequest) -> WireResponse:
    raise AssertionError(f"nobody asks {request.url}")


@pytest.fixture
def m(begin: Begin, tmp_path: Any) -> Migrating:
    (tmp_path / "sandbox").mkdir()
    account = {"host": "https://peer.test", "login": "hub", "password": "x", "extra": {"client_id": "hub"}}
    names = ("vnpt_can_tho_cu", "viettel_hau_giang", "fpt_soc_trang")
    (tmp_path / "sandbox" / "connections.json").write_bytes(orjson.dumps(dict.fromkeys(names, account)))
    return begin(transport=nobody)


def begins(m: Migrating, source: str, first: datetime) -> None:
    """As if the source's file said that nothing changed before this."""
    hub = m.source(source)
    hub.province = hub.province.model_copy(update={"earliest": first})


def done(m: Migrating, *numbers: int) -> None:
    with m.engine.begin() as connection:
        connection.execute(update(migration_chunk).where(migration_chunk.c.number.in_(numbers)).values(state="done"))


def test_windows_overlap_by_the_sources_own_overlap_and_reach_from_the_beginning_to_the_mark(m: Migrating) -> None:
    begins(m, "hau_giang", FIRST)
    assert cut_chunks(m, "hau_giang") == [("hau_giang", number) for number in range(1, 6)]
    windows = [(one.since, one.until) for one in chunks_of(m)]
    assert (windows[0][0], windows[-1][1]) == (None, BEGUN)
    assert all(since == before - timedelta(minutes=30) for (_, before), (since, _) in pairwise(windows))
    assert all(until - since <= timedelta(days=31) for since, until in windows[1:] if since)


def test_chunks_are_cut_once_whatever_has_become_of_them(m: Migrating) -> None:
    begins(m, "hau_giang", FIRST)
    cut_chunks(m, "hau_giang")
    done(m, 1, 3)
    assert [number for _, number in cut_chunks(m, "hau_giang")] == [2, 4, 5]
    assert len(chunks_of(m)) == 5


def test_a_list_that_only_comes_newest_first_is_one_chunk(m: Migrating) -> None:
    begins(m, "can_tho_cu", FIRST)
    assert cut_chunks(m, "can_tho_cu") == [("can_tho_cu", 1)]
    assert [(one.since, one.until) for one in chunks_of(m)] == [(None, BEGUN)]


def test_a_long_history_is_cut_into_longer_chunks_not_into_more(m: Migrating) -> None:
    begins(m, "soc_trang", datetime(1995, 1, 1, tzinfo=UTC))
    assert 100 < len(cut_chunks(m, "soc_trang")) <= 120
    assert chunks_of(m)[-1].until == BEGUN


def test_a_history_that_begins_behind_the_mark_is_one_chunk(m: Migrating) -> None:
    begins(m, "soc_trang", BEGUN + timedelta(days=1))
    assert len(cut_chunks(m, "soc_trang")) == 1


def test_a_queue_is_refused_with_what_may_be_done(m: Migrating) -> None:
    source = m.source("can_tho_cu").source
    queue = Queue(by="queue", acknowledge="taken")
    stream = source.spec.streams["dossiers"].model_copy(update={"pages": queue})
    source.spec = source.spec.model_copy(update={"streams": {"dossiers": stream}})
    with pytest.raises(ConfigurationError, match="gives each dossier once"):
        cut_chunks(m, "can_tho_cu")


def test_a_delta_goes_on_where_the_source_was_read_less_the_overlap(m: Migrating) -> None:
    m.source("can_tho_cu")
    m.plan = m.plan.model_copy(update={"sources": m.plan.sources[:1]})
    cut_chunks(m, "can_tho_cu")
    with pytest.raises(StageFailed, match="history of can_tho_cu is not read"):
        delta_chunk(m, "can_tho_cu", BEGUN + timedelta(hours=1))
    done(m, 1)
    later = BEGUN + timedelta(hours=1)
    assert delta_chunk(m, "can_tho_cu", later) == 2
    delta = chunks_of(m)[-1]
    assert (delta.kind, delta.since, delta.until) == ("delta", BEGUN - timedelta(minutes=30), later)
    assert delta_chunk(m, "can_tho_cu", later + timedelta(hours=1)) == 2, "one that was begun comes first"
    assert read_until(m) == BEGUN
    done(m, 1, 2)
    assert (read_until(m), delta_chunk(m, "can_tho_cu", later, "final")) == (later, 3)


def test_a_delta_begins_at_the_newest_change_that_was_seen_when_the_sources_clock_is_behind(m: Migrating) -> None:
    seen = BEGUN - timedelta(days=140)
    m.source("can_tho_cu")
    m.plan = m.plan.model_copy(update={"sources": m.plan.sources[:1]})
    cut_chunks(m, "can_tho_cu")
    done(m, 1)
    with m.engine.begin() as connection:
        told = {"newest": seen.astimezone(UTC).isoformat()}
        connection.execute(update(migration_chunk).filter_by(number=1).values(counts=told))
    delta_chunk(m, "can_tho_cu", BEGUN + timedelta(hours=1))
    assert chunks_of(m)[-1].since == seen - timedelta(minutes=30)


def test_where_no_file_says_it_the_oldest_record_tells_when_the_history_begins(
    m: Migrating, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, asked = m.source("hau_giang"), list[Any]()
    hub.province = hub.province.model_copy(update={"earliest": None})
    stream = hub.source.spec.streams["dossiers"]
    no_first = stream.window.model_copy(update={"earliest": None}) if stream.window else None
    streams = {"dossiers": stream.model_copy(update={"window": no_first})}
    hub.source.spec = hub.source.spec.model_copy(update={"streams": streams})

    class Oldest:
        def records(self) -> Iterator[dict[str, str]]:
            return iter([{"ngayCapNhat": "20/04/2026 08:00:00"}])

    def pull(stream: str, window: Window, *, rows: int) -> Iterator[Oldest]:
        asked.append((window.since, window.until, rows))
        return iter([Oldest()])

    monkeypatch.setattr(hub.source, "pull", pull)
    assert len(cut_chunks(m, "hau_giang")) == 3
    assert asked == [(None, BEGUN, 1)]
    assert chunks_of(m)[0].until == datetime(2026, 5, 20, 16, 30, tzinfo=UTC), "31 days from midnight, less the overlap"
