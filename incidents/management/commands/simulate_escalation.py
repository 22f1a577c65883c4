"""`manage.py simulate_escalation`: who would be asked, when and how?"""

import json

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from incidents import supposing

REFUSED = 2


class Command(BaseCommand):
    help = """Say who would be asked when, by which method, and why steps are skipped, if something of that level
    happened at an instant and nobody answered. Writes and sends nothing. Exit status: 0 answered, also with "nobody";
    2 the question cannot be read."""

    def add_arguments(self, parser):
        parser.add_argument(
            "policy", nargs="?", default="", metavar="POLICY",
            help="key of an escalation policy, or of a policy; may be left out when there is one escalation policy",
        )  # fmt: skip
        parser.add_argument(
            "--at", default="", metavar="ISO", help="the instant; now without it, the policy's clock without an offset"
        )
        parser.add_argument("--severity", default="", metavar="LEVEL", help="the gravest it is for, without it")
        parser.add_argument("--service", default="", metavar="KEY", help="the policy's own without it")
        parser.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
        parser.add_argument("--json", action="store_true", help="answer as one JSON object")

    def handle(self, *, policy, at, severity, service, label, **options):
        try:
            found = supposing.answer(
                policy=policy, severity=severity, service=service, labels=label or [], at=at or "", now=timezone.now()
            )
        except supposing.BadQuestion as refusal:
            raise CommandError(str(refusal), returncode=REFUSED) from None
        if options["json"]:
            self.stdout.write(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
            return
        for line in found.lines():
            self.stdout.write(line)
