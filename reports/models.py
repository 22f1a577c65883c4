"""Reports: what a policy's documents look like, and the versions of each that were stored of an incident."""

from hashlib import sha256

from django.db import models
from django.db.models import Q
from django.urls import reverse

from incidents.models import Incident
from notifications.models import Destination
from oncall.models import EscalationContact
from policies.models import Policy


class ReportFrozen(Exception):
    """Somebody tried to change a stored report; store another version instead."""


class ReportTemplate(models.Model):
    """A kind of document that a policy makes of its incidents: a title and named parts, all in Markdown."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="report_templates")
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(default=0)
    language = models.CharField(
        max_length=8, blank=True, help_text="Of what Opscenter fills in: en, id, ru, nl. Empty: the policy's."
    )
    timezone = models.CharField(max_length=64, blank=True, help_text="Of the times in it. Empty: the policy's.")
    title = models.CharField(max_length=250, help_text="A template: Incident Report: {{ date }} - {{ title }}")
    place_name = models.CharField(max_length=120, blank=True, help_text="Where it is kept: the name of a page.")
    place_url = models.CharField(max_length=500, blank=True, help_text="The address of that page.")
    store_on = models.JSONField(
        default=list, blank=True, help_text='When a version is stored by itself: ["resolved", "closed", "approved"].'
    )
    contacts = models.ManyToManyField(
        EscalationContact, blank=True, related_name="report_templates", help_text="Who is sent what is stored so."
    )
    destinations = models.ManyToManyField(
        Destination, blank=True, related_name="report_templates", help_text="Where what is stored so is told."
    )

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="report_template_once")]

    def __str__(self) -> str:
        return self.name


class ReportPart(models.Model):
    """A part of a document: a heading and what stands under it."""

    template = models.ForeignKey(ReportTemplate, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveSmallIntegerField(default=0)
    key = models.SlugField(max_length=40)
    title = models.CharField(max_length=120, blank=True, help_text="Its heading; empty: it has none.")
    text = models.TextField(help_text="Markdown with {{ names }}; see docs/reports.md.")

    class Meta:
        ordering = ["template", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["template", "key"], name="report_part_once")]

    def __str__(self) -> str:
        return self.title or self.key


class Report(models.Model):
    """A version of a document as it was stored: its text is never changed."""

    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.PROTECT, related_name="reports",
        help_text="Empty: it tells of a stretch of time.",
    )  # fmt: skip
    key = models.CharField(max_length=40, help_text="Which kind of document.")
    name = models.CharField(max_length=120)
    number = models.PositiveIntegerField(help_text="Version: the first of its kind is 1.")
    language = models.CharField(max_length=8, default="en")
    title = models.CharField(max_length=250)
    text = models.TextField(help_text="Markdown.")
    sha256 = models.CharField(max_length=64, editable=False)
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Empty: Opscenter itself.",
    )  # fmt: skip
    edited = models.BooleanField(default=False, help_text="A person changed what was drafted.")
    place_name = models.CharField(max_length=120, blank=True)
    link = models.URLField(max_length=500, blank=True, help_text="Where it was put: a page in Notion, a wiki …")

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "key", "number"], condition=Q(incident__isnull=False), name="report_version_once"
            ),
            models.UniqueConstraint(
                fields=["key", "number"], condition=Q(incident__isnull=True), name="report_of_time_version_once"
            ),
        ]
        indexes = [models.Index(fields=["-at", "-id"], name="report_newest")]

    def __str__(self) -> str:
        return f"{self.title} (version {self.number})"

    def save(self, *args, **kwargs):
        if self.pk and not self._state.adding:
            raise ReportFrozen("A stored report is never changed; store another version.")
        self.sha256 = sha256(self.text.encode()).hexdigest()
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("report", args=[self.pk])

    @property
    def filename(self) -> str:
        """Without its ending: incident-12-incident-report-v2."""
        of = f"incident-{self.incident_id}-" if self.incident_id else ""
        return f"{of}{self.key}-v{self.number}"
