"""Both generations of FPT eGov speak their wire as their documents would say, and fail in the ways that were armed."""

import hashlib
import hmac
import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from sandbox import fpt_service
from sandbox.calendar import FIRST_NOW, VIET_NAM
from sandbox.fpt_rest import BASE
from sandbox.fpt_soap import WSDL_FILE
from sandbox.statuses import FPT
from sandbox.system import Served
from sandbox.timeline import append_journal

NS = {"t": fpt_service.NAMESPACE}
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
DIFFGRAM = "urn:schemas-microsoft-com:xml-diffgram-v1"
NOW_MS = FIRST_NOW.timestamp() * 1000


class Rest:
    """A caller of the REST peer that signs as the document says."""

    def __init__(self, bench):
        self.bench, self.http = bench, bench.client("thanh_hoa")
        account = bench.account("fpt_thanh_hoa")
        self.key, self.secret = account["login"], account["password"]

    def get(self, path, key=None, secret=None, age=0, signed_path=None, **query):
        stamp = str(int((self.bench.clock.now - age) * 1000))
        text = "\n".join(("GET", BASE + (signed_path or path), stamp, hashlib.sha256(b"").hexdigest()))
        signature = hmac.new((secret or self.secret).encode(), text.encode(), hashlib.sha256).hexdigest()
        headers = {"X-Api-Key": key or self.key, "X-Timestamp": stamp, "X-Signature": signature}
        return self.http.get(BASE + path, query, headers)

    def page(self, **query):
        body = self.get("/dossiers", **query).json()
        assert (body["success"], body["errors"]) == (True, [])
        return body["data"]["items"], body["data"]["nextCursor"]

    def all(self, path="/dossiers", limit=150, **query):
        found, cursor = [], None
        while True:
            data = self.get(path, limit=limit, **query, **({"cursor": cursor} if cursor else {})).json()["data"]
            found += data["items"]
            cursor = data["nextCursor"]
            if cursor is None:
                return found


class Soap:
    """A caller of the SOAP peer with a token in its header."""

    def __init__(self, bench, slug="son_la"):
        self.bench, self.http, self.slug = bench, bench.client(slug), slug
        self.token = self.result(self.login(), "Login")

    def login(self, **other):
        account = self.bench.account(f"fpt_{self.slug}")
        return self.call("Login", **{"userName": account["login"], "password": account["password"]} | other)

    def call(self, operation, token=None, action=None, **params):
        inside = "".join(f"<{k}>{v}</{k}>" for k, v in params.items())
        head = f'<AuthHeader xmlns="{NS["t"]}"><Token>{token}</Token></AuthHeader>' if token else ""
        body = f"""<s:Envelope xmlns:s="{ENVELOPE}"><s:Header>{head}</s:Header>
            <s:Body><{operation} xmlns="{NS["t"]}">{inside}</{operation}></s:Body></s:Envelope>"""
        headers = {"content-type": "text/xml", "SOAPAction": f'"{NS["t"]}{action or operation}"'}
        return self.http.post(fpt_service.PATH, content=body.encode(), headers=headers)

    def search(self, since="2026-06-01T00:00:00+07:00", until="2026-07-01T00:00:00+07:00", **other):
        return self.call("GetDanhSachHoSo", token=self.token, fromDate=since, toDate=until, **other)

    def result(self, answer, operation):
        return etree.fromstring(answer.body).findtext(f".//t:{operation}Result", namespaces=NS)

    def rows(self, *window):
        gram = opened(self.result(self.search(*window), "GetDanhSachHoSo")).find(f"{{{DIFFGRAM}}}diffgram")
        return gram.findall("NewDataSet/HoSo")

    def all(self):
        found, since = [], datetime(2026, 1, 1, tzinfo=VIET_NAM)
        while since < datetime(2026, 7, 5, tzinfo=VIET_NAM):
            until = since + timedelta(days=31)
            found += self.rows(since.isoformat(), (until - timedelta(seconds=1)).isoformat())
            since = until
        return found


def opened(text):
    assert text.startswith('<?xml version="1.0" encoding="utf-16"?>')
    return etree.fromstring(text.partition("?>")[2])


def fault(answer):
    tree = etree.fromstring(answer.body)
    return answer.status, tree.findtext(".//faultcode", "").partition(":")[2], tree.findtext(".//faultstring")


def refusal(answer):
    body = answer.json()
    assert body["success"] is False
    return answer.status, body["errors"][0]["code"]


@pytest.fixture
def rest(bench):
    return Rest(bench)


@pytest.fixture
def soap(bench):
    return Soap(bench)


def test_a_signature_is_checked(rest):
    assert rest.get("/dossiers", limit=1).status == 200
    assert refusal(rest.get("/dossiers", key="x")) == (401, "AUTH_KEY")
    assert refusal(rest.get("/dossiers", secret="x")) == (401, "AUTH_SIGNATURE")
    assert refusal(rest.get("/dossiers", signed_path="/procedures")) == (401, "AUTH_SIGNATURE")
    assert rest.get("/dossiers", age=300).status == 200
    assert refusal(rest.get("/dossiers", age=301)) == (401, "AUTH_TIMESTAMP")
    assert refusal(rest.get("/dossiers", age=-301)) == (401, "AUTH_TIMESTAMP")
    assert refusal(rest.http.get(f"{BASE}/dossiers")) == (401, "AUTH_KEY")


@pytest.mark.parametrize("days", [0, 2])
def test_a_cursor_leads_through_every_record_oldest_change_first(rest, days):
    for day in range(1, days + 1):
        append_journal(rest.bench.folder.journal, {"day": day})
    records = rest.all(limit=70)
    labels = rest.http.get("/_sandbox/labels").json()
    status = rest.http.get("/_sandbox/status").json()
    assert len(records) == status["records"]
    assert len({r["dossierCode"] for r in records}) == status["dossiers"]
    assert len({(r["dossierId"], r["modifiedAt"]) for r in records}) == len(records)
    fresh = [r["modifiedAt"] for r in records if labels.get(r["dossierCode"]) != "stale_copy"]
    assert fresh == sorted(fresh)
    assert Served.count(rest.bench.folder.served("thanh_hoa")) == status["dossiers"]


def test_modified_times_narrow_the_search_and_are_not_inside_it(rest):
    everything = rest.all()
    after, before = everything[300]["modifiedAt"], everything[400]["modifiedAt"]
    assert rest.all(modifiedAfter=after, modifiedBefore=before) == everything[301:400]
    assert rest.all(modifiedAfter=after - 1, modifiedBefore=before + 1) == everything[300:401]
    assert refusal(rest.get("/dossiers", modifiedAfter="2026-06-01")) == (400, "INVALID_PARAM")
    assert refusal(rest.get("/dossiers", limit=501)) == (400, "INVALID_PARAM")
    assert refusal(rest.get("/dossiers", cursor="###")) == (400, "INVALID_PARAM")


def test_a_cursor_loses_nothing_while_records_move(rest):
    before = {r["dossierId"] for r in rest.all()}
    rest.http.arm(operation="search", kind="change_while_paging", after=1, records=9)
    first, cursor = rest.page(limit=200)
    second, following = rest.page(limit=200, cursor=cursor)
    rest_of_it = []
    while following:
        items, following = rest.page(limit=200, cursor=following)
        rest_of_it += items
    assert {r["dossierId"] for r in [*first, *second, *rest_of_it]} == before
    assert second[0]["modifiedAt"] > first[-1]["modifiedAt"]


def test_one_record_the_procedures_and_files_are_given(rest):
    record = rest.page(limit=3)[0][2]
    assert rest.get(f"/dossiers/{record['dossierCode']}").json()["data"] == record
    assert refusal(rest.get("/dossiers/H56.15-260101-9999999")) == (404, "DOSSIER_NOT_FOUND")
    assert refusal(rest.get("/nothing")) == (404, "NOT_FOUND")
    listed = rest.all("/procedures", limit=500)
    planted = rest.http.get("/_sandbox/procedures").json()
    assert len(listed) == planted["counts"]["listed"]
    assert {p["code"] for p in listed} >= set(planted["unknown"])
    assert rest.get("/files/1-1.pdf").body.startswith(b"%PDF")


def test_rest_pages_are_spoiled_as_armed(rest):
    first, cursor = rest.page(limit=5)
    rest.http.arm(operation="search", kind="repeat_page")
    assert rest.page(limit=5, cursor=cursor) == (first, cursor)
    rest.http.arm(operation="search", kind="shuffle_page")
    mixed = rest.page(limit=9)
    assert mixed != rest.page(limit=9)
    rest.http.arm(operation="search", kind="expired")
    assert refusal(rest.get("/dossiers")) == (401, "AUTH_TIMESTAMP")
    rest.http.arm(operation="search", kind="quota", seconds=2)
    assert (answer := rest.get("/dossiers")).status == 429
    assert answer.retry_after == "2"
    rest.http.arm(operation="search", kind="error_inside", text="quá tải")
    assert refusal(rest.get("/dossiers")) == (200, "SYS_500")
    rest.http.arm(operation="search", kind="unknown_status")
    assert rest.page(limit=2)[0][0]["status"]["id"] not in FPT
    rest.http.arm(operation="search", kind="unknown_field")
    assert all("truongMoi" in r for r in rest.page(limit=2)[0])


def test_what_was_planted_dirty_is_on_the_rest_wire(rest):
    labels = rest.http.get("/_sandbox/labels").json()
    dirty: dict[str | None, dict] = {}
    for record in rest.all():
        dirty.setdefault(labels.get(record["dossierCode"]), record)
    assert dirty["missing_owner"]["applicant"]["fullName"] is dirty["missing_owner"]["submitterName"] is None
    assert dirty["missing_received"]["receivedAt"] is None
    assert dirty["blank_due"]["dueAt"] is None
    assert dirty["unmapped_status"]["status"]["id"] not in FPT
    assert None in [s["processedAt"] for s in dirty["step_without_time"]["progress"]]
    steps = [s["processedAt"] for s in dirty["unsorted_progress"]["progress"]]
    assert steps == sorted(steps, reverse=True)
    assert dirty["internal_link"]["documents"][0]["fileUrl"].startswith("http://10.")
    assert "##" in dirty["joined_links"]["documents"][0]["fileUrl"]
    slips = [r for r in rest.all() if labels.get(r["dossierCode"]) == "impossible_dates"]
    assert slips
    for r in slips:
        ended = r["finishedAt"] if r["finishedAt"] is not None else NOW_MS
        assert r["receivedAt"] < r["submittedAt"] or ended < r["receivedAt"] or r["receivedAt"] > NOW_MS


def test_the_served_wsdl_is_the_committed_one_and_spyne_agrees(soap):
    served = soap.http.get(f"{fpt_service.PATH}?WSDL")
    assert served.body == WSDL_FILE.read_bytes()
    assert fpt_service.wsdl() == WSDL_FILE.read_bytes()


def test_a_token_lives_twenty_minutes_in_the_soap_header(soap):
    assert soap.search().status == 200
    soap.bench.clock.now += 1199
    assert soap.search().status == 200
    soap.bench.clock.now += 1
    said = (500, "Server", "Server was unable to process request. ---> Token expired")
    assert fault(soap.search()) == said
    soap.token = None
    assert fault(soap.search())[2].endswith("Token is missing")
    assert fault(soap.login(password="wrong"))[2].startswith("Server was unable to process request. ---> ")
    soap.token = soap.result(soap.login(), "Login")
    assert soap.search().status == 200
    soap.http.arm(operation="GetDanhSachHoSo", kind="expired", after=1)
    assert [soap.search().status for _ in range(3)] == [200, 500, 500]


@pytest.mark.parametrize("days", [0, 2])
def test_windows_of_a_month_hold_every_record(soap, days):
    for day in range(1, days + 1):
        append_journal(soap.bench.folder.journal, {"day": day})
    records = soap.all()
    status = soap.http.get("/_sandbox/status").json()
    assert len(records) == status["records"]
    assert len({r.findtext("MaHoSo") for r in records}) == status["dossiers"]
    assert Served.count(soap.bench.folder.served("son_la")) == status["dossiers"]


def test_a_window_is_inclusive_and_at_most_31_days(soap):
    june = soap.rows()
    changed = [r.findtext("NgayCapNhat") for r in june]
    assert all(re.fullmatch(r"2026-06-\d\dT\d\d:\d\d:\d\d\+07:00", at) for at in changed)
    assert [r.findtext("HoSoID") for r in soap.rows(changed[50], changed[60])] == [
        r.findtext("HoSoID") for r in june[50:61]
    ]
    utc = datetime.fromisoformat(changed[50]).astimezone(UTC).isoformat()
    assert len(soap.rows(utc, changed[60])) == 11
    assert soap.search("2026-05-31T00:00:00", "2026-07-01T00:00:00").status == 200
    assert "31 ngày" in fault(soap.search("2026-05-31T00:00:00", "2026-07-01T00:00:01"))[2]
    assert fault(soap.search("01/06/2026", "2026-07-01T00:00:00"))[1].startswith("Client")


def test_a_result_is_a_dataset_with_nested_rows(soap):
    tree = opened(soap.result(soap.search(), "GetDanhSachHoSo"))
    assert [etree.QName(e).localname for e in tree] == ["schema", "diffgram"]
    xs = {"xs": "http://www.w3.org/2001/XMLSchema"}
    columns = {
        e.get("name"): [c.get("name") for c in e.findall("xs:complexType/xs:sequence/xs:element", xs)]
        for e in tree.iter(f"{{{xs['xs']}}}element")
        if e.get("name") != "NewDataSet" and len(e)
    }
    assert set(columns) == {"HoSo", "GiayTo", "LePhi", "TienTrinh", "KetQua"}
    rows = tree.findall(f"{{{DIFFGRAM}}}diffgram/NewDataSet/HoSo")
    assert len({r.get(f"{{{DIFFGRAM}}}id") for r in rows}) == len(rows)
    for name, names in columns.items():
        for row in tree.find(f"{{{DIFFGRAM}}}diffgram/NewDataSet").iter(name):
            seen = [names.index(child.tag) for child in row]
            assert seen == sorted(seen)
    assert all(r.find("TienTrinh").findtext("HoSoID") == r.findtext("HoSoID") for r in rows)
    modified = [r.get(f"{{{DIFFGRAM}}}id") for r in rows if r.get(f"{{{DIFFGRAM}}}hasChanges")]
    before = tree.findall(f"{{{DIFFGRAM}}}diffgram/{{{DIFFGRAM}}}before/HoSo")
    assert [r.get(f"{{{DIFFGRAM}}}id") for r in before] == modified
    assert modified


def test_a_detail_is_a_plain_document_or_an_error_that_http_calls_a_success(soap):
    row = soap.rows()[7]
    answer = soap.call("GetChiTietHoSo", token=soap.token, maHoSo=row.findtext("MaHoSo"))
    document = opened(soap.result(answer, "GetChiTietHoSo"))
    assert document.tag == "HoSo"
    assert [(c.tag, c.text) for c in document.iter()] == [(c.tag, c.text) for c in row.iter()]
    missing = soap.call("GetChiTietHoSo", token=soap.token, maHoSo="none")
    error = opened(soap.result(missing, "GetChiTietHoSo"))
    assert (missing.status, error.tag, error.findtext("Code")) == (200, "Error", "E404")


def test_the_local_procedures_come_in_one_dataset(soap):
    tree = opened(soap.result(soap.call("GetDanhMucThuTuc", token=soap.token), "GetDanhMucThuTuc"))
    codes = [r.findtext("MaThuTuc") for r in tree.findall(f"{{{DIFFGRAM}}}diffgram/NewDataSet/ThuTuc")]
    planted = soap.http.get("/_sandbox/procedures").json()
    assert len(codes) == planted["counts"]["listed"]
    assert set(codes) >= set(planted["unknown"])


def test_soap_answers_are_spoiled_as_armed(soap):
    soap.http.arm(operation="GetDanhSachHoSo", kind="soap_fault")
    assert fault(soap.search()) == (
        500,
        "Server",
        "Server was unable to process request. ---> Object reference not set to an instance of an object.",
    )
    assert fault(soap.search(action="Other"))[1] == "Client"
    soap.http.arm(operation="GetDanhSachHoSo", kind="error_inside", text="Hết giờ <kết nối>")
    said = soap.search()
    assert said.status == 200
    assert html.unescape(said.body.decode()).count("<Error>") == 1
    assert opened(soap.result(said, "GetDanhSachHoSo")).findtext("Message") == "Hết giờ <kết nối>"
    may, june = ("2026-05-01T00:00:00", "2026-05-31T00:00:00"), ("2026-06-01T00:00:00", "2026-06-30T00:00:00")
    codes = [[r.findtext("MaHoSo") for r in soap.rows(*window)] for window in (june, may)]
    soap.http.arm(operation="GetDanhSachHoSo", kind="repeat_page")
    assert [r.findtext("MaHoSo") for r in soap.rows(*june)] == codes[1]
    soap.http.arm(operation="GetDanhSachHoSo", kind="shuffle_page")
    mixed = [r.findtext("MaHoSo") for r in soap.rows(*june)]
    assert mixed != codes[0]
    assert sorted(mixed) == sorted(codes[0])
    soap.http.arm(operation="GetDanhSachHoSo", kind="unknown_status")
    assert int(soap.rows()[0].findtext("TrangThai")) not in FPT
    soap.http.arm(operation="GetDanhSachHoSo", kind="unknown_field")
    assert soap.rows()[0].findtext("TruongMoi") == "2.7"


def test_the_calls_are_in_the_ledger_without_the_password(soap):
    soap.search()
    calls = soap.http.get("/_sandbox/ledger/calls").json()["rows"]
    assert [c["operation"] for c in calls] == ["Login", "GetDanhSachHoSo"]
    assert soap.bench.account("fpt_son_la")["password"] not in str(calls)
    assert calls[1]["rows"] > 100
