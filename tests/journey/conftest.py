"""What the journey's tests stand on: commands in this process, connectors to real peers, and peers that bend an
answer."""

import json
from collections.abc import Callable

import pytest

from connectors import Connector, Hosts, Peer, Spec, WireRequest, WireResponse, load_spec
from connectors.wire.transport import HttpTransport, Transport
from hub.cli import main
from sandbox.dossiers import Generator
from sandbox.people import OFFICERS
from sandbox.plain import Plain
from sandbox.provinces import PROFILES
from tests.conftest import Sandbox
from tests.connectors.conftest import SPECS
from tests.connectors.conftest import make as make
from tests.connectors.conftest import time as time

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run one command in this process, without a database: (exit code, standard output, standard error)."""
    monkeypatch.setenv("LIENTHONG_HOME", str(sandbox.home))
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.delenv("LIENTHONG_CONFIG", raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


def connect(
    sandbox: Sandbox,
    connection: str,
    system: str,
    bend: Callable[[WireRequest, WireResponse], WireResponse] | None = None,
) -> Connector:
    """A connector to a running peer whose answers pass through `bend`; fast, with limits of its own."""
    known = json.loads((sandbox.home / "sandbox" / "connections.json").read_text("utf-8"))[connection]
    peer = Peer(connection, known["host"], known["login"], known["password"], known["extra"], unit="H38")
    spec: Spec = load_spec(SPECS / f"{system}.yaml")
    limits = spec.limits.model_copy(update={"timeout": 2.0, "wait": 0.01, "per_second": 500.0, "attempts": 2})
    transport: Transport = HttpTransport(4)
    if bend is not None:
        straight, bent = transport, bend

        def transport(request: WireRequest) -> WireResponse:
            return bent(request, straight(request))

    return Connector(spec.model_copy(update={"limits": limits}), peer, hosts=Hosts(), transport=transport)


def planted(sandbox: Sandbox, slug: str) -> set[str]:
    """Every value of a person that the generator put into the province's records, from the generator itself."""
    config = json.loads((sandbox.home / "sandbox" / "config.json").read_text("utf-8"))
    generator = Generator(PROFILES[slug], config["size"], config["seed"])
    plain = Plain(generator)
    values = {name.decode() for name, _ in OFFICERS}
    for row in range(generator.timeline.rows):
        one = plain.record(row)
        values |= {one.owner, one.filer, one.identity, one.tax, one.phone, one.email, one.address}
        values |= {one.subject} if one.owner and one.owner in one.subject else set()
    return {value for value in values if len(value) > 5}


@pytest.fixture
def screen(say: Say, database: str, monkeypatch: pytest.MonkeyPatch) -> Say:
    """The same with a fresh database that knows the national procedures."""
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", database)
    return say
