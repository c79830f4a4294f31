"""Everything that is owed to the target, in its order."""

from typing import Any

from hub.migration.attempt import Migrating
from hub.migration.deciding.collisions import find_collisions
from hub.migration.target.attachments import hand_over_files
from hub.migration.target.loading import load


def hand_over(m: Migrating) -> dict[str, Any]:
    """Collisions found, then dossiers and files to the target: counts of each."""
    return {"collisions": find_collisions(m), "load": load(m), "files": hand_over_files(m)}
