"""A migration of one small source in rows: what was read, what its system has by now and what the target lists."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import zstandard
from sqlalchemy import Engine, insert, text, update

from connectors.wire.transport import WireRequest, WireResponse
from hub.config import BASE, Settings
from hub.migration.attempt import Migrating, open_attempt
from hub.migration.plans.plan import load_plan, plan_digest, plan_path
from schemas import tables
from schemas.migration_tables import migrated, migrated_file, migration, migration_chunk

SOURCE = "can_tho_cu"
NOON = datetime(2026, 7, 1, 5, tzinfo=UTC)
"""The freeze of the example's plan."""


@dataclass
class Peers:
    """The old system and the new one on one wire: what they hold can be changed between two proofs."""

    records: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    broken: str | None = None

    def __call__(self, request: WireRequest) -> WireResponse:
        url = urlsplit(request.url)
        path, query = url.path, {name: values[0] for name, values in parse_qs(url.query).items()}
        self.asked.append(f"{request.method} {path}")
        if self.broken and self.broken in path:
            return WireResponse(500, b"<html>down</html>", {"Content-Type": "text/html"})
        if "token" in path:
            return self._json({"access_token": "a", "expires_in": 3600, "token_type": "Bearer"})
        if path.endswith("/pa/dossier/search"):
            return self._json({"content": self.records, "last": True})
        held = self.items if path.endswith("/import/HoSo") else self.files
        size, page = int(query["size"]), int(query["page"])
        data = {"items": held[(page - 1) * size : page * size], "total": len(held)}
        return self._json({"code": 0, "message": "", "data": data})

    @staticmethod
    def _json(value: Any) -> WireResponse:
        return WireResponse(200, orjson.dumps(value), {"Content-Type": "application/json"})

    def item(self, code: str) -> dict[str, Any]:
        return next(one for one in self.items if one["maHoSo"] == code)


@dataclass
class Merged:
    """The attempt and both of its peers."""

    m: Migrating
    peers: Peers

    @property
    def engine(self) -> Engine:
        return self.m.engine

    def run(self, query: str, **given: Any) -> list[Any]:
        with self.engine.begin() as connection:
            found = connection.execute(text(query), given)
            return list(found.mappings()) if found.returns_rows else []

    def change(self, key: str, **values: Any) -> None:
        """Write into a row of the account."""
        with self.engine.begin() as connection:
            connection.execute(
                update(migrated).filter_by(migration_id=self.m.attempt_id, source_key=key).values(**values)
            )


def outgoing(row: Mapping[str, Any]) -> dict[str, Any]:
    """The item of a row, as plain as these tests need it."""
    record = row["record"]
    return {
        "maHoSo": row["dossier_code"],
        "trangThai": str(record["status"]),
        "chuHoSo": record["applicant_name"],
        "maXa": record["commune"],
        "ghiChu": "",
        "giayToTuyThan": [{"loai": one["kind"], "so": one["number"]} for one in record["identifiers"]],
        "nguon": row["source"],
        "phienBan": row["content_hash"],
    }


def record_of(number: int) -> dict[str, Any]:
    """A canonical record."""
    return {
        "dossier_code": f"H13.1-{number:04}",
        "status": 10 if number % 2 else 4,
        "applicant_name": "Trần Thị Bé Ba",
        "commune": "31423",
        "identifiers": [{"kind": "1", "number": f"0931900{number:05}"}],
        "former": [{"field": "commune", "code": "31321", "name": "Phường I", "way": "merged", "on": "2025-06-12"}],
    }


def merged(
    engine: Engine,
    home: Path,
    dossiers: int = 6,
    *,
    kind: str = "cutover",
    held: str = "commune_undecided",
    **passed: Any,
) -> Merged:
    """`dossiers` of one source: the last but one is held, the last out of scope, the others migrated with a file."""
    (home / "sandbox").mkdir(exist_ok=True)
    names = ("vnpt_can_tho_cu", "vnpt_can_tho", "vnpt_import_can_tho", "vnpt_import_can_tho_thu", "national")
    account = {"host": "https://peer.test", "login": "hub", "password": "x", "extra": {"client_id": "hub"}}
    (home / "sandbox" / "connections.json").write_text(json.dumps(dict.fromkeys(names, account)), "utf-8")
    settings = Settings(home, (BASE / "examples" / "can_tho", BASE))
    plan = load_plan(settings, "can_tho")
    plan = plan.model_copy(
        update={"sources": plan.sources[:1], "recode": plan.recode.model_copy(update={"agencies": None})}
    )
    digest = plan_digest(plan_path(settings, "can_tho"))
    attempt = open_attempt(engine, plan, kind, digest=digest, mark=NOON - timedelta(hours=12))  # type: ignore[arg-type]
    peers = Peers()
    m = Migrating(
        plan,
        settings,
        engine,
        attempt.migration_id,
        **{"clock": lambda: NOON + timedelta(hours=1), **passed},
        transport=peers,
        sleep=lambda seconds: None,
    )
    peers.records = [
        {"id": f"k{number}", "code": f"H13.1-{number:04}", "updatedDate": "2026-06-30T01:00:00.000+0000"}
        for number in range(1, dossiers + 1)
    ]
    body = orjson.dumps({"content": peers.records, "last": True})
    rows = []
    with engine.begin() as connection:
        run_id = connection.scalar(
            insert(tables.run).values(kind="migration", province=SOURCE, until=NOON).returning(tables.run.c.run_id)
        )
        message_id = connection.scalar(
            insert(tables.message)
            .values(
                run_id=run_id,
                province=SOURCE,
                stream="dossiers",
                page=1,
                digest=sha256(body).hexdigest(),
                size=len(body),
                records=dossiers,
                body=zstandard.compress(body),
                received_at=NOON,
            )
            .returning(tables.message.c.message_id)
        )
        connection.execute(
            insert(migration_chunk).values(
                migration_id=attempt.migration_id,
                source=SOURCE,
                number=1,
                kind="history",
                until=NOON,
                run_id=run_id,
                state="done",
            )
        )
        for number in range(1, dossiers + 1):
            record = record_of(number)
            state, reason = ("migrated", None)
            if number == dossiers - 1:
                state, reason = "held", held
            if number == dossiers:
                state, reason = "out_of_scope", "scope"
            hashed = f"h{number}"
            rows.append(
                {
                    "migration_id": attempt.migration_id,
                    "source": SOURCE,
                    "source_key": f"k{number}",
                    "dossier_code": record["dossier_code"],
                    "status": record["status"],
                    "changed_at": datetime(2026, 6, 30, 1, tzinfo=UTC),
                    "content_hash": hashed,
                    "state": state,
                    "reason": reason,
                    "record": record,
                    "message_id": message_id,
                    "position": number - 1,
                    "chunk": 1,
                    "loaded_hash": hashed if state == "migrated" else None,
                    "outcome": "created" if state == "migrated" else None,
                    "findings": [{"reason": reason, "field": "commune", "value": "31321"}] if state == "held" else None,
                }
            )
        connection.execute(insert(migrated), rows)
        sent = [row for row in rows if row["state"] == "migrated"]
        peers.items = [{**outgoing(row), "id": f"t{place}", "nhap": True} for place, row in enumerate(sent, 1)]
        digests = {row["source_key"]: sha256(row["source_key"].encode()).hexdigest() for row in sent}
        connection.execute(
            insert(migrated_file),
            [
                {
                    "migration_id": attempt.migration_id,
                    "source": SOURCE,
                    "source_key": row["source_key"],
                    "file_id": "f1",
                    "dossier_code": row["dossier_code"],
                    "name": "don.pdf",
                    "state": "migrated",
                    "size": 100,
                    "digest": digests[row["source_key"]],
                }
                for row in sent
            ],
        )
        peers.files = [
            {
                "maHoSo": row["dossier_code"],
                "tepId": "f1",
                "ten": "don.pdf",
                "sha256": digests[row["source_key"]],
                "soByte": 100,
            }
            for row in sent
        ]
        connection.execute(
            update(migration)
            .filter_by(migration_id=attempt.migration_id)
            .values(state="frozen" if kind == "cutover" else "loading", read_until=NOON, frozen_at=NOON)
        )
    return Merged(m, peers)
