"""Other rules of the policy as a source: what fires together, for the same tenant, host or service.

    {"of": ["errors", "latency"], "within": "15m"}

    of       keys of rules of the same policy
    within   a rule counts as firing so long after it ended, too: both need not hold at the same instant

One reading: `firing` (also `value`), how many of these rules fire; `of`, how many there are; `names`, which fire. A
rule that groups has one reading for each combination of its labels that one of them knows: an alert of each rule
belongs to it unless a label that both have differs, and a rule without any of these labels stands for all of them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from policies.durations import BadDuration, parse_duration
from sources.probes import Asker, BadSpec, Reading
from sources.probes.base import check_keys

from . import listening
from .conditions.around import agree
from .models import AlertRule, Liveness
from .world import keys_of

KIND = listening.RULES
Standing = list[tuple[dict[str, str], bool]]  # the labels of each key, and whether it fires


class RuleStates:
    kind = KIND

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=("of",), allowed=("within",))
        of = spec["of"]
        if not isinstance(of, list) or not all(isinstance(key, str) and key for key in of) or len(set(of)) < len(of):
            raise BadSpec("of", f"This should be a list of rules, each once, such as [errors, latency]; it is {of!r}.")
        _within(spec)

    def read(self, spec: Mapping[str, Any], *, at: datetime, asker: Asker) -> list[Reading]:
        self.check(spec)
        rules = {rule.key: rule for rule in AlertRule.objects.filter(policy=asker.policy, key__in=spec["of"])}
        if missing := [key for key in spec["of"] if key not in rules]:
            raise BadSpec("of", f"The policy has no rule {missing[0]!r}.")
        stand = {key: _standing(rules[key]) for key in spec["of"]}
        if within := _within(spec):
            for key, labels in _ended(rules, since=at - within):
                stand[key].append((labels, True))
        found = []
        for labels in _groups(stand, asker.group_by):
            names = [key for key, keys in stand.items() if any(fires and agree(one, labels) for one, fires in keys)]
            fields = {"value": len(names), "firing": len(names), "of": len(stand), "names": ", ".join(names)}
            found.append(Reading(fields, labels))
        return found


def _within(spec: Mapping[str, Any]) -> timedelta:
    try:
        return parse_duration(spec.get("within", "0"))
    except BadDuration as error:
        raise BadSpec("within", str(error)) from None


def _standing(rule: AlertRule) -> Standing:
    keys = keys_of(rule)
    return [({}, rule.fires)] if keys is None else [(key["labels"], key["firing"]) for key in keys]


def _ended(rules: Mapping[str, AlertRule], *, since: datetime) -> Iterator[tuple[str, dict[str, str]]]:
    """Alerts of these rules that ended after `since`: the rule's key, and the labels of the alert's."""
    ids = [rule.pk for rule in rules.values() if rule.enabled]
    ended = Liveness.objects.filter(alert__rule__in=ids, firing=False, ends_at__gt=since).select_related("alert__rule")
    for life in ended:
        labels, rule = life.alert.labels, life.alert.rule
        if rule and labels.get("alertname") == rule.key:  # not that its source could not be read
            yield rule.key, {name: labels.get(name, "") for name in listening.group_by(rule)}


def _groups(stand: Mapping[str, Standing], names: tuple[str, ...]) -> list[dict[str, str]]:
    """Each combination of the labels `names` that one of the keys has; without names, the one that has none."""
    groups: dict[tuple[str, ...], dict[str, str]] = {}
    for keys in stand.values():
        for labels, _ in keys:
            if all(name in labels for name in names):
                groups.setdefault(tuple(labels[name] for name in names), {name: labels[name] for name in names})
    return [groups[key] for key in sorted(groups)]
