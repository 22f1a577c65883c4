"""The types of fields: how instants, texts, numbers and lengths come in and go out, and what the document says of them.

What comes in is taken strictly (a number is no text), what goes out is UTC.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

DIGITS = re.compile(r"[0-9]{1,19}(\.0{1,9})?")
LARGEST_KEY = 2**63 - 1
CURSOR_BY_KEY = r"^[0-9]{1,18}$"
CURSOR_BY_TIME = r"^[0-9]{1,18}\.[0-9]{1,18}$"
CURSOR_BY_TIME_AND_UUID = r"^[0-9]{1,18}\.[0-9a-f]{32}$"
NO_NUL = r"^[^\x00]*$"
SOMETHING = r"^[^\x00]*[^\x00-\x20][^\x00]*$"
RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d{1,})?([Zz]|[+ -](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
INSTANT_EXAMPLE = "2026-11-23T09:00:00Z"

T = TypeVar("T")


def read_instant(value: Any) -> datetime:
    """An RFC 3339 date-time with an offset, as UTC; ValueError for anything else.

    A leap second is the last microsecond before it; beyond the calendar's ends an instant is its end; a + that
    became a blank in a query is taken as meant.
    """
    found = RFC3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"write an RFC 3339 time with an offset, like {INSTANT_EXAMPLE}")
    day, clock, fraction, offset = found.groups()
    leap = clock.endswith(":60")
    if leap:
        clock, fraction = clock[:-2] + "59", ".999999"
    offset = "+00:00" if offset in "Zz" else offset.replace(" ", "+")
    moment = datetime.fromisoformat(f"{day}T{clock}{(fraction or '')[:7]}{offset}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return FIRST if moment.year == 1 else LAST


def read_number(value: Any) -> Any:
    """A number of a path or query: plain decimal digits, perhaps with .0; ValueError for signs, blanks, fractions."""
    if isinstance(value, str):
        if not DIGITS.fullmatch(value):
            raise ValueError("write a whole number in digits")
        return int(value.partition(".")[0])
    return value


def read_whole(value: Any) -> Any:
    """A number of a body: JSON knows no difference between 5 and 5.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def read_flag(value: Any) -> Any:
    """`true` or `false` of a query."""
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("write true or false")
        return value == "true"
    return value


def read_uuid(value: Any) -> UUID:
    """An id of a path, with its dashes; ValueError for other ways to write one."""
    if not (isinstance(value, str) and len(value) == 36):
        raise ValueError("write the id as it is shown")
    return UUID(value)


def _seconds(length: timedelta | None) -> float | None:
    return length.total_seconds() if length is not None else None


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


DATE_TIME = WithJsonSchema({"type": "string", "format": "date-time", "examples": [INSTANT_EXAMPLE]})
InstantIn = Annotated[datetime, BeforeValidator(read_instant), DATE_TIME]
Instant = Annotated[datetime, AfterValidator(_utc), DATE_TIME]
Seconds = Annotated[
    timedelta, PlainSerializer(_seconds, return_type=float), WithJsonSchema({"type": "number", "examples": [300.0]})
]
"""A length of time that goes out, in seconds."""
Text = Annotated[str, Field(pattern=NO_NUL)]
"""Any text but NUL, which PostgreSQL keeps nowhere."""
Words = Annotated[str, Field(pattern=SOMETHING)]
"""A text that is not blank."""
Labels = Annotated[
    dict[
        Annotated[str, Field(pattern=SOMETHING, max_length=200)],
        Annotated[str, Field(pattern=NO_NUL, max_length=2000)],
    ],
    Field(max_length=100),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"type": "string", "pattern": SOMETHING, "maxLength": 200},
            "additionalProperties": {"type": "string", "pattern": NO_NUL, "maxLength": 2000},
            "maxProperties": 100,
            "examples": [{"team": "payments"}],
        }
    ),
]
"""Texts by name."""
Number = Annotated[int, Field(ge=1, le=LARGEST_KEY), BeforeValidator(read_number)]
"""A row's number in a path or query."""
Id = Annotated[int, Field(ge=1, le=LARGEST_KEY), BeforeValidator(read_whole)]
"""A row's number in a body."""
Length = Annotated[int, Field(ge=1, le=366 * 24 * 3600), BeforeValidator(read_whole)]
"""A length of time that comes in, in seconds: up to a year."""
Uuid = Annotated[UUID, BeforeValidator(read_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
"""An id in a path."""
Flag = Annotated[bool, BeforeValidator(read_flag)]


class In(BaseModel):
    """A body: strict types, and no field that is not known."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Out(BaseModel):
    """An answer, or a part of one."""


class PageQuery(BaseModel):
    """What every list takes."""

    limit: Annotated[int, Field(ge=1, le=200), BeforeValidator(read_number)] = Field(
        50, description="How many at most.", examples=[50]
    )
    cursor: str | None = Field(None, description="Where to go on: `next` of the page before.")


class ByKey(PageQuery):
    cursor: str | None = Field(None, pattern=CURSOR_BY_KEY, description="Where to go on: `next` of the page before.")


class ByTime(PageQuery):
    cursor: str | None = Field(None, pattern=CURSOR_BY_TIME, description="Where to go on: `next` of the page before.")


class ByTimeAndUuid(PageQuery):
    cursor: str | None = Field(
        None, pattern=CURSOR_BY_TIME_AND_UUID, description="Where to go on: `next` of the page before."
    )


class Page(Out, Generic[T]):
    """A page of a list, newest first."""

    items: list[T]
    next: str | None = Field(description="The cursor of the page behind this one; null on the last.")


class ErrorOut(Out):
    field: str = Field(description="The path of what is wrong.", examples=["body.severity"])
    detail: str = Field(description="What is wrong with it.", examples=["Field required"])


class ProblemOut(Out):
    """RFC 9457 problem details."""

    type: str = Field(description="Names the kind of problem.", examples=["urn:opscenter:problem:gate-shut"])
    title: str = Field(description="The kind in words.")
    status: int
    detail: str = Field(description="What is wrong with this request and what to do.")
    errors: list[ErrorOut] = Field(description="Each part that is wrong; often empty.")
