"""What trackers keep for us: plans (which incidents get a ticket, where) and tickets (how far each has come)."""

from django.db import models
from django.db.models import Q

from incidents.models import Incident
from notifications.models import Account, Delivery
from oncall.models import EscalationContact
from policies.fields import EncryptedTextField
from policies.models import Policy


class TicketPlanQuerySet(models.QuerySet):
    def of_incidents(self, policy):
        """The plans of a policy by which incidents get tickets."""
        return self.filter(policy=policy).exclude(when=TicketPlan.When.ACTION)

    def of_actions(self, policy):
        """The plans of a policy by which action items may have tickets."""
        return self.filter(policy=policy, when__in=[TicketPlan.When.ACTION, TicketPlan.When.BY_HAND])


class TicketPlan(models.Model):
    """Which incidents of a policy get a ticket, in which tracker, with what in it; one ticket an incident."""

    class Tracker(models.TextChoices):
        JIRA = "jira", "Jira"
        JSON = "json", "JSON tracker"

    class When(models.TextChoices):
        OPENED = "opened", "by itself"
        BY_HAND = "by_hand", "by a person's press"
        ACTION = "action", "for each action item"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="ticket_plans")
    key = models.SlugField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)
    tracker = models.CharField(max_length=8, choices=Tracker, default=Tracker.JIRA)
    match = models.JSONField(default=dict, blank=True, help_text='{"severity": ["critical"]}; empty: every incident.')
    when = models.CharField(max_length=8, choices=When, default=When.OPENED)
    after = models.DurationField(null=True, blank=True, help_text="Only if it is still active then; empty: at once.")
    project = models.CharField(max_length=255, blank=True, help_text="Jira: the key of the project, such as OPS.")
    endpoint = EncryptedTextField(blank=True, help_text="Address of the tracker; may be ${ALERT_JIRA_ENDPOINT}.")
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.SET_NULL, related_name="ticket_plans")
    email = models.CharField(max_length=200, blank=True, help_text="Whose token it is; may be ${JIRA_EMAIL}.")
    token = EncryptedTextField(blank=True, help_text="What we speak with; may be ${JIRA_TOKEN}.")
    api = models.CharField(max_length=8, blank=True, help_text="Jira's REST version, 2 or 3; empty: found out.")
    issue_type = models.CharField(max_length=80, default="Task")
    labels = models.JSONField(default=list, blank=True, help_text='Further labels: ["mr-dj"]')
    require = models.JSONField(default=list, blank=True, help_text='Labels it must name: ["queue"]')
    fields = models.JSONField(default=dict, blank=True, help_text="Further fields of the tracker; texts are templates.")
    transitions = models.JSONField(default=dict, blank=True, help_text='{"resolved": "Resolved"}; else by category.')
    resolution = models.CharField(max_length=80, blank=True, help_text="Set when it is resolved, such as Done.")
    two_way = models.BooleanField(default=False, help_text="A ticket done there resolves the incident here.")
    poll = models.DurationField(null=True, blank=True, help_text="How often its state is read; empty: never.")
    webhook_secret = EncryptedTextField(blank=True, help_text="Proves that a webhook is the tracker's own.")

    objects = TicketPlanQuerySet.as_manager()

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "key"], name="ticket_plan_key_once",
                violation_error_message="This policy has a ticket plan with this key already; choose another key.",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.policy.key}: {self.key}"


class TicketQuerySet(models.QuerySet):
    def look_due(self, at):
        """Tickets to make by `at`, or to drop because their incident is over."""
        return self.filter(look_at__lte=at).order_by("look_at", "pk")

    def read_due(self, at):
        """Tickets whose state in the tracker is to be read by `at`."""
        return self.filter(read_at__lte=at).order_by("read_at", "pk")

    def kept(self):
        """Those that the tracker has, or is about to have."""
        return self.filter(state__in=[Ticket.State.MAKING, Ticket.State.MADE, Ticket.State.FAILED])


class Ticket(models.Model):
    """One ticket of one incident."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting: made if the incident is still active then"
        MAKING = "making", "on its way to the tracker"
        MADE = "made"
        FAILED = "failed", "refused by the tracker; somebody must mend it"
        DROPPED = "dropped", "not needed: the incident was over before"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="tickets")
    plan = models.ForeignKey(TicketPlan, null=True, blank=True, on_delete=models.SET_NULL, related_name="tickets")
    plan_key = models.CharField(max_length=80, help_text="Of its plan; linked-1 … for one that a person linked.")
    tracker = models.CharField(max_length=8, choices=TicketPlan.Tracker)
    project = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    look_at = models.DateTimeField(null=True, blank=True, help_text="When it is made, if it still is to be.")
    key = models.CharField(max_length=200, blank=True, help_text="What the tracker calls it.")
    url = models.TextField(blank=True)
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, help_text="Why the last try did not succeed; empty: it did.")
    told = models.JSONField(default=dict, blank=True, help_text="First responder and expected resolution as told last.")
    delivery = models.ForeignKey(Delivery, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    remote_status = models.CharField(max_length=120, blank=True, help_text="As the tracker says.")
    remote_done = models.BooleanField(default=False, help_text="Whether that status means it is done.")
    seen_at = models.DateTimeField(null=True, blank=True, help_text="When its state was read last.")
    read_at = models.DateTimeField(null=True, blank=True, help_text="When its state is read next.")

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "plan_key"], name="ticket_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "making", "made", "failed", "dropped"]), name="ticket_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="ticket_look_due"),
            models.Index(fields=["read_at"], condition=Q(read_at__isnull=False), name="ticket_read_due"),
            models.Index(fields=["key"], condition=~Q(key=""), name="ticket_by_key"),
        ]

    def __str__(self) -> str:
        return self.key or f"ticket in {self.project or self.get_tracker_display()}"

    @property
    def is_linked(self) -> bool:
        """Whether a person named a ticket that was there already."""
        return self.plan_key.startswith("linked-")
