"""Schedules with layers of rotations, overrides on top, and whose business a level is."""

from datetime import UTC, datetime, time, timedelta

from django.db import models
from django.db.models import Q

from policies.models import Calendar, Policy, Severity

from .contacts import EscalationContact
from .feeds import CalendarFeed

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Due at once: a schedule that nobody has looked at yet."""


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
    override_feed = models.ForeignKey(
        CalendarFeed,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="overrides_of",
        help_text="A calendar whose events are over everything else: whom it names is on call, whatever the rest says.",
    )
    owners = models.ManyToManyField(
        EscalationContact,
        blank=True,
        related_name="owned_schedules",
        help_text="Told of holes ahead; nobody: the catch-all contacts are.",
    )
    warn_days = models.PositiveSmallIntegerField(
        default=7, help_text="So many days ahead are holes told to the owners; 0: they are only shown."
    )
    gaps_meant = models.BooleanField(
        default=False, help_text="Out of its hours nobody is meant to be asked: its gaps are no news."
    )
    longest_shift_hours = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Warn when one person has it for longer at a stretch; empty: never."
    )
    nights_in_a_row = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Warn when one person has more nights one after the other; empty: never."
    )
    handoff = models.BooleanField(
        default=False, help_text="At each hand-over a note with what is open goes to who comes."
    )
    told = models.JSONField(default=list, blank=True, editable=False)
    look_at = models.DateTimeField(null=True, blank=True, editable=False, default=LONG_AGO)
    handoff_at = models.DateTimeField(null=True, blank=True, editable=False)
    had_by = models.JSONField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["key"]
        permissions = [
            ("cover_schedule", "Can take turns oneself and ask for cover"),
            ("plan_schedule", "Can change who is on call for everybody"),
        ]
        indexes = [
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="schedule_look_due"),
            models.Index(fields=["handoff_at"], condition=Q(handoff_at__isnull=False), name="schedule_handoff_due"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args, **kwargs) -> None:
        """Whoever asks for notes, or for none any more, has the clock look at once."""
        wanted = self.handoff_at or LONG_AGO if self.handoff else None
        if wanted != self.handoff_at:
            self.handoff_at = wanted
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "handoff_at"}
        super().save(*args, **kwargs)


class Layer(models.Model):
    """One rotation of a schedule; the highest precedence that yields anybody wins, equal ones join."""

    class Rotation(models.TextChoices):
        HOURS = "hours"
        DAYS = "days"
        WEEKS = "weeks"
        MONTHS = "months"

    class OnHolidays(models.TextChoices):
        COUNTS = "", "counts as on any other day"
        SKIP = "skip", "does not count on holidays"
        ONLY = "only", "counts only on holidays"

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="layers")
    name = models.CharField(max_length=120)
    precedence = models.SmallIntegerField(default=0)
    rotation = models.CharField(max_length=6, choices=Rotation, default=Rotation.WEEKS)
    length = models.PositiveSmallIntegerField(default=1, help_text="Of one turn, in units of the rotation.")
    first_handoff_at = models.DateTimeField(
        null=True, blank=True, help_text="The start of the first member's turn; empty only with a calendar feed."
    )
    feed = models.ForeignKey(
        CalendarFeed,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="layers",
        help_text="A calendar whose events say who is on call, instead of the rotation.",
    )
    shadow = models.BooleanField(
        default=False, help_text="Trainees: shown and told beside those on call, never asked alone."
    )
    restrictions = models.JSONField(
        default=list,
        blank=True,
        help_text='[{"days": ["mon"], "from": "09:00", "to": "17:00"}]; empty: always.',
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    on_holidays = models.CharField(max_length=4, choices=OnHolidays, default=OnHolidays.COUNTS, blank=True)
    calendar = models.ForeignKey(
        Calendar,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="layers",
        help_text="Whose holidays are meant.",
    )
    rest = models.BooleanField(
        default=False, help_text="Who was paged in the night is not asked the next night; the next in turn is."
    )
    night_from = models.TimeField(default=time(22), help_text="When a night begins, on the schedule's clock.")
    night_to = models.TimeField(default=time(6))
    members = models.ManyToManyField(EscalationContact, through="LayerMember", related_name="layers")

    class Meta:
        ordering = ["schedule", "-precedence", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(length__gte=1), name="layer_length_positive"),
            models.CheckConstraint(
                condition=Q(first_handoff_at__isnull=False) | Q(feed__isnull=False),
                name="layer_turns_or_feed",
                violation_error_message="Say when the first turn begins, or name a calendar feed.",
            ),
            models.CheckConstraint(
                condition=Q(on_holidays="") | Q(calendar__isnull=False),
                name="layer_holidays_of_a_calendar",
                violation_error_message="Name the calendar whose holidays are meant.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule}: {self.name}"


class LayerMember(models.Model):
    """A place in a layer's hand-off order."""

    layer = models.ForeignKey(Layer, on_delete=models.CASCADE, related_name="places")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE)
    position = models.PositiveSmallIntegerField(default=0)
    turn = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Places with the same number are on call together, in one turn; empty: a turn of its own.",
    )

    class Meta:
        ordering = ["layer", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.position}: {self.contact}"


class Override(models.Model):
    """Somebody else is on call for a while; it replaces what all else says, and the one made later wins."""

    class Effect(models.TextChoices):
        EVERYBODY = "everybody", "in place of everybody"
        ONE = "one", "in place of one person"
        ADD = "add", "beside those on call"
        REMOVE = "remove", "one person steps out"
        SHADOW = "shadow", "as a shadow: shown and told, never asked alone"

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="overrides")
    effect = models.CharField(max_length=9, choices=Effect, default=Effect.EVERYBODY)
    contact = models.ForeignKey(
        EscalationContact,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="overrides",
        help_text="Who steps in.",
    )
    replaces = models.ForeignKey(
        EscalationContact,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="overridden",
        help_text="Who steps out; only where one person is replaced or steps out.",
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=250, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="override_ends_after_start"),
            models.CheckConstraint(
                condition=Q(effect__in=["everybody", "add", "shadow"], contact__isnull=False, replaces__isnull=True)
                | Q(effect="one", contact__isnull=False, replaces__isnull=False)
                | Q(effect="remove", contact__isnull=True, replaces__isnull=False),
                name="override_names_whom_it_needs",
                violation_error_message="Name who steps in, and who steps out only when one person is replaced or "
                "steps out.",
            ),
        ]

    def __str__(self) -> str:
        who = self.contact or f"without {self.replaces}"
        return f"{who} {self.starts_at:%Y-%m-%d %H:%M} for {self.ends_at - self.starts_at or timedelta()}"
