"""The statements behind the response figures, read as bare tuples: Django's way to a value is longer than the rest."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet


def lines(rows: QuerySet) -> Iterable[Sequence[Any]]:
    """`rows`, a values_list of numbers and texts, as the database says them."""
    return _read("%s", rows)


def targets(rows: QuerySet) -> Iterable[Sequence[Any]]:
    """group, span, kind of target, its state, how many; `rows` is a values_list of incidents: id, group, span."""
    theirs = "SELECT kind, state FROM incidents_responsetarget WHERE incident_id = r.id AND state <> 'cancelled'"
    if connection.vendor == "postgresql":
        joined = f"CROSS JOIN LATERAL ({theirs} OFFSET 0) t"  # each by its index; the planner would read all there are
    else:
        # CROSS: in this order, which SQLite would else turn round
        joined = "CROSS JOIN incidents_responsetarget t ON t.incident_id = r.id AND t.state <> 'cancelled'"
    counted = f"SELECT r.grp, r.span, t.kind, t.state, COUNT(*) FROM r {joined} GROUP BY 1, 2, 3, 4"
    return _read(f"WITH r (id, grp, span) AS MATERIALIZED (%s) {counted}", rows)


@contextmanager
def reading() -> Iterator[None]:
    """Around all statements of one answer: one look at the rows, and on PostgreSQL without compiling them first."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL jit = off")  # to compile such a statement takes longer than to run it
        yield


def _read(sql: str, rows: QuerySet) -> Iterable[Sequence[Any]]:
    try:
        inner, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("%s", inner, 1), params)
        return cursor.fetchall()
