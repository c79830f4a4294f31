"""Files at the systems that merge: the same for an id each time, a digest where one is stated, a few of them lost."""

import base64
import hashlib

from lxml import etree

from sandbox import files
from tests.sandbox.conftest import Bench
from tests.sandbox.test_sandbox_fpt import Soap as Fpt
from tests.sandbox.test_sandbox_systems import NS, Rest
from tests.sandbox.test_sandbox_systems import Soap as Viettel

LOST = next(name for n in range(5000) if files.lost(name := f"giay-to-{n}-1.pdf"))
KEPT, UNSTATED = (
    next(
        name for n in range(50) if not files.lost(name := f"giay-to-{n}-1.pdf") and files.states_digest(name) == stated
    )
    for stated in (True, False)
)


def test_a_file_is_a_small_pdf_of_its_own_and_four_in_a_thousand_are_lost() -> None:
    one, other = files.content("a"), files.content("b")
    assert one == files.content("a") != other
    assert one.startswith(b"%PDF-1.4")
    assert all(1000 < len(files.content(f"{n}")) < 3072 for n in range(50))
    assert 30 < sum(files.lost(f"{n}-1.pdf") for n in range(10_000)) < 50


def test_igate_gives_the_bytes_and_states_their_digest(bench: Bench) -> None:
    rest = Rest(bench, "can_tho_cu")
    answer = rest.http.get(f"/fi/file/{KEPT}", None, rest.headers)
    digest = base64.b64encode(hashlib.sha256(answer.body).digest()).decode()
    assert (answer.status, answer.media, answer.headers["digest"]) == (200, "application/pdf", f"sha-256={digest}")
    assert rest.http.get(f"/fi/file/{LOST}", None, rest.headers).status == 404
    assert rest.http.get(f"/fi/file/{KEPT}").status == 401
    fetched = rest.http.get("/_sandbox/ledger/fetched").json()["rows"]
    assert [(row["file_id"], row["size"]) for row in fetched] == [(KEPT, len(answer.body))]
    elsewhere = Rest(bench)
    assert elsewhere.http.get(f"/fi/file/{LOST}", None, elsewhere.headers).status == 200


def test_the_one_gate_gives_base64_and_states_a_digest_at_times(bench: Bench) -> None:
    soap = Viettel(bench, "hau_giang")

    def given(name: str) -> list[str | None]:
        answer = etree.fromstring(soap.call("LayFileDinhKem", maTep=name).body)
        return [answer.findtext(f".//m:{field}", namespaces=NS) for field in ("tenTep", "noiDung", "sha256")]

    name, content, digest = given(KEPT)
    assert name == KEPT
    assert base64.b64decode(content or "") == files.content(KEPT)
    assert digest == hashlib.sha256(files.content(KEPT)).hexdigest()
    assert given(UNSTATED)[1:] == [base64.b64encode(files.content(UNSTATED)).decode(), None]
    assert given(LOST) == [LOST, None, None]


def test_egov_gives_base64_or_says_that_there_is_no_such_file(bench: Bench) -> None:
    soap = Fpt(bench, "soc_trang")
    found = soap.result(soap.call("GetFile", token=soap.token, fileId=KEPT), "GetFile")
    assert base64.b64decode(found) == files.content(KEPT)
    assert "<Code>E404</Code>" in soap.result(soap.call("GetFile", token=soap.token, fileId=LOST), "GetFile")
    calls = soap.http.get("/_sandbox/ledger/calls").json()["rows"]
    assert [call["params"] for call in calls if call["operation"] == "GetFile"] == [
        f'{{"fileId":"{name}"}}' for name in (KEPT, LOST)
    ]
