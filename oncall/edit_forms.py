"""Forms by which people change who is on call, on the clock of the schedule."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from . import roster
from .models import EscalationContact, Override, Schedule, Swap
from .rules_of_change import Rights
from .turns import instant

LONGEST = timedelta(days=366)
FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
Effect = Override.Effect


class WallTime(forms.DateTimeField):
    """A time on the clock on the wall of `zone`; gives UTC. One that occurs twice means the first."""

    def __init__(self, *, zone: ZoneInfo, **kwargs):
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        words = f"Write the time as 2026-12-31 03:10, on the clock of {zone.key}."
        super().__init__(widget=widget, error_messages={"invalid": words}, **kwargs)
        self.zone = zone

    def prepare_value(self, value):
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(self.zone).replace(tzinfo=None)
        return value

    def to_python(self, value) -> datetime | None:
        if value in self.empty_values or (isinstance(value, datetime) and value.tzinfo is not None):
            return value or None
        for form in FORMATS:
            try:
                return instant(datetime.strptime(str(value).strip(), form), self.zone).astimezone(UTC)
            except (ValueError, OverflowError):
                continue
        raise forms.ValidationError(self.error_messages["invalid"], code="invalid")

    def has_changed(self, initial, data) -> bool:
        """Whether another minute was typed than was shown; what is stored may be more exact."""
        shown = self.prepare_value(initial)
        if isinstance(shown, datetime) and data:
            return f"{shown:%Y-%m-%dT%H:%M}" != str(data).strip().replace(" ", "T")
        return super().has_changed(initial, data)


class Person(forms.TypedChoiceField):
    """One of `people`, read once."""

    def __init__(self, people: Iterable[EscalationContact], *, nobody: str = "Choose a person", **kwargs):
        known = {str(one.pk): one for one in people}
        choices = [("", nobody), *((pk, str(one)) for pk, one in known.items())]
        words = {"invalid_choice": "There is no such contact to choose; take one of the list."}
        super().__init__(choices=choices, coerce=known.__getitem__, empty_value=None, error_messages=words, **kwargs)

    def prepare_value(self, value):
        return value.pk if isinstance(value, EscalationContact) else value

    def has_changed(self, initial, data) -> bool:
        return str(self.prepare_value(initial) or "") != str(data or "")


def choosable(also: Iterable[EscalationContact | None] = ()) -> list[EscalationContact]:
    """Whom a shift may be given: everybody active but vendors; and those whom what is edited names already."""
    rows = EscalationContact.objects.filter(active=True).exclude(kind=EscalationContact.Kind.VENDOR)
    known = {one.pk: one for one in (*rows, *(one for one in also if one is not None))}
    return sorted(known.values(), key=lambda one: one.name.lower())


class StretchForm(forms.Form):
    """From when until when, in the future or running; `at` is now."""

    def __init__(self, *args, schedule: Schedule, rights: Rights, at: datetime, **kwargs):
        super().__init__(*args, **kwargs)
        self.schedule, self.rights, self.at = schedule, rights, at
        zone = roster.zone_of(schedule)
        self.fields["starts_at"] = WallTime(zone=zone, label="From")
        self.fields["ends_at"] = WallTime(zone=zone, label="Until", help_text=f"On the clock of {zone.key}.")

    def clean(self) -> dict:
        data = super().clean() or self.cleaned_data
        for name in ("starts_at", "ends_at"):
            if name in data and name not in self.changed_data and self.initial.get(name):
                data[name] = self.initial[name]  # the wall clock cannot tell the second of two like times
        start, end = data.get("starts_at"), data.get("ends_at")
        if start and end:
            if end <= start:
                self.add_error("ends_at", "The end is not after the start.")
            elif end <= self.at:
                self.add_error("ends_at", "This is over already: only what is to come can be changed.")
            elif end - start > LONGEST:
                self.add_error("ends_at", "This is longer than a year; change the layers of the schedule instead.")
        return data


class OverrideForm(StretchForm):
    """Somebody else for a while."""

    effect = forms.ChoiceField(choices=Effect.choices, label="How", initial=Effect.EVERYBODY)
    reason = forms.CharField(max_length=250, required=False, label="Why")

    def __init__(self, *args, instance: Override | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        named = (instance.contact, instance.replaces) if instance else ()
        people = choosable(named)
        mine = people if self.rights.plan else [one for one in people if self.rights.for_(one)]
        self.fields["contact"] = Person(mine, required=False, label="Who steps in")
        self.fields["replaces"] = Person(
            people, required=False, nobody="Nobody", label="Who steps out",
            help_text="Only where one person is replaced or steps out.",
        )  # fmt: skip
        self.order_fields(["contact", "effect", "replaces", "starts_at", "ends_at", "reason"])

    def clean(self) -> dict:
        data = super().clean()
        effect, contact, replaces = data.get("effect"), data.get("contact"), data.get("replaces")
        if effect in (Effect.ONE, Effect.REMOVE) and replaces is None and "replaces" not in self.errors:
            self.add_error("replaces", "Choose whom it replaces.")
        if effect in (Effect.EVERYBODY, Effect.ADD, Effect.SHADOW) and replaces is not None:
            self.add_error("replaces", "Leave this empty: nobody in particular steps out.")
        if effect == Effect.REMOVE:
            if contact is not None:
                self.add_error("contact", "Leave this empty: one person steps out, and nobody steps in.")
            if not self.rights.plan:
                self.add_error(
                    "effect", "Who steps out without somebody else needs an incident commander: ask for cover."
                )
        elif contact is None and "contact" not in self.errors:
            self.add_error("contact", "Choose who steps in.")
        if contact is not None and contact == replaces:
            self.add_error("replaces", "Nobody can take their own place.")
        return data


class CoverForm(StretchForm):
    """Ask for somebody to take one's place."""

    note = forms.CharField(max_length=250, required=False, label="Why, and what one should know")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        people = [one for one in choosable() if self.rights.for_(one)]
        self.fields["asked_by"] = Person(people, label="Who needs cover")
        self.order_fields(["asked_by", "starts_at", "ends_at", "note"])


class SwapForm(StretchForm):
    """Two people take each other's turns."""

    reason = forms.CharField(max_length=250, required=False, label="Why")

    def __init__(self, *args, instance: Swap | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        people = choosable((instance.person, instance.partner) if instance else ())
        self.fields["person"] = Person(people, label="Who gives his turns")
        self.fields["partner"] = Person(people, label="Who takes them, and gives his")
        self.order_fields(["person", "partner", "starts_at", "ends_at", "reason"])

    def clean(self) -> dict:
        data = super().clean()
        person, partner = data.get("person"), data.get("partner")
        if person and person == partner:
            self.add_error("partner", "A swap needs two different people.")
        return data


class TemporaryForm(StretchForm):
    """A whole schedule for a while; its shifts are rows of their own."""

    name = forms.CharField(max_length=120, label="What it is called", help_text="Such as: Christmas 2026.")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.order_fields(["name", "starts_at", "ends_at"])


class TemporaryShiftForm(forms.Form):
    """One person's shift in a temporary schedule; an empty row is no shift."""

    def __init__(self, *args, schedule: Schedule, people: list[EscalationContact], **kwargs):
        super().__init__(*args, **kwargs)
        zone = roster.zone_of(schedule)
        self.fields["contact"] = Person(people, nobody="No shift", required=False, label="Who")
        self.fields["starts_at"] = WallTime(zone=zone, required=False, label="From")
        self.fields["ends_at"] = WallTime(zone=zone, required=False, label="Until")

    def clean(self) -> dict:
        data = super().clean() or self.cleaned_data
        contact, start, end = data.get("contact"), data.get("starts_at"), data.get("ends_at")
        if contact is None and (start or end) and "contact" not in self.errors:
            self.add_error("contact", "Choose whose shift this is, or empty its times.")
        for name in ("starts_at", "ends_at"):
            if contact and not data.get(name) and name not in self.errors:
                self.add_error(name, "Say from when until when the shift lasts.")
        if start and end and end <= start:
            self.add_error("ends_at", "The end is not after the start.")
        return data


class Rows(forms.BaseFormSet):
    """The shifts of a temporary schedule, all within its time; `within` is set once that is known."""

    within: tuple[datetime, datetime] | None = None

    def clean(self) -> None:
        if self.within is None or any(self.errors):
            return
        start, end = self.within
        for form in self.forms:
            data = form.cleaned_data
            if data.get("contact") and not (start <= data["starts_at"] and data["ends_at"] <= end):
                name = "starts_at" if data["starts_at"] < start else "ends_at"
                form.add_error(name, "This is outside the time of the temporary schedule.")

    @property
    def shifts(self) -> list[tuple[EscalationContact, datetime, datetime]]:
        found = [form.cleaned_data for form in self.forms if form.cleaned_data.get("contact")]
        return [(one["contact"], one["starts_at"], one["ends_at"]) for one in found]


def shift_rows(data, schedule: Schedule, *, initial: list[dict], extra: int) -> Any:
    """The rows for a temporary schedule's shifts: those it has, and some empty ones."""
    people = choosable()
    made = forms.formset_factory(TemporaryShiftForm, formset=Rows, extra=extra, max_num=200, absolute_max=200)
    return made(data, initial=initial, prefix="shifts", form_kwargs={"schedule": schedule, "people": people})
