"""How rules are tuned: by what they are judged, the review of a month, and what was proposed and decided."""

from datetime import timedelta

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

from alerts.models import AlertRule
from oncall.models import EscalationContact
from policies.models import Policy
from reviews.models import PostIncidentReview


class TuningPlan(models.Model):
    """By what a policy's rules are judged; without one the defaults here count."""

    policy = models.OneToOneField(Policy, on_delete=models.CASCADE, related_name="tuning")
    monthly = models.BooleanField(default=True, help_text="Each month every rule that was watched is looked at.")
    propose_from = models.PositiveSmallIntegerField(
        default=50, validators=[MaxValueValidator(100)],
        help_text="Percent of a month's alerts that were false or not actionable, from which a change is proposed.",
    )  # fmt: skip
    at_least = models.PositiveSmallIntegerField(default=5, help_text="Fewer alerts than this in a month prove nothing.")
    remind_after = models.DurationField(
        default=timedelta(days=7), help_text="An unsigned review is reminded of after so long, and again each time."
    )
    always_after = models.DurationField(
        default=timedelta(days=1), help_text="An alert that fires for longer than this says nothing new."
    )
    signers = models.ManyToManyField(
        EscalationContact, blank=True, related_name="tuning_plans",
        help_text="Who signs the reviews; empty: the owners of the rule.",
    )  # fmt: skip

    def __str__(self) -> str:
        return f"tuning of {self.policy}"


class ThresholdReviewQuerySet(models.QuerySet):
    def remind_due(self, at):
        """Unsigned reviews that are to be reminded of by `at`, longest overdue first."""
        return self.filter(remind_at__lte=at).order_by("remind_at", "pk")


class ThresholdReview(models.Model):
    """What a rule did in a calendar month of its policy's zone, and what a person decided of it."""

    class Decision(models.TextChoices):
        KEEP = "keep", "keep it as it is"
        TUNE = "tune", "tuned"
        DROP = "drop", "dropped: switch it off"

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="threshold_reviews")
    month = models.DateField(help_text="Its first day.")
    since = models.DateTimeField()
    until = models.DateTimeField()
    made_at = models.DateTimeField()
    fired = models.PositiveIntegerField(default=0)
    false_positives = models.PositiveIntegerField(default=0)
    not_actionable = models.PositiveIntegerField(default=0)
    marked = models.PositiveIntegerField(default=0, help_text="Of how many people said what they were worth.")
    acted = models.PositiveIntegerField(default=0, help_text="How many joined an incident that a person took.")
    held = models.PositiveIntegerField(default=0, help_text="How many joined no incident.")
    ack_median = models.DurationField(null=True, blank=True, help_text="From detection to acknowledgement.")
    firing_time = models.DurationField(default=timedelta(0), help_text="How long all of its alerts fired in the month.")
    signs = models.JSONField(default=list, blank=True, help_text="What is odd about it: never fired, flapping, …")
    condition = models.JSONField(default=dict, blank=True, help_text="As it was when the month was over.")
    decision = models.CharField(max_length=4, choices=Decision, blank=True)
    note = models.TextField(blank=True)
    signed_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.PROTECT, related_name="signed_threshold_reviews"
    )
    signed_at = models.DateTimeField(null=True, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True, help_text="When the reminder sweep looks; empty: signed.")
    reminded_at = models.DateTimeField(null=True, blank=True)

    objects = ThresholdReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-month", "rule"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "month"], name="threshold_review_once"),
            models.CheckConstraint(
                condition=Q(decision__in=["", "keep", "tune", "drop"]), name="threshold_review_decision_known"
            ),
        ]
        indexes = [
            models.Index(fields=["remind_at"], condition=Q(remind_at__isnull=False), name="threshold_review_due"),
            models.Index(fields=["month"], name="threshold_review_month"),
        ]
        permissions = [("sign_thresholdreview", "Can sign threshold reviews, and apply or revert changes of rules")]

    def __str__(self) -> str:
        return f"{self.rule} in {self.month:%B %Y}"

    def get_absolute_url(self) -> str:
        return reverse("threshold-review", args=[self.pk])

    @property
    def false_share(self) -> float | None:
        """Percent of its alerts that were false positives; None without an alert."""
        return share(self.false_positives, self.fired)

    @property
    def actionable_share(self) -> float | None:
        """Percent of its alerts that nobody called false or not actionable; None without an alert."""
        return share(self.fired - self.false_positives - self.not_actionable, self.fired)


class Proposal(models.Model):
    """A change of one value of a rule, with the reason for it; applied by a person, with the old value kept."""

    class State(models.TextChoices):
        OPEN = "open"
        APPLIED = "applied"
        REFUSED = "refused"
        REVERTED = "reverted"

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="proposals")
    field = models.CharField(max_length=120, help_text="when, for, times, P1.when, param.LIMIT, page, enabled …")
    old = models.JSONField(null=True, blank=True, help_text="As it was when this was proposed; restored by reverting.")
    new = models.JSONField(null=True, blank=True)
    why = models.TextField()
    evidence = models.JSONField(default=dict, blank=True, help_text="What the back-test said.")
    threshold_review = models.ForeignKey(
        ThresholdReview, null=True, blank=True, on_delete=models.SET_NULL, related_name="proposals"
    )
    review = models.ForeignKey(
        PostIncidentReview, null=True, blank=True, on_delete=models.SET_NULL, related_name="proposals"
    )
    by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Empty: Opscenter itself.",
    )  # fmt: skip
    made_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_note = models.CharField(max_length=500, blank=True)
    reverted_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reverted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "applied", "refused", "reverted"]), name="proposal_state_known"
            )
        ]
        indexes = [models.Index(fields=["-made_at"], condition=Q(state="open"), name="proposal_open")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.field}"

    def get_absolute_url(self) -> str:
        return reverse("proposal", args=[self.pk])

    @property
    def shown_old(self) -> str:
        return shown(self.field, self.old)

    @property
    def shown_new(self) -> str:
        return shown(self.field, self.new)


def share(part: int, whole: int) -> float | None:
    """`part` of `whole` in percent, to a tenth; None when there is no whole."""
    return round(100 * part / whole, 1) if whole else None


def shown(field: str, value: object) -> str:
    """A value of a rule as people read it."""
    if field == "enabled":
        return "on" if value else "off"
    if field == "page":
        return "as class or level say" if value is None else "pages" if value else "pages nobody"
    if isinstance(value, dict):  # of a parameter: what is stored, and what counted
        return str(value.get("value", ""))
    return "nothing" if value in (None, "") else str(value)
