"""The chart of an incident: what its rules read, and panels that a pack wants there, under marks of what happened."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.models import AlertRule
from incidents.models import Incident

from . import chart, marks, panels, sampled
from .chart import Chart
from .marks import Mark
from .models import Panel
from .series import Result
from .spans import Span

MOST_SERIES = 6
AROUND = timedelta(minutes=10)
"""So much before and after an incident is shown at least; of a long one a quarter of its length."""
LONGEST = timedelta(days=14)


@dataclass(frozen=True)
class Series:
    """One picture: what it shows, where more of it is, and why it has no figures if it has none."""

    title: str
    url: str
    chart: Chart | None
    result: Result


@dataclass(frozen=True)
class Whole:
    """All of it: the time shown, the pictures, the marks."""

    span: Span
    series: list[Series]
    marks: list[Mark]

    @property
    def has_series(self) -> bool:
        return any(one.chart for one in self.series)


def span_of(incident: Incident, *, at: datetime) -> Span:
    """From a while before the incident began until a while after it ended, at most until `at`."""
    begin = min(incident.started_at or incident.detected_at, incident.detected_at)
    over = incident.resolved_at or incident.closed_at
    last = max(over or at, begin)
    around = max(AROUND, (last - begin) / 4)
    end = min(last + around, at) if over else at
    end = max(end, begin + timedelta(minutes=1))
    return Span(max(begin - around, end - LONGEST), end)


def of(incident: Incident, *, at: datetime, span: Span | None = None, width: int = chart.WIDTH) -> Whole:
    """The incident's chart; of its rules those whose alerts are in it, most of them first."""
    span = span or span_of(incident, at=at)
    told = marks.of_incident(incident, begin=span.begin, end=span.end)
    drawn: list[Series] = []
    seen: set[int] = set()
    rows = incident.alerts.filter(alert__rule__isnull=False).order_by("-firing", "starts_at")  # type: ignore[attr-defined]
    rules = rows.select_related("alert__rule__policy", "alert__rule__severity").prefetch_related("alert__rule__sources")
    for row in rules[:50]:
        rule: AlertRule | None = row.alert.rule
        if rule is None or rule.pk in seen or len(drawn) >= MOST_SERIES:
            continue
        seen.add(rule.pk)
        result = sampled.read_rule(rule, "", span)
        picture = chart.draw(
            result.lines, span, result.unit, marks=told, limits=result.limits, numbered=True, width=width
        )
        title = f"{rule}: {result.field}" if result.field and result.field != "value" else str(rule)
        drawn.append(Series(title, rule.get_absolute_url(), picture, result))
    wanted = Panel.objects.filter(dashboard__policy=incident.policy_id, on_incident=True)
    values = panels.values_of(incident.policy)
    for panel in wanted.select_related("dashboard__policy")[: MOST_SERIES - len(drawn)]:
        if panel.kind == Panel.Kind.RULE and _is_drawn(panel, seen):
            continue
        shown = panels.show(panel, span, values=values, marks=told, numbered=True, width=width)
        drawn.append(Series(panel.title, shown.address, shown.chart, shown.result))
    return Whole(span, drawn, told)


def _is_drawn(panel: Panel, seen: set[int]) -> bool:
    rule = sampled.rule_of(panel.dashboard.policy, panel.spec.get("rule", ""))
    return rule is not None and rule.pk in seen and not panel.field
