"""Checks of the session: what a wrong account and an old token are answered with."""

from dataclasses import replace
from urllib.parse import quote

from connectors.conformance.ground import Ground, Verdict, failed, passed, skipped
from connectors.connector import Connector
from connectors.errors import AuthRefused, ConnectorError, PeerDown, PeerError
from connectors.peer import Peer, Window
from connectors.spec.account import account_fields
from connectors.wire.transport import Transport, WireRequest, WireResponse


def wrong_login(ground: Ground) -> Verdict:
    """A wrong password is answered as a refused login, not as an empty list and not as a broken service.

    One attempt is made, since peers lock accounts after several.
    """
    wrong = _with_wrong_secret(ground)
    if wrong is None:
        return skipped("the spec carries no secret of an account")
    try:
        _one_call(ground.connector.beside(peer=wrong))
    except AuthRefused as refused:
        return passed(f"refused: {refused.what}")
    except PeerDown:
        raise
    except PeerError as error:
        return failed(
            f"a wrong account is answered with something else: {error.what}",
            "Name that answer under answers: with then: login_again, so that a wrong account is told as one.",
        )
    return failed(
        "a wrong password is accepted", "Ask the vendor: either nothing is protected, or it counts something else."
    )


def expired_token(ground: Ground) -> Verdict:
    """A token that the peer no longer accepts is answered so that one new login mends the call."""
    if not ground.connector.exchange.has_token:
        return skipped("every call carries the account itself; there is no token")
    spoiler = _Spoiler(ground.connector.transport)
    side = ground.connector.beside(transport=spoiler)
    token = side.exchange.token()
    assert token is not None
    spoiler.spoil(token)
    try:
        _one_call(side)
    except AuthRefused as refused:
        return failed(f"the call is refused even after a new login: {refused.what}", "Ask the vendor how tokens end.")
    except PeerDown:
        raise
    except ConnectorError as error:
        return failed(
            f"an old token is not answered as one: {error.what}",
            "Name that answer under answers: with then: login_again; without it a night stops when a token ends.",
        )
    if spoiler.left:
        return skipped("no call carries the token")
    if not spoiler.logins:
        return failed("a token that was never given is accepted", "Ask the vendor whether tokens are looked at at all.")
    if spoiler.logins > 1:
        return failed(f"{spoiler.logins} logins for one refused call", "Report this: one must be enough.")
    return passed("refused, then one new login, then answered")


def _with_wrong_secret(ground: Ground) -> Peer | None:
    """The account with its secret changed: the password, or what of `extra` stands in its place."""
    peer, fields = ground.connector.peer, account_fields(ground.spec)
    if ground.spec.auth.kind == "none":
        return None
    if fields.password and peer.password:
        return replace(peer, password=_other(peer.password))
    secret = [name for name in fields.extra if isinstance(peer.extra.get(name), str)]
    changed = {name: _other(str(peer.extra[name])) for name in secret}
    return replace(peer, extra={**peer.extra, **changed}) if changed else None


def _other(secret: str) -> str:
    return secret[::-1] + "x"


def _one_call(connector: Connector) -> None:
    """The cheapest call that needs the account: the first page of a stream, else an operation that only reads."""
    connector.exchange.log_in()
    for name in connector.spec.streams:
        now = connector.clock()
        windowed = connector.spec.streams[name].window
        both = windowed is not None and windowed.since and windowed.until
        next(connector.pull(name, Window(now, now) if both else Window(None, now), rows=1), None)
        return
    for name, operation in connector.spec.operations.items():
        if not operation.writes and (operation.example is not None or not operation.required):
            connector.call(name, **(operation.example or {}))
            return


class _Spoiler:
    """A transport that makes the token of one call wrong, and counts the logins behind it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._token = ""
        self.left = 0
        self.logins = 0

    def spoil(self, token: str) -> None:
        self._token, self.left = token, 1

    def __call__(self, request: WireRequest) -> WireResponse:
        if not self._token:
            return self._transport(request)
        wrong = _other(self._token)
        spoiled = replace(
            request,
            url=request.url.replace(quote(self._token, safe=""), wrong).replace(self._token, wrong),
            headers={name: value.replace(self._token, wrong) for name, value in request.headers.items()},
            body=None if request.body is None else request.body.replace(self._token.encode(), wrong.encode()),
        )
        if spoiled != request:
            if self.left:
                self.left -= 1
                return self._transport(spoiled)
            return self._transport(request)
        response = self._transport(request)
        if not self.left and not self.logins:
            self.logins += 1
        return response
