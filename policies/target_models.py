"""What a policy demands of a response: how long each kind may take, and what must hold before an incident moves."""

from django.db import models
from django.db.models import Q


class TargetKind(models.TextChoices):
    NOTIFY = "notify"
    ACKNOWLEDGE = "acknowledge"
    RESPOND = "respond"
    ASSESS = "assess"
    APPOINT = "appoint"
    MITIGATE = "mitigate"
    UPDATE = "update"
    RESOLVE = "resolve"
    REVIEW = "review"
    ACTION = "action", "action items done"


class Anchor(models.TextChoices):
    """What happened when a target's clock starts; each is an instant of the incident."""

    DETECTED = "detected"
    OPENED = "opened"
    STARTED = "started", "the harm began"
    IMPACT = "impact", "people were affected"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    ASSESSED = "assessed"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REVIEWED = "reviewed", "the review was approved"


class CalendarTerm(models.TextChoices):
    BUSINESS_DAY = "business_day", "by the end of the business day"
    NEXT_BUSINESS_DAY = "next_business_day", "by the end of the next business day"
    NEXT_BUSINESS_CYCLE = "next_business_cycle", "by the end of the next business cycle"
    SPRINT = "sprint", "by the end of the sprint"
    NEXT_SPRINT = "next_sprint", "by the end of the next sprint"


class Who(models.TextChoices):
    """Whose response counts; besides these, the key of a role."""

    ANYBODY = "", "anybody"
    PRIMARY = "primary", "whoever the first step of the escalation asks"
    PAGED = "paged", "anybody who was paged"
    OWNER = "owner", "an owner of the incident"


class Pause(models.TextChoices):
    """While a clock may stand still."""

    ON_HOLD = "on_hold", "the incident is on hold"
    MITIGATED = "mitigated", "it is mitigated"


class TargetPlan(models.Model):
    """How long a kind of response may take, for a level or a class; both empty: for all."""

    policy = models.ForeignKey("policies.Policy", on_delete=models.CASCADE, related_name="target_plans")
    severity = models.ForeignKey("policies.Severity", null=True, blank=True, on_delete=models.CASCADE)
    alert_class = models.ForeignKey("policies.AlertClass", null=True, blank=True, on_delete=models.CASCADE)
    kind = models.CharField(max_length=12, choices=TargetKind)
    within = models.DurationField(null=True, blank=True)
    term = models.CharField(max_length=20, choices=CalendarTerm, blank=True, help_text="Instead of a length.")
    calendar = models.ForeignKey(
        "policies.Calendar", null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="A term ends by it; of a length only its hours count. Empty: the default calendar, and every hour.",
    )  # fmt: skip
    anchor = models.CharField(max_length=12, choices=Anchor, default=Anchor.DETECTED)
    role = models.CharField(max_length=40, blank=True, help_text="Only a person in this role counts; empty: anybody.")
    who = models.CharField(
        max_length=40, blank=True, help_text="Whose response counts: primary, paged, owner or a role; empty: anybody's."
    )
    pauses = models.JSONField(default=list, blank=True, help_text='While the clock stands still: ["on_hold"].')
    warn_before = models.DurationField(null=True, blank=True, help_text="Warn so long before the breach.")

    class Meta:
        ordering = ["policy", "severity__rank", "kind"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=TargetKind.values), name="target_plan_kind_known"),
            models.CheckConstraint(
                condition=Q(within__isnull=False, term="") | (Q(within__isnull=True) & ~Q(term="")),
                name="target_plan_length_or_term",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy.key}: {self.kind} {self.severity or self.alert_class or 'all'}"


class GatePlan(models.Model):
    """What must hold before an incident of this policy, and of these levels, may reach a status."""

    policy = models.ForeignKey("policies.Policy", on_delete=models.CASCADE, related_name="gates")
    to = models.CharField(max_length=16, help_text="The status it guards, for example closed.")
    severities = models.ManyToManyField("policies.Severity", blank=True, help_text="Empty: every level.")
    role = models.CharField(max_length=40, blank=True, help_text="Only a person in this role may make the move.")
    require = models.JSONField(default=list, blank=True, help_text='For example ["review_approved"].')

    class Meta:
        ordering = ["policy", "to", "pk"]

    def __str__(self) -> str:
        return f"{self.policy.key}: to {self.to}"
