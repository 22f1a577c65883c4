"""Rules that read what we are told are asked as soon as something is told, not at their next turn."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F
from django.db.models.functions import Least

from policies.wake import wake

from .models import AlertRule, RuleSource

KIND = "events"
"""The kind of a rule's source that reads events."""
CHANNELS = "channels"
"""The kind that reads the state of channels."""


def heard(streams: Iterable[str], *, at: datetime) -> None:
    """Make the rules that read any of `streams` due at `at`; in the transaction that stores the events."""
    wanted = set(streams)
    if not wanted:
        return
    sources = RuleSource.objects.filter(kind=KIND, rule__enabled=True).only("rule_id", "spec")
    readers = {source.rule_id for source in sources if _reads(source.spec.get("stream"), wanted)}
    _due(readers, at=at)


def channels_told(*, at: datetime) -> None:
    """Make the rules that read channels due at `at`; in the transaction that stores their state."""
    _due(set(RuleSource.objects.filter(kind=CHANNELS, rule__enabled=True).values_list("rule_id", flat=True)), at=at)


def _due(rules: set[int], *, at: datetime) -> None:
    if rules:
        found = AlertRule.objects.filter(pk__in=rules, enabled=True)
        found.update(next_check_at=Least(F("next_check_at"), at))
        wake()


def _reads(stream: object, told: set[str]) -> bool:
    """Whether a source that names `stream` (a text, a list, None: every stream) reads one of `told`."""
    if stream is None:
        return True
    return bool(told.intersection(stream if isinstance(stream, list) else [stream]))
