"""A list that is suddenly short is more often a broken answer than a mass abolition: it closes nothing unasked."""

from hub.errors import StageFailed

LEAST = 0.8
"""Share of the present list that a new one must have."""


def refuse_short(listed: int, present: int, *, accept: bool, where: str, command: str) -> None:
    """Refuse a list that is empty, or that lacks more than a fifth of what is in force.

    Raises:
        StageFailed: with the two figures, and the option that takes the list all the same.
    """
    if accept or (listed and listed >= present * LEAST):
        return
    fewer = present - listed
    what = (
        f"the list has {listed:,} procedures where {present:,} are in force; {fewer:,} or more would be closed"
        if listed
        else f"the list is empty ({present:,} procedures are in force)"
    )
    raise StageFailed(
        what,
        where=where,
        next_step="Nothing was changed. Ask the owner of the list whether it is whole; if it is: "
        f"{command} --accept-short",
    )
