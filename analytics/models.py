"""Objectives, where their figures come from, and what was measured: every measure for a while, every day for long."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.urls import reverse

from alerts.models import LONG_AGO
from policies.models import Policy
from sources.models import Connection

from . import goals
from .tuning_models import Proposal, ThresholdReview, TuningPlan

__all__ = [
    "Objective", "ObjectiveDay", "ObjectiveSample", "ObjectiveSource", "Proposal", "State", "ThresholdReview",
    "TuningPlan",
]  # fmt: skip


class State(models.TextChoices):
    """The words of goals.State, for people."""

    UNKNOWN = goals.State.UNKNOWN.value, "not measured yet"
    MET = goals.State.MET.value
    WARNING = goals.State.WARNING.value
    MISSED = goals.State.MISSED.value
    NODATA = goals.State.NODATA.value, "no data"
    ERROR = goals.State.ERROR.value


class ObjectiveQuerySet(models.QuerySet):
    def due(self, at):
        """Enabled objectives whose next measure has come by `at`, longest overdue first."""
        return self.filter(enabled=True, measure_at__lte=at).order_by("measure_at", "pk")


class Objective(models.Model):
    """What a service promises, measured again and again, and how it stood the last time."""

    class Kind(models.TextChoices):
        SHARE = "share", "share of good events"
        VALUE = "value", "value within a limit"
        BANDS = "bands", "bands of a value"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="objectives")
    key = models.CharField(max_length=80)
    name = models.CharField(max_length=160, blank=True)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=5, choices=Kind)
    goal = models.JSONField(
        default=dict, help_text='{"at_least": 95}, {"below": "5m", "percentile": 99} or {"bands": [{"label": …}, …]}'
    )
    unit = models.CharField(max_length=40, blank=True, help_text="What is counted: campaigns.")
    window = models.DurationField(null=True, blank=True, help_text="How far back a measure looks; empty: it is of now.")
    zone = models.CharField(
        max_length=64, blank=True, help_text="The window is the calendar day in this time zone; empty: it slides."
    )
    every = models.DurationField(default=timedelta(minutes=5))
    met_for = models.FloatField(
        null=True, blank=True, help_text="Percent of the measures of 30 days that should be met; the rest is budget."
    )
    enabled = models.BooleanField(default=True)

    measure_at = models.DateTimeField(null=True, blank=True, help_text="Empty: as soon as it is enabled.")
    claimed_by = models.CharField(
        max_length=80, blank=True, editable=False, help_text="The process (host:pid:start) that measures it now."
    )
    measured_at = models.DateTimeField(null=True, blank=True, editable=False)
    open_day = models.DateField(
        null=True, blank=True, editable=False, help_text="The last day that was measured; it awaits its last measure."
    )
    state = models.CharField(max_length=8, choices=State, default=State.UNKNOWN, editable=False)
    state_since = models.DateTimeField(null=True, blank=True, editable=False)
    value = models.FloatField(null=True, blank=True, editable=False)
    good = models.FloatField(null=True, blank=True, editable=False)
    total = models.FloatField(null=True, blank=True, editable=False)
    verdict = models.TextField(blank=True, editable=False, help_text="The last measure in words.")
    measured_by = models.CharField(max_length=24, blank=True, editable=False, help_text="The way that answered.")

    objects = ObjectiveQuerySet.as_manager()

    class Meta:
        ordering = ["policy", "key"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "key"], name="objective_key_once"),
            models.CheckConstraint(condition=Q(kind__in=["share", "value", "bands"]), name="objective_kind_known"),
            models.CheckConstraint(
                condition=Q(state__in=["unknown", "met", "warning", "missed", "nodata", "error"]),
                name="objective_state_known",
            ),
        ]
        indexes = [models.Index(fields=["measure_at"], condition=Q(enabled=True), name="objective_measure_due")]

    def __str__(self) -> str:
        return self.name or self.key

    def save(self, *args, **kwargs) -> None:
        if self.enabled and self.measure_at is None:
            self.measure_at = LONG_AGO
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("objective", args=[self.policy.key, self.key])

    @property
    def aim(self) -> goals.Goal:
        """The goal as it was read; BadGoal when it cannot be used."""
        return goals.Goal.parse(self.kind, self.goal, self.unit)


class ObjectiveSource(models.Model):
    """One way to ask for one of the figures of an objective; those of one variant are asked together."""

    class Role(models.TextChoices):
        VALUE = goals.VALUE, "the value"
        GOOD = goals.GOOD, "good events"
        BAD = goals.BAD, "bad events"
        ALL = goals.ALL, "all events"

    objective = models.ForeignKey(Objective, on_delete=models.CASCADE, related_name="sources")
    role = models.CharField(max_length=5, choices=Role, default=Role.VALUE)
    position = models.PositiveSmallIntegerField(default=0)
    variant = models.CharField(max_length=24, help_text="sql, loki …: names the way of watching.")
    kind = models.CharField(max_length=16)
    connection = models.ForeignKey(Connection, null=True, blank=True, on_delete=models.PROTECT)
    spec = models.JSONField(default=dict, help_text='{"query": "SELECT …"}')
    fallback = models.BooleanField(default=False, help_text="Only asked when the one before it failed.")
    error = models.TextField(blank=True, editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["objective", "position", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(role__in=["value", "good", "bad", "all"]), name="objective_role_known")
        ]

    def __str__(self) -> str:
        return f"{self.role} by {self.variant}"


class ObjectiveSample(models.Model):
    """What measures came to: one row for each that differs from the one before, or begins a day."""

    objective = models.ForeignKey(Objective, on_delete=models.CASCADE, related_name="samples", db_index=False)
    at = models.DateTimeField(help_text="When it was measured.")
    until = models.DateTimeField(help_text="When it last came to the same.")
    times = models.PositiveIntegerField(default=1, help_text="How many measures came to this.")
    state = models.CharField(max_length=8, choices=State)
    value = models.FloatField(null=True, blank=True)
    good = models.FloatField(null=True, blank=True)
    total = models.FloatField(null=True, blank=True)
    verdict = models.TextField(blank=True)

    class Meta:
        ordering = ["objective", "-at", "-pk"]
        indexes = [models.Index(fields=["objective", "at"], name="objective_sample_by_time")]

    def __str__(self) -> str:
        return f"{self.state} at {self.at:%Y-%m-%d %H:%M:%S}"


class ObjectiveDay(models.Model):
    """A calendar day of an objective: how its measures went, and what the last that counted came to."""

    objective = models.ForeignKey(Objective, on_delete=models.CASCADE, related_name="days", db_index=False)
    day = models.DateField()
    met = models.PositiveIntegerField(default=0)
    warning = models.PositiveIntegerField(default=0)
    missed = models.PositiveIntegerField(default=0)
    nodata = models.PositiveIntegerField(default=0)
    error = models.PositiveIntegerField(default=0)
    last = models.CharField(max_length=8, choices=State, help_text="Of the last measure that was met or missed.")
    value = models.FloatField(null=True, blank=True)
    good = models.FloatField(null=True, blank=True)
    total = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["objective", "-day"]
        constraints = [models.UniqueConstraint(fields=["objective", "day"], name="objective_day_once")]
        indexes = [models.Index(fields=["day"], name="objective_day_by_age")]

    def __str__(self) -> str:
        return f"{self.day}: {self.last}"
