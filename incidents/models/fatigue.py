"""How many pages in a while are enough for one person, and what followed from it."""

from datetime import timedelta

from django.db import models
from django.db.models import Q

from oncall.models import EscalationContact
from policies.durations import format_duration
from policies.models import Policy, Severity

from .escalation import Page


class FatigueLimit(models.Model):
    """So many pages of one person within a time are enough: the next one warns, or is answered by somebody else."""

    class Hours(models.TextChoices):
        ANY = "any", "any hour"
        OFF = "off", "outside business hours"
        SLEEP = "sleep", "sleep hours"

    class Act(models.TextChoices):
        WARN = "warn", "warns"
        REROUTE = "reroute", "asks somebody else"

    policy = models.ForeignKey(
        Policy, null=True, blank=True, on_delete=models.CASCADE, related_name="fatigue_limits",
        help_text="Whose incidents it acts on; empty: those of every policy.",
    )  # fmt: skip
    key = models.SlugField(max_length=80)
    contact = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.CASCADE, related_name="fatigue_limits",
        help_text="A limit of this person's own, instead of those for everybody.",
    )  # fmt: skip
    pages = models.PositiveSmallIntegerField(help_text="So many are enough; the next one acts.")
    within = models.DurationField(default=timedelta(hours=24))
    hours = models.CharField(
        max_length=5, choices=Hours, default=Hours.ANY, help_text="Which count, on the person's own clock."
    )
    act = models.CharField(max_length=7, choices=Act, default=Act.WARN)
    to = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Who is asked instead: a person, a team or a role; empty, or when they cannot: the person's back-up.",
    )  # fmt: skip
    severities = models.ManyToManyField(
        Severity, blank=True, related_name="+", help_text="Levels that it acts on; empty: every level."
    )
    tells = models.ManyToManyField(
        EscalationContact,
        blank=True,
        related_name="+",
        help_text="Told when it acts, once in its time; empty: the owners.",
    )  # fmt: skip
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["policy", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "key"], condition=Q(policy__isnull=False), name="fatigue_limit_once",
                violation_error_message="This policy has a limit with this key already.",
            ),
            models.UniqueConstraint(
                fields=["key"], condition=Q(policy__isnull=True), name="fatigue_limit_once_for_all",
                violation_error_message="There is a limit for every policy with this key already.",
            ),
            models.CheckConstraint(condition=Q(hours__in=["any", "off", "sleep"]), name="fatigue_limit_hours_known"),
            models.CheckConstraint(condition=Q(act__in=["warn", "reroute"]), name="fatigue_limit_act_known"),
            models.CheckConstraint(condition=Q(pages__gte=1), name="fatigue_limit_of_one_at_least"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.key

    @property
    def words(self) -> str:
        """`3 pages in 24h, sleep hours`."""
        hours = "" if self.hours == self.Hours.ANY else f", {self.get_hours_display()}"
        return f"{self.pages} page{'s' if self.pages != 1 else ''} in {format_duration(self.within)}{hours}"


class FatigueNote(models.Model):
    """That a limit acted on a page: how many there had been, and who was asked instead."""

    limit = models.ForeignKey(FatigueLimit, null=True, on_delete=models.SET_NULL, related_name="notes")
    page = models.OneToOneField(Page, on_delete=models.CASCADE, related_name="fatigue")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="fatigue_notes")
    at = models.DateTimeField()
    pages = models.PositiveIntegerField(help_text="How many there had been.")
    instead = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Who was asked instead; empty: nobody, the page went out.",
    )  # fmt: skip
    words = models.CharField(max_length=250)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["contact", "-at"], name="fatigue_note_of_person")]

    def __str__(self) -> str:
        return self.words
