"""Forms of what the room does beside the moves: impact, tasks, holds, corrections, splits, who may see it."""

from django import forms

from policies.models import AlertClass

from . import impact, milestones
from .forms import IncidentForm, NamingForm, _one_of, roles_of
from .models import Incident, ResponseTarget

WRITE = {"invalid": "Write the time as 2026-12-31 03:10, in UTC."}


def _time(label: str, *, required: bool = False, hint: str = "As 2026-12-31 03:10, in UTC.") -> forms.DateTimeField:
    return forms.DateTimeField(required=required, label=label, help_text=hint, error_messages=WRITE)


class ImpactForm(IncidentForm):
    """Whether people are affected, since or until when, how wide, and how many."""

    affected = forms.ChoiceField(
        choices=[("", "As it is"), ("on", "People are affected"), ("off", "Nobody is affected any more")],
        required=False, label="Customers",
    )  # fmt: skip
    when = _time("Since or until (UTC)", hint="Empty: now. As 2026-12-31 03:10.")

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        if scopes := incident.policy.impact_scopes:
            choices = [("", "Not said"), *((scope, scope) for scope in scopes)]
            self.fields["scope"] = forms.ChoiceField(
                choices=choices, required=False, label="How wide", initial=incident.impact_scope
            )
        for name in impact.COUNTED[:2]:
            self.fields[name] = forms.IntegerField(
                required=False, min_value=0, label=f"How many {name}", initial=incident.affected.get(name)
            )


class AskForm(IncidentForm):
    ask = forms.IntegerField(widget=forms.HiddenInput)


class HoldForm(IncidentForm):
    reason = forms.CharField(max_length=250, label="What does it wait for?")


class TaskForm(IncidentForm):
    text = forms.CharField(max_length=250, label="What is to be done")

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        choices = [("", "Anybody"), *((role.key, role.label) for role in roles_of(incident))]
        self.fields["role"] = forms.ChoiceField(choices=choices, required=False, label="For")


class TickForm(IncidentForm):
    task = forms.TypedMultipleChoiceField(coerce=int)

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        rows = incident.tasks.values_list("pk", "text")
        self.fields["task"].choices = [(str(pk), text) for pk, text in rows]  # type: ignore[attr-defined]


class LateForm(IncidentForm):
    """Why a target was missed."""

    reason = forms.CharField(max_length=500, label="Why was it missed?")

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        missed = incident.targets.filter(state=ResponseTarget.State.BREACHED)
        known = {str(row.pk): row for row in missed}
        choices = [(pk, f"{row.get_kind_display()} ({row.from_plan})") for pk, row in known.items()]
        self.fields["target"] = forms.TypedChoiceField(choices=choices, coerce=known.__getitem__, label="Which target")
        self.order_fields(["target"])


class MilestoneForm(IncidentForm):
    to = _time("When it really happened (UTC)", required=True)
    reason = forms.CharField(
        max_length=500, required=False, label="Why is it corrected?", help_text="Needed when a time is known already."
    )

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        choices = [(name, milestones.LABELS[name]) for name in milestones.known(incident)]
        self.fields["milestone"] = forms.ChoiceField(choices=choices, label="Milestone")
        self.order_fields(["milestone"])


class MilestonesForm(IncidentForm):
    """The seven that a report tells, each with its time; what is known is filled in, what is left as it was stays."""

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        for name in milestones.SEVEN:
            known = getattr(incident, f"{name}_at")
            hint = "" if known or name in milestones.SETTABLE else f"{milestones.MOVED_BY[name].capitalize()} first."
            self.fields[name] = forms.DateTimeField(
                required=False, label=milestones.LABELS[name], error_messages=WRITE, help_text=hint,
                initial=known and known.replace(microsecond=0), disabled=bool(hint),
            )  # fmt: skip
        self.fields["reason"] = forms.CharField(
            max_length=500, required=False, label="Why is it corrected?", help_text="Needed when a known time changes."
        )

    @property
    def times(self) -> dict:
        """The times that were typed over; one that was emptied stays as it was."""
        return {name: self.cleaned_data[name] for name in self.changed_data
                if name in milestones.SEVEN and self.cleaned_data[name]}  # fmt: skip


class StretchForm(IncidentForm):
    start_at = _time("Affected from (UTC)", required=True)
    end_at = _time("Until (UTC)", hint="Empty: still.")

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        self.fields["stretch"] = _one_of(incident.impact_stretches.all(), "Which stretch")
        self.order_fields(["stretch"])


class SplitForm(IncidentForm):
    title = forms.CharField(max_length=250, label="What the new incident is about")

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        self.fields["severity"] = _one_of(incident.policy.severities.order_by("rank"), "Level")
        self.fields["severity"].initial = incident.severity_id
        rows = incident.alerts.select_related("alert").order_by("-firing", "-starts_at")[:100]
        choices = [(str(row.pk), str(row.alert)) for row in rows]
        self.fields["alerts"] = forms.TypedMultipleChoiceField(
            choices=choices,
            coerce=int,
            required=False,
            widget=forms.CheckboxSelectMultiple,
            label="Alerts that go there",
        )


class UnmergeForm(IncidentForm):
    reason = forms.CharField(max_length=500, required=False, label="Why?")


class PrivateForm(NamingForm):
    private = forms.BooleanField(required=False, label="Only those named below, and those with the right, see it")

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        self.fields["private"].initial = incident.private
        known = {str(row.pk): row for row in self.named("person", "team")}
        self.fields["readers"] = forms.TypedMultipleChoiceField(
            choices=[(pk, str(row)) for pk, row in known.items()], coerce=known.__getitem__, required=False,
            label="Who may see it", initial=[str(row.pk) for row in incident.readers.all()],
        )  # fmt: skip


class RelateForm(IncidentForm):
    other = forms.ModelChoiceField(
        Incident.objects.all(), widget=forms.NumberInput, label="Number of the other incident",
        error_messages={"invalid_choice": "There is no incident of this number."},
    )  # fmt: skip


class ClassForm(IncidentForm):
    reason = forms.CharField(max_length=250, label="Why?")

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        known: dict[str, AlertClass] = {str(row.pk): row for row in incident.policy.classes.all()}
        self.fields["alert_class"] = forms.TypedChoiceField(
            choices=[("", "None"), *((pk, str(row)) for pk, row in known.items())], coerce=known.get, empty_value=None,
            required=False, label="Class", initial=incident.alert_class_id,
        )  # fmt: skip
        self.order_fields(["alert_class"])


class ResolveForm(IncidentForm):
    reason = forms.CharField(max_length=500, label="What helped?")
    override_reason = forms.CharField(required=False, widget=forms.HiddenInput)


class ReleaseForm(IncidentForm):
    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        held = [row.role for row in incident.roles.filter(until=None)]
        self.fields["role"] = forms.ChoiceField(choices=[(role, role.capitalize()) for role in held])
