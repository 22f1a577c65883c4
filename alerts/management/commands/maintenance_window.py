"""`manage.py maintenance_window start|end|list`: maintenance from scripts, told as JSON."""

import getpass
import json
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from alerts import maintenance, silencing
from alerts.alertmanager.filters import parse
from alerts.maintenance_times import LONGEST
from alerts.matching import BadMatcher, check_silence
from alerts.models import MaintenanceWindow
from policies.durations import BadDuration, parse_duration
from policies.models import Policy


class Command(BaseCommand):
    help = "Begin, end and list maintenance windows; the answer is JSON. Exit status 1: refused, with a sentence."

    needs_deed = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("deed", choices=["start", "end", "list"], nargs=None if self.needs_deed else "?")
        parser.add_argument("name", nargs="?", default="", help="of the window; list: only this one")
        parser.add_argument("--for", dest="lasts", default="1h", metavar="LENGTH", help="how long, such as 1h30m")
        parser.add_argument("--match", action="append", default=[], metavar="MATCHER", help='such as team="shop"')
        parser.add_argument("--policy", default="", metavar="KEY", help="only alerts of this policy")
        parser.add_argument("--reason", default="", help="why; needed to start one")
        parser.add_argument("--by", default="", help="who; else the user of this shell")
        parser.add_argument("--now", metavar="ISO", help="the instant to act at, for tests")

    def handle(self, *, deed: str, name: str, now: str | None, **options) -> None:
        at = parse_datetime(now) if now else timezone.now()
        if at is None or at.tzinfo is None:
            raise CommandError(f"--now {now!r} is no instant; write it like 2026-01-05T09:00:00Z.")
        if deed != "list" and not name:
            raise CommandError(f"Name the window to {deed}.")
        answer: dict | list[dict]
        try:
            match deed:
                case "start":
                    answer = self.start(name, at, **options)
                case "end":
                    window = maintenance.find(name)
                    if not maintenance.end(window, at=at):
                        raise maintenance.NoWindow(f"The maintenance window {name!r} does not run now.")
                    answer = maintenance.shown(window, at)
                case _:
                    rows = [maintenance.find(name)] if name else MaintenanceWindow.objects.all()
                    answer = [maintenance.shown(row, at) for row in rows]
        except (maintenance.NoWindow, BadMatcher, BadDuration) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False))

    def start(self, name: str, at, *, lasts: str, match: list[str], policy: str, reason: str, by: str, **_) -> dict:
        length, of = parse_duration(lasts), Policy.objects.filter(key=policy).first() if policy else None
        if policy and of is None:
            raise CommandError(f"There is no policy {policy!r}.")
        if not reason.strip():
            raise CommandError("Say why with --reason.")
        if not 0 < length.total_seconds() <= LONGEST.total_seconds():
            raise CommandError("A window lasts longer than nothing and at most 31 days.")
        matchers = [parse(text) for text in match]
        if matchers:
            check_silence(matchers)
        elif of is None:
            raise CommandError("Name what it hides: --match or --policy. Without, it would hide everything.")
        found = silencing.preview(matchers, of, at=at)
        window = maintenance.start(
            name, lasts=length, matchers=matchers, policy=of, by=by or getpass.getuser(), reason=reason, at=at
        )
        hides = {"alerts": found.alerts, "gravest": found.gravest}
        return {**maintenance.shown(window, at), "hides": hides}
