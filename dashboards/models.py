"""Dashboards that a pack describes, their panels, and what the panels with a source of their own have read."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.urls import reverse

from alerts.models import LONG_AGO
from policies.models import Policy
from sources.models import Connection


class Dashboard(models.Model):
    """One page of panels about what a policy watches."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="dashboards")
    key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    about = models.TextField(blank=True)
    range = models.DurationField(default=timedelta(hours=24), help_text="How far back it looks unless asked otherwise.")
    links = models.JSONField(default=list, blank=True, help_text='[{"text": "Sentry", "href": "${SENTRY_URL}"}]')
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="dashboard_key_once")]

    def __str__(self) -> str:
        return self.name or self.key

    def get_absolute_url(self) -> str:
        return reverse("dashboard", args=[self.policy.key, self.key])


class PanelQuerySet(models.QuerySet):
    def due(self, at):
        """Panels whose own source is to be read by `at`, longest overdue first."""
        return self.filter(sample_at__lte=at).order_by("sample_at", "pk")


class Panel(models.Model):
    """One figure, curve or table, and where it comes from."""

    class Kind(models.TextChoices):
        EVENTS = "events", "events that were stored"
        DELIVERIES = "deliveries", "messages that Opscenter sent"
        RULE = "rule", "what a rule read"
        OBJECTIVE = "objective", "what an objective measured"
        SOURCE = "source", "a source of its own"

    class Show(models.TextChoices):
        CURVE = "curve"
        TABLE = "table"
        FIGURE = "figure"

    dashboard = models.ForeignKey(Dashboard, on_delete=models.CASCADE, related_name="panels")
    key = models.CharField(max_length=80)
    title = models.CharField(max_length=160)
    part = models.CharField(max_length=160, blank=True, help_text="The heading it stands under.")
    about = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind)
    spec = models.JSONField(default=dict, help_text='{"kind": "request", "by": "release", …} or {"rule": "memory"}')
    field = models.CharField(max_length=80, blank=True, help_text="Which figure; empty: the usual one of its kind.")
    also = models.JSONField(default=list, blank=True, help_text="Figures that stand beside it in the table.")
    unit = models.CharField(max_length=40, blank=True)
    show = models.CharField(max_length=6, choices=Show, default=Show.CURVE)
    compare = models.BooleanField(default=False, help_text="Also told against the same length of time before.")
    limits = models.JSONField(default=list, blank=True, help_text='[{"value": 5, "label": "critical"}]')
    links = models.JSONField(default=list, blank=True)
    on_incident = models.BooleanField(default=False, help_text="Also drawn on the chart of the policy's incidents.")
    every = models.DurationField(default=timedelta(minutes=1), help_text="How often its own source is read.")
    position = models.PositiveSmallIntegerField(default=0)

    sample_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it has no source of its own.")
    claimed_by = models.CharField(max_length=80, blank=True, editable=False)
    sampled_at = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.TextField(blank=True, editable=False, help_text="Why the last reading gave nothing.")

    objects = PanelQuerySet.as_manager()

    class Meta:
        ordering = ["dashboard", "position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["dashboard", "key"], name="panel_key_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["events", "deliveries", "rule", "objective", "source"]), name="panel_kind_known"
            ),
        ]
        indexes = [
            models.Index(fields=["sample_at"], condition=Q(sample_at__isnull=False), name="panel_sample_due"),
        ]

    def __str__(self) -> str:
        return self.title or self.key

    def save(self, *args, **kwargs) -> None:
        if self.kind != self.Kind.SOURCE:
            self.sample_at = None
        elif self.sample_at is None:
            self.sample_at = LONG_AGO
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("panel", args=[self.dashboard.policy.key, self.dashboard.key, self.key])


class PanelSource(models.Model):
    """One way to read a panel's own figure; the fields are those of a rule's source."""

    panel = models.ForeignKey(Panel, on_delete=models.CASCADE, related_name="sources")
    position = models.PositiveSmallIntegerField(default=0)
    variant = models.CharField(max_length=24, help_text="sql, loki …: names the way of watching.")
    kind = models.CharField(max_length=16)
    connection = models.ForeignKey(Connection, null=True, blank=True, on_delete=models.PROTECT)
    spec = models.JSONField(default=dict, help_text='{"query": "SELECT …"}')
    fallback = models.BooleanField(default=False, help_text="Only asked when the one before it failed.")
    error = models.TextField(blank=True, editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["panel", "position", "pk"]

    def __str__(self) -> str:
        return self.variant


class PanelSample(models.Model):
    """What a panel's source said: one row for each reading that differs from the one before, or begins a day."""

    panel = models.ForeignKey(Panel, on_delete=models.CASCADE, related_name="samples", db_index=False)
    at = models.DateTimeField(help_text="When it was read.")
    until = models.DateTimeField(help_text="When it was last read the same.")
    times = models.PositiveIntegerField(default=1)
    value = models.FloatField(null=True, blank=True, help_text="The largest figure of what was read.")
    data = models.TextField(help_text='{"read": [[fields, labels, origin], …]} or {"error": …, "reason": …}')

    class Meta:
        ordering = ["panel", "-at", "-pk"]
        indexes = [models.Index(fields=["panel", "at"], name="panel_sample_by_time")]

    def __str__(self) -> str:
        return f"{self.panel_id} at {self.at:%Y-%m-%d %H:%M:%S}"
