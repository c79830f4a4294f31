"""Flows for Airflow. A DAG file says order, pools, retries and people; the work is in `hub`."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
