"""What is said about a record: a finding holds it, a note goes with it."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a record, or one of its progress steps, is held.

    `reason` is a stable word (`unmapped_status`), `field` the canonical field, `path` where the source carries it,
    `value` what stood there, `rule` the mapping line or expectation that refused it (`mappings/x.yaml:12`), `detail`
    what it was compared with (the other record that claims a code).
    """

    reason: str
    field: str
    value: str | None = None
    rule: str | None = None
    path: str | None = None
    detail: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Note:
    """What the hub changed or left out while it delivered a record: a text that was cut, a link withheld."""

    kind: str
    field: str
    detail: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
