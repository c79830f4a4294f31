"""A province whose system is a queue: acknowledged only what is on disk, and nothing lost whenever it breaks off."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from connectors import Connector, Hosts, Peer, Spec, Window, WireRequest, WireResponse
from connectors.wire.transport import NoAnswer
from hub import pages as pages_module
from hub.context import Hub
from hub.errors import StageFailed
from hub.status import province_status
from hub.sync import sync
from tests.conftest import Sandbox

ROWS = 40
LANDED = "SELECT count(*) FROM message WHERE stream = 'dossiers' AND error IS NULL"


class Waiting:
    """A queue of a province's dossiers; it notes how many pages were landed when one is acknowledged."""

    def __init__(self, hub: Hub, records: list[dict[str, Any]]) -> None:
        self.hub = hub
        self.waiting = {record["id"]: record for record in records}
        self.landed: list[int] = []
        self.reads = 0
        self.fails_at: int | None = None

    def __call__(self, request: WireRequest) -> WireResponse:
        if not request.url.endswith("/done"):
            self.reads += 1
            rows = list(self.waiting.values())[:ROWS]
            return WireResponse(200, orjson.dumps({"content": rows}), {"Content-Type": "application/json"})
        with self.hub.engine.connect() as connection:
            self.landed.append(int(connection.scalar(text(LANDED)) or 0))
        if len(self.landed) == self.fails_at:
            raise NoAnswer("no answer within 60 s", timeout=True)
        for key in orjson.loads(request.body or b"")["ids"]:
            self.waiting.pop(key, None)
        return WireResponse(200, b"{}", {"Content-Type": "application/json"})


@pytest.fixture
def queue(lao_cai: Hub, sandbox: Sandbox) -> Iterator[Waiting]:
    """All dossiers of the sandbox's REST province, waiting in a queue that its hub reads instead."""
    records = [
        record for page in lao_cai.source.pull("dossiers", Window(None, lao_cai.clock())) for record in page.records()
    ]
    peer = Waiting(lao_cai, list({record["id"]: record for record in records}.values()))
    stream = {
        "get": "waiting",
        "records": "content",
        "key": "id",
        "changed": "updatedDate",
        "pages": {"by": "queue", "acknowledge": "mark"},
    }
    spec = Spec.model_validate(
        {
            "system": "a_queue",
            "transport": "rest",
            "limits": {"per_second": 1000},
            "streams": {"dossiers": stream},
            "operations": {"mark": {"post": "done", "body": {"ids": "{keys}"}, "writes": True}},
        }
    )
    lao_cai.__dict__["source"] = Connector(
        spec, Peer("queue", "http://queue.test"), transport=peer, hosts=Hosts(), sleep=lambda seconds: None
    )
    yield peer


def complete(hub: Hub, sandbox: Sandbox, dossiers: int) -> None:
    status = province_status(hub.engine, hub.slug)
    assert status["pulled"] == dossiers == status["delivered"] + status["held"]
    assert len(sandbox.sent()) == status["delivered"]
    assert not sandbox.ledger("sins")


def test_each_page_is_acknowledged_once_it_is_on_disk_and_none_is_read_ahead(
    lao_cai: Hub, queue: Waiting, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    dossiers, land, waits = len(queue.waiting), pages_module.land, list[bool]()

    def noted(*words: Any, durable: bool) -> int:
        waits.append(durable)
        return land(*words, durable=durable)

    monkeypatch.setattr(pages_module, "land", noted)
    sync(lao_cai)
    assert waits and all(waits)
    pages = -(-dossiers // ROWS)
    assert queue.landed == list(range(1, pages + 1))
    assert (queue.reads, queue.waiting) == (pages + 1, {})
    complete(lao_cai, sandbox, dossiers)


def test_records_that_changed_outside_the_window_are_taken_from_a_queue_all_the_same(
    lao_cai: Hub, queue: Waiting, sandbox: Sandbox
) -> None:
    dossiers = len(queue.waiting)
    late = queue.waiting.copy()
    queue.waiting = dict(list(late.items())[:10])
    sync(lao_cai)
    # By now the cursor stands behind all of these changes.
    queue.waiting = dict(list(late.items())[10:])
    sync(lao_cai)
    assert queue.waiting == {}, "each was acknowledged once it had landed"
    complete(lao_cai, sandbox, dossiers)


def test_an_acknowledgement_that_fails_keeps_what_landed_and_names_its_page(
    lao_cai: Hub, queue: Waiting, sandbox: Sandbox
) -> None:
    dossiers = len(queue.waiting)
    queue.fails_at = 2
    with pytest.raises(StageFailed) as failed:
        sync(lao_cai)
    assert failed.value.where.endswith("page 2")
    with lao_cai.engine.connect() as connection:
        assert connection.scalar(text(LANDED)) == 2
    assert len(queue.waiting) == dossiers - ROWS
    sync(lao_cai)
    assert not queue.waiting
    complete(lao_cai, sandbox, dossiers)


def test_a_crash_between_landing_and_acknowledging_only_repeats_the_page(
    lao_cai: Hub, queue: Waiting, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    dossiers, land = len(queue.waiting), pages_module.land

    def dies(*words: Any, **more: Any) -> int:
        land(*words, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(pages_module, "land", dies)
    with pytest.raises(KeyboardInterrupt):
        sync(lao_cai)
    assert (queue.landed, len(queue.waiting)) == ([], dossiers)
    monkeypatch.setattr(pages_module, "land", land)
    sync(lao_cai)
    assert not queue.waiting
    complete(lao_cai, sandbox, dossiers)


def test_a_dry_run_acknowledges_nothing(lao_cai: Hub, queue: Waiting, sandbox: Sandbox) -> None:
    dossiers = len(queue.waiting)
    sync(lao_cai, dry_run=True)
    assert (queue.landed, queue.reads, len(queue.waiting)) == ([], 1, dossiers)
    assert not sandbox.sent()
