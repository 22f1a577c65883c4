"""What people are told of an incident: templates, what is owed, what waits for approval, a chosen interval."""

from django.db import models
from django.db.models import Q

from notifications.models import Destination
from oncall.models import EscalationContact
from policies.models import Policy

from .incident import Incident


class UpdateTemplate(models.Model):
    """A kind of update: for which incidents, to whom, what it must say, who may send it."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="update_templates")
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(default=0)
    match = models.JSONField(
        default=dict, blank=True, help_text='For which incidents: {"severity": ["P0"]}; empty: all.'
    )
    on = models.CharField(
        max_length=40, blank=True, help_text="Locked until this has happened, then due now: cause_identified …"
    )
    audience = models.CharField(max_length=80, blank=True, help_text="Whom it is for, in words.")
    destinations = models.ManyToManyField(Destination, blank=True, related_name="update_templates")
    contacts = models.ManyToManyField(EscalationContact, blank=True, related_name="update_templates")
    routes = models.BooleanField(default=False, help_text="It also goes where the routes lead.")
    publish = models.BooleanField(default=False, help_text="It goes on the status page and to its subscribers.")
    component_status = models.CharField(
        max_length=24, blank=True, help_text="What its components become; empty: by level."
    )
    subject = models.CharField(max_length=250, blank=True)
    text = models.TextField(blank=True, help_text="What the form begins with, a template.")
    fields = models.JSONField(default=list, blank=True, help_text='What must be filled in: ["impact", "eta"].')
    roles = models.JSONField(default=list, blank=True, help_text="Who may send it; empty: whoever responds.")
    approval = models.DurationField(null=True, blank=True, help_text="A second person approves it within this time.")
    approvers = models.JSONField(default=list, blank=True, help_text="Roles; empty: anybody else who responds.")
    closing = models.BooleanField(default=False, help_text="It says that it is over.")
    required = models.BooleanField(default=False, help_text="The incident is not resolved before it was sent.")
    counts = models.BooleanField(default=True, help_text="It moves the cadence on and meets the target of an update.")

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="update_template_once")]

    def __str__(self) -> str:
        return self.name


class UpdateItemQuerySet(models.QuerySet):
    def open(self):
        return self.filter(done_at=None)

    def remind_due(self, at):
        """Updates owed whose reminder is due by `at`."""
        return self.filter(remind_at__lte=at).order_by("remind_at", "pk")


class UpdateItem(models.Model):
    """An update that something has made due: sent, or still owed."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="update_items")
    template = models.ForeignKey(UpdateTemplate, on_delete=models.CASCADE, related_name="items")
    because = models.CharField(max_length=40, help_text="What has made it due: cause_identified …")
    due_at = models.DateTimeField()
    remind_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = UpdateItemQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "template"], condition=Q(done_at__isnull=True), name="update_item_one_open"
            )
        ]
        indexes = [models.Index(fields=["remind_at"], condition=Q(remind_at__isnull=False), name="update_item_due")]

    def __str__(self) -> str:
        return f"{self.template} since {self.because}"

    @property
    def words(self) -> str:
        return self.because.replace("_", " ")


class ProposedUpdateQuerySet(models.QuerySet):
    def waiting(self):
        return self.filter(state=ProposedUpdate.State.WAITING)

    def lapse_due(self, at):
        """Those whose time to be approved has run out by `at`."""
        return self.filter(lapse_at__lte=at).order_by("lapse_at", "pk")


class ProposedUpdate(models.Model):
    """An update that waits for a second person; who wrote it cannot approve it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        APPROVED = "approved"
        REJECTED = "rejected"
        LAPSED = "lapsed", "lapsed: nobody approved it in time"
        WITHDRAWN = "withdrawn"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="proposed_updates")
    template = models.ForeignKey(UpdateTemplate, on_delete=models.CASCADE, related_name="proposed")
    by = models.ForeignKey(EscalationContact, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()
    text = models.TextField(blank=True)
    fields = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    until = models.DateTimeField(help_text="To be approved by then.")
    lapse_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=250, blank=True)

    objects = ProposedUpdateQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "approved", "rejected", "lapsed", "withdrawn"]),
                name="proposed_update_state_known",
            )
        ]
        indexes = [
            models.Index(fields=["lapse_at"], condition=Q(lapse_at__isnull=False), name="proposed_update_lapse_due")
        ]

    def __str__(self) -> str:
        return f"{self.template} by {self.by}: {self.state}"


class ChosenCadence(models.Model):
    """How often people are told of this incident, as somebody chose; it outlives a change of level."""

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, related_name="chosen_cadence")
    every = models.DurationField()
    at_most = models.DurationField(null=True, blank=True, help_text="An upper bound besides the policy's.")
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"every {self.every}"
