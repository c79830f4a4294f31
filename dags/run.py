"""Run flows here and now, without a scheduler: `python -m dags.run sync__lao_cai`. For `lienthong demo` and the tests.

The DAG is the real one, its tasks run one after the other in this process, and Airflow's database keeps the run as any
other. One that fails does not stop the next.

Exit codes: 0 all succeeded, 1 one failed, 2 there is no such DAG or its file does not load.
"""

import argparse
import gc
import json
import os
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from dags import HERE
from hub.config import Settings
from hub.gate.great import great_expectations
from hub.memory import for_modules

LOADED = (
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.api_fastapi.execution_api.app",
)
"""What reading DAG files and running one loads of Airflow."""

SELDOM = (50_000, 20, 20)
"""How often Python looks for reference cycles: the process lives for a few flows, and Airflow and Great Expectations
make objects by the hundred thousand that their reference counts free."""


def prepare() -> None:
    """Bring Airflow's own database to this version's tables, and make the pool of each peer that has none.

    Sizes that an operator has changed are left alone.
    """
    from airflow.models.pool import Pool
    from airflow.utils.db import upgradedb

    from hub.airflow_home import pools

    upgradedb()
    for name, (slots, description) in pools(Settings.from_environment()).items():
        if Pool.get_pool(name) is None:
            Pool.create_or_update_pool(name, slots, description, include_deferred=False)


@cache
def _flows() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(os.environ.get("AIRFLOW__CORE__DAGS_FOLDER", str(HERE)))


def run(dag_id: str, conf: dict[str, Any]) -> dict[str, Any]:
    """Run one DAG to its end.

    Returns:
        `dag_id`, `run_id`, `state`, and `tasks` with the state and seconds of each.

    Raises:
        LookupError: no file defines this DAG; the message has the errors of files that did not load.
    """
    bag = _flows()
    dag = bag.dags.get(dag_id)
    if dag is None:
        broken = "".join(f"\n{file}:\n{error}" for file, error in bag.import_errors.items())
        raise LookupError(f"there is no DAG '{dag_id}'; known: {', '.join(sorted(bag.dags))}{broken}")
    ended = dag.test(run_conf=conf)
    return {
        "dag_id": dag_id,
        "run_id": ended.run_id,
        "state": str(ended.state),
        "tasks": {
            f"{one.task_id}[{one.map_index}]" if one.map_index >= 0 else one.task_id: {
                "state": str(one.state),
                "seconds": round(one.duration or 0, 2),
            }
            for one in sorted(ended.get_task_instances(), key=lambda one: str(one.start_date))
        },
    }


def main() -> int:
    """Parse the command line; the outcome goes to `--result` as JSON, Airflow's log to standard output."""
    parser = argparse.ArgumentParser(prog="python -m dags.run", description=__doc__)
    parser.add_argument("dag_id", nargs="*", help="one or several, run one after the other")
    parser.add_argument(
        "--conf", default="{}", type=json.loads, help='JSON, such as {"since": "2026-06-01T00:00:00+07:00"}'
    )
    parser.add_argument("--prepare", action="store_true", help="first bring Airflow's database and pools up to date")
    parser.add_argument("--gate", action="store_true", help="load everything, then wait for a line on standard input")
    parser.add_argument("--result", type=Path, help="write the outcome here, one JSON object a line")
    given = parser.parse_args()
    with for_modules():
        for module in LOADED:
            import_module(module)
        if given.gate:
            great_expectations()  # what flows check with
        if given.prepare:
            prepare()
    gc.set_threshold(*SELDOM)
    if given.gate and not sys.stdin.readline():
        return 1
    failed = False
    for dag_id in given.dag_id:
        try:
            outcome = run(dag_id, given.conf)
        except LookupError as error:
            print(error, file=sys.stderr)
            return 2
        if given.result:
            with given.result.open("a", encoding="utf-8") as file:
                file.write(json.dumps(outcome) + "\n")
        failed = failed or outcome["state"] != "success"
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
