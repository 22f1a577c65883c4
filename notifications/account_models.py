"""Whom we speak as and in which words: accounts with providers, and a policy's own wording of messages."""

from django.conf import settings
from django.db import models

from policies.fields import EncryptedTextField
from policies.models import Policy


class Account(models.Model):
    """Our account with a provider, through which every message of its kinds leaves."""

    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.CASCADE, related_name="accounts")
    key = models.SlugField(max_length=80, unique=True, help_text="Stands in the address that the provider calls back.")
    kind = models.CharField(max_length=16, help_text="slack_app, telegram, twilio, whatsapp, jira …")
    options = models.JSONField(
        default=dict, blank=True, help_text='Not secret: {"account_sid": "AC…", "from": "+15550100"}; see the docs.'
    )
    secret = EncryptedTextField(blank=True, help_text="What we send with: bot token, access token, API token.")
    signing_secret = EncryptedTextField(blank=True, help_text="What proves that a call back is the provider's own.")
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key


class Wording(models.Model):
    """How a policy words the messages of one event, in one language or in all."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="wordings")
    event = models.CharField(max_length=16, help_text="page, opened, acknowledged, resolved …")
    language = models.CharField(
        max_length=8, blank=True, choices=settings.LANGUAGES, help_text="Empty: for every language without its own."
    )
    subject = models.TextField(blank=True, help_text="One line; empty: the usual one.")
    short = models.TextField(blank=True, help_text="For SMS and voice; empty: the usual one.")
    text = models.TextField(blank=True, help_text="Several lines; empty: the usual ones.")

    class Meta:
        ordering = ["policy", "event", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "event", "language"],
                name="wording_once",
                violation_error_message="This policy words this event in this language already; change that one.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} in {self.get_language_display() or 'every language'}"
