"""Snapshot marks of a new province's system: once one is set, every change keeps what was there before it."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from sandbox.import_rules import Refused

TABLES = """
CREATE TABLE IF NOT EXISTS mark (
  id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL, at TEXT NOT NULL, dossiers INTEGER NOT NULL,
  files INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS undo (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, code TEXT NOT NULL, file_id TEXT NOT NULL, before BLOB);
"""
COLUMNS = "code, version, source, imported, moved, status, received, updated"
"""Of a dossier, beside its id and its body."""
_FIRST = "SELECT min(seq) FROM undo WHERE seq > ? GROUP BY kind, code, file_id"
"""The first change of each thing behind a mark: it has what stood there at the mark."""
_NEW = f"SELECT code FROM undo WHERE kind='item' AND before IS NULL AND seq IN ({_FIRST})"
_FILES = (
    "SELECT f.id FROM file f JOIN undo u ON u.kind='file' AND u.code=f.code AND u.file_id=f.file_id "
    f"WHERE u.seq IN ({_FIRST})"
)


class Marks:
    """Marks and the way back to them over the ledger's tables."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def any(self) -> bool:
        """Whether changes have to be remembered."""
        return self.db.execute("SELECT 1 FROM mark LIMIT 1").fetchone() is not None

    def set(self, now: str, state: dict[str, Any]) -> str:
        """A mark of this moment, with the state there: its name."""
        seq = self.db.execute("SELECT coalesce(max(seq), 0) FROM undo").fetchone()[0]
        cursor = self.db.execute(
            "INSERT INTO mark (seq, at, dossiers, files, digest) VALUES (?,?,?,?,?)",
            (seq, now, state["soHoSo"], state["soTep"], state["sha256"]),
        )
        return f"DD{cursor.lastrowid:06d}"

    def remember_item(self, code: str, key: int | None) -> None:
        """Before a dossier comes (no key) or changes."""
        before = None
        if key is not None:
            row = self.db.execute(f"SELECT id, {COLUMNS} FROM item WHERE id=?", (key,)).fetchone()
            body = self.db.execute("SELECT body FROM body WHERE id=?", (key,)).fetchone()[0]
            before = _packed(row, body)
        self.db.execute("INSERT INTO undo (kind, code, file_id, before) VALUES ('item',?,'',?)", (code, before))

    def remember_file(self, code: str, file_id: str, key: int | None) -> None:
        """Before a file comes (no key) or changes."""
        before = None
        if key is not None:
            query = "SELECT code, file_id, name, digest, size, id FROM file WHERE id=?"
            row = self.db.execute(query, (key,)).fetchone()
            before = _packed(row, self.db.execute("SELECT content FROM content WHERE id=?", (key,)).fetchone()[0])
        self.db.execute("INSERT INTO undo (kind, code, file_id, before) VALUES ('file',?,?,?)", (code, file_id, before))

    def roll_back(self, name: str) -> tuple[int, int]:
        """Undoes every import behind a mark and forgets later marks: how many dossiers (went, came back).

        Raises Refused: no such mark (404), or staff went on with what came since (409).
        """
        number = int(name.removeprefix("DD")) if name.removeprefix("DD").isdigit() else -1
        row = self.db.execute("SELECT seq FROM mark WHERE id=?", (number,)).fetchone()
        if row is None:
            raise Refused(404, f"Không có mốc đánh dấu: {name}")
        behind = "SELECT code FROM undo WHERE kind='item' AND seq > ?"
        moved = self.db.execute(f"SELECT count(*) FROM item WHERE moved=1 AND code IN ({behind})", row).fetchone()[0]
        if moved:
            raise Refused(409, f"{moved} hồ sơ đã được cán bộ xử lý tiếp sau mốc {name}; không thể hoàn tác")
        with transaction(self.db):
            self.db.execute(f"DELETE FROM body WHERE id IN (SELECT id FROM item WHERE code IN ({_NEW}))", row)
            gone = self.db.execute(f"DELETE FROM item WHERE code IN ({_NEW})", row).rowcount
            self.db.execute(f"DELETE FROM content WHERE id IN ({_FILES})", row)
            self.db.execute(f"DELETE FROM file WHERE id IN ({_FILES})", row)
            old = f"SELECT kind, before FROM undo WHERE before IS NOT NULL AND seq IN ({_FIRST})"
            back = [self._restore(kind, before) for kind, before in self.db.execute(old, row).fetchall()]
            self.db.execute("DELETE FROM undo WHERE seq > ?", row)
            self.db.execute("DELETE FROM mark WHERE id > ?", (number,))
        return gone, back.count("item")

    def _restore(self, kind: str, before: bytes) -> str:
        row, inside = orjson.loads(zlib.decompress(before))
        body = bytes.fromhex(inside)
        if kind == "item":
            self.db.execute(f"INSERT OR REPLACE INTO item (id, {COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", row)
            self.db.execute("INSERT OR REPLACE INTO body VALUES (?,?)", (row[0], body))
        else:
            self.db.execute("INSERT INTO file (code, file_id, name, digest, size, id) VALUES (?,?,?,?,?,?)", row)
            self.db.execute("INSERT INTO content VALUES (?,?)", (row[5], body))
        return kind


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing; a refusal keeps what was written of it, such as a sin."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except Refused:
        db.execute("COMMIT")
        raise
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _packed(row: tuple[Any, ...], body: bytes) -> bytes:
    return zlib.compress(orjson.dumps([row, body.hex()]), 1)
