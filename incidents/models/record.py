"""What an incident gathers while it runs: timeline, roles, response targets, updates."""

from datetime import timedelta

from django.db import models
from django.db.models import Q

from notifications.models import Destination
from oncall.models import EscalationContact
from policies.models import Anchor, Calendar, TargetKind

from .incident import Incident


class TimelineFrozen(Exception):
    """Somebody tried to change or remove a timeline entry; add a correction instead."""


class TimelineEntry(models.Model):
    """One thing that happened; entries are only ever added, a correction is a new one."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="timeline")
    at = models.DateTimeField(help_text="When it happened.")
    recorded_at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=24)
    by = models.ForeignKey(
        EscalationContact,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        help_text="Empty: Opscenter itself.",
    )
    text = models.TextField()
    data = models.JSONField(default=dict, blank=True)
    corrects = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
    starred = models.BooleanField(default=False)
    evidence = models.URLField(max_length=500, blank=True, help_text="Where it can be seen.")

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "timeline entries"
        indexes = [models.Index(fields=["incident", "at", "id"], name="timeline_in_order")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.text}"

    def save(self, *args, **kwargs):
        if self.pk and not self._state.adding:
            raise TimelineFrozen("A timeline entry is never changed; add an entry that corrects it.")
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise TimelineFrozen("A timeline entry is never removed; add an entry that corrects it.")


class RoleAssignment(models.Model):
    """Who held a role, from when until when; handing over ends one row and starts the next."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=40, help_text="commander, communications, first responder …")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="roles")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["role", "since"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "role"], condition=Q(until__isnull=True), name="role_held_by_one"
            )
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.contact}"


class ResponseTargetQuerySet(models.QuerySet):
    def due(self, at):
        """Pending targets whose warning or deadline has come by `at`, longest overdue first."""
        return self.filter(check_at__lte=at).order_by("check_at", "pk")


class ResponseTarget(models.Model):
    """One deadline of one incident; a breach is recorded once and may still be met late."""

    class State(models.TextChoices):
        PENDING = "pending"
        MET = "met"
        BREACHED = "breached"
        CANCELLED = "cancelled"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="targets")
    kind = models.CharField(max_length=12, choices=TargetKind)
    anchor = models.CharField(max_length=12, choices=Anchor, default=Anchor.DETECTED)
    role = models.CharField(max_length=40, blank=True)
    who = models.CharField(max_length=40, blank=True, help_text="Whose response counts; empty: anybody's.")
    calendar = models.ForeignKey(Calendar, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    pauses = models.JSONField(default=list, blank=True, help_text="While its clock stands still.")
    paused_at = models.DateTimeField(null=True, blank=True, help_text="Its clock stands still since then.")
    paused_for = models.DurationField(default=timedelta(0), help_text="How long it stood still before.")
    from_plan = models.CharField(max_length=120, help_text="Which level or class it came from.")
    within = models.DurationField(null=True, blank=True)
    term = models.CharField(max_length=20, blank=True)
    warn_before = models.DurationField(null=True, blank=True)
    anchored_at = models.DateTimeField(null=True, blank=True, help_text="What its time counts from.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="Empty until its anchor has happened.")
    check_at = models.DateTimeField(null=True, blank=True, help_text="When the sweep looks: warning, then deadline.")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    warned_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(null=True, blank=True)
    met_at = models.DateTimeField(null=True, blank=True, help_text="After breached_at: met late.")
    met_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    owed_by = models.CharField(max_length=250, blank=True, help_text="Who was to give it when it was missed, in words.")
    why_late = models.CharField(max_length=500, blank=True, help_text="What people noted about why it was missed.")

    objects = ResponseTargetQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "met", "breached", "cancelled"]), name="target_state_known"
            ),
            models.UniqueConstraint(
                fields=["incident", "kind", "role"], condition=Q(state="pending"), name="target_one_pending"
            ),
        ]
        indexes = [
            models.Index(fields=["check_at"], condition=Q(check_at__isnull=False), name="target_check_due"),
            models.Index(fields=["-due_at", "-id"], condition=Q(state="breached"), name="target_missed"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.due_at:%H:%M:%S}" if self.due_at else f"{self.kind} after {self.anchor}"

    @property
    def late_by(self):
        """How late it was met (timedelta), None when in time or not met."""
        return self.met_at - self.due_at if self.met_at and self.due_at and self.met_at > self.due_at else None


class IncidentUpdate(models.Model):
    """What people were told, when, and by whom."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="updates")
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL)
    audience = models.CharField(max_length=80, blank=True)
    subject = models.CharField(max_length=250, blank=True)
    text = models.TextField()
    fields = models.JSONField(default=dict, blank=True)
    template = models.ForeignKey(
        "incidents.UpdateTemplate", null=True, blank=True, on_delete=models.SET_NULL, related_name="updates"
    )
    closing = models.BooleanField(default=False, help_text="It said that it is over.")
    published = models.BooleanField(default=False, help_text="It went on the status page.")

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return self.text[:80]


class HeldNoticeQuerySet(models.QuerySet):
    def waiting(self):
        return self.filter(look_at__isnull=False)

    def look_due(self, at):
        """Those whose obstacle may have gone by `at`."""
        return self.filter(look_at__lte=at).order_by("look_at", "pk")


class HeldNotice(models.Model):
    """A message about an incident that a destination was not given: by what, since when, and what became of it."""

    class Kind(models.TextChoices):
        TOGGLE = "toggle"
        THROTTLE = "throttle"
        OFF = "off", "destination switched off"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="held_notices")
    destination = models.ForeignKey(Destination, null=True, on_delete=models.SET_NULL, related_name="held_notices")
    part = models.PositiveSmallIntegerField(default=0, help_text="Which of the destination's addresses.")
    kind = models.CharField(max_length=8, choices=Kind)
    by = models.CharField(max_length=250, help_text="What holds it back, in words.")
    event = models.CharField(max_length=16, help_text="opened, reopened, again")
    times = models.PositiveIntegerField(default=1, help_text="How many messages.")
    held_at = models.DateTimeField()
    look_at = models.DateTimeField(null=True, blank=True, help_text="When it is tried again; empty: it has ended.")
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=120, blank=True)

    objects = HeldNoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="held_notice_look_due")]

    def __str__(self) -> str:
        return f"{self.event} to {self.destination} held back by {self.by}"
