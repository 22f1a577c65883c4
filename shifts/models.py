"""What is looked through in every shift: the plan of a policy, the review of each shift, and what was seen in it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from alerts.models import LONG_AGO
from oncall.models import EscalationContact, Schedule
from policies.models import Parameter, Policy
from sources.models import Connection


class ShiftPlan(models.Model):
    """The figures that whoever is on call looks through in every shift; one for a policy."""

    policy = models.OneToOneField(Policy, on_delete=models.CASCADE, related_name="shift_plan")
    schedule = models.ForeignKey(
        Schedule, null=True, blank=True, on_delete=models.SET_NULL, related_name="shift_plans",
        help_text="Whose shifts are reviewed; empty: none are.",
    )  # fmt: skip
    name = models.CharField(max_length=160, blank=True)
    remind_before = models.DurationField(
        null=True, blank=True,
        help_text="So long before the end of a shift are its people reminded to sign; empty: never.",
    )  # fmt: skip
    manual = models.JSONField(
        default=list, blank=True,
        help_text='What is done by hand while a switch is off: [{"toggle": "ALERT_X", "text": "Look at …"}].',
    )  # fmt: skip
    enabled = models.BooleanField(default=True)
    look_at = models.DateTimeField(null=True, blank=True, editable=False, default=LONG_AGO)
    looked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["policy"]
        indexes = [models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="shift_plan_look_due")]

    def __str__(self) -> str:
        return self.name or f"Shift review of {self.policy}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Whoever switches it on, or names another schedule, has the clock look at once."""
        self.look_at = (self.look_at or LONG_AGO) if self.enabled and self.schedule_id else None
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "look_at"}
        super().save(*args, **kwargs)


class ShiftMetric(models.Model):
    """One figure of a plan: how it is shown; its sources say where it is read."""

    class Kind(models.TextChoices):
        VALUE = "value", "a figure, or one for each group"
        RATE = "rate", "a share: some of all"
        COUNT = "count", "how many, and where"
        STATUS = "status", "a word, and since when"

    class Note(models.TextChoices):
        NEVER = "never", "never"
        MISSING = "missing", "when it could not be read"
        ALWAYS = "always", "always"

    plan = models.ForeignKey(ShiftPlan, on_delete=models.CASCADE, related_name="metrics")
    key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    description = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=6, choices=Kind, default=Kind.VALUE)
    field = models.CharField(max_length=80, blank=True, help_text="Of the reading; empty: its value.")
    of = models.CharField(max_length=80, blank=True, help_text="The field with all of them; only of a share.")
    by = models.CharField(max_length=80, blank=True, help_text="The label by which it is grouped.")
    unit = models.CharField(max_length=40, blank=True)
    empty = models.CharField(
        max_length=80, blank=True, help_text="What it says when a source answers with no row; empty: there is no data."
    )
    link = models.CharField(max_length=20, blank=True, help_text="The page that each group leads to: channels.")
    since_rule = models.CharField(
        max_length=80, blank=True, help_text="The rule whose stored readings tell since when; only of a word."
    )
    needs_note = models.CharField(max_length=7, choices=Note, default=Note.NEVER)

    class Meta:
        ordering = ["plan", "position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "key"], name="shift_metric_key_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["value", "rate", "count", "status"]), name="shift_metric_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ShiftSource(models.Model):
    """One way to read a figure."""

    metric = models.ForeignKey(ShiftMetric, on_delete=models.CASCADE, related_name="sources")
    position = models.PositiveSmallIntegerField(default=0)
    variant = models.CharField(max_length=24, help_text="sql, channels …: names the way of watching.")
    kind = models.CharField(max_length=16)
    connection = models.ForeignKey(Connection, null=True, blank=True, on_delete=models.PROTECT)
    spec = models.JSONField(default=dict, help_text='{"query": "SELECT …"}')
    fallback = models.BooleanField(default=False, help_text="Only asked when the one before it failed.")

    class Meta:
        ordering = ["metric", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.metric} by {self.variant}"


class ShiftReview(models.Model):
    """The review of one shift: opened when it begins, signed while it lasts, or missed at its end."""

    class State(models.TextChoices):
        OPEN = "open", "to be signed"
        SIGNED = "signed", "signed"
        MISSED = "missed", "missed"

    plan = models.ForeignKey(ShiftPlan, on_delete=models.CASCADE, related_name="reviews")
    schedule = models.ForeignKey(Schedule, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    people = models.ManyToManyField(EscalationContact, related_name="shift_reviews", help_text="Who is on shift.")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text="When it ends, as the schedule says.")
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    captured_at = models.DateTimeField(null=True, blank=True, help_text="When the figures were last read.")
    capture_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When they are read next.")
    remind_at = models.DateTimeField(null=True, blank=True, editable=False)
    signed_at = models.DateTimeField(null=True, blank=True)
    signed_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="shift_reviews_signed"
    )
    signed_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    signed_for = models.CharField(
        max_length=250, blank=True, help_text="Why somebody signed who was not on shift; empty: somebody was."
    )
    note = models.TextField(blank=True)
    over_at = models.DateTimeField(null=True, blank=True, help_text="When the shift ended; empty while it lasts.")

    class Meta:
        ordering = ["-starts_at", "-pk"]
        permissions = [("sign_shiftreview", "Can write in a shift review and sign it")]
        constraints = [
            models.UniqueConstraint(fields=["plan", "starts_at"], name="shift_review_once"),
            models.UniqueConstraint(fields=["plan"], condition=Q(over_at=None), name="shift_review_one_now"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "signed", "missed"]), name="shift_review_state_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")), name="shift_review_ends_after_start"
            ),
            models.CheckConstraint(
                condition=~Q(state="signed") | Q(signed_at__isnull=False), name="shift_review_signed_when"
            ),
        ]
        indexes = [
            models.Index(fields=["capture_at"], condition=Q(capture_at__isnull=False), name="shift_review_capture_due"),
            models.Index(fields=["remind_at"], condition=Q(remind_at__isnull=False), name="shift_review_remind_due"),
            models.Index(fields=["state", "-starts_at"], name="shift_review_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.plan}, {self.starts_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    def get_absolute_url(self) -> str:
        return reverse("shift-review", args=[self.pk])


class ShiftValue(models.Model):
    """What a figure was in a shift, as it was read, and the note of who looked at it."""

    class State(models.TextChoices):
        WAITING = "waiting", "not read yet"
        READ = "read", "read"
        NODATA = "nodata", "no data"
        FAILED = "failed", "could not be read"

    review = models.ForeignKey(ShiftReview, on_delete=models.CASCADE, related_name="values")
    key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    position = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=6, choices=ShiftMetric.Kind)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    shown = models.CharField(max_length=250, blank=True, help_text="The figure in one line.")
    figures = models.JSONField(default=list, blank=True, help_text='[{"label": …, "value": …, "shown": …}]')
    since = models.DateTimeField(null=True, blank=True, help_text="Since when it is so; only of a word.")
    since_known = models.BooleanField(default=False, help_text="Otherwise it was so at least since then.")
    fault = models.TextField(blank=True, help_text="Why nothing was read.")
    trend = models.CharField(max_length=7, blank=True, help_text="up, down, same or changed, against the last shift.")
    before = models.CharField(max_length=250, blank=True, help_text="What it was in the last shift.")
    read_at = models.DateTimeField(null=True, blank=True)
    needs_note = models.CharField(max_length=7, choices=ShiftMetric.Note, default=ShiftMetric.Note.NEVER)
    note = models.TextField(blank=True)
    noted_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    noted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["review", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["review", "key"], name="shift_value_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.shown or self.get_state_display()}"


class ManualCheck(models.Model):
    """What is watched by hand while a switch is off; must be ticked before the review can be signed."""

    review = models.ForeignKey(ShiftReview, on_delete=models.CASCADE, related_name="checks")
    toggle = models.CharField(max_length=80)
    text = models.TextField()
    since = models.DateTimeField(null=True, blank=True, help_text="Since when the switch is off.")
    seen_at = models.DateTimeField(help_text="When it was first seen off in this shift.")
    over_at = models.DateTimeField(null=True, blank=True, help_text="When it was seen on again.")
    ticked_at = models.DateTimeField(null=True, blank=True)
    ticked_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["review", "seen_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["review", "toggle"], condition=Q(over_at=None), name="manual_check_one_standing"
            )
        ]

    def __str__(self) -> str:
        return f"Manual monitoring: {self.toggle}"


class Mute(models.Model):
    """A switch that was seen off, for those whose change nobody recorded (the environment, a default)."""

    parameter = models.ForeignKey(Parameter, on_delete=models.CASCADE, related_name="mutes")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-since", "-pk"]
        constraints = [models.UniqueConstraint(fields=["parameter"], condition=Q(until=None), name="mute_one_standing")]

    def __str__(self) -> str:
        return f"{self.parameter} off since {self.since:%Y-%m-%d %H:%M} UTC"

    def lasted(self, at: datetime) -> timedelta:
        return (self.until or at) - self.since
