"""`readiness`: the scorecard of all provinces as a page, once a week."""

from typing import Any

from airflow.sdk import dag, task

from dags.flow import DEFAULTS, START, nightly, ran

PAGE = """
Bảng mức độ sẵn sàng của các tỉnh được viết mỗi thứ Hai: `reports/readiness.html` trong thư mục dữ liệu.

The scorecard of all provinces is written every Monday to `reports/readiness.html` in the data folder. No peer is asked.
"""


@dag(
    dag_id="readiness",
    dag_display_name="Mức độ sẵn sàng của các tỉnh",
    doc_md=PAGE,
    schedule=nightly("0 6 * * 1"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["readiness"],
)
def scorecard() -> None:
    @task
    def page() -> dict[str, Any]:
        from hub.readiness import write_scorecards

        cards = write_scorecards()
        return ran("readiness", **{card.slug: f"{card.ready} of {len(card.measures)}" for card in cards})

    page()


scorecard()
