"""A new province's system [style]: an iGate that begins empty, takes what is imported and shows it in its own pull."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import orjson

from sandbox import calendar, import_moves
from sandbox.faults import SYSTEM, TARGET, Fault, FaultBook
from sandbox.import_ledger import LEDGERS, ImportLedger, summary, unpacked
from sandbox.import_rules import Item, checker
from sandbox.procedures import forms, national
from sandbox.provinces import ALL, offices, places
from sandbox.render_imported import record
from sandbox.state import EXTRA, INTAKES, Config, Folder
from sandbox.system import CALLS, open_ledger, page_of
from sandbox.tokens import Tokens
from sandbox.vnpt import MOST_ROWS, TOKEN_PATH, TOKEN_SECONDS
from sandbox.vnpt_import import PREFIX, VnptImport
from sandbox.wire import Reply, Request, json_reply

_LOCAL = "%Y-%m-%d %H:%M:%S"


class TargetPeer:
    """REST peer of one new province: the pull that every iGate has, and the import."""

    def __init__(self, folder: Folder, config: Config, slug: str, clock: Callable[[], float]) -> None:
        self.folder, self.slug, self.profile = folder, slug, ALL[slug]
        accounts = folder.accounts()
        own = accounts[self.profile.connection]
        self.login, self.password = own["login"], own["password"]
        taking = accounts[INTAKES[self.profile.kind].format(slug=slug)]
        self.faults = FaultBook(SYSTEM | TARGET)
        self._db = open_ledger(folder.ledger(slug), CALLS)
        self.ledger = ImportLedger(self._db)
        self.imports = VnptImport(
            self.ledger, taking["login"], taking["password"], clock, checker(slug), self._now_text,
            lambda: self.faults.standing("refuse_share"),
        )  # fmt: skip
        self._tokens = Tokens(clock, TOKEN_SECONDS)
        self._seen = -1
        self._days = 0
        self._follow()

    def operation(self, request: Request) -> str:
        path = request.path
        if path.startswith(PREFIX):
            return self.imports.operation(request.method, path)
        if path.startswith("/pa/dossier/") and path.endswith("/--online"):
            return "detail"
        if path.startswith("/fi/file/"):
            return "file"
        return {TOKEN_PATH: "token", "/pa/dossier/search": "search", "/bd/procedure": "procedure"}.get(path, "")

    def handle(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """The answer to one call, written to the ledger."""
        self._follow()
        kind = fault.kind if fault else ""
        rows = 0
        if operation == "token":
            reply = self._token(request, kind == "wrong_password")
        elif operation and request.path.startswith(PREFIX):
            reply, rows = self.imports.handle(request, operation, fault)
        elif not operation:
            reply = json_reply({"status": 404, "error": "Not Found", "path": request.path}, 404)
        elif kind == "expired" or not self._tokens.bearer(request.headers):
            if kind == "expired":
                self._tokens.forget()
            reply = json_reply({"error": "invalid_token", "error_description": "Token is not active"}, 401)
        else:
            try:
                reply, rows = self._answer(request, operation)
            except ValueError as problem:
                reply = json_reply({"status": 400, "error": "Bad Request", "message": str(problem)}, 400)
        self._record(operation or request.path, request, reply, rows, kind)
        return reply

    def note(self, operation: str, request: Request, fault: Fault) -> None:
        self._record(operation, request, Reply(b"", 0), 0, fault.kind)

    def control(self, request: Request) -> Reply:
        """`/_sandbox/ledger/...`, `/_sandbox/status`, `/_sandbox/open`, `/_sandbox/staff`, `/_sandbox/move`."""
        self._follow()
        word = request.path.removeprefix("/_sandbox/ledger/")
        if word in LEDGERS or word == "calls":
            return json_reply(page_of(self._db, LEDGERS.get(word, "call"), request.query))
        match request.path:
            case "/_sandbox/status":
                return json_reply({**summary(self.folder.ledger(self.slug)), "now": self._now.isoformat()})
            case "/_sandbox/labels":
                return json_reply({})
            case "/_sandbox/open":
                import_moves.open_on(self._db, self._days)
                return json_reply({"opened": self._now.isoformat()})
            case "/_sandbox/staff":
                item = self._staffs(request.json())
                return json_reply({"id": self.ledger.enter(item, self._now_text()), "code": item["maHoSo"]})
            case "/_sandbox/move":
                code = str(request.json().get("code", ""))
                status = import_moves.move(self._db, code, self._now_text())
                if status is None:
                    return json_reply({"error": f"there is no dossier {code}, or no step behind its last one"}, 400)
                return json_reply({"code": code, "status": status})
        return json_reply({"error": f"no control address {request.path}"}, 404)

    def close(self) -> None:
        self._db.close()

    # -- the pull

    def _token(self, request: Request, refuse: bool) -> Reply:
        form = {k: v[0] for k, v in parse_qs(request.body.decode("latin-1")).items()}
        if form.get("grant_type") != "password":
            return json_reply({"error": "unsupported_grant_type"}, 400)
        if form.get("client_id") != EXTRA[self.profile.kind]["client_id"]:
            return json_reply({"error": "invalid_client", "error_description": "Invalid client credentials"}, 401)
        if refuse or (form.get("username"), form.get("password")) != (self.login, self.password):
            return json_reply({"error": "invalid_grant", "error_description": "Invalid user credentials"}, 401)
        return json_reply({"access_token": self._tokens.issue(), "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})

    def _answer(self, request: Request, operation: str) -> tuple[Reply, int]:
        if operation == "file":
            return self._file(request.path.rsplit("/", 1)[-1]), 1
        if operation == "detail":
            number = request.path.split("/")[3].removeprefix("ct")
            found = self._records("WHERE id = ?", (int(number) if number.isdigit() else -1,))
            return (Reply(found[0]), 1) if found else (json_reply({"status": 404, "error": "Not Found"}, 404), 0)
        page, size = _whole(request.query, "page", 0), min(_whole(request.query, "size", 20), MOST_ROWS)
        if operation == "procedure":
            listed = [orjson.dumps(one) for one in self._procedures(page * size, size)]
            return _slice(listed, page, size, sum(p.local for p in national().values())), len(listed)
        return self._search(request.query, page, size)

    def _search(self, query: dict[str, str], page: int, size: int) -> tuple[Reply, int]:
        """pa/dossier/search: newest change first unless the oldest is asked for, all or those received in a window."""
        order = query.get("sort", "updatedDate,desc")
        if order not in ("updatedDate,desc", "updatedDate,asc"):
            raise ValueError(f"No property found for sort {order!r}")
        way = order.partition(",")[2]
        bounds = [
            (sign, query[name]) for name, sign in (("accepted-from", ">="), ("accepted-to", "<=")) if name in query
        ]
        where = " AND ".join(f"received {sign} ?" for sign, _ in bounds)
        values = tuple(f"{calendar.utc(text).astimezone(calendar.VIET_NAM):{_LOCAL}}" for _, text in bounds)
        where = f"WHERE {where}" if where else ""
        total = self._db.execute(f"SELECT count(*) FROM item {where}", values).fetchone()[0]
        records = self._records(
            f"{where} ORDER BY updated {way}, id {way} LIMIT ? OFFSET ?", (*values, size, page * size)
        )
        return _slice(records, page, size, total), len(records)

    def _records(self, condition: str, values: tuple[object, ...]) -> list[bytes]:
        rows = self._db.execute(f"SELECT id, updated, moved FROM item {condition}", values).fetchall()
        found = []
        for key, updated, moved in rows:
            body = self._db.execute("SELECT body FROM body WHERE id=?", (key,)).fetchone()[0]
            later = import_moves.steps(self._db, key) if moved else []
            found.append(record(self.profile.host, key, unpacked(body), updated, later))
        return found

    def _procedures(self, start: int, count: int) -> list[dict[str, Any]]:
        """Items of `bd/procedure`: the whole national list, as the new province's own."""
        levels = {"Cấp tỉnh": 2, "Cấp xã": 4}
        listed = [p for p in national().values() if p.local][start : start + count]
        return [
            {
                "id": f"bd{n:05d}",
                "code": forms(p.code, self.profile.agency)[1],
                "translate": [{"languageId": 228, "name": p.name}],
                "sector": {
                    "id": f"lv-{p.field_code}",
                    "code": p.field_code,
                    "name": [{"languageId": 228, "name": p.field_name}],
                },
                "level": {"id": levels.get(p.level_text, 9), "name": p.level_text},
                "decisionNumber": p.decision,
                "status": {"id": 1, "name": "Công khai"},
                "updatedDate": "2026-06-25T02:00:00.000+0000",
            }
            for n, p in enumerate(listed, start)
        ]

    def _file(self, file_id: str) -> Reply:
        """fi/file: an imported file, by the id under which it was handed over."""
        query = "SELECT content FROM content JOIN file USING (id) WHERE file_id=? ORDER BY id DESC LIMIT 1"
        row = self._db.execute(query, (file_id,)).fetchone()
        return Reply(row[0], 200, "application/pdf") if row else json_reply({"status": 404, "error": "Not Found"}, 404)

    # -- inside

    @property
    def _now(self) -> datetime:
        return calendar.virtual_now(self._days)

    def _now_text(self) -> str:
        return f"{self._now:{_LOCAL}}"

    def _follow(self) -> None:
        """Reads the clock anew when the journal has grown; staff work up to it."""
        try:
            size = self.folder.journal.stat().st_size
        except FileNotFoundError:
            size = 0
        if size != self._seen:
            self._seen, self._days = size, self.folder.days()
            import_moves.follow(self._db, self._days)

    def _staffs(self, wanted: dict[str, Any]) -> Item:
        """A plain dossier of the new province's own, with the fields that are named."""
        office, now = offices(self.slug)[0][0], self._now_text()
        code = str(wanted.pop("code", "") or f"{office.old}-{self._now:%y%m%d}-{self.ledger.count('item') + 1:04d}")
        own = {
            "maHoSo": code, "maTTHC": "1.001612", "trangThai": "2", "kenh": "1", "chuHoSo": "Nguyễn Văn An",
            "loaiDoiTuong": "1", "maXa": places(self.slug)[1][0].commune, "maTinh": self.profile.code,
            "trichYeu": "Hồ sơ do cán bộ nhập", "ngayNop": now, "ngayTiepNhan": now, "maCoQuan": office.old,
            "tenCoQuan": office.name, "nguon": "", "phienBan": "",
        }  # fmt: skip
        return own | wanted

    def _record(self, operation: str, request: Request, reply: Reply, rows: int, fault: str) -> None:
        self._db.execute(
            "INSERT INTO call (at, now, operation, params, status, rows, fault) VALUES (?,?,?,?,?,?,?)",
            (
                time.time(),
                self._now.isoformat(),
                operation,
                orjson.dumps(request.query).decode(),
                reply.status,
                rows,
                fault,
            ),
        )


def _slice(records: list[bytes], page: int, size: int, total: int) -> Reply:
    """A Spring slice."""
    return Reply(
        b'{"content":[%b],"number":%d,"size":%d,"numberOfElements":%d,"first":%b,"last":%b}'
        % (
            b",".join(records),
            page,
            size,
            len(records),
            b"true" if page == 0 else b"false",
            b"true" if (page + 1) * size >= total else b"false",
        )
    )


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or (name == "size" and text == "0"):
        raise ValueError(f"{name} must be a whole number, not {text!r}")
    return int(text)
