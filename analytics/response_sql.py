"""The statement behind the response targets: how many were met, for everything and by group.

It reads `counted`: incidents with their group and period, once for everything (`whole` = 1) and once for their group.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet

BY_KIND = "c.whole, c.grp, c.span, t.kind"
STATES = ("met", "breached", "pending")


def run(
    sql: str, rows: QuerySet, columns: Sequence[str], *, whole: bool, grouped: bool, teams: QuerySet | None = None
) -> Iterable[Sequence[Any]]:
    """The lines of `sql`, each beginning with whole, grp and span.

    rows     the incidents as tuples of `columns`, among which are id, span and grp (a number)
    whole    whether everything is wanted
    grouped  whether each group is wanted
    teams    (incident, team): instead of grp, the groups in which each incident is, once in each
    """
    try:
        inner, params = rows.query.sql_with_params()
        team_sql, team_params = teams.query.sql_with_params() if teams is not None else ("", ())
    except EmptyResultSet:
        return []
    rest = [name for name in columns if name != "grp"]
    listed, theirs = ", ".join(rest), ", ".join(f"r.{name}" for name in rest)
    nothing = "''" if teams is not None else "0"
    parts = [f"SELECT 1, {nothing}, {listed} FROM rows"] if whole else []
    if teams is not None:
        join = "FROM rows r LEFT JOIN teams t ON t.incident_id = r.id"
        parts.append(f"SELECT 0, COALESCE(t.team, ''), {theirs} {join}")
    elif grouped:
        parts.append(f"SELECT 0, grp, {listed} FROM rows")
    with_ = [f"rows ({', '.join(columns)}) AS MATERIALIZED ({inner})"]
    with_ += [f"teams (incident_id, team) AS ({team_sql})"] if teams is not None else []
    with_.append(f"counted (whole, grp, {listed}) AS MATERIALIZED ({' UNION ALL '.join(parts)})")
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL jit = off")  # to compile such a statement takes longer than to run it
        cursor.execute(f"WITH {', '.join(with_)}{sql}", [*params, *team_params])
        return cursor.fetchall()


def targets() -> str:
    """whole, grp, span, kind of target, met, missed, running."""
    counts = ", ".join(f"SUM(CASE WHEN t.state = '{state}' THEN 1 ELSE 0 END)" for state in STATES)
    rows = "SELECT kind, state FROM incidents_responsetarget WHERE incident_id = c.id AND state <> 'cancelled'"
    if connection.vendor == "postgresql":
        joined = f"CROSS JOIN LATERAL ({rows} OFFSET 0) t"  # each by its index; the planner would read all there are
    else:
        # CROSS: in this order, which SQLite would else turn round
        joined = "CROSS JOIN incidents_responsetarget t ON t.incident_id = c.id AND t.state <> 'cancelled'"
    return f" SELECT c.whole, c.grp, c.span, t.kind, {counts} FROM counted c {joined} GROUP BY {BY_KIND}"
