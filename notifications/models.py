"""How an address is reached: destinations, the routes that choose them, and the outbox."""

import re

from django.db import models
from django.db.models import Q

from policies.fields import EncryptedTextField
from policies.models import Policy

from .account_models import Account, Wording
from .upkeep_models import AddressHealth, AppNotice, DigestLine, Receipt, SendingPlan

__all__ = [
    "Account", "AddressHealth", "AppNotice", "Delivery", "DeliveryAttempt", "Destination", "DigestLine", "Purpose",
    "Receipt", "Route", "SendingPlan", "ThrottleWindow", "Wording",
]  # fmt: skip


CODE, HIDDEN = re.compile(r"(?<!\d)\d{6}(?!\d)"), "······"


class Destination(models.Model):
    """A named place to tell: a chat channel, a mailbox list, a webhook."""

    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.CASCADE, related_name="destinations")
    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=16, help_text="The transport: slack, json, email …")
    address = EncryptedTextField(help_text="URL or mailbox; may be a parameter such as ${TEAM_WEBHOOK_URL}.")
    secret = EncryptedTextField(blank=True, help_text="Signs what we send (json).")
    fallback = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, help_text="Takes over when this one fails."
    )
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.SET_NULL, help_text="Empty: the only one of its kind."
    )
    options = models.JSONField(
        default=dict, blank=True, help_text='What its kind reads, such as {"project": "OPS"}; see the docs.'
    )
    enabled = models.BooleanField(default=True)
    throttle = models.CharField(
        max_length=120, blank=True, help_text="5m: at most one opening in that time, whatever it is about."
    )
    self_test = models.BooleanField(default=True, help_text="It gets a test message each day.")
    expires_at = models.DateField(
        null=True, blank=True, help_text="When its token or password ends; announced two weeks before."
    )

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "key"],
                condition=models.Q(policy__isnull=False),
                name="destination_key_once",
                violation_error_message="This policy has a destination with this key already; choose another key.",
            ),
            models.UniqueConstraint(
                fields=["key"],
                condition=models.Q(policy__isnull=True),
                name="destination_key_once_for_all",
                violation_error_message="All policies have a destination with this key already; choose another key.",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Route(models.Model):
    """Which destinations a level or label reaches; routes are asked in order, the first match wins."""

    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.CASCADE, related_name="routes")
    position = models.PositiveSmallIntegerField(default=0)
    match = models.JSONField(default=dict, blank=True, help_text='{"severity": ["P0"], "labels": {"event": "retry"}}')
    destinations = models.ManyToManyField(Destination, related_name="routes")
    carry_on = models.BooleanField(default=False, help_text="Ask the routes behind this one too.")
    default = models.BooleanField(default=False, help_text="Takes what no other route took.")
    toggle = models.CharField(max_length=80, blank=True, help_text="A bool parameter that mutes this route.")
    throttle = models.CharField(
        max_length=120, blank=True, help_text="2m, or ${ALERT_THROTTLE_MS}ms: at most one opening a key in that time."
    )
    digest = models.CharField(
        max_length=60, blank=True, help_text="09:00, or 09:00 Asia/Jakarta: told together once a day, at that hour."
    )
    by_level = models.CharField(
        max_length=200,
        blank=True,
        help_text="critical:#war-room, or ${ALERT_SEVERITY_ROUTE}: levels that go to another channel of these places.",
    )

    class Meta:
        ordering = ["policy", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.policy.key if self.policy else 'all'} #{self.position}"


class ThrottleWindow(models.Model):
    """What a destination was told of a key last, and how much was held back since."""

    key = models.CharField(max_length=400, help_text="Policy, scope and key of the incidents it stands for.")
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="windows")
    part = models.PositiveSmallIntegerField(default=0, help_text="Which of the destination's addresses.")
    opened_at = models.DateTimeField(help_text="When the last message went out.")
    ends_at = models.DateTimeField()
    rank = models.PositiveSmallIntegerField(help_text="The level told last; a graver one passes.")
    held = models.PositiveIntegerField(default=0, help_text="Held back since it was opened.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "destination", "part"], name="throttle_window_once")]

    def __str__(self) -> str:
        return f"{self.key} to {self.destination}"


class Purpose(models.TextChoices):
    PAGE = "page", "page: asks to be acknowledged"
    NOTICE = "notice"
    UPDATE = "update"
    REMINDER = "reminder"
    TEST = "test"
    TICKET = "ticket", "ticket: what a tracker is to keep"


class DeliveryQuerySet(models.QuerySet):
    def due(self, at):
        """Messages whose next attempt has come by `at`, urgent ones first."""
        return self.filter(next_attempt_at__lte=at).order_by("-urgent", "next_attempt_at", "pk")

    def waiting(self):
        return self.filter(status__in=[Delivery.Status.QUEUED, Delivery.Status.RETRYING])


class Delivery(models.Model):
    """One message to one address: the outbox row, written in the transaction of its cause."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RETRYING = "retrying"
        SENT = "sent"
        FAILED = "failed"
        CANCELLED = "cancelled", "cancelled: its cause was gone"
        SUPPRESSED = "suppressed", "suppressed: the address is sent nothing"

    kind = models.CharField(max_length=16)
    address = EncryptedTextField()
    secret = EncryptedTextField(blank=True)
    hint = models.CharField(max_length=120, blank=True, help_text="The address as people may see it.")
    address_key = models.CharField(max_length=32, blank=True, help_text="Fingerprint of kind and address.")
    to = models.CharField(max_length=160, blank=True, help_text="Who or what it is for, in words.")
    recipient = models.CharField(max_length=40, blank=True, help_text="The person, for example contact:7.")
    destination = models.ForeignKey(Destination, null=True, blank=True, on_delete=models.SET_NULL)
    purpose = models.CharField(max_length=10, choices=Purpose)
    urgent = models.BooleanField(default=False)
    may_wait = models.BooleanField(default=False, help_text="A first page: bundling and throttles may hold it a while.")
    other_way = models.BooleanField(
        default=False, help_text="Its person has another method: one that is known not to work is passed over."
    )
    thread = models.CharField(max_length=80, blank=True, help_text="What it belongs to, for example incident:12.")
    subject = models.CharField(max_length=250)
    text = models.TextField()
    short = models.TextField(blank=True, help_text="What fits a text message or a call; empty: the subject.")
    language = models.CharField(max_length=8, blank=True, help_text="Of the words, for a voice that reads them.")
    url = models.TextField(blank=True)
    actions = models.JSONField(default=list, blank=True, help_text='[{"label": "Acknowledge", "url": …}]')
    data = models.JSONField(default=dict, blank=True)
    # null, not empty: the unique index holds only rows with a cause
    once = models.CharField(max_length=120, null=True, blank=True, unique=True, help_text="Cause, at most once.")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True, help_text="Empty once it has ended.")
    reference = models.CharField(
        max_length=200, blank=True, help_text="What the far side calls it: message id, time stamp, issue key."
    )
    claimed_by = models.CharField(
        max_length=80, blank=True, help_text="The process (host:pid:start) that is sending it now."
    )
    possibly_repeated = models.BooleanField(default=False, help_text="In flight at a crash and sent again.")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    address_refused = models.BooleanField(
        default=False, help_text="The far side does not know this address: it is invalid until somebody mends it."
    )
    instead_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="fallbacks")
    again_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="sent_again")
    sent_with = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="bundled",
        help_text="The message it went out in, together with others.",
    )  # fmt: skip
    held_until = models.DateTimeField(null=True, blank=True, help_text="Held back until then; the reason is its error.")
    receipt = models.CharField(
        max_length=10, blank=True, choices=Receipt.Word, help_text="As far as its provider says."
    )
    receipt_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "retrying", "sent", "failed", "cancelled", "suppressed"]),
                name="delivery_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "retrying"], next_attempt_at__isnull=False)
                | Q(status__in=["sent", "failed", "cancelled", "suppressed"], next_attempt_at__isnull=True),
                name="delivery_due_while_waiting",
            ),
        ]
        indexes = [
            models.Index(
                fields=["-urgent", "next_attempt_at", "id"],  # the order of `due`, so a batch reads only its rows
                condition=Q(next_attempt_at__isnull=False),
                name="delivery_deliver_due",
            ),
            models.Index(fields=["claimed_by"], condition=~Q(claimed_by=""), name="delivery_claimed"),
            models.Index(fields=["thread", "-id"], name="delivery_thread"),
            models.Index(fields=["address_key", "-id"], condition=~Q(address_key=""), name="delivery_address"),
            models.Index(fields=["recipient", "-id"], condition=~Q(recipient=""), name="delivery_recipient"),
            models.Index(fields=["reference"], condition=~Q(reference=""), name="delivery_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.to or self.hint}: {self.shown_subject}"

    @property
    def shown_subject(self) -> str:
        """The subject as others than its reader may see it."""
        return self._without_code(self.subject)

    @property
    def shown_text(self) -> str:
        """The text as others than its reader may see it."""
        return self._without_code(self.text)

    def _without_code(self, text: str) -> str:
        """A code that verifies an address is for whoever reads there, and nobody else."""
        return CODE.sub(HIDDEN, text) if (self.once or "").startswith("verification:") else text


class DeliveryAttempt(models.Model):
    """One try at a delivery and how it ended."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    outcome = models.CharField(max_length=16, help_text="sent, try again, undeliverable")
    detail = models.TextField(blank=True)
    took_ms = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.outcome} at {self.at:%H:%M:%S}"
