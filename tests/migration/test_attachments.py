"""Attachments, judged by what the target holds: every byte as the source states it, and whatever is missing by name."""

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import orjson
import pytest
from sqlalchemy import Engine

from connectors import Connector, Hosts, Peer, load_spec
from connectors.connector import HOSTS
from connectors.errors import PeerDown
from connectors.wire.transport import NoAnswer, NotSent, WireRequest, WireResponse
from hub.errors import Busy, ConfigurationError, StageFailed
from hub.migration.target.attachments import hand_over_files, list_files
from hub.migration.target.files import fetch, sha256_in
from hub.migration.target.loading import load
from hub.store import province_lock
from sandbox import files as sandbox_files
from sandbox.provinces import PROFILES
from tests.connectors.conftest import SPECS
from tests.migration.importing import Killed, Moving, Target, moving, record_of
from tests.sandbox.conftest import make_bench


def content_of(file_id: str) -> bytes:
    return b"%PDF-1.4\n" + file_id.encode() + bytes(range(256))


@dataclass
class Files:
    """The old system's files; `does` maps a file to what its next fetches do."""

    does: dict[str, list[str]] = field(default_factory=dict)
    fetched: Counter[str] = field(default_factory=Counter)

    def __call__(self, request: WireRequest) -> WireResponse:
        if request.url.endswith("/token"):
            return WireResponse(200, orjson.dumps({"access_token": "t", "expires_in": 300}))
        file_id = request.url.rpartition("/")[2]
        self.fetched[file_id] += 1
        kinds = self.does.get(file_id) or self.does.get("*") or ["well"]
        kind = kinds.pop(0) if len(kinds) > 1 else kinds[0]
        content = content_of(file_id)
        if kind == "gone":
            return WireResponse(
                404, orjson.dumps({"message": "Tệp không tồn tại"}), {"Content-Type": "application/json"}
            )
        if kind == "down":
            raise NotSent("no connection: refused")
        if kind == "silent":
            raise NoAnswer("no answer within 60 s", timeout=True)
        if kind == "html":
            return WireResponse(200, b"<html>502</html>", {"Content-Type": "text/html"})
        stated = base64.b64encode(hashlib.sha256(content).digest()).decode()
        body = content[:20] if kind == "cut" else content
        headers = {} if kind == "unstated" else {"Digest": f"sha-256={stated}"}
        return WireResponse(200, body, {"Content-Type": "application/pdf", **headers})

    def lost(self) -> NoReturn:
        raise PeerDown("no connection: refused.", peer="lao_cai", operation="file")


@pytest.fixture
def files() -> Files:
    HOSTS.forget()
    return Files()


@pytest.fixture
def both(engine: Engine, tmp_path: Path, files: Files) -> Moving:
    """Ten dossiers in the target, five of them in progress, each with two files."""
    found = moving(engine, tmp_path, Target(others=files))
    found.m.source("can_tho_cu").source.exchange._sleep = lambda seconds: None
    found.read(range(1, 11))
    load(found.m)
    return found


def held(both: Moving) -> dict[tuple[str, str], bytes]:
    """The files that the target holds."""
    rows = both.target.rows("SELECT f.code, f.file_id, c.content FROM file f JOIN content c USING (id)")
    return {(code, file_id): content for code, file_id, content in rows}


def wanted(*numbers: int) -> dict[tuple[str, str], bytes]:
    return {
        (record_of(number)["dossier_code"], f"t{number}-{place}"): content_of(f"t{number}-{place}")
        for number in numbers
        for place in (1, 2)
    }


def named(both: Moving, state: str) -> dict[str, str]:
    """Dossier code and file of each file in a state, with the reason."""
    rows = both.run("SELECT dossier_code, file_id, reason FROM migrated_file WHERE state = :state", state=state)
    return {f"{row['dossier_code']} {row['file_id']}": row["reason"] for row in rows}


def test_every_file_of_a_dossier_in_progress_arrives_byte_for_byte_and_is_counted(both: Moving) -> None:
    counts = hand_over_files(both.m)
    assert held(both) == wanted(1, 3, 5, 7, 9)
    size = sum(map(len, held(both).values()))
    assert (counts["listed"], counts["files"], counts["bytes"], counts["waiting"]) == (10, 10, size, 0)
    rows = both.run("SELECT digest, stated, size, target_id FROM migrated_file")
    assert all(row["digest"] == row["stated"] and row["target_id"] for row in rows)
    assert sum(row["size"] for row in rows) == size
    assert hand_over_files(both.m)["files"] == 0 and both.target.calls["Tep"] == 10


@pytest.mark.parametrize(("scope", "count"), [("none", 0), ("all", 20)])
def test_the_plan_says_whose_files_move(both: Moving, scope: str, count: int) -> None:
    both.m.plan = both.m.plan.model_copy(update={"attachments": scope})
    assert (hand_over_files(both.m)["files"], len(held(both))) == (count, count)


def test_a_file_that_the_source_does_not_have_is_named_with_its_dossier(both: Moving, files: Files) -> None:
    files.does = {"t3-2": ["gone"]}
    counts = hand_over_files(both.m)
    assert (counts["files"], counts["missing"]) == (9, 1)
    [(name, reason)] = named(both, "missing").items()
    assert name == f"{record_of(3)['dossier_code']} t3-2" and reason.startswith("the source does not have it")
    assert hand_over_files(both.m)["missing"] == 0, "asked once, unless a person says again"
    files.does = {}
    assert hand_over_files(both.m, again=True)["files"] == 1
    assert held(both) == wanted(1, 3, 5, 7, 9)


@pytest.mark.parametrize(("kind", "said"), [("cut", "wrong digest"), ("html", "cannot be read")])
def test_a_file_that_is_not_what_the_source_states_is_named_and_not_handed_over(
    both: Moving, files: Files, kind: str, said: str
) -> None:
    files.does = {"t1-1": [kind]}
    assert hand_over_files(both.m)["missing"] == 1
    [(name, reason)] = named(both, "missing").items()
    assert name.endswith("t1-1") and said in reason
    assert files.fetched["t1-1"] == 3 and (record_of(1)["dossier_code"], "t1-1") not in held(both)


def test_a_file_that_comes_broken_once_is_fetched_again(both: Moving, files: Files) -> None:
    files.does = {"t1-1": ["cut", "well"], "t3-1": ["html", "well"], "t5-1": ["silent", "well"], "t7-1": ["unstated"]}
    assert hand_over_files(both.m)["files"] == 10
    assert held(both) == wanted(1, 3, 5, 7, 9)


@pytest.mark.parametrize("kind", ["after", "before", "html"])
def test_a_file_whose_answer_is_lost_is_handed_over_again_and_not_doubled(both: Moving, kind: str) -> None:
    both.target.breaks = {"Tep": [kind]}
    assert hand_over_files(both.m)["files"] == 10
    assert held(both) == wanted(1, 3, 5, 7, 9)


def test_a_file_that_the_target_refuses_is_named_with_its_words(both: Moving, files: Files) -> None:
    both.target.ledger.db.execute("DELETE FROM item WHERE code = ?", (record_of(5)["dossier_code"],))
    counts = hand_over_files(both.m)
    assert (counts["files"], counts["refused"]) == (8, 2)
    assert all("Hồ sơ không tồn tại" in reason for reason in named(both, "refused").values())


def test_a_target_that_took_another_file_is_told(both: Moving, monkeypatch: pytest.MonkeyPatch) -> None:
    take = both.target.ledger.receive_file
    monkeypatch.setattr(
        both.target.ledger, "receive_file", lambda code, key, name, content: take(code, key, name, content[:-1])
    )
    assert hand_over_files(both.m)["refused"] == 10
    assert all(reason.startswith("the target took another file") for reason in named(both, "refused").values())


def test_a_process_that_dies_hands_the_rest_over_next_time(both: Moving) -> None:
    both.target.breaks = {"Tep": ["passes", "passes", "killed"]}
    with pytest.raises(Killed):
        hand_over_files(both.m)
    assert set(both.run("SELECT DISTINCT state FROM migrated_file")[0].values()) == {"sending"}
    assert hand_over_files(both.m)["files"] == 10
    assert held(both) == wanted(1, 3, 5, 7, 9)


def test_a_source_that_is_down_ends_the_stage_and_loses_nothing(both: Moving, files: Files) -> None:
    files.does = {"t5-1": ["down"]}
    with pytest.raises(StageFailed) as told:
        hand_over_files(both.m)
    waiting = len(named(both, "owed"))
    assert f"{waiting} files wait" in str(told.value) and "files of can_tho_cu" in told.value.where
    files.does = {}
    HOSTS.forget()
    both.m._sources.clear()
    hand_over_files(both.m)
    assert held(both) == wanted(1, 3, 5, 7, 9)


def test_a_source_that_is_down_keeps_no_other_from_being_handed_over(both: Moving, files: Files) -> None:
    plan = both.m.plan
    other = plan.sources[0].model_copy(update={"province": "lao_cai"})
    both.m.plan = plan.model_copy(update={"sources": (other, *plan.sources)})
    both.m._sources["lao_cai"] = replace(both.m.source("can_tho_cu"), _parts={})
    both.m._sources["lao_cai"].source.call = lambda *_, **__: files.lost()  # type: ignore[method-assign]
    both.run("UPDATE migrated SET source = 'lao_cai' WHERE source_key LIKE '%5'")
    with pytest.raises(StageFailed, match="2 files wait"):
        hand_over_files(both.m)
    assert held(both) == wanted(1, 3, 7, 9)


def test_only_dossiers_that_the_target_has_get_their_files(both: Moving) -> None:
    both.run("UPDATE migrated SET state = 'read' WHERE dossier_code = :code", code=record_of(1)["dossier_code"])
    both.run("UPDATE migrated SET state = 'held' WHERE dossier_code = :code", code=record_of(3)["dossier_code"])
    counts = hand_over_files(both.m)
    assert held(both) == wanted(5, 7, 9) and (counts["listed"], counts["waiting"]) == (8, 2)


def test_a_list_is_of_one_source_and_what_stands_in_it_is_not_written_again(both: Moving) -> None:
    both.run("UPDATE migrated SET source = 'lao_cai' WHERE source_key LIKE '%5'")
    assert (list_files(both.m, "can_tho_cu"), list_files(both.m, "lao_cai")) == (8, 2)
    rows = "SELECT source, source_key, file_id, xmin::text, xmax::text FROM migrated_file ORDER BY 1, 2, 3"
    before = both.run(rows)
    assert (list_files(both.m, "can_tho_cu"), list_files(both.m, "lao_cai")) == (8, 2) and both.run(rows) == before


def test_nothing_is_listed_while_another_process_hands_over_files_of_the_source(both: Moving) -> None:
    with province_lock(both.m.engine, "can_tho_cu", f"files {both.m.attempt_id}"), pytest.raises(Busy):
        hand_over_files(both.m)
    assert both.run("SELECT FROM migrated_file") == []


def test_the_list_follows_the_newest_version_of_a_dossier(both: Moving) -> None:
    assert list_files(both.m, "can_tho_cu") == 10
    both.newer(
        1, documents=[{"document_id": "t1-2", "name": "don-2.pdf"}, {"document_id": "t1-3"}, {"name": "x"}], status=10
    )
    both.run("UPDATE migrated SET finished = true WHERE source_key LIKE '%1'")
    assert list_files(both.m, "can_tho_cu") == 9, "its first file is no longer its own; its third comes after it ended"
    load(both.m)
    hand_over_files(both.m)
    assert set(held(both)) == set(wanted(1, 3, 5, 7, 9)) - {(record_of(1)["dossier_code"], "t1-1")}


def test_a_source_from_which_no_files_can_be_fetched_is_told_before_anything_is_asked(both: Moving) -> None:
    source = both.m.source("can_tho_cu").source
    source.spec = source.spec.model_copy(update={"operations": {}})
    with pytest.raises(ConfigurationError, match="no operation `file`"):
        hand_over_files(both.m)


HEX = hashlib.sha256(b"").hexdigest()
B64 = base64.b64encode(hashlib.sha256(b"").digest()).decode()


@pytest.mark.parametrize(
    "said", [HEX, HEX.upper(), B64, f"sha-256={B64}", f"SHA-256={B64}", f"md5=x==, sha-256=:{B64}:", f"sha256={HEX}"]
)
def test_a_digest_is_read_however_it_is_written(said: str) -> None:
    assert sha256_in(said) == HEX


@pytest.mark.parametrize("said", [None, "", "md5=abc", "sha-512=abcd", "không có", HEX[:-1]])
def test_what_is_no_digest_states_none(said: str | None) -> None:
    assert sha256_in(said) is None


LOST = next(name for n in range(5000) if sandbox_files.lost(name := f"giay-to-{n}-1.pdf"))
KEPT = "giay-to-7-1.pdf"


@pytest.mark.parametrize(
    ("slug", "system"),
    [("can_tho_cu", "vnpt_igate"), ("hau_giang", "viettel_onegate"), ("soc_trang", "fpt_egov_soap")],
)
def test_files_of_each_old_system_come_byte_for_byte_and_a_lost_one_is_missing(
    tmp_path: Path, slug: str, system: str
) -> None:
    bench = make_bench(tmp_path)
    profile, http = PROFILES[slug], bench.client(slug)
    said = bench.account(profile.connection)

    def transport(request: WireRequest) -> WireResponse:
        path = request.url.removeprefix("http://peer.test")
        found = (
            http.get(path, None, dict(request.headers))
            if request.method == "GET"
            else http.post(path, content=request.body or b"", headers=dict(request.headers))
        )
        return WireResponse(found.status, found.body, found.headers)

    account = Peer("old", "http://peer.test", said["login"], said["password"], said.get("extra") or {})
    source = Connector(
        load_spec(SPECS / f"{system}.yaml"),
        account,
        clock=lambda: datetime.fromtimestamp(bench.clock(), UTC),
        transport=transport,
        hosts=Hosts(),
    )
    assert fetch(source, KEPT).content == sandbox_files.content(KEPT)
    lost = fetch(source, LOST)
    assert lost.content == b"" and (lost.missing or "").startswith("the source does not have it")
