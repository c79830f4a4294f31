"""The provincial system that speaks VNPT iGate v2: Keycloak password grant, Spring slices, newest first [seen]."""

import secrets
from array import array
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import orjson

from sandbox import calendar, files
from sandbox.faults import Fault, shuffled
from sandbox.intake import LEDGERS, Intake
from sandbox.render_taken import vnpt_record
from sandbox.render_vnpt import VnptRenderer
from sandbox.state import Config, Folder
from sandbox.system import SystemPeer
from sandbox.timeline import INTAKE
from sandbox.vnpt_intake import PREFIX, VnptIntake
from sandbox.wire import Reply, Request, json_reply

TOKEN_PATH = "/auth/realms/digo/protocol/openid-connect/token"
TOKEN_SECONDS = 300
MOST_ROWS = 2000


class VnptPeer(SystemPeer):
    """REST peer of one province; tokens live `TOKEN_SECONDS` by `clock`."""

    def __init__(self, folder: Folder, config: Config, slug: str, clock: Callable[[], float]) -> None:
        super().__init__(folder, config, slug, clock)
        self.renderer = VnptRenderer(self.state.generator)
        account = folder.accounts().get(f"vnpt_intake_{slug}", {"login": "", "password": ""})
        self.taken = Intake(self._db, folder, slug, self.state.generator)
        self.intake = VnptIntake(self.taken, account["login"], account["password"], clock)
        self._tokens: dict[bytes, float] = {}
        self._filtered: tuple[object, array[int]] | None = None

    def operation(self, request: Request) -> str:
        path = request.path
        if path == TOKEN_PATH:
            return "token"
        if path.startswith("/pa/dossier/") and path.endswith("/--online"):
            return "detail"
        if path.startswith(PREFIX):
            return self.intake.operation(path)
        return {"/pa/dossier/search": "search", "/bd/procedure": "procedure"}.get(
            path, "file" if path.startswith("/fi/file/") else ""
        )

    def handle(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """The answer to one call, written to the ledger."""
        self.state.follow()
        kind = fault.kind if fault else ""
        rows: list[int] = []
        if operation == "token":
            reply = self._token(request, kind == "wrong_password")
        elif operation and request.path.startswith(PREFIX):
            reply = self.intake.handle(request, operation, fault)
            self.state.follow()
        elif not operation:
            reply = json_reply(
                {"timestamp": self.now.isoformat(), "status": 404, "error": "Not Found", "path": request.path}, 404
            )
        elif kind == "expired" or not self._authorised(request):
            if kind == "expired":
                self._tokens.clear()
            reply = json_reply({"error": "invalid_token", "error_description": "Token is not active"}, 401)
        else:
            try:
                reply, rows = self._answer(request, operation, fault)
            except ValueError as problem:
                reply = json_reply({"status": 400, "error": "Bad Request", "message": str(problem)}, 400)
        self.mark_served(rows)
        self.record_call(operation or request.path, request.query, reply, len(rows), fault)
        return reply

    def _token(self, request: Request, refuse: bool) -> Reply:
        form = {k: v[0] for k, v in parse_qs(request.body.decode("latin-1")).items()}
        if form.get("grant_type") != "password":
            return json_reply({"error": "unsupported_grant_type"}, 400)
        if self.client_id != form.get("client_id"):
            return json_reply({"error": "invalid_client", "error_description": "Invalid client credentials"}, 401)
        if refuse or (form.get("username"), form.get("password")) != (self.login, self.password):
            return json_reply({"error": "invalid_grant", "error_description": "Invalid user credentials"}, 401)
        token = secrets.token_urlsafe(48)
        now = self.clock()
        self._tokens = {t: end for t, end in self._tokens.items() if end > now}
        self._tokens[token.encode()] = now + TOKEN_SECONDS
        return json_reply(
            {"access_token": token, "expires_in": TOKEN_SECONDS, "refresh_expires_in": 1800, "token_type": "Bearer"}
        )

    def _authorised(self, request: Request) -> bool:
        scheme, _, token = request.headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and self._tokens.get(token, 0) > self.clock()

    def _answer(self, request: Request, operation: str, fault: Fault | None) -> tuple[Reply, list[int]]:
        if operation == "search":
            return self._search(request.query, fault)
        if operation == "procedure":
            return self._procedures(request.query), []
        if operation == "detail":
            number = request.path.split("/")[3]
            if number.startswith("intake"):
                return Reply(vnpt_record(self.taken, INTAKE + int(number.removeprefix("intake")))), []
            row = int(number[-8:], 16)
            if row >= self.state.generator.timeline.rows:
                return json_reply({"status": 404, "error": "Not Found"}, 404), []
            return Reply(self.renderer.record(row)), [row]
        content = self.fetch(request.path.removeprefix("/fi/file/"))
        if content is None:
            return json_reply({"status": 404, "error": "Not Found", "path": request.path}, 404), []
        headers = (("digest", files.digest_header(content)),)
        return Reply(content, 200, "application/pdf", headers=headers), []

    def _search(self, query: dict[str, str], fault: Fault | None) -> tuple[Reply, list[int]]:
        page, size = _whole(query, "page", 0), _whole(query, "size", 20)
        size = min(size, MOST_ROWS)
        kind = fault.kind if fault else ""
        if fault and kind == "change_while_paging":
            self.state.change_now(int(fault.number("records", 5)), near_end=False)
        if kind == "repeat_page":
            page = max(0, page - 1)
        timeline = self.state.generator.timeline
        order = query.get("sort", "updatedDate,desc")
        if order not in ("updatedDate,desc", "updatedDate,asc"):
            raise ValueError(f"No property found for sort {order!r}")
        start, stop = page * size, (page + 1) * size
        chosen = self._accepted(query)
        total = len(timeline) if chosen is None else len(chosen)
        first, last = (total - stop, total - start) if order.endswith("desc") else (start, stop)
        first, last = max(0, first), max(0, min(last, total))
        rows = timeline.slice(first, last) if chosen is None else list(chosen[first:last])
        if order.endswith("desc"):
            rows.reverse()
        if kind == "shuffle_page":
            rows = shuffled(rows)
        records = [self._record(row) for row in rows]
        if kind == "unknown_field":
            records = [b'{"truongMoi":{"phienBan":"2.7","giaTri":[1,2]},' + r[1:] for r in records]
        elif kind == "unknown_status" and records:
            records[0] = records[0].replace(b'"dossierStatus":{"id":', b'"dossierStatus":{"id":7', 1)
        body = b'{"content":[%b],"number":%d,"size":%d,"numberOfElements":%d,"first":%b,"last":%b}' % (
            b",".join(records),
            page,
            size,
            len(records),
            b"true" if page == 0 else b"false",
            b"true" if stop >= total else b"false",
        )
        return Reply(body), rows

    def _record(self, row: int) -> bytes:
        return vnpt_record(self.taken, row) if row >= INTAKE else self.renderer.record(row)

    def control(self, request: Request) -> Reply:
        """`/_sandbox/ledger/intake_{numbers,files,taken,reported,sins}` beside what every system has."""
        if (found := request.path.removeprefix("/_sandbox/ledger/intake_")) in LEDGERS:
            return json_reply(self.taken.page(found, request.query))
        return super().control(request)

    def _accepted(self, query: dict[str, str]) -> "array[int] | None":
        """Rows accepted in the asked window, oldest change first; None when none is asked. The last answer is kept."""
        since, until = query.get("accepted-from", ""), query.get("accepted-to", "")
        if not since and not until:
            return None
        timeline = self.state.generator.timeline
        key = (since, until, timeline.days, len(timeline.history), len(timeline))
        if self._filtered is None or self._filtered[0] != key:
            low = calendar.office_second(calendar.utc(since)) if since else 0
            high = calendar.office_second(calendar.utc(until)) if until else 1 << 60
            rows = array("q", (r for r in timeline.slice(0, len(timeline)) if low <= self._accepted_at(r) <= high))
            self._filtered = (key, rows)
        return self._filtered[1]

    def _accepted_at(self, row: int) -> int:
        if row >= INTAKE:
            return self.state.generator.timeline.history[row][0]
        d = self.state.generator.dossier(row)
        return d.received if d.received >= 0 else d.changed

    def _procedures(self, query: dict[str, str]) -> Reply:
        page, size = _whole(query, "page", 0), min(_whole(query, "size", 20), MOST_ROWS)
        total = len(self.state.generator.listing.listed)
        items: list[dict[str, Any]] = self.renderer.procedures(page * size, (page + 1) * size)
        return Reply(
            orjson.dumps(
                {
                    "content": items,
                    "number": page,
                    "size": size,
                    "numberOfElements": len(items),
                    "first": page == 0,
                    "last": (page + 1) * size >= total,
                }
            )
        )


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or (name == "size" and text == "0"):
        raise ValueError(f"{name} must be a whole number, not {text!r}")
    return int(text)
