"""dlt's rest_api source into PostgreSQL, as its documentation shows it; in .venv-bench, without anything of ours.

`python dlt_rest.py JSON` with {url, database, login, password, client_id, rows}; prints {records, seconds} as JSON.
"""

import json
import os
import sys
import tempfile
import time
from typing import Any
from urllib.parse import quote, urlsplit

os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}

import dlt
from dlt.destinations import postgres
from dlt.sources.rest_api import rest_api_source


def source(given: dict[str, Any]) -> Any:
    """The dossier search: page numbers until a page is empty, records merged by their id."""
    return rest_api_source(
        {
            "client": {
                "base_url": given["url"],
                "auth": {
                    "type": "oauth2_client_credentials",
                    "access_token_url": given["url"] + "/auth/realms/digo/protocol/openid-connect/token",
                    "client_id": given["client_id"],
                    "client_secret": "",
                    "access_token_request_data": {
                        "grant_type": "password",
                        "username": given["login"],
                        "password": given["password"],
                    },
                },
                "paginator": {"type": "page_number", "base_page": 0, "page_param": "page", "total_path": None},
            },
            "resources": [
                {
                    "name": "dossier",
                    "primary_key": "id",
                    "write_disposition": "merge",
                    "endpoint": {
                        "path": "pa/dossier/search",
                        "params": {"size": given["rows"], "spec": "slice", "sort": "updatedDate,desc"},
                        "data_selector": "content",
                    },
                }
            ],
        }
    )


def main(given: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=folder,
            destination=postgres(_address(given["database"])),
            dataset_name="bench",
        )
        dossiers = source(given)
        begun = time.perf_counter()
        pipeline.run(dossiers, loader_file_format="csv")
        seconds = time.perf_counter() - begun
        with pipeline.sql_client() as client, client.execute_query("SELECT count(*) FROM dossier") as cursor:
            records = cursor.fetchone()[0]
    print(json.dumps({"records": records, "seconds": seconds}))


def _address(database: str) -> str:
    """A psycopg address with the socket folder as host, in the form that libpq and dlt both read."""
    parts = urlsplit(database)
    folder = dict(pair.split("=", 1) for pair in parts.query.split("&"))["host"]
    return f"postgresql://postgres:any@{quote(folder, safe='')}:5432{parts.path}"


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
