"""`lienthong kpi`: what a leader reads, what a script gets, and the list of what does not count, whole."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine, insert, text

from hub import tabular
from hub.cli import main
from hub.cli.output import out as console
from hub.kpi import INDICATORS, Month, measured
from schemas import tables
from schemas.records import VIET_NAM
from tests.kpi.conftest import NOW, Province, day

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lao_cai(engine: Engine) -> Province:
    """A province of the example configuration with dossiers of June, one of each of some sorts."""
    made = Province(engine, "lao_cai")
    made.dossier()
    made.dossier(channel=1, due_at=day(2), agency_name="=HYPERLINK(1) Sở")
    made.dossier(results=[], identity_verified=False, documents=[{"name": "a", "digitised": False}])
    made.dossier(received_at=datetime(2026, 5, 4, 9, tzinfo=VIET_NAM), finished_at=day(-20))
    made.dossier(sent=False)
    made.held("unmapped_status")
    return made


@pytest.fixture
def say(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs the command: (exit code, standard output, standard error)."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setattr(console, "_width", 130)

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["kpi", *words])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


def test_the_screen_is_vietnamese_and_the_page_says_the_same(lao_cai: Province, say: Say, tmp_path: Path) -> None:
    code, out, _ = say("lao_cai", "--month", "2026-06")
    assert code == 0
    assert "Lào Cai · KPI 766 · tiếp nhận trong tháng 06/2026" in out
    for key, one in INDICATORS.items():
        assert one.ten in out and key in out
    assert "sync 3 5 60,00 %" in " ".join(out.split())  # synchronised, of those received in June
    assert "đang bị giữ lại: trạng thái không có trong bảng mã" in out
    assert "chưa rõ" in out
    page = (tmp_path / "reports" / "kpi-lao_cai-2026-06.html").read_text("utf-8")
    assert out.rstrip().endswith("kpi-lao_cai-2026-06.html")
    for words in (
        "Bộ chỉ số 766 · Lào Cai",
        "60,00 %",
        "kết thúc sau hạn",
        "không có: giữ nguyên sự thật",
        "01/06/2026",
    ):
        assert words in page
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")


def test_the_list_has_reason_remedy_and_who_and_its_limit_leaves_the_figures_alone(lao_cai: Province, say: Say) -> None:
    code, out, _ = say("lao_cai", "--list", "online", "--limit", "1", "--json")
    told = json.loads(out)
    one = told["indicators"]["online"]
    assert (code, one["numerator"], one["denominator"], len(told["list"])) == (0, 2, 4, 1)
    assert one["not_counting"] == {"not_online": 1, "result_missing": 1}
    line = told["list"][0]
    assert (line["reason"], line["missing"], line["who"]) == ("not_online", "nothing: it stays as it was", "nobody")
    assert line["received_at"].startswith("2026-06-01T")
    assert "1 trên 2" in say("lao_cai", "--list", "online", "--limit", "1")[1]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_file_has_every_line_of_every_indicator(
    lao_cai: Province, say: Say, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tabular, "SHEET", 4)  # rows of one sheet
    path = tmp_path / f"all.{ending}"
    told = json.loads(say("lao_cai", "--out", str(path), "--json")[1])
    if ending == "csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            _, *rows = list(csv.reader(file))
        assert next(row[4] for row in rows if "HYPERLINK" in row[4]).startswith("'=")
    else:
        book = load_workbook(path)
        pages = [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]
        assert len(pages) > 1 and all(page[0] == pages[0][0] for page in pages)
        assert all(len(page) - 1 == 4 for page in pages[:-1])
        rows = [[str(cell) for cell in row] for page in pages for row in page[1:]]
    counted = Counter((row[1], row[9]) for row in rows)
    expected = {
        (name, reason): many for name, one in told["indicators"].items() for reason, many in one["not_counting"].items()
    }
    assert counted == expected and told["rows"] == len(rows) == sum(expected.values())
    assert ("sync", "unmapped_status") in expected and ("on_time", "overdue") in expected


def test_wrong_words_are_told_before_anything_is_done(lao_cai: Province, say: Say, tmp_path: Path) -> None:
    for words in (("--month", "13/2026"), ("--list", "points"), ("--out", "a.pdf"), ("--limit", "-1")):
        code, _, err = say("lao_cai", *words)
        assert code == 2 and err
    assert say("lao_cay")[0] == 2
    assert not (tmp_path / "reports").exists()


def test_a_procedure_that_was_published_late_is_in_the_list(province: Province) -> None:
    with province.engine.begin() as connection:
        since = connection.scalar(text("SELECT min(valid_from) FROM procedure_version"))
        assert since is not None
        for code, decision in (("1.900001", "1/QĐ-BTP ngày 02/03/2026"), ("1.900002", "2/QĐ-BTP ngày 01/01/2030")):
            connection.execute(
                insert(tables.procedure_version).values(
                    procedure_code=code,
                    valid_from=since.replace(year=since.year + 1),
                    name=code,
                    levels=["1"],
                    decision=decision,
                    public=True,
                    content_hash=code,
                    record={},
                    run_id=1,
                )
            )
    with measured(province.engine, province.slug, None, NOW) as kpi:
        one = kpi.figures["publication"]
        assert (one.numerator, one.denominator, one.not_counting) == (1, 2, {"published_late": 1})
        assert [line.code for line in kpi.lines("publication")] == ["1.900001"]
    with measured(province.engine, province.slug, Month(2026, 3), NOW) as kpi:
        assert (kpi.figures["publication"].numerator, kpi.figures["publication"].denominator) == (0, 1)
