"""A province that exists only in the hub's tables: dossiers, steps and a procedure as a test needs them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, insert

from hub.kpi import Kpi, Month, Name, measured
from schemas import tables
from schemas.records import DOSSIER, VIET_NAM

RECEIVED = datetime(2026, 6, 1, 8, tzinfo=VIET_NAM)
NOW = datetime(2026, 7, 15, tzinfo=UTC)
NUMBERS = count(1)
PAPER = {"name": "kq.pdf", "url": "https://tinh.example.vn/kq.pdf", "result_code": "KQ.G15.000031"}


def day(number: int, hour: int = 9) -> datetime:
    """A moment so many calendar days after the receipt's day."""
    return (RECEIVED + timedelta(days=number)).replace(hour=hour)


@dataclass
class Province:
    """Rows of one province; every dossier is good in all indicators but for what a test says."""

    engine: Engine
    slug: str = field(default_factory=lambda: f"tinh_{next(NUMBERS)}")
    run_id: int = 1
    own_days: dict[date, bool] = field(default_factory=dict)

    def procedure(self, code: str = "1.001193", **record: Any) -> None:
        """Makes the procedure's present record say this too."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE procedure_version SET record = record || %s::jsonb WHERE procedure_code = %s",
                (orjson.dumps(record).decode(), code),
            )

    def dossier(
        self,
        *steps: tuple[datetime, int],
        sent: bool = True,
        state: str | None = None,
        procedure: str = "1.001193",
        **record: Any,
    ) -> str:
        """One dossier with its steps (time, status); gives its code. `state`: of its open delivery."""
        code = f"H38.11-260601-{next(NUMBERS):07d}"
        good: dict[str, Any] = {
            **{one.name: [] if one.kind == "list" else None for one in DOSSIER if one.name != "steps"},
            "dossier_code": code,
            "procedure_code": procedure,
            "status": 10,
            "channel": 2,
            "agency_name": "Sở Tư pháp",
            "received_at": RECEIVED,
            "due_at": day(9),
            "finished_at": day(3),
            "online_payment": 1,
            "identity_verified": True,
            "documents": [{"name": "a.pdf", "digitised": True, "from_store": True}],
            "fees": [{"amount": 5000, "when": 1}],
            "results": [PAPER],
            **record,
        }
        with self.engine.begin() as connection:
            connection.execute(
                insert(tables.dossier).values(
                    province=self.slug,
                    dossier_code=code,
                    outgoing_code=code,
                    source_key=code,
                    procedure_code=procedure,
                    status=good["status"],
                    received_at=good["received_at"],
                    due_at=good["due_at"],
                    content_hash="new",
                    delivered_hash="new" if sent else None,
                    steps_hash="s",
                    record=orjson.loads(orjson.dumps(good)),
                    message_id=1,
                    run_id=self.run_id,
                )
            )
            for number, (at, status) in enumerate(steps, 1):
                connection.execute(
                    insert(tables.progress_step).values(
                        province=self.slug,
                        dossier_code=code,
                        step_key=f"{at.isoformat()}|{status}|{number}",
                        happened_at=at,
                        status=status,
                        ordinal=number,
                        record={},
                        run_id=self.run_id,
                    )
                )
            if state:
                reason = "refused_nationally" if state == "held" else None
                connection.execute(
                    insert(tables.delivery).values(
                        province=self.slug,
                        dossier_code=code,
                        content_hash="new",
                        state=state,
                        reason=reason,
                        run_id=self.run_id,
                    )
                )
        return code

    def held(self, reason: str, received: datetime | None = RECEIVED, code: str | None = None) -> str:
        """A dossier of which no version was merged."""
        key = code or f"held-{next(NUMBERS)}"
        with self.engine.begin() as connection:
            connection.execute(
                insert(tables.quarantine).values(
                    province=self.slug,
                    kind="dossier",
                    stage="check",
                    dossier_code=key,
                    source_key=key,
                    reason=reason,
                    findings=[{"reason": reason}],
                    mapped={"received_at": received.isoformat() if received else None, "procedure_code": "1.001193"},
                    content_hash="h",
                    run_id=self.run_id,
                    seen_run_id=self.run_id,
                )
            )
        return key

    def kpi(self, month: str | None = None, look: Callable[[Kpi], Any] = lambda kpi: kpi.figures) -> Any:
        """What `look` finds in the measured indicators, by default the figures."""
        with measured(self.engine, self.slug, Month.read(month) if month else None, NOW, self.own_days) as kpi:
            return look(kpi)

    def reasons(self, indicator: Name) -> dict[str, str]:
        """The dossiers that do not count in an indicator, with the reason."""
        return self.kpi(look=lambda kpi: {line.code: line.reason for line in kpi.lines(indicator)})


@pytest.fixture
def province(engine: Engine) -> Province:
    return Province(engine)
