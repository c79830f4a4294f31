"""What of an account a spec uses: the fields of the connection that its placeholders and its auth kind ask for."""

from dataclasses import dataclass

from connectors.spec import Spec
from connectors.spec_auth import Basic, OAuth2Password, WsseUsername
from connectors.templates import PLACEHOLDER


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
    needed: set[str] = set()
    optional: set[str] = set()
    for text in _texts(spec.model_dump(exclude_defaults=False)):
        for names, otherwise, _ in PLACEHOLDER.findall(text):
            (optional if otherwise or "|" in names else needed).update(names.split("|"))
    if isinstance(spec.auth, Basic | OAuth2Password | WsseUsername):
        needed |= {"login", "password"}
    extra = {name.removeprefix("extra.") for name in needed if name.startswith("extra.")}
    maybe = {name.removeprefix("extra.") for name in optional if name.startswith("extra.")} - extra
    return AccountFields("login" in needed, "password" in needed, tuple(sorted(extra)), tuple(sorted(maybe)))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in _texts(inner)]
    return []
