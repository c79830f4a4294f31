"""The words every part of a connector spec is written with: durations, time forms, a request, a reply, a rule.

Every request, whether of a stream, an operation or a login, is written with `Request`, and every answer is read with
`Reply`.
"""

from functools import cache
from itertools import zip_longest
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connectors.spec.templates import names_in, needed_in
from connectors.spec.times import TimeForm, problem_of
from schemas.durations import DURATION_SCHEMA, parse_duration

BUILT_IN = frozenset({"url", "login", "password", "unit", "token", "call"})
"""Placeholders that every request may use, besides `extra.…` of the connection."""


def _known_form(form: str) -> str:
    problem = problem_of(form)
    if problem:
        raise ValueError(problem)
    return form


_zones = cache(available_timezones)
"""Looked for once: six hundred files of two folders."""


def _known_zone(zone: str) -> str:
    if zone not in _zones():
        raise ValueError(f"{zone!r} is not a time zone; Viet Nam is Asia/Ho_Chi_Minh")
    return zone


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _longer_than_nothing(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("it must be longer than nothing")
    return seconds


Duration = Annotated[
    float, BeforeValidator(parse_duration, json_schema_input_type=str), Field(json_schema_extra=DURATION_SCHEMA)
]
SomeTime = Annotated[Duration, AfterValidator(_longer_than_nothing)]
"""A duration that cannot be zero: a time limit, or the length of a window."""
Form = Annotated[str, AfterValidator(_known_form)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Verdict = Literal["done", "exists", "not_found", "login_again", "retry", "hold"]


class Part(BaseModel):
    """A piece of a spec: unknown keys are errors, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Dates(Part):
    """How the system writes times, unless a stream says otherwise."""

    format: Form = Field(default="iso", description="iso, epoch_ms, epoch_s, or a pattern such as dd/MM/yyyy HH:mm:ss")
    zone: Zone = Field(default="Asia/Ho_Chi_Minh", description="zone of times that carry none")

    def form(self) -> TimeForm:
        return TimeForm(self.format, ZoneInfo(self.zone))


class FilePart(Part):
    """A file in a multipart body."""

    name: str = Field(description="file name, usually {name}")
    content: str = Field(description="placeholder of the content: bytes")
    type: str = Field(default="application/octet-stream", description="media type")


class Request(Part):
    """What is asked: an address under the peer's url, and the values it carries; `{placeholders}` are filled in."""

    get: str | None = Field(default=None, description="path under the peer's url, read with GET")
    post: str | None = Field(default=None, description="path under the peer's url, written with POST")
    put: str | None = Field(default=None, description="path under the peer's url, written with PUT")
    call: str | None = Field(
        default=None, description="the peer's own name of the service or SOAP operation; {call} elsewhere"
    )
    headers: dict[str, str] = Field(
        default={}, description="HTTP headers; {name?} leaves one out when there is no value"
    )
    params: dict[str, Any] = Field(default={}, description="query of the address, or the arguments of a SOAP operation")
    form: dict[str, Any] | None = Field(default=None, description="form-encoded body")
    body: dict[str, Any] | None = Field(default=None, description="JSON body")
    multipart: dict[str, str | FilePart] | None = Field(
        default=None, description="multipart/form-data body: plain values, and files with name, content and type"
    )
    soap_header: dict[str, Any] | None = Field(
        default=None, description="SOAP header elements that the WSDL declares, by their names"
    )

    def names(self) -> set[str]:
        """Names of all placeholders this request asks for."""
        return names_in(self._written())

    def needed(self) -> set[str]:
        """Names of the placeholders without which it cannot be sent."""
        return needed_in(self._written())

    def _written(self) -> list[Any]:
        parts = [part if isinstance(part, str) else part.model_dump() for part in (self.multipart or {}).values()]
        texts = [self.get, self.post, self.put, self.headers, self.params, self.form, self.body, self.soap_header]
        return [*texts, *parts]


class Inside(Part):
    """An answer inside an answer: where it stands and what it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)

    at: str | None = Field(
        default=None, description="dotted path in JSON, element name in XML; left out: the whole of what was opened"
    )
    form: Literal["json", "xml", "diffgram", "base64", "file"] = Field(
        alias="as",
        description="json, xml, diffgram (the rows of a .NET DataSet), base64 (of what the next line opens), "
        "file (bytes that are not opened)",
    )
    may_be_empty: bool = Field(
        default=False, description="nothing in this place means that there are no records; else the answer is not read"
    )


class Reply(Part):
    """Where an answer keeps its parts: dotted paths into JSON, local element names in XML."""

    inside: Annotated[list[Inside], BeforeValidator(_as_list)] = Field(
        default=[], description="what must be opened first, from the outside in; text in its place is the answer's text"
    )
    code: str | None = Field(default=None, description="the peer's answer code; when named, a rule must name its value")
    text: str | None = Field(default=None, description="the peer's answer text")
    records: str | None = Field(default=None, description="the list of records")

    @model_validator(mode="after")
    def _base64_is_of_something(self) -> "Reply":
        for step, following in zip_longest(self.inside, self.inside[1:]):
            if step.form == "base64" and (following is None or following.at is not None):
                raise ValueError("as: base64 needs a next line without at: what the decoded bytes are")
            if step.form == "file" and following is not None:
                raise ValueError("as: file is not opened: nothing comes after it")
        if self.inside and self.inside[0].form == "file" and self.inside[0].at is not None:
            raise ValueError("a file under at: is written in base64: [{at: …, as: base64}, {as: file}]")
        return self

    @property
    def is_file(self) -> bool:
        """The whole answer is a file, as it is."""
        return len(self.inside) == 1 and self.inside[0].form == "file"


class Rule(Part):
    """One line of the answer table: all conditions that are given must hold, then the verdict stands."""

    status: Annotated[list[int] | None, BeforeValidator(_as_list)] = Field(default=None, description="HTTP status")
    code: Annotated[list[int | str] | None, BeforeValidator(_as_list)] = Field(
        default=None, description='answer code, 0, "0" and "00" are one; none: an answer without a code'
    )
    text: Annotated[list[str] | None, BeforeValidator(_as_list)] = Field(
        default=None, description="glob on the answer's text; case does not matter, accents do"
    )
    fault: Annotated[list[str] | None, BeforeValidator(_as_list)] = Field(
        default=None, description="glob on a SOAP fault's code and text"
    )
    then: Verdict = Field(description="done, exists, not_found, login_again, retry or hold")

    @model_validator(mode="after")
    def _has_a_condition(self) -> "Rule":
        if not any((self.status, self.code, self.text, self.fault)):
            raise ValueError("a rule needs one of status, code, text, fault")
        return self
