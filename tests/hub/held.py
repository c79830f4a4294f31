"""A province without peers whose raw records lie in the message log; what a redrive sends goes to a list."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import orjson
import pytest
import zstandard
from sqlalchemy import insert, text

from hub.check import check
from hub.context import Hub
from hub.landing import map_records
from hub.merge import merge
from hub.messages import STREAM
from hub.quarantine import held_items
from hub.runs import end_stage, open_run
from hub.staging import copy_batch, create_staging
from mappings import Mapped
from schemas import tables
from schemas.findings import Finding, Note
from schemas.records import DOSSIER, VIET_NAM

START = datetime(2026, 6, 1, 8, tzinfo=VIET_NAM)
NAMES = count()
RULE = "mappings/words.yaml:7"


@dataclass
class Source:
    """A system whose messages are JSON lists of {key, hour, word, code, …}."""

    def parse(self, stream: str, body: bytes) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = orjson.loads(body)
        return found

    def key_of(self, stream: str, record: dict[str, Any]) -> str:
        return str(record["key"])

    def changed_of(self, stream: str, record: dict[str, Any]) -> datetime | None:
        return None if record["hour"] is None else START + timedelta(hours=record["hour"])

    def is_queue(self, stream: str) -> bool:
        return False

    def raw_record(self, stream: str, body: bytes, position: int) -> bytes:
        return orjson.dumps(self.parse(stream, body)[position])


@dataclass
class Words:
    """A mapping that knows the status words it was taught, and holds a record with any other; of steps that are
    `undated` it leaves those of a known word out."""

    known: dict[str, int] = field(default_factory=lambda: {"ok": 4})

    def map(self, record: dict[str, Any]) -> Mapped:
        empty: dict[str, Any] = {one.name: [] if one.kind == "list" else None for one in DOSSIER}
        hours = range(record["hour"] or 0)
        steps = [
            {"at": START + timedelta(hours=hour), "status": 4, "content": f"bước {hour}", "officer": None}
            for hour in hours
        ]
        made = empty | {
            "dossier_code": record["code"],
            "procedure_code": "1.001193",
            "status": self.known.get(record["word"]),
            "channel": 1,
            "applicant_name": "Nguyễn Văn An",
            "applicant_kind": 1,
            "agency_name": "Sở Tài chính",
            "subject": record["subject"],
            "submitted_at": START,
            "received_at": START,
            "steps": record.get("steps", steps),
            **record.get("also", {}),
        }
        unknown = record["word"] not in self.known
        findings = [Finding("unmapped_status", "status", record["word"], RULE)] if unknown else []
        held = [
            ({"at": None, "status": 4}, Finding("step_without_time", "steps.at", word, RULE))
            for word in record.get("undated", [])
            if word not in self.known
        ]
        return Mapped(made, findings, list[Note](), held)


class Town:
    """One province: records arrive, the hub merges them, and what it owes is sent to `sent` and `steps`."""

    def __init__(self, hub: Hub, *, gate: bool = False) -> None:
        self.name, self.gate = f"t{next(NAMES)}", gate
        self.words = Words()
        self.hub = replace(hub, province=hub.province.model_copy(update={"slug": self.name}))
        self.hub.__dict__["source"] = Source()
        self.hub._parts[f"{hub.province.mapping_name}/dossier"] = self.words
        self.sent: list[tuple[str, str]] = []
        self.steps: list[tuple[str, datetime]] = []
        self.refuses: set[str] = set()
        self.serial = count()

    def record(self, key: str, hour: int | None, word: str = "ok", code: str | None = None, **also: Any) -> Any:
        """A raw record; its subject tells every arrival from every other."""
        made = {"key": f"{self.name}-{key}", "hour": hour, "word": word, "code": f"{self.name}-{code or key}"}
        return {**made, "subject": f"bản {next(self.serial)}", **also}

    def arrive(self, *records: dict[str, Any]) -> dict[str, Any]:
        """One message and its run, up to the merge; answers with the counts."""
        run = open_run(self.hub.engine, self.name, until=START + timedelta(days=300))
        with self.hub.engine.begin() as connection:
            create_staging(connection, run.run_id)
            message = connection.scalar(
                insert(tables.message)
                .values(
                    run_id=run.run_id,
                    province=self.name,
                    stream=STREAM,
                    page=1,
                    digest="",
                    size=0,
                    records=len(records),
                    body=zstandard.compress(orjson.dumps(records)),
                    received_at=START,
                )
                .returning(tables.message.c.message_id)
            )
            copy_batch(connection, run.run_id, int(message or 0), map_records(self.hub, enumerate(records)))
            end_stage(connection, run.run_id, "pulled", {})
        self.check(self.hub, run.run_id)
        counts = merge(self.hub, run.run_id)
        with self.hub.engine.begin() as connection:
            end_stage(connection, run.run_id, "done", {})
        return counts

    def check(self, hub: Hub, run_id: int) -> dict[str, Any]:
        """The gate, or a gate that stands open."""
        if self.gate:
            return check(hub, run_id)
        with hub.engine.begin() as connection:
            end_stage(connection, run_id, "checked", {})
        return {}

    def push(self, hub: Hub, run_id: int) -> dict[str, Any]:
        """Everything owed arrives, dossier first, then its steps in time order."""
        owed = (
            "SELECT d.outgoing_code, d.record ->> 'subject', d.dossier_code FROM delivery x"
            " JOIN dossier d USING (province, dossier_code)"
            " WHERE x.province = :province AND x.state = 'pending' AND x.content_hash = d.content_hash"
        )
        self.sent += [(code, subject) for code, subject, _ in self.ask(owed)]
        self.steps += [
            tuple(row)
            for row in self.ask(
                "SELECT dossier_code, happened_at FROM progress_step WHERE province = :province AND state = 'pending'"
                " ORDER BY happened_at, ordinal"
            )
        ]
        for statement in (
            "UPDATE dossier d SET delivered_hash = d.content_hash FROM delivery x WHERE d.province = :province"
            " AND x.province = d.province AND x.dossier_code = d.dossier_code AND x.state = 'pending'",
            "UPDATE delivery SET state = 'delivered' WHERE province = :province AND state = 'pending'",
            "UPDATE progress_step SET state = 'delivered' WHERE province = :province AND state = 'pending'",
        ):
            self.do(statement)
        with hub.engine.begin() as connection:
            end_stage(connection, run_id, "pushed", {})
        return {}

    def deliver(self) -> None:
        """A push outside a redrive."""
        [[last]] = self.ask("SELECT max(run_id) FROM run WHERE province = :province")
        self.push(self.hub, last)
        self.do("UPDATE run SET state = 'done', stage = 'done' WHERE province = :province")

    def ask(self, query: str, **given: Any) -> list[Any]:
        with self.hub.engine.connect() as connection:
            return list(connection.execute(text(query), {"province": self.name, **given}))

    def do(self, statement: str, **given: Any) -> None:
        with self.hub.engine.begin() as connection:
            connection.execute(text(statement), {"province": self.name, **given})

    def held(self) -> dict[int, str]:
        """Open items: number -> reason, oldest change first."""
        return {one["item_id"]: one["reason"] for one in held_items(self.hub.engine, self.name)}

    def item(self, key: str) -> int:
        """The newest item of a record."""
        query = "SELECT max(item_id) FROM quarantine WHERE province = :province AND source_key = :key"
        [[found]] = self.ask(query, key=f"{self.name}-{key}")
        return int(found)

    def state(self, item_id: int) -> str:
        [[found]] = self.ask("SELECT state FROM quarantine WHERE item_id = :id", id=item_id)
        return str(found)


def reconciled(hub: Hub, run_id: int) -> dict[str, Any]:
    with hub.engine.begin() as connection:
        end_stage(connection, run_id, "reconciled", {})
    return {}


def sending_to(town: Town, patch: pytest.MonkeyPatch) -> Town:
    """Let redrives end at the town's own lists instead of the national peer."""
    for name, stage in (("check", town.check), ("push", town.push), ("reconcile", reconciled)):
        patch.setattr(f"hub.redrive.{name}", stage)
    patch.setattr("hub.sync.finish", lambda hub, run_id: _done(hub, run_id))
    return town


def _done(hub: Hub, run_id: int) -> None:
    with hub.engine.begin() as connection:
        end_stage(connection, run_id, "done", {})
