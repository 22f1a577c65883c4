import logging
from datetime import UTC, datetime

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from opscenter import beat, clock, outside
from opscenter.models import Beat
from policies.locks import only_one
from shifts import capturing

log = logging.getLogger(__name__)
COULD_NOT = 3


class Command(BaseCommand):
    help = (
        "Work what has fallen due, once: escalation steps, targets, updates, recoveries, reviews, system jobs. "
        "The entry for cron where no clock runs; beside a clock it does no harm. "
        "Exit codes: 0 done, 1 a timer failed (the log says why), 3 it could not run."
    )
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--now", type=instant, help="the instant to take for now, ISO 8601 (default: the clock)")
        parser.add_argument("--only", metavar="NAME", help="one timer: climb_due, incidents.updates.remind_due …")

    def handle(self, *, now: datetime | None, only: str | None, **options) -> None:
        timers = named(only) if only else clock.TIMERS
        at = now or timezone.now()
        try:
            with only_one("run_timers") as mine:
                if not mine:
                    raise CommandError("already running: another run_timers has not ended yet.", returncode=COULD_NOT)
                outcome = clock.run(timers, at=at)
                Beat.note("run_timers", timezone.now())
            # outside the lock: what waits for the network, and a long job, must not keep the next minute waiting
            while not only and capturing.capture_due(at=at):
                pass
            jobs = [] if only else beat.run_due(at=at)
            if not only and outside.due(last_sent(), at=timezone.now()):
                outside.send(at=timezone.now())
        except OperationalError as trouble:
            raise CommandError(f"The database cannot be used: {trouble}", returncode=COULD_NOT) from trouble
        line = f"run_timers: {outcome}" + (f"; jobs: {', '.join(jobs)}" if jobs else "")
        log.info(line)
        self.stdout.write(line)
        if outcome.failed:
            raise SystemExit(1)


def last_sent() -> datetime | None:
    """When the outside heartbeat was last tried, by a clock or by cron."""
    return Beat.objects.filter(key=outside.SIGN).values_list("at", flat=True).first()


def named(name: str) -> list[clock.Timer]:
    """The timers of that name, short or with its module; CommandError names those there are."""
    found = [timer for timer in clock.TIMERS if name in (timer.__name__, clock.name_of(timer))]
    if not found:
        known = ", ".join(clock.name_of(timer) for timer in clock.TIMERS)
        raise CommandError(f"--only {name!r} is no timer; there are {known}.", returncode=COULD_NOT)
    return found


def instant(text: str) -> datetime:
    """The aware instant that `text` names, in UTC when it has no zone; CommandError when it names none."""
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise CommandError(f"--now {text!r} is no instant; write 2026-11-23T09:00:00Z.", returncode=COULD_NOT)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
