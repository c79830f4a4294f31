"""Data Docs: what every rule found in the last run of each province, built by Great Expectations, read offline.

They are made out of band from `rule_outcome`, which holds counts and no values: nothing personal can stand in them.
"""

import fcntl
import re
import shutil
import tempfile
from datetime import datetime
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, text

from hub.config import Settings
from hub.gate.findings import LAST_RUN
from hub.gate.great import great_expectations
from hub.store import database_url, engine_of, upgrade
from schemas.reasons import explain
from schemas.records import VIET_NAM

SITE = "quality"
"""Folder below `<home>/reports`."""

_LAST = f"""
SELECT o.province, o.suite, o.number, o.expect, o.arguments, o.level, o.reason, o.field, o.rule, o.evaluated, o.failed,
       o.run_id, o.at
FROM rule_outcome o
WHERE o.run_id = {LAST_RUN}
ORDER BY o.province, o.suite DESC, o.number
"""
_REMOTE = re.compile(
    r"""<(?:script|link|img)\b[^>]*\b(?:src|href)=["']https?://[^"']*["'][^>]*>(?:\s*</script>)?"""
    r"""|<footer>.*?</footer>""",
    re.IGNORECASE | re.DOTALL,
)


def data_docs_page(home: Path) -> Path:
    """The first page of the site, whether it is there or not."""
    return home / "reports" / SITE / "index.html"


def build_docs(engine: Engine, home: Path) -> tuple[Path, int]:
    """Build the site anew beside the report; each build in a folder of its own, which takes the site's place whole.

    Returns:
        Its first page, and how many results stand in it.
    """
    folder = data_docs_page(home).parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{SITE}.", dir=folder.parent))
    try:
        results = _write_site(engine, fresh)
        fresh.chmod(0o755)
        _take_place(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return data_docs_page(home), results


def write_docs() -> tuple[Path, int]:
    """As `build_docs`, for a flow: with the installation's own settings."""
    settings = Settings.from_environment()
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    return build_docs(engine, settings.home)


def _take_place(fresh: Path, folder: Path) -> None:
    """Put a finished site where the one before stands, in two renames; builds that end at once do it one by one."""
    with (folder.parent / f".{SITE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        old = fresh.with_name(f"{fresh.name}.old")
        if folder.exists():
            folder.replace(old)
        fresh.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def _write_site(engine: Engine, fresh: Path) -> int:
    """The pages of every province's last run. Returns how many results stand in them."""
    with engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(text(_LAST))]
    results = [(key, list(group)) for key, group in groupby(rows, key=lambda row: (row["province"], row["suite"]))]
    _build(fresh, results)
    for page in fresh.rglob("*.html"):
        page.write_text(readable_offline(page.read_text("utf-8")), "utf-8")
    (fresh / "index.html").write_text(_front_page(fresh, results), "utf-8")
    return len(results)


def _build(folder: Path, results: list[tuple[tuple[str, str], list[dict[str, Any]]]]) -> None:
    gx = great_expectations()
    from great_expectations.data_context.types.resource_identifiers import ValidationResultIdentifier

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    for site in list(context.get_site_names()):
        context.delete_data_docs_site(site)
    context.add_data_docs_site(
        site_name=SITE,
        site_config={
            "class_name": "SiteBuilder",
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "show_cta_footer": False},
            "show_how_to_buttons": False,
        },
    )
    for (province, name), rows in results:
        suite, result = _result(gx, f"{province} {name}", rows)
        context.suites.add(suite)
        batch = f"{province}-run-{rows[0]['run_id']}"
        identifier = ValidationResultIdentifier(
            expectation_suite_identifier=_suite_identifier(suite.name),
            run_id=_run_identifier(f"run {rows[0]['run_id']}", rows[0]["at"]),
            batch_identifier=batch,
        )
        context.validation_results_store.set(identifier, result)
    context.build_data_docs()


def _front_page(folder: Path, results: list[tuple[tuple[str, str], list[dict[str, Any]]]]) -> str:
    """GX's own first page is drawn by scripts from other places; this one lists the same pages."""
    lines = []
    for (province, name), rows in results:
        page = next(folder.glob(f"validations/{province} {name}/**/*.html"), None)
        link = quote(page.relative_to(folder).as_posix()) if page else ""
        failed, at = sum(bool(row["failed"]) for row in rows), rows[0]["at"].astimezone(VIET_NAM)
        cells = (f'<a href="{link}">{escape(province)}</a>', escape(name), f"{at:%d/%m/%Y %H:%M}", len(rows), failed)
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{one}</th>" for one in ("Tỉnh", "Bộ quy tắc", "Lần chạy", "Quy tắc", "Không đạt"))
    return (
        f'<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Chất lượng dữ liệu</title>'
        f"<style>{_LOOKS}</style></head><body><main><h1>Chất lượng dữ liệu · Data Docs</h1>"
        f"<p>Great Expectations, lần chạy cuối của từng tỉnh; chỉ có số đếm, không có giá trị.</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></main></body></html>"
    )


def _suite_identifier(name: str) -> Any:
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier

    return ExpectationSuiteIdentifier(name=name)


def _run_identifier(name: str, at: datetime) -> Any:
    from great_expectations.core.run_identifier import RunIdentifier

    return RunIdentifier(run_name=name, run_time=at)


def _result(gx: Any, name: str, rows: list[dict[str, Any]]) -> tuple[Any, Any]:
    """A suite and its validation result, as GX keeps them, out of the counts of one run."""
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

    suite = gx.ExpectationSuite(name=name)
    answers = []
    for row in rows:
        configuration = _configuration(row)
        suite.add_expectation_configuration(configuration)
        share = 100.0 * row["failed"] / row["evaluated"] if row["evaluated"] else 0.0
        answers.append(
            ExpectationValidationResult(
                success=not row["failed"],
                expectation_config=configuration,
                result={
                    "element_count": row["evaluated"],
                    "unexpected_count": row["failed"],
                    "unexpected_percent": share,
                    "unexpected_percent_total": share,
                    "unexpected_percent_nonmissing": share,
                    "missing_count": 0,
                    "missing_percent": 0.0,
                    "partial_unexpected_list": [],
                },
                exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
            )
        )
    passed = sum(answer.success for answer in answers)
    result = ExpectationSuiteValidationResult(
        results=answers,
        success=passed == len(answers),
        suite_name=name,
        statistics={
            "evaluated_expectations": len(answers),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(answers) - passed,
            "success_percent": 100.0 * passed / len(answers),
        },
        meta={
            "run_id": _run_identifier(f"run {rows[0]['run_id']}", rows[0]["at"]),
            "batch_markers": {},
            "great_expectations_version": gx.__version__,
        },
    )
    return suite, result


def _configuration(row: dict[str, Any]) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    words = explain(row["reason"])
    named = ", ".join(f"{key} {value}" for key, value in row["arguments"].items() if key != "ignore_row_if")
    told = (
        f"{row['reason']} ({row['level']}) · {words.meaning} · {words.nghia} · {row['expect']}: {named} · {row['rule']}"
    )
    return ExpectationConfiguration(
        type=row["expect"],
        kwargs=dict(row["arguments"]),
        description=told,
    )


def readable_offline(page: str) -> str:
    """A page of GX without what it fetches from other places, and with as much of its looks as fits on a page."""
    return _REMOTE.sub("", page).replace("</head>", f"<style>{_LOOKS}</style></head>", 1)


_LOOKS = """
*{box-sizing:border-box;max-width:100%}
body{font:15px/1.45 system-ui,sans-serif;margin:0;color:#222;background:#fff;overflow-wrap:break-word}
.container-fluid,.container,main{padding:0 1.2rem}.row{display:flex;flex-wrap:wrap}.col-12{flex:0 0 100%}
.navbar{display:flex;align-items:center;padding:.6rem 1.2rem;border-bottom:1px solid #ddd}
.breadcrumb{display:flex;list-style:none;gap:.6rem;padding:0;margin:0 1rem}
.card{border:1px solid #ddd;border-radius:4px;margin:.6rem 0}.card-header,.card-body{padding:.6rem .9rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}td:first-child{white-space:nowrap}
th,td{border:1px solid #ddd;padding:.35rem .6rem;text-align:left;vertical-align:top}
.badge{border-radius:3px;padding:0 .35rem;background:#e8eef5}.nav{list-style:none;padding:0}
.alert{padding:.6rem .9rem;border:1px solid #ddd;border-radius:4px;margin:.5rem 0}
.text-danger{color:#a00}.text-success{color:#070}.d-none,.modal,button.btn{display:none}
.fa-check-circle::before{content:"✓"}.fa-times::before{content:"✗";font-weight:bold}
.card:has(.btn-group-toggle),a[data-toggle=collapse]{display:none}.table-responsive,.card-body{overflow-x:auto}
"""
