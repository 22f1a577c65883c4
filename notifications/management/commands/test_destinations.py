"""`manage.py test_destinations`: does every destination still take a message?"""

import json

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ... import outbox, selftest, smoke
from ...models import Delivery, Destination


class Command(BaseCommand):
    help = (
        "Sends the test of the day to every destination, or to one, tries it at once and says what came of it. "
        "Ends with 0 when all took it, 1 when one did not, 3 when there is no such destination. All are "
        "tested once a day, however often this runs; one that is named is tested at once."
    )

    def add_arguments(self, parser):
        parser.add_argument("--destination", default="", help="Its key; else all whose daily test is switched on.")
        parser.add_argument("--json", action="store_true", help="Print the answer as JSON.")

    def handle(self, *, destination, **options):
        if destination and not Destination.objects.filter(key=destination).exists():
            known = ", ".join(Destination.objects.order_by("key").values_list("key", flat=True).distinct()) or "none"
            raise CommandError(f"There is no destination {destination!r}; there are {known}.", returncode=3)
        at = timezone.now()
        queued, left = selftest.run(at=at, key=destination)
        for thread in dict.fromkeys(row.thread for row in queued):
            outbox.run(at=at, limit=smoke.LIMIT, thread=thread)
        rows = smoke.standing(queued)
        if options["json"]:
            said = [vars(row) for row in rows]
            said += [{"destination": one.destination.key, "status": "not tested", "detail": one.why} for one in left]
            self.stdout.write(json.dumps(said, indent=2, ensure_ascii=False))
        else:
            for row in rows:
                self.stdout.write(f"{row.status:<10} {row.destination} ({row.kind} {row.place}): {row.detail}")
            for one in left:
                self.stdout.write(f"{'not tested':<10} {one.destination}: {one.why}.")
        if any(row.status != Delivery.Status.SENT for row in rows):
            raise SystemExit(1)
