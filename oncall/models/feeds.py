"""Calendars that others keep and we read, and links under which ours are read."""

from datetime import timedelta

from django.db import models
from django.db.models import Q

from policies.fields import EncryptedTextField


class CalendarFeed(models.Model):
    """An iCalendar feed (RFC 5545) whose events name who is on call; the last good copy counts while it fails."""

    name = models.CharField(max_length=120, unique=True)
    url = EncryptedTextField(
        blank=True, help_text="Where it is fetched, https://… or webcal://…; empty: its text is kept here by hand."
    )
    every = models.DurationField(default=timedelta(minutes=15), help_text="How often it is fetched.")
    text = models.TextField(blank=True, help_text="The last good copy.")
    digest = models.CharField(max_length=64, blank=True, editable=False)
    etag = models.CharField(max_length=250, blank=True, editable=False)
    modified = models.CharField(max_length=80, blank=True, editable=False)
    next_fetch_at = models.DateTimeField(null=True, blank=True, help_text="Empty while it is not fetched.")
    fetched_at = models.DateTimeField(null=True, blank=True, help_text="When the copy was last found to be current.")
    failing_since = models.DateTimeField(null=True, blank=True)
    failure = models.TextField(blank=True)
    warnings = models.JSONField(default=list, blank=True, help_text="What in it could not be used.")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(every__gte=timedelta(minutes=1)),
                name="calendar_feed_every_a_minute_or_more",
                violation_error_message="Fetch it once a minute at most.",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_fetch_at"], condition=Q(next_fetch_at__isnull=False), name="calendar_feed_to_fetch"
            )
        ]

    def __str__(self) -> str:
        return self.name
