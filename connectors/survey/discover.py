"""Discovering a peer: what its records hold, and for SOAP what its WSDL promises. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.connector import Connector
from connectors.errors import PeerDown
from connectors.peer import Window
from connectors.spec import Stream
from connectors.spec.file import wsdl_file
from connectors.spec.templates import names_in
from connectors.survey.fields import Profile
from connectors.survey.wsdl import Described, NoWsdl, describe

PAGE = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """The fields of a stream's first records. `total` is what the peer counts in the window, where it counts."""

    stream: str
    profile: Profile
    total: int | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """The WSDL that a SOAP peer serves now, or the kept one where it serves none."""

    described: Described
    served: bool
    used: Mapping[str, str] = field(default_factory=dict)


def sample(connector: Connector, stream: str, window: Window, records: int) -> Sample:
    """Profile at most that many records of a stream; pages are let go as they pass. Raises PeerError."""
    profile, total, ended = Profile(stream), None, True
    rows = min(records, PAGE) if connector.spec.streams[stream].window or records < PAGE else None
    for page in connector.pull(stream, window, rows=rows):
        total = page.total if total is None else total
        for record in page.records():
            profile.add(record)
            if profile.records >= records:
                break
        if profile.records >= records:
            ended = page.last and profile.records >= (page.total or 0)
            break
    return Sample(stream, profile, total, ended)


def contract(connector: Connector) -> Contract | None:
    """What the WSDL promises and which operations the spec uses; None for REST."""
    kept = wsdl_file(connector.spec)
    if connector.exchange.soap is None or kept is None:
        return None
    parts = {**connector.spec.streams, **connector.spec.operations}
    used = {part.call: name for name, part in parts.items() if part.call}
    try:
        address = connector.exchange.endpoint(connector.spec.every_call) + "?wsdl"
        return Contract(describe(connector.exchange.fetch(address, "wsdl").body), True, used)
    except (NoWsdl, PeerDown):
        return Contract(describe(kept.read_bytes()), False, used)


def paths_in_spec(stream: Stream) -> set[str]:
    """The dotted paths of a record that the spec itself reads: key, time of change, keys of its parts.

    A part's own results stand under the part's name.
    """
    paths = {stream.key} if isinstance(stream.key, str) else set(stream.key)
    if stream.changed:
        paths.add(stream.changed)
    for piece in stream.parts.values():
        asked = piece.model_dump()
        paths |= {name.removeprefix("record.") for name in names_in(asked) if name.startswith("record.")}
        paths |= set(piece.when or ())
    return paths
