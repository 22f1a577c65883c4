"""Files kept with an incident: which are wanted by its policy, and those that are there."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from incidents.models import Incident
from oncall.models import EscalationContact
from policies.models import Policy, Severity


class EvidenceFrozen(Exception):
    """Somebody tried to change or remove a file of evidence; add another one instead."""


class EvidencePlan(models.Model):
    """Where a policy's evidence lies, what is wanted, and how large a file may be."""

    policy = models.OneToOneField(Policy, on_delete=models.CASCADE, related_name="evidence_plan")
    root = models.CharField(
        max_length=500, blank=True, help_text="Folder; may be a parameter. Empty: as the installation is set up."
    )
    required = models.JSONField(default=list, blank=True, help_text='Labels a file is wanted for: ["queue worker"]')
    labels = models.JSONField(default=list, blank=True, help_text="Labels that may be chosen; empty: required, other.")
    severities = models.ManyToManyField(Severity, blank=True, help_text="Levels that want them; none: all.")
    max_size = models.PositiveBigIntegerField(default=50_000_000, help_text="Bytes of one file.")

    class Meta:
        ordering = ["policy"]

    def __str__(self) -> str:
        return f"{self.policy.key}: evidence"


class Evidence(models.Model):
    """One file of an incident; neither it nor its row is ever changed."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="evidence")
    label = models.CharField(max_length=80, help_text="What it is: queue worker, Redis …")
    name = models.CharField(max_length=200, help_text="As whoever brought it calls it.")
    stored_as = models.CharField(max_length=255, help_text="Its name in the incident's folder.")
    folder = models.CharField(max_length=700, help_text="The incident's folder.")
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    content_type = models.CharField(max_length=120, blank=True)
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "evidence"
        constraints = [models.UniqueConstraint(fields=["incident", "stored_as"], name="evidence_stored_once")]

    def __str__(self) -> str:
        return f"{self.label}: {self.name}"

    def save(self, *args, **kwargs):
        if self.pk and not self._state.adding:
            raise EvidenceFrozen("Evidence is never changed; add another file.")
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise EvidenceFrozen("Evidence is never removed; add another file that says why it does not count.")
