"""The words that rules put on a job which pings us, for its page: a worker that has not run for long is "stale"."""

from django.db.models import Q

from sources.models import Heartbeat

from . import rule_facts
from .heartbeats import KIND
from .models import AlertRule, RuleSource
from .world import World

LABEL = "heartbeat"
"""The label by which a reading names its heartbeat."""


def of(heartbeat: Heartbeat) -> list[rule_facts.Mark]:
    """The marks of each rule that is on and reads this heartbeat, those it does not bear too."""
    mine = Q(spec__name=heartbeat.name) | Q(spec__name__isnull=True)
    readers = RuleSource.objects.filter(mine, kind=KIND).values("rule")
    rules = AlertRule.objects.filter(pk__in=readers, enabled=True).select_related("policy", "severity")
    found = []
    for rule in rules.prefetch_related("sources", "policy__severities", "policy__parameters"):
        spec, _ = rule_facts.spec_of(rule, World(rule.policy))
        named = any(source.spec.get("name") == heartbeat.name for source in rule.sources.all())
        if named or (spec and LABEL in spec.group_by):  # else what it says of all is said of none
            found += rule_facts.marks(rule, spec, of={LABEL: heartbeat.name})
    return found
