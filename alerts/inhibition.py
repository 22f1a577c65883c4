"""Label-based inhibition, with Alertmanager's meaning: a firing source hides targets that share its `equal` labels.

An alert that matches both sides of a rule is not hidden by another such alert; a label of `equal` that both lack is the
same. Alerts that would hide each other in a ring all speak.
Source: prometheus/alertmanager, inhibit/inhibit.go, `InhibitRule` and `Mutes`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.db.models import Q

from .matching import BadMatcher, all_of
from .models import Inhibition, Liveness

PLAIN = re.compile(r"[A-Za-z0-9_.: -]+", re.ASCII)
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """A firing alert that hides others."""

    alert: int
    name: str
    labels: Labels = field(hash=False, compare=False)
    policy_id: int | None = None


class Rule:
    """One inhibition with the alerts that fire as its sources, looked up when first asked."""

    def __init__(self, row: Inhibition, at: datetime, policy_of: Callable[[int | None, int | None], int | None]):
        self.row, self.at, self._policy_of = row, at, policy_of
        self.is_source, self.is_target = all_of(row.source), all_of(row.target)

    def __str__(self) -> str:
        return self.row.key

    def same(self, labels: Labels) -> tuple[str, ...]:
        return tuple(labels.get(name, "") for name in self.row.equal)

    @cached_property
    def sources(self) -> dict[tuple[str, ...], list[Source]]:
        """By the values of the equal labels, the longest firing first."""
        rows = Liveness.objects.filter(Q(ends_at=None) | Q(ends_at__gt=self.at), firing=True)
        for matcher in self.row.source:  # what the database can sort out is not read
            if matcher.get("isEqual", True) and not matcher.get("isRegex") and PLAIN.fullmatch(matcher["value"]):
                rows = rows.filter(alert__labels__icontains=matcher["value"])
        found: dict[tuple[str, ...], list[Source]] = {}
        columns = (
            "pk", "alert__name", "alert__labels", "alert__rule__policy_id", "alert__integration__policy_id",
        )  # fmt: skip
        for alert, name, labels, of_rule, of_door in rows.order_by("starts_at", "pk").values_list(*columns):
            policy = self._policy_of(of_rule, of_door)
            if self.row.policy_id in (None, policy) and self.is_source(labels):
                shown = name or labels.get("alertname") or f"alert {alert}"
                found.setdefault(self.same(labels), []).append(Source(alert, shown, labels, policy))
        return found

    def hides(self, alert: int | None, labels: Labels, policy_id: int | None) -> list[Source]:
        """The sources that hide an alert."""
        if self.row.policy_id not in (None, policy_id) or not self.is_target(labels):
            return []
        both = self.is_source(labels)
        return [
            source
            for source in self.sources.get(self.same(labels), ())
            if source.alert != alert and not (both and self.is_target(source.labels))
        ]


class Inhibitions:
    """All inhibitions at one instant.

    policy_of  the policy of an alert, by that of its rule and that of its door
    """

    def __init__(self, at: datetime, policy_of: Callable[[int | None, int | None], int | None]):
        self.rules = []
        for row in Inhibition.objects.filter(enabled=True):
            try:
                self.rules.append(Rule(row, at, policy_of))
            except BadMatcher:  # stored before it was refused at the door: it hides nothing rather than everything
                continue

    def source_of(self, alert: int | None, labels: Labels, policy_id: int | None) -> tuple[Source, Rule] | None:
        """The first source that hides the alert, unless the alert would hide it in turn."""
        for rule in self.rules:
            for source in rule.hides(alert, labels, policy_id):
                if alert is None or not self._ring(source, alert):
                    return source, rule
        return None

    def _ring(self, source: Source, alert: int) -> bool:
        """Whether `alert` stands above its source: hides it, or hides what hides it, and so on."""
        seen, left = {source.alert}, [source]
        while left:
            one = left.pop()
            for rule in self.rules:
                for above in rule.hides(one.alert, one.labels, one.policy_id):
                    if above.alert == alert:
                        return True
                    if above.alert not in seen:
                        seen.add(above.alert)
                        left.append(above)
        return False
