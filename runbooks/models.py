"""What to do, as a pack wrote it, and how far people have come with it.

Plan: Runbook (what is offered now) and its RunbookVersion (what it said). Run: Run (one version gone through, for an
incident or by itself), its Tick (steps done), LiveItem (what was asked last) and ActionCall (what was sent out).
"""

from django.db import models
from django.db.models import Q
from django.urls import reverse

from incidents.models import Incident
from oncall.models import EscalationContact
from policies.models import Parameter, Policy, Service


class Runbook(models.Model):
    """A runbook or checklist of a policy; `content` is the pack's word, as its newest version has it."""

    class Kind(models.TextChoices):
        RUNBOOK = "runbook"
        CHECKLIST = "checklist"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="runbooks")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.RUNBOOK)
    key = models.CharField(max_length=80)
    title = models.CharField(max_length=250)
    book = models.CharField(max_length=160, blank=True, help_text="The document it is part of.")
    chapter = models.CharField(max_length=160, blank=True)
    service = models.ForeignKey(Service, null=True, blank=True, on_delete=models.SET_NULL, related_name="runbooks")
    position = models.PositiveSmallIntegerField(default=0)
    content = models.JSONField(default=dict)
    binding = models.JSONField(default=dict, blank=True, help_text="To which incidents it attaches by itself.")
    current = models.ForeignKey(
        "RunbookVersion", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    offered = models.BooleanField(default=True, help_text="Off: its pack no longer has it; runs of it stay.")

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "key"], name="runbook_key_once"),
            models.CheckConstraint(condition=Q(kind__in=["runbook", "checklist"]), name="runbook_kind_known"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("runbook", args=[self.policy.key, self.key])


class RunbookVersion(models.Model):
    """What a runbook said from one load of its pack to the next; never changed."""

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField(default=dict)
    guards = models.BooleanField(default=False, help_text="Whether a step of it holds up a move of its incident.")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["runbook", "-number"]
        constraints = [models.UniqueConstraint(fields=["runbook", "number"], name="runbook_version_once")]

    def __str__(self) -> str:
        return f"{self.runbook}, version {self.number}"


class Run(models.Model):
    """One version of a runbook gone through: for an incident, or by itself for a service."""

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        DROPPED = "dropped"

    version = models.ForeignKey(RunbookVersion, on_delete=models.PROTECT, related_name="runs")
    runbook = models.ForeignKey(Runbook, on_delete=models.PROTECT, related_name="runs")
    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.CASCADE, related_name="runbook_runs")
    service = models.ForeignKey(Service, null=True, blank=True, on_delete=models.SET_NULL, related_name="runbook_runs")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    rank = models.PositiveIntegerField(default=0, help_text="The order in which an incident shows them.")
    because = models.CharField(max_length=250, blank=True, help_text="Why it is here, in words.")
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    ended_note = models.TextField(blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["open", "done", "dropped"]), name="runbook_run_state_known"),
            models.UniqueConstraint(
                fields=["incident", "runbook"], condition=Q(incident__isnull=False), name="runbook_run_once_an_incident"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.runbook} ({self.started_at:%Y-%m-%d %H:%M})"

    def get_absolute_url(self) -> str:
        return reverse("run", args=[self.pk])


class Tick(models.Model):
    """A step that was done; undone ones stay, with who took them back and why."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="ticks")
    step = models.CharField(max_length=80)
    at = models.DateTimeField()
    by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Empty: confirmed by itself.",
    )  # fmt: skip
    values = models.JSONField(default=dict, blank=True, help_text="What was asked for.")
    choice = models.CharField(max_length=160, blank=True)
    note = models.TextField(blank=True)
    effects = models.JSONField(default=dict, blank=True, help_text="What it made that may be ended again: silences.")
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    undone_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "step"], condition=Q(undone_at__isnull=True), name="runbook_step_ticked_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} at {self.at:%H:%M:%S}"


class LiveItem(models.Model):
    """What a live item of a run's step said last; the due column asks it again while the run is open."""

    class State(models.TextChoices):
        ASKED = "asked", "not asked yet"
        GREEN = "green", "as expected"
        NOTED = "noted", "as expected, with a note"
        RED = "red", "not as expected"
        WAITS = "waits", "waits for an earlier step"
        UNSET = "unset", "not set up"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="live_items")
    step = models.CharField(max_length=80)
    place = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=6, choices=State, default=State.ASKED)
    shown = models.TextField(blank=True)
    rows = models.JSONField(default=list, blank=True)
    columns = models.JSONField(default=list, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    red_at = models.DateTimeField(null=True, blank=True, help_text="When it was first red in this run's watch.")
    noted_at = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True, help_text="When the clock asks it; empty: on a press only.")

    class Meta:
        ordering = ["run", "step", "place"]
        constraints = [models.UniqueConstraint(fields=["run", "step", "place"], name="runbook_live_item_once")]
        indexes = [models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="runbook_live_due")]

    def __str__(self) -> str:
        return f"{self.step}: {self.shown or self.get_state_display()}"


class Remark(models.Model):
    """What somebody wrote of an alert that came in a watch."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="remarks")
    step = models.CharField(max_length=80)
    about = models.CharField(max_length=80, help_text="Which alert: the number by which its room knows it.")
    text = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return self.text[:80]


class OutgoingAction(models.Model):
    """An HTTP call that a person may confirm; off while its token is not set."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="outgoing_actions")
    key = models.CharField(max_length=80)
    title = models.CharField(max_length=250)
    position = models.PositiveSmallIntegerField(default=0)
    content = models.JSONField(default=dict)

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="runbook_action_key_once")]

    def __str__(self) -> str:
        return self.title


class ActionCall(models.Model):
    """One confirmed call: who, when, what was sent where, and what came back. Nothing secret stands here."""

    class State(models.TextChoices):
        SENDING = "sending"
        DONE = "done"
        REFUSED = "refused"
        UNKNOWN = "unknown", "outcome unknown"

    action = models.ForeignKey(OutgoingAction, null=True, on_delete=models.SET_NULL, related_name="calls")
    title = models.CharField(max_length=250)
    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.CASCADE, related_name="action_calls")
    run = models.ForeignKey(Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="calls")
    step = models.CharField(max_length=80, blank=True)
    nonce = models.CharField(max_length=40, unique=True, help_text="One confirmation, one call.")
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    method = models.CharField(max_length=8)
    address = models.TextField(help_text="Secrets masked.")
    inputs = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.SENDING)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True)
    kept = models.JSONField(default=dict, blank=True)
    took_ms = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.title}: {self.get_state_display()}"


class Letter(models.Model):
    """A message to somebody that a step drafted and a person sent."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="letters")
    step = models.CharField(max_length=80)
    place = models.PositiveSmallIntegerField(default=0)
    nonce = models.CharField(max_length=40, unique=True)
    to = models.CharField(max_length=200)
    subject = models.CharField(max_length=250, blank=True)
    text = models.TextField()
    kind = models.CharField(max_length=8, default="mail", help_text="mail, page, notice")
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"To {self.to}: {self.subject or self.text[:60]}"


class Tightened(models.Model):
    """A parameter that has another value for a time; put back when the time is up."""

    parameter = models.ForeignKey(Parameter, on_delete=models.CASCADE, related_name="tightened")
    run = models.ForeignKey(Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="tightened")
    value = models.TextField()
    before = models.TextField(blank=True, help_text="What a person had set here before; empty: nothing.")
    since = models.DateTimeField()
    until = models.DateTimeField()
    back_at = models.DateTimeField(null=True, blank=True, help_text="When it is put back; empty: it was.")

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["back_at"], condition=Q(back_at__isnull=False), name="runbook_tightened_due")]

    def __str__(self) -> str:
        return f"{self.parameter} is {self.value} until {self.until:%Y-%m-%d %H:%M} UTC"
