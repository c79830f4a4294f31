"""A peer that really counts its calls, and a connector that was told a higher limit: both in one time, no network."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from connectors import Connector, Hosts, Peer, Window, WireRequest, WireResponse, load_spec
from sandbox.mobifone import BURST, PER_SECOND
from tests.connectors.conftest import SPECS
from tests.sandbox.conftest import Bench, Client, make_bench

NOW = datetime(2026, 7, 6, tzinfo=UTC)
PARTS = ("supplements", "attachments", "postal")


class Gateway:
    """A transport to a MobiFone peer in this process. A peer keeps its ledger in one thread, as it does when served."""

    def __init__(self, bench: Bench) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._client: Client = self._thread.submit(bench.client, "thai_nguyen").result()

    def __call__(self, request: WireRequest) -> WireResponse:
        return self._thread.submit(self._answer, request).result()

    def control(self, path: str, **params: Any) -> Any:
        return self._thread.submit(lambda: self._client.get(f"/_sandbox/{path}", params).json()).result()

    def _answer(self, request: WireRequest) -> WireResponse:
        parts = urlsplit(request.url)
        path, headers = f"{parts.path}?{parts.query}", dict(request.headers)
        if request.method == "GET":
            answer = self._client.get(path, headers=headers)
        else:
            answer = self._client.post(path, content=request.body or b"{}", headers=headers)
        return WireResponse(answer.status, answer.body, answer.headers)


def connector_at(gateway: Gateway, bench: Bench, naps: list[float]) -> Connector:
    """A connector that asks as fast as it can; its time is the peer's, and passes only when it waits."""

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        bench.clock.now += seconds

    spec = load_spec(SPECS / "mobifone_onegate.yaml")
    hasty = spec.limits.model_copy(update={"per_second": 5000.0, "burst": 5000})
    pages = spec.streams["dossiers"].pages.model_copy(update={"rows": 3})
    streams = {**spec.streams, "dossiers": spec.streams["dossiers"].model_copy(update={"pages": pages})}
    account = bench.account("mobifone_thai_nguyen")
    return Connector(
        spec.model_copy(update={"limits": hasty, "streams": streams}),
        Peer("mobifone_thai_nguyen", "http://lgsp.test", account["login"], account["password"], account["extra"]),
        clock=lambda: NOW,
        ticks=bench.clock,
        sleep=sleep,
        transport=gateway,
        hosts=Hosts(),
        random=Random(7),
    )


def test_over_the_quota_the_connector_waits_as_it_is_told_and_reads_everything(tmp_path: Path) -> None:
    bench, naps = make_bench(tmp_path, size=400), list[float]()
    gateway = Gateway(bench)
    connector = connector_at(gateway, bench, naps)
    started = bench.clock.now
    records = [record for page in connector.pull("dossiers", Window(None, NOW)) for record in page.records()]

    status = gateway.control("status")
    assert len(records) == status["records"] and len({one["soHoSo"] for one in records}) == status["dossiers"]
    assert all(isinstance(record[part], list) for record in records for part in PARTS)
    calls = gateway.control("ledger/calls", limit=10_000)["rows"]
    answered = [call for call in calls if call["status"] == 200]
    refused = [call for call in calls if call["status"] == 429]
    assert len(answered) > 500 > BURST, "the sandbox is too small for this test"
    assert 0 < len(refused) <= 4 * len(naps), "a refused call waits, and the others with it"
    assert set(naps) == {1.0}, "Retry-After is what is waited for"
    assert bench.clock.now - started >= (len(answered) - BURST) / PER_SECOND, "nothing was had beyond the quota"
