"""What tests of a migration share: the example of Cần Thơ, with a small sandbox behind each of its sources."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from hub.config import BASE, Settings
from hub.migration.attempt import Migrating, migrating, open_attempt
from hub.migration.plans.plan import load_plan, plan_digest, plan_path
from schemas.records import VIET_NAM

SOURCES = ("can_tho_cu", "hau_giang", "soc_trang")
BEGUN = datetime(2026, 6, 30, 18, tzinfo=VIET_NAM)
"""The sandbox's first now."""


@pytest.fixture
def example(tmp_path: Path) -> Settings:
    """The example's configuration with a data folder of the test's own."""
    return Settings(tmp_path, (BASE / "examples" / "can_tho", BASE))


@dataclass
class Hours:
    """A clock that a test moves."""

    now: datetime = BEGUN

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def hours() -> Hours:
    return Hours()


Begin = Callable[..., Migrating]


@pytest.fixture
def begin(example: Settings, engine: Engine, hours: Hours) -> Begin:
    """Begin an attempt at the example's plan; keywords go to `Migrating`, `plan` changes the plan."""

    def begun(kind: Any = "cutover", plan: dict[str, Any] | None = None, **passed: Any) -> Migrating:
        digest = plan_digest(plan_path(example, "can_tho"))
        attempt = open_attempt(engine, load_plan(example, "can_tho"), kind, digest=digest, mark=hours())
        passed = {"clock": hours, "sleep": lambda seconds: None} | passed
        m = migrating(example, engine, "can_tho", attempt.migration_id, **passed)
        m.plan = m.plan.model_copy(update=plan or {})
        return m

    return begun


# A test that names a source has its peer; the names are those of the sandbox's profiles.
@pytest.fixture
def can_tho_cu() -> str:
    return "can_tho_cu"


@pytest.fixture
def hau_giang() -> str:
    return "hau_giang"


@pytest.fixture
def soc_trang() -> str:
    return "soc_trang"


def rows(m: Migrating, query: str, **given: Any) -> list[Any]:
    """Rows of a query on the hub's tables, with the attempt's number as :id."""
    with m.engine.connect() as connection:
        return list(connection.execute(text(query), {"id": m.attempt_id, **given}))
