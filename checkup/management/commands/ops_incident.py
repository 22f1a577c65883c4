"""`manage.py ops_incident [NUMBER]`: freezes how things stand into a record that nobody can change."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from checkup import snapshots
from checkup.models import Snapshot
from incidents.models import Incident
from policies.models import Policy


class Command(BaseCommand):
    help = (
        "Take a snapshot of probes, rules, jobs, channels, failed events and queues, and print it with its hash. "
        "Without a number: of the newest open incident, or with --policy without an incident. "
        "Exit codes: 0 taken, 1 there is nothing to take it of."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("incident", nargs="?", type=int, help="Number of the incident.")
        parser.add_argument("--policy", default="", help="Key of a policy or its service: take it without an incident.")
        parser.add_argument("--no-ask", action="store_true", help="Take what was read last; ask no source.")
        parser.add_argument("--json", action="store_true", help="Print the record itself, byte for byte as hashed.")

    def handle(self, *, incident: int | None, policy: str, **options: Any) -> None:
        found, of = _incident(incident, policy)
        at = timezone.now()
        made = snapshots.take(found, at=at, how=Snapshot.How.COMMAND, policy=of, ask=not options["no_ask"])
        if options["json"]:
            self.stdout.write(made.body, ending="")
            return
        self.stdout.write(f"Snapshot {made.pk} of {found or of} at {made.at.isoformat()}")
        for name, entries in made.parts.items():
            self.stdout.write(f"  {name:<9} {len(entries)}")
        self.stdout.write(f"SHA-256 {made.digest}")


def _incident(number: int | None, policy: str) -> tuple[Incident | None, Policy | None]:
    rows = Incident.objects.select_related("policy")
    if number is not None:
        if (found := rows.filter(pk=number).first()) is None:
            raise CommandError(f"There is no incident {number}.", returncode=1)
        return found, None
    if policy:
        known = Policy.objects.filter(key=policy).first() or Policy.objects.filter(service__key=policy).first()
        if known is None:
            raise CommandError(f"There is no policy {policy!r}.", returncode=1)
        return None, known
    newest = rows.open().order_by("-detected_at", "-pk").first()
    if newest is None:
        raise CommandError("No incident is open; give a number, or --policy KEY.", returncode=1)
    return newest, None
