"""Measure objectives, from cron or by hand, and say which are missed."""

import logging
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from analytics import goals, slo
from analytics.models import Objective, State
from policies.locks import only_one
from policies.models import Policy

log = logging.getLogger(__name__)
MET, MISSED, CANNOT = 0, 1, 3
MOST = 10_000


class Command(BaseCommand):
    help = """Measure objectives now, due or not. Exit status: 0 none is missed, 1 one is missed, 3 one could not be
    measured. No data is neither."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--pack", metavar="KEY", help="only the objectives of this policy")
        parser.add_argument("--objective", metavar="KEY", help="only the objective of this key")
        parser.add_argument("--due", action="store_true", help="only those that are due; tells only what is wrong")
        parser.add_argument("--now", metavar="ISO", help="the instant to measure at, for tests")

    def handle(self, *, now: str | None, pack: str | None, objective: str | None, due: bool, **options) -> None:
        at = parse_datetime(now) if now else timezone.now()
        if at is None or at.tzinfo is None:
            raise CommandError(f"--now {now!r} is no instant; write it like 2026-01-05T09:00:00Z.", returncode=CANNOT)
        rows = Objective.objects.due(at) if due else Objective.objects.filter(enabled=True)
        if pack:
            known("policy", pack, Policy.objects.values_list("key", flat=True))
            rows = rows.filter(policy__key=pack)
        if objective:
            known("objective", objective, Objective.objects.values_list("key", flat=True))
            rows = rows.filter(key=objective)
        with only_one("run_objectives") as alone:
            if not alone:
                raise CommandError("run_objectives is already running; this one leaves it to it.", returncode=CANNOT)
            report = slo.measure(rows.order_by("policy__key", "key"), at=at, batch=MOST)
        for row, verdict in sorted(report.measured, key=lambda one: (one[0].policy.key, one[0].key)):
            if not due or verdict.state in (goals.State.MISSED, goals.State.ERROR):
                label = State(verdict.state).label.upper()
                self.stdout.write(f"{label}: {row.policy.key}/{row.key}: {verdict.sentence}")
        log.info("%s objectives measured, %s could not be.", len(report.measured), report.failed)
        if report.failed or goals.State.ERROR in report.states:
            raise SystemExit(CANNOT)
        if goals.State.MISSED in report.states:
            raise SystemExit(MISSED)


def known(what: str, name: str, names) -> None:
    if name not in (there := sorted(set(names))):
        raise CommandError(f"There is no {what} {name!r}; there are: {', '.join(there) or 'none'}.", returncode=CANNOT)
