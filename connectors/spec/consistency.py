"""What the keys of a spec say to one another: placeholders that something fills, addresses, operations that exist.

The models know each key by itself; here the file is read as a whole.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.errors import ConfigError
from connectors.spec import Operation, Piece, SequenceStep, Spec, Stream
from connectors.spec.auth import SIGNED, Hmac, Login
from connectors.spec.explain import KeyPath, near
from connectors.spec.pages import Queue
from connectors.spec.templates import names_in
from connectors.spec.words import BUILT_IN, Part, Request
from connectors.wire.login import TokenAuth

CONNECTION = BUILT_IN - {"token", "call"}
BODIES = ("body", "form", "multipart")
ADDRESSES = ("get", "post", "put")
FILLED = (*ADDRESSES, *BODIES, "headers", "params", "soap_header")


def problems_of(spec: Spec) -> Iterator[ConfigError]:
    """Everything that cannot be meant, each with its line."""
    return _Reader(spec).problems()


class _Reader:
    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.gives_token = isinstance(spec.auth, TokenAuth)

    def problems(self) -> Iterator[ConfigError]:
        spec = self.spec
        yield from self.auth()
        yield from self.texts(("tls",), spec.tls.model_dump(), CONNECTION)
        yield from self.request(("every_call",), spec.every_call, BUILT_IN)
        for name, stream in spec.streams.items():
            yield from self.stream(("streams", name), stream)
        for name, operation in spec.operations.items():
            yield from self.operation(("operations", name), operation)
        for name, steps in spec.sequences.items():
            for index, step in enumerate(steps):
                yield from self.step(("sequences", name, str(index)), step)

    def auth(self) -> Iterator[ConfigError]:
        auth = self.spec.auth
        if isinstance(auth, Login):
            yield from self.request(("auth",), auth, BUILT_IN - {"token"})
        elif isinstance(auth, Hmac):
            yield from self.texts(("auth", "key"), auth.key, CONNECTION)
            yield from self.texts(("auth", "signs"), auth.signs, CONNECTION | SIGNED - {"signature"})
            yield from self.texts(("auth", "headers"), auth.headers, CONNECTION | SIGNED)
            if "signature" not in names_in(auth.headers):
                yield self.wrong(("auth", "headers"), "no header carries {signature}", "Add it to one of them.")
        else:
            yield from self.texts(("auth",), auth.model_dump(), CONNECTION)

    def stream(self, place: KeyPath, stream: Stream) -> Iterator[ConfigError]:
        yield from self.request(place, stream, BUILT_IN)
        yield from self.address(place, stream)
        for name, piece in stream.parts.items():
            yield from self.piece((*place, "parts", name), piece)
        if isinstance(stream.pages, Queue):
            where = (*place, "pages", "acknowledge")
            found = self.spec.operations.get(stream.pages.acknowledge)
            if found is None:
                yield self.unknown(where, stream.pages.acknowledge)
            elif not found.required <= {"keys"} <= found.parameters:
                yield self.wrong(
                    where,
                    f"{stream.pages.acknowledge} must take {{keys}}, the keys of a landed page, and nothing else; it "
                    f"takes {_listed(found.parameters)}",
                )

    def piece(self, place: KeyPath, piece: Piece) -> Iterator[ConfigError]:
        yield from self.request(place, piece, BUILT_IN | {"keys"}, prefixes=("record",))
        names = piece.names()
        per_record = sorted(name for name in names if name.split(".")[0] == "record")
        if piece.batch is None and "keys" in names:
            yield self.wrong(place, "{keys} needs key: and batch:", "key: where each result keeps its record's key.")
        elif piece.batch is not None and per_record:
            yield self.wrong(
                place, f"with batch: many records are asked for at once, and {{{per_record[0]}}} is of one"
            )
        elif piece.batch is not None and "keys" not in names:
            yield self.wrong(place, "with key: and batch: the request needs {keys}, the keys of the records it is for")
        elif piece.batch is None and not per_record:
            yield self.wrong(
                place,
                "the request does not say which record it is for",
                "Use {record.…}, or {keys} with key: and batch:.",
            )
        yield from self.address(place, piece)

    def operation(self, place: KeyPath, operation: Operation) -> Iterator[ConfigError]:
        yield from self.request(place, operation, None)
        yield from self.address(place, operation)
        example = operation.example
        if example is not None and not operation.required <= set(example) <= operation.parameters:
            rest = operation.parameters - operation.required
            wanted = f"{_listed(operation.required)}, and may give {_listed(rest)}" if rest else ""
            yield self.wrong(
                (*place, "example"), f"example must give {wanted or f'exactly {_listed(operation.required)}'}"
            )
        for name in operation.gives:
            if name in BUILT_IN or name == "extra":
                yield self.wrong(
                    (*place, "gives", name), f"{{{name}}} is a value of the connection", "Choose another name."
                )

    def step(self, place: KeyPath, step: SequenceStep) -> Iterator[ConfigError]:
        operations = self.spec.operations
        for key, name in (("do", step.do), ("probe", step.probe)):
            if name is not None and name not in operations:
                yield self.unknown((*place, key), name)
        done, probe = operations.get(step.do), operations.get(step.probe or "")
        if done is not None and (step.each is not None) != ("item" in done.parameters):
            what = (
                f"{step.do} has no {{item.…}}: it would be called the same for each of {step.each}"
                if step.each
                else f"{step.do} needs each: the list of which it takes {{item.…}}"
            )
            yield self.wrong((*place, "each" if step.each else "do"), what)
        if probe is not None and probe.writes:
            yield self.wrong((*place, "probe"), f"{step.probe} writes; a probe only looks")
        if done is not None and probe is not None and (lacking := set(done.gives) - set(probe.gives)):
            yield self.wrong(
                (*place, "probe"),
                f"{step.probe} does not give {_listed(lacking)}, which later steps take from {step.do}",
                "A probe that finds the call must give what its answer would have given.",
            )

    def address(self, place: KeyPath, part: Request) -> Iterator[ConfigError]:
        common = self.spec.every_call
        soap = self.spec.transport == "soap"
        has_path = any(getattr(request, name) for request in (part, common) for name in ADDRESSES)
        if not soap and not has_path:
            yield self.wrong(place, "get, post or put is missing: the path under the peer's url")
        elif soap and not (part.call and has_path):
            yield self.wrong(place, "call (the SOAP operation) and post (here or under every_call) are needed")

    def request(
        self, place: KeyPath, request: Request, known: frozenset[str] | None, prefixes: tuple[str, ...] = ()
    ) -> Iterator[ConfigError]:
        """Placeholders and words of one request; `known` None: its own names are its parameters."""
        soap = self.spec.transport == "soap" and not (isinstance(request, Login) and request.call is None)
        addresses = [name for name in ADDRESSES if getattr(request, name) is not None]
        bodies = [name for name in BODIES if getattr(request, name) is not None]
        if len(addresses) > 1:
            yield self.wrong((*place, addresses[1]), f"{' and '.join(addresses)}: a request has one address")
        if len(bodies) > 1:
            yield self.wrong((*place, bodies[1]), f"{' and '.join(bodies)}: a request has one kind of body")
        if bodies and addresses == ["get"]:
            yield self.wrong((*place, bodies[0]), "a get carries no body", "Write its values under params.")
        if soap and bodies:
            yield self.wrong((*place, bodies[0]), "a SOAP operation has arguments, no body", "Write them under params.")
        if not soap and request.soap_header is not None:
            yield self.wrong((*place, "soap_header"), "soap_header needs transport: soap")
        for name in addresses:
            if found := re.search(r"\{[^{}]*\?(:text)?\}", str(getattr(request, name))):
                yield self.wrong(
                    (*place, name),
                    f"an address cannot leave out {found.group()}",
                    "Write {name}, or {name=…} with what stands there then.",
                )
        for name in FILLED:
            yield from self.texts((*place, name), getattr(request, name), known, prefixes)

    def texts(
        self, place: KeyPath, value: Any, known: frozenset[str] | None, prefixes: tuple[str, ...] = ()
    ) -> Iterator[ConfigError]:
        """The placeholders in every text under a key."""
        if isinstance(value, Part):
            value = value.model_dump()
        if isinstance(value, Mapping):
            for key, item in value.items():
                yield from self.texts((*place, str(key)), item, known, prefixes)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self.texts((*place, str(index)), item, known, prefixes)
        for name in sorted(names_in(value)) if isinstance(value, str) else ():
            if name == "token" and (known is None or "token" in known) and not self.gives_token:
                yield self.wrong(
                    place,
                    f"nothing gives {{token}}: auth is of kind {self.spec.auth.kind}",
                    "A login or an oauth2 kind gives one; a fixed token is {password} or {extra.…}.",
                )
            elif known is not None and name not in known and name.split(".")[0] not in ("extra", *prefixes):
                match = near(name, sorted(known)) or _near_dotted(name, ["extra", *prefixes])
                names = [*sorted(known), "extra.…", *(f"{prefix}.…" for prefix in prefixes)]
                yield self.wrong(
                    place,
                    f"the placeholder {{{name}}} is not known",
                    f"Did you mean {{{match}}}?" if match else f"Known: {', '.join(names)}.",
                )

    def unknown(self, place: KeyPath, name: str) -> ConfigError:
        match = near(name, list(self.spec.operations))
        known = ", ".join(sorted(self.spec.operations)) or "none"
        step = f"Did you mean {match!r}?" if match else f"There are: {known}."
        return self.wrong(place, f"there is no operation {name!r}", step)

    def wrong(self, place: KeyPath, what: str, next_step: str = "") -> ConfigError:
        return ConfigError(
            f"{what}.", file=self.spec.file, line=self.spec.line(*place), key=".".join(place), next_step=next_step
        )


def _near_dotted(name: str, known: list[str]) -> str | None:
    """A dotted name whose first part is nearly a known one."""
    first, dot, rest = name.partition(".")
    match = near(first, known) if dot else None
    return f"{match}.{rest}" if match else None


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
