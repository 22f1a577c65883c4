"""Disaster recovery: what a policy plans, and how far an incident has come: standby, prompted, active, stood down."""

from django.db import models
from django.db.models import Q

from incidents.models import Incident
from notifications.models import Delivery
from oncall.models import EscalationContact
from policies.fields import EncryptedTextField
from policies.models import Policy


class RecoveryPlan(models.Model):
    """A policy's plan for a disaster; lists hold plain values in the words of the pack."""

    policy = models.OneToOneField(Policy, on_delete=models.CASCADE, related_name="recovery_plan")
    name = models.CharField(max_length=120, default="DR plan")
    standby = models.JSONField(default=list, blank=True, help_text="Levels that have a state at all; none: all.")
    prompts = models.JSONField(default=list, blank=True, help_text="What prompts; see docs/disaster-recovery.md.")
    roles = models.JSONField(default=list, blank=True, help_text="Who may activate and stand down.")
    automatic = models.BooleanField(default=False, help_text="The first prompt activates by itself.")
    tell_contacts = models.JSONField(default=list, blank=True, help_text="Who hears of prompts and activation.")
    tell_destinations = models.JSONField(default=list, blank=True)
    inform = models.JSONField(default=list, blank=True, help_text="Who hears when an incident reaches a level.")
    bridge_name = models.CharField(max_length=120, blank=True)
    bridge_webhook = EncryptedTextField(blank=True, help_text="May be ${DR_BRIDGE_WEBHOOK_URL}; empty: typed only.")
    bridge_links = models.JSONField(default=dict, blank=True, help_text='{"huddle": "Huddle", …}')
    call_tree = models.JSONField(default=list, blank=True, help_text="Names of contacts, in order.")
    voice = EncryptedTextField(blank=True, help_text="Webhook of a voice gateway; empty: people dial.")
    cadence_max = models.DurationField(null=True, blank=True, help_text="While active, an update at least so often.")
    checklist = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["policy"]

    def __str__(self) -> str:
        return f"{self.policy.key}: {self.name}"


class RecoveryQuerySet(models.QuerySet):
    def look_due(self, at):
        """Those whose conditions are to be looked at by `at`."""
        return self.filter(look_at__lte=at).order_by("look_at", "pk")


class Recovery(models.Model):
    """How far the disaster recovery of one incident has come."""

    class State(models.TextChoices):
        STANDBY = "standby"
        PROMPTED = "prompted"
        ACTIVE = "active"
        STOOD_DOWN = "stood_down", "stood down"

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, related_name="dr")
    state = models.CharField(max_length=10, choices=State, default=State.STANDBY)
    look_at = models.DateTimeField(null=True, blank=True, help_text="When its conditions are looked at next.")
    activated_at = models.DateTimeField(null=True, blank=True)
    activated_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.TextField(blank=True, help_text="Why it was activated.")
    stood_down_at = models.DateTimeField(null=True, blank=True)
    stood_down_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    signed_at = models.DateTimeField(null=True, blank=True, help_text="When its checklist was signed off.")
    signed_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    signed_note = models.TextField(blank=True)
    ticked = models.JSONField(default=list, blank=True, help_text="Items of the checklist that are done.")

    objects = RecoveryQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "recoveries"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["standby", "prompted", "active", "stood_down"]), name="recovery_state_known"
            )
        ]
        indexes = [models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="recovery_look_due")]

    def __str__(self) -> str:
        return f"DR of #{self.incident_id}: {self.get_state_display()}"


class Prompt(models.Model):
    """A condition of the plan that has come true for an incident; each once."""

    class Answer(models.TextChoices):
        OPEN = "open"
        FOLLOWED = "followed"
        DECLINED = "declined"

    recovery = models.ForeignKey(Recovery, on_delete=models.CASCADE, related_name="prompts")
    condition = models.CharField(max_length=120, help_text="Which of the plan's conditions.")
    asks = models.CharField(max_length=10, default="activate", help_text="activate or bridge")
    text = models.TextField()
    at = models.DateTimeField()
    answer = models.CharField(max_length=10, choices=Answer, default=Answer.OPEN)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["recovery", "condition"], name="prompt_once"),
            models.CheckConstraint(
                condition=Q(answer__in=["open", "followed", "declined"]), name="prompt_answer_known"
            ),
        ]

    def __str__(self) -> str:
        return self.text


class Bridge(models.Model):
    """Where people meet for an incident: asked for by webhook once, its links returned or typed."""

    class State(models.TextChoices):
        NONE = "none", "not opened"
        ASKED = "asked", "asked for; the answer is not known"
        OPEN = "open"
        FAILED = "failed"

    recovery = models.OneToOneField(Recovery, on_delete=models.CASCADE, related_name="bridge")
    state = models.CharField(max_length=8, choices=State, default=State.NONE)
    tries = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    error = models.TextField(blank=True)
    links = models.JSONField(default=dict, blank=True, help_text='{"huddle": "https://…"}')

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["none", "asked", "open", "failed"]), name="bridge_state_known"
            )
        ]

    def __str__(self) -> str:
        return f"bridge of {self.recovery}"


class CallEntry(models.Model):
    """One line of the call tree of an incident: whom to ring next, and how it went."""

    class Outcome(models.TextChoices):
        OPEN = "open", "to be called"
        CALLING = "calling", "the gateway rings"
        REACHED = "reached"
        NO_ANSWER = "no_answer", "no answer"
        WRONG = "wrong", "wrong number"
        SKIPPED = "skipped", "not called"

    recovery = models.ForeignKey(Recovery, on_delete=models.CASCADE, related_name="calls")
    position = models.PositiveIntegerField(help_text="Lower first; back-ups stand behind whom they stand in for.")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="+")
    number = models.CharField(max_length=120, blank=True)
    instead_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="stand_ins")
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OPEN)
    at = models.DateTimeField(null=True, blank=True)
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    delivery = models.ForeignKey(Delivery, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["recovery", "contact"], name="call_entry_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=["open", "calling", "reached", "no_answer", "wrong", "skipped"]),
                name="call_outcome_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact} {self.number}"
