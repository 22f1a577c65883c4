"""Where facts come from: connections we ask, integrations that tell us, and the log of what was told."""

import secrets

from django.db import models
from django.db.models import Q

from policies.fields import EncryptedTextField
from policies.models import Policy


class Connection(models.Model):
    """A named place rules ask: a database or a base address, with its secret and how it is doing."""

    class State(models.TextChoices):
        UNKNOWN = "unknown", "not asked yet"
        OK = "ok"
        ERROR = "error"

    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.CASCADE, related_name="connections")
    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=16, help_text="sql, http …: the kind of probe that speaks to it.")
    url = EncryptedTextField(blank=True, help_text="DSN or base address, may hold parameters such as ${CRM_DSN}.")
    timeout = models.DurationField(null=True, blank=True, help_text="Empty: 10 s.")
    state = models.CharField(max_length=8, choices=State, default=State.UNKNOWN, editable=False)
    error = models.TextField(blank=True, editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "key"], nulls_distinct=False, name="connection_key_once"),
            models.CheckConstraint(condition=Q(state__in=["unknown", "ok", "error"]), name="connection_state_known"),
        ]

    def __str__(self) -> str:
        return self.key


def new_token() -> str:
    return secrets.token_urlsafe(24)


class Integration(models.Model):
    """A door for one sender: its kind says how it speaks, its key lets it in, its secret signs."""

    kind = models.CharField(max_length=24, help_text="alertmanager, generic …")
    name = models.CharField(max_length=120, unique=True)
    key = models.CharField(max_length=64, unique=True, default=new_token, help_text="Stands in the address.")
    secret = EncryptedTextField(blank=True, help_text="Signs the sender's requests; empty: the key alone lets in.")
    old_secret = EncryptedTextField(blank=True, help_text="Still accepted while the sender changes over.")
    policy = models.ForeignKey(
        Policy, null=True, blank=True, on_delete=models.SET_NULL, related_name="integrations",
        help_text="Whose levels and targets its alerts follow; empty: the default policy.",
    )  # fmt: skip
    group_by = models.JSONField(
        default=list, blank=True, help_text='Labels whose values make one incident; empty: ["alertname"].'
    )
    mapping = models.JSONField(default=dict, blank=True, help_text="Generic JSON: our field -> path in the payload.")
    resolve_after = models.DurationField(null=True, blank=True, help_text="Quiet time; empty: as the policy says.")
    enabled = models.BooleanField(default=True)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def secrets(self) -> list[str]:
        """Secrets that are accepted now, the current one first."""
        return [secret for secret in (self.secret, self.old_secret) if secret]


class WebhookLog(models.Model):
    """One inbound request: what came, what we said, what it became."""

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted"
        REFUSED = "refused"
        DUPLICATE = "duplicate"

    integration = models.ForeignKey(
        Integration, null=True, blank=True, on_delete=models.SET_NULL, related_name="webhook_logs"
    )
    at = models.DateTimeField()
    verdict = models.CharField(max_length=10, choices=Verdict)
    status_code = models.PositiveSmallIntegerField()
    reason = models.TextField(blank=True)
    delivery_id = models.CharField(max_length=120, blank=True, help_text="The sender's own id of this message.")
    signature = models.CharField(
        max_length=64, blank=True, help_text="Of what was accepted: coming again, it is a replay."
    )
    sender = models.CharField(max_length=64, blank=True)
    payload = models.TextField(blank=True, help_text="Redacted.")
    became = models.JSONField(default=dict, blank=True, help_text='For example {"alerts": [12]}.')

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=["accepted", "refused", "duplicate"]), name="webhook_log_verdict_known"
            ),
            models.UniqueConstraint(
                fields=["integration", "delivery_id"], condition=Q(verdict="accepted") & ~Q(delivery_id=""),
                name="webhook_log_accepted_once",
            ),
            models.UniqueConstraint(
                fields=["integration", "signature"], condition=Q(verdict="accepted") & ~Q(signature=""),
                name="webhook_log_signature_once",
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["-at"], name="webhook_log_newest")]

    def __str__(self) -> str:
        return f"{self.verdict} {self.status_code} at {self.at:%Y-%m-%d %H:%M:%S}"
