"""A hub on a fresh database with two procedures of its own, and runs whose records are staged by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from hub.check import apply_gate
from hub.config import BASE, Settings, load_province
from hub.context import Hub
from hub.runs import Run, get_run, open_run
from hub.staging import Batch, copy_batch, create_staging
from mappings import Mapped
from schemas.findings import Note
from schemas.records import VIET_NAM

NOW = datetime(2026, 8, 5, 9, tzinfo=UTC)
MESSAGES = count(1)


def at(day: str) -> str:
    return datetime.fromisoformat(day).replace(tzinfo=VIET_NAM).isoformat()


def clean(number: int) -> dict[str, Any]:
    """A dossier that every rule lets through: received on a Monday, due within five working days."""
    return {
        "dossier_code": f"H38.12-260706-{number:05d}",
        "procedure_code": "9.000001",
        "status": 10,
        "channel": 2,
        "portal": 1,
        "applicant_name": "Nguyễn Văn An",
        "applicant_kind": 2,
        "identifiers": [{"kind": "1", "number": "015090001234"}],
        "tax_code": "0100233488",
        "phone": "0912345678",
        "commune": "02647",
        "subject": "Cấp lại giấy",
        "agency_name": "Sở Tài chính",
        "submitted_at": at("2026-07-06T08:00:00"),
        "received_at": at("2026-07-06T09:00:00"),
        "due_at": at("2026-07-13T17:00:00"),
        "finished_at": at("2026-07-10T10:00:00"),
        "returned_at": at("2026-07-10T11:00:00"),
        "fees": [{"amount": 50000}],
        "results": [{"url": "https://dichvucong.laocai.example.vn/a.pdf", "result_code": "KQ.G15.000031"}],
    }


PROCEDURE = {
    "CACHTHUCTHUCHIEN": [
        {
            "KENH": 2,
            "THOIGIAN": [
                {"THOIGIANGIAIQUYET": "5", "DONVITINH": "Ngày làm việc", "PHILEPHI": [{"SOTIEN": "50.000"}]},
                {"THOIGIANGIAIQUYET": "16", "DONVITINH": "Giờ", "PHILEPHI": [{"SOTIEN": "Không"}]},
            ],
        }
    ],
    "KETQUATHUCHIEN": [{"MAKETQUA": "KQ.G15.000031", "TENKETQUA": "Giấy chứng nhận"}],
}


def noted(notes: list[Note] | None = None, held_steps: list[Any] | None = None) -> Mapped:
    """What a mapping leaves beside a record."""
    return Mapped({}, [], notes or [], held_steps or [])


@pytest.fixture
def hub(engine: Engine, tmp_path: Path) -> Hub:
    settings = Settings(tmp_path, (BASE,))
    versions = [
        ("9.000001", datetime(2026, 6, 1, tzinfo=UTC), None, "a"),
        ("9.000002", datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), "b"),
    ]
    record = orjson.dumps(PROCEDURE).decode()
    with engine.begin() as connection:
        for code, since, until, digest in versions:
            connection.execute(
                text(
                    "INSERT INTO procedure_version (procedure_code, valid_from, valid_to, name, levels, public,"
                    " content_hash, record, run_id) VALUES (:code, :since, :until, :code, '[]', true, :digest,"
                    " CAST(:record AS jsonb), 1)"
                ),
                {"code": code, "since": since, "until": until, "digest": digest, "record": record},
            )
    return Hub(load_province(settings, "lao_cai"), settings, engine, clock=lambda: NOW)


def staged(hub: Hub, rows: dict[str, dict[str, Any]], notes: dict[str, Mapped] | None = None) -> Run:
    """A run with these records staged, each under its label as source key."""
    run = open_run(hub.engine, hub.slug, until=NOW)
    batch = Batch()
    for position, (label, record) in enumerate(rows.items()):
        mapped = (notes or {}).get(label, noted())
        batch.add(position, label, NOW - timedelta(hours=1), replace(mapped, record=record))
    with hub.engine.begin() as connection:
        create_staging(connection, run.run_id)
        copy_batch(connection, run.run_id, next(MESSAGES), batch)
    return get_run(hub.engine, run.run_id)


def gated(hub: Hub, run: Run) -> dict[str, Any]:
    return apply_gate(hub, run.run_id, lambda connection, counts: None, run)
