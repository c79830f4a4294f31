"""The connector language: what one system's document says, as typed YAML.

One file describes one system: how it is reached, how one logs in, what each request carries, how an answer is read
and judged, which streams can be pulled and which operations called. Read aloud, it says what the vendor's document
says.

Every request, whether of a stream, an operation or a login, is written with the same words (`Request`), and every
answer is read with the same words (`Reply`); a stream adds its window and pages, an operation what it sends. A new
vendor's manner is a new `kind` or `by` beside the others, never a special case.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from connectors.templates import names_in
from connectors.times import TimeForm, problem_of

DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BUILT_IN = frozenset({"url", "login", "password", "unit", "token", "call"})


def parse_duration(value: object) -> object:
    """Seconds of `30s`, `500ms`, `5m`, `2h`, `1d`; a bare number is not accepted, since its unit would be a guess.

    >>> parse_duration("30m")
    1800.0
    """
    if isinstance(value, str):
        text = value.strip()
        for unit in sorted(DURATION_UNITS, key=len, reverse=True):
            number = text.removesuffix(unit)
            if number != text:
                try:
                    return float(number) * DURATION_UNITS[unit]
                except ValueError:
                    break
    raise ValueError(f"{value!r} is not a duration: write a number and its unit, as 500ms, 30s, 5m, 2h or 1d")


def _known_form(form: str) -> str:
    problem = problem_of(form)
    if problem:
        raise ValueError(problem)
    return form


def _known_zone(zone: str) -> str:
    if zone not in available_timezones():
        raise ValueError(f"{zone!r} is not a time zone; Viet Nam is Asia/Ho_Chi_Minh")
    return zone


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


DURATION_SCHEMA = {"type": "string", "pattern": r"^[0-9.]+ ?(ms|s|m|h|d)$", "examples": ["30s"]}
Duration = Annotated[
    float, BeforeValidator(parse_duration, json_schema_input_type=str), Field(json_schema_extra=DURATION_SCHEMA)
]
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


class Request(Part):
    """What is asked: an address under the peer's url, and the values it carries; `{placeholders}` are filled in."""

    get: str | None = Field(default=None, description="path under the peer's url, read with GET")
    post: str | None = Field(default=None, description="path under the peer's url, written with POST")
    call: str | None = Field(
        default=None, description="the peer's own name of the service or SOAP operation; {call} elsewhere"
    )
    headers: dict[str, str] = Field(
        default={}, description="HTTP headers; {name?} leaves one out when there is no value"
    )
    params: dict[str, Any] = Field(default={}, description="query of the address, or the arguments of a SOAP operation")
    form: dict[str, Any] | None = Field(default=None, description="form-encoded body")
    body: dict[str, Any] | None = Field(default=None, description="JSON body")

    def names(self) -> set[str]:
        """Names of all placeholders this request asks for."""
        return names_in([self.get, self.post, self.headers, self.params, self.form, self.body])


class Reply(Part):
    """Where an answer keeps its parts: dotted paths into JSON, local element names in XML."""

    code: str | None = Field(default=None, description="the peer's answer code; when named, a rule must name its value")
    text: str | None = Field(default=None, description="the peer's answer text")
    records: str | None = Field(default=None, description="the list of records")


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


class NoAuth(Part):
    """No login."""

    kind: Literal["none"]


class OAuth2Password(Part):
    """OAuth2 password grant: a form POST gives a bearer token with a lifetime."""

    kind: Literal["oauth2_password"]
    post: str = Field(description="path of the token service under the peer's url")
    client_id: str | None = Field(default=None, description="client of the realm; usually {extra.client_id}")
    client_secret: str | None = Field(
        default=None, description="secret of the client, where it has one: {extra.client_secret?}"
    )
    scope: str | None = None
    refresh_before: Duration = Field(default=30.0, validate_default=False, description="a token is renewed this early")


class Login(Request):
    """A login call gives a token or session that every later call carries as `{token}`."""

    kind: Literal["login"]
    token: str = Field(description="where the login's answer keeps the token")
    expires_in: str | None = Field(default=None, description="where the login's answer says how many seconds it holds")
    lifetime: Duration | None = Field(default=None, description="how long it holds, where the answer does not say")
    refresh_before: Duration = Field(default=30.0, validate_default=False, description="a token is renewed this early")

    @model_validator(mode="after")
    def _has_an_address(self) -> "Login":
        if not (self.get or self.post):
            raise ValueError("a login needs an address: post or get")
        return self


class WsseUsername(Part):
    """WS-Security UsernameToken in the SOAP header."""

    kind: Literal["wsse_username"]
    digest: bool = Field(default=True, description="PasswordDigest with Nonce and Created; false: PasswordText")


Auth = Annotated[NoAuth | OAuth2Password | Login | WsseUsername, Field(discriminator="kind")]


class NoPages(Part):
    """The whole list comes in one answer."""

    by: Literal["none"]


class NumberedPages(Part):
    """Page number and page size."""

    by: Literal["number"]
    page: str = Field(description="parameter that carries the page number")
    size: str = Field(description="parameter that carries the number of rows")
    first: Literal[0, 1] = Field(default=1, description="number of the first page")
    rows: int = Field(ge=1, le=10_000, description="rows asked for")
    order: Literal["newest_first", "oldest_first", "unsaid"] = Field(
        default="unsaid", description="newest_first stops at the window's start"
    )
    total: str | None = Field(default=None, description="where the answer says how many rows the window has")
    last: str | None = Field(default=None, description="where the answer says that this page is the last (true)")


class PagesByTime(Part):
    """Oldest change first, each page asked for from the last change of the one before: a moving list loses nothing."""

    by: Literal["time"]
    page: str = Field(description="parameter that carries the page number")
    size: str = Field(description="parameter that carries the number of rows")
    first: Literal[0, 1] = Field(default=1, description="number of the first page")
    rows: int = Field(ge=1, le=10_000, description="rows asked for")
    total: str | None = Field(default=None, description="where the answer says how many rows the window has")


Pages = Annotated[NoPages | NumberedPages | PagesByTime, Field(discriminator="by")]


class WindowSpec(Part):
    """How a stream is limited in time."""

    since: str | None = Field(default=None, description="parameter with the window's start")
    until: str | None = Field(default=None, description="parameter with the window's end")
    format: Form | None = Field(default=None, description="when the parameters are written unlike the system's dates")
    zone: Zone | None = None
    overlap: Duration = Field(
        default=1800.0, validate_default=False, description="how far a run reaches back before the last one"
    )


class Stream(Request):
    """Records that can be pulled, page by page."""

    window: WindowSpec | None = None
    pages: Pages = NoPages(by="none")
    records: str | None = Field(default=None, description="list of records: dotted path in JSON, element name in XML")
    key: str | list[str] = Field(
        description="dotted path of what tells records apart; several where one is not enough (code and receipt)"
    )
    changed: str | None = Field(default=None, description="dotted path of the time of the record's last change")
    dates: Dates | None = Field(default=None, description="when this stream writes times unlike the system")
    lists: list[str] = Field(default=[], description="XML elements that repeat: always read as a list")

    @model_validator(mode="after")
    def _pages_have_what_they_need(self) -> "Stream":
        if isinstance(self.pages, NumberedPages) and self.pages.order == "newest_first" and not self.changed:
            raise ValueError("order: newest_first needs changed: the field by which the window's start is known")
        if isinstance(self.pages, PagesByTime) and not (self.changed and self.window and self.window.since):
            raise ValueError("pages by: time needs changed: and window: {since: …}")
        return self


class Operation(Request):
    """One call that can be made by name; its own placeholders are its parameters."""

    records: str | None = Field(default=None, description="list of results: dotted path in JSON, element name in XML")
    lists: list[str] = Field(default=[], description="XML elements that repeat: always read as a list")
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
        """Names a caller must give."""
        return {name for name in self.names() if name not in BUILT_IN and not name.startswith("extra.")}


class Limits(Part):
    """How much a peer is asked; shared by everything in a process that talks to one host, the strictest wins."""

    per_second: float = Field(default=10.0, gt=0, description="requests a second")
    burst: int | None = Field(
        default=None, ge=1, description="requests that may come at once; left out: one second's worth"
    )
    parallel: int = Field(default=4, ge=1, description="requests in flight")
    connect: Duration = Field(default=10.0, validate_default=False, description="time to reach the peer")
    timeout: Duration = Field(
        default=60.0, validate_default=False, description="longest silence while an answer is awaited"
    )
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
    transport: Literal["rest", "soap"]
    wsdl: str | None = Field(default=None, description="soap: the kept WSDL, in schemas/wire or beside this file")
    dates: Dates = Dates()
    auth: Auth = NoAuth(kind="none")
    limits: Limits = Limits()
    every_call: Request = Field(default=Request(), description="what each request carries unless it says otherwise")
    reply: Reply = Field(default=Reply(), description="where each answer keeps its code, text and records")
    answers: list[Rule] = Field(
        default=[], description="the answer table; the first that matches, what is not named is held"
    )
    streams: dict[Word, Stream] = {}
    operations: dict[Word, Operation] = {}

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

    @model_validator(mode="after")
    def _soap_has_a_wsdl(self) -> "Spec":
        if self.transport == "soap" and not self.wsdl:
            raise ValueError("transport: soap needs wsdl: the name of the kept WSDL file")
        if self.transport == "rest" and isinstance(self.auth, WsseUsername):
            raise ValueError("auth kind wsse_username needs transport: soap")
        return self
