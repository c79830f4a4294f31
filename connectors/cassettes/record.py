"""Recording a peer: the login, a few pages of each stream, each operation that only reads and has an example."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from connectors.cassettes import Recording
from connectors.connector import Connector
from connectors.errors import PeerError
from connectors.peer import Window
from connectors.survey.lookback import recent

PAGES = 3


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was kept: files, streams with the window and page size that replay them, made-up values by kind."""

    files: list[Path]
    streams: dict[str, dict[str, Any]]
    made_up: dict[str, int]


def record(
    connector: Connector,
    folder: Path,
    streams: list[str],
    *,
    records: int,
    until: datetime,
    window: Window | None = None,
    random: Random | None = None,
) -> Recorded:
    """Keep a cassette in a folder, in place of the one that is there. Raises PeerError; then nothing is written."""
    recording = Recording(connector.transport, connector.spec, connector.peer, random)
    side = connector.beside(transport=recording)
    token = side.exchange.token()
    if token:
        recording.masker.add_secret(token)
    kept: dict[str, dict[str, Any]] = {}
    for name in streams:
        asked = window or recent(connector, name, until, records, rows=max(1, records // PAGES))
        kept[name] = _stream(side, name, asked, records)
    for name, operation in connector.spec.operations.items():
        if not operation.writes and (operation.example is not None or not operation.required):
            # What the peer answers is kept, also when it is a refusal.
            with suppress(PeerError):
                side.call(name, **(operation.example or {}))
    files = recording.finish(folder, connector.clock(), kept)
    return Recorded(files, kept, {str(kind): count for kind, count in recording.masker.counts.items()})


def _stream(side: Connector, name: str, window: Window, records: int) -> dict[str, Any]:
    rows, count, whole = max(1, records // PAGES), 0, True
    for page in side.pull(name, window, rows=rows):
        count += len(page)
        whole = page.last
        if count >= records:
            break
    since = None if window.since is None else window.since.isoformat()
    return {"since": since, "until": window.until.isoformat(), "rows": rows, "records": count, "whole": whole}
