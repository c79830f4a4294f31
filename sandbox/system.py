"""What the two provincial systems share: the generator on its journal, the ledger of what was served, the control."""

import hashlib
import mmap
import sqlite3
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from sandbox import calendar, files
from sandbox.dirt import DELIVERED, FROZEN, HELD, WARNED, outcome
from sandbox.dossiers import Generator
from sandbox.faults import SYSTEM, Fault, FaultBook
from sandbox.provinces import PROFILES
from sandbox.state import Config, Folder
from sandbox.timeline import INTAKE, Moved, append_journal, read_journal
from sandbox.wire import Reply, Request, json_reply

CALLS = """
CREATE TABLE IF NOT EXISTS call (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, now TEXT NOT NULL, operation TEXT NOT NULL,
  params TEXT NOT NULL, status INTEGER NOT NULL, rows INTEGER NOT NULL, fault TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fetched (
  id INTEGER PRIMARY KEY, file_id TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL);
"""


def open_ledger(path: Path, script: str) -> sqlite3.Connection:
    """A ledger file that survives a stop in any way that the machine itself survives."""
    db = sqlite3.connect(path, isolation_level=None, timeout=10)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=OFF")
    db.executescript(script)
    return db


def calls(path: Path) -> dict[str, int]:
    """How many calls a system answered, how many of them an armed fault spoiled, and how many files it gave."""
    if not path.exists():
        return {"calls": 0, "faults": 0, "fetched": 0}
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        total, faults = db.execute("SELECT count(*), coalesce(sum(fault <> ''), 0) FROM call").fetchone()
        kept = db.execute("SELECT 1 FROM sqlite_master WHERE name='fetched'").fetchone()
        fetched = db.execute("SELECT count(*) FROM fetched").fetchone()[0] if kept else 0
        return {"calls": int(total), "faults": int(faults), "fetched": int(fetched)}
    finally:
        db.close()


class Served:
    """One bit for each row whose dossier left the system, in a mapped file: kept even when the peer is killed."""

    def __init__(self, path: Path, base_rows: int) -> None:
        self._size = (base_rows * 5 + 80_000) // 8
        if not path.exists():
            path.touch()
        with path.open("r+b") as file:
            file.truncate(self._size)
            self._bits = mmap.mmap(file.fileno(), self._size)

    def mark(self, rows: Iterable[int]) -> None:
        bits = self._bits
        for row in rows:
            bits[row >> 3] |= 1 << (row & 7)

    def close(self) -> None:
        self._bits.close()

    @staticmethod
    def count(path: Path) -> int:
        return int.from_bytes(path.read_bytes(), "little").bit_count() if path.exists() else 0


class SystemState:
    """The generator of one system, kept at the journal's end."""

    def __init__(self, folder: Folder, config: Config, slug: str) -> None:
        self.folder, self.slug = folder, slug
        self.generator = Generator(PROFILES[slug], config.size, config.seed)
        self._read = 0
        self._size = -1
        self.follow()

    def follow(self) -> list[Moved]:
        """Reads the journal's new lines, if it has grown."""
        try:
            size = self.folder.journal.stat().st_size
        except FileNotFoundError:
            return []
        if size == self._size:
            return []
        self._size = size
        entries = read_journal(self.folder.journal)
        moved = [self.generator.timeline.apply(e) for e in entries[self._read :]]
        self._read = len(entries)
        return moved

    def changed_within(self, since: datetime, until: datetime) -> tuple[int, int]:
        """Positions [first, end) of the records with since <= last change <= until, oldest change first."""
        timeline = self.generator.timeline
        first = timeline.position(calendar.office_second(since))
        end = timeline.position(calendar.office_second(until.replace(microsecond=0) + timedelta(seconds=1)))
        return first, max(first, end)

    def row_of(self, code: str) -> int | None:
        """The row that is served under this dossier code; of two records with one code the first."""
        serial = code.rpartition("-")[2].rpartition("/")[2]
        row = int(serial) - 1 if serial.isascii() and serial.isdigit() else -1
        if not 0 <= row < self.generator.timeline.rows or self.generator.code_of(row) != code:
            return None
        return row

    def labels(self) -> dict[str, dict[str, Any]]:
        """Every dossier that was planted dirty or doubtful: `{code: {kind, outcome, corrected, warned}}`."""
        timeline = self.generator.timeline
        found = {}
        for kind in HELD + DELIVERED + WARNED:
            for row in timeline.mains(kind):
                corrected = row in timeline.corrected
                found[self.generator.code_of(row)] = {
                    "kind": kind,
                    "outcome": "delivered" if corrected else outcome(kind),
                    "corrected": corrected,
                    "warned": kind in WARNED,
                }
        return found

    def summary(self) -> dict[str, Any]:
        """The part of `status --json` that follows from the seed and the journal."""
        timeline = self.generator.timeline
        planted = {kind: timeline.mains(kind) for kind in HELD + DELIVERED}
        live = {kind: sum(r not in timeline.corrected for r in rows) for kind, rows in planted.items()}
        warned = {kind: len(timeline.mains(kind)) for kind in WARNED}
        return {
            "dossiers": timeline.dossiers(),
            "records": len(timeline),
            "labelled_dirty": sum(live.values()),
            "labels": live,
            "expected_held": sum(n for kind, n in live.items() if kind in HELD),
            "corrected": len(timeline.corrected),
            "labelled_warned": sum(warned.values()),
            "warned": warned,
            "procedures": self.generator.listing.counts(),
        }

    def change_now(self, records: int, near_end: bool) -> list[int]:
        """Lets that many open dossiers change at once, from the newest end or the oldest; the journal keeps it."""
        timeline = self.generator.timeline
        total = len(timeline)
        rows: list[int] = []
        positions = range(total - 1, -1, -1) if near_end else range(total)
        for start in positions:
            row = timeline.slice(start, start + 1)[0]
            if row < INTAKE and timeline.role(row).kind not in FROZEN and timeline.movable(row):
                rows.append(row)
                if len(rows) == records:
                    break
        append_journal(self.folder.journal, {"slug": self.slug, "changed": rows})
        self.follow()
        return rows


class SystemPeer:
    """Base of the REST and the SOAP peer: ledger, faults and control. A subclass answers the operations."""

    def __init__(self, folder: Folder, config: Config, slug: str, clock: Callable[[], float]) -> None:
        self.state = SystemState(folder, config, slug)
        self.folder, self.slug, self.clock = folder, slug, clock
        self.profile = PROFILES[slug]
        account = folder.accounts()[self.profile.connection]
        self.login, self.password = account["login"], account["password"]
        self.client_id = account["extra"].get("client_id", "")
        self.faults = FaultBook(SYSTEM)
        self.served = Served(folder.served(slug), self.state.generator.timeline.base_rows)
        self._db = open_ledger(folder.ledger(slug), CALLS)

    @property
    def now(self) -> datetime:
        return self.state.generator.timeline.now

    def record_call(self, operation: str, params: dict[str, Any], reply: Reply, rows: int, fault: Fault | None) -> None:
        self._db.execute(
            "INSERT INTO call (at, now, operation, params, status, rows, fault) VALUES (?,?,?,?,?,?,?)",
            (
                time.time(),
                self.now.isoformat(),
                operation,
                orjson.dumps(params).decode(),
                reply.status,
                rows,
                fault.kind if fault else "",
            ),
        )

    def note(self, operation: str, request: Request, fault: Fault) -> None:
        self.record_call(operation, dict(request.query), Reply(b"", 0), 0, fault)

    def mark_served(self, rows: list[int]) -> None:
        """A twin counts for its dossier's own row, so that the bits are distinct dossier codes."""
        timeline = self.state.generator.timeline
        at, offset, period = timeline.pattern.at, timeline.pattern.offset, len(timeline.pattern.at)
        own = [r for r in rows if r < INTAKE]
        self.served.mark([timeline.role(r).main if at[(r + offset) % period][:5] == "twin:" else r for r in own])

    def fetch(self, file_id: str) -> bytes | None:
        """A file by its id, written to the ledger; None when it was lost here, as happens where systems merge."""
        if not file_id or (self.profile.joins and files.lost(file_id)):
            return None
        body = files.content(file_id)
        values = (file_id, hashlib.sha256(body).hexdigest(), len(body))
        self._db.execute("INSERT INTO fetched (file_id, digest, size) VALUES (?,?,?)", values)
        return body

    def control(self, request: Request) -> Reply:
        """`/_sandbox/labels`, `/_sandbox/procedures`, `/_sandbox/ledger/calls`, `/_sandbox/status`."""
        self.state.follow()
        match request.path:
            case "/_sandbox/labels":
                labels = self.state.labels()
                if request.query.get("detail"):
                    return json_reply(labels)
                return json_reply({code: v["kind"] for code, v in labels.items() if not v["corrected"]})
            case "/_sandbox/procedures":
                listing = self.state.generator.listing
                return json_reply(
                    {
                        "missing": listing.missing,
                        "stale": listing.stale,
                        "unknown": listing.unknown,
                        "shifted": listing.shifted,
                        **_counts(listing.counts()),
                    }
                )
            case "/_sandbox/dossier":
                return self._one(request.query)
            case "/_sandbox/ledger/calls":
                return json_reply(page_of(self._db, "call", request.query))
            case "/_sandbox/ledger/fetched":
                return json_reply(page_of(self._db, "fetched", request.query))
            case "/_sandbox/status":
                return json_reply({**self.state.summary(), "now": self.now.isoformat()})
        return json_reply({"error": f"no control address {request.path}"}, 404)

    def _one(self, query: dict[str, str]) -> Reply:
        generator = self.state.generator
        row = int(query["row"])
        d = generator.dossier(row)
        return json_reply(
            {
                "row": row,
                "code": d.code.decode(),
                "kind": d.kind,
                "path": list(d.path),
                "national_code": d.national_code.decode(),
            }
        )

    def close(self) -> None:
        self._db.close()
        self.served.close()


def _counts(counts: dict[str, int]) -> dict[str, dict[str, int]]:
    return {"counts": counts}


def page_of(db: sqlite3.Connection, table: str, query: dict[str, str]) -> dict[str, Any]:
    """Rows of a ledger table after `since_id`, at most `limit` (1,000), with the id to ask for next."""
    since, limit = int(query.get("since_id", 0)), min(int(query.get("limit", 1000)), 10_000)
    cursor = db.execute(f"SELECT * FROM {table} WHERE id > ? ORDER BY id LIMIT ?", (since, limit))
    names = [c[0] for c in cursor.description]
    rows = [dict(zip(names, r, strict=True)) for r in cursor]
    return {"rows": rows, "next_since_id": rows[-1]["id"] if len(rows) == limit else None}
