"""Who may call the HTTP API and for what, and what was answered to requests that may come twice."""

import hashlib
import secrets
from datetime import datetime

from django.conf import settings
from django.db import models

PREFIX = "ops_"
SHOWN = 8
"""So much of a token is kept readable, to tell one from another."""


class ApiToken(models.Model):
    """A key to the API. Only its hash is kept: the token itself is shown once, when it is made."""

    name = models.CharField(max_length=120, unique=True, help_text="What uses it.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens",
        help_text="In whose name it acts; it may never do more than this person.",
    )  # fmt: skip
    scopes = models.JSONField(default=list, help_text='For example ["incidents:read", "incidents:write"].')
    digest = models.CharField(max_length=64, unique=True, editable=False)
    shown = models.CharField(max_length=16, editable=False, help_text="How it begins.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.shown}…)"

    def is_good(self, at: datetime) -> bool:
        """Whether it opens anything at `at`."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


def new_secret() -> str:
    """A token as its owner gets it: 240 random bits."""
    return PREFIX + secrets.token_urlsafe(30)


def digest_of(secret: str) -> str:
    """What is kept of a token. It is random and long, so one plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Answered(models.Model):
    """The answer to a request that came with an idempotency key; the same request again gets it again."""

    token = models.ForeignKey(ApiToken, null=True, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    request = models.CharField(max_length=64, help_text="Hash of method, path and body.")
    status_code = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "answered request"
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="api_answered_once")]
        indexes = [models.Index(fields=["at"], name="api_answered_oldest")]

    def __str__(self) -> str:
        return f"{self.key}: {self.status_code}"
