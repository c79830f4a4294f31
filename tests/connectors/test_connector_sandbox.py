"""The three specs against the sandbox's peers on real HTTP, judged by what the peers wrote down."""

import json
from datetime import datetime

import pytest

from connectors import AuthRefused, BadAnswer, Connector, Hosts, Peer, PeerFault, PeerUnknown, Window, load_spec
from schemas.records import VIET_NAM
from tests.conftest import Sandbox
from tests.connectors.conftest import SPECS

WINDOW = Window(None, datetime(2026, 12, 31, tzinfo=VIET_NAM))
VNPT, VIETTEL, NATIONAL = "vnpt_lao_cai", "viettel_quang_ngai", "national"
SPEC_OF = {VNPT: "vnpt_igate", VIETTEL: "viettel_onegate", NATIONAL: "national_adapter"}


def connect(sandbox: Sandbox, name: str, **changed: str) -> Connector:
    known = json.loads((sandbox.home / "sandbox" / "connections.json").read_text("utf-8"))[name]
    known |= changed
    peer = Peer(name, known["host"], known["login"], known["password"], known["extra"], unit="H38")
    spec = load_spec(SPECS / f"{SPEC_OF[name]}.yaml")
    limits = spec.limits.model_copy(update={"timeout": 1.0, "wait": 0.01})
    return Connector(spec.model_copy(update={"limits": limits}), peer, hosts=Hosts())


def pulled(connector: Connector, window: Window = WINDOW) -> set[str]:
    pages = connector.pull("dossiers", window, rows=50)
    return {connector.key_of("dossiers", record) for page in pages for record in page.records()}


def newest(connector: Connector) -> datetime:
    """The last change that a pull shows."""
    records = [record for page in connector.pull("dossiers", WINDOW, rows=50) for record in page.records()]
    return max(at for record in records if (at := connector.changed_of("dossiers", record)))


@pytest.mark.dossiers(150)
def test_the_specs_hold_against_the_peers_and_the_faults_they_can_make(sandbox: Sandbox) -> None:
    for name in SPEC_OF:
        lines = connect(sandbox, name).check()
        assert [line for line in lines if not line.ok] == []
        assert len(lines) > 4

    whole = {name: pulled(connect(sandbox, name)) for name in (VNPT, VIETTEL)}
    served = sandbox.status()["systems"]
    assert len(whole[VIETTEL]) == served["quang_ngai"]["served"] > 100

    search = {VNPT: "search", VIETTEL: "TraCuuDanhSachHoSo"}
    for name in (VNPT, VIETTEL):
        for kind in ("expired", "timeout", "reset", "down", "http"):
            sandbox.fault(name, operation=search[name], kind=kind, after=1)
            assert pulled(connect(sandbox, name)) == whole[name], kind
        for kind in ("html", "truncated"):
            sandbox.fault(name, operation=search[name], kind=kind, after=2)
            with pytest.raises(BadAnswer) as caught:
                pulled(connect(sandbox, name))
            assert (caught.value.page, caught.value.peer) == (3, name)
        # Rows change while they are paged. Oldest first: all are in this pull. Newest first: those that jumped ahead
        # are in the next one, whose window starts at the last change this one saw.
        before = newest(connect(sandbox, name))
        sandbox.fault(name, operation=search[name], kind="change_while_paging", after=2, records=20)
        seen = pulled(connect(sandbox, name))
        if name == VNPT:
            seen |= pulled(connect(sandbox, name), Window(before, WINDOW.until))
        assert seen == whole[name]

    sandbox.fault(VNPT, operation="search", kind="repeat_page", after=2)
    assert pulled(connect(sandbox, VNPT)) == whole[VNPT], "a page that came twice was asked for again"
    sandbox.fault(VIETTEL, operation=search[VIETTEL], kind="soap_fault", after=1)
    with pytest.raises(PeerFault, match="Object reference"):
        pulled(connect(sandbox, VIETTEL))
    for name in SPEC_OF:
        with pytest.raises(AuthRefused):
            connector = connect(sandbox, name, password="wrong")
            connector.call("look_up", code="A") if name == NATIONAL else pulled(connector)


def test_national_calls_are_judged_as_the_peer_meant_them(sandbox: Sandbox) -> None:
    national = connect(sandbox, NATIONAL)
    assert national.call("look_up", code="H38.15-260101-00001").kind == "not_found"
    sandbox.fault(NATIONAL, operation="TraCuuHoSo", kind="json_in_string")
    assert national.call("look_up", code="H38.15-260101-00001").kind == "not_found"
    sandbox.fault(NATIONAL, operation="TraCuuHoSo", kind="session_expired")
    assert national.call("look_up", code="H38.15-260101-00001").kind == "not_found"
    refused = national.call("put_dossier", updating=False, dossiers=[{"MaHoSo": "H38.15-260101-00001"}])
    assert (refused.kind, refused.code) == ("hold", "-2")
    before = len([row for row in sandbox.ledger("calls") if row["service"] == "DongBoHoSoMC"])
    for kind in ("timeout_after", "reset", "html", "truncated"):
        sandbox.fault(NATIONAL, operation="DongBoHoSoMC", kind=kind)
        with pytest.raises(PeerUnknown):
            national.call("put_dossier", updating=False, dossiers=[{"MaHoSo": "H38.15-260101-00001"}])
    after = len([row for row in sandbox.ledger("calls") if row["service"] == "DongBoHoSoMC"])
    assert after - before == 4, "each write left exactly once"
