"""Cassettes: real exchanges kept as masked, readable files, and served again to tests.

A cassette is a folder with one file for each exchange and `cassette.yaml`. Nothing of a person and no secret passes
into it: each value is masked where its field or its look gives it away, free text loses its letters, and before the
folder takes its place every file is swept of every original, in whichever way it may be written.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import yaml

from connectors.cassettes.exchanges import BASE, kept, read_kept, shape_of
from connectors.cassettes.masks import HIDDEN, Masker, Shapes
from connectors.connector import Connector
from connectors.errors import ConfigError
from connectors.peer import Peer
from connectors.spec import Spec
from connectors.spec.pages import CursorPages, LinkedPages
from connectors.wire.limits import Hosts
from connectors.wire.transport import NoAnswer, Transport, WireRequest, WireResponse

__all__ = ["Cassette", "Recording", "read_cassette"]

INDEX = "cassette.yaml"
URL = "http://cassette.test"


class Recording:
    """A transport that keeps what passes through it. `finish` writes the folder; until then nothing is on the disk."""

    def __init__(self, transport: Transport, spec: Spec, peer: Peer, random: Random | None = None) -> None:
        secrets = [peer.login, peer.password, *(str(value) for value in peer.extra.values())]
        self.masker = Masker([secret for secret in secrets if secret], _cursors(spec), random)
        self._transport, self._spec, self._peer = transport, spec, peer
        self._texts: list[tuple[str, str]] = []

    def __call__(self, request: WireRequest) -> WireResponse:
        response = self._transport(request)
        url = self._peer.url.rstrip("/")
        # An endpoint may come from the connection, and is then as secret as the rest of it.
        rest = self.masker.without_secrets(request.url.removeprefix(url)) if request.url.startswith(url) else None
        asked = request if rest is None else replace(request, url=url + rest)
        exchange = kept(asked, response, url, self.masker.value)
        self._texts.append((_name(exchange.address, exchange.body), exchange.text()))
        return response

    def finish(self, folder: Path, at: datetime, streams: dict[str, dict[str, Any]]) -> list[Path]:
        """Write the cassette in place of the one that is there; gives its files."""
        fresh = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        names = []
        for number, (name, text) in enumerate(self._texts, 1):
            names.append(f"{number:03d}-{name}.http")
            (fresh / names[-1]).write_text(self.masker.swept(text), "utf-8")
        index = {
            "system": self._spec.system,
            "recorded_at": at.isoformat(),
            "unit": self._peer.unit,
            "extra": sorted(self._peer.extra),
            "streams": streams,
            "made_up": dict(sorted(self.masker.counts.items())),
        }
        (fresh / INDEX).write_text(yaml.safe_dump(index, allow_unicode=True, sort_keys=False), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
        return [folder / name for name in (*names, INDEX)]


@dataclass
class Cassette:
    """A recorded folder, served as a transport: equal requests get their answers in the recorded order, the last one
    again and again."""

    folder: Path
    index: dict[str, Any]
    shapes: Shapes
    answers: dict[str, list[WireResponse]] = field(default_factory=dict)

    def __call__(self, request: WireRequest) -> WireResponse:
        wanted = self._shape(request)
        found = self.answers.get(wanted)
        if not found:
            near = [shape for shape in self.answers if shape.partition("?")[0] == wanted.partition("?")[0]]
            recorded = "; recorded are: " + " | ".join(shape[:200] for shape in near[:3]) if near else ""
            raise NoAnswer(f"{self.folder.name} has no recording of {wanted[:300]}{recorded}")
        return found.pop(0) if len(found) > 1 else found[0]

    def connector(self, spec: Spec, clock: Callable[[], datetime] | None = None) -> Connector:
        """A connector whose peer is this cassette: at the recorded time, with an account of nobody."""
        at = datetime.fromisoformat(self.index["recorded_at"])
        peer = Peer(
            self.folder.name, URL, HIDDEN, HIDDEN, dict.fromkeys(self.index["extra"], HIDDEN), self.index["unit"]
        )
        quick = spec.limits.model_copy(update={"per_second": 10_000.0, "attempts": 1})
        return Connector(
            spec.model_copy(update={"limits": quick}),
            peer,
            clock=clock or (lambda: at),
            sleep=lambda seconds: None,
            transport=self,
            hosts=Hosts(),
            random=Random(0),
        )

    def _shape(self, request: WireRequest) -> str:
        body = (request.body or b"").decode("utf-8", errors="replace")
        return shape_of(request.method, request.url.removeprefix(URL), body, self.shapes)


def read_cassette(folder: Path, spec: Spec) -> Cassette:
    """The cassette in a folder; raises ConfigError when it is none, or of another system."""
    path = folder / INDEX
    try:
        index = yaml.safe_load(path.read_text("utf-8"))
        files = [read_kept(file) for file in sorted(folder.glob("*.http"))]
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(
            f"this is no cassette: {error}.", file=path, next_step="Record it: lienthong record <province>."
        ) from None
    if index["system"] != spec.system:
        raise ConfigError(f"it was recorded of {index['system']}, not of {spec.system}.", file=path)
    cassette = Cassette(folder, index, Shapes(_cursors(spec)))
    for file in files:
        shape = shape_of(file.method, file.address.removeprefix(BASE), file.body, cassette.shapes)
        answer = WireResponse(file.status, file.answer.replace(BASE, URL).encode(), dict(file.answer_headers))
        cassette.answers.setdefault(shape, []).append(answer)
    return cassette


def _cursors(spec: Spec) -> list[str]:
    """Names under which a page's continuation travels: masked, no walk would come to its end."""
    names: list[str] = []
    for stream in spec.streams.values():
        if isinstance(stream.pages, CursorPages):
            names += [stream.pages.cursor, stream.pages.next.rpartition(".")[2]]
        if isinstance(stream.pages, LinkedPages):
            names.append(stream.pages.next.rpartition(".")[2])
    return names


def _name(address: str, body: str) -> str:
    """A file's name: what was called."""
    called = re.search(r"Body[^>]*>\s*<(?:\w+:)?(\w+)", body)
    parts = [part for part in address.partition("?")[0].split("/")[1:] if part and not re.search(r"\d{3}", part)]
    last = called.group(1) if called else parts[-1] if parts else ""
    return re.sub(r"[^\w-]+", "-", last).strip("-")[:40] or "exchange"
