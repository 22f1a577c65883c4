"""What shall change after an incident: action items, what became of each, and the tickets kept of them elsewhere."""

from django.db import models
from django.db.models import Q
from django.urls import reverse

from incidents.models import Incident
from notifications.models import Delivery
from oncall.models import EscalationContact
from policies.models import Policy, Service
from runbooks.models import Run
from tickets.models import TicketPlan


class ActionPlan(models.Model):
    """How a policy's action items are followed up; without one the defaults hold."""

    policy = models.OneToOneField(Policy, on_delete=models.CASCADE, related_name="action_plan")
    due = models.JSONField(
        default=dict,
        blank=True,
        help_text='By category, how long an item has when nobody names a day: {"immediate": "7d"}',
    )
    remind_before = models.DurationField(null=True, blank=True, help_text="Before the day it is due; empty: a day.")
    remind_every = models.DurationField(null=True, blank=True, help_text="While it is overdue; empty: a week.")
    watch_for = models.DurationField(
        null=True, blank=True, help_text="How long after an item is done its cause must stay away; empty: 90 days."
    )
    watch = models.JSONField(
        default=list,
        blank=True,
        help_text='What counts as its return: ["rule", "factor", "service"]; empty: all three.',
    )

    def __str__(self) -> str:
        return f"{self.policy.key}: action items"


class ActionItemQuerySet(models.QuerySet):
    def open(self):
        return self.filter(state=ActionItem.State.OPEN)

    def overdue(self, today):
        """Open ones whose day is past on the calendar day `today`."""
        return self.open().filter(due_on__lt=today)

    def unsettled(self):
        """Those that nobody has verified yet, nor dropped."""
        return self.filter(state__in=[ActionItem.State.OPEN, ActionItem.State.DONE])

    def remind_due(self, at):
        """Open ones whose owner is to be reminded by `at`."""
        return self.filter(remind_at__lte=at).order_by("remind_at", "pk")

    def watched(self, at):
        """Those that are done and whose cause must still stay away at `at`."""
        return self.filter(watch_until__gte=at, done_at__lte=at)


class ActionItem(models.Model):
    """What shall change, who does it and until when; open -> done -> verified, and open again when it did not help."""

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        VERIFIED = "verified"
        DROPPED = "dropped"

    class Category(models.TextChoices):
        IMMEDIATE = "immediate", "Immediate fix"
        LONG_TERM = "long_term", "Long-term improvement"
        MONITORING = "monitoring", "Monitoring enhancement"
        PROCESS = "process", "Process update"

    class Priority(models.IntegerChoices):
        URGENT = 1, "Urgent"
        HIGH = 2, "High"
        NORMAL = 3, "Normal"
        LOW = 4, "Low"

    MOVES = {
        State.OPEN: {State.DONE, State.DROPPED},
        State.DONE: {State.VERIFIED, State.OPEN, State.DROPPED},
        State.VERIFIED: {State.OPEN},
        State.DROPPED: {State.OPEN},
    }

    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.SET_NULL, related_name="action_items",
        help_text="What it follows from.",
    )  # fmt: skip
    review = models.ForeignKey(
        "reviews.PostIncidentReview", null=True, blank=True, on_delete=models.CASCADE, related_name="actions",
        help_text="Empty until the incident has a review.",
    )  # fmt: skip
    title = models.CharField(max_length=250)
    text = models.TextField(blank=True, help_text="What exactly, and how one will see that it works.")
    category = models.CharField(max_length=12, choices=Category, default=Category.LONG_TERM)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.NORMAL)
    owner = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="action_items"
    )
    due_on = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    verified_at = models.DateTimeField(null=True, blank=True)
    verified_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", help_text="Whose step made it."
    )
    step = models.CharField(max_length=120, blank=True)
    rule = models.CharField(max_length=250, blank=True, help_text="Open again when this rule opens an incident.")
    service = models.ForeignKey(
        Service, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Open again when this service has an incident.",
    )  # fmt: skip
    factor = models.CharField(
        max_length=250, blank=True, help_text="Open again when a review names this contributing factor."
    )
    watch_until = models.DateTimeField(null=True, blank=True, help_text="So long its cause must stay away.")
    reopened = models.PositiveSmallIntegerField(default=0, help_text="How often it did not help.")
    remind_at = models.DateTimeField(null=True, blank=True, help_text="When the reminder sweep looks next.")
    reminded = models.PositiveSmallIntegerField(default=0, help_text="How often its owner was reminded of this day.")

    objects = ActionItemQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "done", "verified", "dropped"]), name="action_state_known"
            ),
            models.UniqueConstraint(
                fields=["run", "step"], condition=Q(run__isnull=False), name="action_once_a_step"
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["remind_at"], condition=Q(remind_at__isnull=False), name="action_remind_due"),
            models.Index(fields=["watch_until"], condition=Q(watch_until__isnull=False), name="action_watched"),
            models.Index(fields=["due_on", "id"], condition=Q(state="open"), name="action_open_by_day"),
        ]
        permissions = [
            ("work_actionitem", "Can add action items, take them on and mark them done"),
            ("verify_actionitem", "Can verify that an action item works, or drop it"),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args, **kwargs) -> None:
        """What is written on a review follows from its incident."""
        if self.incident_id is None and self.review is not None:
            self.incident_id = self.review.incident_id
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("action", args=[self.pk])

    @property
    def policy(self) -> Policy | None:
        if self.incident:
            return self.incident.policy
        return self.run.runbook.policy if self.run else None

    def is_overdue(self, today) -> bool:
        """Whether it is open and its day is past on the calendar day `today`."""
        return self.state == self.State.OPEN and self.due_on is not None and self.due_on < today


class ActionEntry(models.Model):
    """What happened to an action item; only ever added to."""

    item = models.ForeignKey(ActionItem, on_delete=models.CASCADE, related_name="entries")
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=16)
    text = models.TextField()
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", help_text="In which it came back."
    )
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["item", "pk"]
        verbose_name_plural = "action entries"

    def __str__(self) -> str:
        return self.text


class ActionTicket(models.Model):
    """The ticket that a tracker keeps of an action item; each tells the other what became of it."""

    class State(models.TextChoices):
        MAKING = "making", "on its way to the tracker"
        MADE = "made"
        FAILED = "failed", "refused by the tracker; somebody must mend it"

    item = models.OneToOneField(ActionItem, on_delete=models.CASCADE, related_name="ticket")
    plan = models.ForeignKey(
        TicketPlan, null=True, blank=True, on_delete=models.SET_NULL, related_name="action_tickets"
    )
    tracker = models.CharField(max_length=8, choices=TicketPlan.Tracker)
    project = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.MAKING)
    key = models.CharField(max_length=200, blank=True, help_text="What the tracker calls it.")
    url = models.TextField(blank=True)
    made_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, help_text="Why the last try did not succeed; empty: it did.")
    delivery = models.ForeignKey(Delivery, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    remote_status = models.CharField(max_length=120, blank=True, help_text="As the tracker says.")
    remote_done = models.BooleanField(default=False, help_text="Whether that status means it is done.")
    seen_at = models.DateTimeField(null=True, blank=True, help_text="When its state was read last.")
    read_at = models.DateTimeField(null=True, blank=True, help_text="When its state is read next.")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["making", "made", "failed"]), name="action_ticket_state_known"
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["read_at"], condition=Q(read_at__isnull=False), name="action_ticket_read_due"),
            models.Index(fields=["key"], condition=~Q(key=""), name="action_ticket_by_key"),
        ]

    def __str__(self) -> str:
        return self.key or f"ticket in {self.project or self.get_tracker_display()}"
