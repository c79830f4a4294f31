"""Checks of a walk over a stream: nothing missing, nothing twice, in the stated order, the same again."""

from itertools import pairwise

from connectors.conformance.ground import Ground, Read, Verdict, Walk, failed, passed, skipped
from connectors.peer import Window
from connectors.spec.pages import NumberedPages, OffsetPages, PagesByTime, Queue
from connectors.survey.fields import leaves

SPEC = "Compare pages: in the spec with the vendor's document."


def paging(ground: Ground, stream: str) -> Verdict:
    """Every record is given once, as many as are counted, whatever the page size, and the walk ends."""
    large, small = ground.walk(stream), ground.small(stream)
    if not large.reads:
        return skipped("no record in this stretch of time")
    for walk in (large, small):
        given = len({(read.key, read.digest) for read in walk.reads})
        if walk.whole and walk.totals and not min(walk.totals) <= given <= max(walk.totals):
            return failed(f"{walk.totals[-1]:,} records are counted and {given:,} given", SPEC)
        twice = _twice(ground, stream, walk)
        if twice:
            return failed(f"{len(twice)} records come twice in one walk, the first is {twice[0].key}", SPEC)
    if large.whole and small.whole and large.keys != small.keys:
        return failed(
            f"in small pages {len(large.keys - small.keys)} records are missing and "
            f"{len(small.keys - large.keys)} come in addition; the first is {min(large.keys ^ small.keys)}",
            f"{SPEC} A list that is not sorted, or not by one field, loses rows between pages.",
        )
    pages = len({read.page for read in small.reads})
    said = f", all {large.totals[0]:,} that are counted" if large.totals and large.whole else ""
    old = len(_stale(large))
    olds = f"; {old} in an older version too, which is not sent" if old else ""
    return passed(f"{len(large.keys):,} records{said}; the same in {pages} pages{olds}")


def ordering(ground: Ground, stream: str) -> Verdict:
    """Records come in the order that the spec states, over all pages."""
    pages = ground.stream(stream).pages
    if isinstance(pages, PagesByTime):
        order = "oldest_first"
    elif isinstance(pages, NumberedPages | OffsetPages):
        order = pages.order
    else:
        order = "unsaid"
    if order == "unsaid":
        return skipped("the spec states no order")
    walk = ground.small(stream)
    stale = _stale(walk)
    reads = [read for number, read in enumerate(walk.reads) if read.changed and number not in stale]
    if len(reads) < 2:
        return skipped("fewer than two records with a time of change")
    # Page by page in time, rows of the last instant come once more.
    back = ground.unit(stream) if isinstance(pages, PagesByTime) else None
    for before, after in pairwise(reads):
        assert before.changed and after.changed
        step = after.changed - before.changed if order == "oldest_first" else before.changed - after.changed
        if step.total_seconds() < 0 and not (back and before.page != after.page and -step <= back):
            return failed(
                f"{after.key} ({after.changed.isoformat()}) comes behind {before.key} ({before.changed.isoformat()}), "
                f"although the spec says {order} (page {after.page})",
                "Correct order: in the spec, or ask the vendor which field the list is sorted by.",
            )
    return passed(f"{len(reads):,} records, {order.replace('_', ' ')}")


def repeatable(ground: Ground, stream: str) -> Verdict:
    """The same stretch of time read twice gives the same records with the same content."""
    first = ground.walk(stream)
    if not first.reads:
        return skipped("no record in this stretch of time")
    second = ground.read(stream, first.window)
    if not (first.whole and second.whole) and ground.stream(stream).window is None:
        return skipped("the stream is too long to be read twice")
    before, after = first.digests, second.digests
    later = {read.key: read.changed for read in second.reads}
    earlier = {read.key: read.changed for read in first.reads}
    changed = [key for key in before.keys() & after.keys() if before[key] != after[key] and later[key] == earlier[key]]
    if changed:
        fields = _differing(first, second, changed)
        return failed(
            f"{len(changed):,} of {len(before):,} records have other content, with the same time of change: {fields}",
            "Ask the vendor what fills these fields; each night would send these dossiers again.",
        )
    gone = before.keys() - after.keys()
    if gone:
        now = ground.read(stream, Window(first.window.until, max(ground.connector.clock(), first.window.until)))
        gone -= now.keys
    if gone:
        return failed(f"{len(gone):,} of {len(before):,} records are gone in the second read, as {min(gone)}", SPEC)
    moved = sum(before.get(key) != digest for key, digest in after.items())
    return passed(f"{len(after):,} records twice" + (f"; {moved} changed meanwhile" if moved else ""))


def _twice(ground: Ground, stream: str, walk: Walk) -> list[Read]:
    """Records that came a second time, beyond what the walk itself asks for again and the old versions among them."""
    said = ground.stream(stream)
    asked_again = isinstance(said.pages, PagesByTime | Queue) or (said.window is not None and said.window.most)
    stale = _stale(walk)
    seen: dict[str, Read] = {}
    twice = []
    for number, read in enumerate(walk.reads):
        before = seen.get(read.key)
        again = before is not None and not (asked_again and before.digest == read.digest and before.page != read.page)
        if again and number not in stale:
            twice.append(read)
        if number not in stale:
            seen[read.key] = read
    newest_first = isinstance(said.pages, NumberedPages | OffsetPages) and said.pages.order == "newest_first"
    # Newest first, a change while the walk goes on moves rows to the next page.
    return [] if newest_first and len(twice) <= len(walk.reads) // 100 else twice


def _stale(walk: Walk) -> set[int]:
    """The places of records of which the same walk has a newer version with other content: dirt, and no fault of the
    pages."""
    newest: dict[str, Read] = {}
    for read in walk.reads:
        known = newest.get(read.key)
        if known is None or (read.changed and known.changed and read.changed > known.changed):
            newest[read.key] = read
    return {
        number
        for number, read in enumerate(walk.reads)
        if (last := newest[read.key]).digest != read.digest
        and read.changed
        and last.changed
        and read.changed < last.changed
    }


def _differing(first: Walk, second: Walk, keys: list[str]) -> str:
    """The paths of the fields that differ in the first of these records that both walks kept."""
    for key in sorted(keys):
        ours, theirs = first.records.get(key), second.records.get(key)
        if ours is not None and theirs is not None:
            before = {(path, str(value)) for path, _, value in leaves(ours)}
            after = {(path, str(value)) for path, _, value in leaves(theirs)}
            return ", ".join(sorted({path for path, _ in before ^ after})[:5])
    return "fields of records that were not kept"
