"""What the end-to-end tests of a vendor share: a province whose time only passes when it waits, and its ledgers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson
import requests
from sqlalchemy import Engine, text

from connectors import Hosts
from hub.config import Settings, load_province
from hub.context import Hub, source_of
from hub.procedures import compare, pull_province
from hub.status import province_status
from hub.sync import sync
from tests.conftest import Sandbox

NOW = datetime(2026, 7, 6, tzinfo=UTC)
"""A little after the sandbox's first days."""


@dataclass
class Time:
    """Seconds that pass only when something waits; `naps` are the waits, with what they waited for left out."""

    seconds: float = 0.0
    naps: list[float] = field(default_factory=list)

    def ticks(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds


@dataclass
class Served:
    """A province under test: its hub, its peers' ledgers and the waits of its connector."""

    hub: Hub
    sandbox: Sandbox
    time: Time

    @property
    def peer(self) -> str:
        return self.hub.province.connection

    def arm(self, **fault: Any) -> None:
        self.sandbox.fault(self.peer, **fault)

    def clear_faults(self) -> None:
        assert requests.delete(f"{self.sandbox.address(self.peer)}/_sandbox/faults", timeout=10).status_code < 300

    def small_pages(self, rows: int) -> None:
        """Lets the province's stream ask for small pages, so that a small sandbox has many."""
        spec = self.hub.source.spec
        stream = spec.streams["dossiers"]
        pages = stream.pages.model_copy(update={"rows": rows})
        streams = {**spec.streams, "dossiers": stream.model_copy(update={"pages": pages})}
        self.hub.source.spec = spec.model_copy(update={"streams": streams})

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """What the peer was asked for by this operation, in order, with its `params`."""
        calls = [call for call in self.sandbox.ledger("calls", self.peer) if call["operation"] == operation]
        return [{**call, "params": orjson.loads(call["params"])} for call in calls]

    def expected_held(self) -> dict[str, str]:
        """Dossiers that are dirty by the peer's own word, with the reason the hub must give."""
        labels: dict[str, Any] = self.sandbox.get(self.peer, "labels", detail="1")
        return {
            code: label["kind"]
            for code, label in labels.items()
            if label["outcome"] == "held" and not label["corrected"]
        }

    def held(self) -> dict[str, str]:
        query = text("SELECT dossier_code, reason FROM quarantine WHERE state = 'held' AND kind = 'dossier'")
        with self.hub.engine.connect() as connection:
            return {str(code): str(reason) for code, reason in connection.execute(query)}

    def writes(self) -> int:
        """Calls that changed or tried to change something nationally."""
        return sum(call["service"] in ("DongBoHoSoMC", "CapNhatTienDoHoSoMC") for call in self.sandbox.ledger("calls"))

    def ledgers_agree(self) -> int:
        """All are served, and served = delivered + held by the peers' ledgers and the hub's; gives how many went."""
        system = self.sandbox.status()["systems"][self.hub.slug]
        served = int(system["served"])
        assert served == system["dossiers"], "dossiers of the peer were never asked for"
        sent, held = self.sandbox.sent(), self.held()
        status = province_status(self.hub.engine, self.hub.slug)
        assert held == self.expected_held()
        assert served == len(sent) + len(held) and not set(sent) & set(held)
        assert (status["pulled"], status["delivered"], status["held"]) == (served, len(sent), len(held))
        national = self.sandbox.national()
        assert (national["duplicates"], national["order_violations"], national["refused"]) == (0, 0, 0)
        assert not self.sandbox.ledger("sins")
        return len(sent)

    def day_passes(self) -> int:
        """A day and a sync later the ledgers agree and nothing but new content went out; gives how many dossiers."""
        before = self.sandbox.sent()
        moved = self.sandbox.say("advance", "--days", "1")["systems"][self.hub.slug]
        assert moved["changed"] and moved["added"]
        sync(self.hub)
        self.ledgers_agree()
        after = self.sandbox.sent()
        touched = {code for code in after if before.get(code, {}).get("last_call") != after[code]["last_call"]}
        assert touched == {code for code in after if code not in before or after[code]["body"] != before[code]["body"]}
        assert 0 < len(touched) <= moved["changed"] + moved["added"]
        return len(touched)

    def procedures_agree(self) -> int:
        """The province's list, pulled and compared, differs from the national one as planted; gives its length."""
        planted = self.sandbox.get(self.peer, "procedures")
        pulled = pull_province(self.hub)
        found = compare(self.hub.engine, self.hub.slug)
        assert pulled["listed"] == planted["counts"]["listed"] and pulled["unreadable"] == {}
        assert [one.procedure_code for one in found.of("missing")] == planted["missing"]
        assert {one.procedure_code: one.field for one in found.of("stale")} == planted["stale"]
        assert sorted(one.local_code or "" for one in found.of("unknown")) == sorted(planted["unknown"])
        return int(pulled["listed"])


def served(
    slug: str, settings: Settings, engine: Engine, sandbox: Sandbox, clock: Callable[[], datetime] = lambda: NOW
) -> Served:
    """A province over running peers, in a time of its own; `clock` gives the hub's now."""
    province, time = load_province(settings, slug), Time()
    hub = Hub(province, settings, engine, clock=clock)
    source = source_of(
        settings, province, clock=clock, ticks=time.ticks, sleep=time.sleep, hosts=Hosts(), random=Random(7)
    )
    hub.__dict__["source"] = source  # in place of the one that the cached property would make
    return Served(hub, sandbox, time)
