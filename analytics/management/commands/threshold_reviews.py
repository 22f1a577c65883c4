"""`manage.py threshold_reviews [--month 2026-10] [--now ISO]`: make the monthly reviews that are missing."""

from argparse import ArgumentParser
from datetime import date

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from analytics import threshold_reviews


class Command(BaseCommand):
    help = "Look at every rule of a month that is over; reviews that are there already stay as they are."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", metavar="YYYY-MM", help="which month; the last one that is over by default")
        parser.add_argument("--now", metavar="ISO", help="the instant to take for now (default: the clock)")

    def handle(self, *, month: str | None, now: str | None, **options: object) -> None:
        at = parse_datetime(now) if now else timezone.now()
        if at is None or at.tzinfo is None:
            raise CommandError(f"--now {now!r} is no instant; write it like 2026-11-01T00:00:00Z.")
        try:
            day = date.fromisoformat(f"{month}-01") if month else None
        except ValueError:
            raise CommandError(f"--month {month!r} is no month; write it like 2026-10.") from None
        try:
            made = threshold_reviews.make(at=at, month=day)
        except ValueError as error:
            raise CommandError(str(error)) from None
        for review in made:
            figures = (
                "never fired"
                if not review.fired
                else (
                    f"{review.fired} alerts, {review.false_share:g} % false, {review.actionable_share:g} % actionable"
                )
            )
            proposed = ", a change is proposed" if review.proposals.exists() else ""
            self.stdout.write(f"{review.rule.policy.key}/{review.rule.key} {review.month:%Y-%m}: {figures}{proposed}")
        self.stdout.write(f"{len(made)} threshold review{'' if len(made) == 1 else 's'} made.")
