"""The incident and its state machine."""

from collections.abc import Callable

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from oncall.models import EscalationContact
from policies.models import AlertClass, Policy, Service, Severity


class IllegalMove(Exception):
    """The incident cannot make this move now; the text says why and what it would take."""


class Status(models.TextChoices):
    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    FALSE_POSITIVE = "false_positive", "false positive"
    MERGED = "merged"


OPEN = [Status.DETECTED, Status.ACKNOWLEDGED, Status.MITIGATED]
MOVES = {
    Status.DETECTED: {
        Status.ACKNOWLEDGED, Status.MITIGATED, Status.RESOLVED, Status.FALSE_POSITIVE, Status.MERGED,
    },
    Status.ACKNOWLEDGED: {
        Status.MITIGATED, Status.RESOLVED, Status.FALSE_POSITIVE, Status.MERGED,
        Status.DETECTED,  # escalated by hand: whoever took it does not hold it any more
    },
    Status.MITIGATED: {Status.RESOLVED, Status.FALSE_POSITIVE, Status.MERGED},
    Status.RESOLVED: {Status.CLOSED, Status.DETECTED, Status.FALSE_POSITIVE},  # back to detected = reopened
    Status.CLOSED: {Status.DETECTED},
    Status.FALSE_POSITIVE: {Status.DETECTED},
    Status.MERGED: {Status.DETECTED},  # taken apart again
}  # fmt: skip


LISTENERS: dict[str, list[Callable]] = {}
"""Called with the incident and its new timeline entry, by the entry's kind, in the transaction that wrote it."""


def heard(*kinds: str):
    """Have a function hear of timeline entries of these kinds; for rooms above, which do database work alone in it."""

    def register(listener: Callable) -> Callable:
        for kind in kinds:
            if listener not in LISTENERS.setdefault(kind, []):
                LISTENERS[kind].append(listener)
        return listener

    return register


class IncidentQuerySet(models.QuerySet):
    def open(self):
        return self.filter(status__in=OPEN)

    def quiet(self, at):
        """Open incidents in which nothing has fired for their quiet time by `at`."""
        return self.filter(status__in=OPEN, quiet_until__lte=at).order_by("quiet_until", "pk")

    def update_due(self, at):
        """Open incidents whose next update to people is due by `at` and not yet reminded of."""
        return self.filter(status__in=OPEN, remind_at__lte=at).order_by("remind_at", "pk")


class Incident(models.Model):
    """What people work on; at most one is open for a scope and key."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="incidents")
    severity = models.ForeignKey(Severity, on_delete=models.PROTECT, related_name="incidents")
    alert_class = models.ForeignKey(AlertClass, null=True, blank=True, on_delete=models.SET_NULL)
    service = models.ForeignKey(Service, null=True, blank=True, on_delete=models.SET_NULL, related_name="incidents")
    owners = models.ManyToManyField(EscalationContact, blank=True, related_name="owned_incidents")
    scope = models.CharField(max_length=80, blank=True, help_text="Whose keys these are: a door or a policy.")
    key = models.CharField(max_length=255, help_text="Alerts that share scope and key join the same open incident.")
    title = models.CharField(max_length=250)
    summary = models.TextField(blank=True)
    impact = models.TextField(blank=True)
    cause = models.TextField(blank=True)
    eta = models.CharField(max_length=120, blank=True, help_text="Estimate for the fix, in words.")
    labels = models.JSONField(default=dict, blank=True)
    pages = models.BooleanField(default=False, help_text="Whether it pages people, as level, class or rule said.")
    pages_anyway = models.BooleanField(default=False, help_text="Rule, class or person said so, whatever the level.")
    drill = models.BooleanField(default=False, help_text="Runs the real chain and stays out of the figures.")
    private = models.BooleanField(default=False, help_text="Only those named, or with the right, see it anywhere.")
    readers = models.ManyToManyField(
        EscalationContact, blank=True, related_name="readable_incidents", help_text="Who may see it while private."
    )
    affected = models.JSONField(default=dict, blank=True, help_text='Counted by people: {"users": 120, "records": 4}.')
    impact_scope = models.CharField(max_length=80, blank=True, help_text="One of the policy's, from narrow to wide.")
    hold_reason = models.CharField(max_length=250, blank=True, help_text="What it waits for while on hold.")
    held_since = models.DateTimeField(null=True, blank=True, help_text="On hold since; clocks that may stand still do.")
    status = models.CharField(max_length=16, choices=Status, default=Status.DETECTED)
    opened_at = models.DateTimeField(null=True, blank=True, help_text="When its row was made; never corrected.")
    detected_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True, help_text="When the harm began, if known.")
    notified_at = models.DateTimeField(null=True, blank=True, help_text="When the first message was queued.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        EscalationContact,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="acknowledged_incidents",
    )
    assessed_at = models.DateTimeField(null=True, blank=True)
    investigated_at = models.DateTimeField(null=True, blank=True, help_text="When people began to look for the cause.")
    identified_at = models.DateTimeField(null=True, blank=True, help_text="When the root cause was known.")
    fixed_at = models.DateTimeField(null=True, blank=True, help_text="When the fix was in place.")
    mitigated_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    resolve_after = models.DurationField(null=True, blank=True, help_text="Quiet time; empty: as the policy says.")
    quiet_until = models.DateTimeField(null=True, blank=True, help_text="Resolves then, if nothing fires again.")
    update_every = models.DurationField(null=True, blank=True)
    update_due_at = models.DateTimeField(null=True, blank=True, help_text="When people want to hear next.")
    remind_at = models.DateTimeField(null=True, blank=True, help_text="When the cadence sweep looks next.")
    review_at = models.DateTimeField(null=True, blank=True, help_text="When the review sweep looks at its end.")
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged")
    split_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="split_off")
    related = models.ManyToManyField("self", blank=True, help_text="Linked by a person.")
    reopened = models.PositiveSmallIntegerField(default=0)

    objects = IncidentQuerySet.as_manager()
    held_roles: list  # who holds which role now, where the page has read it

    class Meta:
        ordering = ["-detected_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="incident_status_known"),
            models.UniqueConstraint(fields=["scope", "key"], condition=Q(status__in=OPEN), name="incident_one_open"),
        ]
        indexes = [
            models.Index(fields=["quiet_until"], condition=Q(quiet_until__isnull=False), name="incident_recovery_due"),
            models.Index(fields=["remind_at"], condition=Q(remind_at__isnull=False), name="incident_update_due"),
            models.Index(fields=["review_at"], condition=Q(review_at__isnull=False), name="incident_review_due"),
            models.Index(fields=["-detected_at", "-id"], name="incident_newest"),
            models.Index(fields=["status", "-detected_at"], name="incident_by_status"),
            models.Index(fields=["key"], name="incident_by_key"),
            models.Index(fields=["id"], condition=Q(private=True), name="incident_private"),
            models.Index(fields=["service", "-detected_at"], condition=Q(drill=True), name="incident_drills"),
        ]
        permissions = [
            ("respond_incident", "Can acknowledge, update and resolve incidents"),
            ("override_gate", "Can move an incident through a shut gate with a written reason"),
            ("see_private_incident", "Can see private incidents that do not name them"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("incident", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def thread(self) -> str:
        """What deliveries of this incident are filed under."""
        return f"incident:{self.pk}"

    def move(self, to: str, **facts) -> None:
        """Move to `to`, storing `facts` in the same write; of two racing workers one gets IllegalMove."""
        rows = Incident.objects.filter(pk=self.pk, status=self.status)
        if to not in MOVES[Status(self.status)] or not rows.update(status=to, **facts):
            now = Incident.objects.filter(pk=self.pk).values_list("status", flat=True).first()
            here, there = Status(now or self.status).label.lower(), Status(to).label.lower()
            raise IllegalMove(f"Incident #{self.pk} is {here} and cannot become {there}.")
        self.refresh_from_db(fields=["status", *facts])

    def first(self, field: str, at) -> None:
        """Store `at` in an empty milestone field; a milestone once set is not moved."""
        Incident.objects.filter(pk=self.pk, **{f"{field}__isnull": True}).update(**{field: at})
        self.refresh_from_db(fields=[field])

    def log(self, kind: str, text: str, *, at, by=None, data: dict | None = None):
        """Add an entry to the timeline, tell it to the rooms that listen for its kind, and return it."""
        entry = self.timeline.create(kind=kind, text=text, at=at, by=by, data=data or {})
        for listener in LISTENERS.get(kind, ()):
            listener(self, entry)
        return entry

    @property
    def milestones(self) -> list[tuple[str, object]]:
        names = (
            "started", "detected", "notified", "acknowledged", "assessed", "investigated", "identified", "fixed",
            "mitigated", "resolved", "closed",
        )  # fmt: skip
        return [(name, getattr(self, f"{name}_at")) for name in names]

    @classmethod
    def with_key(cls, key: str):
        """Every incident that ever had this key, newest first."""
        return cls.objects.filter(key=key).order_by(F("detected_at").desc(), "-pk")
