"""GO or NO-GO: each gate green or red, and why; read from the last proof, the plan's log and the outbox."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from hub.errors import HubError
from hub.migration.attempt import Attempt, Migrating, current
from hub.migration.cutover.milestones import milestones_of, missing_before
from hub.migration.cutover.owing import owed_by
from hub.migration.plans.plan import DEADLINE, Plan, told
from hub.migration.proof.evidence import verify
from hub.migration.proof.fingerprint import fingerprint
from hub.migration.proof.proving import Proof, last_proof
from hub.migration.watching.clock import clock_of

TITLES = {
    "unaccounted": "hồ sơ chưa rõ ở đâu",
    "held": "hồ sơ bị giữ lại",
    "refused": "hồ sơ bị hệ thống mới từ chối",
    "equal": "hồ sơ khớp hoàn toàn",
    "equal_per_field": "trường khớp ít nhất",
    "files_missing": "tệp thiếu",
    "split_open": "xã bị chia tách chưa quyết định",
    "frozen": "đã đọc đến thời điểm chốt",
    "quiet": "hệ thống cũ không đổi sau khi đọc",
    "gone": "hồ sơ không còn ở hệ thống cũ",
    "fresh": "bản đối soát mới nhất",
    "nothing_owed": "không còn nợ phía quốc gia",
    "milestones": "các mốc trước giờ chuyển",
    "deadline": "kịp hạn",
}
"""The gates in their order, in Vietnamese."""

CHUNKS = """
SELECT count(*) AS chunks, count(*) FILTER (WHERE state <> 'done') AS open FROM migration_chunk WHERE migration_id = :id
"""


SPLIT = """
SELECT count(DISTINCT (source, f ->> 'value')) AS communes, count(DISTINCT (source, source_key)) AS dossiers
FROM (SELECT source, source_key, findings FROM migrated
      WHERE migration_id = :id AND state = 'held' AND jsonb_typeof(findings) = 'array') m,
     jsonb_array_elements(findings) f
WHERE f ->> 'reason' = 'commune_undecided'
"""


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: what may be, what is, and a sentence why it is green or red."""

    name: str
    threshold: str
    value: str
    green: bool
    why: str

    @property
    def title(self) -> str:
        """In Vietnamese."""
        return TITLES[self.name]

    def as_dict(self) -> dict[str, Any]:
        names = ("name", "title", "threshold", "value", "green", "why")
        return {name: getattr(self, name) for name in names}


def go(gates: list[Gate]) -> bool:
    """GO: every gate is green."""
    return all(gate.green for gate in gates)


def judge(of: Migrating | Engine, plan: Plan, now: datetime) -> list[Gate]:
    """Every gate of an attempt, or of the plan's cutover (of its last rehearsal, where none has begun)."""
    if isinstance(of, Migrating):
        return _judge(of.engine, plan, of.attempt, now)
    return _judge(of, plan, current(of, plan.slug, "cutover") or current(of, plan.slug), now)


def _judge(engine: Engine, plan: Plan, attempt: Attempt | None, now: datetime) -> list[Gate]:
    proof = last_proof(engine, attempt.migration_id) if attempt else None
    with engine.connect() as connection:
        return [
            *(_proved(plan, proof) if proof else _unproved(plan)),
            _split(connection, plan, attempt),
            _frozen(connection, plan, attempt, now),
            _quiet(proof, attempt),
            _gone(plan, proof),
            _fresh(connection, plan, proof),
            _nothing_owed(connection, plan),
            _milestones(engine, plan, now),
            _deadline(engine, plan, attempt, now),
        ]


def _unproved(plan: Plan) -> Iterator[Gate]:
    gates = plan.gates
    shares = {"held": gates.held, "refused": gates.refused, "equal": gates.equal, "equal_per_field": gates.equal}
    asked = {name: _percent(share) for name, share in shares.items()}
    asked |= {"unaccounted": "0", "files_missing": _percent(gates.files_missing)}
    why = f"there is no proof yet: lienthong migrate reconcile {plan.slug}"
    for name in TITLES:
        if name in asked:
            yield Gate(name, asked[name], "–", False, why)


def _proved(plan: Plan, proof: Proof) -> Iterator[Gate]:
    """The gates that the last proof answers."""
    gates, sources, rows, files = (plan.gates, *(proof.counts[name] for name in ("sources", "rows", "files")))
    dossiers = sum(one["dossiers"] for one in sources.values())
    reasons = _reasons(sources, "held")
    refused = reasons.pop("refused_by_target", 0)
    held = sum(reasons.values())

    yield _unaccounted(plan, proof)
    most = f"; most: {max(reasons, key=lambda name: reasons[name])}" if reasons else ""
    yield _at_most("held", gates.held, held, dossiers, f"{held:,} of {dossiers:,} dossiers wait for a person{most}")
    asked = refused + rows["sent"]
    yield _at_most("refused", gates.refused, refused, asked, f"the target refused {refused:,} of {asked:,} dossiers")
    yield _equal(plan, rows, dossiers)
    name, worst = min(
        ((name, one["share"]) for name, one in proof.counts["fields"].items()),
        key=lambda pair: pair[1],
        default=("", 1.0),
    )
    yield Gate(
        "equal_per_field",
        f"≥ {_percent(gates.equal)}",
        _percent(worst),
        worst >= gates.equal,
        "every field is equal everywhere" if worst == 1 else f"the field {name} is equal in {_percent(worst)}",
    )
    yield _files(plan, files)


def _unaccounted(plan: Plan, proof: Proof) -> Gate:
    if not proof.counts["reread"]:
        why = f"the sources were not read again: lienthong migrate reconcile {plan.slug} without --no-reread"
        return Gate("unaccounted", "0", f"{proof.unaccounted:,}", False, why)
    because = ", ".join(f"{name} {n:,}" for name, n in _reasons(proof.counts["sources"], "unaccounted").items())
    why = f"in no state, or in two: {because}" if because else "every source dossier is migrated, held or out of scope"
    return Gate("unaccounted", "0", f"{proof.unaccounted:,}", not proof.unaccounted, why)


def _equal(plan: Plan, rows: dict[str, Any], dossiers: int) -> Gate:
    share, more = rows["equal"], rows["only_target"] + rows["twice"]
    why = f"{rows['full_match']:,} of {rows['joined']:,} dossiers are equal in every field"
    if more:
        why += f"; {rows['only_target']:,} of the target nobody sent, {rows['twice']:,} stand there twice"
    if dossiers and not rows["joined"]:
        why = "nothing was migrated, so nothing was compared"
    green = share >= plan.gates.equal and not more and bool(rows["joined"] or not dossiers)
    return Gate("equal", f"≥ {_percent(plan.gates.equal)}", _percent(share), green, why)


def _files(plan: Plan, files: dict[str, Any]) -> Gate:
    states = files["by_state"]
    there, wrong = sum(states.values()), files["differences"]
    missing = states.get("missing", 0) + states.get("refused", 0)
    owed = states.get("owed", 0) + states.get("sending", 0)
    why = f"{missing:,} of {there:,} files are missing or refused, each named in files.csv"
    if owed or wrong:
        why += f"; {owed:,} are still owed, {wrong:,} are not in the target as they were sent"
    share, most = missing / there if there else 0.0, plan.gates.files_missing
    return Gate("files_missing", f"≤ {_percent(most)}", _percent(share), share <= most and not owed + wrong, why)


def _split(connection: Connection, plan: Plan, attempt: Attempt | None) -> Gate:
    """Codes of split communes for which nothing decides, whatever else holds their dossiers."""
    row = connection.execute(text(SPLIT), {"id": attempt.migration_id if attempt else None}).one()
    why = "no split commune is undecided"
    if row.communes:
        why = f"{row.dossiers:,} dossiers of {row.communes:,} split communes wait: lienthong migrate work {plan.slug}"
    most = plan.gates.split_open
    return Gate("split_open", f"≤ {most:,}", f"{row.communes:,}", row.communes <= most, why)


def _frozen(connection: Connection, plan: Plan, attempt: Attempt | None, now: datetime) -> Gate:
    threshold = told(plan.freeze)
    if attempt is None:
        return Gate("frozen", threshold, "–", False, f"nothing was read yet: lienthong migrate run {plan.slug}")
    row = connection.execute(text(CHUNKS), {"id": attempt.migration_id}).one()
    until = attempt.read_until
    if until is None or row.open:
        value, why = f"{row.chunks - row.open:,} of {row.chunks:,} chunks", "the history is not read to its end"
    elif attempt.frozen_at is None:
        value, hour = told(until), "comes" if now < plan.freeze else "has come"
        why = f"read to here; the freeze {hour}: lienthong migrate freeze {plan.slug}"
    else:
        value, why = told(until), f"frozen at {told(attempt.frozen_at)}, and every source is read to the freeze"
    done = until is not None and not row.open and attempt.frozen_at is not None and until >= plan.freeze
    return Gate("frozen", threshold, value, done, why)


def _quiet(proof: Proof | None, attempt: Attempt | None) -> Gate:
    if proof is None or attempt is None:
        return Gate("quiet", "0", "–", False, "nobody has looked yet: the proof reads every source again")
    moved = {
        slug: one["changed"] + one["by_reason"].get("unaccounted", {}).get("unread", 0)
        for slug, one in proof.counts["sources"].items()
    }
    loud = {slug: count for slug, count in moved.items() if count}
    if loud:
        named = ", ".join(f"{slug} {count:,}" for slug, count in loud.items())
        why = f"new or changed since they were read: {named}; refuse, run the delta and freeze again"
    elif not proof.counts["reread"]:
        why = "the sources were not read again"
    elif attempt.frozen_at is None or proof.at < attempt.frozen_at:
        why = "the proof is older than the freeze"
    else:
        why = f"read again at {told(proof.at)}: nothing came and nothing changed"
    green = not loud and proof.counts["reread"] and attempt.frozen_at is not None and proof.at >= attempt.frozen_at
    return Gate("quiet", "0", f"{sum(loud.values()):,}", green, why)


def _gone(plan: Plan, proof: Proof | None) -> Gate:
    """A list that is empty or cut short shows nothing new and nothing changed; no source is made up for by another."""
    threshold = f"≤ {_percent(plan.gates.gone)}"
    if proof is None or not proof.counts["reread"]:
        return Gate("gone", threshold, "–", False, "the sources were not read again")
    sources = proof.counts["sources"]
    shares = {slug: one["gone"] / one["dossiers"] for slug, one in sources.items() if one["gone"]}
    short = [
        f"{slug} states {one['stated']:,} dossiers and listed {one['listed']:,}"
        for slug, one in sources.items()
        if one["stated"] is not None and one["listed"] < one["stated"]
    ]
    named = [f"{slug} {sources[slug]['gone']:,} of {sources[slug]['dossiers']:,}" for slug in shares]
    words = [*short, f"no longer there: {', '.join(named)}; see differences.csv" if named else ""]
    worst = max(shares.values(), default=0.0)
    why = "; ".join(filter(None, words)) or "every dossier that was read is still there"
    return Gate("gone", threshold, _percent(worst), worst <= plan.gates.gone and not short, why)


def _fresh(connection: Connection, plan: Plan, proof: Proof | None) -> Gate:
    if proof is None:
        return Gate("fresh", "the last state", "–", False, f"lienthong migrate reconcile {plan.slug} makes one")
    same = fingerprint(connection, proof.migration_id) == proof.counts["fingerprint"]
    why = "nothing changed since" if same else f"something changed since: lienthong migrate reconcile {plan.slug}"
    if wrong := _not_as_signed(proof):
        same, why = False, f"its evidence is not as it was signed ({wrong}): lienthong migrate verify {proof.folder}"
    return Gate("fresh", "the last state", told(proof.at), same, f"proof {proof.proof_id}: {why}")


def _not_as_signed(proof: Proof) -> str:
    """The first thing that is wrong with the evidence on disk; "" where nothing is."""
    try:
        return next(iter(verify(Path(proof.folder), proof.digest)), "")
    except (OSError, HubError) as error:
        return str(error).splitlines()[0]


def _nothing_owed(connection: Connection, plan: Plan) -> Gate:
    owed = owed_by(connection, [one.province for one in plan.sources])
    total = sum(owed.values())
    why = "the old provinces owe the national side nothing"
    if owed:
        named = ", ".join(f"{slug} {count:,}" for slug, count in owed.items())
        why = f"still owed by {named}; send it: " + "; ".join(f"lienthong sync {slug}" for slug in owed)
    return Gate("nothing_owed", "0", f"{total:,}", not total, why)


def _milestones(engine: Engine, plan: Plan, now: datetime) -> Gate:
    """Those before the migration's own; what stands between it and the opening is asked for at the opening."""
    found = milestones_of(engine, plan, now)
    names = [one.name for one in found]
    asked = names.index(DEADLINE) if DEADLINE in names else len(names)
    missing = missing_before(found, DEADLINE)
    why = "; ".join(f"{one.name}: {one.why}" for one in missing) or "all that come before the migration are met"
    return Gate("milestones", str(asked), str(asked - len(missing)), not missing, why)


def _deadline(engine: Engine, plan: Plan, attempt: Attempt | None, now: datetime) -> Gate:
    clock = clock_of(engine, plan, now, attempt)
    ends = clock.complete_at or clock.eta_high
    value = told(ends) if ends else "–"
    if clock.late:
        why = "the legal hour is missed, or would be; another hour is for whoever set it, and then for the plan"
    elif clock.complete_at:
        why = "complete before the legal hour"
    elif ends is None:
        why = f"no estimate ({clock.why_no_eta}); the hour has not passed" if clock.why_no_eta else "nothing is left"
    else:
        why = "the late end of the estimate lies before the legal hour"
    return Gate("deadline", f"≤ {told(plan.deadline)}", value, not clock.late, why)


def _at_most(name: str, most: float, count: int, of: int, why: str) -> Gate:
    share = count / of if of else 0.0
    return Gate(name, f"≤ {_percent(most)}", _percent(share), share <= most, why)


def _reasons(sources: dict[str, Any], verdict: str) -> dict[str, int]:
    """Dossiers of a verdict by reason, of all sources, most first."""
    found: dict[str, int] = {}
    for one in sources.values():
        for reason, count in one["by_reason"].get(verdict, {}).items():
            found[reason] = found.get(reason, 0) + count
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _percent(share: float) -> str:
    """In per cent, rounded so that what is not whole never looks whole.

    >>> _percent(0.0042), _percent(0.99996), _percent(1.0), _percent(0.000001)
    ('0.42 %', '99.99 %', '100 %', '0.01 %')
    """
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    return f"{min(max(round(100 * share, 2), 0.01), 99.99):g} %"
