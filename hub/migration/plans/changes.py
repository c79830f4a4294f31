"""A plan that was edited after its cutover began: refused where the attempt rests on it, told in the log elsewhere."""

from sqlalchemy import text

from hub.errors import Refused
from hub.migration.attempt import Migrating, note_event
from hub.migration.plans.fixed import fixed_parts
from hub.migration.plans.plan import load_plan, plan_digest, plan_path

KEPT = "SELECT plan_digest, plan_fixed FROM migration WHERE migration_id = :id FOR UPDATE"

LAST = """
SELECT details ->> 'after' FROM migration_event
WHERE migration_id = :id AND kind = 'plan_changed' ORDER BY event_id DESC LIMIT 1
"""


def must_be_the_plan(m: Migrating) -> None:
    """Hold the plan's file against the one with which the cutover began; a change that may be is an event, once.

    Rehearsals take the plan as it is: it is tried out there.

    Raises:
        Refused: sources, target, recode, freeze or attachments are others; names them.
    """
    if m.attempt.kind == "rehearsal":
        return
    slug, given = m.plan.slug, {"id": m.attempt_id}
    after = plan_digest(plan_path(m.settings, slug))
    with m.engine.begin() as connection:
        began, kept = connection.execute(text(KEPT), given).one()
        before = connection.scalar(text(LAST), given) or began
        if after == before:
            return
        now = fixed_parts(load_plan(m.settings, slug))
        if others := [key for key in now if kept.get(key) != now[key]]:
            raise Refused(
                f"the plan's {', '.join(others)} changed after this cutover began: what was read and loaded rests on"
                " what stood there",
                where=f"migrations/{slug}.yaml",
                next_step="Nothing was changed. Put the file back as it was, or begin a new attempt by the new plan: "
                f"lienthong migrate rollback {slug} --by … --why …, then lienthong migrate run {slug}",
            )
        words = f"the plan's file changed: {before[:12]} -> {after[:12]}; what the attempt rests on is the same"
        note_event(connection, slug, m.attempt_id, "plan_changed", words, before=before, after=after)
