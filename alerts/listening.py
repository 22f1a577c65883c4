"""Rules that are asked before their turn: an event came for them, or another rule they name began or ceased to fire."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Coalesce, Least

from policies.substitute import names
from policies.wake import wake
from sources.probes.base import BadSpec
from sources.probes.event_filter import KEYS, parse

from .models import AlertRule, RuleSource

KIND = "events"
"""The kind of a rule's source that reads events."""
RULES = "rules"
"""The kind of a rule's source that reads how other rules stand."""
SETTLE = timedelta(seconds=2)
"""A rule over shares or sizes is asked when the stream has been quiet for so long, at the latest in its turn: the half
of a burst says nothing about the whole."""


def heard(streams: Iterable[str], *, at: datetime) -> None:
    """Make the rules that read any of `streams` due, in the transaction that stores the events.

    Those that count are due at `at`; those that weigh one kind of event against another, a little later.
    """
    told = {stream.lower() for stream in streams}
    if not told:
        return
    sources = RuleSource.objects.filter(kind=KIND, rule__enabled=True)
    at_once: set[int] = set()
    soon: set[int] = set()
    for rule, spec in sources.values_list("rule_id", "spec"):
        if _reads(spec, told):
            (soon if _weighs(spec) else at_once).add(rule)
    if at_once:
        rules = AlertRule.objects.filter(pk__in=at_once, enabled=True)
        rules.update(next_check_at=Least(F("next_check_at"), at), grid_at=Coalesce("grid_at", "next_check_at"))
    if soon := soon - at_once:
        rules = AlertRule.objects.filter(pk__in=soon, enabled=True, claimed_by="", checked_at__isnull=False)
        turn = Coalesce("grid_at", "next_check_at")
        rules.update(next_check_at=Least(turn, at + SETTLE), grid_at=turn)
    if at_once or soon:
        wake()


def group_by(rule: AlertRule) -> tuple[str, ...]:
    """The names of labels or fields that the rule makes an alert of its own for."""
    by = rule.condition.get("group_by") or ()
    return (by,) if isinstance(by, str) else tuple(by)


def moved(policy_id: int, keys: Iterable[str], *, at: datetime) -> bool:
    """Make the rules due whose condition names one of the rules `keys`, which began or ceased to fire."""
    wanted = tuple(keys)
    rules = AlertRule.objects.filter(policy=policy_id, enabled=True).exclude(key__in=wanted)
    named = [
        rule.pk
        for rule in rules.only("condition")
        if "rules" in (said := str(rule.condition)) and any(key in said for key in wanted)
    ]
    sources = RuleSource.objects.filter(kind=RULES, rule__policy=policy_id, rule__enabled=True)
    named += [rule for rule, spec in sources.values_list("rule_id", "spec") if set(wanted) & set(spec.get("of") or ())]
    if named:
        rows = AlertRule.objects.filter(pk__in=named)
        rows.update(next_check_at=Least(F("next_check_at"), at), grid_at=Coalesce("grid_at", "next_check_at"))
        wake()
    return bool(named)


def _weighs(spec: Any) -> bool:
    return bool(spec.get("minimum") or spec.get("baseline"))


def _reads(spec: Any, told: set[str]) -> bool:
    """Whether a source reads one of the streams `told`; one that cannot be read says so when it is asked."""
    which = {key: value for key, value in spec.items() if key in KEYS}
    if names(json.dumps(which)):  # parameters are not filled in here
        which = {"stream": stream} if isinstance(stream := spec.get("stream"), str) and not names(stream) else {}
    try:
        streams = parse(which).streams()
    except BadSpec:
        return True
    return streams is None or bool(told & streams)
