"""The tutorial, followed to the letter: its files, its commands, and what both sides hold afterwards."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from lxml import etree

from hub.config import BASE
from mappings import CodeLists, load_mapping, run_examples
from tests.commands import lienthong
from tests.conftest import Sandbox
from tests.tutorial import may_ngan

PAGE = BASE / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (?P<path>[\w/]+\.yaml)(?P<added> \(added\))?\n")
SHELL = ("source ", "python ", "mkdir ", "export ", "curl ")
"""Lines of the page that a test does in its own way: an environment, a program, a request."""


@dataclass(frozen=True)
class Step:
    """A numbered part of the page: the files it writes and the commands it runs, in order."""

    number: int
    files: tuple[tuple[str, str, bool], ...]
    commands: tuple[tuple[str, ...], ...]


def steps_of(page: str) -> list[Step]:
    found = []
    for part in re.split(r"^## (?=\d)", page, flags=re.MULTILINE)[1:]:
        files, commands = [], []
        for block in BLOCK.finditer(part):
            if block["language"] == "yaml" and (named := FILE.match(block["text"])):
                files.append((named["path"], block["text"][named.end() :], bool(named["added"])))
            for line in block["text"].splitlines() if not block["language"] else ():
                words = tuple(shlex.split(line, comments=True))
                assert words[0] == "lienthong" or line.startswith(SHELL), line
                commands.append(words)
        found.append(Step(int(part.split(".")[0]), tuple(files), tuple(commands)))
    return found


STEPS = {step.number: step for step in steps_of(PAGE.read_text("utf-8"))}


@dataclass
class Desk:
    """The engineer's desk: a folder, an environment, the vendor's system and the national side."""

    config: Path
    environment: dict[str, str]
    vendor: str
    national: Sandbox
    said: list[str] = field(default_factory=list)

    def follow(self, number: int) -> dict[str, Any]:
        """Do a step of the page. Returns what each `lienthong` command answered with --json, by its words."""
        for path, text, added in STEPS[number].files:
            file = self.config / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text((file.read_text("utf-8") if added else "") + text, encoding="utf-8")
        answers = {}
        for words in STEPS[number].commands:
            if words[0] == "lienthong":
                answers[" ".join(words[1:3])] = self.run(*words[1:])
            elif words[0] == "curl":
                answers["day"] = requests.post(self.vendor + "/_so-cai/ngay-moi", timeout=10).json()
        return answers

    def run(self, *words: str, codes: tuple[int, ...] = (0, 1)) -> Any:
        """One command as a process of its own, answered in JSON."""
        ended = lienthong(*words, "--json", environment=self.environment, folder=self.config)
        self.said.append(ended.stdout + ended.stderr)
        assert ended.returncode in codes, f"{words}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return json.loads(ended.stdout)

    def ledger(self) -> dict[str, Any]:
        """The vendor's own account: dossiers with what must become of them, the queue, calls, refusals."""
        return dict(requests.get(self.vendor + "/_so-cai", timeout=10).json())

    def arrived(self) -> dict[str, tuple[int, list[int]]]:
        """What the national side holds: status and steps of each dossier, as its ledger has them."""
        steps: dict[str, list[int]] = {}
        for row in self.national.ledger("steps"):
            if row["verdict"] == "accepted":
                steps.setdefault(row["code"], []).append(int(row["status"]))
        return {
            code: (int(row["body"]["TrangThaiHoSo"]), steps.get(code, [])) for code, row in self.national.sent().items()
        }


@pytest.fixture
def desk(tmp_path: Path, database: str) -> Iterator[Desk]:
    national = Sandbox(tmp_path / "home")
    national.say("start", "--size", "10", "--port-base", "0", "--provinces", "lao_cai")
    program = Path(__file__).with_name("may_ngan.py")
    vendor = subprocess.Popen([sys.executable, str(program), "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert vendor.stdout is not None
        address = vendor.stdout.readline().strip()
        config = tmp_path / "lienthong-config"
        config.mkdir()
        account = next(words[1] for words in STEPS[0].commands if words[1].startswith("AIRFLOW_CONN_"))
        name, _, value = account.partition("=")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW_CONN_")}
        environment |= {
            "LIENTHONG_HOME": str(national.home),
            "LIENTHONG_CONFIG": str(config),
            "LIENTHONG_DATABASE_URL": database,
            name: value.replace("127.0.0.1:18095", address.removeprefix("http://")),
        }
        yield Desk(config, environment, address, national)
    finally:
        vendor.terminate()
        vendor.wait(10)
        national.say("stop")


def right(dossiers: dict[str, dict[str, Any]], *, redriven: bool = False) -> dict[str, tuple[int, list[int]]]:
    """What must have arrived: every dossier that is not held, with its status and its steps in order."""
    held = {None, "unmapped_status"} if redriven else {None}
    return {code: (one["status"], one["steps"]) for code, one in dossiers.items() if one["held"] in held}


def promised(number: int) -> dict[str, int]:
    """The reasons and counts that a step of the page tells the reader to expect."""
    part = PAGE.read_text("utf-8").split(f"\n## {number}. ")[1].split("\n## ")[0]
    return {reason: int(count) for reason, count in re.findall(r"^\| `(\w+)` \| (\d+) \|", part, re.MULTILINE)}


@pytest.mark.timeout(900)  # some twenty commands, each a process of its own
def test_a_vendor_that_nobody_knew_is_onboarded_with_the_files_and_commands_of_the_page(desk: Desk) -> None:
    waiting = desk.ledger()["waiting"]
    assert len(waiting) == 48

    # 2, 3: the spec and the province; both peers answer, and what is missing is the mapping.
    desk.follow(2)
    asked = desk.follow(3)
    lines = [line for part in asked["check dong_thap"]["checks"].values() for line in part]
    assert [line["name"] for line in lines if not line["ok"]] == ["mapping"]
    assert (desk.config / "provinces" / "dong_thap.yaml").is_file()

    # 4 to 7: looking changes nothing on either side; what will be held is known before it is.
    looked = desk.follow(4)
    assert looked["discover dong_thap"]["streams"]["dossiers"]["records"] == 20
    assert looked["conform dong_thap"]["ok"] is True
    kept = "".join(path.read_text("utf-8") for path in (desk.config / "cassettes" / "dong_thap").iterdir())
    assert "H20.26-" in kept and not re.search("Lê Thị Mai|Trần Văn Bình|09000000[0-4][0-9]|Trưng Trắc", kept)
    proposed = desk.follow(5)["suggest dong_thap"]
    assert (desk.config / "mappings" / "overlays" / "dong_thap.yaml").is_file(), proposed
    desk.follow(6)
    shown = json.dumps(desk.follow(7), ensure_ascii=False)
    assert "CHUYEN_LIEN_THONG" in shown and "H20.MN.007" in shown
    assert (desk.ledger()["waiting"], desk.arrived()) == (waiting, {})

    # 8: every dossier once, in order, with the right status; what is held is held for the reason the page says.
    first = desk.follow(8)
    ledger = desk.ledger()
    assert desk.arrived() == right(ledger["dossiers"])
    assert (ledger["waiting"], ledger["troubles"]) == ([], {"busy": 1, "quota": 1})
    assert ledger["refused"].keys() <= {"account"}, "conform's wrong login and nothing else"
    assert first["sync dong_thap"]["held_by_reason"] == promised(8) == held_reasons(ledger["dossiers"])
    assert desk.run("reconcile", "dong_thap")["agrees"] is True

    # 9: what the vendor explains goes out from the message log.
    asked_before = ledger["calls"]
    desk.follow(9)
    ledger = desk.ledger()
    assert desk.arrived() == right(ledger["dossiers"], redriven=True)
    assert ledger["calls"] == asked_before

    # 10: a day later, exactly what moved.
    second = desk.follow(10)
    ledger = desk.ledger()
    assert sum(map(len, second["day"].values())) == 6
    assert second["sync dong_thap"]["delivered"] == 6
    assert desk.arrived() == right(ledger["dossiers"], redriven=True)
    assert ledger["waiting"] == []
    national = desk.national.national()
    assert (national["duplicates"], national["order_violations"]) == (0, 0)


def held_reasons(dossiers: dict[str, dict[str, Any]]) -> dict[str, int]:
    reasons = [one["held"] for one in dossiers.values() if one["held"]]
    return {reason: reasons.count(reason) for reason in reasons}


def test_the_examples_of_the_pages_mapping_hold(tmp_path: Path) -> None:
    for step in STEPS.values():
        for path, text, added in step.files:
            if not added:
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_text(text, encoding="utf-8")
    folders = [tmp_path / "mappings", BASE / "mappings"]

    mapping = load_mapping("may_ngan", kind="dossier", folders=folders, lists=CodeLists.load(folders))

    assert run_examples(mapping) == []


def elements(xml: str) -> list[str]:
    """The paths of all elements, in order."""
    root = etree.fromstring(xml.encode())
    return [root.getroottree().getpath(node) for node in root.iter()]


def test_the_vendors_document_shows_answers_that_its_system_gives() -> None:
    """The document's own samples are well-formed, and name each status that the code list of the page maps."""
    document = (BASE / "docs" / "tutorial" / "may-ngan.md").read_text("utf-8")
    samples = [json.loads(block["text"]) for block in BLOCK.finditer(document) if block["language"] == "json"]
    codes = next(text for path, text, _ in STEPS[6].files if path.endswith("_status.yaml"))

    sample = next(block["text"] for block in BLOCK.finditer(document) if block["language"] == "xml")

    assert elements(sample) == elements(may_ngan.as_xml(may_ngan.made(12)))
    assert samples[1]["buoc"][0].keys() == may_ngan.steps_of(may_ngan.made(12))[0].keys()
    assert samples[2]["chiTiet"].keys() == may_ngan.papers_of(may_ngan.made(12)).keys()
    assert len(samples) == 4 and all(sample["ketQua"] == 1 for sample in samples)
    assert all(entry["word"] in document for entry in yaml.safe_load(codes)["entries"])
