"""What a drill stands on: an own folder made from the example with hours of today, and peers that are not well."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hub import services
from hub.config import BASE
from schemas.records import VIET_NAM

EXAMPLE = BASE / "examples" / "can_tho"
PLAN = "can_tho"
SOURCES = ("can_tho_cu", "hau_giang", "soc_trang")
TARGET, REHEARSAL = "can_tho", "can_tho_thu"
SLOW, CHANGING = "hau_giang", "soc_trang"

REFUSED_PERCENT = 1
"""Share of dossiers that the target refuses, whatever is tried."""
CHANGED_PAGES = 40
"""Pages just before which five dossiers of the changing source change."""
SLOW_SECONDS = 0.2
"""How long the slow source thinks before each answer."""
MINUTES_TO_DEADLINE = 180
WORTH_A_MONTH = 5_000
"""From so many dossiers of a source on, its chunks are the example's months."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The drill's data folder with its own configuration, sandbox and database."""

    home: Path

    @property
    def config(self) -> Path:
        return self.home / "config"

    @property
    def environment(self) -> dict[str, str]:
        """What every command of the drill is started with; nothing of the caller's peers or database comes in."""
        return {"LIENTHONG_HOME": str(self.home), "LIENTHONG_CONFIG": str(self.config)}

    def clear(self) -> None:
        """A drill begins from nothing: what an earlier one left goes, the database server's files stay."""
        for name in ("config", "reports", "proofs", "logs"):
            shutil.rmtree(self.home / name, ignore_errors=True)
        services.sandbox({"LIENTHONG_HOME": str(self.home)}, "reset")

    def lay_out(self, now: datetime, dossiers: int) -> None:
        """The example as one's own folder, its hours moved so that the freeze is now and the deadline is ahead.

        A few dossiers are not worth dozens of chunks.
        """
        shutil.copytree(EXAMPLE, self.config, dirs_exist_ok=True)
        plan = self.config / "migrations" / f"{PLAN}.yaml"
        text = with_hours(plan.read_text("utf-8"), now)
        plan.write_text(text if dossiers >= WORTH_A_MONTH else text.replace("{days: 31,", "{days: 366,"), "utf-8")

    def start_peers(self, dossiers: int) -> None:
        """The three old systems, the new one and the one to rehearse on."""
        names = ",".join((*SOURCES, TARGET, REHEARSAL))
        chosen = ("--provinces", names, "--size", str(dossiers), "--port-base", "0")
        services.start_sandbox(self.home, self.environment, *chosen)

    def trouble(self) -> None:
        """One source is slow, one changes under the reader's hands, and the target refuses some of what it is given."""
        self.arm(SLOW, "slow", times=10**9, seconds=SLOW_SECONDS)
        self.arm(CHANGING, "change_while_paging", times=CHANGED_PAGES, records=5)
        self.arm(TARGET, "refuse_share", times=10**9, percent=REFUSED_PERCENT)

    def arm(self, peer: str, kind: str, *, times: int = 1, **words: Any) -> None:
        """One fault of a peer."""
        pairs = [part for name, value in words.items() for part in ("--set", f"{name}={value}")]
        services.sandbox(self.environment, "faults", peer, "--kind", kind, "--times", str(times), *pairs)

    def advance(self) -> dict[str, Any]:
        """Let a day pass: each source changes 2 % of its dossiers and takes 1 % new ones."""
        return services.sandbox(self.environment, "advance", "--days", "1")

    def ledgers(self) -> dict[str, Any]:
        """What the peers counted of themselves."""
        return services.sandbox(self.environment, "status")


def with_hours(plan: str, now: datetime) -> str:
    """The plan's text with other hours: the freeze begins now, milestones lie around the deadline in their order."""
    begin = now.astimezone(VIET_NAM).replace(microsecond=0)
    deadline = begin + timedelta(minutes=MINUTES_TO_DEADLINE)
    hours = {
        "freeze": begin,
        "procedures_published": deadline - timedelta(hours=2),
        "configuration_done": deadline - timedelta(hours=1),
        "migration_complete": deadline,
        "gateway_switched": deadline,
        "centres_ready": deadline + timedelta(hours=2),
        "go_live": deadline + timedelta(hours=13),
    }
    return "\n".join(_moved(line, hours) for line in plan.splitlines()) + "\n"


def _moved(line: str, hours: dict[str, datetime]) -> str:
    for name, hour in hours.items():
        key = f"{name}:" if name == "freeze" else "by:"
        if (line.startswith("freeze:") if name == "freeze" else f"name: {name}," in line) and key in line:
            before, _, after = line.partition(key)
            stamp = after.strip().split(",")[0].split("}")[0].split()[0]
            return f"{before}{key} {after.strip().replace(stamp, hour.isoformat(), 1)}"
    return line
