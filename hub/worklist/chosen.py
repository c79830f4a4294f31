"""Which open items a command is about: one filter for listing, exporting and redriving, as a condition in SQL."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

LAST_NUMBER = 2**63 - 1
"""PostgreSQL counts items in eight bytes, and refuses to compare with a larger number."""
NOBODY = "nobody"
"""As an assignee: items that nobody has taken."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Open items that fit everything that is given. `reason`, `field`, `value` and `rule` are of one finding together.

    `value` is exact, and "" means a finding without one; `rule` is `file`, `file:line` or the whole path with its line;
    `held_before` keeps items that were held before that moment.
    """

    province: str | None = None
    reason: str | None = None
    field: str | None = None
    value: str | None = None
    rule: str | None = None
    assignee: str | None = None
    stage: str | None = None
    dossier: str | None = None
    item_ids: tuple[int, ...] | None = None
    held_before: datetime | None = None

    def sql(self) -> tuple[str, dict[str, Any]]:
        """A condition on `quarantine q`, and its parameters."""
        parts, given = ["q.state = 'held'"], dict[str, Any]()

        def also(condition: str, **parameters: Any) -> None:
            parts.append(condition)
            given.update(parameters)

        if self.province is not None:
            also("q.province = :province", province=self.province)
        if self.stage is not None:
            also("q.stage = :stage", stage=self.stage)
        if self.dossier is not None:
            also("q.dossier_code = :dossier", dossier=self.dossier)
        if self.item_ids is not None:
            also("q.item_id = ANY(:ids)", ids=[one for one in self.item_ids if abs(one) <= LAST_NUMBER])
        if self.held_before is not None:
            also("q.held_at < :held_before", held_before=self.held_before)
        if self.assignee == NOBODY:
            also("q.assignee IS NULL")
        elif self.assignee is not None:
            also("q.assignee = :assignee", assignee=self.assignee)
        if said := self._said():
            also("q.findings @> CAST(:said AS jsonb)", said=orjson.dumps([said]).decode())
        if self.rule is not None:
            also(
                "EXISTS (SELECT FROM jsonb_array_elements(q.findings) f WHERE f @> CAST(:of AS jsonb)"
                " AND strpos('/' || (f ->> 'rule') || ':', '/' || CAST(:rule AS text) || ':') > 0)",
                of=orjson.dumps(said).decode(),
                rule=self.rule,
            )
        return " AND ".join(parts), given

    def _said(self) -> dict[str, str | None]:
        """What the finding must hold, as a piece of its JSON."""
        wanted = {"reason": self.reason, "field": self.field, "value": self.value}
        found: dict[str, str | None] = {name: text for name, text in wanted.items() if text is not None}
        return found | ({"value": None} if self.value == "" else {})

    def words(self) -> dict[str, Any]:
        """What was asked for, for the audit: only what is given."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        said = {name: one for name, one in given.items() if one is not None}
        return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in said.items()}
