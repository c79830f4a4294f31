"""`sync__<province>`: one DAG for each file of provinces/. Read, check, merge, send, compare, report; in this order."""

from typing import Any

from airflow.sdk import DAG, dag, get_current_context, task

from dags.flow import DEFAULTS, FORM, START, broken, nightly, open_hub, ran, window
from hub.airflow_home import pool_of
from hub.config import Province, Settings, load_province, province_slugs
from hub.errors import ConfigurationError

DOC = """
**{name}** (`{system}`) → hệ thống quốc gia / the national adapter

Hồ sơ được đọc, kiểm tra, ghi nhận và gửi đi, rồi hai bên được đối soát. Hồ sơ chưa gửi được thì nằm lại với lý do:
`lienthong quarantine list {slug}`.

Dossiers are read, checked, merged and sent; then both sides are compared. A failed run goes on where it stopped when
it is run again, and running a window twice is harmless. The morning page: `reports/index.html` of the data folder.
"""


def sync_dag(province: Province) -> DAG:
    """The nightly flow of one province."""
    slug = province.slug
    source, national = pool_of(province.connection), pool_of(province.national.connection)

    @dag(
        dag_id=f"sync__{slug}",
        dag_display_name=f"{province.province.name}: đồng bộ hồ sơ",
        doc_md=DOC.format(name=province.province.name, system=province.system, slug=slug),
        schedule=nightly(province.schedule),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        params=FORM,
        default_args=DEFAULTS,
        tags=["sync", province.system, province.province.agency],
    )
    def flow() -> None:
        @task
        def open_run() -> int:
            from hub.sync import start_run

            context = get_current_context()
            since, until = window(context)
            opened = start_run(open_hub(slug), since=since, until=until, dry_run=context["params"]["dry_run"])
            ran("open", since=opened.since, until=opened.until, attempt=opened.attempt, pages_landed=opened.page)
            return opened.run_id

        @task(pool=source)
        def pull(run: int) -> dict[str, Any]:
            from hub.pull import pull

            return ran("pull", **pull(open_hub(slug), run))

        @task
        def check(run: int) -> dict[str, Any]:
            from hub.check import check

            return ran("check", **check(open_hub(slug), run))

        @task
        def merge(run: int) -> dict[str, Any]:
            from hub.merge import merge

            return ran("merge", **merge(open_hub(slug), run))

        @task(pool=national)
        def push(run: int) -> dict[str, Any]:
            from hub.push import push

            return ran("push", **push(open_hub(slug), run))

        @task(pool=national)
        def reconcile(run: int) -> dict[str, Any]:
            from hub.reconcile import reconcile

            return ran("reconcile", **reconcile(open_hub(slug), run))

        @task
        def report(run: int) -> str | None:
            from hub.report import finish

            return finish(open_hub(slug), run)

        run = open_run()
        pull(run) >> check(run) >> merge(run) >> push(run) >> reconcile(run) >> report(run)

    return flow()


settings = Settings.from_environment()
for slug in province_slugs(settings):
    try:
        sync_dag(load_province(settings, slug))
    except ConfigurationError as error:
        broken(f"sync__{slug}", error)
