"""From what is asked to the request that is sent: the spec's words filled in, over REST or SOAP, and signed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

from connectors.peer import Peer
from connectors.spec import Spec
from connectors.spec.auth import OAuth2Client, WsseUsername
from connectors.spec.templates import MissingValue, fill
from connectors.spec.words import Request
from connectors.wire.login import TokenAuth, login_request
from connectors.wire.rest import address, build_rest
from connectors.wire.signing import client_header, signed, with_headers
from connectors.wire.soap import Soap
from connectors.wire.transport import WireRequest

Values = Mapping[str, Any]


class Builder:
    """Builds the requests of one peer.

    Raises MissingValue for a placeholder without a value, NotInWsdl for a call that the kept WSDL does not have.
    """

    def __init__(
        self, spec: Spec, peer: Peer, soap: Soap | None, clock: Callable[[], datetime], random: Random
    ) -> None:
        self._spec = spec
        self._peer = peer
        self._soap = soap
        self._clock = clock
        self._random = random

    def build(
        self, own: Request, values: Values, paging: Values, token: str | None, link: str | None = None
    ) -> WireRequest:
        """A request of a stream or operation with what every call carries; `paging` are window and page values,
        `link` is the whole address where the peer gave it."""
        call = own.call or self._spec.every_call.call
        known = self._known(values, token, call)
        if self._soap is None:
            request = build_rest(self._peer, self._spec.every_call, own, self._spec.limits, known, paging, self._random)
        else:
            request = self._write_soap(self._soap, self._spec.every_call, own, call or "", known, paging)
        if link is not None:
            request = replace(request, url=link)
        try:
            if isinstance(self._spec.auth, WsseUsername):
                fill(["{login}", "{password}"], known)
            return signed(request, self._spec.auth, known, self._clock(), self._random)
        except MissingValue as error:
            raise MissingValue(error.name, of_auth=True) from None

    def login(self, auth: TokenAuth) -> WireRequest:
        """The call that gives a token; it carries nothing but its own words."""
        own = login_request(auth)
        known = self._known({}, None, own.call)
        if self.logs_in_by_soap(auth):
            assert self._soap is not None
            return self._write_soap(self._soap, Request(), own, own.call or "", known, {})
        request = build_rest(self._peer, Request(), own, self._spec.limits, known, {}, self._random)
        if isinstance(auth, OAuth2Client) and auth.send == "basic":
            return with_headers(request, client_header(auth, known))
        return request

    def logs_in_by_soap(self, auth: TokenAuth) -> bool:
        """The login is an operation of the kept WSDL, not a REST service beside it."""
        return self._soap is not None and login_request(auth).call is not None

    def endpoint(self, own: Request) -> str:
        """The address a SOAP operation is posted to."""
        path = own.post or self._spec.every_call.post or ""
        return address(self._peer, path, self._known({}, None, None), {})

    def _write_soap(
        self, soap: Soap, common: Request, own: Request, call: str, known: Values, paging: Values
    ) -> WireRequest:
        auth, limits = self._spec.auth, self._spec.limits
        header = own.soap_header if own.soap_header is not None else common.soap_header
        request = soap.build(
            self.endpoint(own),
            call,
            fill({**common.params, **own.params}, known) | dict(paging),
            header=fill(header or {}, known),
            peer=self._peer,
            security=auth if isinstance(auth, WsseUsername) else None,
            now=self._clock(),
            nonce=self._random.randbytes(16).hex(),
            connect=limits.connect,
            timeout=limits.timeout,
            whole=limits.whole,
        )
        headers = fill({**common.headers, **own.headers}, known)
        return with_headers(request, {name: str(value) for name, value in headers.items()})

    def _known(self, own: Values, token: str | None, call: str | None) -> dict[str, Any]:
        peer = self._peer
        built_in = {
            "url": peer.url,
            "login": peer.login,
            "password": peer.password,
            "unit": peer.unit,
            "extra": peer.extra,
            "token": token,
            "call": call,
        }
        return {**own, **built_in}
