"""How things stood and stand: snapshots that nobody can change, and the checklist of what makes a service ready."""

import hashlib
import json
from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.urls import reverse

from incidents.models import Incident
from oncall.models import EscalationContact
from policies.models import Policy


class SnapshotFrozen(Exception):
    """Somebody tried to change or remove a snapshot; take another one instead."""


class SnapshotQuerySet(models.QuerySet):
    def update(self, **values: Any) -> NoReturn:
        raise SnapshotFrozen("A snapshot is never changed; take another one.")

    def delete(self) -> NoReturn:
        raise SnapshotFrozen("A snapshot is never removed.")


class Snapshot(models.Model):
    """What was known at an instant, as one text with its hash; written once."""

    class Kind(models.TextChoices):
        SNAPSHOT = "snapshot"
        HEALTHCHECK = "healthcheck"
        READINESS = "readiness"

    class How(models.TextChoices):
        OPENING = "opening", "by itself at the opening"
        PERSON = "person", "by a person"
        COMMAND = "command", "by a command"

    kind = models.CharField(max_length=12, choices=Kind, default=Kind.SNAPSHOT)
    how = models.CharField(max_length=8, choices=How)
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.PROTECT, related_name="snapshots",
        help_text="Empty: taken without one.",
    )  # fmt: skip
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.PROTECT, related_name="snapshots")
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    body = models.TextField(help_text="Canonical JSON; the hash is over exactly this text.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the body.")

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["incident", "-at"], name="snapshot_of_incident")]

    def __str__(self) -> str:
        return f"{self.get_kind_display().capitalize()} of {self.at:%Y-%m-%d %H:%M:%S} UTC"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk and not self._state.adding:
            raise SnapshotFrozen("A snapshot is never changed; take another one.")
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("snapshot", args=[self.pk])

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise SnapshotFrozen("A snapshot is never removed.")

    @property
    def content(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def parts(self) -> dict[str, list[dict[str, Any]]]:
        """Its parts by name, each a list of entries."""
        return self.content["parts"]

    @property
    def intact(self) -> bool:
        """Whether the body is what was hashed."""
        return digest_of(self.body) == self.digest


def digest_of(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


class Wanted(models.Model):
    """An incident that was opened and of which a snapshot is still to be taken."""

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, related_name="snapshot_wanted")
    due_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "wanted snapshots"
        indexes = [models.Index(fields=["due_at"], name="snapshot_due")]

    def __str__(self) -> str:
        return f"Snapshot of {self.incident}"


class ReadinessItem(models.Model):
    """Something that must hold before a service counts as ready: looked at live, or confirmed by a person."""

    class Needs(models.TextChoices):
        NOTHING = "nothing"
        NOTE = "note", "a note or a link"
        LINK = "link", "a link"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="readiness_items")
    key = models.CharField(max_length=80)
    text = models.TextField()
    commands = models.JSONField(default=list, blank=True, help_text="To copy, as written.")
    needs = models.CharField(max_length=7, choices=Needs, default=Needs.NOTHING)
    rules = models.JSONField(default=list, blank=True, help_text="Holds while none of them fires and each is read.")
    levels = models.JSONField(default=list, blank=True, help_text="Only firing at these levels counts; empty: any.")
    shows = models.CharField(max_length=80, blank=True, help_text="A field of what the rule read, shown beside it.")
    requires = models.JSONField(default=list, blank=True, help_text="Parameters that need a value.")
    drill = models.JSONField(default=dict, blank=True, help_text='{"counts": RULE, "field": …, "probe": RULE}')
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="readiness_item_key_once")]
        permissions = [("tick_readinessitem", "Can say that an item of a readiness checklist is done")]

    def __str__(self) -> str:
        return self.text[:120]

    @property
    def is_live(self) -> bool:
        """Whether it is looked at, so that nobody ticks it."""
        return bool(self.rules or self.requires)


class ReadinessTick(models.Model):
    """That somebody did an item, or took it back; the latest counts."""

    item = models.ForeignKey(ReadinessItem, on_delete=models.CASCADE, related_name="ticks")
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    done = models.BooleanField(default=True)
    note = models.TextField(blank=True)
    facts = models.JSONField(default=dict, blank=True, help_text="What a drill measured.")

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["item", "-at"], name="readiness_tick_newest")]

    def __str__(self) -> str:
        return f"{self.item}: {'done' if self.done else 'open'}"


class Drill(models.Model):
    """A chaos test under way: what was counted when it began; one at a time for an item."""

    item = models.ForeignKey(ReadinessItem, on_delete=models.CASCADE, related_name="drills")
    began_at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    before = models.JSONField(default=dict)
    ended_at = models.DateTimeField(null=True, blank=True)
    after = models.JSONField(default=dict, blank=True)
    down_for = models.DurationField(null=True, blank=True, help_text="How long the probe saw the service away.")

    class Meta:
        ordering = ["-began_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(ended_at__isnull=True), name="readiness_one_drill")
        ]

    def __str__(self) -> str:
        return f"Drill of {self.item}"
