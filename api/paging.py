"""Pages by key, not by number: what is inserted meanwhile shifts nothing, and the last page costs what the first does.

A cursor is the place of the last row shown, in the order of the list: `TIME.KEY` or just `KEY`; TIME counts
microseconds since the year 1, so that no instant is negative.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from .problems import Problem
from .shapes import CURSOR_BY_KEY, CURSOR_BY_TIME, CURSOR_BY_TIME_AND_UUID, PageQuery

YEAR_ONE = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Order:
    """Newest first: by the column `time`, where there is one, then by primary key."""

    time: str = ""
    uuid: bool = False

    @property
    def pattern(self) -> str:
        if not self.time:
            return CURSOR_BY_KEY
        return CURSOR_BY_TIME_AND_UUID if self.uuid else CURSOR_BY_TIME

    @property
    def columns(self) -> list[str]:
        return [f"-{self.time}", "-pk"] if self.time else ["-pk"]

    def cursor(self, row: Model) -> str:
        key = row.pk.hex if self.uuid else str(row.pk)
        if not self.time:
            return key
        return f"{(getattr(row, self.time) - YEAR_ONE) // MICROSECOND}.{key}"

    def behind(self, cursor: str) -> Q:
        """Rows that come after the place `cursor` (which fits the pattern)."""
        time, _, key = cursor.rpartition(".")
        pk: Any = UUID(key) if self.uuid else int(key)
        if not self.time:
            return Q(pk__lt=pk)
        at = YEAR_ONE + min(int(time) * MICROSECOND, LAST - YEAR_ONE)
        # `lte` says nothing new; by it the index is entered at the place instead of at the newest row
        return Q(**{f"{self.time}__lte": at}) & (Q(**{f"{self.time}__lt": at}) | Q(pk__lt=pk))


def page(rows: QuerySet[M], query: PageQuery, order: Order, shown: Callable[[M], Any]) -> dict[str, Any]:
    """One page of `rows` as {"items": […], "next": cursor or None}; one query, and those that `rows` prefetches."""
    if query.cursor is not None:
        rows = rows.filter(order.behind(query.cursor))
    found = list(rows.order_by(*order.columns)[: query.limit + 1])
    more = len(found) > query.limit
    kept = found[: query.limit]
    return {"items": [shown(row) for row in kept], "next": order.cursor(kept[-1]) if more else None}


def got(rows: QuerySet[M], what: str, **by: Any) -> M:
    """The one row; Problem (404) with `what` in its sentence when there is none."""
    row = rows.filter(**by).first()
    if row is None:
        raise Problem("not-found", f"There is no {what}.")
    return row
