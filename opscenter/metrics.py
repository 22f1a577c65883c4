"""Figures for Prometheus, counted when asked; a handful of queries, no state, no files."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from alerts.models import AlertRule, Liveness
from incidents.models import Incident
from notifications.models import Delivery

from . import engine
from .due import EARLIEST, look
from .health import NEWEST
from .models import Beat

__all__ = ["CONTENT_TYPE_LATEST", "text"]


def text(*, at: datetime) -> bytes:
    """The figures at `at` in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Figures(at))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, at: datetime) -> None:
        self.at = at

    def describe(self) -> list[Metric]:
        return []  # nothing is counted when it is registered

    def collect(self) -> Iterator[Metric]:
        yield self._incidents()
        yield _gauge("opscenter_alerts_firing", "Alerts that fire.", Liveness.objects.filter(firing=True).count())
        yield self._sweeps()
        yield from self._deliveries()
        yield self._rules()
        yield from self._signs()
        if (waiting := engine.waiting()) is not None:
            yield _gauge("opscenter_queue_tasks", "Tasks in the queue, taken or not.", waiting)

    def _incidents(self) -> Metric:
        figure = GaugeMetricFamily("opscenter_incidents_open", "Open incidents.", labels=["policy", "severity"])
        levels = Incident.objects.open().order_by().values_list("policy__key", "severity__key")
        for policy, severity, count in levels.annotate(count=Count("pk")):
            figure.add_metric([policy, severity], count)
        return figure

    def _sweeps(self) -> Metric:
        figure = GaugeMetricFamily(
            "opscenter_sweep_lag_seconds", "How long the oldest due row of a sweep has waited.", labels=["sweep"]
        )
        waited = look().waited(self.at)
        for name in EARLIEST:
            figure.add_metric([name], waited[name].total_seconds() if name in waited else 0.0)
        return figure

    def _deliveries(self) -> Iterator[Metric]:
        waiting = Delivery.objects.filter(next_attempt_at__isnull=False)
        yield _gauge("opscenter_deliveries_due", "Messages that should have left.", waiting.due(self.at).count())
        figure = GaugeMetricFamily(
            "opscenter_deliveries_newest", f"The newest {NEWEST} messages by how they stand.", labels=["status"]
        )
        newest = list(Delivery.objects.order_by("-pk").values_list("status", flat=True)[:NEWEST])
        for status in Delivery.Status.values:
            figure.add_metric([status], newest.count(status))
        yield figure

    def _rules(self) -> Metric:
        figure = GaugeMetricFamily("opscenter_rules", "Rules that are switched on, by state.", labels=["state"])
        rules = AlertRule.objects.filter(enabled=True).order_by().values_list("state")
        counts = dict(rules.annotate(count=Count("pk")))
        for state in AlertRule.State.values:
            figure.add_metric([state], counts.get(state, 0))
        return figure

    def _signs(self) -> Iterator[Metric]:
        signs = {sign.key: sign for sign in Beat.objects.filter(key__in=["clock", "queue", "run_timers"])}
        figure = GaugeMetricFamily(
            "opscenter_last_sign_of_life_seconds", "How long ago a part last gave a sign of life.", labels=["part"]
        )
        for key, sign in sorted(signs.items()):
            figure.add_metric([key], max(0.0, (self.at - sign.at).total_seconds()))
        yield figure
        if clock := signs.get("clock"):
            reasons = len(clock.detail.get("reasons", [])) + len(clock.detail.get("queue", []))
            yield _gauge("opscenter_clock_reasons", "Reasons for which the clock calls itself degraded.", reasons)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)
