"""What a call must be given, what it may be given, and what becomes of what is missing."""

from pathlib import Path
from typing import Any

import pytest

from connectors import ConfigError, Connector, Spec, load_spec
from connectors.spec import Limits
from connectors.spec.pages import WindowSpec
from tests.connectors.conftest import Make, Scripted, json_answer, written
from tests.connectors.specs import query_of


@pytest.fixture
def spec() -> Spec:
    return written("""
        system: desk
        transport: rest
        operations:
          find:
            get: dossiers/{code}
            params: {kind: "{kind?}", year: "{year=2026}", who: "{agency|unit}", tags: ["{tag?}", all]}
          send:
            post: send
            multipart: {code: "{code}", file: {name: "{name?}", content: "{content?}"}}""")


def found(make: Make, spec: Spec, **params: Any) -> Scripted:
    peer = Scripted(json_answer([]))
    make(spec, peer).call("find", **params)
    return peer


def test_what_may_be_missing_may_be_left_out_of_a_call(make: Make, spec: Spec) -> None:
    (request,) = found(make, spec, code="A").requests
    assert query_of(request) == {"year": "2026", "who": "H38", "tags": "all"}
    (request,) = found(make, spec, code="A", kind="x", year=2025, agency="H05", tag="new").requests
    assert query_of(request) == {"kind": "x", "year": "2025", "who": "H05", "tags": "new,all"}


@pytest.mark.parametrize("params", [{}, {"kind": "x"}, {"code": "A", "knd": "x"}])
def test_what_must_be_given_and_what_is_not_known_is_told(make: Make, spec: Spec, params: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"find of desk takes code, agency\?, kind\?, tag\?, year\?, not"):
        found(make, spec, **params)


@pytest.mark.parametrize("code", [None, "", ".", ".."])
def test_a_value_that_would_make_another_address_is_not_sent(make: Make, spec: Spec, code: str | None) -> None:
    with pytest.raises(ConfigError, match="find needs code, which was not given") as caught:
        found(make, spec, code=code)
    assert caught.value.key == "operations.find"


def test_a_file_without_content_is_left_out(make: Make, spec: Spec) -> None:
    peer = Scripted(json_answer([]))
    connector: Connector = make(spec, peer)
    connector.call("send", code="A")
    connector.call("send", code="A", name="a.pdf", content=b"%PDF")
    without, whole = (request.body or b"" for request in peer.requests)
    assert (b"%PDF" in whole, b'name="file"' in without, b'name="code"' in without) == (True, False, True)


def test_an_address_leaves_nothing_out(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text('system: desk\ntransport: rest\noperations:\n  find: {get: "dossiers/{code?}"}\n')
    with pytest.raises(ConfigError, match=r"an address cannot leave out \{code\?\}") as caught:
        load_spec(file)
    assert (caught.value.line, caught.value.key) == (4, "operations.find.get")


@pytest.mark.parametrize("said", ["-5m", "infs", "nanh", "1e9d", ".s", "5"])
def test_a_duration_is_a_number_and_its_unit(said: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        Limits.model_validate({"wait": said})


def test_no_time_limit_and_no_window_is_of_no_length() -> None:
    """A window of no length would be walked for ever."""
    for key in ("connect", "timeout"):
        with pytest.raises(ValueError, match="longer than nothing"):
            Limits.model_validate({key: "0s"})
    window = {"since": "a", "until": "b", "earliest": "2020-01-01T00:00:00+07:00"}
    with pytest.raises(ValueError, match="longer than nothing"):
        WindowSpec.model_validate({**window, "most": "0d"})
