"""What a new province's system holds and what was done to it: imported dossiers and files, refusals, sins.

One row for every dossier, its body apart and compressed, so that counting and paging never read bodies.
"""

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from sandbox.import_marks import COLUMNS, Marks, transaction
from sandbox.import_marks import TABLES as MARK_TABLES
from sandbox.import_rules import OUT_OF_ORDER, Item, Refused
from sandbox.system import calls

TABLES = f"""
{MARK_TABLES}
CREATE TABLE IF NOT EXISTS item (
  id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL UNIQUE, version TEXT NOT NULL, source TEXT NOT NULL,
  imported INTEGER NOT NULL, moved INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL, received TEXT NOT NULL,
  updated TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS item_updated ON item (updated, id);
CREATE INDEX IF NOT EXISTS item_state ON item (code, version);
CREATE TABLE IF NOT EXISTS body (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS step (
  id INTEGER PRIMARY KEY, item INTEGER NOT NULL, at TEXT NOT NULL, status INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS step_item ON step (item);
CREATE TABLE IF NOT EXISTS file (
  id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, file_id TEXT NOT NULL, name TEXT NOT NULL,
  digest TEXT NOT NULL, size INTEGER NOT NULL, UNIQUE (code, file_id));
CREATE TABLE IF NOT EXISTS content (id INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS version (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL, version TEXT NOT NULL, result TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refused (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL, source TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS duplicate (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS import_sin (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
LEDGERS = {
    "imported": "item", "versions": "version", "files": "file", "refused": "refused", "duplicates": "duplicate",
    "sins": "import_sin", "marks": "mark", "steps": "step",
}  # fmt: skip
"""Words of `/_sandbox/ledger/<word>` and their tables."""


class ImportLedger:
    """The account of one target over its ledger file; times are local `yyyy-MM-dd HH:mm:ss`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.db.executescript(TABLES)
        self._marks = Marks(db)
        self._state: dict[str, Any] | None = None

    # -- dossiers

    def take(self, items: list[tuple[Item, str]], now: str) -> list[dict[str, Any]]:
        """Items with the words that refuse them (empty for none), upserted in one transaction: the answers in order."""
        with transaction(self.db):
            known = self._known([str(item.get("maHoSo") or "") for item, _ in items])
            marked = self._marks.any()
            answers, fresh = [], set()
            for item, wrong in items:
                code = str(item.get("maHoSo") or "")
                held = known.get(code)
                reason = wrong or self._refusal(item, held, code in fresh)
                if reason:
                    self._refuse(item, code, reason, now)
                    answers.append({"maHoSo": code, "ketQua": "refused", "lyDo": reason, "id": None})
                    continue
                fresh.add(code)
                result, key = self._upsert(item, held, now, marked)
                answers.append({"maHoSo": code, "ketQua": result, "lyDo": "", "id": public_id(key)})
        self._state = None
        return answers

    def _upsert(self, item: Item, held: tuple[Any, ...] | None, now: str, marked: bool) -> tuple[str, int]:
        code, version = item["maHoSo"], item["phienBan"]
        if held and held[1] == version:
            self.db.execute("INSERT INTO duplicate (kind, code, detail) VALUES ('dossier',?,?)", (code, version))
            return "unchanged", held[0]
        body = zlib.compress(orjson.dumps(item), 1)
        if held is None:
            result = "created"
            cursor = self.db.execute(
                f"INSERT INTO item ({COLUMNS}) VALUES (?,?,?,1,0,?,?,?)",
                (code, version, item["nguon"], int(item["trangThai"]), item["ngayTiepNhan"], now),
            )
            key = int(cursor.lastrowid or 0)
            self.db.execute("INSERT INTO body VALUES (?,?)", (key, body))
            if marked:
                self._marks.remember_item(code, None)
        else:
            result, key = "updated", held[0]
            if marked:
                self._marks.remember_item(code, key)
            self.db.execute(
                "UPDATE item SET version=?, source=?, status=?, received=?, updated=? WHERE id=?",
                (version, item["nguon"], int(item["trangThai"]), item["ngayTiepNhan"], now, key),
            )
            self.db.execute("UPDATE body SET body=? WHERE id=?", (body, key))
        self.db.execute(
            "INSERT INTO version (code, version, result, at) VALUES (?,?,?,?)", (code, version, result, now)
        )
        return result, key

    def _refusal(self, item: Item, held: tuple[Any, ...] | None, again: bool) -> str:
        """Why an item that breaks no rule is refused for what is there already."""
        code = item["maHoSo"]
        if again:
            self.sin("twice_in_one_call", code, "two items with one code")
            return f"Mã hồ sơ lặp lại trong một lần gửi: {code}"
        if held is None:
            return ""
        _, _, source, imported, moved = held
        if not imported:
            return f"Mã hồ sơ đã tồn tại trên hệ thống mới, do cán bộ nhập: {code}"
        if source != item["nguon"]:
            self.sin("other_source", code, f"imported from {source}, now from {item['nguon']}")
            return f"Mã hồ sơ đã tồn tại, nhập từ nguồn khác: {source}"
        return f"Hồ sơ đã được cán bộ xử lý tiếp trên hệ thống mới: {code}" if moved else ""

    def _refuse(self, item: Item, code: str, reason: str, now: str) -> None:
        if reason.startswith(OUT_OF_ORDER):
            self.sin("step_order", code, reason)
        self.db.execute(
            "INSERT INTO refused (code, source, reason, at) VALUES (?,?,?,?)",
            (code, str(item.get("nguon") or ""), reason, now),
        )

    def _known(self, codes: list[str]) -> dict[str, tuple[Any, ...]]:
        marks = ",".join("?" * len(codes))
        query = f"SELECT code, id, version, source, imported, moved FROM item WHERE code IN ({marks})"
        return {row[0]: row[1:] for row in self.db.execute(query, codes)}

    def find(self, codes: list[str]) -> list[dict[str, Any]]:
        """Those of the codes that are there."""
        known = self._known(codes)
        return [
            {"maHoSo": code, "id": public_id(row[0]), "phienBan": row[1], "nguon": row[2]}
            for code in codes
            if (row := known.get(code))
        ]

    def items(self, page: int, size: int) -> tuple[list[Item], int]:
        """A page, from 1, of all items as stored, and how many there are."""
        query = (
            "SELECT i.id, i.version, i.imported, b.body FROM (SELECT id, version, imported FROM item ORDER BY id "
            "LIMIT ? OFFSET ?) i JOIN body b USING (id) ORDER BY i.id"
        )
        found = [
            {**unpacked(body), "id": public_id(key), "phienBan": version, "nhap": bool(imported)}
            for key, version, imported, body in self.db.execute(query, (size, (page - 1) * size))
        ]
        return found, self.count("item")

    def enter(self, item: Item, now: str) -> str:
        """A dossier that staff of the new province entered themselves: its id."""
        with transaction(self.db):
            cursor = self.db.execute(
                f"INSERT INTO item ({COLUMNS}) VALUES (?,?,'',0,0,?,?,?)",
                (item["maHoSo"], item["phienBan"], int(item["trangThai"]), item["ngayTiepNhan"], now),
            )
            key = int(cursor.lastrowid or 0)
            self.db.execute("INSERT INTO body VALUES (?,?)", (key, zlib.compress(orjson.dumps(item), 1)))
        self._state = None
        return public_id(key)

    # -- files

    def receive_file(self, code: str, file_id: str, name: str, content: bytes) -> tuple[str, str, bool]:
        """(id, SHA-256 in hex, whether it was there already) of a file of a dossier that is there."""
        digest = hashlib.sha256(content).hexdigest()
        held = self.db.execute("SELECT id, digest FROM file WHERE code=? AND file_id=?", (code, file_id)).fetchone()
        if held and held[1] == digest:
            self.db.execute(
                "INSERT INTO duplicate (kind, code, detail) VALUES ('file',?,?)", (code, f"{file_id} {digest}")
            )
            return f"tep-{held[0]}", digest, True
        with transaction(self.db):
            if not self._known([code]):
                self.sin("file_without_dossier", code, file_id)
                raise Refused(404, f"Hồ sơ không tồn tại: {code}")
            if self._marks.any():
                self._marks.remember_file(code, file_id, held[0] if held else None)
            if held:
                self.db.execute("DELETE FROM content WHERE id=?", (held[0],))
                self.db.execute("DELETE FROM file WHERE id=?", (held[0],))
            cursor = self.db.execute(
                "INSERT INTO file (code, file_id, name, digest, size) VALUES (?,?,?,?,?)",
                (code, file_id, name, digest, len(content)),
            )
            self.db.execute("INSERT INTO content VALUES (?,?)", (cursor.lastrowid, content))
        self._state = None
        return f"tep-{cursor.lastrowid}", digest, False

    def files(self, page: int, size: int) -> tuple[list[dict[str, Any]], int]:
        """A page, from 1, of all files, and how many there are."""
        query = "SELECT code, file_id, name, digest, size FROM file ORDER BY id LIMIT ? OFFSET ?"
        names = ("maHoSo", "tepId", "ten", "sha256", "soByte")
        rows = self.db.execute(query, (size, (page - 1) * size))
        return [dict(zip(names, row, strict=True)) for row in rows], self.count("file")

    # -- account

    def state(self) -> dict[str, Any]:
        """{soHoSo, soTep, sha256}: the digest of the lines `code TAB version`, then `code TAB file TAB sha256`, in the
        order of their bytes; counted anew only after a change."""
        if self._state is None:
            digest = hashlib.sha256()
            _add(digest, self.db.execute("SELECT code || char(9) || version FROM item ORDER BY code"))
            _add(
                digest,
                self.db.execute(
                    "SELECT code || char(9) || file_id || char(9) || digest FROM file ORDER BY code, file_id"
                ),
            )
            counts = {"soHoSo": self.count("item"), "soTep": self.count("file")}
            self._state = {**counts, "sha256": digest.hexdigest()}
        return self._state

    def mark(self, now: str) -> dict[str, Any]:
        """A snapshot mark of this moment, with the state there."""
        state = self.state()
        return {"maDanhDau": self._marks.set(now, state), **state}

    def roll_back(self, name: str) -> dict[str, int]:
        """Undoes every import behind a mark: how many dossiers went and came back; raises Refused."""
        gone, back = self._marks.roll_back(name)
        self._state = None
        return {"daXoa": gone, "daKhoiPhuc": back}

    def sin(self, kind: str, code: str, detail: str) -> None:
        self.db.execute("INSERT INTO import_sin (kind, code, detail) VALUES (?,?,?)", (kind, code, detail))

    def count(self, table: str) -> int:
        return int(self.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _add(digest: Any, rows: Iterable[tuple[str]]) -> None:
    lines: list[str] = []
    for (line,) in rows:
        lines.append(line)
        if len(lines) == 10_000:
            digest.update(("\n".join(lines) + "\n").encode())
            lines = []
    if lines:
        digest.update(("\n".join(lines) + "\n").encode())


def unpacked(body: bytes) -> Item:
    """An item out of its stored body."""
    item: Item = orjson.loads(zlib.decompress(body))
    return item


def public_id(key: int) -> str:
    """The system's own id of a dossier, as its pull shows it."""
    return f"ct{key:010d}"


def summary(path: Path) -> dict[str, Any]:
    """A target's part of `status --json`, read from the ledger file."""
    empty = {"dossiers": 0, "staff": 0, "moved": 0, "bytes": 0, **dict.fromkeys(LEDGERS, 0)}
    if not path.exists():
        return {**empty, "calls": 0, "faults": 0}
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        counts = {word: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for word, table in LEDGERS.items()}
        query = "SELECT count(*), coalesce(sum(imported), 0), coalesce(sum(moved), 0) FROM item"
        total, imported, moved = db.execute(query).fetchone()
        size = db.execute("SELECT coalesce(sum(size), 0) FROM file").fetchone()[0]
    finally:
        db.close()
    own = {"dossiers": total, "staff": total - imported, "moved": moved, "bytes": size}
    return {**counts, **own, "imported": imported, **calls(path)}
