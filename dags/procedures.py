"""`procedures__national`: the national procedure list, before the nightly syncs that refer to it."""

from typing import Any

from airflow.sdk import DAG, dag, task

from dags.flow import DEFAULTS, START, nightly, ran
from hub.airflow_home import pool_of

NATIONAL = """
Danh mục thủ tục hành chính quốc gia được đọc đầy đủ; bản ghi thay đổi có phiên bản mới, mã không còn thì được đóng lại.

The whole national procedure list is read. A changed record gets a new version, a code that disappeared is closed;
nothing is deleted. Dossiers that were held for an unknown procedure go out with their province's next sync.
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
        from hub.procedures.national import pull_national
        from hub.procedures.portal import open_national

        counts = pull_national(open_national())
        return ran("procedures", **{**counts, "unanswered": len(counts["unanswered"])})

    pull()


procedures__national: DAG = national_list()
