"""B9: what 2,000 SQL rules cost, checked in one round, against the same queries in a bare loop of the driver.

- the source alone (guard, session, limits, readings) against the bare loop: budget 1.3 on PostgreSQL; an SQLite file is
  asked within the process, where the bare query costs next to nothing, and has none
- the whole round (claim, ask, judge, write) as a share of one core when it runs once a minute: budget 5 %
- the same round while one more source hangs, until all others are judged, against the round without it

The rules ask the bench's own PostgreSQL, or an SQLite file with --sqlite; CPU is this process's own, the database's is
the same on both sides.
"""

import os
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Meter, emit

RULES, ROUNDS = 2_000, 3
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TIMEOUT = timedelta(seconds=5)
PATIENCE = timedelta(seconds=30)
SHARE = 0.05
"""Of one core, for all of them once a minute."""
QUERIES = [f"SELECT count(*) AS waiting FROM bench_jobs WHERE kind = {n % 50}" for n in range(RULES)]


def fill() -> str:
    """The table that the rules ask; return the address of its database."""
    rows = [(n % 50,) for n in range(500)]
    if (url := os.environ["DATABASE_URL"]).startswith("sqlite"):
        path = Path(tempfile.mkdtemp(dir=os.environ["OPSCENTER_DATA"])) / "jobs.sqlite3"
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE bench_jobs (kind integer)")
            database.executemany("INSERT INTO bench_jobs VALUES (?)", rows)
        return f"sqlite:///{path}"
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE bench_jobs (kind integer)")
        connection.cursor().executemany("INSERT INTO bench_jobs VALUES (%s)", rows)
    return url


def make_rules(url: str) -> None:
    """So many rules of one policy over one connection; none of them fires."""
    from alerts.models import AlertRule, RuleSource
    from policies.models import Policy, Severity
    from sources.models import Connection

    policy = Policy.objects.create(key="bench", name="bench")
    level = Severity.objects.create(policy=policy, key="P1", label="P1", rank=0)
    place = Connection.objects.create(policy=policy, key="jobs", kind="sql", url=url, timeout=TIMEOUT)
    rules = [
        AlertRule(
            policy=policy, severity=level, key=f"jobs-{n}", name=f"jobs {n}", every=MINUTE, next_check_at=AT,
            condition={"when": "waiting > 50"},
        )
        for n in range(RULES)
    ]  # fmt: skip
    AlertRule.objects.bulk_create(rules)
    RuleSource.objects.bulk_create(
        RuleSource(rule=rule, kind="sql", variant="sql", connection=place, spec={"query": query})
        for rule, query in zip(rules, QUERIES, strict=True)
    )


def add_hanging(door: socket.socket) -> None:
    """A rule whose source takes the connection and never says a word."""
    from alerts.models import AlertRule, RuleSource
    from policies.models import Policy

    policy = Policy.objects.get(key="bench")
    rule = AlertRule.objects.create(
        policy=policy, severity=policy.severities.get(), key="hangs", name="hangs", condition={"when": "value > 0"}
    )
    url = f"http://127.0.0.1:{door.getsockname()[1]}/"
    RuleSource.objects.create(rule=rule, kind="http", variant="http", spec={"url": url})


def cpu_each(work: Callable[[], None]) -> float:
    """CPU-µs a rule of the quickest of some rounds, after one that warms up."""
    work()
    found = []
    for _ in range(ROUNDS):
        with Meter([os.getpid()]) as meter:
            work()
        found.append(meter.cpu_us / RULES)
    return min(found)


def bare_loop(url: str) -> Callable[[], None]:
    """The same queries by the driver alone, on a session that is read-only and has its time limit."""
    if url.startswith("sqlite"):
        database = sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)

        def loop() -> None:
            for query in QUERIES:
                database.execute(query).fetchall()
    else:
        import psycopg

        options = f"-c default_transaction_read_only=on -c statement_timeout={TIMEOUT.seconds * 1000}"
        connection = psycopg.connect(url, options=options, autocommit=True)

        def loop() -> None:
            for query in QUERIES:
                connection.execute(query).fetchall()

    return loop


def source_alone(url: str) -> Callable[[], None]:
    from sources.probes import PROBES

    def loop() -> None:
        for query in QUERIES:
            PROBES["sql"].read({"url": url, "query": query}, at=AT, timeout=TIMEOUT)

    return loop


class Rounds:
    """Whole rounds of checks, a minute apart."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> None:
        from alerts import evaluation

        self.at += MINUTE
        checked = 0
        while checked < RULES:
            report = evaluation.check_due(at=self.at, patience=PATIENCE)
            assert report.checked and not report.failed, str(report)
            checked += report.checked

    def until_others_are_judged(self, most: timedelta) -> float:
        """Seconds until all rules but the one that hangs are judged; returns after `most` at the latest."""
        from alerts import evaluation
        from alerts.models import AlertRule

        self.at += MINUTE
        began = time.monotonic()
        waiting = AlertRule.objects.filter(checked_at__lt=self.at).exclude(key="hangs")
        while waiting.exists() and time.monotonic() - began < most.total_seconds():
            evaluation.check_due(at=self.at, patience=timedelta(milliseconds=50))
        return time.monotonic() - began


def main() -> None:
    url = fill()
    make_rules(url)
    database = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    bare, source = cpu_each(bare_loop(url)), cpu_each(source_alone(url))
    emit(f"B9 SQL source / bare driver loop, {database}", source / bare, None if url.startswith("sqlite") else 1.3,
         f"{source:.0f} / {bare:.0f} µs CPU a rule")  # fmt: skip
    rounds = Rounds()
    whole = cpu_each(rounds)
    share = whole * RULES / 60e6
    emit(f"B9 2,000 rules a minute / 5 % of a core, {database}", share / SHARE, 1.0,
         f"{share:.1%} of a core, {whole:.0f} µs CPU a rule")  # fmt: skip
    calm = min(rounds.until_others_are_judged(PATIENCE) for _ in range(2))
    with socket.create_server(("127.0.0.1", 0)) as door:
        add_hanging(door)
        hanging = rounds.until_others_are_judged(PATIENCE)
    emit(f"A round beside a source that hangs, {database}", hanging / calm, 1.5,
         f"{hanging:.2f} s until all others are judged, {calm:.2f} s without it")  # fmt: skip


if __name__ == "__main__":
    from bench.measure import with_django

    with_django(main)
