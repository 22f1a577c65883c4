"""What keeps alerts from acting, as rows: maintenance windows, inhibitions, what flaps, and the ledger of it all."""

import zoneinfo
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from policies.models import Policy, Service

MATCHERS_HELP = '[{"name": "severity", "value": "warning", "isRegex": false, "isEqual": true}]'


def check_zone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError(f"There is no time zone {name!r}; write one such as Asia/Jakarta or UTC.") from None


class MaintenanceWindowQuerySet(models.QuerySet):
    def look_due(self, at):
        """Windows of which one begins by `at`, while what fires already may not have been hidden yet."""
        return self.filter(look_at__lte=at).order_by("look_at", "pk")


class MaintenanceWindow(models.Model):
    """Planned work, once or again and again by the wall clock of a zone: what it matches acts only at its end."""

    class Repeats(models.TextChoices):
        ONCE = "once"
        DAILY = "daily"
        WEEKLY = "weekly", "weekly, on the weekdays below"
        MONTHLY = "monthly", "monthly, on the day of the first one"

    name = models.CharField(max_length=120, unique=True)
    matchers = models.JSONField(default=list, blank=True, help_text=MATCHERS_HELP)
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: all.")
    service = models.ForeignKey(
        Service, null=True, blank=True, on_delete=models.CASCADE, help_text="Alerts of policies about it. Empty: all."
    )
    from_day = models.DateField(help_text="The first day, in its own zone.")
    from_time = models.TimeField(help_text="By the clock on the wall there, summer and winter.")
    lasts = models.DurationField(help_text="By the clock on the wall, at most 31 days: 2:00:00 is two hours.")
    timezone = models.CharField(max_length=64, default="UTC", validators=[check_zone])
    repeats = models.CharField(max_length=8, choices=Repeats, default=Repeats.ONCE)
    every = models.PositiveSmallIntegerField(default=1, help_text="Every so many days, weeks or months.")
    weekdays = models.JSONField(
        default=list, blank=True, help_text='For weekly: ["sat", "sun"]; empty: that of the first day.'
    )
    until_day = models.DateField(null=True, blank=True, help_text="None begins after this day; empty: no end.")
    reason = models.TextField(help_text="Why.")
    created_by = models.CharField(max_length=150, blank=True)
    enabled = models.BooleanField(default=True)
    cut_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="What ran then was ended by hand; later ones come as planned."
    )
    look_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When the next one begins.")

    objects = MaintenanceWindowQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(repeats__in=["once", "daily", "weekly", "monthly"]), name="maintenance_repeats_known"
            ),
            models.CheckConstraint(
                condition=Q(lasts__gt=timedelta(0)) & Q(every__gt=0), name="maintenance_lasts_some_time"
            ),
        ]
        indexes = [models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="maintenance_look_due")]

    def __str__(self) -> str:
        return self.name


class Inhibition(models.Model):
    """While an alert fires that matches `source`, those that match `target` and share its `equal` labels are hidden.

    Source: prometheus/alertmanager, docs/configuration.md, `inhibit_rule`, and inhibit/inhibit.go.
    """

    policy = models.ForeignKey(
        Policy, null=True, blank=True, on_delete=models.CASCADE, related_name="inhibitions", help_text="Empty: all."
    )
    key = models.CharField(max_length=80)
    source = models.JSONField(default=list, help_text=MATCHERS_HELP)
    target = models.JSONField(default=list, help_text=MATCHERS_HELP)
    equal = models.JSONField(
        default=list, blank=True, help_text='Labels whose values must be the same: ["cluster"]; absent ones are equal.'
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["policy", "key"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "key"], name="inhibition_key_once"),
            models.UniqueConstraint(
                fields=["key"], condition=Q(policy__isnull=True), name="inhibition_key_once_without_policy"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Hold(models.Model):
    """Why an alert did not act, since when, and whom it would have told: the answer to "why was I not paged?"."""

    class Kind(models.TextChoices):
        SILENCE = "silence"
        MAINTENANCE = "maintenance"
        PARENT = "parent", "firing parent"
        INHIBITION = "inhibition"
        TOGGLE = "toggle"
        PAUSE = "pause", "waits, dropped if it recovers"
        COUNT = "count", "not often enough yet"
        FLAP = "flap", "flapping"
        CEILING = "ceiling", "shared incident: the door's ceiling"

    # no database constraint, as on the rows of the alert itself
    alert = models.ForeignKey(
        "alerts.Alert", on_delete=models.CASCADE, related_name="holds", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=12, choices=Kind)
    by = models.CharField(max_length=250, help_text="What held it back, in words.")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True, help_text="When it was to end, as far as was known.")
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=120, blank=True)
    would_have = models.CharField(max_length=500, blank=True, help_text="Whom it would have paged and told.")

    class Meta:
        ordering = ["-since", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["silence", "maintenance", "parent", "inhibition", "toggle", "pause",
                                      "count", "flap", "ceiling"]),
                name="hold_kind_known",
            )
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["alert", "-since"], name="hold_of_alert"),
            models.Index(fields=["alert"], condition=Q(ended_at__isnull=True), name="hold_now"),
            models.Index(fields=["-since", "-id"], name="hold_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.by} since {self.since:%Y-%m-%d %H:%M:%S}"


class Flap(models.Model):
    """How often an alert that has fired more than once began and ended lately."""

    alert = models.OneToOneField(
        "alerts.Alert", primary_key=True, on_delete=models.CASCADE, related_name="flap", db_constraint=False
    )
    changes = models.JSONField(default=list, help_text="Instants at which it began or ended, the oldest first.")
    flapping_since = models.DateTimeField(null=True, blank=True, help_text="Empty: it does not flap.")

    def __str__(self) -> str:
        return f"alert {self.alert_id}: {len(self.changes)} changes"


class Tally(models.Model):
    """How often alerts of one key began before they were often enough for an incident."""

    scope = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    begun = models.JSONField(default=list, help_text="Pairs of instant and alert, the oldest first.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="tally_once")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}: {len(self.begun)}"
