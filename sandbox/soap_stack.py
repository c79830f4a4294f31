"""spyne, made importable on every Python of the project.

spyne 2.14 takes `parse_header` from the standard library's `cgi`, which warns from 3.11 on and is gone in 3.13.
"""

import sys
import types
import warnings
from email.message import Message

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        import cgi  # noqa: F401
    except ModuleNotFoundError:

        def _parse_header(line: str) -> tuple[str, dict[str, str]]:
            message = Message()
            message["content-type"] = line
            pairs = message.get_params() or [("", "")]
            return pairs[0][0], dict(pairs[1:])

        stand_in = types.ModuleType("cgi")
        stand_in.parse_header = _parse_header  # type: ignore[attr-defined]
        sys.modules["cgi"] = stand_in

    from spyne import const

    # After a call it collects garbage, at most once a second, to close files that these services do not have: in a
    # large process that takes longer than the call.
    const.MIN_GC_INTERVAL = float("inf")

    from spyne import Application, Array, ComplexModel, DateTime, Integer, ServiceBase, Unicode, rpc
    from spyne.model.fault import Fault
    from spyne.protocol.soap import Soap11
    from spyne.server.wsgi import WsgiApplication

__all__ = [
    "Application",
    "Array",
    "ComplexModel",
    "DateTime",
    "Fault",
    "Integer",
    "ServiceBase",
    "Soap11",
    "Unicode",
    "WsgiApplication",
    "rpc",
]
