"""Talking to peers: a spec says how a system is spoken to, a connector does it. Wire in, plain records out.

`spec` is the language, `wire` what goes out, `answer` what comes back, `paging` the way from page to page; `exchange`
is one call all the way, `connector` a whole system. `survey`, `conformance` and `cassettes` look at a peer before its
province is switched on.
"""

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
from connectors.peer import Answer, CheckLine, Page, Peer, Position, Window
from connectors.spec import Spec
from connectors.spec.file import load_spec
from connectors.wire.limits import Hosts
from connectors.wire.transport import NoAnswer, NotSent, WireRequest, WireResponse

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
