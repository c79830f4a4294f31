"""How much a plan moves and how long that takes: from looks at the sources and rates of the last rehearsal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from connectors import CheckLine
from connectors.errors import ConnectorError
from hub.context import connector_of
from hub.errors import HubError
from hub.migration.attempt import Migrating
from hub.migration.plans.plan import told
from hub.migration.plans.sampling import Look, look
from hub.migration.watching.clock import earlier_rates
from schemas.masking import mask_text

ASSUMED = {"load": 100.0, "files": 20.0, "prove": 1_000.0}
"""Dossiers and files a second that are reckoned with until a rehearsal has measured the target [style]."""

KNOWS_PROCEDURES = "SELECT EXISTS (SELECT FROM procedure_version)"

DOUBT = 2.0
"""What is not measured may take so many times less or more."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan would move if it began now. `looks` lacks a source that did not answer: `silent` says why."""

    looks: tuple[Look, ...]
    silent: dict[str, str]
    peers: dict[str, list[CheckLine]]
    rates: dict[str, float]
    measured: bool
    seconds: dict[str, float] | None
    ends: tuple[datetime, datetime, datetime] | None
    begin_by: datetime | None
    warnings: tuple[str, ...]

    @property
    def dossiers(self) -> int | None:
        return _sum([one.moving for one in self.looks]) if not self.silent else None

    @property
    def files(self) -> int | None:
        return _sum([one.attachments for one in self.looks]) if not self.silent else None

    @property
    def answered(self) -> bool:
        """Every peer did."""
        return not self.silent and all(line.ok for lines in self.peers.values() for line in lines)


def estimate(m: Migrating) -> Estimate:
    """Look at every source and at both installations of the target; nothing is written anywhere.

    A peer that does not answer costs the estimate, not the looks at the others.
    """
    now = m.clock()
    looks, silent = [], {}
    for source in m.plan.sources:
        try:
            looks.append(look(m.source(source.province), source, m.plan.attachments, now))
        except HubError as error:
            silent[source.province] = mask_text(f"{error.where}: {getattr(error, 'what', error)}")
    known = earlier_rates(m.engine, m.plan.slug)
    rates = {"load": known.get("load", ASSUMED["load"]), "files": known.get("files", ASSUMED["files"])}
    measured = "load" in known
    seconds = None if silent else _seconds(looks, rates)
    if seconds is None:
        return Estimate(tuple(looks), silent, _peers(m), rates, measured, None, None, None, _warnings(m, looks))
    doubt = 1.0 if measured else DOUBT
    history = seconds["read"] + seconds["load"] + seconds["files"]
    ends = tuple(
        now + timedelta(seconds=seconds["read"] * part + (history - seconds["read"]) * by)
        for part, by in ((_part(looks, "low"), 1 / doubt), (1.0, 1.0), (_part(looks, "high"), doubt))
    )
    begin_by = m.plan.freeze - (ends[2] - now)
    warnings = [*_warnings(m, looks), *_late(m, ends[2], begin_by, seconds["prove"], now)]
    shown = (ends[0], ends[1], ends[2])
    return Estimate(tuple(looks), {}, _peers(m), rates, measured, seconds, shown, begin_by, tuple(warnings))


def in_time(m: Migrating, found: Estimate) -> bool:
    """History and proof fit before the hours of the plan, at the late end of the estimate."""
    if found.seconds is None or found.ends is None:
        return False
    proof = timedelta(seconds=found.seconds["prove"])
    return max(found.ends[2], m.plan.freeze) + proof <= m.plan.deadline - m.plan.alert.margin


def _seconds(looks: Sequence[Look], rates: dict[str, float]) -> dict[str, float] | None:
    """Sources are read side by side; loading, files and the proof, which reads all of it again, come behind."""
    read = [one.seconds for one in looks]
    moving, files = _sum([one.moving for one in looks]), _sum([one.attachments for one in looks])
    if moving is None or files is None or any(one is None for one in read):
        return None
    reading = max((one or 0.0 for one in read), default=0.0)
    return {
        "read": reading,
        "load": moving / rates["load"],
        "files": files / rates["files"],
        "prove": reading + moving / ASSUMED["prove"],
    }


def _part(looks: Sequence[Look], end: str) -> float:
    total = sum(one.total or 0 for one in looks)
    return sum(getattr(one, end) or 0 for one in looks) / total if total else 1.0


def _warnings(m: Migrating, looks: Sequence[Look]) -> tuple[str, ...]:
    said = []
    with m.engine.connect() as connection:
        if not connection.scalar(text(KNOWS_PROCEDURES)):
            said.append(
                "the national procedure list was never read, so too many would be held: lienthong procedures pull"
            )
    for one in looks:
        if one.how == "unknown":
            said.append(f"{one.source} does not say how much it holds, and it cannot be sampled")
        if (share := one.share(one.held.total())) > m.plan.gates.held:
            most = ", ".join(f"{reason} {count / one.records:.1%}" for reason, count in one.held.most_common(3))
            said.append(f"{one.source}: {share:.1%} of {one.records:,} sampled dossiers would be held ({most})")
        if one.records and not one.in_scope:
            said.append(f"{one.source}: none of {one.records:,} sampled dossiers is in the plan's scope")
    return tuple(said)


def _late(m: Migrating, end: datetime, begin_by: datetime, prove: float, now: datetime) -> list[str]:
    said = []
    if now > begin_by:
        said.append(
            f"begun now, the history is done {told(end)} at the latest, behind the freeze; for it the migration should "
            f"have begun by {told(begin_by)}"
        )
    room = m.plan.deadline - m.plan.freeze - m.plan.alert.margin
    if timedelta(seconds=prove) > room:
        said.append(
            f"the proof takes about {int(prove // 60)} minutes; between freeze and deadline, less the margin, are "
            f"{int(room.total_seconds() // 60)}"
        )
    return said


def _peers(m: Migrating) -> dict[str, list[CheckLine]]:
    """Name, connection, login and clock of both installations of the target; sends no data."""
    target, places = m.plan.target, {"target": m.plan.target.connection}
    if m.plan.rehearsal:
        places["rehearsal"] = m.plan.rehearsal.connection
    found = {}
    for name, connection in places.items():
        url = target.url if name == "target" or m.plan.rehearsal is None else m.plan.rehearsal.url
        try:
            found[name] = connector_of(m.target_hub, target.system, connection, url, target.limits).check(tried=())
        except (HubError, ConnectorError) as error:
            found[name] = [CheckLine("connection", False, mask_text(str(error)), "")]
    return found


def _sum(amounts: Sequence[int | None]) -> int | None:
    known = [one for one in amounts if one is not None]
    return sum(known) if len(known) == len(amounts) else None


def as_dict(m: Migrating, found: Estimate) -> dict[str, Any]:
    """For --json."""
    sources = [
        {
            "source": one.source,
            "system": one.system,
            "total": one.total,
            "low": one.low,
            "high": one.high,
            "how": one.how,
            "sampled": one.records,
            "in_scope": one.moving,
            "in_progress_share": round(one.share(one.in_progress), 4),
            "held_share": round(one.share(one.held.total()), 4),
            "held": dict(one.held.most_common()),
            "files": one.attachments,
            "read_per_second": round(one.read_rate) if one.read_rate else None,
            "map_per_second": round(one.map_rate) if one.map_rate else None,
            "seconds": round(one.seconds, 1) if one.seconds is not None else None,
        }
        for one in found.looks
    ]
    peers = {name: [[line.name, line.ok, line.detail] for line in lines] for name, lines in found.peers.items()}
    return {
        "sources": sources,
        "silent": found.silent,
        "peers": peers,
        "dossiers": found.dossiers,
        "files": found.files,
        "rates": {**found.rates, "measured": found.measured},
        "seconds": {name: round(value, 1) for name, value in found.seconds.items()} if found.seconds else None,
        "ends": [one.isoformat() for one in found.ends] if found.ends else None,
        "begin_by": found.begin_by.isoformat() if found.begin_by else None,
        "in_time": in_time(m, found) if found.seconds else None,
        "warnings": list(found.warnings),
    }
