"""Our status page: components and how they were, what was published of incidents, planned work, and who subscribed."""

import secrets

from django.db import models
from django.db.models import Q
from django.urls import reverse

from incidents.models import Incident, IncidentUpdate
from policies.fields import EncryptedTextField
from policies.models import Policy


class State(models.TextChoices):
    """What a component is, from well to bad; the words are those that clients of status pages know."""

    OPERATIONAL = "operational"
    MAINTENANCE = "under_maintenance", "under maintenance"
    DEGRADED = "degraded_performance", "degraded performance"
    PARTIAL = "partial_outage", "partial outage"
    MAJOR = "major_outage", "major outage"


WORST = [State.OPERATIONAL, State.MAINTENANCE, State.DEGRADED, State.PARTIAL, State.MAJOR]
"""In the order in which the later one counts where several hold."""


def token() -> str:
    return secrets.token_urlsafe(24)


class Page(models.Model):
    """The page itself; there is one."""

    name = models.CharField(max_length=120, default="Service status", help_text="Its title.")
    about = models.TextField(blank=True, help_text="A sentence or two below the title.")
    support_url = models.URLField(blank=True, help_text="Where readers find help; empty: no link.")
    public_url = models.URLField(
        blank=True, help_text="Where the static copy is hosted; told to subscribers. Empty: this installation."
    )
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    export_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the static copy is written next."
    )
    exported_at = models.DateTimeField(null=True, blank=True, editable=False)
    export_error = models.TextField(blank=True, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["export_at"], condition=Q(export_at__isnull=False), name="status_export_due"),
        ]
        permissions = [("publish_status", "Can change what the status page says by hand")]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def get(cls) -> "Page":
        """The page, made at first need."""
        return cls.objects.get_or_create(pk=1)[0]


class Component(models.Model):
    """What readers know the service by: it is as bad as what is published about it, or as a person said."""

    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.CASCADE, related_name="components")
    key = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    group = models.CharField(max_length=120, blank=True, help_text="Components of one group stand together.")
    description = models.CharField(max_length=250, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    services = models.JSONField(
        default=list, blank=True, help_text='Incidents about these services touch it: ["checkout"]; empty: every one.'
    )
    labels = models.JSONField(
        default=dict, blank=True, help_text='And only those with these labels: {"queue": ["a", "b"]}.'
    )
    by_hand = models.CharField(
        max_length=24, choices=State, blank=True, help_text="What a person says it is; empty: as published."
    )
    state = models.CharField(max_length=24, choices=State, default=State.OPERATIONAL, editable=False)
    since = models.DateTimeField(null=True, blank=True, editable=False, help_text="In this state since.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.CheckConstraint(condition=Q(state__in=State.values), name="component_state_known")]

    def __str__(self) -> str:
        return self.name

    def touched_by(self, incident: Incident) -> bool:
        """Whether what is published about `incident` is about this component."""
        if self.policy_id is not None and self.policy_id != incident.policy_id:
            return False
        service = incident.service.key if incident.service else ""
        if self.services and service not in self.services:
            return False
        if not (self.services or self.labels or self.policy_id):
            return False  # it would take every incident of every policy
        facts = {**incident.labels, "service": service}
        return all(
            str(facts.get(name, "")) in ([str(one) for one in wanted] if isinstance(wanted, list) else [str(wanted)])
            for name, wanted in self.labels.items()
        )


class ComponentState(models.Model):
    """How a component was, from when until when."""

    component = models.ForeignKey(Component, on_delete=models.CASCADE, related_name="history")
    state = models.CharField(max_length=24, choices=State)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["since", "pk"]
        indexes = [models.Index(fields=["component", "-since"], name="component_history")]
        constraints = [
            models.UniqueConstraint(
                fields=["component"], condition=Q(until__isnull=True), name="component_one_present_state"
            )
        ]

    def __str__(self) -> str:
        return f"{self.component}: {self.state} since {self.since:%Y-%m-%d %H:%M}"


class PostQuerySet(models.QuerySet):
    def shown(self):
        """What may be seen by everybody: nothing of an incident that was made private afterwards."""
        return self.exclude(incident__private=True)

    def active(self):
        return self.filter(resolved_at=None)


class Post(models.Model):
    """An incident as readers see it: published from an incident's updates, or written by hand."""

    class Status(models.TextChoices):
        INVESTIGATING = "investigating"
        IDENTIFIED = "identified"
        MONITORING = "monitoring"
        RESOLVED = "resolved"

    class Impact(models.TextChoices):
        NONE = "none"
        MINOR = "minor"
        MAJOR = "major"
        CRITICAL = "critical"

    key = models.CharField(max_length=40, unique=True, default=token, help_text="What its address ends with.")
    incident = models.OneToOneField(Incident, null=True, blank=True, on_delete=models.CASCADE, related_name="post")
    title = models.CharField(max_length=250)
    status = models.CharField(max_length=16, choices=Status, default=Status.INVESTIGATING)
    impact = models.CharField(max_length=10, choices=Impact, default=Impact.MINOR)
    started_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = PostQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="resolved", resolved_at__isnull=False)
                | (~Q(status="resolved") & Q(resolved_at__isnull=True)),
                name="post_resolved_has_time",
            )
        ]
        indexes = [models.Index(fields=["-started_at", "-id"], name="post_newest")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("status-post", args=[self.key])


class PostComponent(models.Model):
    """What a published incident makes of a component, while it lasts."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="touched")
    component = models.ForeignKey(Component, on_delete=models.CASCADE, related_name="touched")
    state = models.CharField(max_length=24, choices=State, default=State.DEGRADED)

    class Meta:
        ordering = ["component__position", "component"]
        constraints = [models.UniqueConstraint(fields=["post", "component"], name="post_component_once")]

    def __str__(self) -> str:
        return f"{self.component}: {self.state}"


class PostUpdate(models.Model):
    """One thing that readers were told, in the words of its template; never changed."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="updates")
    update = models.OneToOneField(
        IncidentUpdate, null=True, blank=True, on_delete=models.SET_NULL, related_name="published_as"
    )
    status = models.CharField(max_length=16, choices=Post.Status)
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return self.text[:80]


class MaintenanceQuerySet(models.QuerySet):
    def look_due(self, at):
        """Announced work that begins or ends by `at`."""
        return self.filter(look_at__lte=at).order_by("look_at", "pk")


class Maintenance(models.Model):
    """Planned work that is announced; while it runs, alerts of its components' services may be held back."""

    class Status(models.TextChoices):
        SCHEDULED = "scheduled"
        IN_PROGRESS = "in_progress", "in progress"
        COMPLETED = "completed"
        CANCELLED = "cancelled"

    key = models.CharField(max_length=40, unique=True, default=token)
    title = models.CharField(max_length=200)
    text = models.TextField(help_text="What readers should know.")
    components = models.ManyToManyField(Component, blank=True, related_name="maintenances")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    suppress = models.BooleanField(
        default=True, help_text="Hold back alerts of the services of its components meanwhile (a maintenance window)."
    )
    windows = models.JSONField(default=list, blank=True, editable=False, help_text="The maintenance windows it made.")
    status = models.CharField(max_length=12, choices=Status, default=Status.SCHEDULED, editable=False)
    look_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = MaintenanceQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-pk"]
        verbose_name = "announced maintenance"
        verbose_name_plural = "announced maintenance"
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="announced_ends_after_start")
        ]
        indexes = [
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="announced_look_due"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("status-maintenance", args=[self.key])


class Subscriber(models.Model):
    """Who is told of what the page says: by e-mail once they confirmed, or a webhook."""

    class Kind(models.TextChoices):
        EMAIL = "email", "e-mail"
        WEBHOOK = "json", "webhook"

    kind = models.CharField(max_length=8, choices=Kind)
    address = EncryptedTextField()
    address_key = models.CharField(max_length=32, help_text="Fingerprint of kind and address.")
    secret = EncryptedTextField(blank=True, help_text="Signs what a webhook is sent.")
    token = models.CharField(max_length=40, unique=True, default=token, editable=False)
    components = models.ManyToManyField(Component, blank=True, help_text="Empty: all.")
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(help_text="When the last mail that asks to confirm went out.")
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["kind", "address_key"], name="subscriber_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} subscriber {self.pk}"
