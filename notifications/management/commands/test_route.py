"""`manage.py test_route`: where would this go?"""

import json

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ... import route_test


class Command(BaseCommand):
    help = (
        "Answers where an event would go and why each route takes it or not; sends nothing. "
        "Ends with 0 when somebody is told, 1 when nobody is, 3 when it cannot be asked."
    )

    def add_arguments(self, parser):
        parser.add_argument("--policy", default="", help="Key of the policy; may be left out when there is one.")
        parser.add_argument("--severity", required=True, help="A level of the policy.")
        parser.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help="May be repeated.")
        parser.add_argument("--service", default="", help="Key of the service.")
        parser.add_argument("--kind", default="", help="What the event is.")
        parser.add_argument("--at", default="", help="An instant, for routes by working hours; now without it.")
        parser.add_argument("--json", action="store_true", help="Print the answer as JSON.")

    def handle(self, *, policy, severity, label, service, kind, at, **options):
        try:
            asked = route_test.question(
                policy=policy, severity=severity, labels=label, service=service, kind=kind, at=at, now=timezone.now()
            )
        except route_test.BadQuestion as refusal:
            raise CommandError(str(refusal), returncode=3) from None
        found = route_test.answer(asked)
        if options["json"]:
            self.stdout.write(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
        else:
            for line in found.lines():
                self.stdout.write(line)
        if not found.told:
            raise SystemExit(1)
