"""Schedules with layers of rotations, overrides on top, and whose business a level is."""

from datetime import timedelta

from django.db import models
from django.db.models import Q

from policies.models import Policy, Severity

from .contacts import EscalationContact


class Ownership(models.Model):
    """Whose business incidents of a level are (empty: of every level that names nobody); one contact or several."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="ownerships")
    severity = models.ForeignKey(Severity, null=True, blank=True, on_delete=models.CASCADE)
    contacts = models.ManyToManyField(EscalationContact, related_name="ownerships")

    class Meta:
        ordering = ["policy", "severity__rank"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "severity"],
                condition=models.Q(severity__isnull=False),
                name="ownership_once",
                violation_error_message="This policy has owners of this level already; change those.",
            ),
            models.UniqueConstraint(
                fields=["policy"],
                condition=models.Q(severity__isnull=True),
                name="ownership_once_for_all",
                violation_error_message="This policy has owners of all other levels already; change those.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy.key}: {self.severity or 'every level'}"


class Schedule(models.Model):
    """Who is on call when: layers of rotations, overrides on top."""

    key = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=160)
    timezone = models.CharField(max_length=64, default="UTC")
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.SET_NULL, related_name="schedules")

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class Layer(models.Model):
    """One rotation of a schedule; the highest precedence that yields anybody wins, equal ones join."""

    class Rotation(models.TextChoices):
        HOURS = "hours"
        DAYS = "days"
        WEEKS = "weeks"
        MONTHS = "months"

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="layers")
    name = models.CharField(max_length=120)
    precedence = models.SmallIntegerField(default=0)
    rotation = models.CharField(max_length=6, choices=Rotation, default=Rotation.WEEKS)
    length = models.PositiveSmallIntegerField(default=1, help_text="Of one turn, in units of the rotation.")
    first_handoff_at = models.DateTimeField(help_text="The start of the first member's turn.")
    restrictions = models.JSONField(
        default=list,
        blank=True,
        help_text='[{"days": ["mon"], "from": "09:00", "to": "17:00"}]; empty: always.',
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    members = models.ManyToManyField(EscalationContact, through="LayerMember", related_name="layers")

    class Meta:
        ordering = ["schedule", "-precedence", "pk"]
        constraints = [models.CheckConstraint(condition=Q(length__gte=1), name="layer_length_positive")]

    def __str__(self) -> str:
        return f"{self.schedule}: {self.name}"


class LayerMember(models.Model):
    """A place in a layer's hand-off order."""

    layer = models.ForeignKey(Layer, on_delete=models.CASCADE, related_name="places")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["layer", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.position}: {self.contact}"


class Override(models.Model):
    """Somebody else is on call for a while, in place of everybody the layers yield."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="overrides")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="overrides")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=250, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="override_ends_after_start")
        ]

    def __str__(self) -> str:
        return f"{self.contact} {self.starts_at:%Y-%m-%d %H:%M} for {self.ends_at - self.starts_at or timedelta()}"
