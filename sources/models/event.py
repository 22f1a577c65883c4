"""What happened elsewhere, a row each: a mail bounced, a job failed. Rules count and measure them."""

from django.db import models
from django.db.models import Q

from .integration import Integration


class Event(models.Model):
    """One thing that happened, as its sender told it, brought into one form; only ever added."""

    integration = models.ForeignKey(Integration, null=True, on_delete=models.SET_NULL, related_name="events")
    stream = models.CharField(
        max_length=40, help_text="sentry, resend, inngest …: the kind of door, unless it says otherwise."
    )
    kind = models.CharField(max_length=40, blank=True, help_text="error, message, job, request, span, payment …")
    name = models.CharField(max_length=200, blank=True, help_text="The endpoint, job, issue or template it is about.")
    subject = models.CharField(max_length=200, blank=True, help_text="The sender's id of the message, run or issue.")
    outcome = models.CharField(max_length=40, blank=True, help_text="ok, failed, bounced, delivered …")
    level = models.CharField(max_length=20, blank=True, help_text="error, warning, info …")
    text = models.TextField(blank=True)
    labels = models.JSONField(default=dict, blank=True, help_text="Texts by name; rules match and group by them.")
    data = models.JSONField(default=dict, blank=True, help_text="What else was told, redacted.")
    duration = models.FloatField(null=True, blank=True, help_text="Seconds.")
    missing = models.JSONField(default=list, blank=True, help_text="Context that should have come along and did not.")
    event_id = models.CharField(
        max_length=160, blank=True, help_text="The sender's id of this event: told twice, kept once."
    )
    at = models.DateTimeField(help_text="When it happened.")
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        permissions = [("see_persons_event", "Can see e-mail addresses and names in events")]
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "event_id"], condition=~Q(event_id=""), name="event_told_once"
            ),
        ]
        indexes = [
            models.Index(fields=["stream", "at"], name="event_by_stream"),
            models.Index(fields=["received_at"], name="event_by_arrival"),
            models.Index(fields=["stream", "subject"], condition=~Q(subject=""), name="event_by_subject"),
        ]

    def __str__(self) -> str:
        return " ".join(part for part in (self.stream, self.kind, self.name, self.outcome) if part)
