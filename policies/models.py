"""What a policy says: its levels, classes, targets, parameters, calendars, gates, cadences and reviews.

All of it is plan, loaded from packs or made by hand; what runs lives in the rooms above.
"""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import cached_property

from . import surroundings
from .durations import parse_duration
from .fields import EncryptedTextField
from .once import once_a_sweep
from .target_models import Anchor, CalendarTerm, GatePlan, Pause, TargetKind, TargetPlan, Who

__all__ = [
    "AlertClass", "Anchor", "CadencePlan", "Calendar", "CalendarTerm", "GatePlan", "Parameter", "Pause", "Policy",
    "ReviewPlan", "Service", "Severity", "TargetKind", "TargetPlan", "Who",
]  # fmt: skip


class Service(models.Model):
    """What is being watched; a policy may describe one."""

    key = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=160)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class Policy(models.Model):
    """An alert policy: the levels, targets and rules of one document or one team."""

    key = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=160)
    version = models.CharField(max_length=40, default="1")
    language = models.CharField(max_length=8, default="en")
    timezone = models.CharField(max_length=64, default="UTC")
    service = models.ForeignKey(Service, null=True, blank=True, on_delete=models.SET_NULL, related_name="policies")
    extends = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="extended_by")
    description = models.TextField(blank=True)
    group_window = models.DurationField(
        default=timedelta(days=1),
        help_text="An alert does not join an incident older than this; it opens a new one.",
    )
    resolve_after = models.DurationField(
        default=timedelta(minutes=5),
        help_text="Quiet time: how long nothing may fire before an incident resolves.",
    )
    reopen_within = models.DurationField(
        default=timedelta(0), help_text="What fires again so soon after its incident resolved reopens it; 0: a new one."
    )
    flap_changes = models.PositiveSmallIntegerField(
        default=6,
        help_text="An alert that begins and ends more often than this within the time below is flapping; 0: none.",
    )
    flap_within = models.DurationField(
        default=timedelta(minutes=10), help_text="A flapping alert counts as firing until it has been calm so long."
    )

    impact_scopes = models.JSONField(
        default=list, blank=True, help_text='How wide harm can be, from narrow to wide: ["one customer", "all"].'
    )
    cost_currency = models.CharField(max_length=3, blank=True, help_text="Such as EUR; empty: no cost is shown.")
    cost_responder_hour = models.DecimalField(
        max_digits=12, decimal_places=2, default=0, help_text="What an hour of one responder costs."
    )
    cost_impact_minute = models.DecimalField(
        max_digits=12, decimal_places=2, default=0, help_text="What a minute of affected customers costs."
    )

    class Meta:
        ordering = ["key"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name

    def severity_for(self, key: str) -> "Severity":
        """The level named `key` (any case), else the least urgent level that exists."""
        if not self.levels:
            raise Severity.DoesNotExist(f"Policy {self.key} has no severities; add one level at least.")
        return next((level for level in self.levels if level.key.lower() == key.lower()), self.levels[-1])

    def level_like(self, position: int, of: int) -> "Severity | None":
        """The level as urgent here as the one at `position` (0: the most urgent) among `of` levels of somebody else."""
        last = len(self.levels) - 1
        return self.levels[round(position * last / max(of - 1, 1))] if self.levels else None

    @cached_property
    def levels(self) -> list["Severity"]:
        """Its levels, the most urgent first; read once for each time the policy itself is read."""
        return _levels(self)

    def parameter_values(self) -> dict:
        """Effective values of all parameters by name, secrets included: for rules and addresses, never for pages."""
        return {parameter.key: parameter.effective for parameter in self.parameters.all()}


@once_a_sweep
def _levels(policy: Policy) -> list["Severity"]:
    return list(policy.severities.order_by("rank"))


class Severity(models.Model):
    """A level of its policy; rank 0 is the most urgent and the only thing compared across policies."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="severities")
    key = models.CharField(max_length=40)
    label = models.CharField(max_length=80)
    rank = models.PositiveSmallIntegerField(help_text="0 is the most urgent.")
    meaning = models.TextField(blank=True)
    page = models.BooleanField(default=False, help_text="Incidents of this level page people by default.")

    class Meta:
        ordering = ["policy", "rank"]
        verbose_name_plural = "severities"
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="severity_key_once")]

    def __str__(self) -> str:
        return self.key if self.label.casefold() in ("", self.key.casefold()) else f"{self.key} {self.label}"


class AlertClass(models.Model):
    """A class of alerts with a response time and a page flag of its own, beside the level."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="classes")
    key = models.CharField(max_length=40)
    label = models.CharField(max_length=80)
    page = models.BooleanField(null=True, blank=True, help_text="Empty: as the level says.")

    class Meta:
        ordering = ["policy", "key"]
        verbose_name_plural = "alert classes"
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="alert_class_key_once")]

    def __str__(self) -> str:
        return self.label or self.key


class Calendar(models.Model):
    """Business hours and holidays, in a zone: what "the next business day" means."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="calendars")
    key = models.CharField(max_length=40)
    timezone = models.CharField(max_length=64, default="UTC")
    hours = models.JSONField(default=dict, help_text='By weekday: {"mon": [["09:00", "17:00"]]}.')
    holidays = models.JSONField(default=list, blank=True, help_text="Dates (2026-12-25) and country codes (ID, NL).")
    default = models.BooleanField(default=False)
    sprint_start = models.DateField(null=True, blank=True, help_text="First day of any sprint, on the local clock.")
    sprint_days = models.PositiveSmallIntegerField(default=14, help_text="How many days a sprint has.")

    class Meta:
        ordering = ["policy", "key"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="calendar_key_once")]

    def __str__(self) -> str:
        return f"{self.policy.key}/{self.key}"


class Parameter(models.Model):
    """A typed value of a policy: the environment wins over the stored value, that over the default.

    What an application itself tells of a flag stands between the environment and what is stored here.
    """

    class Type(models.TextChoices):
        INT = "int"
        FLOAT = "float"
        BOOL = "bool"
        TEXT = "text"
        DURATION = "duration"
        SECRET = "secret"

    class Origin(models.TextChoices):
        DOCUMENT = "document", "from the document"
        OURS = "ours", "set by us, to be confirmed"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="parameters")
    key = models.CharField(max_length=80)
    type = models.CharField(max_length=10, choices=Type, default=Type.TEXT)
    default = models.TextField(blank=True)
    stored = EncryptedTextField(blank=True, help_text="Empty: the default counts.")
    told = models.CharField(
        max_length=20, blank=True, editable=False, help_text="Of a flag: what the application itself says it runs with."
    )
    told_by = models.CharField(max_length=120, blank=True, editable=False, help_text="Where the application says it.")
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.DOCUMENT)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.CharField(max_length=150, blank=True, help_text="Who said that a value of ours is right.")
    description = models.TextField(blank=True)

    class Meta:
        ordering = ["policy", "key"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="parameter_key_once")]

    def __str__(self) -> str:
        return f"{self.policy.key}/{self.key}"

    _was: dict[str, Any] | None = None

    @classmethod
    def from_db(cls, db, field_names, values, **more):
        """Remember what was stored, so that the audit log can tell before and after."""
        row = super().from_db(db, field_names, values, **more)
        said: dict[str, Any] = {
            name: row.__dict__[name] for name in ("type", "stored", "default") if name in row.__dict__
        }
        row._was = said if len(said) == 3 else None
        return row

    def get_additional_data(self) -> dict[str, str] | None:
        """What the audit log keeps of a change beside the masked column: the value before and after, no secret."""
        if self._was is None:
            return None
        before, after = Parameter(policy=self.policy, key=self.key, **self._was).shown, self.shown
        return {"before": before, "after": after} if before != after else None

    def clean(self) -> None:
        """Refuse a value that is not of the type, in the words of `typed`."""
        wrong = {}
        for name in ("default", "stored"):
            text = getattr(self, name)
            try:
                if text:
                    self.typed(text, origin=name)
            except ValueError as error:
                wrong[name] = str(error)
        if wrong:
            raise ValidationError(wrong)

    @property
    def source(self) -> str:
        """Where the effective value comes from: environment, application, stored or default."""
        if self.variable:
            return "environment"
        if self.told:
            return "application"
        return "stored" if self.stored else "default"

    @property
    def variable(self) -> tuple[str, str] | None:
        """The environment variable that sets it now, with its text."""
        return surroundings.found(self.policy.key, self.key) if self.policy_id else None

    @property
    def raw(self) -> str:
        variable = self.variable
        return variable[1] if variable else self.told or self.stored or self.default

    @property
    def effective(self):
        """The typed value; ValueError names the parameter, where the value came from and what was expected."""
        return self.typed(self.raw)

    def typed(self, text: str, *, origin: str = ""):
        """`text` as a value of its type; ValueError names the parameter and where the text stands."""
        try:
            match self.type:
                case self.Type.INT:
                    return int(text)
                case self.Type.FLOAT:
                    return float(text)
                case self.Type.BOOL:
                    return {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False,
                            "no": False, "off": False}[text.strip().lower()]  # fmt: skip
                case self.Type.DURATION:
                    return parse_duration(text)
                case _:
                    return text
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"{self.key} ({origin or self.source}) is {text!r}, which is no {self.get_type_display()}."
            ) from error

    @property
    def unconfirmed(self) -> bool:
        """Whether it is ours, not the document's, and nobody has said yet that it is right."""
        return self.origin == self.Origin.OURS and self.confirmed_at is None

    @property
    def told_origin(self) -> str:
        """Where its default comes from, in words."""
        if self.origin == self.Origin.DOCUMENT:
            return "from the document"
        if self.confirmed_at is None:
            return "not from the document: set by us, not confirmed yet"
        by = f" by {self.confirmed_by}" if self.confirmed_by else ""
        return f"not from the document: set by us, confirmed{by} on {self.confirmed_at:%-d %b %Y}"

    @property
    def shown(self) -> str:
        """The effective value and its origin for people; a secret never shows more than whether it is set."""
        if self.type == self.Type.SECRET:
            return f"{'set' if self.raw else 'not set'} ({self.source})"
        return f"{self.raw} ({self.source})"


class CadencePlan(models.Model):
    """How often people are told, for a level (empty: for all)."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="cadences")
    severity = models.ForeignKey(Severity, null=True, blank=True, on_delete=models.CASCADE)
    every = models.DurationField()
    at_most = models.DurationField(
        null=True, blank=True, help_text="The longest time a person may choose; empty: as long as every."
    )
    once = models.BooleanField(default=False, help_text="One update is enough; none is due by the clock after it.")
    audience = models.CharField(max_length=80, blank=True)
    fields = models.JSONField(default=list, blank=True, help_text='Fields an update must fill: ["impact", "eta"].')

    class Meta:
        ordering = ["policy", "severity__rank"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "severity"],
                condition=models.Q(severity__isnull=False),
                name="cadence_plan_once",
                violation_error_message="This policy has an interval for this level already; change that one.",
            ),
            models.UniqueConstraint(
                fields=["policy"],
                condition=models.Q(severity__isnull=True),
                name="cadence_plan_once_for_all",
                violation_error_message="This policy has an interval for all levels already; change that one.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy.key}: {self.severity or 'all'} every {self.every}"


class ReviewPlan(models.Model):
    """Which levels demand a post-incident review, until when, who leaves it out or approves it, and what it asks."""

    class Skip(models.TextChoices):
        ANYBODY = "anybody", "whoever may write reviews"
        APPROVER = "approver", "whoever may approve reviews"
        NOBODY = "nobody"

    policy = models.OneToOneField(Policy, on_delete=models.CASCADE, related_name="review_plan")
    severities = models.ManyToManyField(Severity, blank=True, help_text="Levels whose incidents need a review.")
    within = models.DurationField(null=True, blank=True, help_text="Due so long after resolution; empty: no deadline.")
    before = models.CharField(max_length=16, default="closed", help_text="The status it must be approved for.")
    remind_before = models.DurationField(
        default=timedelta(days=1),
        help_text="So long before it falls due its author is reminded, and every so often after.",
    )
    skip = models.CharField(
        max_length=10, choices=Skip, default=Skip.APPROVER,
        help_text="Who may leave a demanded review out, with a written reason.",
    )  # fmt: skip
    approvals = models.PositiveSmallIntegerField(default=1, help_text="So many people must approve it.")
    reviewers = models.JSONField(default=list, blank=True, help_text="Contacts by name who are asked to review it.")
    factors = models.JSONField(default=list, blank=True, help_text="Kinds of contributing factors to choose from.")
    questions = models.JSONField(
        default=list, blank=True, help_text='[{"section": …, "key": …, "prompt": …, "required": true, "kind": "text"}]'
    )
    templates = models.JSONField(
        default=list, blank=True, help_text="Other questions for some levels or classes; the first that fits counts."
    )

    def __str__(self) -> str:
        return f"{self.policy.key}: review"
