"""Who answers: contacts and how to reach them, schedules with layers, overrides."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

from policies.fields import EncryptedTextField
from policies.models import Policy, Severity


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
    catch_all = models.BooleanField(default=False, help_text="Asked when nobody else is left, and told why.")

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


class ContactMethod(models.Model):
    """One address of a contact; methods are tried in order."""

    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="methods")
    position = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=16, help_text="The transport: email, slack, json …")
    address = EncryptedTextField()
    secret = EncryptedTextField(blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    failed_at = models.DateTimeField(null=True, blank=True, help_text="Set when the address was found invalid.")
    failure = models.TextField(blank=True)

    class Meta:
        ordering = ["contact", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.contact} by {self.kind}"

    @property
    def usable(self) -> bool:
        return self.enabled and self.failed_at is None


class Ownership(models.Model):
    """Whose business incidents of a level are (empty: of every level that names nobody); one contact or several."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="ownerships")
    severity = models.ForeignKey(Severity, null=True, blank=True, on_delete=models.CASCADE)
    contacts = models.ManyToManyField(EscalationContact, related_name="ownerships")

    class Meta:
        ordering = ["policy", "severity__rank"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "severity"],
                condition=models.Q(severity__isnull=False),
                name="ownership_once",
                violation_error_message="This policy has owners of this level already; change those.",
            ),
            models.UniqueConstraint(
                fields=["policy"],
                condition=models.Q(severity__isnull=True),
                name="ownership_once_for_all",
                violation_error_message="This policy has owners of all other levels already; change those.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy.key}: {self.severity or 'every level'}"


class Schedule(models.Model):
    """Who is on call when: layers of rotations, overrides on top."""

    key = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=160)
    timezone = models.CharField(max_length=64, default="UTC")
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.SET_NULL, related_name="schedules")

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class Layer(models.Model):
    """One rotation of a schedule; the highest precedence that yields anybody wins, equal ones join."""

    class Rotation(models.TextChoices):
        HOURS = "hours"
        DAYS = "days"
        WEEKS = "weeks"
        MONTHS = "months"

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="layers")
    name = models.CharField(max_length=120)
    precedence = models.SmallIntegerField(default=0)
    rotation = models.CharField(max_length=6, choices=Rotation, default=Rotation.WEEKS)
    length = models.PositiveSmallIntegerField(default=1, help_text="Of one turn, in units of the rotation.")
    first_handoff_at = models.DateTimeField(help_text="The start of the first member's turn.")
    restrictions = models.JSONField(
        default=list,
        blank=True,
        help_text='[{"days": ["mon"], "from": "09:00", "to": "17:00"}]; empty: always.',
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    members = models.ManyToManyField(EscalationContact, through="LayerMember", related_name="layers")

    class Meta:
        ordering = ["schedule", "-precedence", "pk"]
        constraints = [models.CheckConstraint(condition=Q(length__gte=1), name="layer_length_positive")]

    def __str__(self) -> str:
        return f"{self.schedule}: {self.name}"


class LayerMember(models.Model):
    """A place in a layer's hand-off order."""

    layer = models.ForeignKey(Layer, on_delete=models.CASCADE, related_name="places")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["layer", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.position}: {self.contact}"


class Override(models.Model):
    """Somebody else is on call for a while, in place of everybody the layers yield."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="overrides")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="overrides")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=250, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="override_ends_after_start")
        ]

    def __str__(self) -> str:
        return f"{self.contact} {self.starts_at:%Y-%m-%d %H:%M} for {self.ends_at - self.starts_at or timedelta()}"
