"""`lienthong kpi`: the indicators of QĐ 766 for one province, and the dossiers that do not count."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from hub.cli.output import Json, local_time, out, print_json
from hub.config import Settings, load_province
from hub.errors import ConfigurationError
from hub.kpi import INDICATORS, OUTSIDE, Kpi, Line, Month, Name, measured, why
from hub.kpi.export import write_lines
from hub.kpi.page import number, percent, write_page
from hub.own_days import own_days
from hub.store import database_url, engine_of, upgrade
from hub.tabular import writer_for


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("kpi")(kpi_command)


def kpi_command(
    province: Annotated[str, typer.Argument(help="Province: the name of its file in provinces/, such as lao_cai.")],
    month: Annotated[
        str | None, typer.Option(help="Dossiers received in this month, 2026-06 or 06/2026; without it all.")
    ] = None,
    indicator: Annotated[
        str | None, typer.Option("--list", help=f"List what does not count in one: {', '.join(INDICATORS)}.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Lines of the list at most; the file has them all.")] = 20,
    file: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write all that does not count, or all of --list: .csv or .xlsx.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """The indicators of QĐ 766 by their formulas, what does not count and why, and what would make it count.

    Only the hub's own tables are read; nothing of a dossier is changed. Also writes reports/kpi-PROVINCE-MONTH.html.
    """
    settings = Settings.from_environment()
    name = load_province(settings, province).province.name
    chosen = _indicator(indicator)
    period = Month.read(month) if month else None
    if file is not None:
        writer_for(file)
    if limit < 0:
        raise ConfigurationError("--limit is less than 0", where="command line")
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    with measured(engine, province, period, datetime.now(UTC), own_days(settings.folders)) as kpi:
        lines = list(kpi.lines(chosen, limit)) if chosen else []
        page = write_page(settings, kpi, name)
        written = write_lines(kpi.lines(chosen), file) if file else None
    if as_json:
        shown: dict[str, Any] = {"list": [line.as_dict() for line in lines]} if chosen else {}
        where = {"file": str(file) if file else None, "rows": written, "page": str(page)}
        print_json({**kpi.as_dict(), **shown, **where})
        return
    _say_figures(kpi, name)
    if chosen:
        _say_lines(kpi, chosen, lines)
    else:
        _say_reasons(kpi)
    if file:
        out.print(f"{written:,} rows: {file}", highlight=False, markup=False, soft_wrap=True)
    out.print(str(page), highlight=False, markup=False, soft_wrap=True)


def _indicator(words: str | None) -> Name | None:
    if words is None or words in INDICATORS:
        return words
    raise ConfigurationError(
        f"'{words}' is no indicator", where="--list", next_step=f"One of: {', '.join(INDICATORS)}."
    )


def _say_figures(kpi: Kpi, name: str) -> None:
    when = f"tiếp nhận trong tháng {kpi.month.on_screen}" if kpi.month else "toàn bộ hồ sơ"
    out.print(f"[bold]{name}[/bold] · KPI 766 · {when} · {local_time(kpi.at)}", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Chỉ tiêu")
    table.add_column("--list", style="dim", no_wrap=True)
    for title in ("Đạt", "Trên", "Tỷ lệ", "Điểm tối đa từ", "So với tối đa"):
        table.add_column(title, justify="right", no_wrap=title != "Điểm tối đa từ")
    for key, one in kpi.figures.items():
        full_at = f"{INDICATORS[key].full_at} %" if INDICATORS[key].full_at else ""
        of_full = percent(one.of_full) if one.of_full is not None else ""
        figures = number(one.numerator), number(one.denominator), percent(one.value), full_at, of_full
        table.add_row(INDICATORS[key].ten, key, *figures)
    out.print(table, highlight=False)
    for key, one in kpi.figures.items():
        if one.ghi_chu:
            out.print(Text(f" {INDICATORS[key].ten}: {one.ghi_chu}", "dim"), highlight=False)
    online = kpi.figures["online"]
    if online.value != online.share:
        words = f" {INDICATORS['online'].ten}: {percent(online.share)} × {percent(kpi.figures['sync'].share)} đồng bộ"
        out.print(Text(words, "dim"), highlight=False)


def _say_reasons(kpi: Kpi) -> None:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title="Chưa được tính", title_justify="left"
    )
    table.add_column("Chỉ tiêu", no_wrap=True)
    table.add_column("Hồ sơ", justify="right", no_wrap=True)
    table.add_column("Lý do")
    table.add_column("Ai xử lý")
    for key, one in kpi.figures.items():
        label = str(key)
        for reason, many in one.not_counting.items():
            words = why(reason)
            table.add_row(label, number(many), words.nghia, words.ai)
            label = ""
        for reason, many in one.outside.items():
            if reason != "not_synced":
                table.add_row(label, Text(number(many), "dim"), Text(f"({OUTSIDE[reason][1]})", "dim"), "")
                label = ""
    if table.row_count:
        out.print(table, highlight=False)
        out.print(
            " trong ngoặc: không đưa vào mẫu số · từng hồ sơ: --list CHỈ_TIÊU · tất cả: --out TỆP.xlsx", style="dim"
        )


def _say_lines(kpi: Kpi, key: Name, lines: list[Line]) -> None:
    total = sum(kpi.figures[key].not_counting.values())
    some = f"{number(len(lines))} trên {number(total)}; --limit, --out FILE" if len(lines) < total else number(total)
    out.print(f"[bold]{INDICATORS[key].ten}[/bold], chưa được tính: {some}", highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    for line in lines:
        words = line.why
        told = Text.assemble(words.nghia, (f"\n{words.can} · {words.ai}", "dim"))
        table.add_row(line.code, local_time(line.received_at)[:10], told)
    out.print(table, highlight=False)
