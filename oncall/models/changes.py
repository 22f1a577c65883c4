"""What people agree on between them: swaps, requests for cover, schedules for a while; and links to their calendars."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from .contacts import EscalationContact
from .schedules import Override, Schedule


class Swap(models.Model):
    """Two people take each other's turns for a while; it acts on what the layers say, in the order made."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="swaps")
    person = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="swaps_begun")
    partner = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="swaps_joined")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=250, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="swap_ends_after_start",
                violation_error_message="The end must be after the start.",
            ),
            models.CheckConstraint(
                condition=~Q(person=F("partner")),
                name="swap_of_two",
                violation_error_message="A swap needs two different people.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} and {self.partner} from {self.starts_at:%Y-%m-%d %H:%M}"


class CoverRequest(models.Model):
    """Somebody asks for another to take their place for a while; taking it makes an override of that one person."""

    class State(models.TextChoices):
        OPEN = "open"
        TAKEN = "taken"
        WITHDRAWN = "withdrawn"

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="cover_requests")
    asked_by = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="cover_asked")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    note = models.CharField(max_length=250, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    taken_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="cover_taken"
    )
    override = models.OneToOneField(
        Override, null=True, blank=True, on_delete=models.SET_NULL, related_name="cover_request"
    )
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it was taken or withdrawn.")

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["open", "taken", "withdrawn"]), name="cover_state_known"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="cover_ends_after_start",
                violation_error_message="The end must be after the start.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asked_by} asks for cover from {self.starts_at:%Y-%m-%d %H:%M} ({self.state})"


class TemporarySchedule(models.Model):
    """A whole set of shifts that stands in place of the layers for a while; of two at one time the later made wins."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="temporaries")
    name = models.CharField(max_length=120)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="temporary_ends_after_start",
                violation_error_message="The end must be after the start.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class TemporaryShift(models.Model):
    """One person's shift in a temporary schedule; several at one time are on call together."""

    temporary = models.ForeignKey(TemporarySchedule, on_delete=models.CASCADE, related_name="shifts")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="temporary_shifts")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        ordering = ["temporary", "starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="temporary_shift_ends_after_start",
                violation_error_message="The end must be after the start.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.contact} from {self.starts_at:%Y-%m-%d %H:%M}"


class CalendarLink(models.Model):
    """A secret address under which a calendar program reads the shifts of a schedule or of a person."""

    schedule = models.ForeignKey(
        Schedule, null=True, blank=True, on_delete=models.CASCADE, related_name="calendar_links"
    )
    contact = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.CASCADE, related_name="calendar_links"
    )
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the token.")
    note = models.CharField(max_length=120, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="calendar_links"
    )
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(schedule__isnull=False, contact__isnull=True)
                | Q(schedule__isnull=True, contact__isnull=False),
                name="calendar_link_of_one_thing",
                violation_error_message="A link is for a schedule or for a person.",
            )
        ]

    def __str__(self) -> str:
        return f"calendar of {self.schedule or self.contact}"
