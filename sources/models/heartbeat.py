"""Jobs that tell us they are alive, and what each of their pings said."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from .integration import Integration

A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
"""Period and grace when nobody says otherwise, as Healthchecks has them."""


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def due(self, at: datetime) -> "HeartbeatQuerySet":
        """Those the sweep has to look at by `at`, longest overdue first."""
        return self.filter(due_at__lte=at).order_by("due_at", "pk")

    def pinged_by(self, project: int) -> "HeartbeatQuerySet":
        """Those that the key of a door of kind `heartbeats` pings by their slug."""
        return self.filter(Q(project=project) | Q(project=None))


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

    class Trouble(models.TextChoices):
        MISSED = "missed", "no ping came in time"
        UNFINISHED = "unfinished", "a run did not end in time"
        FAILED = "failed", "it said that it failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, help_text="Stands in the ping address.")
    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(
        max_length=120, blank=True, db_index=False, help_text="For addresses with a ping key instead of the id."
    )
    integration = models.OneToOneField(
        Integration, null=True, blank=True, on_delete=models.CASCADE, related_name="heartbeat",
        help_text="The door whose policy and grouping its alerts follow.",
    )  # fmt: skip
    project = models.ForeignKey(
        Integration, null=True, blank=True, on_delete=models.SET_NULL, related_name="heartbeats",
        limit_choices_to={"kind": "heartbeats"},
        help_text="Whose key pings it by its slug, /ping/<key>/<slug>; empty: the key of any door of kind heartbeats.",
    )  # fmt: skip
    description = models.TextField(blank=True)
    labels = models.JSONField(default=dict, blank=True)
    severity_key = models.CharField(max_length=40, blank=True, help_text="A level of the policy; empty: its gravest.")
    schedule = models.CharField(max_length=10, choices=Schedule, default=Schedule.PERIOD)
    period = models.DurationField(null=True, blank=True, default=A_DAY, help_text="How often it should ping.")
    expression = models.CharField(
        max_length=500, blank=True, help_text="Cron expression, or OnCalendar expressions, one a line."
    )
    timezone = models.CharField(max_length=64, default="UTC", help_text="Of the cron or OnCalendar expression.")
    grace = models.DurationField(default=AN_HOUR, help_text="How late a ping may be, and how long a run may take.")
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

    # What pings and sweeps have made of it; written by them alone, see sources/heartbeats/life.py.
    state = models.CharField(max_length=6, choices=State, default=State.NEW, editable=False)
    last_ping_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The last that ended a run, well or not."
    )
    last_success_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_start_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Set while a run lasts.")
    last_start_rid = models.UUIDField(null=True, blank=True, editable=False)
    last_duration = models.DurationField(null=True, blank=True, editable=False)
    last_exit_status = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    last_failed = models.BooleanField(default=False, editable=False)
    ping_count = models.PositiveBigIntegerField(default=0, editable=False)
    runs = models.PositiveBigIntegerField(default=0, editable=False, help_text="Runs that have ended.")
    failed_in_a_row = models.PositiveIntegerField(default=0, editable=False)
    deadline_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="It is down if nothing comes until then; empty: no hurry."
    )
    due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the sweep looks at it, never after the deadline."
    )
    trouble = models.CharField(max_length=10, choices=Trouble, blank=True, editable=False)
    trouble_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The missed deadline, or when it said that it failed."
    )
    untold = models.BooleanField(default=False, editable=False, help_text="The trouble is not an alert yet.")
    alerting = models.BooleanField(default=False, editable=False, help_text="Its alert fires.")
    badge = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text="Stands in the badge's address."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["new", "up", "down", "paused"]), name="heartbeat_state_known"
            ),
            models.CheckConstraint(
                condition=Q(schedule__in=["period", "cron", "oncalendar"]), name="heartbeat_schedule_known"
            ),
            models.CheckConstraint(
                condition=Q(trouble__in=["", "missed", "unfinished", "failed"]), name="heartbeat_trouble_known"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="heartbeat_due"),
            models.Index(fields=["slug"], condition=~Q(slug=""), name="heartbeat_slug"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """Where it is pinged."""
        return f"/ping/{self.pk}"


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
