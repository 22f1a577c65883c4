"""Check the rules that are due, from cron or by hand, and open incidents for what fires."""

import logging
import time
from argparse import ArgumentParser
from datetime import datetime

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from alerts import evaluation, grouping, listening, trying
from alerts.models import AlertRule, Liveness, RuleSource
from policies.locks import only_one
from policies.models import Policy
from runbooks import live

log = logging.getLogger(__name__)
NONE, WARNING, CRITICAL, CANNOT = 0, 1, 2, 3


class Command(BaseCommand):
    help = """Check the rules that are due. Exit status: 0 nothing fires, 1 something fires, 2 something of the gravest
    level fires, 3 something could not be checked."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--pack", metavar="KEY", help="only the rules of this policy")
        parser.add_argument("--rule", metavar="KEY", help="only the rules of this key or code")
        parser.add_argument("--variant", metavar="NAME", help="only sources of this variant, for example sql")
        parser.add_argument("--warnings-only", action="store_true", help="only rules below the gravest level")
        parser.add_argument("--force", action="store_true", help="also rules that are not due yet")
        parser.add_argument(
            "--dry-run", action="store_true",
            help="ask now, also rules that are off with --rule, print samples and verdict, and change and tell nothing",
        )  # fmt: skip
        parser.add_argument("--now", metavar="ISO", help="the instant to check at, for tests")

    def handle(self, *, now: str | None, **options) -> None:
        at = parse_datetime(now) if now else timezone.now()
        if at is None or at.tzinfo is None:
            raise CommandError(f"--now {now!r} is no instant; write it like 2026-01-05T09:00:00Z.", returncode=CANNOT)
        rules = self.chosen(options)
        if options["dry_run"]:
            if status := self.try_out(rules, at=at, variant=options["variant"]):
                raise SystemExit(status)
            return
        with only_one("run_checks") as alone:
            if not alone:
                raise CommandError("run_checks is already running; this one leaves it to it.", returncode=CANNOT)
            status = self.run(rules, at=at, variant=options["variant"], force=options["force"])
        if status:
            raise SystemExit(status)

    def chosen(self, options: dict) -> QuerySet[AlertRule]:
        off_too = options["dry_run"] and options["rule"]
        rules = AlertRule.objects.all() if off_too else AlertRule.objects.filter(enabled=True)
        if key := options["pack"]:
            self.known("policy", key, Policy.objects.values_list("key", flat=True))
            rules = rules.filter(policy__key=key)
        if key := options["rule"]:
            named = AlertRule.objects.filter(key=key) | AlertRule.objects.filter(code=key)
            if not named.exists():
                self.known("rule", key, AlertRule.objects.values_list("key", flat=True))
            rules = rules.filter(pk__in=named.values("pk"))
        if name := options["variant"]:
            variants = RuleSource.objects.filter(rule__in=rules).order_by().values_list("variant", flat=True)
            self.known("variant", name, variants.distinct())
            rules = rules.filter(pk__in=RuleSource.objects.filter(variant=name).values("rule"))
        if options["warnings_only"]:
            rules = rules.filter(severity__rank__gt=0)
        return rules

    @staticmethod
    def known(what: str, name: str, names: QuerySet) -> None:
        if name not in (there := sorted(set(names))):
            known = ", ".join(there) or "none"
            raise CommandError(f"There is no {what} {name!r}; there are: {known}.", returncode=CANNOT)

    def run(self, rules: QuerySet[AlertRule], *, at: datetime, variant: str | None, force: bool) -> int:
        """Check, open incidents, print what fires and cannot be checked; return the exit status."""
        began = time.monotonic()
        report = evaluation.check_due(at=at, rules=rules, variant=variant, force=force, ahead=listening.SETTLE)
        while grouping.assign_due(at=at):  # it works in short slices; nothing found is the end
            pass
        live.ask_due(at=at)
        ranks = self.print_firing(rules)
        troubled = rules.filter(state__in=[AlertRule.State.ERROR, AlertRule.State.NODATA]).order_by("pk")
        for rule in troubled:
            word = "ERROR" if rule.state == AlertRule.State.ERROR else "NO DATA"
            self.stdout.write(f"{word}: {rule.code or rule.key}: {rule.verdict}")
        errors = report.failed + sum(rule.state == AlertRule.State.ERROR for rule in troubled)
        log.info("%s, %s firing, %.2f s", report, len(ranks), time.monotonic() - began)
        if 0 in ranks:
            return CRITICAL
        return CANNOT if errors else WARNING if ranks else NONE

    def try_out(self, rules: QuerySet[AlertRule], *, at: datetime, variant: str | None) -> int:
        """Print what each rule would do now; return the exit status a check would end with."""
        ranks, cannot = [], False
        for rule in rules.select_related("policy", "severity").order_by("policy__key", "key"):
            trial = trying.try_rule(rule, at=at, variant=variant)
            for line in trial.lines():
                self.stdout.write(line)
            cannot |= trial.judgement.state == AlertRule.State.ERROR
            levels = [state.level or rule.severity.key for state in trial.judgement.firing]
            ranks += [rule.policy.severity_for(level).rank for level in levels]
        return CRITICAL if 0 in ranks else CANNOT if cannot else WARNING if ranks else NONE

    def print_firing(self, rules: QuerySet[AlertRule]) -> list[int]:
        """Print the message of every alert of `rules` that fires, gravest first; return their ranks."""
        lives = Liveness.objects.filter(firing=True, alert__rule__in=rules).select_related("alert__rule__policy")
        found = []
        for life in lives.order_by("alert__rule_id", "alert_id"):
            rule = life.alert.rule
            if rule and life.alert.labels.get("alertname") == rule.key:
                level = rule.policy.severity_for(life.severity_key)
                found.append((level.rank, life.alert.annotations.get("summary", str(life.alert))))
        for _, message in sorted(found, key=lambda one: one[0]):
            self.stdout.write(message)
        return [rank for rank, _ in found]
