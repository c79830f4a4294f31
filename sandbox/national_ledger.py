"""Everything the national peer received, in SQLite: what a test or a person judges the hub by."""

import hashlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from sandbox.system import open_ledger

_TABLES = """
CREATE TABLE IF NOT EXISTS call (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, now TEXT NOT NULL, service TEXT NOT NULL, keys TEXT NOT NULL,
  verdict TEXT NOT NULL, error_code TEXT NOT NULL, reason TEXT NOT NULL, fault TEXT NOT NULL, digest TEXT NOT NULL,
  bytes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS dossier (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, status INTEGER NOT NULL, version INTEGER NOT NULL,
  first_call INTEGER NOT NULL, last_call INTEGER NOT NULL, last_step_at TEXT NOT NULL DEFAULT '',
  last_step_status INTEGER, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dossier_version (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL, version INTEGER NOT NULL, call_id INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS step (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL, at TEXT NOT NULL, status TEXT NOT NULL, verdict TEXT NOT NULL,
  reason TEXT NOT NULL, digest BLOB NOT NULL, call_id INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS step_code ON step (code);
CREATE TABLE IF NOT EXISTS sin (
  id INTEGER PRIMARY KEY, call_id INTEGER NOT NULL, kind TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL);
"""

DUPLICATE_CREATE, DUPLICATE_STEP, ORDER = "duplicate_create", "duplicate_step", "order"


@dataclass(slots=True)
class Known:
    """A dossier as the ledger holds it."""

    code: str
    status: int
    version: int
    last_step_at: str
    last_step_status: int | None
    body: bytes


class Ledger:
    """One connection, used by one thread; `begin`, write, `finish` are one transaction per call."""

    def __init__(self, path: Path) -> None:
        self.db: sqlite3.Connection = open_ledger(path, _TABLES)

    def begin(self, now: str, service: str, keys: str, fault: str, body: bytes) -> int:
        """Opens the transaction of a call and gives its id; the verdict is written by `finish`."""
        self.db.execute("BEGIN")
        digest = hashlib.sha256(body).hexdigest()
        cursor = self.db.execute(
            "INSERT INTO call (at, now, service, keys, verdict, error_code, reason, fault, digest, bytes) "
            "VALUES (?,?,?,?,'','','',?,?,?)",
            (time.time(), now, service, keys, fault, digest, len(body)),
        )
        return int(cursor.lastrowid or 0)

    def finish(self, call: int, verdict: str, error_code: str, reason: str) -> None:
        self.db.execute(
            "UPDATE call SET verdict=?, error_code=?, reason=? WHERE id=?", (verdict, error_code, reason, call)
        )
        self.db.execute("COMMIT")

    def abandon(self) -> None:
        """Gives up the transaction of a call that broke inside the peer."""
        self.db.execute("ROLLBACK")

    def dossier(self, code: str) -> Known | None:
        row = self.db.execute(
            "SELECT code, status, version, last_step_at, last_step_status, body FROM dossier WHERE code=?", (code,)
        ).fetchone()
        return Known(*row) if row else None

    def put(self, call: int, item: dict[str, Any], known: Known | None) -> None:
        """A new version of a dossier; every version stays."""
        body, code, status = orjson.dumps(item), item["MaHoSo"], int(item["TrangThaiHoSo"])
        version = known.version + 1 if known else 1
        if known:
            self.db.execute(
                "UPDATE dossier SET status=?, version=?, last_call=?, body=? WHERE code=?",
                (status, version, call, body, code),
            )
        else:
            self.db.execute(
                "INSERT INTO dossier (code, status, version, first_call, last_call, body) VALUES (?,?,1,?,?,?)",
                (code, status, call, call, body),
            )
        self.db.execute(
            "INSERT INTO dossier_version (code, version, call_id, body) VALUES (?,?,?,?)", (code, version, call, body)
        )

    def has_step(self, code: str, digest: bytes) -> bool:
        found = self.db.execute(
            "SELECT 1 FROM step WHERE code=? AND digest=? AND verdict='accepted' LIMIT 1", (code, digest)
        )
        return found.fetchone() is not None

    def put_step(self, call: int, item: dict[str, Any], digest: bytes, verdict: str, reason: str) -> None:
        """A step as it was received, whatever became of it; only an accepted one moves the dossier on."""
        code, at, status = (str(item.get(k) or "") for k in ("MaHoSo", "ThoiDiemXuLy", "TrangThai"))
        self.db.execute(
            "INSERT INTO step (code, at, status, verdict, reason, digest, call_id, body) VALUES (?,?,?,?,?,?,?,?)",
            (code, at, status, verdict, reason, digest, call, orjson.dumps(item)),
        )
        if verdict == "accepted":
            self.db.execute(
                "UPDATE dossier SET last_step_at=?, last_step_status=? WHERE code=?", (at, int(status), code)
            )

    def sin(self, call: int, kind: str, code: str, detail: str) -> None:
        self.db.execute("INSERT INTO sin (call_id, kind, code, detail) VALUES (?,?,?,?)", (call, kind, code, detail))

    def steps(self, code: str) -> list[dict[str, Any]]:
        """Accepted steps of a dossier as they were sent, in the order of their arrival."""
        found = self.db.execute("SELECT body FROM step WHERE code=? AND verdict<>'refused' ORDER BY id", (code,))
        return [orjson.loads(r[0]) for r in found]

    def close(self) -> None:
        self.db.close()


def step_digest(item: dict[str, Any]) -> bytes:
    """Same dossier, same time, same content: the same step."""
    return hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).digest()[:16]


def summary(path: Path) -> dict[str, Any]:
    """The national part of `status --json`, read from the ledger file; zeros when nothing was received yet."""
    if not path.exists():
        return {
            "dossiers": 0,
            "steps": 0,
            "duplicates": 0,
            "order_violations": 0,
            "refused": 0,
            "calls": 0,
            "faults": 0,
        }
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)

    def one(sql: str) -> int:
        return int(db.execute(sql).fetchone()[0])

    try:
        return {
            "dossiers": one("SELECT count(*) FROM dossier"),
            "steps": one("SELECT count(*) FROM step WHERE verdict='accepted'"),
            "duplicates": one("SELECT count(*) FROM sin WHERE kind LIKE 'duplicate%'"),
            "order_violations": one("SELECT count(*) FROM sin WHERE kind='order'"),
            "refused": one("SELECT count(*) FROM call WHERE verdict='refused'"),
            "calls": one("SELECT count(*) FROM call"),
            "faults": one("SELECT count(*) FROM call WHERE fault<>''"),
        }
    finally:
        db.close()
