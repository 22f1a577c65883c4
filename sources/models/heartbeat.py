"""Jobs that tell us they are alive, and what each of their pings said."""

import uuid

from django.db import models
from django.db.models import Q

from .integration import Integration


class Heartbeat(models.Model):
    """A job that should ping in time; when it does not, or says that it failed, that is an alert."""

    class Schedule(models.TextChoices):
        PERIOD = "period"
        CRON = "cron"
        ONCALENDAR = "oncalendar", "OnCalendar (systemd)"

    class State(models.TextChoices):
        NEW = "new", "never pinged"
        UP = "up"
        DOWN = "down"
        PAUSED = "paused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, help_text="Stands in the ping address.")
    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=120, blank=True)
    integration = models.OneToOneField(
        Integration, null=True, blank=True, on_delete=models.CASCADE, related_name="heartbeat",
        help_text="The door whose policy and grouping its alerts follow.",
    )  # fmt: skip
    description = models.TextField(blank=True)
    labels = models.JSONField(default=dict, blank=True)
    severity_key = models.CharField(max_length=40, blank=True, help_text="A level of the policy; empty: its gravest.")
    schedule = models.CharField(max_length=10, choices=Schedule, default=Schedule.PERIOD)
    period = models.DurationField(null=True, blank=True, help_text="How often it should ping.")
    expression = models.CharField(max_length=200, blank=True, help_text="Cron or OnCalendar expression.")
    timezone = models.CharField(max_length=64, default="UTC", help_text="Of the cron or OnCalendar expression.")
    grace = models.DurationField(help_text="How late a ping may be, and how long a run may take.")
    success_words = models.CharField(
        max_length=200, blank=True, help_text="Comma-separated; a body that holds one is a success."
    )
    failure_words = models.CharField(
        max_length=200, blank=True, help_text="Comma-separated; a body that holds one is a failure."
    )
    start_words = models.CharField(
        max_length=200, blank=True, help_text="Comma-separated; a body that holds one is a start."
    )
    post_only = models.BooleanField(
        default=False, help_text="Only POST counts: link previews and scanners ping nothing."
    )
    manual_resume = models.BooleanField(
        default=False, help_text="A paused one ignores pings until a person resumes it."
    )

    state = models.CharField(max_length=6, choices=State, default=State.NEW, editable=False)
    last_ping_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_start_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Set while a run lasts.")
    last_start_rid = models.UUIDField(null=True, blank=True, editable=False)
    last_duration = models.DurationField(null=True, blank=True, editable=False)
    last_failed = models.BooleanField(default=False, editable=False)
    ping_count = models.PositiveBigIntegerField(default=0, editable=False)
    due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Deadline; empty: nothing to wait for."
    )
    badge = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text="Stands in the badge's address."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["new", "up", "down", "paused"]), name="heartbeat_state_known"
            ),
            models.CheckConstraint(
                condition=Q(schedule__in=["period", "cron", "oncalendar"]), name="heartbeat_schedule_known"
            ),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="heartbeat_due")]

    def __str__(self) -> str:
        return self.name


class Ping(models.Model):
    """One ping as it came."""

    class Kind(models.TextChoices):
        SUCCESS = "success"
        START = "start"
        FAIL = "fail"
        LOG = "log"
        IGNORED = "ignored"

    heartbeat = models.ForeignKey(Heartbeat, on_delete=models.CASCADE, related_name="pings", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind)
    at = models.DateTimeField()
    rid = models.UUIDField(null=True, blank=True, help_text="Of the run, when the job says it.")
    exit_status = models.PositiveSmallIntegerField(null=True, blank=True)
    duration = models.DurationField(null=True, blank=True, help_text="Since the start of the same run.")
    method = models.CharField(max_length=8, blank=True)
    sender = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["success", "start", "fail", "log", "ignored"]), name="ping_kind_known"
            )
        ]
        indexes = [models.Index(fields=["heartbeat", "-at"], name="ping_newest")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M:%S}"
