"""Specs written in a test: one stream of a REST or SOAP system, with the words the test is about."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors import Spec, WireRequest


def rest_spec(stream: dict[str, Any], **system: Any) -> Spec:
    """A REST system with one stream `rows`, whose records have `id` and `changed`, under `rows` of the answer."""
    own = {"get": "rows", "records": "rows", "key": "id", "changed": "changed", **stream}
    return Spec.model_validate(
        {"system": "invented", "transport": "rest", "auth": {"kind": "none"}, "streams": {"rows": own}, **system}
    )


def query_of(request: WireRequest) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
