"""Places that rules ask."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from policies.fields import EncryptedTextField
from policies.models import Policy

MOST_AT_A_TIME = 32


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
    concurrency = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_AT_A_TIME)],
        help_text="So many questions it is asked at a time. Empty: 4.",
    )  # fmt: skip
    state = models.CharField(max_length=8, choices=State, default=State.UNKNOWN, editable=False)
    error = models.TextField(blank=True, editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    latency_ms = models.FloatField(
        null=True, blank=True, editable=False, help_text="How long its last answer took, in milliseconds."
    )

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "key"],
                condition=models.Q(policy__isnull=False),
                name="connection_key_once",
                violation_error_message="This policy has a connection with this key already; choose another key.",
            ),
            models.UniqueConstraint(
                fields=["key"],
                condition=models.Q(policy__isnull=True),
                name="connection_key_once_for_all",
                violation_error_message="All policies have a connection with this key already; choose another key.",
            ),
            models.CheckConstraint(condition=Q(state__in=["unknown", "ok", "error"]), name="connection_state_known"),
        ]

    def __str__(self) -> str:
        return self.key
