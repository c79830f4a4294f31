"""`quality__docs`: Data Docs of the last runs, every morning after the night's syncs."""

from typing import Any

from airflow.sdk import dag, task

from dags.flow import DEFAULTS, START, nightly, ran

PAGE = """
Trang Data Docs (kết quả từng quy tắc ở lần chạy cuối của mỗi tỉnh) được viết mỗi sáng:
`reports/quality/index.html` trong thư mục dữ liệu. Chỉ có số đếm, không có giá trị.

Data Docs, what every rule found in the last run of each province, are written every morning to
`reports/quality/index.html` in the data folder, which the report links to. They hold counts, no values.
"""


@dag(
    dag_id="quality__docs",
    dag_display_name="Chất lượng dữ liệu: Data Docs",
    doc_md=PAGE,
    schedule=nightly("30 5 * * *"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["quality"],
)
def data_docs() -> None:
    @task
    def page() -> dict[str, Any]:
        from hub.gate.docs import write_docs

        written, results = write_docs()
        return ran("quality docs", page=str(written), results=results)

    page()


data_docs()
