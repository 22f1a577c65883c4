"""Where the figures of a rule are heading: whether it stops firing soon enough, at the present trend."""

from datetime import datetime

from . import rule_chart, rule_facts
from .models import AlertRule
from .world import World

LATEST = 5
"""Samples from which the trend is taken: that from the first of them to the last."""


def ends_by(rule: AlertRule, level: str, end: datetime, *, begin: datetime, at: datetime) -> bool | None:
    """Whether the rule's figure is back within its limit for `level` by `end`, if it goes on as since `begin`.

    None: it has no limit that a figure could come back to, or too little was read to know.
    """
    world = World(rule.policy)
    spec, _ = rule_facts.spec_of(rule, world)
    limits = [limit for key, limit in rule_chart.limits_in(spec, world.params) if key == level and not limit.age]
    if not limits:
        return None
    limit = limits[0]
    rows = rule.samples.filter(at__lte=at, until__gt=begin, value__isnull=False).order_by("-at")[:LATEST]
    read = [(row.until, rule_chart.figure_in(row, limit)) for row in rows]
    known = [(when, figure) for when, figure in read if figure is not None]
    if len(known) < 2 or known[0][0] <= known[-1][0]:
        return None
    (now_at, now), (then_at, then) = known[0], known[-1]
    will = now + (now - then) / (now_at - then_at).total_seconds() * (end - at).total_seconds()
    return will <= limit.limit if limit.upwards else will >= limit.limit
