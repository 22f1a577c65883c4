"""Doors for senders, and the log of what was told through them."""

import secrets

from django.db import models
from django.db.models import Q

from policies.fields import EncryptedTextField
from policies.models import Policy
from policies.substitute import MissingParameter, names, substitute


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
    severities = models.JSONField(
        default=dict, blank=True, help_text='The sender\'s levels -> ours: {"critical": "P0"}; others stay as they are.'
    )
    options = models.JSONField(default=dict, blank=True, help_text="What else this kind of door wants to know.")
    resolve_after = models.DurationField(null=True, blank=True, help_text="Quiet time; empty: as the policy says.")
    ceiling = models.PositiveIntegerField(
        default=1000, help_text="Incidents it may open in a minute; beyond, its alerts share one. 0: no ceiling."
    )
    enabled = models.BooleanField(default=True)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def secrets(self) -> list[str]:
        """Secrets that are accepted now, the current one first; `${NAME}` stands for a parameter of the policy.

        With a parameter that has no value there is no secret: then the key alone lets in.
        """
        return [secret for said in (self.secret, self.old_secret) if said and (secret := self._filled(said))]

    def _filled(self, said: str) -> str:
        if not names(said):
            return said
        values = {row.key: row.effective for row in self.policy.parameters.all() if row.raw} if self.policy else {}
        try:
            return substitute(said, values)
        except MissingParameter:
            return ""


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
    headers = models.JSONField(default=dict, blank=True, help_text="Those the door reads, without secrets.")
    query = models.TextField(blank=True)
    raw = EncryptedTextField(
        blank=True,
        editable=False,
        help_text="The body as it came, to take it again; only of requests that were let in.",
    )
    replay_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replays")
    became = models.JSONField(default=dict, blank=True, help_text='For example {"alerts": [12]}.')

    class Meta:
        ordering = ["-at", "-pk"]
        permissions = [("replay_webhooklog", "Can take a webhook again")]
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
        indexes = [
            models.Index(fields=["-at"], name="webhook_log_newest"),
            models.Index(fields=["integration", "-at"], name="webhook_log_of_door"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.status_code} at {self.at:%Y-%m-%d %H:%M:%S}"
