"""The filters that list, export and redrive of quarantine share, as options of the command line."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from hub.errors import ConfigurationError
from hub.worklist.chosen import Chosen
from schemas.durations import parse_duration

Reason = Annotated[str | None, typer.Option(help="Only findings of this reason, such as unmapped_status.")]
Field = Annotated[str | None, typer.Option(help="Only findings in this canonical field.")]
Value = Annotated[str | None, typer.Option(help='Only findings with exactly this value; "" for none.')]
Rule = Annotated[str | None, typer.Option(help="Only findings of this rule: a file, or file:line.")]
Assignee = Annotated[str | None, typer.Option(help="Only this person's items; `nobody` for those without one.")]
Stage = Annotated[str | None, typer.Option(help="Only items held at this stage: map, check, merge or push.")]
OlderThan = Annotated[str | None, typer.Option(help="Only items held for longer than this: 12h, 7d.")]
Dossier = Annotated[str | None, typer.Option(help="Only this dossier code.")]
Items = Annotated[list[int] | None, typer.Option("--item", help="Only this item; may be repeated.")]

STAGES = ("map", "check", "merge", "push")


def chosen_by(
    now: datetime,
    province: str | None,
    reason: str | None,
    field: str | None,
    value: str | None,
    rule: str | None,
    assignee: str | None,
    stage: str | None,
    older_than: str | None,
    dossier: str | None = None,
    items: list[int] | None = None,
) -> Chosen:
    """The filter that the options say.

    Raises:
        ConfigurationError: a stage that there is not, or a time without a unit.
    """
    if stage is not None and stage not in STAGES:
        raise ConfigurationError(
            f"there is no stage '{stage}' that holds", where="--stage", next_step=f"Stages: {', '.join(STAGES)}."
        )
    held_before = None
    if older_than is not None:
        try:
            held_before = now - timedelta(seconds=parse_duration(older_than))
        except (ValueError, OverflowError):
            raise ConfigurationError(
                f"'{older_than}' is not a length of time", where="--older-than", next_step="Write 12h or 7d."
            ) from None
    return Chosen(
        province, reason, field, value, rule, assignee, stage, dossier, tuple(items) if items else None, held_before
    )
