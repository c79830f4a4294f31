"""`--at`: the moment that a command takes for now; where it changes something, never one that is still to come."""

from datetime import UTC, datetime, timedelta

from hub.cli.sync import parse_time
from hub.errors import Refused
from hub.migration.plans.plan import told

AHEAD = timedelta(minutes=1)
"""How far the clock of whoever gives the command may be ahead of this machine's."""


def machine_now() -> datetime:
    """By the machine's clock."""
    return datetime.now(UTC)


def past_moment(at: str | None) -> datetime:
    """The moment given with `--at`, or now.

    Raises:
        Refused: it is still to come: an hour that must have passed would count as passed.
    """
    moment, now = parse_time(at, "--at"), machine_now()
    if moment is not None and moment > now + AHEAD:
        raise Refused(
            f"{told(moment)} is still to come: it is {told(now)}",
            where="--at",
            next_step="Nothing was changed. A command that changes something takes a moment that has passed, or none.",
        )
    return moment or now
