"""`procedures__national` and `procedures__<province>`: the lists that dossiers refer to, and how they differ."""

from typing import Any

from airflow.sdk import DAG, dag, task

from dags.flow import DEFAULTS, START, broken, nightly, open_hub, ran
from hub.airflow_home import pool_of
from hub.config import Province, Settings, load_province, province_slugs
from hub.errors import ConfigurationError

NATIONAL = """
Danh mục thủ tục hành chính quốc gia được đọc đầy đủ; bản ghi thay đổi có phiên bản mới, mã không còn thì được đóng lại.

The whole national procedure list is read. A changed record gets a new version, a code that disappeared is closed;
nothing is deleted. Dossiers that were held for an unknown procedure go out with their province's next sync.
"""

OF_A_PROVINCE = """
Danh mục thủ tục của **{name}** được đọc và so với danh mục quốc gia: thiếu, cũ, không có, trùng mã.

{name}'s own list is read and compared with the national one. Every difference is a line of
`reports/procedures-{slug}.xlsx` in the data folder; the counts are in the log of `compare`.
"""


@dag(
    dag_id="procedures__national",
    dag_display_name="Danh mục thủ tục quốc gia",
    doc_md=NATIONAL,
    schedule=nightly("0 1 * * *"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["procedures", "national"],
)
def national_list() -> None:
    @task(pool=pool_of("national"))
    def pull() -> dict[str, Any]:
        from hub.procedures import open_national, pull_national

        return ran("procedures", **pull_national(open_national()))

    pull()


def list_dag(province: Province) -> DAG:
    """The flow of one province's own list."""
    slug = province.slug

    @dag(
        dag_id=f"procedures__{slug}",
        dag_display_name=f"{province.province.name}: danh mục thủ tục",
        doc_md=OF_A_PROVINCE.format(name=province.province.name, slug=slug),
        schedule=nightly("15 1 * * *"),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULTS,
        tags=["procedures", province.system, province.province.agency],
    )
    def flow() -> None:
        @task(pool=pool_of(province.connection))
        def pull() -> dict[str, Any]:
            from hub.procedures import pull_province

            return ran("procedures", **pull_province(open_hub(slug)))

        @task
        def compare() -> dict[str, Any]:
            from hub.procedures import compare, write_comparison

            hub = open_hub(slug)
            found = compare(hub.engine, slug)
            write_comparison(found, hub.settings.home / "reports" / f"procedures-{slug}.xlsx")
            return ran("differences", **found.counts())

        pull() >> compare()

    return flow()


national_list()
settings = Settings.from_environment()
for slug in province_slugs(settings):
    try:
        list_dag(load_province(settings, slug))
    except ConfigurationError as error:
        broken(f"procedures__{slug}", error)
