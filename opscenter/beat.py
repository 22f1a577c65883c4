"""System jobs: their registry, their stored schedules, and the hand-over of those that are due.

A schedule is a row of django-celery-beat, made here once and edited in the admin. The clock reads the rows and hands
due ones to the engine, whatever the engine is. A job runs once for each time it was due: the hand-over is claimed on
the schedule's row, the run on the job's sign of life, and a hand-over nobody took is seen by comparing the two.
"""

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import CroniterBadCronError, croniter
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from . import engine
from .models import Beat

log = logging.getLogger(__name__)
RUN_JOB = "opscenter.tasks.run_job"
PREFIX = "job:"
NEVER = datetime.min.replace(tzinfo=UTC)


def sign_of(name: str) -> str:
    """The key under which the last run of the job `name` is kept."""
    return (PREFIX + name)[:80]


class BadSchedule(Exception):
    """A stored schedule that cannot be followed; the text names the row and what to change."""


@dataclass(frozen=True)
class Job:
    """A system job as it is first installed; `crontab` is minute, hour, day of month, month, day of week in UTC."""

    name: str
    task: str
    description: str
    crontab: str = ""
    every: timedelta | None = None


JOBS = (
    Job(
        "test pages",
        "opscenter.tasks.send_test_pages",
        "Sends each person in a schedule a test page that asks to be confirmed; a policy switches it off by parameter.",
        crontab="0 9 1 * *",
    ),
    Job(
        "self-test of destinations",
        "opscenter.tasks.test_destinations",
        "Sends each destination a test message, and shows who looks after Opscenter whose token ends soon.",
        crontab="0 7 * * *",
    ),
    Job(
        "maintenance",
        "opscenter.tasks.ops_maintenance",
        "Removes webhook logs and delivery attempts that are older than the settings keep them, expired sessions too.",
        crontab="30 3 * * *",
    ),
    Job(
        "threshold reviews",
        "analytics.tasks.review_thresholds",
        "Looks at every rule of the month that is over: alerts, what they were worth, and what is proposed.",
        crontab="0 0,12 1 * *",  # at noon for the zones in which the month is not over at midnight UTC
    ),
    Job(
        "states of tickets",
        "opscenter.tasks.read_tickets",
        "Reads what tickets have come to in their trackers, each as often as its plan says.",
        every=timedelta(minutes=1),
    ),
    Job(
        "calendar feeds",
        "opscenter.tasks.fetch_feeds",
        "Fetches the calendars of schedules that are due, each as often as its row says.",
        every=timedelta(minutes=1),
    ),
    Job(
        "feature flags",
        "flags.tasks.look",
        "Reads flags where their applications tell them, and reminds of those that were changed for a time.",
        every=timedelta(minutes=1),
    ),
)


def register() -> int:
    """Store the schedule of every job that has none yet; those that exist stay as people edited them."""
    made = 0
    for job in JOBS:
        if PeriodicTask.objects.filter(name=job.name).exists():
            continue
        if job.every is not None:
            seconds = int(job.every.total_seconds())
            interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")
            when = {"interval": interval}
        else:
            names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
            crontab, _ = CrontabSchedule.objects.get_or_create(
                **dict(zip(names, job.crontab.split(), strict=True)), timezone="UTC"
            )
            when = {"crontab": crontab}
        PeriodicTask.objects.create(name=job.name, task=job.task, description=job.description, **when)
        made += 1
    return made


@dataclass(frozen=True)
class Entry:
    """An enabled schedule as it stood when it was read."""

    pk: int
    name: str
    last_run_at: datetime | None
    due_at: datetime | None  # None: never again
    one_off: bool


def entries() -> list[Entry]:
    """Every enabled schedule with the instant it is due next; one that cannot be followed is logged and left out."""
    found = []
    rows = PeriodicTask.objects.filter(enabled=True).select_related("interval", "crontab", "clocked", "solar")
    for row in rows:
        try:
            due_at = next_due(row)
        except BadSchedule as error:
            log.error("%s", error)
            continue
        found.append(Entry(row.pk, row.name, row.last_run_at, due_at, row.one_off))
    return found


def next_due(row: PeriodicTask) -> datetime | None:
    """When `row` is due next, counted from its last run, or from its last edit if it never ran; None for never."""
    since = row.last_run_at or row.date_changed
    if row.start_time and since < row.start_time:
        since = row.start_time - timedelta(microseconds=1)
    if row.interval:
        due = max(since + row.interval.schedule.run_every, row.start_time or NEVER)
    elif row.crontab:
        due = next_crontab(row.crontab, since, name=row.name)
    elif row.clocked:
        due = row.clocked.clocked_time if row.last_run_at is None else None
    else:
        raise BadSchedule(
            f"Schedule {row.name!r} follows the sun, which the clock does not; give it a crontab or an interval."
        )
    expired = due is not None and row.expires is not None and due > row.expires
    return None if expired else due


def next_crontab(crontab: CrontabSchedule, after: datetime, *, name: str = "") -> datetime:
    """The first instant after `after` (aware) that `crontab` names, in its own zone.

    A time of day that occurs twice (clocks put back) means the first, one that does not exist takes the offset before
    the gap. A crontab for every hour counts real hours instead. BadSchedule when it names no instant at all.
    """
    zone = ZoneInfo(str(crontab.timezone))
    fields = [crontab.minute, crontab.hour, crontab.day_of_month, crontab.month_of_year, crontab.day_of_week]
    words = " ".join(field.replace(" ", "") for field in fields)
    local = after.astimezone(zone)
    try:
        if crontab.hour.strip().startswith("*"):
            return croniter(words, local, day_or=False).get_next(datetime).astimezone(UTC)
        times = croniter(words, local.replace(tzinfo=None), day_or=False)
        while True:
            found = times.get_next(datetime).replace(tzinfo=zone).astimezone(UTC)
            if found > after:
                return found
    except (CroniterBadCronError, ValueError) as error:
        raise BadSchedule(f"Schedule {name!r} has the crontab {words!r}, which names no time: {error}.") from error


def hand_over(entry: Entry, *, at: datetime, here: bool = False) -> bool:
    """Give the job that `entry` says is due to the engine; False when another clock did, or the row has changed.

    here    only claim it: the caller runs it, by `run_job` with the same `at`
    """
    with transaction.atomic():
        rows = PeriodicTask.objects.filter(pk=entry.pk, enabled=True, last_run_at=entry.last_run_at)
        changes: dict = {"last_run_at": at, "total_run_count": F("total_run_count") + 1}
        if entry.one_off:
            changes["enabled"] = False
        if not rows.update(**changes):
            return False
        if not here:
            # django-q's queue is a table: claim and task are stored together or not at all
            engine.enqueue(RUN_JOB, entry.name, at.isoformat())
    return True


def not_started(*, before: datetime) -> list[tuple[str, datetime]]:
    """Jobs handed over at or before `before` that nobody has begun: name and the instant of the hand-over."""
    handed = dict(
        PeriodicTask.objects.filter(last_run_at__lte=before).values_list("name", "last_run_at").order_by("name")
    )
    begun = dict(Beat.objects.filter(key__in=[sign_of(name) for name in handed]).values_list("key", "at"))
    return [(name, when) for name, when in handed.items() if begun.get(sign_of(name), NEVER) < when]


def run_job(name: str, handed_at: datetime, *, at: datetime) -> bool:
    """Run the job that was handed over at `handed_at`, unless somebody has begun it; tell whether it was run here.

    What it returns or raises is kept on its sign of life; an error is raised on, so that the engine logs it whole.
    """
    row = PeriodicTask.objects.filter(name=name).first()
    if row is None:
        log.warning("The job %r was removed before it could run.", name)
        return False
    if not Beat.claim(sign_of(name), handed_at, {"began_at": at.isoformat()}):
        return False
    detail = {"began_at": at.isoformat()}
    try:
        result = engine.resolve(row.task)(*json.loads(row.args or "[]"), **json.loads(row.kwargs or "{}"))
        detail |= {"result": str(result)}
    except Exception as error:
        detail |= {"error": f"{type(error).__name__}: {error}"}
        raise
    finally:
        Beat.objects.filter(key=sign_of(name), at=handed_at).update(detail=detail | {"ended": True})
    return True


def busy(at: datetime) -> bool:
    """Whether a job has begun so lately that a worker may still be at it."""
    since = at - timedelta(seconds=settings.Q_CLUSTER["timeout"])
    signs = Beat.objects.filter(key__startswith=PREFIX, at__gte=since)
    return any(not sign.detail.get("ended") for sign in signs)


def run_due(*, at: datetime) -> list[str]:
    """Run every job that is due by `at` here and now, one after the other; for an installation without a clock."""
    ran = []
    for entry in entries():
        if entry.due_at is not None and entry.due_at <= at and hand_over(entry, at=at, here=True):
            ran.append(entry.name)
            try:
                run_job(entry.name, at, at=at)
            except Exception:
                log.exception("The job %s failed.", entry.name)
    return ran
