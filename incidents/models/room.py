"""Who does what in an incident, and whom it hurts: roles and tasks, stretches of impact, prompts that follow."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from oncall.models import EscalationContact, Schedule
from policies.models import Policy, Severity

from .incident import Incident


class RolePlan(models.Model):
    """A role that incidents of a policy have: who usually takes it, what it has to do, who is told when nobody does."""

    class Assign(models.TextChoices):
        ASK = "ask", "somebody takes it or is given it"
        ON_CALL = "on_call", "at the opening, whoever is named or on call"
        FIRST_ACK = "first_ack", "whoever acknowledges first"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="role_plans")
    key = models.CharField(max_length=40)
    label = models.CharField(max_length=80, blank=True)
    description = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    severities = models.ManyToManyField(Severity, blank=True, help_text="Levels it is wanted for; empty: every level.")
    contacts = models.ManyToManyField(EscalationContact, blank=True, related_name="+", help_text="Who usually has it.")
    schedule = models.ForeignKey(Schedule, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    assign = models.CharField(max_length=9, choices=Assign, default=Assign.ASK)
    backups = models.ManyToManyField(
        EscalationContact, blank=True, related_name="+", help_text="Paged when nobody was appointed in time."
    )
    tasks = models.JSONField(default=list, blank=True, help_text="Put on the incident when the role is taken.")

    class Meta:
        ordering = ["policy", "position", "key"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="role_plan_once")]

    def __str__(self) -> str:
        return self.label or self.key.capitalize()


class IncidentTask(models.Model):
    """Something to do during an incident, for a role or a person; done once, by somebody, at an instant."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="tasks")
    text = models.CharField(max_length=250)
    role = models.CharField(max_length=40, blank=True, help_text="Whose list it stands on; empty: everybody's.")
    contact = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    position = models.PositiveSmallIntegerField(default=0)
    added_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["role", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["incident", "role", "text"], name="incident_task_once")]

    def __str__(self) -> str:
        return self.text


class ImpactStretch(models.Model):
    """People were affected from then until then; several stretches of an incident add up."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="impact_stretches")
    start_at = models.DateTimeField()
    end_at = models.DateTimeField(null=True, blank=True, help_text="Empty: still.")

    class Meta:
        ordering = ["start_at", "pk"]
        verbose_name_plural = "impact stretches"
        constraints = [
            models.UniqueConstraint(fields=["incident"], condition=Q(end_at__isnull=True), name="impact_one_running"),
            models.CheckConstraint(
                condition=Q(end_at__isnull=True) | Q(end_at__gte=F("start_at")), name="impact_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.start_at:%H:%M:%S} – {f'{self.end_at:%H:%M:%S}' if self.end_at else 'now'}"


class ImpactPrompt(models.Model):
    """What happens when people have been affected for so long, or more of them than before."""

    class When(models.TextChoices):
        LASTS = "lasts", "people were affected for longer than"
        WIDENED = "widened", "more people are affected than before"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="impact_prompts")
    position = models.PositiveSmallIntegerField(default=0)
    when = models.CharField(max_length=8, choices=When, default=When.LASTS)
    after = models.DurationField(default=timedelta(0), help_text="Of all stretches together.")
    severities = models.ManyToManyField(Severity, blank=True, help_text="Empty: every level.")
    role = models.CharField(max_length=40, blank=True, help_text="Who is prompted; nobody in it: the owners.")
    contacts = models.ManyToManyField(
        EscalationContact, blank=True, related_name="+", help_text="Whom one click tells; never told by itself."
    )
    tells = models.ManyToManyField(EscalationContact, blank=True, related_name="+", help_text="Told at once.")
    text = models.CharField(max_length=250, blank=True)

    class Meta:
        ordering = ["policy", "position"]
        constraints = [models.UniqueConstraint(fields=["policy", "position"], name="impact_prompt_once")]

    def __str__(self) -> str:
        return self.text or f"impact {self.get_when_display()} {self.after}"


class ImpactAskQuerySet(models.QuerySet):
    def due(self, at):
        """Prompts whose time has come by `at`."""
        return self.filter(look_at__lte=at).order_by("look_at", "pk")


class ImpactAsk(models.Model):
    """A prompt of one incident: when it comes, whether it came, and who told the contact."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="impact_asks")
    prompt = models.ForeignKey(ImpactPrompt, on_delete=models.CASCADE, related_name="asks")
    look_at = models.DateTimeField(null=True, blank=True, help_text="When the sweep looks; empty: the clock stands.")
    prompted_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True, help_text="When a person had the contact told.")
    told_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = ImpactAskQuerySet.as_manager()

    class Meta:
        ordering = ["incident", "pk"]
        constraints = [models.UniqueConstraint(fields=["incident", "prompt"], name="impact_ask_once")]
        indexes = [models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="impact_ask_due")]

    def __str__(self) -> str:
        return f"#{self.incident_id}: {self.prompt}"
