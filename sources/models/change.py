"""What people changed: deploys, flags, configuration. Shown beside the incidents they may explain."""

from django.db import models
from django.db.models import Q

from .integration import Integration


class Change(models.Model):
    """One change, told by a pipeline or a person; only ever added."""

    class Kind(models.TextChoices):
        DEPLOY = "deploy"
        FLAG = "flag"
        CONFIG = "config", "configuration"
        OTHER = "other"

    integration = models.ForeignKey(
        Integration, null=True, blank=True, on_delete=models.SET_NULL, related_name="changes"
    )
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.DEPLOY)
    summary = models.CharField(max_length=1024)
    source = models.CharField(max_length=255, blank=True, help_text="Where it was made: a pipeline, a host, a person.")
    service = models.CharField(max_length=120, blank=True, help_text="Empty: may concern every service.")
    version = models.CharField(max_length=120, blank=True)
    outcome = models.CharField(max_length=40, blank=True, help_text="succeeded, failed … as the pipeline says.")
    url = models.TextField(blank=True)
    links = models.JSONField(default=list, blank=True, help_text='[{"href": …, "text": …}]')
    images = models.JSONField(default=list, blank=True, help_text='[{"src": …, "href": …, "alt": …}]')
    labels = models.JSONField(default=dict, blank=True)
    data = models.JSONField(default=dict, blank=True, help_text="What else was told, redacted.")
    change_id = models.CharField(max_length=160, blank=True, help_text="The sender's id: told twice, kept once.")
    at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["deploy", "flag", "config", "other"]), name="change_kind_known"
            ),
            models.UniqueConstraint(
                fields=["integration", "change_id"], condition=~Q(change_id=""), name="change_told_once"
            ),
        ]
        indexes = [models.Index(fields=["-at"], name="change_newest")]

    def __str__(self) -> str:
        return self.summary
