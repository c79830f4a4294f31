"""The provincial peers speak their wire as their documents say, and fail in the ways that were armed."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from sandbox import onegate_service
from sandbox.dirt import HELD, WARNED
from sandbox.system import Served
from sandbox.timeline import append_journal
from sandbox.viettel import WSDL_FILE
from sandbox.vnpt import TOKEN_PATH

NS = {"m": onegate_service.NAMESPACE}
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"


class Rest:
    """A caller of the iGate peer with a token."""

    def __init__(self, bench, slug="lao_cai"):
        self.bench, self.http, self.slug = bench, bench.client(slug), slug
        self.headers = {"Authorization": f"Bearer {self.token().json()['access_token']}"}

    def token(self, **other):
        account = self.bench.account(f"vnpt_{self.slug}")
        form = {
            "grant_type": "password",
            "client_id": account["extra"]["client_id"],
            "username": account["login"],
            "password": account["password"],
        } | other
        return self.http.post(TOKEN_PATH, content="&".join(f"{k}={v}" for k, v in form.items()).encode())

    def search(self, **query):
        return self.http.get("/pa/dossier/search", {"spec": "slice", **query}, self.headers)

    def all(self, size=200, **query):
        found, page = [], 0
        while True:
            body = self.search(page=page, size=size, **query).json()
            assert body["number"] == page
            found += body["content"]
            if body["last"]:
                return found
            page += 1


class Soap:
    """A caller of the one-gate peer; `nonce` numbers every request."""

    def __init__(self, bench, slug="quang_ngai"):
        self.bench, self.http, self.slug, self.nonce = bench, bench.client(slug), slug, 0
        bench.clock.now = datetime(2026, 7, 1, tzinfo=UTC).timestamp()

    def call(self, operation, password=None, nonce=None, age=0, **params):
        account = self.bench.account(f"viettel_{self.slug}")
        self.nonce += 1
        raw = nonce or f"nonce-{self.nonce}".encode()
        created = datetime.fromtimestamp(self.bench.clock.now - age, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        secret = password or account["password"]
        digest = base64.b64encode(hashlib.sha1(raw + created.encode() + secret.encode()).digest()).decode()
        inside = "".join(f"<{k}>{v}</{k}>" for k, v in params.items())
        body = f"""<s:Envelope xmlns:s="{onegate_service.ENVELOPE}"><s:Header><w:Security xmlns:w="{WSSE}">
            <w:UsernameToken><w:Username>{account["login"]}</w:Username>
            <w:Password Type="http://docs.oasis-open.org/x#PasswordDigest">{digest}</w:Password>
            <w:Nonce>{base64.b64encode(raw).decode()}</w:Nonce><u:Created xmlns:u="{WSU}">{created}</u:Created>
            </w:UsernameToken></w:Security></s:Header>
            <s:Body><{operation} xmlns="{NS["m"]}">{inside}</{operation}></s:Body></s:Envelope>"""
        return self.http.post(onegate_service.PATH, content=body.encode(), headers={"content-type": "text/xml"})

    def search(self, since="01/01/2020 00:00:00", until="31/12/2026 00:00:00", page=1, size=100, **other):
        return self.call("TraCuuDanhSachHoSo", **other, tuNgay=since, denNgay=until, trang=page, kichThuoc=size)

    def page(self, **query):
        tree = etree.fromstring(self.search(**query).body)
        records = tree.findall(".//m:HoSo", NS)
        return int(tree.findtext(".//m:tongSo", "", NS)), [
            (r.findtext("m:maHoSo", namespaces=NS), r.findtext("m:ngayCapNhat", namespaces=NS)) for r in records
        ]

    def all(self, size=150, **query):
        found, page = [], 1
        while True:
            total, rows = self.page(page=page, size=size, **query)
            found += rows
            if page * size >= total:
                return found
            page += 1


def fault(answer):
    tree = etree.fromstring(answer.body)
    return answer.status, tree.findtext(".//faultcode"), tree.findtext(".//faultstring")


@pytest.fixture
def rest(bench):
    return Rest(bench)


@pytest.fixture
def soap(bench):
    return Soap(bench)


def test_a_token_lives_300_seconds(rest):
    assert rest.search(page=0, size=1).status == 200
    rest.bench.clock.now += 299
    assert rest.search(page=0, size=1).status == 200
    rest.bench.clock.now += 1
    assert rest.search(page=0, size=1).status == 401


def test_a_wrong_password_or_client_gets_no_token(rest):
    refused = rest.token(password="wrong")
    assert (refused.status, refused.json()["error"]) == (401, "invalid_grant")
    assert rest.token(client_id="x").json()["error"] == "invalid_client"
    assert rest.http.get("/bd/procedure").status == 401


@pytest.mark.parametrize("days", [0, 2])
def test_slices_hold_every_record_newest_first(rest, days):
    for day in range(1, days + 1):
        append_journal(rest.bench.folder.journal, {"day": day})
    records = rest.all(size=70)
    changed = [r["updatedDate"] for r in records]
    assert changed == sorted(changed, reverse=True)
    status = rest.http.get("/_sandbox/status").json()
    assert len(records) == status["records"]
    assert len({r["code"] for r in records}) == status["dossiers"]
    assert len({(r["id"], r["updatedDate"]) for r in records}) == len(records)
    assert Served.count(rest.bench.folder.served("lao_cai")) == status["dossiers"]


def test_a_slice_has_no_total_and_a_known_shape(rest):
    body = rest.search(page=2, size=10, sort="updatedDate,desc").json()
    assert {k: v for k, v in body.items() if k != "content"} == {
        "number": 2,
        "size": 10,
        "numberOfElements": 10,
        "first": False,
        "last": False,
    }
    assert rest.search(page="x", size=10).status == 400
    assert rest.search(page=9999, size=10).json()["content"] == []


def test_accepted_dates_narrow_the_search(rest):
    window = {"accepted-from": "2026-06-01T00:00:00.000Z", "accepted-to": "2026-06-10T00:00:00.000Z"}
    found = {r["id"] for r in rest.all(**window)}
    everything = rest.all()
    asked = {
        r["id"]
        for r in everything
        if r["acceptedDate"] and "2026-06-01T00:00" <= r["acceptedDate"] <= "2026-06-10T00:00:00.000"
    }
    assert asked
    assert asked <= found
    assert len(found) < len(everything) / 2


def test_one_record_is_given_by_its_id(rest):
    record = rest.search(page=0, size=1).json()["content"][0]
    assert rest.http.get(f"/pa/dossier/{record['id']}/--online", None, rest.headers).json() == record
    assert rest.http.get(f"/pa/dossier/{'f' * 24}/--online", None, rest.headers).status == 404


def test_the_local_procedures_are_paged(rest):
    found, page = [], 0
    while True:
        body = rest.http.get("/bd/procedure", {"page": page, "size": 500, "spec": "slice"}, rest.headers).json()
        found += body["content"]
        if body["last"]:
            break
        page += 1
    planted = rest.http.get("/_sandbox/procedures").json()
    assert len(found) == planted["counts"]["listed"]
    assert {p["code"] for p in found} >= set(planted["unknown"])


def test_labels_name_the_dirty_dossiers_that_are_served(rest):
    labels = rest.http.get("/_sandbox/labels").json()
    status = rest.http.get("/_sandbox/status").json()
    assert len(labels) == status["labelled_dirty"] + status["labelled_warned"]
    assert sum(kind in HELD for kind in labels.values()) == status["expected_held"]
    assert set(labels) <= {r["code"] for r in rest.all()}
    detail = rest.http.get("/_sandbox/labels", {"detail": 1}).json()
    assert {v["outcome"] for v in detail.values()} == {"held", "delivered"}
    warned = {code: v["kind"] for code, v in detail.items() if v["warned"]}
    assert set(warned.values()) == set(WARNED)
    assert all(detail[code]["outcome"] == "delivered" for code in warned)
    assert status["warned"] == {kind: list(warned.values()).count(kind) for kind in WARNED}


def test_the_served_wsdl_is_the_committed_one_and_spyne_agrees(soap):
    served = soap.http.get(f"{onegate_service.PATH}?wsdl")
    assert served.body == WSDL_FILE.read_bytes()
    assert onegate_service.wsdl() == WSDL_FILE.read_bytes()


def test_a_digest_is_checked_and_a_nonce_serves_once(soap):
    assert soap.search(size=1).status == 200
    assert fault(soap.search(size=1, password="wrong"))[:2] == (500, "wsse:FailedAuthentication")
    assert soap.search(size=1, nonce=b"again").status == 200
    assert "nonce" in fault(soap.search(size=1, nonce=b"again"))[2]
    assert "Created" in fault(soap.search(size=1, age=400))[2]
    soap.bench.clock.now += 1000
    assert soap.search(size=1, nonce=b"again").status == 200
    bare = soap.http.post(onegate_service.PATH, content=b"<LayChiTietHoSo/>")
    assert fault(bare)[2].startswith("Authentication failed: ")


@pytest.mark.parametrize("days", [0, 2])
def test_pages_hold_every_record_oldest_first(soap, days):
    for day in range(1, days + 1):
        append_journal(soap.bench.folder.journal, {"day": day})
    records = soap.all(size=70)
    labels = soap.http.get("/_sandbox/labels").json()
    status = soap.http.get("/_sandbox/status").json()
    assert len(records) == status["records"]
    assert len({code for code, _ in records}) == status["dossiers"]
    fresh = [datetime.strptime(at, "%d/%m/%Y %H:%M:%S") for code, at in records if labels.get(code) != "stale_copy"]
    assert fresh == sorted(fresh)
    assert Served.count(soap.bench.folder.served("quang_ngai")) == status["dossiers"]


def test_a_window_counts_and_holds_its_own(soap):
    everything = soap.all()
    at = everything[400][1]
    total, rows = soap.page(since=at, size=1000)
    assert total == len(everything) - 400
    assert rows == everything[400:]
    total, rows = soap.page(until=at, size=1000)
    assert (total, rows) == (401, everything[:401])
    assert soap.page(since="01/07/2026 00:00:00")[0] == 0


def test_details_procedures_and_files_are_given(soap):
    code = soap.page(size=3)[1][2][0]
    detail = etree.fromstring(soap.call("LayChiTietHoSo", maHoSo=code).body)
    assert detail.findtext(".//m:LayChiTietHoSoResult/m:maHoSo", namespaces=NS) == code
    listed = etree.fromstring(soap.call("LayDanhSachThuTuc", trang=1, kichThuoc=50).body)
    assert len(listed.findall(".//m:ThuTuc", NS)) == 50
    assert b"noiDung" in soap.call("LayFileDinhKem", maTep="1-1.pdf").body


def test_a_wrong_request_is_a_client_fault(soap):
    assert fault(soap.call("LayChiTietHoSo", maHoSo="none"))[1].endswith("Client")
    assert fault(soap.search(since="2026-01-01"))[1].endswith("Client")
    status, code, text = fault(soap.search(size=5000))
    assert (status, code.endswith("Client.SchemaValidationError")) == (500, True)
    assert "kichThuoc" in text


def test_records_stand_in_the_order_of_the_contract(soap):
    schema = etree.fromstring(WSDL_FILE.read_bytes())
    xs = {"xs": "http://www.w3.org/2001/XMLSchema"}
    order = {
        name: [e.get("name") for e in schema.findall(f".//xs:complexType[@name='{name}']//xs:element", xs)]
        for name in ("HoSo", "GiayTo", "LePhi", "TienTrinh", "KetQua")
    }
    page = etree.fromstring(soap.search(size=300).body)
    for name, names in order.items():
        for element in page.iter(f"{{{NS['m']}}}{name}"):
            seen = [names.index(etree.QName(child).localname) for child in element]
            assert seen == sorted(seen)


@pytest.mark.parametrize("kind", ["down", "timeout", "reset"])
def test_a_broken_connection_breaks(rest, kind):
    rest.http.arm(operation="search", kind=kind)
    answer = rest.search(page=0, size=5)
    assert not answer.whole
    assert rest.search(page=0, size=5).whole


def test_a_spoiled_page_is_what_was_asked_for(soap, rest):
    rest.http.arm(operation="search", kind="html")
    assert b"502 Bad Gateway" in rest.search(page=0, size=5).body
    rest.http.arm(operation="search", kind="truncated")
    cut = rest.search(page=0, size=5).body
    assert rest.search(page=0, size=5).body.startswith(cut)
    rest.http.arm(operation="search", kind="http", status=503, retry_after=2)
    assert rest.search(page=0, size=5).status == 503
    rest.http.arm(operation="search", kind="expired", after=1)
    assert [rest.search(page=n, size=5).status for n in range(3)] == [200, 401, 401]
    soap.http.arm(operation="TraCuuDanhSachHoSo", kind="soap_fault", text="timeout")
    assert fault(soap.search()) == (500, "soap:Server", "timeout")
    soap.http.arm(operation="*", kind="wrong_password")
    assert fault(soap.search())[1] == "wsse:FailedAuthentication"


def test_unknown_words_appear_on_demand(soap, rest):
    rest.http.arm(operation="search", kind="unknown_field")
    assert all("truongMoi" in r for r in rest.search(page=0, size=5).json()["content"])
    rest.http.arm(operation="search", kind="unknown_status")
    assert rest.search(page=0, size=5).json()["content"][0]["dossierStatus"]["id"] > 19
    soap.http.arm(operation="*", kind="unknown_status")
    assert b"<trangThai>77<" in soap.search(size=5).body
    soap.http.arm(operation="*", kind="repeat_page", after=1)
    assert soap.page(page=1, size=5) == soap.page(page=2, size=5)


def test_a_page_comes_in_another_order(soap, rest):
    soap.http.arm(operation="*", kind="shuffle_page")
    mixed, straight = soap.page(size=9)[1], soap.page(size=9)[1]
    assert mixed != straight
    assert sorted(mixed) == sorted(straight)
    rest.http.arm(operation="search", kind="shuffle_page")
    first, again = (rest.search(page=0, size=9).json()["content"] for _ in range(2))
    assert first != again
    assert sorted(r["id"] for r in first) == sorted(r["id"] for r in again)


def test_a_quota_is_told_with_the_time_to_wait(rest):
    rest.http.arm(operation="search", kind="quota", seconds=3)
    refused = rest.search(page=0, size=5)
    assert (refused.status, refused.retry_after) == (429, "3")
    assert rest.search(page=0, size=5).status == 200


def test_records_move_while_they_are_paged(soap):
    before = soap.all()
    soap.http.arm(operation="*", kind="change_while_paging", after=1, records=3)
    until = "30/06/2026 16:59:59"
    first = soap.page(until=until, size=200)
    second = soap.page(until=until, page=2, size=200)
    assert second[0] == first[0] - 3
    seen = first[1] + second[1]
    assert before[200:203] != second[1][:3]
    assert before[203] == second[1][0]
    moved = set(before) - set(soap.all())
    assert len(moved) == 3
    assert len(set(seen) | set(before[200:203])) == len(set(seen)) + 3
    assert soap.http.get("/_sandbox/status").json()["dossiers"] == 1100


def test_calls_and_faults_are_in_the_ledger(rest):
    rest.http.arm(operation="search", kind="html")
    rest.search(page=3, size=5)
    rest.search(page=3, size=5)
    calls = rest.http.get("/_sandbox/ledger/calls").json()["rows"]
    assert [(c["operation"], c["fault"], c["rows"]) for c in calls] == [
        ("token", "", 0),
        ("search", "html", 0),
        ("search", "", 5),
    ]


def test_documents_say_every_fault_and_address():
    text = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    from sandbox.dirt import DELIVERED
    from sandbox.faults import COMMON, NATIONAL, SYSTEM, TARGET

    for word in (*COMMON, *SYSTEM, *TARGET, *NATIONAL, *HELD, *DELIVERED, *WARNED):
        assert f"`{word}`" in text, word
    source = "".join(p.read_text() for p in (Path(__file__).parents[2] / "sandbox").glob("*.py"))
    for address in set(re.findall(r'case "(/_sandbox/[\w/]+)"', source)):
        assert address in text, address
