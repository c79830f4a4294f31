"""The recoder of one source: what its records go through before the gate."""

from collections.abc import Callable

from hub.context import Hub
from mappings import Mapped


def recoder_of(migrating: object, source: Hub) -> Callable[[Mapped, str], None] | None:
    """The recoder by the plan's rules and people's decisions."""
    return None
