"""`manage.py backtest RULE --when 'value > 30' [--days 30] [--json]`: what another condition would have done."""

import json
from datetime import timedelta

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from alerts import backtest, backtest_verdict
from alerts.models import AlertRule


class Command(BaseCommand):
    help = "Judge what a rule's checks have read by another condition. Changes nothing."

    def add_arguments(self, parser):
        parser.add_argument("rule", help="its key, or POLICY/KEY when several policies have one of that key")
        parser.add_argument("--when", action="append", default=[], help="'value > 30', or P1='value > 30' for a level")
        parser.add_argument("--for", action="append", default=[], dest="sustained", help="10m, or P1=10m for a level")
        parser.add_argument("--times", action="append", default=[], help="3, or P1=3 for a level")
        parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="try a parameter's value")
        parser.add_argument("--days", type=float, default=30)
        parser.add_argument("--json", action="store_true")

    def handle(self, *, rule, when, sustained, times, days, **options):
        at = timezone.now()
        if not 0 < days <= 3660:
            raise CommandError(f"--days {days}: this should be a number of days above 0, such as 30.")
        found = _rule(rule)
        levels = {level.get("level") for level in found.condition.get("levels", [])}
        changes = {}
        for part, texts in (("when", when), ("for", sustained), ("times", times)):
            for text in texts:
                level, sign, rest = text.partition("=")
                named = bool(sign) and level in levels
                changes[f"{level}.{part}" if named else part] = rest if named else text
        for name, text in changes.items():
            if name.endswith("times"):
                if not text.isdecimal():
                    raise CommandError(f"--times {text}: this should be a whole number.")
                changes[name] = int(text)
        params = dict(_pair(text) for text in options["set"])
        try:
            compared = backtest.compare(found, changes, since=at - timedelta(days=days), until=at, params=params)
        except backtest.BadProposal as error:
            raise CommandError(str(error)) from None
        verdict = backtest_verdict.of(compared)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(found, compared, verdict), ensure_ascii=False, indent=2))
            return
        self.stdout.write(verdict.sentence)
        self.stdout.write(f"alerts {verdict.alerts[0]} -> {verdict.alerts[1]}, pages {verdict.pages[0]} -> "
                          f"{verdict.pages[1]}, {compared.now.checks:,} checks")  # fmt: skip
        for title, episodes in (("gone", verdict.lost), ("new", verdict.gained)):
            for one in episodes[: backtest_verdict.LISTED]:
                self.stdout.write(f"  {title}: {_line(one)}")
        for note in verdict.notes:
            self.stdout.write(note)


def _rule(text: str) -> AlertRule:
    rules = AlertRule.objects.select_related("policy", "severity", "alert_class")
    policy, slash, key = text.rpartition("/")
    rows = list(rules.filter(policy__key=policy, key=key) if slash else rules.filter(key=text))
    if len(rows) == 1:
        return rows[0]
    if rows:
        ways = ", ".join(f"{row.policy.key}/{row.key}" for row in rows)
        raise CommandError(f"Several policies have a rule {text}; say which: {ways}.")
    near = ", ".join(rules.order_by("policy__key", "key").values_list("key", flat=True)[:20]) or "none"
    raise CommandError(f"There is no rule {text}. There are: {near}.")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise CommandError(f"--set {text}: write NAME=VALUE.")
    return name, value


def _line(one: backtest_verdict.Listed) -> str:
    episode = one.episode
    about = " ".join(f"{name}={value}" for name, value in episode.labels.items())
    words = [f"{episode.began:%Y-%m-%d %H:%M:%S}", "to", f"{episode.ended:%Y-%m-%d %H:%M:%S}" if episode.ended else "…",
             episode.level, about, episode.reason]  # fmt: skip
    if one.incident:
        words.append(f"(incident #{one.incident.pk}, {'acted on' if one.acted else 'not acted on'})")
    return " ".join(word for word in words if word)


def _as_json(rule: AlertRule, compared: backtest.Comparison, verdict: backtest_verdict.Verdict) -> dict:
    def told(one: backtest_verdict.Listed) -> dict:
        episode = one.episode
        return {
            "began": episode.began.isoformat(), "ended": episode.ended and episode.ended.isoformat(),
            "level": episode.level, "labels": dict(episode.labels), "reason": episode.reason, "pages": one.pages,
            "incident": one.incident.pk if one.incident else None, "acted_on": one.acted,
        }  # fmt: skip

    return {
        "rule": f"{rule.policy.key}/{rule.key}", "since": compared.since.isoformat(),
        "until": compared.until.isoformat(), "sentence": verdict.sentence, "checks": compared.now.checks,
        "now": {"alerts": verdict.alerts[0], "pages": verdict.pages[0]},
        "proposed": {"alerts": verdict.alerts[1], "pages": verdict.pages[1]},
        "gone": [told(one) for one in verdict.lost], "new": [told(one) for one in verdict.gained],
        "notes": verdict.notes,
    }  # fmt: skip
