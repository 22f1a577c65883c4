"""How each tenant's channel is, and how it was."""

from django.db import models


class Channel(models.Model):
    """A tenant's line to its users, for example a WhatsApp number."""

    tenant = models.CharField(max_length=120)
    key = models.CharField(max_length=120)
    name = models.CharField(max_length=160, blank=True)
    kind = models.CharField(max_length=40, blank=True)
    identifiers = models.JSONField(default=dict, blank=True, help_text="Ids to compare, never tokens.")
    changed_identifiers = models.JSONField(
        default=dict, blank=True, editable=False,
        help_text="Ids that came otherwise than known, until a person says that they are right: name -> was, at.",
    )  # fmt: skip
    status = models.CharField(max_length=40, blank=True, editable=False, help_text="As the newest history row says.")
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["tenant", "key"]
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="channel_once")]

    def __str__(self) -> str:
        return f"{self.tenant}/{self.name or self.key}"


class ChannelStatus(models.Model):
    """One state of a channel: from `at` until the next row; only ever added."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="history")
    status = models.CharField(max_length=40)
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name_plural = "channel statuses"
        constraints = [
            models.UniqueConstraint(
                fields=["channel"], condition=models.Q(until__isnull=True), name="channel_status_one_current"
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.status}"

    @property
    def duration(self):
        """How long this state lasted (timedelta); None while it lasts."""
        return self.until - self.at if self.until else None
