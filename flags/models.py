"""The register of feature flags: what each switches, where its value comes from, and what was changed for a time.

A flag is a bool parameter of its policy: one value, one order of precedence (environment, what the application itself
tells, what is stored here, the default). This room adds what a parameter does not know.
"""

from django.db import models
from django.urls import reverse

from incidents.models import Incident
from oncall.models import EscalationContact
from policies.models import Parameter, Policy


class FeatureFlag(models.Model):
    """A known flag of a service."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="flags")
    parameter = models.OneToOneField(Parameter, on_delete=models.CASCADE, related_name="flag")
    label = models.CharField(max_length=160, blank=True)
    description = models.TextField(blank=True, help_text="What it switches; empty: as its parameter says.")
    requires = models.JSONField(
        default=list, blank=True, help_text='Parameters that need a value while it is on: ["TRACES_ENDPOINT"].'
    )
    read = models.JSONField(
        default=dict, blank=True,
        help_text='Where the application tells it: {"http": {"connection": "app", "path": "/flags", "json": "X"}} '
        'or {"file": "managed.env"}.',
    )  # fmt: skip
    position = models.PositiveSmallIntegerField(default=0)
    read_at = models.DateTimeField(null=True, blank=True, editable=False)
    read_error = models.TextField(blank=True, editable=False)
    seen = models.CharField(max_length=5, blank=True, editable=False, help_text="Effective value last noted.")
    seen_reason = models.CharField(max_length=250, blank=True, editable=False)

    class Meta:
        ordering = ["policy", "position", "pk"]
        permissions = [("switch_featureflag", "Can change the stored value of a flag and say that it is back")]

    def __str__(self) -> str:
        return self.key

    def get_absolute_url(self) -> str:
        return reverse("flag", args=[self.pk])

    @property
    def key(self) -> str:
        return self.parameter.key


class FlagChange(models.Model):
    """One change of a flag, by a person, by the environment or by the application; only ever added."""

    class What(models.TextChoices):
        STORED = "stored", "stored value"
        EFFECTIVE = "effective", "effective value"
        TEMPORARY = "temporary", "changed for a time"
        BACK = "back", "is back"

    flag = models.ForeignKey(FeatureFlag, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    what = models.CharField(max_length=9, choices=What)
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    who = models.CharField(max_length=160, blank=True, help_text="Who did it, in words.")
    before = models.CharField(max_length=20, blank=True)
    after = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=250, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["flag", "-at"], name="flag_change_newest")]

    def __str__(self) -> str:
        return f"{self.flag}: {self.before or 'not set'} -> {self.after or 'not set'}"


class Temporary(models.Model):
    """A flag that is set to something for a time; whoever resolves is asked whether it is back."""

    flag = models.ForeignKey(FeatureFlag, on_delete=models.CASCADE, related_name="temporaries")
    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.SET_NULL, related_name="temporaries")
    value = models.BooleanField(help_text="What it is set to for the time.")
    back_to = models.CharField(max_length=20, blank=True, help_text="The stored value before; empty: none.")
    since = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=250, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True, help_text="When whoever works on it is reminded next.")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-since", "-pk"]
        verbose_name_plural = "temporary values"
        constraints = [
            models.UniqueConstraint(
                fields=["flag"], condition=models.Q(ended_at__isnull=True), name="flag_one_temporary"
            )
        ]
        indexes = [
            models.Index(fields=["remind_at"], condition=models.Q(remind_at__isnull=False), name="flag_reminder_due")
        ]

    def __str__(self) -> str:
        return f"{self.flag} temporarily {written(self.value)}"


def written(value: bool) -> str:
    """`on` or `off`."""
    return "on" if value else "off"
