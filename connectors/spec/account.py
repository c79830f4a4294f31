"""What of an account a spec uses: the fields of the connection that its placeholders and its auth kind ask for."""

from dataclasses import dataclass

from connectors.spec import Spec
from connectors.spec.auth import Basic, OAuth2Password, WsseUsername
from connectors.spec.templates import names_in, needed_in


@dataclass(frozen=True, slots=True)
class AccountFields:
    """Names as a connection has them; `extra` are those that must be given, `optional` those that may be."""

    login: bool
    password: bool
    extra: tuple[str, ...]
    optional: tuple[str, ...]


def account_fields(spec: Spec) -> AccountFields:
    """Which fields of its connection a spec uses.

    A placeholder with alternatives, a default or `?` asks for nothing that must be there.
    """
    written = spec.model_dump()
    needed = needed_in(written)
    optional = names_in(written) - needed
    if isinstance(spec.auth, Basic | OAuth2Password | WsseUsername):
        needed |= {"login", "password"}
    extra = {name.removeprefix("extra.") for name in needed if name.startswith("extra.")}
    maybe = {name.removeprefix("extra.") for name in optional if name.startswith("extra.")} - extra
    return AccountFields("login" in needed, "password" in needed, tuple(sorted(extra)), tuple(sorted(maybe)))
