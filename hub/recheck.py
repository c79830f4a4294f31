"""Recheck: dossiers with open warnings through the gate again, after a rule, a fee or a procedure was corrected.

What is looked at is what is stored, as it was sent; nothing is read from the province, merged or sent. Warnings are
only ended here: a new rule warns of what the next syncs bring.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from hub import audit
from hub.aside import aside
from hub.check import checked_suite
from hub.context import Hub
from hub.gate import columns
from hub.gate.findings import end_unsaid, select_failing
from hub.gate.great import outcomes
from hub.gate.suite import Rule, Suite
from hub.staging import Batch, copy_batch, create_staging
from hub.store import province_lock
from mappings import Mapped
from schemas.findings import Note
from schemas.tables import staging_table

RUN = 0
"""Number of the run that is none: its tables live aside."""
ROWS = 1_000

_STORED = """
SELECT d.source_key, d.changed_at, d.record, d.notes, (
    SELECT coalesce(jsonb_agg(p.record ORDER BY p.ordinal), '[]') FROM progress_step p
    WHERE p.province = d.province AND p.dossier_code = d.dossier_code) AS steps
FROM dossier d WHERE d.province = :province AND d.dossier_code IN (
    SELECT w.dossier_code FROM warning w WHERE w.province = :province AND w.gone_at IS NULL)
"""
_END = """
UPDATE warning w SET gone_at = :now FROM {staging} s
WHERE w.province = :province AND w.gone_at IS NULL AND w.dossier_code = s.dossier_code
  AND (w.reason, w.field) NOT IN (SELECT * FROM unnest(CAST(:reasons AS text[]), CAST(:fields AS text[])))
  AND NOT EXISTS (SELECT FROM warned f WHERE (f.message_id, f.position) = (s.message_id, s.position)
                  AND (f.reason, f.field) = (w.reason, w.field))
"""
_LEFT = "SELECT count(*) FROM warning WHERE province = :province AND gone_at IS NULL"

OF_THE_CHANGE = ("status_before", "status_fault", "held_reasons", "held_steps")
"""What the gate knows only while a version comes in, and a stored dossier does not tell."""


@dataclass(frozen=True, slots=True)
class Rechecked:
    """Dossiers looked at, warnings ended, and warnings that stand."""

    looked_at: int
    ended: int
    left: int


def recheck(hub: Hub, who: str) -> Rechecked:
    """Let the gate judge the stored dossiers of all open warnings, and end the warnings of those that pass.

    Raises:
        Busy: a sync or a redrive of the province is at work.
    """
    suite = checked_suite(hub.settings, "dossier")
    with province_lock(hub.engine, hub.slug, "sync"), aside(hub, "recheck") as beside:
        looked_at = _stage(beside)
        with beside.engine.begin() as connection:
            gate = columns.make_gate(connection, beside, RUN, suite)
        found = outcomes(beside.engine, gate, suite, columns.KEY)
        with beside.engine.begin() as connection:
            select_failing(connection, found, "warned")
            ended = end_unsaid(connection, hub.slug, suite, hub.clock()) + _end(connection, hub, suite)
            left = int(connection.scalar(text(_LEFT), {"province": hub.slug}) or 0)
            told = {"looked_at": looked_at, "ended": ended, "left": left}
            audit.write(connection, who, "recheck", province=hub.slug, **told)
    return Rechecked(looked_at, ended, left)


def _stage(beside: Hub) -> int:
    """Stage the dossiers that have an open warning, some at a time. Returns how many."""
    staged = 0
    with beside.engine.begin() as connection:
        create_staging(connection, RUN)
    with beside.engine.connect() as reading, beside.engine.begin() as writing:
        rows = reading.execution_options(yield_per=ROWS).execute(text(_STORED), {"province": beside.slug})
        for some in rows.partitions(ROWS):
            batch = Batch()
            for place, row in enumerate(some, staged):
                notes = [Note(**note) for note in row.notes]
                batch.add(
                    place, row.source_key, row.changed_at, Mapped(row.record | {"steps": row.steps}, [], notes, [])
                )
            copy_batch(writing, RUN, 0, batch)
            staged += len(some)
    return staged


def _end(connection: Connection, hub: Hub, suite: Suite) -> int:
    unjudged = [rule for rule in suite.rules if _of_the_change(rule, suite)]
    given: dict[str, Any] = {"province": hub.slug, "now": hub.clock()}
    given |= {"reasons": [rule.reason for rule in unjudged], "fields": [rule.field for rule in unjudged]}
    return connection.execute(text(_END.format(staging=staging_table(RUN).name)), given).rowcount


def _of_the_change(rule: Rule, suite: Suite) -> bool:
    """Whether a rule looks at what a stored dossier does not tell, itself or by a column of the suite."""
    derived = " ".join(one.expression for one in suite.columns if one.name in rule.columns)
    return any(name in rule.columns or name in derived for name in OF_THE_CHANGE)
