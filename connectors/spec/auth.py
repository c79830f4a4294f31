"""How one logs in, or signs: the kinds of `auth:` in a connector spec."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from connectors.spec.words import Duration, Part, Reply, Request

EARLY: float = 30.0
SIGNED = frozenset({"method", "path", "query", "target", "timestamp", "nonce", "body_digest", "signature"})
"""Placeholders of `auth: {kind: hmac}` besides the connection's: what is known only of the request as it leaves."""


class NoAuth(Part):
    """No login."""

    kind: Literal["none"] = Field(description="the kind of login")


class Basic(Part):
    """HTTP Basic: login and password of the connection with every request."""

    kind: Literal["basic"] = Field(description="the kind of login")


class Bearer(Part):
    """A token that was handed over once and does not expire by itself."""

    kind: Literal["bearer"] = Field(description="the kind of login")
    token: str = Field(default="{password}", description="the token, from the connection")


class ApiKey(Part):
    """A key in a header of every request."""

    kind: Literal["api_key"] = Field(description="the kind of login")
    header: str = Field(description="name of the header")
    value: str = Field(default="{password}", description="the key, from the connection")


class OAuth2Password(Part):
    """OAuth2 password grant: a form POST gives a bearer token with a lifetime."""

    kind: Literal["oauth2_password"] = Field(description="the kind of login")
    post: str = Field(description="path of the token service under the peer's url")
    client_id: str | None = Field(default=None, description="client of the realm; usually {extra.client_id}")
    client_secret: str | None = Field(
        default=None, description="secret of the client, where it has one: {extra.client_secret?}"
    )
    scope: str | None = Field(default=None, description="scope that is asked for, where the realm wants one")
    refresh_before: Duration = Field(default=EARLY, validate_default=False, description="a token is renewed this early")


class OAuth2Client(Part):
    """OAuth2 client credentials: the connection's login and password are client id and secret."""

    kind: Literal["oauth2_client"] = Field(description="the kind of login")
    post: str = Field(description="path of the token service under the peer's url")
    client_id: str = Field(default="{login}", description="client id")
    client_secret: str = Field(default="{password}", description="client secret")
    scope: str | None = Field(default=None, description="scope that is asked for, where the realm wants one")
    send: Literal["form", "basic"] = Field(
        default="form", description="where id and secret travel: in the form, or as HTTP Basic"
    )
    refresh_before: Duration = Field(default=EARLY, validate_default=False, description="a token is renewed this early")


class Login(Request):
    """A login call gives a token or session that every later call carries as `{token}`: in a header, the body or the
    SOAP header, wherever the spec writes it."""

    kind: Literal["login"] = Field(description="the kind of login")
    token: str = Field(description="where the login's answer keeps the token: dotted path, element name in XML")
    reply: Reply | None = Field(default=None, description="where the login's answer keeps its parts, if elsewhere")
    expires_in: str | None = Field(default=None, description="where the login's answer says how many seconds it holds")
    lifetime: Duration | None = Field(default=None, description="how long it holds, where the answer does not say")
    refresh_before: Duration = Field(default=EARLY, validate_default=False, description="a token is renewed this early")

    @model_validator(mode="after")
    def _has_an_address(self) -> "Login":
        if not (self.get or self.post or self.put or self.call):
            raise ValueError("a login needs an address: post, get or put, or call for a SOAP operation")
        return self


class Hmac(Part):
    """Each request is signed: a keyed digest of what `signs` says, sent in headers."""

    kind: Literal["hmac"] = Field(description="the kind of login")
    key: str = Field(default="{password}", description="the secret key, from the connection")
    algorithm: Literal["sha256", "sha512", "sha1"] = Field(
        default="sha256", description="digest of the signature and of the body"
    )
    signs: str = Field(
        description="the text that is signed, of {method} {path} {query} {target} (path?query) {timestamp} {nonce} "
        "{body_digest} (hex digest of the body) and the connection's values; \\n is a line end"
    )
    timestamp: Literal["epoch_s", "epoch_ms", "iso"] = Field(
        default="epoch_ms", description="how {timestamp} is written"
    )
    encoding: Literal["hex", "base64"] = Field(default="hex", description="how {signature} is written")
    headers: dict[str, str] = Field(description="headers that carry it, of {signature} and the values above")


class WsseUsername(Part):
    """WS-Security UsernameToken in the SOAP header."""

    kind: Literal["wsse_username"] = Field(description="the kind of login")
    digest: bool = Field(default=True, description="PasswordDigest with Nonce and Created; false: PasswordText")


class Tls(Part):
    """The client certificate and the authority of an https peer; files of the machine, named by the connection."""

    certificate: str | None = Field(default=None, description="client certificate (PEM), usually {extra.certificate}")
    key: str | None = Field(default=None, description="its private key (PEM), where it is another file")
    authority: str | None = Field(
        default=None, description="certificates that are trusted (PEM); left out: the system's"
    )


Auth = Annotated[
    NoAuth | Basic | Bearer | ApiKey | OAuth2Password | OAuth2Client | Login | Hmac | WsseUsername,
    Field(discriminator="kind"),
]
