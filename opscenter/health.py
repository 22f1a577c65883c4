"""How Opscenter itself is: one verdict with reasons in words, for probes, people and who watches the watcher."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import Error as DatabaseTrouble
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Max, Q

from alerts.models import LONG_AGO, AlertRule
from notifications.models import Delivery

from . import engine, outside
from .beat import PREFIX
from .due import Look, look
from .models import Beat

TICK_WITHIN = timedelta(seconds=30)
ANSWER_WITHIN = timedelta(seconds=90)  # it is asked every 30 s
LATE_AFTER = timedelta(seconds=30)
JOB_WITHIN = timedelta(hours=1)
CHECKED_WITHIN = timedelta(minutes=2)
CRON_WITHIN = timedelta(seconds=150)  # without a clock, cron runs the timers every minute
NEWEST = 1000  # deliveries looked at for failures, so that the question stays quick however many there are
FAILED_WITHIN = timedelta(hours=1)

OK, DEGRADED, DOWN = "ok", "degraded", "down"
_migrated = False


@dataclass
class Health:
    """The verdict: `checks` maps what was looked at to ok or a sentence, `reasons` are the sentences."""

    status: str = OK
    checks: dict[str, str] = field(default_factory=dict)

    @property
    def reasons(self) -> list[str]:
        return [words for words in self.checks.values() if words != OK]

    def note(self, check: str, words: str = "") -> None:
        """Record a check; with `words` it did not hold."""
        self.checks[check] = words or OK
        if words and self.status == OK:
            self.status = DEGRADED

    def as_json(self) -> dict:
        return {"status": self.status, "reasons": self.reasons, "checks": self.checks}


def check(*, at: datetime) -> Health:
    """Look at everything, in a handful of queries; never raises for a database that is away."""
    health = Health()
    try:
        if words := readiness():
            health.note("database", words)
            health.status = DOWN
            return health
        health.note("database")
        found = look()
        signs = {sign.key: sign for sign in Beat.objects.all()}
        cron = signs.get("run_timers")
        by_cron = cron is not None and at - cron.at <= CRON_WITHIN
        if by_cron and not ticks(signs.get("clock"), at):
            health.note("clock")  # cron stands in for clock and queue
            _late(health, found, at, after=CRON_WITHIN)
        else:
            _clock(health, signs.get("clock"), at)
            _queue(health, signs.get("clock"), signs.get("queue"), at)
            _late(health, found, at, after=LATE_AFTER)
        _jobs(health, signs, at)
        _deliveries(health, at)
        _rules(health, at)
        health.note("outside heartbeat", outside.trouble(signs.get(outside.SIGN), at=at))
    except DatabaseTrouble:
        health.note("database", "The database does not answer.")
        health.status = DOWN
    return health


def readiness() -> str:
    """Why this process cannot serve, empty when it can: the database answers and has every migration."""
    global _migrated
    try:
        if not _migrated:
            executor = MigrationExecutor(connection)
            missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
            if missing:
                return f"{len(missing)} migrations have not been applied; run manage.py migrate."
            _migrated = True  # it takes a tenth of a second, and migrations are not taken back while we run
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseTrouble:
        return "The database does not answer."
    return ""


def ticks(sign: Beat | None, at: datetime) -> bool:
    """Whether the clock, whose sign of life this is, runs at `at`."""
    return sign is not None and at - sign.at <= TICK_WITHIN


def _clock(health: Health, sign: Beat | None, at: datetime) -> None:
    if sign is None:
        health.note("clock", "The clock has never run; start it with bin/run or manage.py clock.")
    elif not ticks(sign, at):
        health.note("clock", f"The clock last ticked {words(at - sign.at)} ago, at {sign.at:%Y-%m-%d %H:%M:%S} UTC.")
    else:
        health.note("clock", " ".join(sign.detail.get("reasons", [])))


def _queue(health: Health, clock: Beat | None, sign: Beat | None, at: datetime) -> None:
    """What the clock says of the queue counts; without a clock, when the queue last answered."""
    if engine.is_inline():
        health.note("queue")
    elif clock is not None and ticks(clock, at):
        health.note("queue", " ".join(clock.detail.get("queue", [])))
    elif sign is None:
        health.note("queue", "The task queue has never answered; does the worker run?")
    elif at - sign.at > ANSWER_WITHIN:
        health.note("queue", f"The task queue last answered {words(at - sign.at)} ago; does the worker run?")
    else:
        health.note("queue")


def _late(health: Health, found: Look, at: datetime, *, after: timedelta) -> None:
    behind = [f"{name} {words(wait)}" for name, wait in found.waited(at).items() if wait > after]
    health.note("sweeps", f"Due work waits unclaimed: {', '.join(behind)}." if behind else "")


def _jobs(health: Health, signs: dict[str, Beat], at: datetime) -> None:
    trouble = []
    for key, sign in signs.items():
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX)
        if sign.detail.get("error"):
            trouble.append(
                f"The job {name} failed at {sign.at:%Y-%m-%d %H:%M} UTC; signs of life in the admin say why."
            )
        elif not sign.detail.get("ended") and at - sign.at > JOB_WITHIN:
            trouble.append(f"The job {name} began at {sign.at:%Y-%m-%d %H:%M} UTC and did not end.")
    health.note("jobs", " ".join(trouble))


def _deliveries(health: Health, at: datetime) -> None:
    newest = Delivery.objects.order_by("-pk").values_list("status", "ended_at")[:NEWEST]
    failed = sum(
        status == Delivery.Status.FAILED and ended_at is not None and at - ended_at <= FAILED_WITHIN
        for status, ended_at in newest
    )
    retrying = Delivery.objects.filter(next_attempt_at__isnull=False, status=Delivery.Status.RETRYING).count()
    parts = [f"{failed} failed in the last hour"] if failed else []
    parts += [f"{retrying} are being tried again"] if retrying else []
    health.note("deliveries", f"Messages do not arrive: {', '.join(parts)}." if parts else "")


def _rules(health: Health, at: datetime) -> None:
    on = AlertRule.objects.filter(enabled=True)
    found = on.aggregate(
        failing=Count("pk", filter=Q(state=AlertRule.State.ERROR)),
        waiting=Count("pk", filter=Q(next_check_at__gt=LONG_AGO, next_check_at__lt=at - CHECKED_WITHIN)),
        checked_at=Max("checked_at"),
    )
    last = found["checked_at"]
    idle = found["waiting"] and (last is None or at - last > CHECKED_WITHIN)
    since = f"for {words(at - last)}" if last else "yet"
    health.note("checks", f"No check of a rule has run {since}, and {found['waiting']} are due." if idle else "")
    failing = found["failing"]
    health.note("rules", f"{failing} rules cannot be checked because their source fails." if failing else "")


def words(length: timedelta) -> str:
    """`45 s`, `12 min`, `3 h`."""
    seconds = int(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
