"""`status` and `advance`: read from the folder alone, so they tell the same whether the peers run or not."""

from typing import Any

from sandbox import import_ledger, import_moves, intake
from sandbox.national_catalogue import catalogue
from sandbox.national_ledger import summary
from sandbox.processes import SandboxError, all_names, running
from sandbox.provinces import PROFILES, TARGETS
from sandbox.state import NATIONAL, TAKES, Config, Folder
from sandbox.system import Served, SystemState, calls, open_ledger
from sandbox.timeline import append_journal

MOST_DAYS = 365


def status(folder: Folder) -> dict[str, Any]:
    """The shape of `status --json`; zeros and no systems when nothing was started yet. Targets stand apart."""
    config = folder.config()
    up = [name for name in all_names(folder) if running(folder, name)]
    body: dict[str, Any] = {"national": summary(folder.ledger(NATIONAL)), "systems": {}, "running": up}
    if config is None:
        return body
    days = folder.days()
    body["national"]["procedures"] = catalogue(config.seed, days).summary()
    for slug in config.provinces:
        if slug in TARGETS:
            body.setdefault("targets", {})[slug] = import_ledger.summary(folder.ledger(slug))
            continue
        system = SystemState(folder, config, slug).summary()
        body["systems"][slug] = {
            "dossiers": system.pop("dossiers"),
            "served": Served.count(folder.served(slug)),
            "labelled_dirty": system.pop("labelled_dirty"),
            **system,
            **calls(folder.ledger(slug)),
            **({"intake": intake.summary(folder.ledger(slug))} if PROFILES[slug].kind in TAKES else {}),
        }
    body["now"] = folder.now().isoformat()
    body["days"] = days
    body["size"], body["seed"] = config.size, config.seed
    return body


def advance(folder: Folder, days: int) -> dict[str, Any]:
    """Moves the virtual clock on, day by day, and says what that changed and added, in distinct dossier codes.

    A dossier that changes on two of the days, or comes new and changes after, counts once (as new if it is new).
    """
    config = _started(folder)
    states = {slug: SystemState(folder, config, slug) for slug in config.provinces if slug not in TARGETS}
    before = folder.days()
    if before + days > MOST_DAYS:
        raise SandboxError(
            f"the sandbox's calendar ends {MOST_DAYS} days after its start; run: python -m sandbox reset"
        )
    changed: dict[str, set[int]] = {slug: set() for slug in states}
    added: dict[str, int] = dict.fromkeys(states, 0)
    corrected: dict[str, int] = dict.fromkeys(states, 0)
    rows_before = {slug: s.generator.timeline.rows for slug, s in states.items()}
    dossiers_before = {slug: s.generator.timeline.dossiers() for slug, s in states.items()}
    for day in range(before + 1, before + days + 1):
        append_journal(folder.journal, {"day": day})
        for slug, state in states.items():
            for moved in state.follow():
                changed[slug].update(r for r in moved.changed if r < rows_before[slug])
                corrected[slug] += len(moved.corrected)
    for slug, state in states.items():
        added[slug] = state.generator.timeline.dossiers() - dossiers_before[slug]
    return {
        "systems": {
            slug: {"changed": len(changed[slug]), "added": added[slug], "corrected": corrected[slug]} for slug in states
        },
        **_staffs_work(folder, config),
        "now": folder.now().isoformat(),
        "days": folder.days(),
    }


def _staffs_work(folder: Folder, config: Config) -> dict[str, Any]:
    """`targets`: how many steps the staff of each new province made up to now; nothing when there is none."""
    made = {}
    for slug in config.provinces:
        if slug in TARGETS and folder.ledger(slug).exists():
            db = open_ledger(folder.ledger(slug), import_ledger.TABLES)
            made[slug] = {"moved": import_moves.follow(db, folder.days())}
            db.close()
    return {"targets": made} if made else {}


def _started(folder: Folder) -> Config:
    config = folder.config()
    if config is None:
        raise SandboxError(f"there is no sandbox in {folder.path}; run: python -m sandbox start")
    return config
