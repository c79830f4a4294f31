"""Readiness: each line of the scorecard with its evidence; what the hub cannot see is not known until it is stated."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.config import BASE, Settings, load_province
from hub.context import Hub
from hub.errors import ConfigurationError
from hub.procedures import pull_province
from hub.readiness import MEASURES, Measure, scorecards
from hub.sync import sync
from tests.conftest import Sandbox
from tests.journey.conftest import Say, planted

STATED = """
readiness:
  procedures_published: {met: true, day: 2026-05-02, source: Quyết định 301/QĐ-UBND}
  national_databases: {met: false, day: 2026-06-01, source: Công văn 12/STTTT, detail: dân cư}
  service_centres: {met: true, day: 2026-05-12, source: Quyết định 415/QĐ-UBND, detail: 99 điểm}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A configuration of one's own: the example provinces, one of them with statements."""
    folder = tmp_path / "config" / "provinces"
    folder.mkdir(parents=True)
    for slug in ("lao_cai", "quang_ngai"):
        shutil.copy(BASE / "provinces" / f"{slug}.yaml", folder)
    with (folder / "lao_cai.yaml").open("a", encoding="utf-8") as file:
        file.write(STATED)
    return folder.parent


def lines(hub: Hub, settings: Settings, now: datetime | None = None) -> dict[str, Measure]:
    card = scorecards(hub.engine, settings, [hub.slug], now or datetime.now(UTC))[0]
    assert [one.name for one in card.measures] == list(MEASURES)
    return {one.name: one for one in card.measures}


def test_before_anything_has_run_nothing_is_ready_and_nothing_is_made_up(lao_cai: Hub) -> None:
    found = lines(lao_cai, lao_cai.settings)
    assert {one.verdict for name, one in found.items() if name != "dossiers_down"} == {"not known"}
    assert {one.on for one in found.values()} == {None}


def test_what_the_hub_has_seen_is_evidence_with_run_and_date(lao_cai: Hub, sandbox: Sandbox) -> None:
    run = sync(lao_cai)
    pull_province(lao_cai)
    found = lines(lao_cai, lao_cai.settings)
    assert (found["system"].verdict, found["dossiers_up"].verdict) == ("ready", "ready")
    delivered = sandbox.national()["dossiers"]
    assert found["dossiers_up"].value.startswith(f"{delivered} of ")
    said = " ".join(fact.fact + fact.source for one in found.values() for fact in one.evidence)
    assert f"run {run['run_id']} is done" in said and "reconciliation " in said
    listed = found["procedures"]
    assert listed.verdict == "not ready" and " missing" in listed.evidence[0].fact
    assert "published: not stated" in listed.value


@pytest.mark.dossiers(150)
def test_held_dossiers_and_differences_make_the_data_not_ready(lao_cai: Hub, sandbox: Sandbox) -> None:
    sync(lao_cai)
    with lao_cai.engine.begin() as connection:
        held = connection.scalar(text("SELECT count(DISTINCT dossier_code) FROM quarantine WHERE kind = 'dossier'"))
    found = lines(lao_cai, lao_cai.settings)["data_quality"]
    assert found.verdict == "not ready" and f"{held} of 150 dossiers held" in found.evidence[0].fact
    with lao_cai.engine.begin() as connection:
        connection.execute(text("DELETE FROM quarantine"))
    assert lines(lao_cai, lao_cai.settings)["data_quality"].verdict == "ready"
    with lao_cai.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE dossier SET reconciled_hash = NULL WHERE dossier_code = (SELECT min(dossier_code) FROM dossier)"
            )
        )
    assert lines(lao_cai, lao_cai.settings)["data_quality"].verdict == "not ready"


def test_a_system_that_has_been_silent_for_days_is_not_connected(lao_cai: Hub, sandbox: Sandbox) -> None:
    sync(lao_cai)
    later = datetime.now(UTC) + timedelta(days=3)
    assert lines(lao_cai, lao_cai.settings, later)["system"].verdict == "not ready"
    with lao_cai.engine.begin() as connection:
        connection.execute(text("UPDATE run SET state = 'failed'"))
    assert lines(lao_cai, lao_cai.settings)["system"].verdict == "not ready"


CAME_IN = """
WITH m AS (INSERT INTO inbound_message (province, digest, size, answer, description)
           VALUES ('lao_cai', :code, 1, 200, 'x') RETURNING message_id)
INSERT INTO inbound_dossier (province, national_code, version, procedure_code, procedure_code_local, procedure_name,
                             content_hash, record, message_id, state)
SELECT 'lao_cai', :code, 1, '1.001612', '1.001612', 'x', 'x', '{}', message_id, :state FROM m
"""


def test_dossiers_that_came_from_the_portal_are_counted_by_what_became_of_them(lao_cai: Hub, quang_ngai: Hub) -> None:
    for code, state, value, verdict in (
        ("G01-1", "handed_over", "1 of 1 handed over", "ready"),
        ("G01-2", "superseded", "1 of 1 handed over", "ready"),
        ("G01-3", "received", "1 of 2 handed over", "ready"),
        ("G01-4", "held", "1 of 3 handed over", "not ready"),
    ):
        with lao_cai.engine.begin() as connection:
            connection.execute(text(CAME_IN), {"code": code, "state": state})
        found = lines(lao_cai, lao_cai.settings)["dossiers_down"]
        assert (found.value, found.verdict) == (value, verdict)
    assert lines(quang_ngai, quang_ngai.settings)["dossiers_down"].verdict != "ready"


def test_what_a_person_states_counts_with_its_day_and_source(lao_cai: Hub, own: Path) -> None:
    found = lines(lao_cai, Settings(lao_cai.settings.home, (own, BASE)))
    centres, databases = found["service_centres"], found["national_databases"]
    assert (centres.verdict, centres.value) == ("ready", "yes: 99 điểm")
    assert centres.on is not None and centres.on.isoformat() == "2026-05-12"
    assert "Quyết định 415/QĐ-UBND" in centres.evidence[0].fact
    assert (databases.verdict, databases.value) == ("not ready", "no: dân cư")


def test_a_statement_without_source_or_day_is_refused_with_the_line(own: Path) -> None:
    path = own / "provinces" / "lao_cai.yaml"
    path.write_text(path.read_text("utf-8").replace(", source: Công văn 12/STTTT", ""), "utf-8")
    with pytest.raises(ConfigurationError, match=r"readiness.national_databases.source.* is missing"):
        load_province(Settings(own, (own, BASE)), "lao_cai")


class Words(HTMLParser):
    """The text of a page, and every address that it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.fetched = "", []  # type: tuple[str, list[str]]
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data + " "

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [
            value or "" for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")
        ]


def test_the_page_shows_every_province_and_needs_no_network(
    lao_cai: Hub, own: Path, sandbox: Sandbox, screen: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(lao_cai)
    monkeypatch.setenv("LIENTHONG_CONFIG", str(own))
    (own / "provinces" / "broken.yaml").write_text("province: {}\n", "utf-8")
    code, answer, _ = screen("readiness", "--all", "--json")
    found = json.loads(answer)
    assert code == 0 and set(found["provinces"]) == {"broken", "lao_cai", "quang_ngai"}
    assert (
        found["provinces"]["broken"]["broken"]
        and found["provinces"]["lao_cai"]["measures"]["system"]["verdict"] == "ready"
    )
    page = Words(Path(found["page"]).read_text("utf-8"))
    assert page.fetched == [] and "Quyết định 415/QĐ-UBND" in page.text and "Quảng Ngãi" in page.text
    assert all(title.ten in page.text and title.title in page.text for title in MEASURES.values())
    assert {value for value in planted(sandbox, "lao_cai") if value in page.text} == set()


def test_the_screens_fit_eighty_columns(lao_cai: Hub, sandbox: Sandbox, screen: Say) -> None:
    sync(lao_cai)
    for words in (["readiness"], ["readiness", "lao_cai"]):
        code, shown, _ = screen(*words)
        assert code == 0 and "Lào Cai" in shown
        assert max(len(line) for line in shown.splitlines() if "readiness.html" not in line) <= 80
    assert screen("readiness", "lao_cai", "--all")[0] == 2
