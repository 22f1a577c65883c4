from django.core.management.base import BaseCommand
from django.utils import timezone

from opscenter.readiness import FAIL, WARN, findings


class Command(BaseCommand):
    help = (
        "Check whether this installation could page somebody right now: one line a check. "
        "Exit codes: 0 nothing failed (there may be warnings), 1 something did."
    )
    requires_system_checks = []

    def handle(self, **options) -> None:
        found = []
        for finding in findings(at=timezone.now()):
            self.stdout.write(str(finding))
            found.append(finding.verdict)
        self.stdout.write(f"{found.count(FAIL)} failed, {found.count(WARN)} warnings, {len(found)} checks")
        if FAIL in found:
            raise SystemExit(1)
