"""Procedures (thủ tục hành chính): the national list, each province's own list, and what differs between them."""

from hub.procedures.national import pull_national
from hub.procedures.portal import Portal, open_national

__all__ = ["Portal", "open_national", "pull_national"]
