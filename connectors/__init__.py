"""Talking to peers: a spec says how a system is spoken to, a connector does it. Wire in, plain records out."""

from connectors.connector import Connector
from connectors.errors import (
    AuthRefused,
    BadAnswer,
    ConfigError,
    ConnectorError,
    PeerBusy,
    PeerDown,
    PeerError,
    PeerFault,
    PeerRefused,
    PeerUnknown,
)
from connectors.limits import Hosts
from connectors.peer import Answer, CheckLine, Page, Peer, Position, Window
from connectors.spec import Spec
from connectors.specfile import load_spec
from connectors.transport import NoAnswer, NotSent, WireRequest, WireResponse

__all__ = [
    "Answer",
    "AuthRefused",
    "BadAnswer",
    "CheckLine",
    "ConfigError",
    "Connector",
    "ConnectorError",
    "Hosts",
    "NoAnswer",
    "NotSent",
    "Page",
    "Peer",
    "PeerBusy",
    "PeerDown",
    "PeerError",
    "PeerFault",
    "PeerRefused",
    "PeerUnknown",
    "Position",
    "Spec",
    "Window",
    "WireRequest",
    "WireResponse",
    "load_spec",
]
