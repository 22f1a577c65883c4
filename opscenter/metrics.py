"""Figures for Prometheus, and the same as JSON, counted when asked; a handful of queries, no state, no files."""

import re
from collections.abc import Container, Iterator
from datetime import datetime, timedelta

from django.db.models import Case, Count, F, OuterRef, Subquery, When
from django.db.models.functions import Coalesce
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from alerts.models import AlertRule, Liveness, Sample
from alerts.samples import load, number
from incidents.models import Incident
from notifications.models import Delivery
from packs.models import LoadedPack
from sources.probes.base import ProbeError

from . import engine, outside
from .due import EARLIEST, look
from .health import NEWEST
from .models import Beat

__all__ = ["CONTENT_TYPE_LATEST", "series", "text"]
FRESH = timedelta(minutes=10)
"""How long a reading stands for the present, or three checks of its rule if that is longer."""


def text(*, at: datetime, readings: bool = False) -> bytes:
    """The figures at `at` in Prometheus' text format.

    readings  also what the rules read last, with the labels their sources gave: not for everybody's eyes
    """
    return generate_latest(_registry(at, readings))


def series(*, at: datetime, readings: bool = False) -> list[dict]:
    """The same as plain objects: `{"name": …, "labels": {…}, "value": …}`, one a series."""
    return [
        {"name": sample.name, "labels": dict(sample.labels), "value": sample.value}
        for metric in _registry(at, readings).collect()
        for sample in metric.samples
    ]


def _registry(at: datetime, readings: bool) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Figures(at, readings))
    return registry


class _Figures(Collector):
    def __init__(self, at: datetime, readings: bool) -> None:
        self.at, self.readings = at, readings

    def describe(self) -> list[Metric]:
        return []  # nothing is counted when it is registered

    def collect(self) -> Iterator[Metric]:
        yield self._incidents()
        yield self._firing()
        yield self._sweeps()
        yield from self._deliveries()
        yield self._rules()
        yield from self._signs()
        if (waiting := engine.waiting()) is not None:
            yield _gauge("opscenter_queue_tasks", "Tasks in the queue, taken or not.", waiting)
        if self.readings:
            yield from self._read()

    def _firing(self) -> Metric:
        figure = GaugeMetricFamily(
            "opscenter_alerts_firing",
            "Alerts that fire, by the policy and pack they belong to.",
            labels=["policy", "pack", "severity"],
        )
        packs = dict(LoadedPack.objects.order_by("loaded_at", "pk").values_list("policy__key", "key"))
        severity = Case(
            When(severity_key="", then=Coalesce("incident__severity__key", "alert__rule__severity__key")),
            default=F("severity_key"),
        )
        policy = Coalesce("incident__policy__key", "alert__rule__policy__key", "alert__integration__policy__key")
        firing = Liveness.objects.filter(firing=True).order_by().annotate(of=policy, level=severity)
        for of, level, count in firing.values_list("of", "level").annotate(count=Count("pk")):
            figure.add_metric([of or "", packs.get(of, ""), level or ""], count)
        return figure

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

    def _read(self) -> Iterator[Metric]:
        """What each rule read last: one series for each figure and label set, as its source gave them."""
        figure = Metric("opscenter_rule_reading", "What a rule's last check read.", "gauge")
        worst = GaugeMetricFamily(
            "opscenter_rule_value", "The figure of the key that is worst off.", labels=["policy", "rule"]
        )
        newest = Sample.objects.filter(rule=OuterRef("pk")).order_by("-at").values("pk")[:1]
        on = AlertRule.objects.filter(enabled=True)
        rules = {
            rule.newest: rule for rule in on.select_related("policy").annotate(newest=Subquery(newest)) if rule.newest
        }
        for pk, sample in Sample.objects.in_bulk(list(rules)).items():
            rule = rules[pk]
            if self.at - sample.until > max(FRESH, 3 * rule.every):
                continue
            if sample.value is not None:
                worst.add_metric([rule.policy.key, rule.key], sample.value)
            for fields, labels in _readings(sample):
                known = {"policy": rule.policy.key, "rule": rule.key}
                given = {_label(name, known): str(value) for name, value in labels.items()}
                for name, value in fields.items():
                    if (value := number(value)) is not None:
                        figure.add_sample("opscenter_rule_reading", {**known, "field": name, **given}, value)
        yield worst
        yield figure

    def _signs(self) -> Iterator[Metric]:
        signs = {sign.key: sign for sign in Beat.objects.filter(key__in=["clock", "queue", "run_timers", outside.SIGN])}
        figure = GaugeMetricFamily(
            "opscenter_last_sign_of_life_seconds", "How long ago a part last gave a sign of life.", labels=["part"]
        )
        for key, sign in sorted(signs.items()):
            figure.add_metric([key], max(0.0, (self.at - sign.at).total_seconds()))
        yield figure
        if clock := signs.get("clock"):
            reasons = len(clock.detail.get("reasons", [])) + len(clock.detail.get("queue", []))
            yield _gauge("opscenter_clock_reasons", "Reasons for which the clock calls itself degraded.", reasons)


def _readings(sample: Sample) -> Iterator[tuple[dict, dict]]:
    """Fields and labels of each reading; none of a check whose source failed."""
    read, _ = load(sample.data)
    if not isinstance(read, ProbeError):
        for reading in read:
            yield reading.fields, reading.labels


def _label(name: str, taken: Container[str]) -> str:
    """`name` as Prometheus allows it, and not one of ours."""
    name = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    if name in taken or name == "field" or name.startswith("__") or not name or name[0].isdigit():
        return f"exported_{name.lstrip('_')}"
    return name


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)
