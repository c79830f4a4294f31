"""Milestones: which are met, by what evidence, and which are late. Some the hub sees; the others a person states."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Engine, Row, text

from hub import audit
from hub.errors import ConfigurationError, Refused
from hub.migration.attempt import Attempt, current, note_event
from hub.migration.plans.plan import Milestone, Plan, told

State = Literal["met", "late", "open"]

TITLES = {
    "procedures_published": "danh mục thủ tục đã công bố",
    "configuration_done": "cấu hình xong, đã diễn tập",
    "migration_complete": "chuyển đổi dữ liệu hoàn tất",
    "gateway_switched": "đã chuyển cổng sang hệ thống mới",
    "centres_ready": "các trung tâm phục vụ sẵn sàng",
    "go_live": "hệ thống mới mở cửa",
}
"""In Vietnamese, where the plan gives no title."""

STATED = """
SELECT DISTINCT ON (name) name, at, who, details FROM migration_event
WHERE plan = :plan AND kind = 'milestone' ORDER BY name, event_id DESC
"""

PROVED = """
SELECT p.at, p.equal, p.unaccounted, m.state, m.kind, m.migration_id FROM migration_proof p
JOIN migration m USING (migration_id) WHERE m.plan = :plan AND m.kind = :kind
ORDER BY (m.migration_id = :id) DESC, p.proof_id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """Where one milestone stands; `at`, `who` and `source` of a met one, and why in a sentence."""

    name: str
    title: str
    by: datetime
    evidence: str
    state: State
    why: str
    at: datetime | None = None
    who: str | None = None
    source: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What speaks for a milestone: since when, if at all, and why."""

    at: datetime | None
    why: str
    who: str | None = None
    source: str | None = None


def state_milestone(engine: Engine, plan: Plan, name: str, by: str, source: str, met: bool, *, at: datetime) -> None:
    """Keep a person's word that a milestone is met, or is not after all, with the document that says so.

    Raises:
        ConfigurationError: the plan has no such milestone, or no source is given.
        Refused: the hub sees this one itself.
    """
    one = next((one for one in plan.milestones if one.name == name), None)
    stated = [one.name for one in plan.milestones if one.evidence == "stated"]
    if one is None:
        raise ConfigurationError(
            f"the plan has no milestone '{name}'",
            where=f"migrations/{plan.slug}.yaml · milestones",
            next_step=f"Stated ones are: {', '.join(stated) or 'none'}.",
        )
    if one.evidence != "stated":
        raise Refused(
            f"nobody states the milestone '{name}': the hub sees it itself",
            where=f"migrations/{plan.slug}.yaml · milestones",
            next_step=f"What is missing for it: lienthong migrate go {plan.slug}. Stated ones are: "
            f"{', '.join(stated) or 'none'}.",
        )
    if not (source := " ".join(source.split())):
        raise ConfigurationError(
            "a milestone without a source is a rumour",
            where="--source",
            next_step="Name the document or the person: --source 'Công văn 123/SNV-CCHC ngày 30/06/2026'.",
        )
    attempt = current(engine, plan.slug, "cutover")
    words = f"{name} is {'met' if met else 'not met'}: {source}"
    with engine.begin() as connection:
        number = attempt.migration_id if attempt else None
        on = at.isoformat()
        note_event(connection, plan.slug, number, "milestone", words, name=name, who=by, met=met, source=source, on=on)
        details: dict[str, Any] = {"plan": plan.slug, "name": name, "met": met, "source": source}
        audit.write(connection, by, "migration_milestone", province=plan.target.province, **details)


def milestones_of(engine: Engine, plan: Plan, now: datetime) -> list[Reached]:
    """Every milestone of the plan in its order: met, late (its hour has passed) or open, and why."""
    attempt = current(engine, plan.slug, "cutover")
    with engine.connect() as connection:
        stated = {row.name: row for row in connection.execute(text(STATED), {"plan": plan.slug})}
        given = {"plan": plan.slug, "id": attempt.migration_id if attempt else None}
        proofs = {
            kind: connection.execute(text(PROVED), {**given, "kind": kind}).one_or_none()
            for kind in ("rehearsal", "cutover")
        }
    found = []
    for one in plan.milestones:
        if one.evidence == "stated":
            seen = _stated(one, stated.get(one.name), plan)
        elif one.name == "configuration_done":
            seen = _rehearsed(plan, proofs["rehearsal"])
        elif one.name == "migration_complete":
            seen = _complete(plan, attempt, proofs["cutover"])
        elif one.name == "go_live":
            seen = _opened(plan, attempt)
        else:
            seen = _Seen(None, "the hub cannot see it; write `evidence: stated` in the plan")
        found.append(_reached(one, seen, now))
    return found


def missing_before(found: list[Reached], name: str) -> list[Reached]:
    """The milestones that stand before this one in the plan and are not met."""
    names = [one.name for one in found]
    ahead = found[: names.index(name)] if name in names else found
    return [one for one in ahead if one.state != "met"]


def _reached(one: Milestone, seen: _Seen, now: datetime) -> Reached:
    title, why = one.title or TITLES[one.name], seen.why
    state: State = "met"
    if seen.at is None:
        state = "late" if now > one.by else "open"
        why += f"; it was due {_span(now - one.by)} ago" if state == "late" else f"; due in {_span(one.by - now)}"
    elif seen.at > one.by:
        why += f"; {_span(seen.at - one.by)} after its hour"
    return Reached(one.name, title, one.by, one.evidence, state, why, seen.at, seen.who, seen.source)


def _stated(one: Milestone, row: Row[Any] | None, plan: Plan) -> _Seen:
    if row is None:
        return _Seen(
            None, f"nobody has stated it: lienthong migrate milestone {plan.slug} {one.name} --source … --by …"
        )
    source = str(row.details.get("source", ""))
    if not row.details.get("met"):
        return _Seen(None, f"{row.who} says that it is not met: {source}", row.who, source)
    return _Seen(datetime.fromisoformat(row.details["on"]), f"stated by {row.who}: {source}", row.who, source)


def _rehearsed(plan: Plan, proof: Row[Any] | None) -> _Seen:
    if plan.rehearsal is None:
        return _Seen(None, "the plan names no place to rehearse, so nothing shows that the configuration works")
    if proof is None:
        return _Seen(None, f"no rehearsal was proved: lienthong migrate rehearse {plan.slug}")
    if proof.unaccounted:
        return _Seen(None, f"the last rehearsal left {proof.unaccounted:,} dossiers unaccounted")
    return _Seen(proof.at, f"rehearsed and proved on {told(proof.at)}")


def _complete(plan: Plan, attempt: Attempt | None, proof: Row[Any] | None) -> _Seen:
    if attempt is None:
        return _Seen(None, f"the cutover has not begun: lienthong migrate run {plan.slug}")
    if proof is None or proof.migration_id != attempt.migration_id or attempt.state not in _PROVED:
        return _Seen(None, f"the cutover stands at '{attempt.state}' and is not proved")
    if proof.unaccounted:
        return _Seen(None, f"{proof.unaccounted:,} dossiers are unaccounted")
    if not proof.equal and attempt.state == "proved":
        return _Seen(None, "the two sides are not equal in every field; whoever approves it takes the gates' word")
    equal = "both sides are equal" if proof.equal else "approved within the plan's gates"
    return _Seen(proof.at, f"proved on {told(proof.at)}: {equal}")


_PROVED = ("proved", "approved", "opened")


def _opened(plan: Plan, attempt: Attempt | None) -> _Seen:
    if attempt is None or attempt.opened_at is None:
        return _Seen(None, f"{plan.target.province} is not open: lienthong migrate open {plan.slug}")
    return _Seen(attempt.opened_at, f"opened on {told(attempt.opened_at)}")


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    days, hours, left = minutes // 1440, minutes // 60 % 24, minutes % 60
    return f"{days} d {hours} h" if days else f"{hours} h {left:02} min" if hours else f"{left} min"
