"""`migrate__<plan>`: read, recode, load, follow, freeze, prove, decide, open; in this order, from one plan file."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, dag, get_current_context, task

from dags.flow import DEFAULTS, START, broken, now, ran
from hub.airflow_home import pool_of
from hub.config import Settings, load_province
from hub.errors import ConfigurationError
from hub.migration.plans.approvers import approvers_of
from hub.migration.plans.plan import Plan, load_plan, plan_slugs

if TYPE_CHECKING:
    from hub.migration.attempt import Migrating

DOC = """
**{title}**: {sources} → {target}

Đọc, đổi mã, nạp vào hệ thống mới, theo dõi thay đổi đến giờ chốt, đối soát, chờ người có thẩm quyền quyết định, rồi mở
tỉnh mới. Chạy lại thì đi tiếp từ chỗ dừng. Tình hình: `lienthong migrate clock {slug}`, `lienthong migrate go {slug}`.

History is read in windows and handed over; what changes meanwhile is followed until the freeze; both sides are proved
equal; an approver says GO or NO-GO; then the new province opens and the old ones close. A run that failed, or a new
one, goes on where the attempt stands. Before the opening all can be taken back: `lienthong migrate rollback {slug}`.
"""

FORM = {
    "kind": Param(
        "rehearsal",
        enum=["rehearsal", "cutover"],
        title="Loại / Kind",
        description="Diễn tập trên hệ thống thử, hoặc chuyển đổi thật. / A rehearsal on the trial system, or the real "
        "cutover.",
    )
}

LONGEST = timedelta(days=90)
"""How long a cutover may follow its sources."""


ANSWER = "answer"


class Decision(ApprovalOperator):
    """Keeps the answer for the tasks behind it, also a NO, which the provider's operator does not hand on."""

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Called by Airflow when somebody has answered."""
        given, user = event.get("params_input") or {}, event.get("responded_by_user") or {}
        if "error" not in event:
            by, account = given.get("by") or user.get("name") or "", user.get("id")
            answer = {"by": by, "why": given.get("why") or "decided in Airflow", "account": account}
            context["ti"].xcom_push(key=ANSWER, value=answer)
        return super().execute_complete(context, event)


def open_attempt(slug: str, attempt: int) -> "Migrating":
    """The attempt for a task of this plan."""
    from hub.migration.attempt import migrating

    settings, engine = _place()
    return migrating(settings, engine, slug, attempt, clock=now)


def _place() -> tuple[Settings, Any]:
    from hub.store import database_url, engine_of

    settings = Settings.from_environment()
    return settings, engine_of(database_url(settings.home))


def go_table(slug: str, attempt: int) -> str:
    """The gates as the approver sees them, in Markdown; red ones first."""
    from hub.migration.cutover.gates import judge
    from hub.migration.plans.plan import told

    m = open_attempt(slug, attempt)
    gates = sorted(judge(m, m.plan, m.clock()), key=lambda one: one.green)
    word = "GO" if all(one.green for one in gates) else "NO-GO"
    lines = [f"## {word} · {told(m.clock())}", "", "| | gate | is | asked | why |", "|---|---|---|---|---|"]
    for one in gates:
        sign = "✓" if one.green else "✗"
        cells = (sign, f"{one.name}: {one.title}", one.value, one.threshold, one.why)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join([*lines, "", f"Bằng chứng / evidence: `lienthong migrate go {slug}`"])


def migration_dag(plan: Plan, settings: Settings) -> DAG:
    """The flow of one plan."""
    slug, sources = plan.slug, [one.province for one in plan.sources]
    target = pool_of(plan.target.connection)
    pools = {one: pool_of(load_province(settings, one).connection) for one in sources}
    approvers = approvers_of(plan)
    names = [one.name for one in approvers]
    accounts = [{"id": one.account, "name": one.name} for one in approvers if one.account]

    @dag(
        dag_id=f"migrate__{slug}",
        dag_display_name=plan.title,
        doc_md=DOC.format(title=plan.title, sources=", ".join(sources), target=plan.target.province, slug=slug),
        schedule=None,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        params=FORM,
        default_args=DEFAULTS,
        user_defined_macros={"go_table": go_table},
        render_template_as_native_obj=False,
        tags=["migration", plan.target.system],
    )
    def flow() -> None:
        @task
        def begin() -> int:
            from hub.migration.flow import begin

            kind = get_current_context()["params"]["kind"]
            begun = begin(*_place(), slug, kind, clock=now)
            stands = begun.attempt
            ran("begin", attempt=stands.migration_id, kind=kind, state=stands.state, mark=stands.mark)
            return stands.migration_id

        def read_source(source: str) -> Any:
            """Chunks of one source, each a task in the pool of its peer."""

            @task(task_id=f"cut__{source}", pool=pools[source])
            def cut(attempt: int) -> list[int]:
                from hub.migration.flow import unread

                return unread(open_attempt(slug, attempt), source)

            @task(task_id=f"read__{source}", pool=pools[source], map_index_template="{{ task.op_kwargs['number'] }}")
            def read(attempt: int, number: int) -> dict[str, Any]:
                from hub.migration.flow import read

                return ran("read", **_figures(read(open_attempt(slug, attempt), source, number)))

            return read.partial(attempt=attempt).expand(number=cut(attempt))

        @task(pool=target, trigger_rule="none_failed")
        def collisions(attempt: int) -> dict[str, Any]:
            from hub.migration.flow import collide

            return ran("collisions", **_figures(collide(open_attempt(slug, attempt))))

        @task(pool=target)
        def mark(attempt: int) -> None:
            from hub.migration.flow import set_mark

            set_mark(open_attempt(slug, attempt))

        @task(pool=target)
        def load(attempt: int, source: str) -> dict[str, Any]:
            from hub.migration.flow import load_source

            return ran("load", **_figures(load_source(open_attempt(slug, attempt), source)))

        @task(pool=target)
        def files(attempt: int, source: str) -> dict[str, Any]:
            from hub.migration.flow import files_of_source

            return ran("files", **_figures(files_of_source(open_attempt(slug, attempt), source)))

        @task.branch
        def handed_over(attempt: int) -> list[str]:
            from hub.migration.flow import loaded

            m = open_attempt(slug, attempt)
            loaded(m)
            return ["prove"] if m.attempt.kind == "rehearsal" else [f"follow__{one}" for one in sources] + ["follow_on"]

        often = plan.deltas.every.total_seconds()
        waiting: dict[str, Any] = {"mode": "reschedule", "poke_interval": often, "timeout": LONGEST.total_seconds()}

        def follow_source(source: str) -> Any:
            @task.sensor(task_id=f"follow__{source}", pool=pools[source], **waiting)
            def follow() -> bool:
                from hub.migration.flow import follow

                return follow(open_attempt(slug, _attempt()), source)

            return follow()

        @task.sensor(pool=target, **waiting)
        def follow_on(attempt: int) -> bool:
            from hub.migration.flow import follow_on

            return follow_on(open_attempt(slug, attempt))

        @task(pool=target)
        def freeze(attempt: int) -> dict[str, Any]:
            from hub.migration.flow import freeze_once

            return ran("freeze", **_figures(freeze_once(open_attempt(slug, attempt))))

        @task(pool=target, trigger_rule="none_failed_min_one_success")
        def prove(attempt: int) -> dict[str, Any]:
            from hub.migration.flow import prove_once

            return ran("proof", **_figures(prove_once(open_attempt(slug, attempt))))

        @task.branch
        def report(attempt: int) -> list[str]:
            """GO or NO-GO in the log; whose turn it is: an approver's, or the opening's, or nobody's."""
            from hub.migration.cutover.gates import judge

            m = open_attempt(slug, attempt)
            gates = judge(m, m.plan, m.clock())
            ran("go / no-go", green=sum(one.green for one in gates), red=[one.name for one in gates if not one.green])
            state = m.attempt.state if m.attempt.kind == "cutover" else "rehearsed"
            return {"proved": ["approval"], "approved": ["decided_before"], "opened": ["decided_before"]}.get(state, [])

        @task
        def approve() -> None:
            from hub.migration.cutover.approving import approve

            approve(open_attempt(slug, _attempt()), **(_answered() or {}))

        @task
        def decided_before() -> None:
            """It was approved elsewhere, or it is open: nobody is asked again."""

        @task(trigger_rule="all_skipped")
        def refuse() -> None:
            from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

            from hub.migration.cutover.approving import refuse

            if (answer := _answered()) is None:
                raise AirflowSkipException("nobody was asked")
            told = refuse(open_attempt(slug, _attempt()), **answer)
            raise AirflowFailException(
                f"NO-GO by {told['by']}: nothing was opened. The old provinces go on; start the flow again to follow."
            )

        @task(trigger_rule="none_failed_min_one_success")
        def open_province() -> dict[str, Any]:
            from hub.migration.cutover.opening import open_province

            by = (_answered() or {"by": "hub"})["by"]
            return ran("opening", **_figures(open_province(open_attempt(slug, _attempt()), by)))

        approval = Decision(
            task_id="approval",
            subject=f"GO / NO-GO: {plan.title}",
            body=f"{{{{ go_table('{slug}', ti.xcom_pull(task_ids='begin')) }}}}",
            params={
                "by": Param(names[0], type="string", enum=names, title="Người quyết định / By"),
                "why": Param("", type="string", title="Lý do / Why"),
            },
            assigned_users=accounts or None,
        )

        attempt = begin()
        found = collisions(attempt)
        for source in sources:
            read_source(source) >> found
        loads = load.partial(attempt=attempt).expand(source=sources)
        handed = files.partial(attempt=attempt).expand(source=sources)
        branched, frozen, proved, told = handed_over(attempt), freeze(attempt), prove(attempt), report(attempt)
        found >> mark(attempt) >> loads >> handed >> branched
        branched >> [*(follow_source(source) for source in sources), follow_on(attempt)] >> frozen
        [branched, frozen] >> proved >> told
        approved, before = approve(), decided_before()
        told >> [approval, before]
        approval >> approved >> refuse()
        [approved, before] >> open_province()

    return flow()


def _attempt() -> int:
    """The attempt's number where a task must not wait for `begin` alone, since its rule counts who came before it."""
    return int(get_current_context()["ti"].xcom_pull(task_ids="begin"))


def _figures(counts: dict[str, Any]) -> dict[str, Any]:
    """What goes to the log and to XCom: numbers and short words, no lists, no records."""
    return {name: value for name, value in counts.items() if isinstance(value, int | float | bool)}


def _answered() -> dict[str, Any] | None:
    """`by`, `why` and the `account` that was logged in, as the approval was answered; None where nobody was asked."""
    answer: dict[str, Any] | None = get_current_context()["ti"].xcom_pull(task_ids="approval", key=ANSWER)
    return answer


settings = Settings.from_environment()
for slug in plan_slugs(settings):
    try:
        migration_dag(load_plan(settings, slug), settings)
    except ConfigurationError as error:
        broken(f"migrate__{slug}", error)
