"""What keeps everybody else from an attempt while it opens or goes back: its loads, its files, its proof."""

from collections.abc import Iterator
from contextlib import contextmanager

from hub.migration.attempt import Migrating
from hub.store import province_locks


@contextmanager
def nobody_at_work(m: Migrating) -> Iterator[None]:
    """Nothing is handed over and nothing is proved until this ends; an opening and a way back are never both at work.

    Raises:
        Busy: another process is at one of them.
    """
    wanted = [(f"migration.{m.plan.slug}", "proof")]
    for source in m.plan.sources:
        wanted += [(source.province, f"{purpose} {m.attempt_id}") for purpose in ("loading", "files")]
    with province_locks(m.engine, wanted):
        yield
