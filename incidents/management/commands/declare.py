"""`manage.py declare POLICY TITLE …`: opens an incident from the shell, as the form and the API do."""

import json
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from incidents import declaring, triage
from oncall.models import EscalationContact
from policies.models import Policy


class Command(BaseCommand):
    help = (
        "Open an incident of a policy. Without --level the level is the one its symptoms propose. "
        "Exit codes: 0 opened, 1 refused, 2 one is open for the key already."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("policy", help="Key of the policy, or of its service.")
        parser.add_argument("title", nargs="?", default="", help="What is wrong; else it is called after the symptom.")
        parser.add_argument("--level", default="", help="Key of a level, P1 for example.")
        parser.add_argument("--symptom", action="append", default=[], metavar="KEY", help="What is seen; repeatable.")
        parser.add_argument("--reason", default="", help="Why another level than the proposed one.")
        parser.add_argument("--type", default="", help="Key of an incident type.")
        parser.add_argument("--component", default="", help="Key of a component.")
        parser.add_argument(
            "--field", action="append", default=[], metavar="KEY=VALUE", help="A field of the policy's own."
        )
        parser.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help="A label; repeatable.")
        parser.add_argument("--impact", default="", help="Who is affected.")
        parser.add_argument("--by", default="", help="Name of the contact who declares.")
        parser.add_argument("--key", default="", help="At most one incident is open for a key.")
        parser.add_argument("--private", action="store_true", help="Only those who work on it see it.")
        parser.add_argument("--drill", action="store_true", help="A drill: the real chain, out of the figures.")
        parser.add_argument("--symptoms", action="store_true", help="Show the symptom table, open nothing.")
        parser.add_argument("--ask", action="store_true", help="With --symptoms: ask the sources now.")
        parser.add_argument("--json", action="store_true", help="Answer as JSON.")

    def handle(self, **options: Any) -> None:
        at, policy = timezone.now(), _policy(options["policy"])
        if options["symptoms"]:
            return self._table(policy, at, options)
        by = None
        if options["by"] and (by := EscalationContact.objects.filter(name=options["by"], active=True).first()) is None:
            raise CommandError(f"There is no contact {options['by']!r}.", returncode=1)
        level = None
        if options["level"]:
            levels = {one.key.lower(): one for one in policy.levels}
            level = levels.get(options["level"].lower())
            if level is None:
                known = ", ".join(one.key for one in policy.levels)
                raise CommandError(f"There is no level {options['level']!r}; there are: {known}.", returncode=1)
        said = declaring.Declaration(
            policy=policy, title=options["title"], key=options["key"] or f"declared:{uuid4().hex}", severity=level,
            symptoms=options["symptom"], type=options["type"], component=options["component"],
            fields=_pairs(options["field"], "--field"), reason=options["reason"], impact=options["impact"],
            labels=_pairs(options["label"], "--label"), drill=options["drill"],
            private=options["private"],
        )  # fmt: skip
        try:
            incident = declaring.declare(said, by=by, at=at, who="a command")
        except declaring.Refused as refusal:
            lines = "\n".join(f"{name}: {words}" for name, words in refusal.faults.items())
            raise CommandError(f"Nothing was opened.\n{lines}", returncode=1) from None
        except declaring.AlreadyOpen as known:
            raise CommandError(str(known), returncode=2) from None
        if options["json"]:
            told = {"incident": incident.pk, "severity": incident.severity.key, "title": incident.title,
                    "url": incident.get_absolute_url()}  # fmt: skip
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(f"Incident {incident} is open, level {incident.severity}.")

    def _table(self, policy: Policy, at, options: dict[str, Any]) -> None:
        lines = triage.table(policy, at=at, ask=options["ask"])
        holding = [line.symptom.key for line in lines if line.holds]
        proposal = triage.propose(lines, holding)
        if options["json"]:
            rows = [
                {"key": line.symptom.key, "label": line.symptom.label, "holds": line.holds, "says": line.says,
                 "severity": line.level.key if line.level else None}
                for line in lines
            ]  # fmt: skip
            proposed = proposal.severity.key if proposal.severity else None
            told = {"symptoms": rows, "proposed": proposed, "playbook": proposal.playbook, "because": proposal.because}
            self.stdout.write(json.dumps(told, indent=2))
            return
        for line in lines:
            level = line.level.key if line.level else "-"
            says = f": {'; '.join(line.says)}" if line.says else ""
            self.stdout.write(f"{'x' if line.holds else ' '} {line.symptom.key} ({level}) {line.symptom.label}{says}")
        self.stdout.write(str(proposal))


def _policy(key: str) -> Policy:
    rows = Policy.objects.select_related("service")
    found = rows.filter(key=key).first() or rows.filter(service__key=key).order_by("pk").first()
    if found is None:
        known = ", ".join(rows.order_by("key").values_list("key", flat=True)) or "none is loaded"
        raise CommandError(f"There is no policy {key!r}; there are: {known}.", returncode=1)
    return found


def _pairs(said: list[str], option: str) -> dict[str, str]:
    """KEY=VALUE texts as a dict."""
    found = {}
    for text in said:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise CommandError(f"{option} {text!r} is no KEY=VALUE.", returncode=1)
        found[name] = value
    return found
