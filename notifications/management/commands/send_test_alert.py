"""`manage.py send_test_alert`: does a message arrive at every place?"""

import json
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from policies.models import Policy

from ... import smoke


class Command(BaseCommand):
    help = (
        "Send a marked test message to every destination that a pack's routes name, and print what each answered. "
        "Ends with 0 when all took it, 1 when one did not, 3 when there is nothing to send to."
    )

    def add_arguments(self, parser):
        parser.add_argument("--pack", default="", help="Name of the pack; may be left out when one is loaded.")
        parser.add_argument("--json", action="store_true", help="Print the table as JSON.")

    def handle(self, *, pack, **options):
        policy = _policy(pack)
        rows = smoke.send(policy, by="send_test_alert", at=timezone.now())
        if not rows:
            raise CommandError(
                f"No route of {policy.key} names a destination; add one to the pack, or a default route.", returncode=3
            )
        if options["json"]:
            self.stdout.write(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
        else:
            self._table(rows)
        if any(row.status != "sent" for row in rows):
            raise SystemExit(1)

    def _table(self, rows):
        head = ("destination", "kind", "address", "status", "code", "answer")
        lines = [
            (row.destination, row.kind, row.place, row.status, str(row.code or "-"), " ".join(row.detail.split()))
            for row in rows
        ]
        widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head) - 1)]
        for line in [head, *lines]:
            cells = [text.ljust(width) for text, width in zip(line, widths, strict=False)]
            self.stdout.write("  ".join([*cells, line[-1]]).rstrip())
        sent = sum(row.status == "sent" for row in rows)
        self.stdout.write(f"{sent} of {len(rows)} took it.")


def _policy(name: str) -> Policy:
    """The policy of the pack `name`, or the only one there is."""
    loaded = list(Policy.objects.order_by("key"))
    named = [policy for policy in loaded if policy.key == name] if name else loaded
    if len(named) == 1:
        return named[0]
    known = ", ".join(policy.key for policy in loaded) or "none; load one with load_pack"
    wrong = f"There is no pack {name!r} loaded" if name else "Say which pack is meant, with --pack"
    raise CommandError(f"{wrong}. Loaded: {known}.", returncode=3)
