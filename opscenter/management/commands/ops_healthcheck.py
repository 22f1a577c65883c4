from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from checkup import probing, snapshots
from checkup.models import Snapshot
from incidents.models import Incident
from opscenter import health
from policies.models import Policy

EXIT = {health.OK: 0, health.DEGRADED: 1, health.DOWN: 2}


class Command(BaseCommand):
    help = """What /api/health says, for the shell and for containers. Exit codes: 0 ok, 1 degraded, 2 down.
    With --policy or --incident: asks every source of that policy now, one line a rule, and the worst counts;
    exit codes then: 0 ok or degraded, 2 down. With an incident the answers are kept with it."""
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--policy", default="", help="Key of a policy or of its service.")
        parser.add_argument("--incident", type=int, help="Number of an incident: its policy's sources.")

    def handle(self, *, policy: str = "", incident: int | None = None, **options: Any) -> None:
        if policy or incident is not None:
            return self._probes(policy, incident)
        found = health.check(at=timezone.now())
        self.stdout.write(found.status)
        for reason in found.reasons:
            self.stdout.write(f"  {reason}")
        if EXIT[found.status]:
            raise SystemExit(EXIT[found.status])

    def _probes(self, key: str, number: int | None) -> None:
        at, incident = timezone.now(), None
        if number is not None:
            incident = Incident.objects.select_related("policy").filter(pk=number).first()
            if incident is None:
                raise CommandError(f"There is no incident {number}.", returncode=1)
        rows = Policy.objects.all()
        policy = incident.policy if incident else rows.filter(key=key).first() or rows.filter(service__key=key).first()
        if policy is None:
            raise CommandError(f"There is no policy {key!r}.", returncode=1)
        asked = probing.ask(policy, at=at)
        for one in asked:
            self.stdout.write(str(one))
        worst = probing.worst(asked)
        self.stdout.write(f"{policy.key}: {worst}, {len(asked)} asked")
        if incident:
            parts = {"probes": [{**one.told(), "status": one.status} for one in asked]}
            how = Snapshot.How.COMMAND
            snapshots.keep(Snapshot.Kind.HEALTHCHECK, parts, incident=incident, policy=policy, at=at, how=how, by=None)
        if worst == "down":
            raise SystemExit(EXIT[health.DOWN])
