"""The sentences: what went wrong on the way to a peer, where, and what to do next."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connectors.answer.envelope import Envelope, at, first_words, readable
from connectors.answer.table import Said
from connectors.errors import (
    AuthRefused,
    BadAnswer,
    ConfigError,
    PeerDown,
    PeerError,
    PeerFault,
    PeerRefused,
    PeerUnknown,
)
from connectors.peer import Answer, Peer
from connectors.spec import Spec
from connectors.spec.templates import MissingValue
from connectors.spec.words import BUILT_IN
from connectors.wire.transport import WireResponse
from schemas.records import VIET_NAM

if TYPE_CHECKING:
    from connectors.exchange import Ask, Reply

MOST_NAMES = 8
NAME = re.compile(r"[A-Za-z_][\w.$@-]{0,39}", re.ASCII)
ELEMENT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)[\s/>]")
OF_SOAP = frozenset({"Envelope", "Header", "Body"})
READ_FOR_NAMES = 4000


class Wording:
    """Makes the errors of one peer."""

    def __init__(self, spec: Spec, peer: Peer, clock: Callable[[], datetime]) -> None:
        self._spec = spec
        self._peer = peer
        self._clock = clock

    def place(self, ask: "Ask") -> dict[str, Any]:
        return {"peer": self._peer.id, "operation": ask.name, "page": ask.page}

    def down(self, ask: "Ask", what: str) -> PeerDown:
        return PeerDown(
            what,
            next_step="Check the address in the province file, the network and the VPN; then run it again.",
            **self.place(ask),
        )

    def unknown(self, ask: "Ask", why: str, response: WireResponse | None = None) -> PeerUnknown:
        return PeerUnknown(
            f"it is not known whether the call arrived: {why}.",
            next_step="It is looked up before anything is sent again.",
            status=response.status if response else None,
            raw=response.body if response else None,
            **self.place(ask),
        )

    def bad(self, ask: "Ask", what: str, response: WireResponse) -> BadAnswer:
        vendor, now = self._spec.title or self._spec.system, self._clock().astimezone(VIET_NAM)
        moved = "Where the peer has moved, write its new address in the province file. " if leads_to(response) else ""
        return BadAnswer(
            f"{what}.",
            next_step=f"The answer is kept. {moved}Ask who runs {vendor} what it answered at {now:%H:%M:%S}.",
            status=response.status,
            raw=response.body,
            **self.place(ask),
        )

    def too_large(self, ask: "Ask", why: str) -> BadAnswer:
        """An answer of which more came than is read; the same request would give the same again."""
        return BadAnswer(
            f"{why}.",
            next_step="Ask for fewer rows: a smaller rows: under pages:, or a shorter most: under window: of the spec.",
            **self.place(ask),
        )

    def unwritable(self, ask: "Ask", place: str) -> PeerError | ConfigError:
        """A value that no XML can hold: of the record that was to be sent, or of the connection."""
        if ask.name == "login":
            return ConfigError(
                f"{place} of the login holds a control character, which XML cannot carry.",
                next_step=f"Correct the value in the connection {self._peer.id}.",
            )
        return PeerRefused(
            f"nothing was sent: {place} holds a control character, which XML cannot carry.",
            next_step="Correct the value where the record comes from, or let the mapping clean it.",
            **self.place(ask),
        )

    def auth_refused(self, ask: "Ask", reply: "Reply") -> AuthRefused:
        return AuthRefused(
            f"the call is refused right after a login (HTTP {reply.response.status}{code(reply.said)}"
            f"{quoted(reply.said.fault or reply.said.text)}).",
            next_step=f"Check login, password and rights of the connection {self._peer.id}, and both clocks.",
            status=reply.response.status,
            raw=reply.response.body,
            **self.place(ask),
        )

    def login_refused(self, ask: "Ask", response: WireResponse, envelope: Envelope, said: Said) -> AuthRefused:
        why = said.text or said.fault or str(at(envelope.data, "error_description") or at(envelope.data, "error") or "")
        return AuthRefused(
            f"the login is refused (HTTP {response.status}{code(said)}{quoted(why)}).",
            next_step=f"Check login and password of the connection {self._peer.id} with the vendor.",
            status=response.status,
            **self.place(ask),
        )

    def unfit(self, ask: "Ask", reply: "Reply", why: str, next_step: str = "") -> BadAnswer:
        """An answer that can be read and is not what the spec says of it."""
        vendor = self._spec.title or self._spec.system
        return BadAnswer(
            f"{why} (HTTP {reply.response.status}).",
            next_step=next_step
            or f"The answer is kept. Compare it with the document of {vendor}, and the spec with both.",
            status=reply.response.status,
            raw=reply.response.body,
            **self.place(ask),
        )

    def no_records(self, ask: "Ask", reply: "Reply", element: str | None) -> BadAnswer:
        """An accepted answer without the records that the spec promises."""
        if reply.envelope.readable:
            return self.unfit(ask, reply, f"there is no list of records under {element or 'the top'!r}")
        promised = "JSON" if self._spec.transport == "rest" else "XML"
        return self.bad(ask, describe(reply.envelope, reply.response, promised), reply.response)

    def refused(self, ask: "Ask", reply: "Reply") -> PeerError:
        """An answer that no rule accepts: a SOAP fault, or a readable no."""
        vendor = self._spec.title or self._spec.system
        place = {**self.place(ask), "status": reply.response.status, "raw": reply.response.body}
        if reply.envelope.kind == "fault":
            return PeerFault(
                f"the peer answers with a SOAP fault{quoted(reply.envelope.fault)}.",
                next_step=f"Ask who runs {vendor}; a fault that passes by itself is named under answers: in the spec.",
                **place,
            )
        if reply.said.text or not reply.envelope.readable:
            words = quoted(reply.said.text or readable(reply.response.body))
        else:
            words = holding(reply.envelope, reply.response)
        return PeerRefused(
            f"the peer refuses ({status_of(reply.response)}{code(reply.said)}{words}).",
            next_step=f"Ask who runs {vendor} what this answer means and name it under answers: in the spec.",
            **place,
        )

    def not_acknowledged(self, answer: Answer) -> PeerRefused:
        """The peer of a queue does not take the acknowledgement of a page."""
        vendor = self._spec.title or self._spec.system
        said = f", code {answer.code}" if answer.code is not None else ""
        return PeerRefused(
            f"the peer does not take the acknowledgement (HTTP {answer.status}{said}{quoted(answer.text)}).",
            peer=self._peer.id,
            operation=answer.operation,
            status=answer.status,
            raw=answer.raw,
            next_step=f"What was landed stays and comes once more. Ask who runs {vendor} what this answer means.",
        )

    def no_value(self, ask: "Ask", missing: MissingValue) -> ConfigError:
        place, name = self._place_in_spec(ask), missing.name.replace("|", " or ")
        if missing.name.startswith("record."):
            return ConfigError(
                f"{ask.name} needs {name}, which a record on page {ask.page} does not have.",
                file=self._spec.file,
                line=self._spec.line(*place),
                key=".".join(place),
                next_step="Correct the path; where it may be missing, name what such records lack under when:.",
            )
        if place[0] == "operations" and any(
            part.split(".")[0] not in (*BUILT_IN, "extra") for part in missing.name.split("|")
        ):
            return ConfigError(
                f"{ask.name} needs {name}, which was not given.",
                file=self._spec.file,
                line=self._spec.line(*place),
                key=".".join(place),
                next_step=f"Give it a value; where it may be missing, write {{{missing.name}?}} in the spec.",
            )
        if missing.of_auth:
            place = ("auth",)
        elif place != ("auth",) and not set(missing.name.split("|")) & ask.request.names():
            place = ("every_call",)
        return ConfigError(
            f"{ask.name} needs {name}, which the connection {self._peer.id} does not give.",
            file=self._spec.file,
            line=self._spec.line(*place),
            next_step="Add it to the connection: login and password are its own fields, extra.… stands in its extra.",
        )

    def _place_in_spec(self, ask: "Ask") -> tuple[str, ...]:
        """The keys under which the spec writes what is asked: a stream or one of its parts, an operation, else the
        login."""
        name, _, part = ask.name.partition(".")
        if name in self._spec.streams:
            return ("streams", name, "parts", part) if part else ("streams", name)
        return ("operations", name) if name in self._spec.operations else ("auth",)

    def wrong_arguments(self, ask: "Ask", call: str | None, error: Exception) -> ConfigError:
        return ConfigError(
            f"the kept WSDL knows no such call of {call}: {error}.",
            file=self._spec.file,
            line=self._spec.line(*self._place_in_spec(ask)),
            next_step=f"Compare the spec with {self._spec.wsdl}.",
        )


def describe(envelope: Envelope, response: WireResponse, promised: str) -> str:
    """What an answer is instead of the JSON or XML that was promised."""
    status = status_of(response)
    if envelope.kind == "empty":
        return f"the answer is empty ({status})"
    if envelope.kind == "broken":
        return f"the answer breaks off or is not {promised} ({status}; {envelope.words})"
    names = {"html": "HTML", "text": "plain text", "fault": "a SOAP fault"}
    name = names.get(envelope.kind)
    if name is None:
        return status + quoted(envelope.words)
    return f"the answer is {name}, not {promised} ({status}{quoted(envelope.words)})"


def status_of(response: WireResponse) -> str:
    """The status, and of a redirect that was not followed the host it leads to."""
    there = leads_to(response)
    return f"HTTP {response.status}" + (f", a redirect to {there} that is not followed" if there else "")


def leads_to(response: WireResponse) -> str:
    """Scheme, host and port of a redirect: its path and query may hold secrets. "" where there is none."""
    if not 300 <= response.status < 400:
        return ""
    try:
        there = urlsplit(response.header("Location") or "")
        host, port = there.hostname, there.port
    except ValueError:
        return "what is no address"
    return "" if host is None else f"{there.scheme or 'http'}://{host}" + (f":{port}" if port else "")


def holding(envelope: Envelope, response: WireResponse) -> str:
    """The names at the top of a readable answer that says nothing in words: its values may be a person's."""
    if envelope.kind == "soap":
        found = [name.decode() for name in ELEMENT.findall(response.body[:READ_FOR_NAMES])]
        names = [name for name in dict.fromkeys(found) if name not in OF_SOAP]
    elif isinstance(envelope.data, Mapping):
        names = [str(name) for name in envelope.data]
    else:
        return "; a list" if isinstance(envelope.data, list) else "; one value"
    said = [name for name in names if NAME.fullmatch(name)]
    return f"; it holds {', '.join(said[:MOST_NAMES])}{', …' if len(said) > MOST_NAMES else ''}" if said else ""


def quoted(words: str | None) -> str:
    return f', "{first_words(words)}"' if words else ""


def code(said: Said) -> str:
    return f", code {said.code}" if said.code is not None else ""
