"""One call to a peer, all the way: token, limits, wire, envelope, answer table, and the retries that are safe.

What is repeated: a read after silence or a broken connection; anything that never left; an answer the table calls
`retry`. What is never repeated here: a write that left and was not answered by the service itself. That is
`PeerUnknown`, and only a probe tells.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from connectors.answer.charset import WrongCharset, decode, problem_of
from connectors.answer.envelope import Envelope, open_envelope
from connectors.answer.inside import file_in
from connectors.answer.table import Said, compile_rules, read_answer
from connectors.errors import ConfigError, PeerBusy, PeerError
from connectors.peer import Peer
from connectors.spec import Spec
from connectors.spec.auth import Login
from connectors.spec.file import wsdl_file
from connectors.spec.templates import MissingValue
from connectors.spec.words import Reply as ReplyWords
from connectors.spec.words import Request, Verdict
from connectors.wire.building import Builder
from connectors.wire.limits import HostClosed, Hosts
from connectors.wire.login import TokenAuth, heads_of, lifetime_in, token_in
from connectors.wire.soap import NotInWsdl, NotXmlText, Soap
from connectors.wire.tokens import Token, TokenKeeper
from connectors.wire.transport import NoAnswer, NotSent, TooLarge, Transport, WireRequest, WireResponse
from connectors.wording import Wording, describe, quoted

log = logging.getLogger("connectors")
# A gateway that says one of these may have handed the request on before it gave up.
GATEWAY_DOUBT = frozenset({408, 500, 502, 504})
TOO_MANY = 429
# With these a gateway says that the host behind it is not there.
GATEWAY_ALONE = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked: the stream's or operation's name, its request, the values of the call, window and page
    values; `reply` says where its answer keeps its parts, None: where every answer of the system does. `link` is
    the whole address, where the peer gave it."""

    name: str
    request: Request
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    paging: Mapping[str, Any] = field(default_factory=dict)
    writes: bool = False
    record: str | None = None
    lists: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    page: int | None = None
    reply: ReplyWords | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from the address that was `asked`, opened and judged; `response` is in UTF-8, `came` is not."""

    asked: str
    came: WireResponse
    response: WireResponse
    envelope: Envelope
    said: Said
    verdict: Verdict

    @property
    def recoded(self) -> bool:
        """It came in another charset than UTF-8, or named another one."""
        return self.came is not self.response


class Again(Exception):
    """The same may be asked again: `error` is raised when the attempts are used up, `pause` is what the peer asked
    for; with `all_wait` nobody asks this host meanwhile."""

    def __init__(self, error: PeerError, pause: float | None = None, *, all_wait: bool = False) -> None:
        self.error = error
        self.pause = pause
        self.all_wait = all_wait
        super().__init__(str(error))


class Exchange:
    """Calls one peer by one spec. Safe to share between threads."""

    def __init__(
        self,
        spec: Spec,
        peer: Peer,
        *,
        clock: Callable[[], datetime],
        ticks: Callable[[], float],
        sleep: Callable[[float], None],
        transport: Transport,
        hosts: Hosts,
        random: Random,
    ) -> None:
        self.spec = spec
        self.peer = peer
        self.clock = clock
        self._ticks = ticks
        self._sleep = sleep
        self._transport = transport
        self._random = random
        self._say = Wording(spec, peer, clock)
        self._host = hosts.join(_location(peer), spec.limits, ticks, sleep)
        self._judges = {needs: compile_rules(spec.answers, needs_code=needs) for needs in (False, True)}
        self._soap = _load_soap(spec)
        self._promised = "JSON" if self._soap is None else "XML"
        self._builder = Builder(spec, peer, self._soap, clock, random)
        self._tokens = self._keeper(spec)

    @property
    def say(self) -> Wording:
        """The sentences for this peer's errors."""
        return self._say

    @property
    def soap(self) -> Soap | None:
        """The kept WSDL of a SOAP system."""
        return self._soap

    def ask(self, ask: Ask) -> Reply:
        """The peer's answer, judged; raises PeerError when there is none that can be read, ConfigError before
        sending."""
        limits = self.spec.limits
        retrying = Retrying(
            stop=stop_after_attempt(limits.attempts),
            wait=self._pause,
            retry=retry_if_exception_type(Again),
            sleep=self._sleep,
            before_sleep=self._before_again,
            reraise=True,
        )
        state = _State()
        try:
            return retrying(self._once, ask, state)
        except Again as last:
            raise last.error from None

    def log_in(self) -> None:
        """Makes sure there is a token; raises as `ask` does. Nothing to do for systems without one."""
        self.token()

    @property
    def has_token(self) -> bool:
        """One logs in to this system, and calls carry what that gives."""
        return self._tokens is not None

    def token(self) -> str | None:
        """The token that calls carry now; logs in when there is none, None for systems without one."""
        if self._tokens is None:
            return None
        try:
            return self._tokens.current()
        except Again as again:
            raise again.error from None

    def fetch(self, url: str, name: str) -> WireResponse:
        """A plain GET without token, for what stands beside the service: its WSDL."""
        limits = self.spec.limits
        request = WireRequest("GET", url, connect=limits.connect, timeout=limits.timeout, whole=limits.whole)
        try:
            return self._send(request, Ask(name, Request()))
        except Again as again:
            raise again.error from None

    def no_sense(self, ask: Ask, reply: Reply, why: str) -> PeerError:
        """The error for an answer that lacks what its document promises: after a write, nobody knows what it did."""
        if ask.writes:
            return self._say.unknown(ask, why, reply.response)
        return self._say.bad(ask, f"{why} (HTTP {reply.response.status})", reply.response)

    def endpoint(self, request: Request) -> str:
        """The address a SOAP operation is posted to."""
        return self._builder.endpoint(request)

    def _once(self, ask: Ask, state: "_State") -> Reply:
        token = self._tokens.current() if self._tokens else None
        reply = self._try(ask, token)
        if reply.verdict == "login_again":
            if state.renewed:
                raise self._say.auth_refused(ask, reply)
            state.renewed = True
            if self._tokens is not None and token is not None:
                token = self._tokens.renew(token)
            reply = self._try(ask, token)
            if reply.verdict == "login_again":
                raise self._say.auth_refused(ask, reply)
        return reply

    def _try(self, ask: Ask, token: str | None) -> Reply:
        """One request and its judged answer; an answer that is no answer becomes an error here."""
        request = replace(self._build(ask, token), largest=self.spec.limits.largest * 2**20)
        came = self._send(request, ask)
        response, envelope, said = self._read(ask, came, self._soap is not None)
        verdict, named = self._judge(ask, said)
        if verdict == "retry":
            self._retry(ask, response, envelope, said)
        # A fault that the spec names is an answer; one that it does not name may come from anywhere on the way. What is
        # read must be there: a code that says "done" beside words in place of the content gives nothing.
        accepted = named and (verdict != "hold" or envelope.kind == "fault") and (verdict != "done" or ask.writes)
        if not said.readable and not accepted:
            if ask.writes and verdict != "login_again":
                raise self._say.unknown(
                    ask, f"the answer cannot be read: {describe(envelope, response, self._promised)}", response
                )
            if envelope.kind != "fault" and not (named and envelope.kind == "text" and verdict != "done"):
                raise self._say.bad(ask, describe(envelope, response, self._promised), response)
        return Reply(request.url, came, response, envelope, said, verdict)

    def _send(self, request: WireRequest, ask: Ask) -> WireResponse:
        """The response; raises Again for what may be repeated, PeerUnknown for a write that may have arrived."""
        where = _location(self.peer)
        try:
            with self._host.turn():
                response = self._transport(request)
        except HostClosed as error:
            raise self._say.down(ask, f"{error}.") from None
        except NotSent as error:
            self._host.failed(why := f"cannot be reached: {error}")
            raise Again(self._say.down(ask, f"{where} {why}.")) from None
        except TooLarge as error:
            self._host.succeeded()
            if ask.writes:
                raise self._say.unknown(ask, str(error)) from None
            raise self._say.too_large(ask, str(error)) from None
        except NoAnswer as error:
            self._host.failed(why := f"did not answer: {error}")
            if ask.writes:
                raise self._say.unknown(ask, str(error)) from None
            raise Again(self._say.down(ask, f"{where} {why}.")) from None
        if response.status in GATEWAY_ALONE and not response.header("Retry-After"):
            self._host.failed(f"answered HTTP {response.status}")
        else:
            self._host.succeeded()
        return response

    def _read(self, ask: Ask, response: WireResponse, soap: bool) -> tuple[WireResponse, Envelope, Said]:
        """The response in UTF-8, opened, and what it says."""
        where = ask.reply or self.spec.reply
        if where.is_file:
            file = file_in(response.body, response.header("Content-Type")) if response.status < 300 else None
            if file is not None:
                return response, file, read_answer(response.status, file, where)
            where = where.model_copy(update={"inside": []})
        try:
            body = decode(response.body, response.header("Content-Type"))
        except WrongCharset as wrong:
            envelope = Envelope("broken", words=str(wrong))
        else:
            response = response if body is response.body else replace(response, body=body)
            envelope = open_envelope(
                body, record=ask.record, lists=ask.lists, heads=ask.heads, soap=soap, inside=where.inside
            )
            if envelope.kind == "broken" and (problem := problem_of(body)):
                envelope = replace(envelope, words=problem)
        return response, envelope, read_answer(response.status, envelope, where)

    def _judge(self, ask: Ask, said: Said) -> tuple[Verdict, bool]:
        return self._judges[(ask.reply or self.spec.reply).code is not None](said)

    def _retry(self, ask: Ask, response: WireResponse, envelope: Envelope, said: Said) -> None:
        """Raises what an answer of class `retry` means."""
        if ask.writes and (response.status in GATEWAY_DOUBT or (not envelope.readable and response.status < 400)):
            raise self._say.unknown(ask, describe(envelope, response, self._promised), response)
        pause = self._retry_after(response)
        if pause is not None:
            self._host.pause(min(pause, self.spec.limits.longest_wait))
        words = said.text or said.fault or envelope.words
        error = PeerBusy(
            f"the peer asks to come back later (HTTP {response.status}{quoted(words)}).",
            next_step="Nothing is lost: run it again later. If it stays so, ask the vendor about the quota.",
            status=response.status,
            raw=response.body,
            **self._say.place(ask),
        )
        if pause is not None and pause > self.spec.limits.longest_wait:
            error.next_step = (
                f"It asks for a pause of {pause:.0f} s, longer than limits.longest_wait: run it again then."
            )
            raise error
        raise Again(error, pause, all_wait=response.status == TOO_MANY)

    def _build(self, ask: Ask, token: str | None) -> WireRequest:
        try:
            return self._builder.build(ask.request, ask.values, ask.paging, token, ask.link)
        except MissingValue as error:
            raise self._say.no_value(ask, error) from None
        except NotXmlText as error:
            raise self._say.unwritable(ask, str(error)) from None
        except NotInWsdl as error:
            raise self._say.wrong_arguments(ask, ask.request.call or self.spec.every_call.call, error) from None

    def _keeper(self, spec: Spec) -> TokenKeeper | None:
        auth = spec.auth
        if not isinstance(auth, TokenAuth):
            return None
        return TokenKeeper(lambda: self._log_in(auth), self._ticks, auth.refresh_before)

    def _log_in(self, auth: TokenAuth) -> Token:
        """One login; raises AuthRefused when the account is not accepted, Again when it may be tried once more."""
        where = self.spec.reply_of(auth) if isinstance(auth, Login) else self.spec.reply
        heads = (*heads_of(auth), *(name for name in (where.code, where.text) if name))
        ask = Ask("login", Request(), heads=heads, reply=where)
        try:
            wire = self._builder.login(auth)
        except MissingValue as error:
            raise self._say.no_value(ask, error) from None
        except NotXmlText as error:
            raise self._say.unwritable(ask, str(error)) from None
        except NotInWsdl as error:
            raise self._say.wrong_arguments(ask, "login", error) from None
        response, envelope, said = self._read(ask, self._send(wire, ask), self._builder.logs_in_by_soap(auth))
        verdict, named = self._judge(ask, said)
        token = token_in(auth, envelope)
        if 200 <= response.status < 300 and token and verdict in ("done", "hold"):
            lifetime = lifetime_in(auth, envelope)
            return Token(token, None if lifetime is None else self._ticks() + lifetime)
        if verdict == "retry":
            self._retry(ask, response, envelope, said)
        # A plain text is the service's own word where a rule names it, or where it stands in the place of content.
        says_no = envelope.kind == "fault" or (envelope.kind == "text" and (named or bool(where.inside)))
        if not (envelope.readable or says_no) and response.status not in (400, 401, 403):
            raise self._say.bad(ask, describe(envelope, response, self._promised), response)
        raise self._say.login_refused(ask, response, envelope, said)

    def _pause(self, state: RetryCallState) -> float:
        """Doubling pauses, each between half and all of its length; what the peer asks for wins."""
        again = state.outcome.exception() if state.outcome else None
        if isinstance(again, Again) and again.pause is not None:
            return again.pause
        limits = self.spec.limits
        longest = min(limits.wait * 2.0 ** (state.attempt_number - 1), limits.longest_wait)
        return longest * (0.5 + 0.5 * self._random.random())

    def _before_again(self, state: RetryCallState) -> None:
        again = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        if isinstance(again, Again) and again.all_wait:
            self._host.pause(pause)
        log.info("%s Trying again in %.1f s (attempt %d).", again, pause, state.attempt_number)

    def _retry_after(self, response: WireResponse) -> float | None:
        """Seconds the peer asks to wait: a number, or an HTTP date."""
        header = response.header("Retry-After")
        if not header:
            return None
        try:
            return max(0.0, float(header))
        except ValueError:
            pass
        try:
            return max(0.0, (parsedate_to_datetime(header) - self.clock()).total_seconds())
        except (TypeError, ValueError):
            return None


@dataclass(slots=True)
class _State:
    """What one `ask` remembers over its attempts."""

    renewed: bool = False


def _location(peer: Peer) -> str:
    """The host as one name, however its address is written: those who share it share its limits."""
    try:
        parts = urlsplit(peer.url)
        port = parts.port
    except ValueError:
        return peer.url
    host = parts.hostname or peer.url
    return host if port is None or port == {"http": 80, "https": 443}.get(parts.scheme) else f"{host}:{port}"


def _load_soap(spec: Spec) -> Soap | None:
    if spec.transport != "soap":
        return None
    path = wsdl_file(spec)
    if path is None:
        raise ConfigError(f"there is no file {spec.wsdl!r}.", file=spec.file, line=spec.line("wsdl"), key="wsdl")
    return Soap(path)
