"""What a policy offers to whoever declares or judges an incident, and what was chosen."""

from django.db import models

from oncall.models import EscalationContact
from policies.models import Policy, Severity

from .incident import Incident


class IncidentComponent(models.Model):
    """A part of the service that an incident may be about; stands in its label `component`."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="incident_components")
    key = models.CharField(max_length=80)
    label = models.CharField(max_length=120, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="incident_component_key_once")]

    def __str__(self) -> str:
        return self.label or self.key


class IncidentType(models.Model):
    """A kind of incident, with the level and component that are proposed for it."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="incident_types")
    key = models.CharField(max_length=80)
    label = models.CharField(max_length=120, blank=True)
    description = models.TextField(blank=True)
    severity = models.ForeignKey(Severity, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    component = models.CharField(max_length=80, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="incident_type_key_once")]

    def __str__(self) -> str:
        return self.label or self.key


class IncidentField(models.Model):
    """Something a policy wants to know of an incident beyond what every incident has."""

    class Kind(models.TextChoices):
        TEXT = "text"
        LONG = "long", "long text"
        NUMBER = "number"
        CHOICE = "choice"
        BOOL = "bool", "yes or no"
        DATE = "date"
        LINK = "link"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="incident_fields")
    key = models.CharField(max_length=80)
    label = models.CharField(max_length=160, blank=True)
    kind = models.CharField(max_length=6, choices=Kind, default=Kind.TEXT)
    choices = models.JSONField(default=list, blank=True, help_text='Of a choice: ["EU", "US"].')
    required = models.BooleanField(default=False)
    types = models.JSONField(default=list, blank=True, help_text="Keys of the types it is asked for; empty: all.")
    help = models.CharField(max_length=250, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="incident_field_key_once")]

    def __str__(self) -> str:
        return self.label or self.key


class Symptom(models.Model):
    """A line of the symptom table: what is seen, and the level and playbook that are proposed for it."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="symptoms")
    key = models.CharField(max_length=80)
    label = models.CharField(max_length=250)
    description = models.TextField(blank=True)
    severity = models.ForeignKey(
        Severity, null=True, blank=True, on_delete=models.CASCADE, related_name="+",
        help_text="Empty: the level at which its rule fires.",
    )  # fmt: skip
    component = models.CharField(max_length=80, blank=True)
    type = models.CharField(max_length=80, blank=True)
    playbook = models.CharField(max_length=120, blank=True, help_text="Key of a runbook.")
    rules = models.JSONField(default=list, blank=True, help_text="Holds while one of these fires; empty: by hand.")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="symptom_key_once")]

    def __str__(self) -> str:
        return self.label


class Triage(models.Model):
    """How somebody judged an incident: what was seen, what was proposed for it, what was chosen and why."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="triages")
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    symptoms = models.JSONField(default=list, blank=True, help_text="Keys of what was seen.")
    seen = models.JSONField(default=list, blank=True, help_text="The same in words, with what rules said.")
    type = models.CharField(max_length=80, blank=True)
    fields = models.JSONField(default=dict, blank=True, help_text="What the policy's own fields were filled with.")
    proposed = models.ForeignKey(Severity, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    chosen = models.ForeignKey(Severity, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    playbook = models.CharField(max_length=120, blank=True)
    reason = models.TextField(blank=True, help_text="Why another level than the proposed one.")

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.incident}: {', '.join(self.symptoms) or 'no symptom'}"


class RollbackPlan(models.Model):
    """How soon after a deploy an incident makes the policy think of taking the deploy back."""

    policy = models.OneToOneField(Policy, on_delete=models.CASCADE, related_name="rollback_plan")
    within = models.CharField(max_length=80, help_text="A length of time, 15m or ${PARAMETER}.")
    severities = models.ManyToManyField(Severity, blank=True, help_text="None: all levels.")

    def __str__(self) -> str:
        return f"{self.policy.key}: rollback within {self.within}"
