"""How complete a policy is, as a score: what its rules and people lack, as the lint of a pack would say it.

Looked at are the rules that notify somebody (switched on, and not only proposing a level) and the persons its
schedules, rules and escalations name. The score is the percentage of them about which there is nothing to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, Q

from alerts.models import AlertRule
from oncall.models import EscalationContact, Ownership
from policies.models import Policy
from runbooks.models import Runbook


@dataclass(frozen=True)
class Finding:
    """One thing to look at; `url` is the page where it is seen."""

    what: str
    says: str
    url: str = ""


@dataclass
class Score:
    """Of one policy."""

    policy: Policy
    looked_at: int = 0
    faulty: set = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    @property
    def fine(self) -> int:
        return self.looked_at - len(self.faulty)

    @property
    def score(self) -> int:
        """0 to 100; a policy with nothing to look at is complete."""
        return self.fine * 100 // self.looked_at if self.looked_at else 100


def scores(policies: Iterable[Policy]) -> list[Score]:
    """The score of each policy, the least complete first; in a fixed number of statements."""
    found = {policy.pk: Score(policy) for policy in policies}
    owned: dict[int, set[int | None]] = {}
    for policy, level in Ownership.objects.order_by().values_list("policy", "severity"):
        owned.setdefault(policy, set()).add(level)
    bound: dict[int, set[str]] = {}
    for policy, binding in Runbook.objects.filter(offered=True).values_list("policy", "binding"):
        bound.setdefault(policy, set()).update(binding.get("rules", ()))
    rules = AlertRule.objects.filter(policy__in=list(found), enabled=True, proposes=False).select_related("severity")
    for rule in rules.select_related("policy", "severity").annotate(owner_count=Count("owners")):
        one = found[rule.policy_id]
        one.looked_at += 1
        for says in _lacks(rule, owned.get(rule.policy_id, set()), bound.get(rule.policy_id, set())):
            one.faulty.add(("rule", rule.pk))
            one.findings.append(Finding(str(rule), says, rule.get_absolute_url()))
    for policy, person, methods in _people(list(found)):
        one = found[policy]
        one.looked_at += 1
        if not methods:
            one.faulty.add(("person", person))
            one.findings.append(Finding(person, "This person has no address: no page can reach them."))
    return sorted(found.values(), key=lambda one: (one.score, one.policy.name))


def _lacks(rule: AlertRule, owned: set[int | None], bound: set[str]) -> Iterable[str]:
    if not rule.owner_count and rule.severity_id not in owned and None not in owned:  # type: ignore[attr-defined]
        yield f"Nobody owns it: it names no owners, and neither does the level {rule.severity.key}."
    if not (rule.runbook.strip() or rule.no_runbook.strip() or rule.key in bound):
        yield "It has no runbook, and no word on why it needs none."


def _people(policies: list[int]) -> Iterable[tuple[int, str, int]]:
    """Policy, name and number of methods of each person whom its rules, levels, escalations or schedules name."""
    ways = ("owned_rules__policy", "ownerships__policy", "escalationstep__policy__policy",
            "layers__schedule__policy")  # fmt: skip
    seen: set[tuple[int, str]] = set()
    for way in ways:
        named = EscalationContact.objects.filter(Q(**{f"{way}__in": policies}), kind=EscalationContact.Kind.PERSON)
        counted = named.order_by("name").annotate(addresses=Count("methods", distinct=True))
        for policy, name, methods in counted.values_list(way, "name", "addresses"):
            if (policy, name) not in seen and policy is not None:
                seen.add((policy, name))
                yield policy, name, methods
