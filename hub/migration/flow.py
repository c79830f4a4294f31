"""A migration in the pieces that a flow runs: each does what is due at the attempt's state, and nothing twice.

A piece that lies behind answers with nothing; so a flow that is cleared or started anew goes on with the same attempt.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from hub.config import Settings
from hub.errors import Refused
from hub.migration.attempt import Attempt, AttemptKind, Migrating, current, migrating, open_attempt, under_way
from hub.migration.cutover.freezing import BEHIND, freeze
from hub.migration.plans.changes import must_be_the_plan
from hub.migration.plans.plan import load_plan, plan_digest, plan_path
from hub.migration.plans.problems import must_be_sound
from hub.migration.proof.proving import prove
from hub.migration.proof.rehearsal import keep_report, step_back
from hub.migration.reading.chunks import cut_chunks
from hub.migration.reading.one_chunk import read_chunk
from hub.migration.run import collide as collide
from hub.migration.run import loaded as loaded
from hub.migration.run import run_delta, settle_counts
from hub.migration.target.attachments import hand_over_files
from hub.migration.target.handing_over import hand_over
from hub.migration.target.loading import load
from hub.migration.target.state import mark
from hub.migration.watching.page import write_page

Counts = dict[str, Any]


def begin(
    settings: Settings,
    engine: Engine,
    slug: str,
    kind: AttemptKind,
    *,
    clock: Callable[[], datetime],
    mark: datetime | None = None,
) -> Migrating:
    """Take up the attempt that is under way, or begin one with a plan that is sound: its history reaches to `mark`, or
    to now.

    Raises:
        ConfigurationError: the plan is wrong, or names what is not there; nothing was begun.
        Refused: what the attempt rests on is other in the plan than when it began, or the plan is over.
    """
    plan = load_plan(settings, slug)
    _must_not_be_over(current(engine, slug, "cutover"))
    if under_way(engine, slug, kind) is None:
        must_be_sound(plan, settings, clock())
    digest = plan_digest(plan_path(settings, slug))
    attempt = open_attempt(engine, plan, kind, digest=digest, mark=mark or clock())
    m = migrating(settings, engine, slug, attempt.migration_id, clock=clock)
    must_be_the_plan(m)
    if kind == "rehearsal" and attempt.target_mark is None:
        step_back(m)
    return m


def _must_not_be_over(cutover: Attempt | None) -> None:
    if cutover is not None and cutover.state == "opened":
        raise Refused(
            f"this plan is over: {cutover.target} is open, and there is nothing to rehearse or to run any more",
            where=f"migration {cutover.plan}",
            next_step=f"Nothing was begun. The new province: lienthong sync {cutover.target}",
        )


def unread(m: Migrating, source: str) -> list[int]:
    """Numbers of the chunks of a source's history that are still to be read."""
    return [number for _, number in cut_chunks(m, source)] if m.attempt.state == "reading" else []


def read(m: Migrating, source: str, number: int) -> Counts:
    """Read one chunk to its end."""
    return read_chunk(m, source, number)


def set_mark(m: Migrating) -> Counts:
    """The target's snapshot mark, before the first dossier."""
    if m.attempt.state == "loading":
        mark(m)
    return {}


def load_source(m: Migrating, source: str) -> Counts:
    """Hand over what is read of one source."""
    return load(m, source) if m.attempt.state == "loading" else {}


def files_of_source(m: Migrating, source: str) -> Counts:
    """Hand over the files of one source's dossiers."""
    return hand_over_files(m, source) if m.attempt.state == "loading" else {}


def follow(m: Migrating, source: str) -> bool:
    """Read what changed at one source. Whether following ends: the freeze is due, or lies behind."""
    if m.attempt.state == "following":
        run_delta(m, sources=[source])
    return _over(m)


def follow_on(m: Migrating) -> bool:
    """Hand over what changed at all sources. Whether following ends."""
    if m.attempt.state == "following":
        hand_over(m)
        settle_counts(m)
    return _over(m)


def freeze_once(m: Migrating) -> Counts:
    """The last delta, unless it lies behind."""
    return {} if m.attempt.past("frozen") else freeze(m)


def prove_once(m: Migrating) -> Counts:
    """The proof of a cutover that waits for its decision, or of a rehearsal, which keeps its report."""
    attempt = m.attempt
    if attempt.kind == "cutover" and attempt.state not in BEHIND[:2]:
        return {}
    proof = prove(m)
    if attempt.kind == "rehearsal":
        keep_report(m, proof)
    write_page(m.engine, m.settings, m.plan, m.clock())
    return {"proof": proof.proof_id, "unaccounted": proof.unaccounted, "equal": proof.equal}


def _over(m: Migrating) -> bool:
    return m.clock() >= m.plan.freeze or m.attempt.state != "following"
