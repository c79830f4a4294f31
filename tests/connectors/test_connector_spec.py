"""A spec file that is wrong says where and what was meant; the schema for editors is the language itself."""

from pathlib import Path

import pytest

from connectors import ConfigError, Connector, Hosts, Peer, load_spec
from connectors.schema import SCHEMA_FILE, schema_text
from connectors.spec.times import TimeForm
from tests.connectors.conftest import NOW, SPECS

GOOD = """\
system: small
transport: rest
auth:
  kind: oauth2_password
  post: token
  client_id: x
answers:
  - {status: 401, then: login_again}
streams:
  dossiers:
    get: dossiers
    records: items
    key: id
    pages:
      by: number
      page: p
      size: s
      rows: 10
"""


def error_of(tmp_path: Path, text: str) -> ConfigError:
    file = tmp_path / "small.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_spec(file)
    assert caught.value.file == str(file)
    assert str(caught.value).startswith(f"{file}:{caught.value.line}")
    return caught.value


def test_the_schema_file_is_what_the_models_say() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m connectors.schema"


@pytest.mark.parametrize("file", sorted(SPECS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_spec_of_ours_loads_and_is_named_as_its_file(file: Path) -> None:
    spec = load_spec(file)
    assert spec.system == file.stem
    Connector(spec, Peer("p", "http://peer.test"), hosts=Hosts())


def test_batches_and_parameters_are_read_from_the_national_spec() -> None:
    operations = load_spec(SPECS / "national_adapter.yaml").operations
    assert (operations["put_dossier"].batch, operations["put_steps"].batch) == (1, 10)
    assert operations["put_dossier"].parameters == {"updating", "dossiers"}
    assert [name for name, operation in operations.items() if operation.writes] == ["put_dossier", "put_steps"]


@pytest.mark.parametrize(
    ("wrong", "right", "line", "key", "said"),
    [
        ("recrods: items", "records: items", 12, "streams.dossiers.recrods", "Did you mean 'records'?"),
        ("  clientid: x", "  client_id: x", 6, "auth.clientid", "Did you mean 'client_id'?"),
        ("      row: 10", "      rows: 10", 18, "streams.dossiers.pages.row", "Did you mean 'rows'?"),
        ("stremas:", "streams:", 9, "stremas", "Did you mean 'streams'?"),
        ("kind: oauth2_pasword", "kind: oauth2_password", 4, "auth", "Did you mean 'oauth2_password'?"),
        ("then: log_in_again", "then: login_again", 8, "answers.0.then", "Did you mean 'login_again'?"),
        ("transport: rset", "transport: rest", 2, "transport", "Did you mean 'rest'?"),
        ("    zzz: 1\n    key: id", "    key: id", 13, "streams.dossiers.zzz", "Known here: "),
        ("      rows: many", "      rows: 10", 18, "streams.dossiers.pages.rows", "valid integer"),
        ("      rows: 0", "      rows: 10", 18, "streams.dossiers.pages.rows", "greater than or equal to 1"),
    ],
)
def test_a_wrong_word_names_line_key_and_the_nearest_right_one(
    tmp_path: Path, wrong: str, right: str, line: int, key: str, said: str
) -> None:
    error = error_of(tmp_path, GOOD.replace(right, wrong, 1))
    assert error.line == line or (key == "auth" and error.line == 3)
    assert error.key == key
    assert said in str(error)


def test_a_missing_key_names_the_place_where_it_is_missing(tmp_path: Path) -> None:
    error = error_of(tmp_path, GOOD.replace("    key: id\n", ""))
    assert (error.line, error.key) == (10, "streams.dossiers")
    assert "'key' is missing" in str(error)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("  client_id: x", '  client_id: "{extr.client_id}"'), "Did you mean {extra.client_id}?"),
        (("    get: dossiers", '    get: "{tokn}/dossiers"'), "Did you mean {token}?"),
        (("    get: dossiers\n", ""), "get, post or put is missing"),
        (("  post: token", "  post: token\n  refresh_before: 30"), "write a number and its unit"),
        (("transport: rest", "transport: rest\ndates: {format: dd/mm/YYYY}"), "'YYYY' is not a part of a time"),
        (("transport: rest", "transport: rest\ndates: {zone: Asia/Hanoi}"), "not a time zone"),
        (("      rows: 10", "      rows: 10\n      order: newest_first"), "newest_first needs changed"),
        (("transport: rest", "transport: soap"), "soap needs wsdl"),
        (("{status: 401, then: login_again}", "{then: login_again}"), "a rule needs one of"),
        (("    records: items", "    records: items\n    records: rows"), "stands twice, first in line 12"),
        (("streams:", "streams: ["), "not YAML"),
        (("streams:", "title: 2026-02-30\nstreams:"), ":9: this is not YAML: '2026-02-30' cannot be"),
        (("streams:", "title: a bell \a\nstreams:"), ":9: this is not YAML: the sign U+0007"),
        (("streams:", "title: &a {b: *a}\nstreams:"), "an anchor (&) holds itself"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert said in str(error_of(tmp_path, GOOD.replace(*change, 1)))


def test_a_wsdl_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    text = GOOD.replace("transport: rest", "transport: soap\nwsdl: none.wsdl").replace(
        "    get: dossiers", "    post: s\n    call: X"
    )
    error = error_of(tmp_path, text)
    assert (error.line, error.key) == (3, "wsdl")
    assert "?wsdl" in error.next_step


def test_a_file_that_is_not_there_names_a_near_one() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean vnpt_igate\.yaml\?"):
        load_spec(SPECS / "vnpt_gate.yaml")


def test_an_unknown_stream_names_a_near_one() -> None:
    connector = Connector(load_spec(SPECS / "vnpt_igate.yaml"), Peer("p", "http://peer.test"), hosts=Hosts())
    with pytest.raises(ConfigError, match="Did you mean 'dossiers'"):
        connector.key_of("dossier", {})


@pytest.mark.parametrize(
    "form", ["iso", "epoch_ms", "dd/MM/yyyy HH:mm:ss", "yyyyMMddHHmmss", "yyyy-MM-ddTHH:mm:ss.SSS"]
)
def test_a_time_survives_being_written_and_read(form: str) -> None:
    from zoneinfo import ZoneInfo

    times = TimeForm(form, ZoneInfo("Asia/Ho_Chi_Minh"))
    assert times.reader()(times.write(NOW)) == NOW


@pytest.mark.parametrize(
    "value", [None, "", "31/02/2026 00:00:00", "1/2/2026 00:00:00", "01-02-2026 00:00:00", "x" * 19]
)
def test_what_is_no_time_is_none(value: object) -> None:
    from zoneinfo import ZoneInfo

    assert TimeForm("dd/MM/yyyy HH:mm:ss", ZoneInfo("Asia/Ho_Chi_Minh")).reader()(value) is None


def test_a_login_may_say_where_its_lifetime_stands_or_how_long_it_is(tmp_path: Path) -> None:
    from connectors.spec.auth import Login

    start, end = GOOD.index("auth:"), GOOD.index("answers:")
    auth = "auth: {kind: login, post: login, token: data.token, expires_in: data.ttl, lifetime: 10m}\n"
    file = tmp_path / "small.yaml"
    file.write_text(GOOD[:start] + auth + GOOD[end:], encoding="utf-8")
    found = load_spec(file).auth
    assert isinstance(found, Login)
    assert (found.expires_in, found.lifetime) == ("data.ttl", 600.0)
