"""Whom and what an incident meets: the labels of the events behind its alerts, with their values."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from policies.fields import SecretUnreadable
from sources.addresses import address_values, filled
from sources.probes.base import BadSpec
from sources.probes.event_figures import is_public
from sources.probes.event_filter import Row
from sources.probes.events import LONGEST, fetch, read_spec

from . import listening
from .models import Alert, Liveness, RuleSource

ALERTS, EVENTS, LABELS, VALUES = 10, 2000, 12, 8


@dataclass(frozen=True)
class Met:
    """One label: how many different values it had, and the most frequent of them with how often."""

    label: str
    number: int
    values: list[tuple[str, int]]

    @property
    def more(self) -> int:
        return self.number - len(self.values)


def of(lives: Iterable[Liveness]) -> list[Met]:
    """The labels of the events that made these alerts, those with several values first; [] without events."""
    by_rule: dict[int | None, list[Liveness]] = defaultdict(list)
    for life in [life for life in lives if life.alert.rule_id][:ALERTS]:
        by_rule[life.alert.rule_id].append(life)
    if not by_rule:
        return []
    values: dict[str, Counter[str]] = defaultdict(Counter)
    sources = RuleSource.objects.filter(rule__in=list(by_rule), kind=listening.KIND).select_related("rule__policy")
    for source in sources.prefetch_related("rule__policy__parameters"):
        with suppress(BadSpec, ValueError, SecretUnreadable):  # it can no longer be asked
            for row in _events(source, by_rule[source.rule_id]):
                for name, value in row.labels.items():
                    if is_public(name):
                        values[name][str(value)] += 1
    found = [Met(name, len(seen), seen.most_common(VALUES)) for name, seen in values.items()]
    return sorted(found, key=lambda met: (met.number == 1, met.label))[:LABELS]


def _events(source: RuleSource, lives: Iterable[Liveness]) -> Iterator[Row]:
    """The newest of the events that were counted for any of the alerts."""
    asked = read_spec(filled(source.spec, None, address_values(source.rule.policy)))
    counts = asked.measure.of
    by = asked.by if asked.by is not None else tuple((name,) for name in listening.group_by(source.rule))
    for life in lives:
        begin = life.starts_at - asked.window
        end = begin + LONGEST if life.firing or life.ends_at is None else life.ends_at
        for row in fetch(asked, after=begin, until=end, policy=source.rule.policy_id, most=EVENTS):
            if asked.which.fits(row) and (counts is None or counts.fits(row)) and _is_of(row, by, life.alert):
                yield row


def _is_of(row: Row, by: Iterable[tuple[str, ...]], alert: Alert) -> bool:
    """Whether the event belongs to the alert's key, where the rule makes an alert for each."""
    for choices in by:
        value = next((value for name in choices if (value := row.named(name))), "")
        if choices[0] in alert.labels and alert.labels[choices[0]] != value:
            return False
    return True
