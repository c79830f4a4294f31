"""Preview: what a night would do with a sample, told beforehand; nothing is sent and nothing stays."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hub.config import BASE
from hub.context import Hub
from hub.preview import Previewed, preview
from hub.sync import sync
from tests.conftest import Sandbox
from tests.journey.conftest import Say

HELD = "SELECT dossier_code, reason FROM quarantine WHERE province = :province AND kind = 'dossier' AND state = 'held'"


def everything(engine: Engine) -> dict[str, str]:
    """Every table of every schema with a digest of its rows."""
    listed = text(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
    )
    with engine.connect() as connection:
        return {
            table: str(
                connection.scalar(
                    text(f"SELECT count(*) || md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t")
                )
            )
            for table in connection.scalars(listed)
        } | {
            "schemas": str(
                connection.scalars(
                    text("SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY 1")
                ).all()
            )
        }


def values(one: Previewed, side: str) -> dict[str, str]:
    """The national values of a dossier by wire name, or the source's by path."""
    return {name: value for row in one.rows for name, value in getattr(row, side).items()}


@pytest.mark.parametrize("slug", ["lao_cai", "quang_ngai"])
def test_a_preview_leaves_every_table_and_every_ledger_as_it_was(
    slug: str, request: pytest.FixtureRequest, sandbox: Sandbox
) -> None:
    hub: Hub = request.getfixturevalue(slug)
    sync(hub)
    before, ledgers = everything(hub.engine), {kind: sandbox.ledger(kind) for kind in ("dossiers", "steps", "calls")}
    assert len(preview(hub, 40).records) == 40
    assert everything(hub.engine) == before
    assert {kind: sandbox.ledger(kind) for kind in ledgers} == ledgers


@pytest.mark.dossiers(503)
@pytest.mark.parametrize("slug", ["lao_cai", "quang_ngai"])
def test_a_preview_of_everything_says_what_the_night_then_does(
    slug: str, request: pytest.FixtureRequest, sandbox: Sandbox
) -> None:
    hub: Hub = request.getfixturevalue(slug)
    told = preview(hub, 1000)
    sync(hub)
    with hub.engine.connect() as connection:
        held = {tuple(row) for row in connection.execute(text(HELD), {"province": slug})}
    assert {(one.dossier_code, one.findings[0].reason) for one in told.records if one.verdict == "held"} == held
    assert {reason for _, reason in held} > {"unmapped_procedure", "unmapped_status"}
    sent = sandbox.sent()
    new = {values(one, "national")["MaHoSo"]: one for one in told.records if one.verdict == "new"}
    assert set(new) == set(sent)
    for code, one in new.items():
        shown = values(one, "national")
        for name in ("MaHoSo", "MaTTHC", "TrangThaiHoSo", "NgayTiepNhan", "NgayHenTra", "KenhThucHien", "DonViXuLy"):
            assert shown.get(name, "") == sent[str(code)]["body"][name]


@pytest.mark.dossiers(503)
def test_a_dossier_that_would_be_held_says_reason_field_value_rule_and_next_step(
    lao_cai: Hub, sandbox: Sandbox
) -> None:
    found = preview(lao_cai, 520)
    cause = next(one for one in found.causes() if one.reason == "unmapped_status")
    assert cause.field == "status" and " / " in cause.values[0]
    assert cause.rule.startswith("mappings/vnpt_igate.yaml:") and "lienthong suggest lao_cai" in cause.next_step
    one = next(one for one in found.records if one.dossier_code == cause.dossiers[0])
    assert one.verdict == "held" and not values(one, "national")


def test_a_dossier_is_shown_as_it_came_as_it_is_and_as_it_would_go(quang_ngai: Hub, sandbox: Sandbox) -> None:
    one = next(one for one in preview(quang_ngai, 30).records if one.verdict == "new")
    row = next(row for row in one.rows if row.field == "received_at")
    day = row.canonical.split(" ")[0]
    assert row.source["ngayTiepNhan"].startswith(day)
    assert row.national["NgayTiepNhan"].startswith("".join(reversed(day.split("/"))))


def test_after_a_night_the_sample_is_known_and_one_dossier_comes_from_the_log(lao_cai: Hub, sandbox: Sandbox) -> None:
    sync(lao_cai)
    counts = preview(lao_cai, 60).counts()
    assert counts["new"] == counts["changed"] == 0 and counts["same"] > 50
    code = next(iter(sandbox.sent()))
    sandbox.say("stop", "lao_cai")
    assert [one.dossier_code for one in preview(lao_cai, code=code).records] == [code]


def test_no_personal_data_passes_the_mask(lao_cai: Hub, sandbox: Sandbox, database: str, screen: Say) -> None:
    _, answer, _ = screen("preview", "lao_cai", "-n", "150", "--json")
    _, shown, _ = screen("preview", "lao_cai", "-n", "150", "--show", "150")
    sync(lao_cai)
    secrets = set()
    for row in sandbox.sent().values():
        body = row["body"]
        secrets |= {
            body["ChuHoSo"],
            body["SoDienThoai"],
            body["Email"],
            *(one["SoDinhDanh"] for one in body["DinhDanhCHS"]),
        }
    assert len(secrets - {""}) > 200
    for secret in secrets - {""}:
        assert secret not in answer and secret not in shown


def test_a_code_that_nobody_knows_and_a_silent_system_are_sentences(
    lao_cai: Hub, sandbox: Sandbox, screen: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (BASE / "connectors" / "specs" / "vnpt_igate.yaml").read_text("utf-8")
    own = tmp_path / "own" / "specs" / "vnpt_igate.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(words.replace("timeout: 60s}", "timeout: 60s, attempts: 1}"), "utf-8")
    monkeypatch.setenv("LIENTHONG_CONFIG", str(own.parents[1]))  # what is silent is not waited for again and again
    code, _, error = screen("preview", "lao_cai", "--code", "H38.12-260101-9999999")
    assert code == 2 and "no dossier H38.12-260101-9999999" in error.replace("\n", " ")
    sandbox.say("stop", "lao_cai")
    code, answer, _ = screen("preview", "lao_cai", "--json")
    assert code == 3 and "lienthong check lao_cai" in json.loads(answer)["next_step"]


@pytest.mark.dossiers(150)
def test_the_screen_fits_eighty_columns(lao_cai: Hub, sandbox: Sandbox, screen: Say) -> None:
    code, shown, _ = screen("preview", "lao_cai", "-n", "150")
    assert code == 0 and "would be held" in shown and "TrangThaiHoSo" not in shown.split("✗")[0]
    assert max(len(line) for line in shown.splitlines()) <= 80
