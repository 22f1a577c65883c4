"""B7: what a tick costs when nothing is due, with a million future rows against a thousand.

Fills a database with response targets, escalation turns, deliveries and alerts whose time lies ahead, then measures the
CPU of one tick (this process and the database server) over many ticks. Prints the ratio; the budget is 1.5.
"""

import os
import time
from datetime import UTC, datetime

from bench.measure import Meter, database_pids, emit

TICKS = 300
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SMALL, LARGE = 1_000, 1_000_000


def fill(rows: int) -> None:
    """`rows` future rows in all, spread over the tables that the sweeps look at."""
    from django.db import connection

    from policies.models import Policy, Severity

    policy, _ = Policy.objects.get_or_create(key="bench", defaults={"name": "bench"})
    level, _ = Severity.objects.get_or_create(policy=policy, key="P0", defaults={"label": "P0", "rank": 0})
    quarter = rows // 4
    series = {
        "postgresql": "(SELECT generate_series(1, {n}) AS n) AS s",
        "sqlite": "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {n})"
        " SELECT n FROM c) AS s",
    }[connection.vendor].format(n=quarter)
    ahead = {
        "postgresql": "TIMESTAMPTZ '2026-11-23 10:00+00' + n * INTERVAL '1 second'",
        "sqlite": "datetime('2026-11-23 10:00:00', '+' || n || ' seconds')",
    }[connection.vendor]
    now = f"'{AT:%Y-%m-%d %H:%M:%S}{'+00' if connection.vendor == 'postgresql' else ''}'"
    identity = {"postgresql": "decode(md5(random()::text || n), 'hex')", "sqlite": "randomblob(16)"}[connection.vendor]
    from alerts.models import Alert, Liveness
    from incidents.models import Escalation, Incident, ResponseTarget, Turn
    from notifications.models import Delivery

    def insert(model, **columns: str) -> None:
        """One row a number; every column without a value of its own gets an empty one of its type."""
        names, values = [], []
        for field in model._meta.concrete_fields:
            if field.primary_key and field.column not in columns:
                continue
            names.append(f'"{field.column}"')
            values.append(columns.get(field.column, _empty(field, now)))
        with connection.cursor() as cursor:
            cursor.execute(
                f'INSERT INTO "{model._meta.db_table}" ({", ".join(names)}) SELECT {", ".join(values)} FROM {series}'
            )

    base = Incident.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    insert(
        Incident, id=f"{base} + n", key=f"'bench-' || ({base} + n)", title="'bench'", status="'detected'",
        policy_id=str(policy.pk), severity_id=str(level.pk), detected_at=now,
    )  # fmt: skip
    insert(
        ResponseTarget,
        incident_id=f"{base} + n",
        kind="'mitigate'",
        anchor="'detected'",
        state="'pending'",
        due_at=ahead,
        check_at=ahead,
    )
    insert(Escalation, id=f"{base} + n", incident_id=f"{base} + n", state="'running'", started_at=now)
    insert(
        Turn,
        escalation_id=f"{base} + n",
        position="0",
        planned_at=ahead,
        due_at=ahead,
        condition="'unacked'",
        outcome="'waiting'",
    )
    insert(
        Delivery,
        kind="'json'",
        purpose="'notice'",
        subject="'bench'",
        status="'queued'",
        next_attempt_at=ahead,
        created_at=now,
        once="NULL",
    )
    abase = Alert.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    insert(Alert, id=f"{abase} + n", identity=identity, labels="'{}'", annotations="'{}'")
    insert(
        Liveness,
        alert_id=f"{abase} + n",
        firing="TRUE",
        starts_at=now,
        last_seen_at=now,
        check_at=ahead,
        assign_at="NULL",
        verdict="'joined'",
        times="1",
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _empty(field, now: str) -> str:
    from django.db import models

    if field.null:
        return "NULL"
    if isinstance(field, models.BooleanField):
        return "FALSE"
    if isinstance(field, models.IntegerField):
        return "0"
    if isinstance(field, models.DateTimeField):
        return now
    if isinstance(field, models.JSONField):
        return "'{}'"
    return "''"


def tick_cost() -> float:
    """CPU-µs of one look-and-tick with nothing due, this process and the database together."""
    from opscenter import clock, due

    def tick() -> None:
        clock.run(clock.TIMERS, at=AT, due=due.look().by(AT))

    for _ in range(20):
        tick()
    with Meter([os.getpid(), *database_pids()]) as meter:
        for _ in range(TICKS):
            tick()
    return meter.cpu_us / TICKS


def main() -> None:
    fill(SMALL)
    small = tick_cost()
    began = time.monotonic()
    fill(LARGE)
    filled = time.monotonic() - began
    large = tick_cost()
    emit("B7 tick with nothing due, 1 M future rows / 1,000", large / small, 1.5,
         f"{large:.0f} / {small:.0f} µs CPU a tick; {filled:.0f} s to fill")  # fmt: skip


if __name__ == "__main__":
    from bench.measure import with_django

    with_django(main)
