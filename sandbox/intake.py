"""Dossiers that reach a system from outside, filed on the national portal: the system's own account of what it was
handed, and what it then does with them.

The system gives each dossier its number, takes files, the dossier, progress and statuses in that order, and writes
down whatever is done twice or out of order. From the moment it has the dossier it shows it among its own, under the
portal's code as national code: received at once, then one status further with every day that passes.
"""

import hashlib
import sqlite3
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from sandbox import calendar, limits
from sandbox.dossiers import Generator
from sandbox.people import OFFICERS, STEP_WORDS
from sandbox.procedures import LocalProcedure
from sandbox.provinces import Office
from sandbox.state import Folder
from sandbox.system import page_of
from sandbox.timeline import INTAKE, INTAKE_PATH, append_journal

_TABLES = """
CREATE TABLE IF NOT EXISTS number (
  id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE, procedure TEXT NOT NULL, given_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS file (
  id INTEGER PRIMARY KEY, number TEXT NOT NULL, name TEXT NOT NULL, component TEXT NOT NULL, digest TEXT NOT NULL,
  size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS taken (
  id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, national_code TEXT NOT NULL, versions INTEGER NOT NULL,
  at TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS reported (
  id INTEGER PRIMARY KEY, number TEXT NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL, status INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS intake_sin (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, number TEXT NOT NULL, detail TEXT NOT NULL);
"""

LEDGERS = {"numbers": "number", "files": "file", "taken": "taken", "reported": "reported", "sins": "intake_sin"}
"""Words of `/_sandbox/ledger/intake_<word>` and their tables."""

FIRST_SERIAL = 9_000_001
"""Numbers of the intake begin here, far behind those of the generator's rows."""


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file of a dossier, by the id under which the system keeps it."""

    file_id: str
    name: str
    component: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A dossier as it was handed over, in neutral words; `kind` counts from 0, `submitted` is local ISO text."""

    number: str
    national_code: str
    procedure: str
    owner: str
    kind: int
    identity_kind: str
    identity: str
    tax: str
    phone: str
    email: str
    address: str
    province: str
    commune: str
    subject: str
    back: int
    submitted: str
    files: tuple[TakenFile, ...] = field(default=())

    @classmethod
    def read(cls, body: bytes) -> "Taken":
        values = orjson.loads(body)
        return cls(**{**values, "files": tuple(TakenFile(**one) for one in values["files"])})


@dataclass(frozen=True, slots=True)
class TakenStep:
    """A step that the system shows: the citizen's filing, what was reported to it, what it did itself."""

    at: datetime
    status: int
    officer: str
    title: str
    content: str


class Refused(Exception):
    """What the system says no with: HTTP status and words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Intake:
    """The intake of one system over its ledger file; `generator` gives procedures, offices and the clock."""

    def __init__(self, db: sqlite3.Connection, folder: Folder, slug: str, generator: Generator) -> None:
        self.db, self.folder, self.slug, self.generator = db, folder, slug, generator
        self.db.executescript(_TABLES)
        self._listed = {p.code: p for p in generator.listing.listed}

    # -- what is handed over

    def next_number(self, procedure: str) -> str:
        """A fresh number of the office that handles this procedure."""
        listed = self.procedure(procedure)
        serial = FIRST_SERIAL + int(self.db.execute("SELECT count(*) FROM number").fetchone()[0])
        now = self.generator.timeline.now
        value = f"{self.office(listed).new}-{now:%y%m%d}-{serial:07d}"
        self.db.execute(
            "INSERT INTO number (value, procedure, given_at) VALUES (?,?,?)", (value, listed.code, now.isoformat())
        )
        return value

    def procedure(self, code: str) -> LocalProcedure:
        """A procedure of the province's own list, by its own code."""
        if code not in self._listed:
            raise Refused(400, f"Thủ tục không có trong danh mục của tỉnh: {code}")
        return self._listed[code]

    def office(self, procedure: LocalProcedure) -> Office:
        """The office that handles a procedure: the first that the generator would choose from."""
        known = self.generator.procedures
        place = known.index(procedure) if procedure in known else 0
        return self.generator.handled_by[place][0]

    def due(self, procedure: LocalProcedure, arrived: datetime) -> datetime:
        """When a dossier of this procedure is due."""
        return calendar.due(limits.due_days(procedure)[calendar.office_second(arrived) // calendar.DAY_SECONDS])

    def receive_file(self, number: str, name: str, component: str, content: bytes) -> str:
        """A file for a number that was given; its id."""
        self._must_be_given(number)
        digest = hashlib.sha256(content).hexdigest()
        if self.file_id(number, digest, name):
            self.sin("duplicate_file", number, f"{name} {digest[:12]} was received before")
        cursor = self.db.execute(
            "INSERT INTO file (number, name, component, digest, size) VALUES (?,?,?,?,?)",
            (number, name, component, digest, len(content)),
        )
        return f"tep-{cursor.lastrowid}"

    def file_id(self, number: str, digest: str, name: str) -> str | None:
        """The id of a file that was received for this number; None when it was not."""
        query = "SELECT id FROM file WHERE number=? AND digest=? AND name=? ORDER BY id"
        row = self.db.execute(query, (number, digest, name)).fetchone()
        return f"tep-{row[0]}" if row else None

    def files(self, number: str, ids: list[str]) -> tuple[TakenFile, ...]:
        """The files of these ids, which must have been received for this number."""
        found = {
            f"tep-{id_}": TakenFile(f"tep-{id_}", name, component)
            for id_, name, component in self.db.execute(
                "SELECT id, name, component FROM file WHERE number=?", (number,)
            )
        }
        for one in ids:
            if one not in found:
                self.sin("order", number, f"file {one} is named before it was received")
                raise Refused(400, f"Tệp chưa được tải lên: {one}")
        return tuple(found[one] for one in ids)

    def take(self, taken: Taken, *, new: bool) -> None:
        """The dossier itself: once as new, afterwards only as a new version of what is there."""
        self._must_be_given(taken.number)
        self.procedure(taken.procedure)
        known = self.find(taken.number)
        if new and known:
            self.sin("duplicate_dossier", taken.number, "a second hand-over under one number")
            raise Refused(400, f"Hồ sơ {taken.number} đã tồn tại")
        if not new and not known:
            self.sin("order", taken.number, "a new version of a dossier that was never handed over")
            raise Refused(404, f"Hồ sơ không tồn tại: {taken.number}")
        other = self.number_of(taken.national_code)
        if new and other:
            self.sin("duplicate_dossier", taken.number, f"{taken.national_code} is here as {other} already")
        body = orjson.dumps(asdict(taken))
        if known:
            self.db.execute("UPDATE taken SET versions=versions+1, body=? WHERE number=?", (body, taken.number))
            return
        row_id = self.db.execute(
            "INSERT INTO taken (number, national_code, versions, at, body) VALUES (?,?,1,?,?)",
            (taken.number, taken.national_code, self.generator.timeline.now.isoformat(), body),
        ).lastrowid
        append_journal(self.folder.journal, {"slug": self.slug, "changed": [INTAKE + int(row_id or 0)]})

    def report(self, number: str, kind: str, at: str, status: int, body: dict[str, Any]) -> None:
        """A step (`step`) or the status (`status`) of a dossier that is here."""
        if self.find(number) is None:
            self.sin("order", number, f"{kind} before the dossier")
            raise Refused(404, f"Hồ sơ không tồn tại: {number}")
        if not 1 <= status <= 10:
            raise Refused(400, f"Trạng thái ngoài danh mục: {status}")
        if self.was_reported(number, kind, at, status):
            self.sin(f"duplicate_{kind}", number, f"{at} status {status}")
            raise Refused(400, f"Dữ liệu đã tồn tại: {number} {at}")
        query = "SELECT max(at) FROM reported WHERE number=? AND kind=?"
        last = self.db.execute(query, (number, kind)).fetchone()[0]
        if last and at < last:
            self.sin("order", number, f"{kind} {at} after {last}")
            raise Refused(400, f"Không đúng thứ tự thời gian: {number} {at} < {last}")
        self.db.execute(
            "INSERT INTO reported (number, kind, at, status, body) VALUES (?,?,?,?,?)",
            (number, kind, at, status, orjson.dumps(body)),
        )

    def was_reported(self, number: str, kind: str, at: str, status: int) -> bool:
        query = "SELECT 1 FROM reported WHERE number=? AND kind=? AND at=? AND status=?"
        return self.db.execute(query, (number, kind, at, status)).fetchone() is not None

    # -- what is there

    def find(self, number: str) -> Taken | None:
        row = self.db.execute("SELECT body FROM taken WHERE number=?", (number,)).fetchone()
        return Taken.read(row[0]) if row else None

    def number_of(self, national_code: str) -> str | None:
        row = self.db.execute("SELECT number FROM taken WHERE national_code=?", (national_code,)).fetchone()
        return str(row[0]) if row else None

    def at_row(self, row: int) -> Taken:
        """The dossier behind a row of the timeline."""
        return Taken.read(self.db.execute("SELECT body FROM taken WHERE id=?", (row - INTAKE,)).fetchone()[0])

    def row_of(self, number: str) -> int | None:
        row = self.db.execute("SELECT id FROM taken WHERE number=?", (number,)).fetchone()
        return INTAKE + int(row[0]) if row else None

    def steps(self, row: int, taken: Taken) -> list[TakenStep]:
        """What the system shows of a dossier's progress, in time order, each time and status once."""
        officer, title = OFFICERS[row % len(OFFICERS)]
        filed = datetime.fromisoformat(taken.submitted)
        found = {(filed, 1): TakenStep(filed, 1, taken.owner, "Công dân", STEP_WORDS[1])}
        query = "SELECT at, status, body FROM reported WHERE number=? AND kind='step' ORDER BY id"
        for at, status, body in self.db.execute(query, (taken.number,)):
            moment, words = datetime.fromisoformat(at), orjson.loads(body).get("noiDung") or ""
            found.setdefault((moment, status), TakenStep(moment, status, taken.owner, "Công dân", words))
        for moment, status in zip(self.moments(row), INTAKE_PATH, strict=False):
            found[moment, status] = TakenStep(moment, status, officer.decode(), title, STEP_WORDS[status])
        return sorted(found.values(), key=lambda step: step.at)

    def moments(self, row: int) -> list[datetime]:
        """When the dossier of a row moved, its arrival first."""
        return [calendar.moment(w) for w in self.generator.timeline.history.get(row, ())]

    def page(self, ledger: str, query: dict[str, str]) -> dict[str, Any]:
        """A page of one of `LEDGERS`, bodies as JSON."""
        page = page_of(self.db, LEDGERS[ledger], query)
        rows = [{k: orjson.loads(v) if k == "body" else v for k, v in row.items()} for row in page["rows"]]
        return {**page, "rows": rows}

    def sin(self, kind: str, number: str, detail: str) -> None:
        self.db.execute("INSERT INTO intake_sin (kind, number, detail) VALUES (?,?,?)", (kind, number, detail))

    def _must_be_given(self, number: str) -> None:
        if self.db.execute("SELECT 1 FROM number WHERE value=?", (number,)).fetchone() is None:
            self.sin("minted_number", number, "this number was never given")
            raise Refused(404, f"Số hồ sơ chưa được cấp: {number}")


def summary(path: Path) -> dict[str, int]:
    """The intake's part of `status --json`, read from the ledger file."""
    names = {"numbers": "number", "files": "file", "dossiers": "taken", "reported": "reported", "sins": "intake_sin"}
    if not path.exists():
        return dict.fromkeys(names, 0)
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        there = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        return {
            word: int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) if table in there else 0
            for word, table in names.items()
        }
    finally:
        db.close()
