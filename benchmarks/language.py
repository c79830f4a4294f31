"""What the spec language costs: the same pages read by the spec and by a reader written by hand, in turn.

`python -m benchmarks.language JSON` with {home, config, kind, slug, rows}; prints {records, rounds: [[spec, by hand],
...]} in seconds as JSON. Ends with an error when the two do not give the same records.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from lxml import etree

from benchmarks import by_hand, race
from benchmarks.ground import PROVINCES, Ground
from connectors import Connector, Window
from connectors.spec.file import wsdl_file
from hub.config import BASE, Settings, load_province
from hub.context import source_of
from hub.messages import STREAM

ROUNDS = 5
Pages = Iterator[list[dict[str, Any]]]


def main(given: dict[str, Any]) -> None:
    settings = Settings(Path(given["home"]), (Path(given["config"]), BASE))
    province = load_province(settings, given["slug"])
    source = source_of(settings, province)
    readers: list[Callable[[], Pages]] = [lambda: _by_spec(source), lambda: _by_hand(source, given)]
    warm = [[record for page in read() for record in page] for read in readers]
    if warm[0] != warm[1]:
        raise SystemExit(f"the readers differ: {len(warm[0])} records by the spec, {len(warm[1])} by hand")
    count = len(warm[0])
    del warm
    rounds = []
    for number in range(ROUNDS):
        # Who goes first alternates: what the machine does meanwhile hits both.
        order = (0, 1) if number % 2 == 0 else (1, 0)
        seconds = {place: _timed(readers[place]) for place in order}
        rounds.append([seconds[0], seconds[1]])
    print(json.dumps({"records": count, "rounds": rounds}))


def ratio(rounds: Sequence[Sequence[float]]) -> float:
    """How many times as long the spec takes as the reader by hand: the median of the rounds.

    >>> ratio([(1.1, 1.0), (3.0, 1.0), (1.0, 1.0)])
    1.1
    """
    return median(spec / hand for spec, hand in rounds)


def summary(said: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What latest.json holds: `language`, the ratios; `language_us`, microseconds a record in the best round."""
    best = {
        kind: {
            name: round(min(one[place] for one in found["rounds"]) / found["records"] * 1e6, 1)
            for place, name in enumerate(("spec", "by_hand"))
        }
        for kind, found in said.items()
    }
    return {"language": {kind: round(ratio(found["rounds"]), 2) for kind, found in said.items()}, "language_us": best}


def measure(place: Ground) -> dict[str, Any]:
    """Both systems, each in a process of its own; the pages must have been recorded."""
    said = {}
    for kind, slug in PROVINCES.items():
        given = {
            "home": str(place.home),
            "config": str(place.home / "config"),
            "kind": kind,
            "slug": slug,
            "rows": place.rows(kind),
        }
        said[kind] = race.said([sys.executable, "-m", "benchmarks.language", json.dumps(given)])
    return summary(said)


def _by_spec(source: Connector) -> Pages:
    for page in source.pull(STREAM, Window(None, datetime.now(UTC))):
        yield list(page.records())


def _by_hand(source: Connector, given: dict[str, Any]) -> Pages:
    peer = source.peer
    account = {"login": peer.login, "password": peer.password, "extra": peer.extra}
    if given["kind"] == "rest":
        return by_hand.read_rest(peer.url, account, given["rows"])
    wsdl = wsdl_file(source.spec)
    assert wsdl is not None
    return by_hand.read_soap(peer.url, account, given["rows"], str(etree.parse(wsdl).getroot().get("targetNamespace")))


def _timed(read: Callable[[], Pages]) -> float:
    """Seconds for all pages; each is let go before the next is read, as a hub does."""
    gc.collect()
    begun = time.perf_counter()
    for _ in read():
        pass
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
