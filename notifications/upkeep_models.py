"""What is learnt while sending: how addresses stand, what providers tell afterwards, what waits for a digest."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from policies.models import Policy


class AddressHealth(models.Model):
    """How an address stands with us: failures in a row, its circuit, and whether it may be written to at all.

    Rows exist only for addresses there was trouble with.
    """

    class Barred(models.TextChoices):
        NO = "", "may be written to"
        BOUNCED = "bounced", "bounced: there is no such address"
        COMPLAINED = "complained", "complained: its reader wants none of it"

    kind = models.CharField(max_length=16)
    address_key = models.CharField(max_length=32, unique=True, help_text="Fingerprint of kind and address.")
    hint = models.CharField(max_length=120, blank=True, help_text="The address as people may see it.")
    failures = models.PositiveIntegerField(default=0, help_text="Tries in a row that the far side did not take.")
    opened_at = models.DateTimeField(null=True, blank=True, help_text="The circuit is open since; empty: closed.")
    probe_at = models.DateTimeField(null=True, blank=True, help_text="When one message may try whether it is back.")
    probes = models.PositiveSmallIntegerField(default=0, help_text="Probes that failed; each doubles the wait.")
    error = models.TextField(blank=True, help_text="What the last failure said.")
    barred = models.CharField(max_length=10, choices=Barred, blank=True, default=Barred.NO)
    barred_at = models.DateTimeField(null=True, blank=True)
    barred_why = models.TextField(blank=True)

    class Meta:
        ordering = ["-opened_at", "pk"]
        verbose_name_plural = "address health"

    def __str__(self) -> str:
        return f"{self.kind} to {self.hint}"

    def circuit_at(self, at) -> str:
        """closed, open, or half-open: the next message tries whether it is back."""
        if self.opened_at is None:
            return "closed"
        return "half-open" if self.probe_at is None or self.probe_at <= at else "open"


class Receipt(models.Model):
    """What a provider told of a delivery afterwards, each once, in whatever order it came; only ever added."""

    class Word(models.TextChoices):
        SENT = "sent"
        DELAYED = "delayed"
        DELIVERED = "delivered"
        READ = "read"
        FAILED = "failed"
        BOUNCED = "bounced"
        COMPLAINED = "complained"

    delivery = models.ForeignKey("notifications.Delivery", on_delete=models.CASCADE, related_name="receipts")
    word = models.CharField(max_length=10, choices=Word)
    at = models.DateTimeField(help_text="When it happened, as the provider says.")
    told_at = models.DateTimeField(help_text="When we were told.")
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["delivery", "word", "at"], name="receipt_once")]

    def __str__(self) -> str:
        return f"{self.word} at {self.at:%Y-%m-%d %H:%M:%S}"


class DigestLine(models.Model):
    """Something of a low level that waits for the digest of its place, or stood in it."""

    destination = models.ForeignKey("notifications.Destination", on_delete=models.CASCADE, related_name="digest_lines")
    part = models.PositiveSmallIntegerField(default=0, help_text="Which of the destination's addresses.")
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.CASCADE, related_name="digest_lines")
    thread = models.CharField(max_length=80, help_text="What it is about, for example incident:12.")
    subject = models.CharField(max_length=250)
    url = models.TextField(blank=True)
    times = models.PositiveIntegerField(default=1, help_text="How often it was told of before the digest went out.")
    state = models.CharField(max_length=40, blank=True, help_text="opened, resolved …: the last that was told.")
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(help_text="When it was told of first.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="When its digest goes out; empty: it has.")
    delivery = models.ForeignKey(
        "notifications.Delivery", null=True, blank=True, on_delete=models.SET_NULL, related_name="digest_lines"
    )
    not_useful_at = models.DateTimeField(null=True, blank=True, help_text="When a reader said that it was no use.")
    not_useful_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["destination", "part", "thread"],
                condition=Q(due_at__isnull=False),
                name="digest_line_waits_once",
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="digest_send_due"),
            models.Index(fields=["not_useful_at"], condition=Q(not_useful_at__isnull=False), name="digest_not_useful"),
        ]

    def __str__(self) -> str:
        return self.subject


class SendingPlan(models.Model):
    """How much one person is sent of a policy's pages; without a policy: of all that have no plan of their own.

    What climbs an escalation, rises in level, or tells of an acknowledgement or the end is never held back.
    """

    policy = models.OneToOneField(Policy, null=True, blank=True, on_delete=models.CASCADE, related_name="sending_plan")
    bundle_within = models.DurationField(
        null=True, blank=True, help_text="Further first pages to a person within this time become one message."
    )
    most = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="At most so many first pages to a person within the time below."
    )
    within = models.DurationField(null=True, blank=True)

    class Meta:
        ordering = ["policy"]

    def __str__(self) -> str:
        return f"sending of {self.policy.key if self.policy else 'all policies'}"


class AppNotice(models.Model):
    """A notice on the pages of one user, until it was seen: for what cannot or need not be sent."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="app_notices")
    text = models.TextField()
    url = models.TextField(blank=True)
    cause = models.CharField(max_length=120, help_text="Told once for each cause.")
    at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["user", "cause"], name="app_notice_once")]
        indexes = [models.Index(fields=["user"], condition=Q(seen_at__isnull=True), name="app_notice_unseen")]

    def __str__(self) -> str:
        return self.text
