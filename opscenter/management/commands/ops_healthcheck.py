from django.core.management.base import BaseCommand
from django.utils import timezone

from opscenter import health

EXIT = {health.OK: 0, health.DEGRADED: 1, health.DOWN: 2}


class Command(BaseCommand):
    help = "What /api/health says, for the shell and for containers. Exit codes: 0 ok, 1 degraded, 2 down."
    requires_system_checks = []

    def handle(self, **options) -> None:
        found = health.check(at=timezone.now())
        self.stdout.write(found.status)
        for reason in found.reasons:
            self.stdout.write(f"  {reason}")
        if EXIT[found.status]:
            raise SystemExit(EXIT[found.status])
