"""Logging in: what each kind of login asks for, and where its answer keeps the token and how long it holds."""

from connectors.answer.opened import Envelope
from connectors.spec.auth import Login, OAuth2Client, OAuth2Password
from connectors.spec.words import Request

TokenAuth = OAuth2Password | OAuth2Client | Login
EXPIRES_IN = "expires_in"


def login_request(auth: TokenAuth) -> Request:
    """The call that gives the token, its values still placeholders."""
    if isinstance(auth, Login):
        return auth
    form: dict[str, str | None] = {
        "grant_type": "password" if isinstance(auth, OAuth2Password) else "client_credentials",
        "client_id": auth.client_id,
        "client_secret": auth.client_secret,
        "scope": auth.scope,
    }
    if isinstance(auth, OAuth2Password):
        form |= {"username": "{login}", "password": "{password}"}
    elif auth.send == "basic":
        form |= {"client_id": None, "client_secret": None}
    return Request(post=auth.post, form={key: value for key, value in form.items() if value is not None})


def heads_of(auth: TokenAuth) -> tuple[str, ...]:
    """What is read of the login's answer: the token, then its lifetime where the answer says one."""
    if isinstance(auth, Login):
        return (auth.token, auth.expires_in) if auth.expires_in else (auth.token,)
    return "access_token", EXPIRES_IN


def token_in(auth: TokenAuth, envelope: Envelope) -> str | None:
    """The token in an answer; None where there is none."""
    found = envelope.find(heads_of(auth)[0])
    return found if isinstance(found, str) and found else None


def lifetime_in(auth: TokenAuth, envelope: Envelope) -> float | None:
    """Seconds the token holds: as the answer says, else as the spec says; None: until the peer says no."""
    path = auth.expires_in if isinstance(auth, Login) else EXPIRES_IN
    said = envelope.find(path)
    try:
        return float(str(said))
    except ValueError:
        return auth.lifetime if isinstance(auth, Login) else None
