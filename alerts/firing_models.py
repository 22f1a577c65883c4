"""Each time an alert of a rule began to fire, and what people thought of it: what rules are tuned by."""

from datetime import datetime

from django.db import models
from django.db.models import Case, F, Q, Value, When

from incidents.models import Incident, Status
from oncall.models import EscalationContact


class Mark(models.TextChoices):
    """What somebody thought of an alert; none until somebody says so."""

    ACTIONABLE = "actionable", "actionable"
    NOT_ACTIONABLE = "not_actionable", "not actionable"
    FALSE_POSITIVE = "false_positive", "false positive"


class FiringQuerySet(models.QuerySet):
    def counted(self, since: datetime, until: datetime):
        """Those that began in [since, until), without drills."""
        return self.filter(began_at__gte=since, began_at__lt=until).exclude(incident__drill=True)

    def firing(self, since: datetime, until: datetime):
        """Those that fired at some time in [since, until), whenever they began, without drills."""
        fires = Q(began_at__gte=since) | Q(ended_at=None) | Q(ended_at__gt=since)
        return self.filter(fires, began_at__lt=until).exclude(incident__drill=True)

    def of(self, incident: Incident):
        """Those in the incident, also by way of one that was merged into it."""
        return self.filter(Q(incident=incident) | Q(incident__merged_into=incident))

    def judged(self):
        """With `verdict`: its own mark, else that its incident was a false positive, else nothing."""
        wrong = Q(incident__status=Status.FALSE_POSITIVE) | Q(incident__merged_into__status=Status.FALSE_POSITIVE)
        own = When(~Q(mark=""), then=F("mark"))
        verdict = Case(own, When(wrong, then=Value(Mark.FALSE_POSITIVE.value)), default=Value(""))
        return self.annotate(verdict=verdict)


class Firing(models.Model):
    """One time that one alert of a rule fired."""

    # no database constraint, as on the rows of the alert itself; the row outlives the alert, which housekeeping removes
    alert = models.ForeignKey(
        "alerts.Alert", null=True, on_delete=models.SET_NULL, related_name="firings", db_constraint=False,
        db_index=False,
    )  # fmt: skip
    rule = models.ForeignKey("alerts.AlertRule", on_delete=models.CASCADE, related_name="firings", db_index=False)
    key = models.CharField(max_length=255, blank=True)
    severity_key = models.CharField(max_length=40, blank=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it fires still.")
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.SET_NULL, related_name="firings", db_index=False,
        help_text="The one it joined; empty: it was held back, or ended before it was judged.",
    )  # fmt: skip
    mark = models.CharField(max_length=16, choices=Mark, blank=True)
    mark_reason = models.CharField(max_length=500, blank=True)
    marked_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="marked_firings"
    )
    marked_at = models.DateTimeField(null=True, blank=True)

    objects = FiringQuerySet.as_manager()

    class Meta:
        ordering = ["-began_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["alert", "began_at"], name="firing_once"),
            models.CheckConstraint(
                condition=Q(mark__in=["", "actionable", "not_actionable", "false_positive"]), name="firing_mark_known"
            ),
        ]
        indexes = [
            models.Index(fields=["rule", "began_at"], name="firing_of_rule"),
            models.Index(fields=["began_at"], name="firing_by_time"),
            models.Index(fields=["incident"], condition=Q(incident__isnull=False), name="firing_of_incident"),
            models.Index(fields=["alert"], condition=Q(ended_at__isnull=True), name="firing_now"),
        ]

    def __str__(self) -> str:
        return f"{self.key} since {self.began_at:%Y-%m-%d %H:%M:%S}"
