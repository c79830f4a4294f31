"""Durations as people write them in every file of ours: a number and its unit."""

import re

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d)")
DURATION_SCHEMA = {"type": "string", "pattern": f"^{DURATION.pattern}$", "examples": ["30s"]}
"""JSON Schema of a duration, for editors."""


def parse_duration(value: object) -> float:
    """Seconds of `30s`, `500ms`, `5m`, `2h`, `1d`; a bare number is not accepted, since its unit would be a guess.

    >>> parse_duration("30m")
    1800.0
    """
    found = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found:
        return float(found.group(1)) * UNITS[found.group(2)]
    raise ValueError(f"{value!r} is not a duration: write a number and its unit, as 500ms, 30s, 5m, 2h or 1d")
