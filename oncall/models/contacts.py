"""Contacts, their methods with what is known of each, their own rules, and the test pages they were sent."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

from notifications.models import Delivery
from policies.fields import EncryptedTextField


class EscalationContact(models.Model):
    """A person, team, role or vendor that can be asked; vendors never automatically."""

    class Kind(models.TextChoices):
        PERSON = "person"
        TEAM = "team"
        ROLE = "role"
        VENDOR = "vendor"

    kind = models.CharField(max_length=8, choices=Kind, default=Kind.PERSON)
    name = models.CharField(max_length=120, unique=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="contact"
    )
    members = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="member_of")
    backup = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="backs_up")
    timezone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=8, choices=settings.LANGUAGES, default="en")
    active = models.BooleanField(default=True)
    valid_from = models.DateTimeField(null=True, blank=True, help_text="Not asked before; empty: since ever.")
    valid_until = models.DateTimeField(null=True, blank=True, help_text="Not asked from then on; empty: for good.")
    catch_all = models.BooleanField(default=False, help_text="Asked when nobody else is left, and told why.")
    quiet_from = models.TimeField(null=True, blank=True, help_text="Of the person's own clock; empty: no quiet hours.")
    quiet_until = models.TimeField(
        null=True, blank=True, help_text="May lie before the start: then it is past midnight."
    )
    quiet_levels = models.JSONField(
        default=list, blank=True, help_text='Levels whose pages get through, such as ["P0"]; empty: every page does.'
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["person", "team", "role", "vendor"]),
                name="escalation_contact_kind_known",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def available_at(self, at: datetime) -> bool:
        """Whether this contact may be asked at `at` (aware): active, and within its validity."""
        begun = self.valid_from is None or self.valid_from <= at
        return self.active and begun and (self.valid_until is None or at < self.valid_until)


class ContactMethod(models.Model):
    """One address of a contact; methods are tried in order.

    Somebody must stand behind an address before it is used: its owner by a code or a link, or whoever entered it for
    others (a pack, the admin). What a person enters on the own page, and whatever replaces an address that was refused,
    stands for nobody until it is verified (`must_verify`).
    """

    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="methods")
    position = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=16, help_text="The transport: email, slack, json …")
    address = EncryptedTextField()
    secret = EncryptedTextField(blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    verified_how = models.CharField(max_length=250, blank=True, help_text="By whom and how, in words.")
    must_verify = models.BooleanField(default=False, help_text="Not used until it is verified.")
    enabled = models.BooleanField(default=True)
    failed_at = models.DateTimeField(null=True, blank=True, help_text="Set when the address was found invalid.")
    failure = models.TextField(blank=True)
    worked_at = models.DateTimeField(null=True, blank=True, help_text="When a provider last took a message for it.")
    updates = models.BooleanField(
        default=True, help_text="Told who acknowledged and that it is over, when a page came this way."
    )

    class Meta:
        ordering = ["contact", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.contact} by {self.kind}"

    def save(self, *args, **kwargs) -> None:
        """Another address is another thing: what was known of the old one does not hold for it."""
        names = self._changed_address() if self.pk and not self._state.adding else []
        if names and kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], *names}
        super().save(*args, **kwargs)

    @property
    def usable(self) -> bool:
        return self.enabled and self.failed_at is None and (self.verified_at is not None or not self.must_verify)

    @property
    def state(self) -> str:
        """How it stands, in one word or two: what people read beside it."""
        if self.failed_at is not None:
            return "refused"
        if not self.enabled:
            return "switched off"
        if self.verified_at is not None:
            return "verified"
        return "not verified" if self.must_verify else "provisional"

    def _changed_address(self) -> list[str]:
        """Forget what was known of the address, if it is another one now; return the names of the columns."""
        before = ContactMethod.objects.filter(pk=self.pk).only("kind", "address", "verified_at", "failed_at").first()
        if before is None or (before.kind, before.address) == (self.kind, self.address):
            return []
        if before.failed_at is not None:
            self.must_verify = True  # the last one was wrong; this one counts once somebody has answered from it
        if self.verified_at == before.verified_at:
            self.verified_at, self.verified_how = None, ""
        self.failed_at, self.failure, self.worked_at = None, "", None
        return ["must_verify", "verified_at", "verified_how", "failed_at", "failure", "worked_at"]


class Verification(models.Model):
    """A code that was sent to a method, as its digest; entered or opened in time, the address is verified."""

    method = models.ForeignKey(ContactMethod, on_delete=models.CASCADE, related_name="verifications")
    digest = models.CharField(max_length=64)
    address_digest = models.CharField(max_length=64, help_text="Of the address it was sent to.")
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"code for {self.method} of {self.sent_at:%Y-%m-%d %H:%M}"


class Urgency(models.TextChoices):
    """What a person's own rules tell apart; a level that pages is of high urgency."""

    HIGH = "high", "high: it pages"
    LOW = "low", "low: it can wait for the morning"


class PersonalRule(models.Model):
    """By which method a person wants to hear of what is urgent or not, and how long after the step began."""

    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="rules")
    urgency = models.CharField(max_length=4, choices=Urgency, default=Urgency.HIGH)
    method = models.ForeignKey(ContactMethod, on_delete=models.CASCADE, related_name="rules")
    after = models.DurationField(default=timedelta(0), help_text="Since the person was first asked.")

    class Meta:
        ordering = ["contact", "urgency", "after", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["contact", "urgency", "method", "after"],
                name="personal_rule_once",
                violation_error_message="There is such a rule already.",
            ),
            models.CheckConstraint(condition=Q(urgency__in=["high", "low"]), name="personal_rule_urgency_known"),
        ]

    def __str__(self) -> str:
        return f"{self.contact}: {self.method.kind} after {self.after}"


class TestPage(models.Model):
    """The test page of a month, which asks its reader to say that it arrived."""

    __test__ = False  # no test of ours, whatever its name makes a test runner think

    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="test_pages")
    period = models.CharField(max_length=7, help_text="2026-11: one a month.")
    method = models.ForeignKey(ContactMethod, null=True, blank=True, on_delete=models.SET_NULL)
    delivery = models.ForeignKey(Delivery, null=True, blank=True, on_delete=models.SET_NULL)
    sent_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-sent_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["contact", "period"], name="test_page_once_a_month")]

    def __str__(self) -> str:
        return f"{self.contact}, {self.period}"
