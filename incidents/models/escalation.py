"""Plan: EscalationPolicy and its steps. Run: Escalation, its turns (the plan frozen in rows) and pages."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from notifications.models import Delivery, Destination
from oncall.models import ContactMethod, EscalationContact, Schedule
from policies.models import Calendar, Policy, Severity

from .incident import Incident


class Condition(models.TextChoices):
    """When a step is taken at all."""

    ALWAYS = "always"
    UNACKED = "unacked", "nobody has acknowledged"
    UNASSESSED = "unassessed", "not assessed yet"
    UNMITIGATED = "unmitigated", "not mitigated yet"
    UNASSIGNED = "unassigned", "no commander yet"
    UNRESOLVED = "unresolved", "not resolved yet"


class Since(models.TextChoices):
    """What a step's delay counts from."""

    START = "start", "the escalation's start"
    STEP = "step", "the step before"


class Asks(models.TextChoices):
    """Whom of its people a step asks, and what it waits for."""

    EVERYBODY = "everybody"
    IN_TURN = "in_turn", "one of them, each in turn"
    ALL_ACK = "all_ack", "everybody, and each must acknowledge"


class Hours(models.TextChoices):
    INSIDE = "inside", "in the calendar's hours"
    OUTSIDE = "outside", "outside the calendar's hours"


class OnRise(models.TextChoices):
    """What a rise of the level does to people who were asked already."""

    UNACKED = "unacked", "asks anew unless somebody has taken it"
    ALWAYS = "always", "asks anew, even when somebody has taken it"
    NEVER = "never", "asks nobody anew"


class EscalationPolicy(models.Model):
    """Who is asked in which order; the policy's first match by level counts."""

    key = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=160)
    policy = models.ForeignKey(
        Policy, null=True, blank=True, on_delete=models.CASCADE, related_name="escalation_policies"
    )
    severities = models.ManyToManyField(Severity, blank=True, help_text="Empty: every level that pages.")
    position = models.PositiveSmallIntegerField(default=0)
    repeat = models.PositiveSmallIntegerField(default=0, help_text="How often the steps are gone through again.")
    repeat_after = models.DurationField(null=True, blank=True, help_text="Pause between the last step and the first.")
    catch_all = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="catches",
        help_text="Asked when a run ends unanswered or reaches nobody; empty: the contacts marked catch-all.",
    )  # fmt: skip

    ack_timeout = models.DurationField(
        null=True, blank=True, help_text="People are asked anew when whoever acknowledged did nothing for so long.",
    )  # fmt: skip
    on_rise = models.CharField(
        max_length=8, choices=OnRise, default=OnRise.UNACKED, help_text="When the level of an open incident rises.",
    )  # fmt: skip

    class Meta:
        ordering = ["policy", "position", "key"]
        verbose_name_plural = "escalation policies"

    def __str__(self) -> str:
        return self.name


class EscalationStep(models.Model):
    """One step of the plan: after how long, on which condition, whom."""

    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(default=0)
    after = models.DurationField(default=timedelta(0))
    since = models.CharField(max_length=5, choices=Since, default=Since.START, help_text="What `after` counts from.")
    condition = models.CharField(max_length=12, choices=Condition, default=Condition.UNACKED)
    at_least = models.ForeignKey(
        Severity, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Only for this level and graver ones, as the level is when the step comes.",
    )  # fmt: skip
    hours = models.CharField(max_length=8, choices=Hours, blank=True, help_text="Only then; empty: at any hour.")
    calendar = models.ForeignKey(Calendar, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    match = models.JSONField(
        default=dict, blank=True, help_text='Only for these: {"rules": ["db-down"], "labels": {"team": "shop"}}',
    )  # fmt: skip
    repeat = models.PositiveSmallIntegerField(default=0, help_text="How often this step is taken again.")
    repeat_every = models.DurationField(null=True, blank=True, help_text="Pause between two times.")
    asks = models.CharField(max_length=9, choices=Asks, default=Asks.EVERYBODY)
    schedule = models.ForeignKey(Schedule, null=True, blank=True, on_delete=models.PROTECT)
    contacts = models.ManyToManyField(
        EscalationContact, blank=True, help_text="A vendor is never asked: the incident's people are told to do it.",
    )  # fmt: skip
    destinations = models.ManyToManyField(Destination, blank=True, help_text="Places that are told, with nobody asked.")
    prompt = models.CharField(
        max_length=250, blank=True, help_text="What whoever works on it is told to do; may hold ${PARAMETERS}.",
    )  # fmt: skip

    class Meta:
        ordering = ["policy", "position", "after", "pk"]

    def __str__(self) -> str:
        return f"{self.policy} step {self.position}"


class EscalationQuerySet(models.QuerySet):
    def lapse_due(self, at):
        """Runs whose acknowledgement is to be looked at by `at`, longest overdue first."""
        return self.filter(lapse_at__lte=at).order_by("lapse_at", "pk")


class Escalation(models.Model):
    """How far an incident's escalation has come; the plan it follows stands in its turns."""

    class State(models.TextChoices):
        RUNNING = "running"
        STOPPED = "stopped"
        EXHAUSTED = "exhausted"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="escalations")
    policy = models.ForeignKey(EscalationPolicy, null=True, on_delete=models.SET_NULL)
    policy_name = models.CharField(max_length=160)
    catch_all = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=250, blank=True)
    rank = models.PositiveSmallIntegerField(null=True, help_text="Of the level that it began with; 0 is the gravest.")
    ack_timeout = models.DurationField(null=True, blank=True)
    on_rise = models.CharField(max_length=8, choices=OnRise, default=OnRise.UNACKED)
    lapse_at = models.DateTimeField(null=True, blank=True, help_text="When an acknowledgement is looked at.")

    objects = EscalationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["lapse_at"], condition=Q(lapse_at__isnull=False), name="escalation_lapse_due")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["running", "stopped", "exhausted"]), name="escalation_state_known"
            ),
            models.UniqueConstraint(fields=["incident"], condition=Q(state="running"), name="escalation_one_running"),
        ]

    def __str__(self) -> str:
        return f"{self.policy_name} for incident #{self.incident_id}"

    def hurry(self, at) -> None:
        """Nobody was reached: the next turn that waits comes at `at` instead of at its time."""
        following = self.turns.filter(due_at__isnull=False).order_by("position").first()
        if following and following.due_at > at:
            Turn.objects.filter(pk=following.pk).update(due_at=at)

    def shift(self, taken: "Turn", at) -> None:
        """`taken` came at `at`: turns that count from the one before come so long after, however late or early."""
        waiting = self.turns.filter(due_at__isnull=False, position__gt=taken.position).order_by("position")
        for turn, due in shifted(taken, waiting, at):
            Turn.objects.filter(pk=turn.pk).update(due_at=due)


def shifted(taken: "Turn", waiting: "Iterable[Turn]", at: datetime) -> "Iterator[tuple[Turn, datetime]]":
    """Which of the turns that wait behind `taken`, in their order, move because it came at `at`, and to when."""
    before, base, moved = taken, at, False
    for turn in waiting:
        due = turn.due_at or turn.planned_at
        moved = turn.wait is not None or (turn.final and moved)
        if moved:
            due = base + (turn.planned_at - before.planned_at if turn.wait is None else turn.wait)
            if due != turn.due_at:
                yield turn, due
        before, base = turn, due


class TurnQuerySet(models.QuerySet):
    def due(self, at):
        """Turns not taken whose time has come by `at`, longest overdue first."""
        return self.filter(due_at__lte=at).order_by("due_at", "position", "pk")


class Turn(models.Model):
    """One step of a running escalation, frozen when it started; taken or skipped exactly once."""

    class Outcome(models.TextChoices):
        WAITING = "waiting"
        PAGED = "paged"
        SKIPPED = "skipped"

    escalation = models.ForeignKey(Escalation, on_delete=models.CASCADE, related_name="turns")
    position = models.PositiveSmallIntegerField()
    planned_at = models.DateTimeField(help_text="When the plan wanted it.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="When it is taken; empty once it has been.")
    wait = models.DurationField(null=True, blank=True, help_text="Since the turn before was taken, if it counts so.")
    condition = models.CharField(max_length=12, choices=Condition, default=Condition.UNACKED)
    at_least = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Rank of the mildest level it is for.")
    hours = models.CharField(max_length=8, choices=Hours, blank=True)
    calendar = models.ForeignKey(Calendar, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    match = models.JSONField(default=dict, blank=True)
    asks = models.CharField(max_length=9, choices=Asks, default=Asks.EVERYBODY)
    circle = models.CharField(max_length=80, blank=True, help_text="Whose order a turn of one in turn follows.")
    schedule = models.ForeignKey(Schedule, null=True, blank=True, on_delete=models.SET_NULL)
    contacts = models.ManyToManyField(EscalationContact, blank=True)
    destinations = models.ManyToManyField(Destination, blank=True)
    prompt = models.CharField(max_length=250, blank=True)
    final = models.BooleanField(default=False, help_text="The last: asks the catch-all.")
    by_hand = models.BooleanField(default=False, help_text="A person asked for it: taken whatever its condition.")
    aim = models.CharField(max_length=250, blank=True, help_text="Whom the plan named, in words.")
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.WAITING)
    taken_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=250, blank=True)

    objects = TurnQuerySet.as_manager()

    class Meta:
        ordering = ["escalation", "position"]
        constraints = [
            models.UniqueConstraint(fields=["escalation", "position"], name="turn_once"),
            models.CheckConstraint(
                condition=Q(outcome="waiting", taken_at__isnull=True)
                | Q(outcome__in=["paged", "skipped"], due_at__isnull=True),
                name="turn_due_while_waiting",
            ),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="turn_climb_due")]

    def __str__(self) -> str:
        return f"step {self.position}: {self.aim}"


class Circle(models.Model):
    """Whose turn it was last among people of whom one is asked; the next by name follows, whoever joined or left."""

    key = models.CharField(max_length=80, unique=True, help_text="The team, or the step, whose people take turns.")
    last = models.CharField(max_length=120, blank=True, help_text="Name of the person who was asked last.")

    def __str__(self) -> str:
        return f"{self.key}: after {self.last}"


class Page(models.Model):
    """One person asked for one incident: goes from method to method until one is taken by its provider."""

    class Answer(models.TextChoices):
        NONE = "", "no answer"
        ACKNOWLEDGED = "acknowledged"
        ACCEPTED = "accepted", "accepted: comes to help"
        DECLINED = "declined"

    class State(models.TextChoices):
        TRYING = "trying"
        REACHED = "reached", "reached: a provider took it"
        UNREACHABLE = "unreachable"
        CANCELLED = "cancelled"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="page_rows")
    turn = models.ForeignKey(Turn, null=True, blank=True, on_delete=models.SET_NULL, related_name="page_rows")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="page_rows")
    instead_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)
    method = models.ForeignKey(ContactMethod, null=True, blank=True, on_delete=models.SET_NULL)
    delivery = models.ForeignKey(Delivery, null=True, blank=True, on_delete=models.SET_NULL, related_name="page_rows")
    state = models.CharField(max_length=12, choices=State, default=State.TRYING)
    at = models.DateTimeField()
    reason = models.CharField(max_length=250, blank=True)
    must = models.BooleanField(default=False, help_text="Asked on until this person has acknowledged.")
    asked_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Who asked for help by hand.",
    )  # fmt: skip
    words = models.CharField(max_length=250, blank=True, help_text="What they were asked for, in words.")
    answer = models.CharField(max_length=12, choices=Answer, blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["trying", "reached", "unreachable", "cancelled"]),
                name="page_state_known",
            ),
            models.UniqueConstraint(
                fields=["turn", "contact"], condition=Q(turn__isnull=False), name="page_once_per_turn"
            ),
        ]
        indexes = [
            models.Index(fields=["delivery"], condition=Q(state="trying"), name="page_trying"),
            models.Index(fields=["contact", "at"], name="page_of_person_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.contact} for incident #{self.incident_id}"

    @property
    def waits_for_answer(self) -> bool:
        """Whether this person was asked to help and has neither accepted nor declined."""
        return self.asked_by_id is not None and not self.answer and self.state != self.State.CANCELLED
