"""Procedures (thủ tục hành chính): the national list, each province's own list, and what differs between them."""

from hub.procedures.compare import Comparison, compare
from hub.procedures.excel import read_list
from hub.procedures.imports import import_list
from hub.procedures.national import pull_national
from hub.procedures.portal import Portal, open_national
from hub.procedures.province import pull_province
from hub.procedures.report import write_comparison

__all__ = [
    "Comparison",
    "Portal",
    "compare",
    "import_list",
    "open_national",
    "pull_national",
    "pull_province",
    "read_list",
    "write_comparison",
]
