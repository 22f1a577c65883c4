"""Panels that show what was read again and again: by a rule, by an objective, by a source of their own."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from alerts import rule_chart, rule_facts, samples
from alerts.conditions.limits import Limit
from alerts.models import AlertRule, Sample
from alerts.world import World
from analytics.models import Objective, ObjectiveSample
from policies.models import Policy
from sources.probes import ProbeError, Reading
from sources.probes.base import text_of

from .models import Panel, PanelSample
from .series import MOST_ROWS, Line, Points, Result, thinned
from .spans import Span

MOST_POINTS = 240
MOST_ROWS_READ = 20_000
A_DAY = timedelta(days=1)
"""A row ends with its day at the latest, so none that matters began earlier."""


@dataclass(frozen=True)
class Seen:
    """What was read from `at` until `until`, the same all the time."""

    at: datetime
    until: datetime
    read: samples.Read


def of_rule(policy: Policy, key: str, field: str, span: Span, *, only: Mapping[str, str] | None = None) -> Result:
    """What the policy's rule read; a line for each of its keys."""
    rule = rule_of(policy, key)
    if rule is None:
        return Result(fault=f"The policy has no rule {key} now.")
    return read_rule(rule, field, span, only=only)


def rule_of(policy: Policy, key: str) -> AlertRule | None:
    """The policy's rule of that key, else that of the policy it extends."""
    rows = AlertRule.objects.filter(key=key).select_related("policy")
    found = rows.filter(policy=policy).first()
    return found or (rows.filter(policy=policy.extends_id).first() if policy.extends_id else None)


def read_rule(rule: AlertRule, field: str, span: Span, *, only: Mapping[str, str] | None = None) -> Result:
    """As `of_rule`; `only` names labels that a key must have to be shown."""
    world = World(rule.policy)
    spec, _ = rule_facts.spec_of(rule, world)
    limits = rule_chart.limits_in(spec, world.params)
    main = limits[0][1] if limits and not field else None
    rows = _rows(Sample.objects.filter(rule=rule), span)
    figure = _Figure(field, main, spec.group_by if spec else ())
    result = _result(rows, figure, only or {}, pause=_pause(rule.every, span))
    wanted = field or (main.name if main else "")
    drawn = [(limit.limit, level) for level, limit in limits if limit.name == wanted and not limit.age]
    if main and not field:
        drawn = [(one.limit, level) for level, one in limits if (one.name, one.age) == (main.name, main.age)]
    if result.is_empty and not result.fault and not rule.enabled:
        return Result(fault=f"The rule {rule.key} is switched off.")
    seconds = bool(main and (main.seconds or main.age))
    return replace(result, limits=drawn, field=wanted, unit="s" if seconds else "")


def of_source(panel: Panel, span: Span) -> Result:
    """What the panel's own source said."""
    rows = _rows(PanelSample.objects.filter(panel=panel), span)
    result = _result(rows, _Figure(panel.field, None, ()), {}, pause=_pause(panel.every, span))
    return replace(result, fault=panel.error) if panel.error and result.is_empty else result


def of_objective(policy: Policy, key: str, field: str, span: Span) -> Result:
    """What the objective was measured as; of a share the percentage of good ones."""
    found = Objective.objects.filter(policy=policy, key=key).first()
    if found is None:
        return Result(fault=f"The policy has no objective {key} now.")
    rows = ObjectiveSample.objects.filter(objective=found, until__gte=span.begin, at__lte=span.end)
    told = list(rows.filter(at__gte=span.begin - A_DAY).order_by("-at", "-pk")[:MOST_POINTS])[::-1]
    points: Points = []
    for row in told:
        value = getattr(row, field, None) if field else _measured(row)
        points += _stretch(max(row.at, span.begin), min(row.until, span.end), value)
    latest = next((value for _, value in reversed(points) if value is not None), None)
    return Result([Line("", points, latest)] if points else [], latest, at=told[-1].until if told else None)


def _measured(row: ObjectiveSample) -> float | None:
    if row.value is not None:
        return row.value
    return 100 * row.good / row.total if row.good is not None and row.total else None


def _rows(kept: Any, span: Span) -> list[Seen]:
    """The rows that reach into `span`, oldest first; of very many, those that stand out of each stretch."""
    kept = kept.filter(until__gte=span.begin, at__lte=span.end, at__gte=span.begin - A_DAY).order_by("-at", "-pk")
    told = list(kept.values_list("pk", "value")[:MOST_ROWS_READ])[::-1]
    if len(told) > MOST_POINTS:
        told = thinned(told, MOST_POINTS, lambda row: abs(row[1] or 0.0))
    rows = kept.filter(pk__in=[pk for pk, _ in told]).order_by("at", "pk").values_list("at", "until", "data")
    return [Seen(max(at, span.begin), min(until, span.end), samples.load(data)[0]) for at, until, data in rows]


@dataclass(frozen=True)
class _Figure:
    """Which figure of a reading is meant, and which of its labels or fields name the key it is of."""

    field: str
    main: Limit | None
    names: Sequence[str]

    def of(self, reading: Reading, at: datetime) -> float | None:
        if self.field:
            return samples.number(reading.fields.get(self.field))
        value = rule_chart.figure_of(reading, self.main, at)
        if value is not None or self.main:
            return value
        return next((n for told in reading.fields.values() if (n := samples.number(told)) is not None), None)

    def key(self, reading: Reading) -> str:
        known = {**{name: text_of(value) for name, value in reading.fields.items()}, **reading.labels}
        told = [known.get(name, "") for name in self.names] if self.names else list(reading.labels.values())
        return " · ".join(text for text in told if text)

    def worse(self, one: float, other: float) -> float:
        return min(one, other) if self.main and not self.main.upwards else max(one, other)


def _pause(every: timedelta, span: Span) -> timedelta:
    """After so long without a look the curve breaks: nobody knows what was meanwhile. Looks may be far apart."""
    return max(3 * every + timedelta(minutes=2), span.length / 3)


def _result(rows: Sequence[Seen], figure: _Figure, only: Mapping[str, str], *, pause: timedelta) -> Result:
    """A line for each key that was ever read; where a key was not among what was read, its line has a gap."""
    lines: dict[str, Points] = {}
    fault = ""
    for place, row in enumerate(rows):
        if place and row.at - rows[place - 1].until > pause:
            for points in lines.values():
                points.append((rows[place - 1].until, None))
        fault = str(row.read) if isinstance(row.read, ProbeError) else ""
        found: dict[str, float | None] = {}
        for reading in [] if isinstance(row.read, ProbeError) else row.read:
            if any(reading.labels.get(name, text) != text for name, text in only.items()):
                continue
            key, value = figure.key(reading), figure.of(reading, row.until)
            known = found.get(key)
            found[key] = value if known is None else known if value is None else figure.worse(known, value)
        for name, value in found.items():
            lines.setdefault(name, []).extend(_stretch(row.at, row.until, value))
        for name in lines.keys() - found.keys():
            lines[name].append((row.at, None))
    shown = [Line(name, points, points[-1][1]) for name, points in lines.items()]
    shown = [line for line in shown if any(value is not None for _, value in line.points)]
    shown.sort(key=lambda line: (line.value is None, -(line.value or 0), line.name))
    latest = [line.value for line in shown if line.value is not None]
    worst = functools.reduce(figure.worse, latest) if latest else None
    return Result(shown[:MOST_ROWS], worst, at=rows[-1].until if rows else None, fault=fault)


def _stretch(at: datetime, until: datetime, value: float | None) -> Points:
    return [(at, value), (until, value)] if until > at else [(at, value)]
