"""Checks of windows: what lies on an edge, in an empty stretch, and between two runs."""

from datetime import UTC, datetime, timedelta

from connectors.conformance.ground import Ground, Read, Verdict, failed, passed, skipped
from connectors.peer import Window
from connectors.survey.lookback import is_windowed

LONG_AGO = Window(datetime(2001, 1, 1, tzinfo=UTC), datetime(2001, 1, 2, tzinfo=UTC))


def window_edges(ground: Ground, stream: str) -> Verdict:
    """A record changed at the very end of one window and start of the next is in one of them, and no other is."""
    said = ground.stream(stream).window
    if said is None or not said.since:
        return skipped("the peer is asked for no window")
    middle = _middle(ground, stream)
    if middle is None or middle.changed is None:
        return skipped("no record with a time of change in this stretch")
    whole, at = ground.window(stream), middle.changed
    unit = ground.unit(stream)
    above = ground.read(stream, Window(at, max(whole.until, at)))
    below = ground.read(stream, Window(whole.since if whole.since is None else min(whole.since, at), at))
    for walk, beyond in ((above, [time for time in above.times if time < at - unit]),) + (
        ((below, [time for time in below.times if time > at + unit]),) if said.until else ()
    ):
        if beyond:
            return failed(
                f"{len(beyond)} of {len(walk.reads)} records changed outside the asked window, as at "
                f"{beyond[0].isoformat()}",
                f"The peer filters by another time than {ground.stream(stream).changed}: correct changed: or window:.",
            )
    start, end = middle.key in above.keys, middle.key in below.keys and bool(said.until)
    if start and end:
        return passed("both ends are included")
    if start or end:
        return passed(f"the window's {'end' if start else 'start'} is left out; the next window has that record")
    # Pieces of a long window meet without an overlap; runs do not.
    if said.most is None and ground.overlap(stream) >= unit:
        left = "both ends are" if said.until else "the start is"
        return passed(f"{left} left out; the overlap of {ground.overlap(stream)} brings such a record")
    return failed(
        f"{middle.key}, changed at {at.isoformat()}, is in neither of two windows that meet there",
        "Give window: an overlap in the spec, and ask the vendor how the ends are compared.",
    )


def empty_window(ground: Ground, stream: str) -> Verdict:
    """A stretch of time without records is answered with none, not with an error and not with others."""
    said = ground.stream(stream).window
    if said is None or not said.since:
        return skipped("the peer is asked for no window")
    now = max(ground.connector.clock(), ground.window(stream).until) + timedelta(days=1)
    window = LONG_AGO if said.until else Window(now, now)
    found = ground.read(stream, window)
    if found.reads:
        return failed(
            f"{len(found.reads)} records come for a stretch that has none",
            "The peer ignores the window, or reads its dates otherwise: compare window: and dates: in the spec.",
        )
    return passed("no record, no error")


def overlap(ground: Ground, stream: str) -> Verdict:
    """Two runs, the second reaching back by the spec's overlap, read together what one run over both reads."""
    if not is_windowed(ground.stream(stream)):
        return skipped("the stream is read whole each time")
    middle, whole = _middle(ground, stream), ground.walk(stream)
    if middle is None or middle.changed is None:
        return skipped("no record with a time of change in this stretch")
    if not whole.whole:
        return skipped("the stretch was cut; choose a shorter one with --since")
    cut, until = middle.changed, max(whole.window.until, middle.changed)
    start = whole.window.since
    first = ground.read(stream, Window(start if start is None else min(start, cut), cut))
    second = ground.read(stream, Window(cut - ground.overlap(stream), until))
    lost = whole.keys - first.keys - second.keys
    if lost:
        return failed(
            f"{len(lost)} of {len(whole.keys)} records are in neither of two runs, as {min(lost)}",
            "A longer overlap: in the spec mends it when the peer writes changes late; else ask the vendor.",
        )
    both = len(first.keys & second.keys)
    return passed(f"{len(first.keys)} and {len(second.keys)} records, {both} in both, none lost")


def _middle(ground: Ground, stream: str) -> Read | None:
    """The record in the middle of the stretch, by time of change."""
    dated = sorted((read for read in ground.walk(stream).reads if read.changed), key=lambda read: str(read.changed))
    return dated[len(dated) // 2] if dated else None
