"""The import's spec is held to the sandbox's import by the checks that every system must pass."""

from datetime import UTC, datetime
from pathlib import Path

from connectors import Connector, Hosts, Peer, WireRequest, WireResponse, load_spec
from connectors.conformance import Ground, conform
from tests.connectors.conftest import SPECS
from tests.sandbox.conftest import make_bench


def test_the_import_conforms_to_its_spec_and_is_handed_nothing(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)
    http = bench.client("can_tho")
    said = bench.account("vnpt_import_can_tho")

    def transport(request: WireRequest) -> WireResponse:
        path = request.url.removeprefix("http://peer.test")
        found = (
            http.get(path, None, dict(request.headers))
            if request.method == "GET"
            else http.post(path, content=request.body or b"", headers=dict(request.headers))
        )
        return WireResponse(found.status, found.body, found.headers)

    connector = Connector(
        load_spec(SPECS / "vnpt_import.yaml"),
        Peer("import", "http://peer.test", said["login"], said["password"], said.get("extra") or {}),
        clock=lambda: datetime.fromtimestamp(bench.clock(), UTC),
        sleep=lambda seconds: None,
        transport=transport,
        hosts=Hosts(),
    )
    found = list(conform(Ground(connector, until=datetime(2026, 7, 1, tzinfo=UTC)), list(connector.spec.streams)))
    assert [one for one in found if one.outcome == "fail"] == []
    passed = {(one.check, one.about) for one in found if one.outcome == "pass"}
    assert {("wrong_login", ""), ("expired_token", "")} <= passed
    assert ("unknown_code", "find") in passed
    rows = http.get("/_sandbox/ledger/imported").json()["rows"]
    assert rows == []
