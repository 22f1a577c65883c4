import json
from dataclasses import asdict

from django.core.management.base import BaseCommand
from django.utils import timezone

from opscenter.readiness import FAIL, WARN, findings


class Command(BaseCommand):
    help = (
        "Check whether this installation could page somebody right now: one line a check. "
        "Exit codes: 0 nothing failed (there may be warnings), 1 something did, 2 with --strict: only warnings."
    )
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--json", action="store_true", help="One JSON object: at, failed, warnings, findings.")
        parser.add_argument("--strict", action="store_true", help="Exit code 2 when there are warnings.")

    def handle(self, **options) -> None:
        at = timezone.now()
        rows = []
        for finding in findings(at=at):
            rows.append(finding)
            if not options["json"]:
                self.stdout.write(str(finding))
        verdicts = [finding.verdict for finding in rows]
        failed, warnings = verdicts.count(FAIL), verdicts.count(WARN)
        if options["json"]:
            told = [{**asdict(finding), "verdict": finding.verdict.lower()} for finding in rows]
            words = {"at": at.isoformat(), "failed": failed, "warnings": warnings, "findings": told}
            self.stdout.write(json.dumps(words, indent=2))
        else:
            self.stdout.write(f"{failed} failed, {warnings} warnings, {len(rows)} checks")
        if failed:
            raise SystemExit(1)
        if warnings and options["strict"]:
            raise SystemExit(2)
