"""What counts as trouble: rules, alerts and silences.

An alert is two rows: `Alert` holds what it says (wide, written once), `Liveness` whether it lives (narrow, rewritten by
every re-send), so that the door can take a storm; see docs/adr/0004-two-rows-an-alert.md.
"""

import uuid
from datetime import UTC, datetime, timedelta

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from incidents.models import Incident
from oncall.models import EscalationContact
from policies.fields import JSONTextField
from policies.models import AlertClass, Policy, Severity
from sources.models import Connection, Integration

from .firing_models import Firing
from .hold_models import Flap, Hold, Inhibition, MaintenanceWindow, Tally
from .queue_models import QueueCard

__all__ = [
    "Alert", "AlertRule", "Firing", "Flap", "Hold", "Inhibition", "Liveness", "MaintenanceWindow", "QueueCard",
    "RuleChange", "RuleSource", "Sample", "Silence", "Tally",
]  # fmt: skip

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When a rule that has just been switched on was due: at once."""


def firing_keys(memory: dict) -> set[str]:
    """The keys whose alerts fire, of a rule that remembers this."""
    return {name for name, key in memory.get("keys", {}).items() if "fired_at" in key}


class AlertRuleQuerySet(models.QuerySet):
    def due(self, at):
        """Enabled rules whose next check has come by `at`, longest overdue first."""
        return self.filter(enabled=True, next_check_at__lte=at).order_by("next_check_at", "pk")


class AlertRule(models.Model):
    """What is asked, how often, and what about the answer is trouble."""

    class State(models.TextChoices):
        UNKNOWN = "unknown", "not checked yet"
        INACTIVE = "inactive"
        PENDING = "pending"
        FIRING = "firing"
        ERROR = "error"
        NODATA = "nodata", "no data"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="rules")
    key = models.CharField(max_length=80)
    code = models.CharField(max_length=40, blank=True, help_text="The document's own number, for example ALERT-002.")
    name = models.CharField(max_length=160, blank=True)
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, related_name="rules")
    alert_class = models.ForeignKey(AlertClass, null=True, blank=True, on_delete=models.SET_NULL)
    page = models.BooleanField(null=True, blank=True, help_text="Empty: as class or level say.")
    condition = models.JSONField(
        default=dict, help_text='{"when": "value >= 1", "for": "10m", "times": 3, "resolve_after": "5m", …}'
    )
    every = models.DurationField(default=timedelta(minutes=1))
    phase = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Roll-out phase.")
    planned_by = models.DateField(null=True, blank=True, help_text="When a rule of a later phase is due to be on.")
    labels = models.JSONField(default=dict, blank=True)
    component = models.CharField(max_length=80, blank=True)
    message = models.TextField(blank=True, help_text="Template: ALERT: {{ value }} campaigns stuck.")
    runbook = models.TextField(blank=True, help_text="Markdown: what to do, with the commands as written.")
    no_runbook = models.CharField(max_length=300, blank=True, help_text="Why it needs none, if it has none.")
    owners = models.ManyToManyField(EscalationContact, blank=True, related_name="owned_rules")
    suppressed_by = models.ManyToManyField(
        "self",
        symmetrical=False,
        blank=True,
        related_name="suppresses",
        help_text="Firing parents hide this one.",
    )
    confirm = models.JSONField(
        default=dict, blank=True,
        help_text='What a person may confirm -> the level that raises it to: {"Data was lost": "P0"}.',
    )  # fmt: skip
    toggle = models.CharField(
        max_length=80, blank=True, help_text="A bool parameter of the policy: off, its alerts are seen but do not act."
    )
    proposes = models.BooleanField(
        default=False, help_text="Checked and shown as ever, but makes no alert: it only proposes in triage."
    )
    enabled = models.BooleanField(default=True)
    pack_values = models.JSONField(default=dict, blank=True, editable=False, help_text="As the pack last said.")

    next_check_at = models.DateTimeField(null=True, blank=True, help_text="Empty: as soon as it is enabled.")
    grid_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Its next turn, when it is asked before that."
    )
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    claimed_by = models.CharField(
        max_length=80, blank=True, editable=False, help_text="The process (host:pid:start) that is checking it now."
    )
    state = models.CharField(max_length=8, choices=State, default=State.UNKNOWN, editable=False)
    state_since = models.DateTimeField(null=True, blank=True, editable=False)
    verdict = models.TextField(blank=True, editable=False, help_text="The last verdict in words.")
    memory = models.JSONField(default=dict, blank=True, editable=False)

    objects = AlertRuleQuerySet.as_manager()

    class Meta:
        ordering = ["policy", "key"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "key"], name="alert_rule_key_once"),
            models.CheckConstraint(
                condition=Q(state__in=["unknown", "inactive", "pending", "firing", "error", "nodata"]),
                name="alert_rule_state_known",
            ),
        ]
        indexes = [models.Index(fields=["next_check_at"], condition=Q(enabled=True), name="alert_rule_check_due")]

    def __str__(self) -> str:
        return self.name or self.key

    def save(self, *args, **kwargs) -> None:
        if self.enabled and self.next_check_at is None:
            self.next_check_at = LONG_AGO
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("rule", args=[self.policy.key, self.key])

    @property
    def fires(self) -> bool:
        """Whether any of its alerts fires, even if its source cannot be read just now."""
        return bool(firing_keys(self.memory))

    @property
    def scope(self) -> str:
        return f"policy:{self.policy_id}"


class Sample(models.Model):
    """What a rule's checks read: one row for each that differs from the one before; see samples.py."""

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="samples", db_index=False)
    at = models.DateTimeField(help_text="When it was read.")
    until = models.DateTimeField(help_text="When it was last read the same.")
    times = models.PositiveIntegerField(default=1, help_text="How many checks read this.")
    state = models.CharField(max_length=8, choices=AlertRule.State)
    value = models.FloatField(null=True, blank=True, help_text="The figure of the key that is worst off.")
    data = models.TextField(help_text='{"read": [[fields, labels, origin], …]} or {"error": …, "reason": …}')

    class Meta:
        ordering = ["rule", "-at"]
        indexes = [models.Index(fields=["rule", "at"], name="sample_by_rule")]

    def __str__(self) -> str:
        return f"{self.rule_id} at {self.at:%Y-%m-%d %H:%M:%S}"


class RuleChange(models.Model):
    """That a rule came from one state into another."""

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="changes", db_index=False)
    at = models.DateTimeField()
    before = models.CharField(max_length=8, choices=AlertRule.State)
    after = models.CharField(max_length=8, choices=AlertRule.State)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["rule", "-at", "-pk"]
        indexes = [models.Index(fields=["rule", "at"], name="rule_change_by_rule")]

    def __str__(self) -> str:
        return f"{self.before} to {self.after}"


class RuleSource(models.Model):
    """One way to ask for a rule's facts; several are alternatives that feed one alert key."""

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="sources")
    position = models.PositiveSmallIntegerField(default=0)
    variant = models.CharField(max_length=24, help_text="sql, http, loki …: names the alternative.")
    kind = models.CharField(max_length=16)
    connection = models.ForeignKey(Connection, null=True, blank=True, on_delete=models.PROTECT)
    spec = models.JSONField(default=dict, help_text='{"query": "SELECT …"} or {"url": …, "json": "status"}')
    fallback = models.BooleanField(default=False, help_text="Only asked when the one before it failed.")
    error = models.TextField(blank=True, editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["rule", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.rule}: {self.variant}"


class Alert(models.Model):
    """What an alert says. One row for each identity (door and label set, or rule and key), however often it fires."""

    # no database constraints: checked row by row they cost a quarter of the intake; the store checks once a batch
    integration = models.ForeignKey(
        Integration, null=True, blank=True, on_delete=models.SET_NULL, related_name="alerts", db_index=False,
        db_constraint=False,
    )  # fmt: skip
    rule = models.ForeignKey(
        AlertRule, null=True, blank=True, on_delete=models.SET_NULL, related_name="alerts", db_index=False,
        db_constraint=False,
    )  # fmt: skip
    identity = models.BinaryField(max_length=16, help_text="128-bit hash over the door or rule and the label set.")
    key = models.CharField(max_length=255, blank=True, help_text="The sender's own deduplication key, if it has one.")
    name = models.CharField(max_length=250, blank=True)
    labels = JSONTextField(default=dict)
    annotations = JSONTextField(default=dict)
    url = models.TextField(blank=True, help_text="Where the sender shows it.")

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["identity"], name="alert_identity_once")]
        indexes = [  # partial: most alerts have neither, and an entry for "none" would cost each new one
            models.Index(fields=["key"], condition=~Q(key=""), name="alert_by_key"),
            models.Index(fields=["rule"], condition=Q(rule__isnull=False), name="alert_by_rule"),
        ]

    def __str__(self) -> str:
        return self.name or self.labels.get("alertname") or self.key or f"alert {self.pk}"

    @property
    def told_times(self) -> int:
        """How many events the sender told of it: those of its door that have its key as subject."""
        if not self.key or self.integration is None:
            return 0
        return self.integration.events.filter(stream=self.integration.kind, subject=self.key).count()


class LivenessQuerySet(models.QuerySet):
    def assign_due(self, at):
        """Alerts that began, ended or must be asked again by `at`, oldest first."""
        return self.filter(assign_at__lte=at).order_by("assign_at", "pk")

    def expire_due(self, at):
        """Firing alerts whose validity must be looked at by `at`."""
        return self.filter(check_at__lte=at).order_by("check_at", "pk")


class Liveness(models.Model):
    """Whether an alert lives: its present occurrence, the incident it joined, or why it did not."""

    class Verdict(models.TextChoices):
        NEW = "new", "not judged yet"
        JOINED = "joined"
        SUPPRESSED = "suppressed"

    # no database constraint: both rows are written by one statement
    alert = models.OneToOneField(
        Alert, primary_key=True, on_delete=models.CASCADE, related_name="liveness", db_constraint=False
    )
    firing = models.BooleanField(default=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Valid until; empty: until told otherwise.")
    timeout_end = models.BooleanField(default=False, help_text="The end is ours (resolve timeout), not the sender's.")
    last_seen_at = models.DateTimeField()
    check_at = models.DateTimeField(null=True, blank=True, help_text="When the expiry sweep looks; may lag ends_at.")
    assign_at = models.DateTimeField(null=True, blank=True, help_text="When grouping looks; empty: nothing to do.")
    verdict = models.CharField(max_length=10, choices=Verdict, default=Verdict.NEW)
    reason = models.CharField(max_length=250, blank=True)
    silence = models.ForeignKey(
        "Silence", null=True, blank=True, on_delete=models.SET_NULL, related_name="hides", db_index=False
    )
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.SET_NULL, related_name="alerts", db_index=False
    )
    severity_key = models.CharField(max_length=40, blank=True)
    times = models.PositiveIntegerField(default=1, help_text="How often it has begun to fire.")
    stamp = models.BigIntegerField(
        default=0,
        editable=False,
        help_text="Changes with every write but a re-send: the door sees whether what it remembers still holds.",
    )

    objects = LivenessQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "liveness"
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=["new", "joined", "suppressed"]), name="liveness_verdict_known"
            )
        ]
        indexes = [
            models.Index(fields=["assign_at"], condition=Q(assign_at__isnull=False), name="liveness_assign_due"),
            models.Index(fields=["check_at"], condition=Q(check_at__isnull=False), name="liveness_expire_due"),
            models.Index(fields=["incident"], condition=Q(incident__isnull=False), name="liveness_by_incident"),
            models.Index(fields=["silence"], condition=Q(silence__isnull=False), name="liveness_by_silence"),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} {'firing' if self.firing else 'resolved'}"

    def fires_at(self, at) -> bool:
        """Whether it fires at `at`: an end that has passed counts at once, swept or not."""
        return self.firing and (self.ends_at is None or self.ends_at > at)


class SilenceQuerySet(models.QuerySet):
    def active(self, at):
        return self.filter(starts_at__lte=at, ends_at__gt=at)

    def hold_due(self, at):
        """Silences that have begun by `at`, while what fires already may not have been hidden yet."""
        return self.filter(take_hold_at__lte=at).order_by("take_hold_at", "pk")


class Silence(models.Model):
    """Muted by a person, for a time, with a reason."""

    class State(models.TextChoices):
        ACTIVE = "active"
        PENDING = "pending"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    matchers = models.JSONField(
        default=list,
        help_text='[{"name": "severity", "value": "warning", "isRegex": false, "isEqual": true}]',
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_by = models.CharField(max_length=250, blank=True)
    comment = models.TextField(help_text="Why.")
    annotations = models.JSONField(default=dict, blank=True, help_text="What else its maker noted, text by name.")
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: all.")
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    take_hold_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When it hides what fires already; empty: it has."
    )

    objects = SilenceQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gte=models.F("starts_at")), name="silence_ends_after_start")
        ]
        indexes = [
            models.Index(fields=["ends_at"], name="silence_by_end"),
            models.Index(fields=["take_hold_at"], condition=Q(take_hold_at__isnull=False), name="silence_hold_due"),
        ]

    def __str__(self) -> str:
        return self.comment[:80] or str(self.id)

    def state_at(self, at) -> State:
        if at < self.starts_at:
            return self.State.PENDING
        return self.State.ACTIVE if at < self.ends_at else self.State.EXPIRED
