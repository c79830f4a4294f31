"""`inbound__<province>`: for each province with a way in. Hand over what came in, then tell how far its status is."""

from contextlib import suppress
from typing import Any

from airflow.sdk import DAG, dag, task

from dags.flow import DEFAULTS, START, nightly, open_hub, ran
from hub.airflow_home import pool_of
from hub.config import Inbound, Province, Settings, load_province, province_slugs
from hub.errors import ConfigurationError

DOC = """
Cổng DVCQG → **{name}** (`{system}`)

Hồ sơ công dân nộp trên Cổng Dịch vụ công quốc gia, do `lienthong inbound serve {slug}` tiếp nhận, được chuyển vào
hệ thống của tỉnh từng bước; trạng thái quay về cùng lần đồng bộ hằng ngày. Hồ sơ chưa chuyển được:
`lienthong inbound list {slug}`.

Dossiers that citizens file on the national portal, received by `lienthong inbound serve {slug}`, are handed over to the
province's system step by step, each step once; their status comes back with the ordinary sync.
"""


def inbound_dag(province: Province, inbound: Inbound) -> DAG:
    """The flow of one province's way in."""
    slug = province.slug

    @dag(
        dag_id=f"inbound__{slug}",
        dag_display_name=f"{province.province.name}: hồ sơ từ Cổng DVCQG",
        doc_md=DOC.format(name=province.province.name, system=inbound.system, slug=slug),
        schedule=nightly(inbound.schedule),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULTS,
        tags=["inbound", inbound.system, province.province.agency],
    )
    def flow() -> None:
        @task(pool=pool_of(inbound.connection))
        def push() -> dict[str, Any]:
            from hub.inbound import push

            return ran("inbound", **push(open_hub(slug)))

        @task
        def standing() -> dict[str, Any]:
            from hub.inbound import standing

            return ran("standing", **standing(open_hub(slug).engine, slug))

        push() >> standing()

    return flow()


settings = Settings.from_environment()
for slug in province_slugs(settings):
    with suppress(ConfigurationError):  # the flow sync__<province> tells what is wrong with the file
        province = load_province(settings, slug)
        if province.inbound is not None:
            inbound_dag(province, province.inbound)
