"""The sandbox as a person uses it: real processes on loopback, their ledgers kept until reset."""

import json
import socket
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from sandbox.provinces import PROFILES, STARTED
from sandbox.state import REPOSITORY


class Command:
    """`python -m sandbox ... --state <folder> --json`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sandbox", *words, "--state", str(self.folder), "--json"]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    def __call__(self, *words: str) -> dict[str, Any]:
        ended = self.run(*words)
        assert ended.returncode == 0, ended.stderr
        return dict(json.loads(ended.stdout))


@pytest.fixture
def sandbox(tmp_path):
    command = Command(tmp_path / "sandbox")
    yield command
    command("stop")


def test_the_peers_start_serve_stop_and_keep_their_ledgers(sandbox):
    started = sandbox("start", "--size", "60", "--port-base", "0", "--provinces", "lao_cai,quang_ngai")
    assert all(p["started"] for p in started["peers"].values())
    again = sandbox("start")
    assert not any(p["started"] for p in again["peers"].values())
    assert again["peers"].keys() == started["peers"].keys()

    connections = sandbox.folder / "connections.json"
    assert stat.S_IMODE(connections.stat().st_mode) == 0o600
    accounts = json.loads(connections.read_text())
    assert {"national", "vnpt_lao_cai", "viettel_quang_ngai"} <= set(accounts)
    national, vnpt = accounts["national"], accounts["vnpt_lao_cai"]
    with requests.Session() as http:
        http.trust_env = False
        login = {"username": national["login"], "password": national["password"]}
        assert http.post(f"{national['host']}/auth", json=login, timeout=10).json()["session"]
        form = {"grant_type": "password", "client_id": vnpt["extra"]["client_id"], "username": vnpt["login"]}
        token = http.post(
            f"{vnpt['host']}/auth/realms/digo/protocol/openid-connect/token",
            data={**form, "password": vnpt["password"]},
            timeout=10,
        ).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        search = f"{vnpt['host']}/pa/dossier/search?size=50&page=0"
        assert len(http.get(search, headers=headers, timeout=10).json()["content"]) == 50
        sandbox("faults", "lao_cai", "--kind", "down", "--operation", "search")
        with pytest.raises(requests.ConnectionError):
            http.get(search, headers=headers, timeout=10)
        assert http.get(search, headers=headers, timeout=10).ok

    before = sandbox("status")
    assert set(before["national"]) >= {"dossiers", "steps", "duplicates", "order_violations", "refused"}
    assert set(before["systems"]) == {"lao_cai", "quang_ngai"}
    assert before["systems"]["lao_cai"]["dossiers"] == 60
    assert before["systems"]["lao_cai"]["served"] == 50
    assert before["running"] == ["national", "lao_cai", "quang_ngai"]

    assert sandbox("stop", "lao_cai")["stopped"] == ["lao_cai"]
    assert sorted(sandbox("stop")["stopped"]) == ["national", "quang_ngai"]
    assert sandbox("stop")["stopped"] == []
    stopped = sandbox("status")
    assert stopped["running"] == []
    assert (stopped["systems"], stopped["national"]) == (before["systems"], before["national"])

    moved = sandbox("advance", "--days", "1")
    assert moved["now"] == "2026-07-01T18:00:00+07:00"
    assert moved["systems"]["lao_cai"]["changed"] == moved["systems"]["lao_cai"]["added"] == 1
    sandbox("start", "--port-base", "0")
    assert json.loads(connections.read_text())["national"]["password"] == national["password"]
    after = sandbox("status")
    assert after["systems"]["lao_cai"]["dossiers"] == 61
    assert after["systems"]["lao_cai"]["served"] == 50
    assert sandbox("reset")["deleted"]
    assert not sandbox.folder.exists()


def test_a_province_that_is_named_later_joins_those_that_are_there(sandbox):
    sandbox("start", "--size", "60", "--port-base", "0", "--provinces", "lao_cai")
    before = json.loads((sandbox.folder / "connections.json").read_text())
    joined = sandbox("start", "--port-base", "0", "--provinces", "thanh_hoa")
    assert {name for name, peer in joined["peers"].items() if peer["started"]} == {"thanh_hoa"}
    assert sandbox("status")["running"] == ["national", "lao_cai", "thanh_hoa"]
    after = json.loads((sandbox.folder / "connections.json").read_text())
    assert {name: after[name] for name in before} == before
    assert after["fpt_thanh_hoa"]["host"]


def test_the_portal_finds_the_receiver_by_its_host_alone(sandbox):
    asked = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": 200, "message": "success", "description": ""}')

        def log_message(self, *words):
            pass

    sandbox("start", "--size", "10", "--port-base", "0", "--provinces", "lao_cai")
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sandbox("file", "--province", "lao_cai", "-n", "2", "--to", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert asked == ["/inbound/lao_cai"] * 2


def test_without_a_name_a_province_of_each_vendor_starts(sandbox):
    started = sandbox("start", "--size", "10", "--port-base", "0")
    assert [name for name in started["peers"] if name != "national"] == list(STARTED)
    assert len({PROFILES[name].kind for name in STARTED}) == 5


def test_a_busy_port_is_named(sandbox):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = sandbox.run("start", "--port-base", str(port))
    assert ended.returncode == 2
    assert f"port {port} for the peer national is taken" in ended.stderr
    assert sandbox("status")["running"] == []


def test_state_of_another_size_asks_for_a_reset(sandbox):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        sandbox.run("start", "--size", "60", "--port-base", str(other.getsockname()[1]))
        ended = sandbox.run("start", "--size", "70")
    assert ended.returncode == 2
    assert "reset" in ended.stderr


def test_a_stale_pid_file_is_no_running_peer(sandbox):
    sandbox.folder.mkdir()
    (sandbox.folder / "national.pid").write_text('{"pid": 1, "port": 18080}')
    (sandbox.folder / "lao_cai.pid").write_text("{")
    assert sandbox("status")["running"] == []
    assert sandbox("stop")["stopped"] == []


def test_a_fault_of_a_peer_that_does_not_run_says_so(sandbox):
    ended = sandbox.run("faults", "national", "--kind", "html")
    assert ended.returncode == 3
    assert "python -m sandbox start" in ended.stderr


@pytest.mark.parametrize("broken", ["lao_cai", "quang_ngai"])
def test_a_peer_that_ends_while_starting_is_named_and_none_of_the_others_stays(sandbox, broken):
    sandbox.folder.mkdir()
    (sandbox.folder / f"{broken}.ledger.sqlite").write_text("no ledger " * 500)
    ended = sandbox.run("start", "--size", "60", "--port-base", "0", "--provinces", "lao_cai,quang_ngai")
    assert ended.returncode == 2 and f"the peer {broken} ended while starting" in ended.stderr
    assert "not a database" in (sandbox.folder / f"{broken}.log").read_text()
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(sandbox.folder) in (one.info["cmdline"] or ())]
