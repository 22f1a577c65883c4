"""Rows that a body names."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from .problems import Problem

M = TypeVar("M", bound=Model)
LISTED = 20


def one_of(rows: QuerySet[M], what: str, field: str, **by: Any) -> M:
    """The row that a field of the body names; Problem (409) says which there are."""
    found = rows.filter(**by).first()
    if found is not None:
        return found
    (column, value), *_ = by.items()
    known = ""
    if column != "pk":
        names = [str(name) for name in rows.order_by(column).values_list(column, flat=True)[: LISTED + 1]]
        known = f"; there are: {', '.join(names[:LISTED])}{' …' if len(names) > LISTED else ''}" if names else ""
    words = f"There is no {what} {value}{known or ''}."
    raise Problem("refused", words, errors=[(field, words)])
