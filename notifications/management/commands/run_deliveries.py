"""The cron entry of the outbox."""

import logging
from datetime import UTC, datetime

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from notifications import outbox
from policies.locks import only_one

log = logging.getLogger(__name__)
WORDS = {"sent": "sent", "retrying": "to be tried again", "failed": "failed", "cancelled": "cancelled meanwhile"}


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # they load every page, once a minute
    help = (
        "Send the messages that are due. Exit codes: 0 all went out or none was due, 1 some will be tried again, "
        "2 some failed for good, 3 it could not run (another one is running, or an argument is wrong)."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--thread", default="", help="Only messages that belong to it, for example incident:12.")
        parser.add_argument("--now", help="The instant to take for now, ISO 8601; without a zone it is UTC.")
        parser.add_argument("--limit", type=int, default=1000, help="At most so many messages (1000).")

    def handle(self, *, thread: str, now: str | None, limit: int, **options) -> None:
        at = instant(now) if now else timezone.now()
        with only_one("run_deliveries") as free:
            if not free:
                raise CommandError("already running: another run_deliveries has not ended yet.", returncode=3)
            released = outbox.release_dead(at=at)
            told = outbox.run(at=at, limit=limit, thread=thread)
        parts = [f"{told[status]} {words}" for status, words in WORDS.items() if told[status]]
        if released:
            parts.append(f"{released} taken over from a process that died")
        line = f"run_deliveries: {', '.join(parts) or 'nothing was due'}"
        log.info(line)
        self.stdout.write(line)
        if told["failed"] or told["retrying"]:
            raise SystemExit(2 if told["failed"] else 1)


def instant(text: str) -> datetime:
    """The aware instant that `text` names; CommandError when it names none."""
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise CommandError(f"--now {text!r} is no instant; write 2026-11-23T09:00:00Z.", returncode=3)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
