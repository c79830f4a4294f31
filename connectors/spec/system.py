"""The connector language: what one system's document says, as typed YAML.

One file describes one system: how it is reached, how one logs in, what each request carries, how an answer is read
and judged, which streams can be pulled and which operations called, in which order a dossier is handed over. Read
aloud, it says what the vendor's document says.

A stream adds its window and pages to a request, an operation what it sends. A new vendor's manner is a new `kind`,
`by` or `as` beside the others, never a special case.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from connectors.spec.auth import Auth, Login, NoAuth, Tls, WsseUsername
from connectors.spec.pages import (
    LinkedPages,
    NoPages,
    NumberedPages,
    OffsetPages,
    Pages,
    PagesByTime,
    Queue,
    WindowSpec,
)
from connectors.spec.words import BUILT_IN, Dates, Duration, Part, Reply, Request, Rule, SomeTime, Verdict, Word


class Piece(Request):
    """A part of a record that another service gives: asked for each record, or for many records at once."""

    records: str | None = Field(default=None, description="list of results: dotted path in JSON, element name in XML")
    lists: list[str] = Field(default=[], description="XML elements that repeat: always read as a list")
    reply: Reply | None = Field(default=None, description="where this service's answer keeps its parts, if elsewhere")
    take: Literal["list", "one", "merge"] = Field(
        default="list", description="put in as a list, as its first result, or merge that result into the record"
    )
    when: dict[str, Any] | None = Field(
        default=None, description="asked only for records in which these paths have these values"
    )
    key: str | None = Field(
        default=None, description="for many at once: dotted path in each result of the record's key it belongs to"
    )
    batch: int | None = Field(default=None, ge=1, le=1000, description="for many at once: most records in one call")

    @model_validator(mode="after")
    def _key_and_batch(self) -> "Piece":
        if (self.key is None) != (self.batch is None):
            raise ValueError("key and batch go together: {keys} in the request are the keys of at most batch records")
        return self


class Stream(Request):
    """Records that can be pulled, page by page."""

    window: WindowSpec | None = Field(default=None, description="how it is limited in time; left out: not at all")
    pages: Pages = Field(default=NoPages(by="none"), description="how it is walked; left out: one answer has all")
    records: str | None = Field(default=None, description="list of records: dotted path in JSON, element name in XML")
    key: str | list[str] = Field(
        description="dotted path of what tells records apart; several where one is not enough (code and receipt)"
    )
    changed: str | None = Field(default=None, description="dotted path of the time of the record's last change")
    dates: Dates | None = Field(default=None, description="when this stream writes times unlike the system")
    lists: list[str] = Field(default=[], description="XML elements that repeat: always read as a list")
    reply: Reply | None = Field(default=None, description="where this stream's answer keeps its parts, if elsewhere")
    parts: dict[Word, Piece] = Field(
        default={}, description="parts of a record that other services give, by the name under which they are put in"
    )
    hook: str | None = Field(
        default=None, description="Python function, module:name, that is given each record and gives the one to use"
    )

    @model_validator(mode="after")
    def _pages_have_what_they_need(self) -> "Stream":
        newest_first = isinstance(self.pages, NumberedPages | OffsetPages) and self.pages.order == "newest_first"
        if newest_first and not self.changed:
            raise ValueError("order: newest_first needs changed: the field by which the window's start is known")
        if isinstance(self.pages, PagesByTime) and not (self.changed and self.window and self.window.since):
            raise ValueError("pages by: time needs changed: and window: {since: …}")
        by_time = newest_first or isinstance(self.pages, PagesByTime | Queue)
        if self.window and self.window.most is not None and by_time:
            raise ValueError("window: {most: …} does not go with pages newest_first, by: time or by: queue")
        return self


class Operation(Request):
    """One call that can be made by name; its own placeholders are its parameters."""

    records: str | None = Field(default=None, description="list of results: dotted path in JSON, element name in XML")
    lists: list[str] = Field(default=[], description="XML elements that repeat: always read as a list")
    reply: Reply | None = Field(default=None, description="where this answer keeps its parts, if elsewhere")
    gives: dict[Word, str] = Field(
        default={},
        description="values of the answer that later operations use, by the name of their placeholder: a path as in "
        "reply, or header.<name>; one that ends in ? may be missing",
    )
    result: dict[Word, str] = Field(
        default={}, description="the hub's names for the values of each result, with their dotted paths in it"
    )
    writes: bool = Field(
        default=False, description="it changes something at the peer: a time-out is unknown and never resent"
    )
    batch: int | None = Field(default=None, ge=1, description="most items of its list in one call")
    empty: Verdict = Field(default="done", description="what an accepted answer without records means")
    example: dict[str, Any] | None = Field(
        default=None, description="harmless parameters with which `check` may try it"
    )

    @property
    def parameters(self) -> set[str]:
        """Names a caller may give; of a dotted one, its first part."""
        return _of_caller(self.names())

    @property
    def required(self) -> set[str]:
        """The parameters that a caller must give."""
        return _of_caller(self.needed())


def _of_caller(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names} - BUILT_IN - {"extra"}


class SequenceStep(Part):
    """One operation of a sequence."""

    do: Word = Field(description="the operation")
    each: Word | None = Field(
        default=None, description="a list among the values: called for each item, {item.…} are its fields"
    )
    when: Word | None = Field(default=None, description="done only where this value is there and not empty")
    probe: Word | None = Field(
        default=None, description="operation that tells whether an unanswered call arrived: not_found means it did not"
    )


class Limits(Part):
    """How much a peer is asked; shared by everything in a process that talks to one host, the strictest wins."""

    per_second: float = Field(default=10.0, gt=0, allow_inf_nan=False, description="requests a second")
    burst: int | None = Field(
        default=None, ge=1, description="requests that may come at once; left out: one second's worth"
    )
    parallel: int = Field(default=4, ge=1, description="requests in flight")
    connect: SomeTime = Field(default=10.0, validate_default=False, description="time to reach the peer")
    timeout: SomeTime = Field(
        default=60.0, validate_default=False, description="longest silence while an answer is awaited"
    )
    whole: SomeTime = Field(default=900.0, validate_default=False, description="longest time for one whole answer")
    pages: int = Field(default=100_000, ge=1, description="most pages of one walk; one that goes on is an error")
    largest: int = Field(default=256, ge=1, le=256, description="largest answer, or file, that is read: megabytes")
    attempts: int = Field(default=4, ge=1, le=10, description="tries of one request, the first one counted")
    wait: Duration = Field(
        default=1.0, validate_default=False, description="pause before the second try; doubles, with jitter"
    )
    longest_wait: Duration = Field(
        default=60.0, validate_default=False, description="no pause is longer, Retry-After included"
    )
    open_after: int = Field(default=10, ge=1, description="failures in a row after which the host is left alone")
    open_for: Duration = Field(default=10.0, validate_default=False, description="how long it is left alone")


class Spec(Part):
    """One system."""

    system: Word = Field(description="name of the system, the file's name")
    title: str = Field(default="", description="the system's name for people")
    transport: Literal["rest", "soap"] = Field(description="what it speaks")
    wsdl: str | None = Field(default=None, description="soap: the kept WSDL, in schemas/wire or beside this file")
    dates: Dates = Field(default=Dates(), description="how it writes times, unless a stream says otherwise")
    auth: Auth = Field(default=NoAuth(kind="none"), description="how one logs in, or signs")
    tls: Tls = Field(default=Tls(), description="client certificate and trusted authority")
    limits: Limits = Field(default=Limits(), description="how much it is asked")
    every_call: Request = Field(default=Request(), description="what each request carries unless it says otherwise")
    reply: Reply = Field(default=Reply(), description="where each answer keeps its code, text and records")
    answers: list[Rule] = Field(
        default=[], description="the answer table; the first that matches, what is not named is held"
    )
    streams: dict[Word, Stream] = Field(default={}, description="records that can be pulled")
    operations: dict[Word, Operation] = Field(default={}, description="calls that can be made by name")
    sequences: dict[Word, list[SequenceStep]] = Field(
        default={}, description="operations in their order; what one gives, the later ones use"
    )

    _file: Path | None = PrivateAttr(None)
    _lines: Mapping[tuple[str, ...], int] = PrivateAttr({})

    @property
    def file(self) -> Path | None:
        """The file this spec was read from."""
        return self._file

    def line(self, *path: str) -> int | None:
        """Line of a key in the file, or of the nearest key above it; counts from 1."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None

    def reply_of(self, part: "Stream | Operation | Piece | Login") -> Reply:
        """Where the answer to a part keeps its code, text and records: what the part does not say is as the system
        says."""
        own = part.reply
        if own is None:
            return self.reply
        return self.reply.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})

    @model_validator(mode="after")
    def _soap_has_a_wsdl(self) -> "Spec":
        if self.transport == "soap" and not self.wsdl:
            raise ValueError("transport: soap needs wsdl: the name of the kept WSDL file")
        linked = [name for name, stream in self.streams.items() if isinstance(stream.pages, LinkedPages)]
        if self.transport == "soap" and linked:
            raise ValueError(f"pages by: link of {linked[0]} needs transport: rest")
        if self.transport == "rest" and isinstance(self.auth, WsseUsername):
            raise ValueError("auth kind wsse_username needs transport: soap")
        return self
