import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from checkup import readiness, snapshots
from checkup.models import Snapshot
from incidents.models import Incident
from opscenter.readiness import FAIL, WARN, findings
from policies.models import Policy


class Command(BaseCommand):
    help = (
        "Check whether this installation could page somebody right now: one line a check. "
        "Exit codes: 0 nothing failed (there may be warnings), 1 something did, 2 with --strict: only warnings. "
        "With --policy: the checklist of that policy, its live items asked now; 0 all hold, 1 something does not, "
        "2 something is still open."
    )
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--json", action="store_true", help="One JSON object: at, failed, warnings, findings.")
        parser.add_argument("--strict", action="store_true", help="Exit code 2 when there are warnings.")
        parser.add_argument("--policy", default="", help="Key of a policy or of its service: its own checklist.")
        parser.add_argument("--incident", type=int, help="Keep what was found with this incident.")

    def handle(self, **options) -> None:
        at, incident = timezone.now(), None
        if (number := options["incident"]) is not None:
            incident = Incident.objects.select_related("policy").filter(pk=number).first()
            if incident is None:
                raise CommandError(f"There is no incident {number}.", returncode=1)
        if options["policy"]:
            return self._checklist(options, incident, at)
        rows = []
        for finding in findings(at=at):
            rows.append(finding)
            if not options["json"]:
                self.stdout.write(str(finding))
        verdicts = [finding.verdict for finding in rows]
        failed, warnings = verdicts.count(FAIL), verdicts.count(WARN)
        told = [{**asdict(finding), "verdict": finding.verdict.lower()} for finding in rows]
        if options["json"]:
            words = {"at": at.isoformat(), "failed": failed, "warnings": warnings, "findings": told}
            self.stdout.write(json.dumps(words, indent=2))
        else:
            self.stdout.write(f"{failed} failed, {warnings} warnings, {len(rows)} checks")
        _keep(incident, told, at)
        if failed:
            raise SystemExit(1)
        if warnings and options["strict"]:
            raise SystemExit(2)

    def _checklist(self, options: dict[str, Any], incident: Incident | None, at: datetime) -> None:
        rows, key = Policy.objects.all(), options["policy"]
        policy = rows.filter(key=key).first() or rows.filter(service__key=key).first()
        if policy is None:
            raise CommandError(f"There is no policy {key!r}.", returncode=1)
        score = readiness.score(policy, at=at, ask=True)
        lacking = readiness.missing(policy)
        told = [
            {"key": one.item.key, "text": one.item.text, "holds": one.holds, "says": one.says, "shown": one.shown}
            for one in score.items
        ]
        if options["json"]:
            words = {"at": at.isoformat(), "policy": policy.key, "percent": score.percent, "items": told,
                     "missing": lacking, "complete_since": score.at.isoformat() if score.at else None}  # fmt: skip
            self.stdout.write(json.dumps(words, indent=2))
        else:
            for one in score.items:
                verdict = "open" if one.holds is None else "ok" if one.holds else "FAIL"
                self.stdout.write(f"{verdict:<4}  {one.item.key:<16} {one.item.text} {one.shown or one.says}".rstrip())
            for sentence in lacking:
                self.stdout.write(f"FAIL  flags            {sentence}")
            since = f", since {score.at:%Y-%m-%d %H:%M} UTC" if score.at else ""
            self.stdout.write(f"{policy.key}: {score.percent} % ({score.done} of {len(score.items)} items hold){since}")
        _keep(incident, told, at)
        if lacking or any(one.holds is False for one in score.items):
            raise SystemExit(1)
        if not score.complete:
            raise SystemExit(2)


def _keep(incident: Incident | None, told: list[dict[str, Any]], at: datetime) -> None:
    if incident is not None:
        how, kind = Snapshot.How.COMMAND, Snapshot.Kind.READINESS
        snapshots.keep(kind, {"findings": told}, incident=incident, policy=incident.policy, at=at, how=how, by=None)
