"""How a stream is walked and limited in time: the kinds of `pages:` and the `window:` of a connector spec."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from connectors.spec.words import Duration, Form, Part, SomeTime, Zone

Order = Literal["newest_first", "oldest_first", "unsaid"]


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("write the time with its offset, as 2020-01-01T00:00:00+07:00")
    return moment


class NoPages(Part):
    """The whole list comes in one answer."""

    by: Literal["none"] = Field(description="the way of paging")


class _Marked(Part):
    """How an answer may say that a page is the last one."""

    total: str | None = Field(default=None, description="where the answer says how many rows the window has")
    last: str | None = Field(default=None, description="where the answer says that this page is the last (true)")
    more: str | None = Field(default=None, description="where the answer says that more pages follow (true)")


class NumberedPages(_Marked):
    """Page number and page size."""

    by: Literal["number"] = Field(description="the way of paging")
    page: str = Field(description="parameter that carries the page number")
    size: str = Field(description="parameter that carries the number of rows")
    first: Literal[0, 1] = Field(default=1, description="number of the first page")
    rows: int = Field(ge=1, le=10_000, description="rows asked for")
    order: Order = Field(default="unsaid", description="newest_first stops at the window's start")


class OffsetPages(_Marked):
    """Number of rows to skip, and how many to give."""

    by: Literal["offset"] = Field(description="the way of paging")
    offset: str = Field(description="parameter that carries the number of rows to skip")
    limit: str = Field(description="parameter that carries the number of rows")
    rows: int = Field(ge=1, le=10_000, description="rows asked for")
    order: Order = Field(default="unsaid", description="newest_first stops at the window's start")


class CursorPages(Part):
    """The answer names the next page by a word that means something only to the peer."""

    by: Literal["cursor"] = Field(description="the way of paging")
    cursor: str = Field(description="parameter that carries the cursor; the first page is asked for without it")
    next: str = Field(description="where the answer keeps the next page's cursor; empty or missing: the end")
    more: str | None = Field(default=None, description="where the answer says that more pages follow (true)")
    size: str | None = Field(default=None, description="parameter that carries the number of rows")
    rows: int | None = Field(default=None, ge=1, le=10_000, description="rows asked for")
    total: str | None = Field(default=None, description="where the answer says how many rows the window has")

    @model_validator(mode="after")
    def _size_and_rows(self) -> "CursorPages":
        if (self.size is None) != (self.rows is None):
            raise ValueError("size and rows go together: the parameter and its value")
        return self


class LinkedPages(Part):
    """The answer gives the address of the next page."""

    by: Literal["link"] = Field(description="the way of paging")
    next: str = Field(description="where the answer keeps the address; header: the Link header's rel=next")
    size: str | None = Field(default=None, description="parameter that carries the number of rows")
    rows: int | None = Field(default=None, ge=1, le=10_000, description="rows asked for")
    total: str | None = Field(default=None, description="where the answer says how many rows the window has")

    @model_validator(mode="after")
    def _size_and_rows(self) -> "LinkedPages":
        if (self.size is None) != (self.rows is None):
            raise ValueError("size and rows go together: the parameter and its value")
        return self


class PagesByTime(Part):
    """Oldest change first, each page asked for from the last change of the one before: a moving list loses nothing."""

    by: Literal["time"] = Field(description="the way of paging")
    page: str = Field(description="parameter that carries the page number")
    size: str = Field(description="parameter that carries the number of rows")
    first: Literal[0, 1] = Field(default=1, description="number of the first page")
    rows: int = Field(ge=1, le=10_000, description="rows asked for")
    total: str | None = Field(default=None, description="where the answer says how many rows the window has")


class Queue(Part):
    """The peer gives what was not acknowledged yet, and gives it again until it is."""

    by: Literal["queue"] = Field(description="the way of paging")
    acknowledge: str = Field(
        description="operation that is called once a page has landed; {keys} are its records' keys"
    )
    size: str | None = Field(default=None, description="parameter that carries the number of rows")
    rows: int | None = Field(default=None, ge=1, le=10_000, description="rows asked for")

    @model_validator(mode="after")
    def _size_and_rows(self) -> "Queue":
        if (self.size is None) != (self.rows is None):
            raise ValueError("size and rows go together: the parameter and its value")
        return self


Pages = Annotated[
    NoPages | NumberedPages | OffsetPages | CursorPages | LinkedPages | PagesByTime | Queue, Field(discriminator="by")
]


class WindowSpec(Part):
    """How a stream is limited in time."""

    since: str | None = Field(default=None, description="parameter with the window's start")
    until: str | None = Field(default=None, description="parameter with the window's end")
    format: Form | None = Field(default=None, description="when the parameters are written unlike the system's dates")
    zone: Zone | None = Field(default=None, description="zone of the parameters, when not the system's")
    overlap: Duration = Field(
        default=1800.0, validate_default=False, description="how far a run reaches back before the last one"
    )
    most: SomeTime | None = Field(
        default=None, description="longest window of one call: a longer one is walked in pieces, oldest first"
    )
    earliest: Annotated[datetime, AfterValidator(_aware)] | None = Field(
        default=None,
        description="where a walk without a start begins, with its offset; needed beside most",
    )

    @model_validator(mode="after")
    def _pieces_have_ends(self) -> "WindowSpec":
        if self.most is not None and not (self.since and self.until and self.earliest):
            raise ValueError("most needs since, until and earliest: the pieces have both ends")
        return self
