"""`lienthong quality rules | warnings | outcomes | docs | accept | recheck`."""

from itertools import groupby
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text
from sqlalchemy import text

from hub import audit
from hub.check import rules_of
from hub.cli.output import Json, local_time, out, print_json
from hub.config import Settings, load_province
from hub.context import open_hub
from hub.errors import ConfigurationError
from hub.gate.arguments import in_short
from hub.gate.findings import LAST_RUN
from hub.gate.great import expectation
from hub.gate.stops import accept as accept_stop
from hub.store import database_url, engine_of, upgrade
from hub.worklist.chosen import LAST_NUMBER
from schemas.personal_fields import masked_finding
from schemas.reasons import explain
from schemas.wording import in_words

app = typer.Typer(help="The gate: its rules, what they found, and Data Docs.", no_args_is_help=True)

Province = Annotated[str | None, typer.Argument(help="One province; without it all.")]

_WARNINGS = """
SELECT w.province, w.dossier_code, w.reason, w.field, w.value, w.rule, w.warned_at, d.record
FROM warning w LEFT JOIN dossier d USING (province, dossier_code)
WHERE w.gone_at IS NULL AND (CAST(:province AS text) IS NULL OR w.province = :province)
  AND (CAST(:reason AS text) IS NULL OR w.reason = :reason)
ORDER BY w.province, w.reason, w.warned_at, w.dossier_code LIMIT :limit
"""
_GROUPS = """
SELECT province, reason, field, count(*) AS dossiers, min(warned_at) AS since FROM warning
WHERE gone_at IS NULL AND (CAST(:province AS text) IS NULL OR province = :province)
  AND (CAST(:reason AS text) IS NULL OR reason = :reason) GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC, 2, 3
"""
_OUTCOMES = f"""
SELECT o.province, o.suite, o.number, o.reason, o.field, o.level, o.rule, o.evaluated, o.failed, o.run_id, o.at
FROM rule_outcome o
WHERE o.run_id = {LAST_RUN}
  AND (CAST(:province AS text) IS NULL OR o.province = :province) ORDER BY o.province, o.suite DESC, o.number
"""


@app.command()
def rules(as_json: Json = False) -> None:
    """Every rule of the suites as they run, with one's own laid over, each in words; checks the files."""
    told: list[dict[str, Any]] = []
    for suite, rule in rules_of(Settings.from_environment()):
        expectation(rule)
        words = explain(rule.reason)
        told.append(
            {
                "suite": suite,
                "level": rule.level,
                "reason": rule.reason,
                "field": rule.field,
                "meaning": words.meaning,
                "nghia": words.nghia,
                "who": words.who,
                "waivable": rule.waivable,
                "expect": rule.expect,
                "arguments": rule.arguments,
                "rule": rule.where,
                "as_rule": rule,
            }
        )
    if as_json:
        print_json({"rules": [{key: value for key, value in one.items() if key != "as_rule"} for one in told]})
        return
    for file, ours in groupby(told, key=lambda one: str(one["rule"]).rpartition(":")[0]):
        out.print(file, highlight=False, markup=False, soft_wrap=True)
        _say_rules(list(ours))


def _say_rules(told: list[dict[str, Any]]) -> None:
    """A table of one file's rules; what a reason means stands at its first rule."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("line", "level", "reason, field"):
        table.add_column(name, no_wrap=True, justify="right" if name == "line" else "left")
    table.add_column("expects, meaning", overflow="fold")
    said: set[str] = set()
    for one in told:
        level = f"{one['level']}\nwaivable" if one["waivable"] else one["level"]
        words = [in_short(one["as_rule"])] + ([one["meaning"]] if one["reason"] not in said else [])
        said.add(one["reason"])
        line = one["rule"].rpartition(":")[2]
        table.add_row(line, level, Text(f"{one['reason']}\n  {one['field']}"), Text("\n  ".join(words)))
    out.print(table)


@app.command()
def warnings(
    province: Province = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason, such as bad_tax_code.")] = None,
    limit: Annotated[int, typer.Option(min=0, max=LAST_NUMBER, help="Dossiers at most; 0: only the groups.")] = 20,
    as_json: Json = False,
) -> None:
    """Dossiers that were delivered and that somebody should look at: groups, then the oldest. Values are masked."""
    rows = {"province": province, "reason": reason, "limit": limit}
    groups, items = _asked(_GROUPS, province, rows), _asked(_WARNINGS, province, rows)
    items = [_masked(item) for item in items]
    for group in groups:
        told = explain(group["reason"])
        group.update(meaning=told.meaning, nghia=told.nghia, who=told.who)
    if as_json:
        print_json({"total": sum(group["dossiers"] for group in groups), "groups": groups, "warnings": items})
        return
    if not groups:
        out.print("Nothing to warn of.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("province", "reason", "field", "dossiers", "since"):
        table.add_column(name, no_wrap=name == "reason")
    for group in groups:
        words = (group["province"], group["reason"], group["field"])
        table.add_row(*words, f"{group['dossiers']:,}", local_time(group["since"])[:10])
    out.print(table)
    for reason, group in {group["reason"]: group for group in groups}.items():
        said = f"{reason}: {group['meaning']} · {group['nghia']}. Ask {group['who']}."
        out.print(said, style="dim", markup=False, highlight=False)
    for item in items:
        line = f"{item['dossier_code']} · {item['reason']}: {in_words(item)}  ({item['rule']})"
        out.print(line, markup=False, highlight=False)


@app.command()
def outcomes(province: Province = None, as_json: Json = False) -> None:
    """What every rule found in the last run of each province, also those that nothing failed."""
    found = _asked(_OUTCOMES, province, {"province": province})
    if as_json:
        print_json({"outcomes": found})
        return
    if not found:
        out.print("No run has been checked yet.")
        return
    for slug, ours in groupby(found, key=lambda one: one["province"]):
        out.print(slug, style="bold", highlight=False)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("level", "reason, field", "rule", "looked at", "failed"):
            table.add_column(name, no_wrap=name != "rule", overflow="fold")
        for one in ours:
            words = (one["level"], Text(f"{one['reason']}\n  {one['field']}"), one["rule"].rpartition("/")[2])
            figures = (f"{one['evaluated']:,}", f"{one['failed']:,}")
            table.add_row(*words, *figures, style="bold" if one["failed"] else None)
        out.print(table)


@app.command()
def docs(as_json: Json = False) -> None:
    """Data Docs of the last run of each province, built by Great Expectations, to be read offline; no values in it."""
    from hub.gate.docs import write_docs

    page, pages = write_docs()
    if as_json:
        print_json({"page": str(page), "results": pages})
        return
    out.print(f"{pages:,} results of the gate in {page}", highlight=False, soft_wrap=True)


@app.command()
def accept(
    province: Annotated[str, typer.Argument(help="Province.")],
    rule: Annotated[str, typer.Option(help="Reason of the rule that stopped the run, such as unusual_volume.")],
    why: Annotated[str, typer.Option(help="Why the run is right all the same; kept in the audit.")],
    by: Annotated[str | None, typer.Option(help="Who decides; default LIENTHONG_USER.")] = None,
    from_now_on: Annotated[
        bool, typer.Option("--from-now-on", help="Of unusual_volume: forget what was usual; the new level becomes it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let the next run of a province pass a rule that stops it, once, under your name."""
    settings = Settings.from_environment()
    load_province(settings, province)
    who = audit.person(by)
    stops = sorted({one.reason for _, one in rules_of(settings) if one.level == "stop"})
    if rule not in stops:
        raise ConfigurationError(
            f"no rule that stops a run gives '{rule}'", where="--rule", next_step=f"Such rules: {', '.join(stops)}."
        )
    if from_now_on and rule != "unusual_volume":
        raise ConfigurationError(
            f"'{rule}' has nothing that is usual", where="--from-now-on", next_step="Leave it out, or mend the rule."
        )
    if not why.strip():
        raise ConfigurationError("no reason is given", where="--why", next_step="Say why the run is right.")
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    with engine.begin() as connection:
        forgotten = accept_stop(connection, province, rule, who, why.strip(), from_now_on=from_now_on)
    if as_json:
        print_json({"province": province, "rule": rule, "by": who, "why": why.strip(), "forgotten": forgotten})
        return
    out.print(f"The next run of {province} passes {rule} once. Now: lienthong sync {province}", highlight=False)
    if forgotten is not None:
        out.print(f"{forgotten:,} measures of volume are forgotten; what comes from now on is usual.", highlight=False)


@app.command()
def recheck(
    province: Annotated[str, typer.Argument(help="Province.")],
    by: Annotated[str | None, typer.Option(help="Who asks for it; default LIENTHONG_USER.")] = None,
    as_json: Json = False,
) -> None:
    """Look again at all dossiers with open warnings, after a rule, fee or procedure was corrected. Sends nothing."""
    from hub.recheck import recheck as look_again

    hub = open_hub(province)
    found = look_again(hub, audit.named_or_none(by) or audit.HUB)
    if as_json:
        print_json({"province": province, "looked_at": found.looked_at, "ended": found.ended, "left": found.left})
        return
    words = f"{found.looked_at:,} dossiers looked at: {found.ended:,} warnings ended, {found.left:,} stand."
    out.print(words, highlight=False)


def _masked(item: dict[str, Any]) -> dict[str, Any]:
    """A warning as a person may read it, its value apart from what it was compared with."""
    record, value = item.pop("record"), item["value"]
    stood, dot, compared = (value or "").rpartition(" · ")
    apart = {"value": stood, "detail": compared} if dot else {"value": value, "detail": None}
    if not dot and value and item["field"] in TOLD_BY_THE_GATE:
        apart = {"value": None, "detail": value}
    return masked_finding({**item, **apart}, record)


TOLD_BY_THE_GATE = frozenset({"fees", "results", "documents", "steps"})
"""Lists, of which a warning has only what the gate says of them."""


def _asked(query: str, province: str | None, given: dict[str, Any]) -> list[dict[str, Any]]:
    settings = Settings.from_environment()
    if province:
        load_province(settings, province)
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query), given)]
