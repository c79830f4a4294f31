"""What a new province's system holds and what was done to it: imported dossiers and files, marks, refusals, sins.

One row for every dossier, its body apart and compressed, so that counting and paging never read bodies. Once a mark is
set, every change writes down what was there before it, and a rollback undoes the changes behind the mark.
"""

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from sandbox.import_rules import OUT_OF_ORDER, Item
from sandbox.system import calls

TABLES = """
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
CREATE TABLE IF NOT EXISTS mark (
  id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL, at TEXT NOT NULL, dossiers INTEGER NOT NULL,
  files INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS undo (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, code TEXT NOT NULL, file_id TEXT NOT NULL, before BLOB);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
LEDGERS = {
    "imported": "item", "versions": "version", "files": "file", "refused": "refused", "duplicates": "duplicate",
    "sins": "import_sin", "marks": "mark", "steps": "step",
}  # fmt: skip
"""Words of `/_sandbox/ledger/<word>` and their tables."""
_COLUMNS = "code, version, source, imported, moved, status, received, updated"


class Refused(Exception):
    """What the whole call is refused with: HTTP status and words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class ImportLedger:
    """The account of one target over its ledger file; times are local `yyyy-MM-dd HH:mm:ss`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.db.executescript(TABLES)
        self._state: dict[str, Any] | None = None

    # -- dossiers

    def take(self, items: list[tuple[Item, str]], now: str) -> list[dict[str, Any]]:
        """Items with the words that refuse them (empty for none), upserted in one transaction: the answers in order."""
        with _transaction(self.db):
            known = self._known([str(item.get("maHoSo") or "") for item, _ in items])
            marked = self._marked
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
                f"INSERT INTO item ({_COLUMNS}) VALUES (?,?,?,1,0,?,?,?)",
                (code, version, item["nguon"], int(item["trangThai"]), item["ngayTiepNhan"], now),
            )
            key = int(cursor.lastrowid or 0)
            self.db.execute("INSERT INTO body VALUES (?,?)", (key, body))
            if marked:
                self._remember("item", code, "", None)
        else:
            result, key = "updated", held[0]
            if marked:
                self._remember("item", code, "", self._whole(key))
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
        with _transaction(self.db):
            cursor = self.db.execute(
                f"INSERT INTO item ({_COLUMNS}) VALUES (?,?,'',0,0,?,?,?)",
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
        with _transaction(self.db):
            if not self._known([code]):
                self.sin("file_without_dossier", code, file_id)
                raise Refused(404, f"Hồ sơ không tồn tại: {code}")
            if self._marked:
                self._remember("file", code, file_id, self._whole_file(held[0]) if held else None)
            if held:
                self._drop_file(held[0])
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

    # -- marks

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
        seq = self.db.execute("SELECT coalesce(max(seq), 0) FROM undo").fetchone()[0]
        cursor = self.db.execute(
            "INSERT INTO mark (seq, at, dossiers, files, digest) VALUES (?,?,?,?,?)",
            (seq, now, state["soHoSo"], state["soTep"], state["sha256"]),
        )
        return {"maDanhDau": f"DD{cursor.lastrowid:06d}", **state}

    def roll_back(self, name: str) -> dict[str, int]:
        """Undoes every import behind a mark and forgets later marks: how many dossiers went and came back."""
        number = name.removeprefix("DD")
        row = self.db.execute("SELECT seq FROM mark WHERE id=?", (number if number.isdigit() else -1,)).fetchone()
        if row is None:
            raise Refused(404, f"Không có mốc đánh dấu: {name}")
        behind = "SELECT code FROM undo WHERE kind='item' AND seq > ?"
        moved = self.db.execute(f"SELECT count(*) FROM item WHERE moved=1 AND code IN ({behind})", row).fetchone()[0]
        if moved:
            raise Refused(409, f"{moved} hồ sơ đã được cán bộ xử lý tiếp sau mốc {name}; không thể hoàn tác")
        with _transaction(self.db):
            first = "SELECT min(seq) FROM undo WHERE seq > ? GROUP BY kind, code, file_id"
            new = f"SELECT code FROM undo WHERE kind='item' AND before IS NULL AND seq IN ({first})"
            self.db.execute(f"DELETE FROM body WHERE id IN (SELECT id FROM item WHERE code IN ({new}))", row)
            gone = self.db.execute(f"DELETE FROM item WHERE code IN ({new})", row).rowcount
            files = (
                "SELECT f.id FROM file f JOIN undo u ON u.kind='file' AND u.code=f.code AND u.file_id=f.file_id "
                f"WHERE u.seq IN ({first})"
            )
            self.db.execute(f"DELETE FROM content WHERE id IN ({files})", row)
            self.db.execute(f"DELETE FROM file WHERE id IN ({files})", row)
            old = f"SELECT kind, before FROM undo WHERE before IS NOT NULL AND seq IN ({first})"
            back = [self._restore(kind, before) for kind, before in self.db.execute(old, row).fetchall()]
            self.db.execute("DELETE FROM undo WHERE seq > ?", row)
            self.db.execute("DELETE FROM mark WHERE id > ?", (int(number),))
        self._state = None
        return {"daXoa": gone, "daKhoiPhuc": back.count("item")}

    @property
    def _marked(self) -> bool:
        return self.db.execute("SELECT 1 FROM mark LIMIT 1").fetchone() is not None

    def _remember(self, kind: str, code: str, file_id: str, before: bytes | None) -> None:
        self.db.execute(
            "INSERT INTO undo (kind, code, file_id, before) VALUES (?,?,?,?)", (kind, code, file_id, before)
        )

    def _whole(self, key: int) -> bytes:
        row = self.db.execute(f"SELECT id, {_COLUMNS} FROM item WHERE id=?", (key,)).fetchone()
        body = self.db.execute("SELECT body FROM body WHERE id=?", (key,)).fetchone()[0]
        return zlib.compress(orjson.dumps([row, unpacked(body)]), 1)

    def _whole_file(self, key: int) -> bytes:
        row = self.db.execute("SELECT code, file_id, name, digest, size, id FROM file WHERE id=?", (key,)).fetchone()
        content = self.db.execute("SELECT content FROM content WHERE id=?", (key,)).fetchone()[0]
        return zlib.compress(orjson.dumps([row, content.hex()]), 1)

    def _restore(self, kind: str, before: bytes) -> str:
        row, inside = orjson.loads(zlib.decompress(before))
        if kind == "item":
            self.db.execute(f"INSERT OR REPLACE INTO item (id, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", row)
            body = zlib.compress(orjson.dumps(inside), 1)
            self.db.execute("INSERT OR REPLACE INTO body VALUES (?,?)", (row[0], body))
        else:
            self.db.execute("INSERT INTO file (code, file_id, name, digest, size, id) VALUES (?,?,?,?,?,?)", row)
            self.db.execute("INSERT INTO content VALUES (?,?)", (row[5], bytes.fromhex(inside)))
        return kind

    def _drop_file(self, key: int) -> None:
        self.db.execute("DELETE FROM content WHERE id=?", (key,))
        self.db.execute("DELETE FROM file WHERE id=?", (key,))

    # -- account

    def sin(self, kind: str, code: str, detail: str) -> None:
        self.db.execute("INSERT INTO import_sin (kind, code, detail) VALUES (?,?,?)", (kind, code, detail))

    def count(self, table: str) -> int:
        return int(self.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


class _transaction:
    """BEGIN IMMEDIATE to COMMIT; what raises rolls back, but a refusal keeps the sins written down."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __enter__(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.db.execute("COMMIT" if kind is None or kind is Refused else "ROLLBACK")


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
