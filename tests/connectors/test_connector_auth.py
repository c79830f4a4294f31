"""Who asks is shown as the spec says: in a header, by a token from a login over REST or SOAP, in the SOAP header."""

import base64
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from lxml import etree

from connectors import AuthRefused, ConfigError, Spec, Window, WireRequest, WireResponse, load_spec
from tests.connectors.conftest import (
    NOW,
    SECRET,
    SPECS,
    Make,
    Scripted,
    Time,
    json_answer,
    soap_answer,
    soap_fault,
    written,
)

WINDOW = Window(None, NOW)
DONE = json_answer({"items": []})
HERE = Path(__file__).parent
GATE = "{http://one.test/gate/}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"


def rest(auth: str, more: str = "") -> Spec:
    return written(f"""
        system: small
        transport: rest
        auth: {auth}
        answers: [{{status: [401, 403], then: login_again}}]
        streams: {{dossiers: {{get: list, records: items, key: id}}}}
        {more}""")


def sent(make: Make, auth: str, **peer: Any) -> WireRequest:
    double = Scripted(DONE)
    list(make(rest(auth), double, **peer).pull("dossiers", WINDOW))
    return double.requests[-1]


def test_basic_carries_login_and_password_in_utf8(make: Make) -> None:
    header = sent(make, "{kind: basic}", login="cán bộ").headers["Authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == f"cán bộ:{SECRET}"


def test_bearer_carries_the_connections_password_or_what_the_spec_names(make: Make) -> None:
    assert sent(make, "{kind: bearer}").headers["Authorization"] == f"Bearer {SECRET}"
    named = sent(make, '{kind: bearer, token: "{extra.key}"}', extra={"key": "k1"})
    assert named.headers["Authorization"] == "Bearer k1"


def test_a_key_stands_in_the_header_that_the_spec_names(make: Make) -> None:
    request = sent(make, '{kind: api_key, header: X-Api-Key, value: "{extra.app}/{password}"}', extra={"app": "a"})
    assert request.headers["X-Api-Key"] == f"a/{SECRET}"
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("auth", ["{kind: basic}", "{kind: bearer}", "{kind: api_key, header: X}"])
def test_a_refused_account_is_told_after_one_more_try(make: Make, auth: str) -> None:
    double = Scripted(json_answer({}, 401))
    with pytest.raises(AuthRefused) as caught:
        list(make(rest(auth), double).pull("dossiers", WINDOW))
    assert len(double.requests) == 2
    assert SECRET not in str(caught.value)


def test_a_connection_without_the_key_is_told_before_anything_is_sent(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(
        'system: small\ntransport: rest\nauth: {kind: bearer, token: "{extra.key}"}\n'
        "streams: {dossiers: {get: list, records: items, key: id}}\n"
    )
    double = Scripted(DONE)
    with pytest.raises(ConfigError, match=r"dossiers needs extra\.key, which the connection peer_x") as caught:
        list(make(load_spec(file), double).pull("dossiers", WINDOW))
    assert (caught.value.line, double.requests) == (3, [])


CLIENT = "{kind: oauth2_client, post: sso/token, scope: read"


def client_login(make: Make, time: Time, auth: str, **peer: Any) -> tuple[WireRequest, list[str]]:
    logins: list[WireRequest] = []
    used: list[str] = []

    def double(request: WireRequest) -> WireResponse:
        if request.url.endswith("/sso/token"):
            logins.append(request)
            return json_answer({"access_token": f"t{len(logins)}", "expires_in": 100})
        used.append(request.headers["Authorization"])
        return DONE

    connector = make(rest(auth), double, **peer)
    for seconds in (0, 69, 70):
        time.seconds = seconds
        list(connector.pull("dossiers", WINDOW))
    return logins[0], used


def test_client_credentials_travel_in_the_form_and_give_a_token_that_is_renewed_early(make: Make, time: Time) -> None:
    login, used = client_login(make, time, CLIENT + "}")
    assert parse_qs((login.body or b"").decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["user"],
        "client_secret": [SECRET],
        "scope": ["read"],
    }
    assert "Authorization" not in login.headers
    assert used == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_client_credentials_travel_as_basic_when_the_spec_says_so(make: Make, time: Time) -> None:
    login, used = client_login(make, time, CLIENT + ", send: basic}", password="p+ 1:é", login="me")
    assert parse_qs((login.body or b"").decode()) == {"grant_type": ["client_credentials"], "scope": ["read"]}
    # RFC 6749 2.3.1: each is form-encoded before it is joined.
    assert base64.b64decode(login.headers["Authorization"].removeprefix("Basic ")) == b"me:p%2B+1%3A%C3%A9"
    assert used[0] == "Bearer t1"


THREE_KEYS = """{kind: login, put: lgsp/token, token: data.token, expires_in: data.ttl,
    headers: {AppName: "{login}"}, params: {v: 2}, body: {AccessKey: "{extra.access}", SecretKey: "{password}"}}"""


def test_a_login_carries_its_own_headers_params_and_body_and_its_token_goes_where_the_spec_writes_it(
    make: Make, time: Time
) -> None:
    double = Logged({"data": {"token": "T", "ttl": "60"}})
    spec = rest(THREE_KEYS, 'every_call: {headers: {X-Token: "{token}"}, params: {t: "{token}"}}')
    connector = make(spec, double, extra={"access": "ak"})
    for seconds in (0, 29, 30):
        time.seconds = seconds
        list(connector.pull("dossiers", WINDOW))
    login = double.logins[0]
    assert (login.method, login.url) == ("PUT", "http://peer.test/base/lgsp/token?v=2")
    assert login.headers["AppName"] == "user"
    assert login.body == b'{"AccessKey":"ak","SecretKey":"%s"}' % SECRET.encode()
    assert "X-Token" not in login.headers
    assert (double.requests[0].headers["X-Token"], double.requests[0].url) == (
        "T",
        "http://peer.test/base/list?t=T",
    )
    assert len(double.logins) == 2  # 60 s less the 30 s of refresh_before


def test_a_login_may_keep_its_code_elsewhere_than_other_answers(make: Make) -> None:
    auth = '{kind: login, post: token, token: t, reply: {code: result, text: why}, body: {u: "{login}"}}'
    spec = rest(auth, "reply: {code: error_code}").model_copy(update={"answers": []})
    with pytest.raises(AuthRefused, match='code 7, "khóa tài khoản"'):
        make(spec, Logged({"result": 7, "why": "khóa tài khoản"})).exchange.log_in()


def test_a_plain_text_in_the_place_of_the_token_is_a_refused_account(make: Make) -> None:
    auth = '{kind: login, post: token, token: result.0.token, body: {u: "{login}"}}'
    spec = rest(auth, "reply: {inside: {at: message, as: json}}")
    granted = Logged({"message": '{"result": [{"token": "T"}]}'})
    assert make(spec, granted).exchange.token() == "T"
    with pytest.raises(AuthRefused, match="Sai tên đăng nhập hoặc mật khẩu"):
        make(spec, Logged({"message": "Sai tên đăng nhập hoặc mật khẩu"})).exchange.log_in()


class Logged(Scripted):
    """Answers a login with the given body, and all else with an empty list."""

    def __init__(self, token: dict[str, Any]) -> None:
        super().__init__(DONE)
        self.token = token
        self.logins: list[WireRequest] = []  # type: ignore[assignment]

    def __call__(self, request: WireRequest) -> WireResponse:
        if "token" in request.url.split("?")[0]:
            self.logins.append(request)
            return json_answer(self.token)
        return super().__call__(request)


class Gate:
    """A .NET service: Login gives tokens T1, T2, …; only the newest is accepted."""

    def __init__(self, refuse: str = "") -> None:
        self.envelopes: list[Any] = []
        self.actions: list[str] = []
        self.given = 0
        self.refuse = refuse

    def __call__(self, request: WireRequest) -> WireResponse:
        envelope = etree.fromstring(request.body or b"")
        self.envelopes.append(envelope)
        self.actions.append(request.headers["SOAPAction"])
        if request.headers["SOAPAction"] == '"http://one.test/gate/Login"':
            if self.refuse:
                return soap_fault(self.refuse, "soap:Client")
            self.given += 1
            return soap_answer(
                f'<LoginResponse xmlns="http://one.test/gate/"><LoginResult>T{self.given}</LoginResult></LoginResponse>'
            )
        token = envelope.findtext(f"{SOAP}Header/{GATE}AuthHeader/{GATE}Token")
        if token != f"T{self.given}" or self.given == 1:
            return soap_fault("Token không hợp lệ", "soap:Client")
        return soap_answer('<GetListResponse xmlns="http://one.test/gate/"><Row><Id>1</Id></Row></GetListResponse>')


@pytest.fixture
def gate(tmp_path: Path) -> Spec:
    shutil.copy(HERE / "asmx.wsdl", tmp_path / "gate.wsdl")
    file = tmp_path / "gate.yaml"
    file.write_text("""
system: gate
transport: soap
wsdl: gate.wsdl
auth:
  kind: login
  call: Login
  params: {userName: "{login}", password: "{password}"}
  token: LoginResult
every_call:
  post: Gate.asmx
  headers: {X-Unit: "{unit}"}
  soap_header: {AuthHeader: {Token: "{token}"}}
answers: [{fault: "*Token không hợp lệ*", then: login_again}]
streams:
  dossiers: {call: GetList, window: {since: fromDate, until: toDate}, records: Row, key: Id}
operations:
  bare: {call: GetList, soap_header: {}}
  wrong: {call: GetList, soap_header: {Auth: {Token: x}}}
""")
    return load_spec(file)


def test_a_token_from_a_soap_login_stands_in_the_declared_header_element(make: Make, gate: Spec) -> None:
    double = Gate()
    (page,) = make(gate, double).pull("dossiers", Window(NOW, NOW))
    assert list(page.records()) == [{"Id": "1"}]
    login, first, _, second = double.envelopes
    assert login.find(f"{SOAP}Header") is None
    (call,) = login.find(f"{SOAP}Body")
    assert {etree.QName(child).localname: child.text for child in call} == {"userName": "user", "password": SECRET}
    # The first token is refused: one forced login, the newest token.
    tokens = [envelope.findtext(f"{SOAP}Header/{GATE}AuthHeader/{GATE}Token") for envelope in (first, second)]
    assert tokens == ["T1", "T2"]
    assert [action.rsplit("/", 1)[1] for action in double.actions] == ['Login"', 'GetList"', 'Login"', 'GetList"']


def test_a_soap_request_carries_the_http_headers_of_the_spec(make: Make, gate: Spec) -> None:
    requests: list[WireRequest] = []
    double = Gate()

    def recorded(request: WireRequest) -> WireResponse:
        requests.append(request)
        return double(request)

    list(make(gate, recorded).pull("dossiers", Window(NOW, NOW)))
    assert "X-Unit" not in requests[0].headers
    assert requests[1].headers["X-Unit"] == "H38"


def test_an_operation_may_carry_no_header_element(make: Make, gate: Spec) -> None:
    double = Gate()
    with pytest.raises(AuthRefused):
        make(gate, double).call("bare")
    assert double.envelopes[1].find(f"{SOAP}Header") is None


def test_a_header_element_that_the_wsdl_does_not_declare_is_a_configuration_error(make: Make, gate: Spec) -> None:
    with pytest.raises(ConfigError, match="no header element Auth; declared: AuthHeader") as caught:
        make(gate, Gate()).call("wrong")
    assert caught.value.line == gate.line("operations", "wrong") == 19


def test_a_fault_at_the_soap_login_is_a_refused_account(make: Make, gate: Spec) -> None:
    with pytest.raises(AuthRefused, match="Sai mật khẩu"):
        make(gate, Gate(refuse="Sai mật khẩu")).exchange.log_in()


def test_a_soap_login_without_its_token_is_refused(make: Make, gate: Spec) -> None:
    with pytest.raises(AuthRefused, match="the login is refused"):
        make(gate, Scripted(soap_answer("<LoginResponse><LoginResult/></LoginResponse>"))).exchange.log_in()


def test_put_sends_a_json_body(make: Make) -> None:
    spec = rest("{kind: none}", 'operations: {change: {put: "dossiers/{code}", body: {s: "{status}"}, writes: true}}')
    double = Scripted(json_answer({}))
    make(spec, double).call("change", code="A/1", status=4)
    (request,) = double.requests
    assert (request.method, request.url, request.body) == ("PUT", "http://peer.test/base/dossiers/A%2F1", b'{"s":4}')
    assert request.headers["Content-Type"].startswith("application/json")


def test_a_signature_of_ws_security_needs_a_password_and_comes_from_the_chance_passed_in(make: Make) -> None:
    doubles = [Scripted(soap_answer("<R><tongSo>0</tongSo></R>")) for _ in range(3)]
    for double in doubles[:2]:
        list(make("viettel_onegate", double).pull("procedures", WINDOW))
    assert doubles[0].requests[0].body == doubles[1].requests[0].body
    with pytest.raises(ConfigError, match="procedures needs password") as caught:
        list(make("viettel_onegate", doubles[2], password=None).pull("procedures", WINDOW))
    assert caught.value.line == load_spec(SPECS / "viettel_onegate.yaml").line("auth")
    assert doubles[2].requests == []


def test_a_missing_value_is_told_where_the_spec_asks_for_it(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text("""\
system: small
transport: rest
every_call:
  headers: {X-Unit: "{extra.unit}"}
streams:
  dossiers:
    get: "{extra.base}/list"
    key: id
""")
    spec, double = load_spec(file), Scripted(DONE)
    for extra, line in (({"base": "b"}, 3), ({"unit": "u"}, 6)):
        with pytest.raises(ConfigError) as caught:
            list(make(spec, double, extra=extra).pull("dossiers", WINDOW))
        assert caught.value.line == line
    assert double.requests == []
