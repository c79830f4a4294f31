"""A migration of one source whose target is the sandbox's own import, called without a wire, and breaks off as told."""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from sqlalchemy import Engine, insert, text

from connectors.wire.transport import NoAnswer, NotSent, WireRequest, WireResponse
from hub.config import BASE, Settings
from hub.migration.attempt import Migrating, open_attempt
from hub.migration.plans.plan import load_plan, plan_digest, plan_path
from hub.staging import content_hash
from sandbox.import_ledger import ImportLedger
from sandbox.vnpt_import import VnptImport
from sandbox.wire import Request
from schemas.migration_tables import migrated

SOURCE = "can_tho_cu"
NOON = datetime(2026, 7, 1, 5, tzinfo=UTC)
CONNECTIONS = (
    "vnpt_can_tho_cu",
    "viettel_hau_giang",
    "fpt_soc_trang",
    "vnpt_can_tho",
    "vnpt_import_can_tho",
    "national",
)


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Target:
    """The new system on no wire. `breaks` maps an operation to what its next calls do: `after` (carried out, then
    silence), `before` (silence), `down`, `killed` (carried out, then the caller dies), `busy`, `forbidden`, `html`,
    `passes`."""

    refuses: Callable[[dict[str, Any]], str] = lambda item: ""
    breaks: dict[str, list[str]] = field(default_factory=dict)
    others: Callable[[WireRequest], WireResponse] | None = None
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.ledger, self._lock = ImportLedger(db), threading.Lock()
        self.side = VnptImport(
            self.ledger,
            *("hub", "x", lambda: 0.0),
            lambda item, now: self.refuses(item),
            lambda: "2026-07-01 13:00:00",
            lambda: None,
        )

    def __call__(self, request: WireRequest) -> WireResponse:
        url = urlsplit(request.url)
        if self.others is not None and not url.path.startswith("/import/"):
            return self.others(request)
        operation = self.side.operation(request.method, url.path)
        with self._lock:
            self.calls[operation] += 1
            breaks = self.breaks.get(operation)
            kind = breaks.pop(0) if breaks else "passes"
            if kind == "before":
                raise NoAnswer("no answer within 120 s", timeout=True)
            if kind == "down":
                raise NotSent("no connection: refused")
            if kind == "busy":
                return WireResponse(503, b"{}", {"Content-Type": "application/json"})
            if kind == "forbidden":
                return WireResponse(403, orjson.dumps({"code": 403, "message": "Không có quyền nhập dữ liệu"}))
            headers = {name.lower().encode(): value.encode() for name, value in request.headers.items()}
            asked = Request(request.method, url.path, dict(parse_qsl(url.query)), headers, request.body or b"")
            reply, _ = self.side.handle(asked, operation, None)
            if kind == "after":
                raise NoAnswer("the connection broke off")
            if kind == "killed":
                raise Killed
            if kind == "html":
                return WireResponse(200, b"<html>gateway</html>", {"Content-Type": "text/html"})
            return WireResponse(reply.status, reply.body, {"Content-Type": reply.media})

    def rows(self, query: str, *given: Any) -> list[tuple[Any, ...]]:
        return self.ledger.db.execute(query, given).fetchall()

    def there(self) -> dict[str, dict[str, Any]]:
        """What the target holds, by code."""
        return {item["maHoSo"]: item for item in self.ledger.items(1, 100_000)[0]}

    def created_twice(self) -> list[str]:
        query = "SELECT code FROM version WHERE result = 'created' GROUP BY code HAVING count(*) > 1"
        return [row[0] for row in self.rows(query)]


@dataclass
class Moving:
    """An attempt and its target."""

    m: Migrating
    target: Target

    def run(self, query: str, **given: Any) -> list[Any]:
        with self.m.engine.begin() as connection:
            found = connection.execute(text(query), given)
            return list(found.mappings()) if found.returns_rows else []

    def again(self) -> None:
        """Another process takes the attempt up: with connections of its own."""
        self.m.__dict__.pop("target")
        self.m.target.exchange._sleep = lambda seconds: None

    def states(self) -> dict[str, int]:
        found = self.run("SELECT state, count(*) AS n FROM migrated GROUP BY state")
        return {row["state"]: row["n"] for row in found}

    def read(self, numbers: Iterable[int], **changed: Any) -> None:
        """Dossiers that were read, recoded and passed."""
        rows = [row_of(number, self.m.attempt_id, **changed) for number in numbers]
        with self.m.engine.begin() as connection:
            connection.execute(insert(migrated), rows)

    def newer(self, number: int, **changed: Any) -> None:
        """A newer version of a dossier came with a delta: what the account does then."""
        row = row_of(number, self.m.attempt_id, **changed)
        self.run(
            "UPDATE migrated SET record = CAST(:record AS jsonb), content_hash = :hash, reason = NULL,"
            " state = CASE WHEN state IN ('migrated', 'held') THEN 'read' ELSE state END WHERE source_key = :key",
            record=orjson.dumps(row["record"]).decode(),
            hash=row["content_hash"],
            key=row["source_key"],
        )


def row_of(number: int, attempt_id: int, source: str = SOURCE, **changed: Any) -> dict[str, Any]:
    """A row of the account."""
    record = record_of(number) | changed
    received = datetime.fromisoformat(record["received_at"])
    return {
        "migration_id": attempt_id,
        "source": source,
        "source_key": f"{source}-{number:05}",
        "dossier_code": record["dossier_code"],
        "status": record["status"],
        "finished": record["status"] == 10,
        "received_at": received,
        "changed_at": received,
        "content_hash": content_hash(orjson.dumps(record)),
        "state": "read",
        "record": record,
        "message_id": 1,
        "position": number,
        "chunk": 1,
    }


def record_of(number: int) -> dict[str, Any]:
    """A canonical record, recoded, as it is stored."""
    at = (datetime(2026, 1, 5, 8, tzinfo=UTC) + timedelta(minutes=number)).isoformat()
    return {
        "dossier_code": f"H13.15-260105-{number:05}",
        "procedure_code": "1.001612",
        "status": 4 if number % 2 else 10,
        "channel": 2,
        "applicant_name": "Trần Thị Bé Ba",
        "applicant_kind": 1,
        "identifiers": [{"kind": "1", "number": f"0931900{number:05}"}],
        "commune": "31321",
        "province": "92",
        "subject": "Đăng ký mới",
        "submitted_at": at,
        "received_at": at,
        "result_delivery": 0,
        "agency_code": "H13.15",
        "agency_name": "Sở Tài chính thành phố Cần Thơ",
        "portal": 2,
        "former": [
            {"field": "commune", "code": "31117", "name": "Phường Cái Khế", "way": "merged", "on": "2025-06-12"}
        ],
        "documents": [{"document_id": f"t{number}-{place}", "name": f"don-{place}.pdf"} for place in (1, 2)],
        "steps": [{"at": at, "status": 2, "officer": "Lê Văn Út"}],
    }


def moving(engine: Engine, home: Path, target: Target, *, batch: int = 10) -> Moving:
    """An attempt at the example's plan with its first source, and nothing read yet."""
    (home / "sandbox").mkdir(exist_ok=True)
    account = {"host": "https://peer.test", "login": "hub", "password": "x", "extra": {"client_id": "hub"}}
    (home / "sandbox" / "connections.json").write_text(json.dumps(dict.fromkeys(CONNECTIONS, account)), "utf-8")
    settings = Settings(home, (BASE / "examples" / "can_tho", BASE))
    plan = load_plan(settings, "can_tho")
    chunks = plan.chunks.model_copy(update={"batch": batch})
    recode = plan.recode.model_copy(update={"agencies": None})
    plan = plan.model_copy(update={"sources": plan.sources[:1], "chunks": chunks, "recode": recode})
    attempt = open_attempt(engine, plan, "cutover", digest=plan_digest(plan_path(settings, "can_tho")), mark=NOON)
    m = Migrating(
        plan,
        settings,
        engine,
        attempt.migration_id,
        clock=lambda: NOON,
        sleep=lambda seconds: None,
        transport=target,
    )
    m.target.exchange._sleep = lambda seconds: None
    return Moving(m, target)
