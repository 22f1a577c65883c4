"""Forms of the responder pages; each gives its action the arguments it takes.

Those of an incident are made with `incident`; what is typed in them survives a refusal.
"""

from django import forms

from oncall.models import EscalationContact

from . import confirming, roles
from .models import OPEN, Incident
from .page import SHOW


def _text(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


def known_contacts() -> list[EscalationContact]:
    """Whom a form may name."""
    return list(EscalationContact.objects.filter(active=True))


def roles_of(incident: Incident) -> list[roles.Wanted]:
    """Which roles the incident has; the page has read it for all its forms."""
    return incident.__dict__.get("roles_wanted") or roles.wanted(incident)


def _one_of(rows, label: str) -> forms.TypedChoiceField:
    """A choice among `rows`, read once; a ModelChoiceField asks the database twice for each rendering."""
    known = {str(row.pk): row for row in rows}
    choices = [(pk, str(row)) for pk, row in known.items()]
    return forms.TypedChoiceField(choices=choices, coerce=known.__getitem__, label=label)


class IncidentForm(forms.Form):
    """A form of the incident's page; without fields of its own it is just a button."""

    def __init__(self, *args, incident: Incident, **kwargs):
        super().__init__(*args, **kwargs)
        self.incident = incident


class MoveForm(IncidentForm):
    override_reason = forms.CharField(required=False, max_length=500, label="Why it may pass all the same")


class ReasonForm(IncidentForm):
    reason = forms.CharField(max_length=500, label="Why?")


class KnownForm(IncidentForm):
    """Begins with what is known; sent from a page grown old, it changes only what was typed over."""

    def __init__(self, *args, incident, **kwargs):
        known = {name: getattr(incident, name, None) for name in self.base_fields}
        if (began := known.get("started_at")) is not None:
            known["started_at"] = began.replace(microsecond=0)
        super().__init__(*args, incident=incident, initial=known, **kwargs)
        for name, field in self.fields.items():
            field.show_hidden_initial = hasattr(incident, name)

    def changes(self) -> dict:
        """The incident's fields that were changed, with their new values."""
        return {name: self.cleaned_data[name] for name in self.changed_data if hasattr(self.incident, name)}


class NoteForm(IncidentForm):
    text = forms.CharField(widget=_text(2), label="Add to the timeline")
    kind = forms.ChoiceField(
        choices=[("", "Note"), ("decision", "Decision"), ("risk", "Remaining risk")], required=False, label="It is a"
    )
    evidence = forms.URLField(
        required=False, max_length=500, label="Link to what shows it", assume_scheme="https",
        widget=forms.URLInput(attrs={"placeholder": "https://… (optional)"}),
    )  # fmt: skip


class AssessForm(IncidentForm):
    text = forms.CharField(widget=_text(2), max_length=2000, label="How bad is it?")


class UpdateForm(KnownForm):
    text = forms.CharField(required=False, widget=_text(3), label="What people should know")
    impact = forms.CharField(required=False, widget=_text(2))
    cause = forms.CharField(required=False, widget=_text(2))
    eta = forms.CharField(required=False, max_length=120, label="When it will be over (ETA)")


class FactsForm(KnownForm):
    title = forms.CharField(max_length=250)
    summary = forms.CharField(required=False, widget=_text(3))
    impact = forms.CharField(required=False, widget=_text(2))
    cause = forms.CharField(required=False, widget=_text(2))
    eta = forms.CharField(required=False, max_length=120, label="When it will be over (ETA)")
    started_at = forms.DateTimeField(
        required=False, label="The harm began at (UTC)", help_text="As 2026-12-31 03:10.",
        error_messages={"invalid": "Write the time as 2026-12-31 03:10, in UTC."},
    )  # fmt: skip


class SeverityForm(IncidentForm):
    reason = forms.CharField(max_length=250, label="Why?")
    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args, incident, **kwargs):
        known = {"severity": incident.severity_id, "seen": incident.severity_id}
        super().__init__(*args, incident=incident, initial=known, **kwargs)
        self.fields["severity"] = _one_of(incident.policy.severities.order_by("rank"), "Level")
        self.order_fields(["severity"])


class ConfirmForm(IncidentForm):
    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        offers = confirming.offered(incident)
        choices = [(offer.words, f"{offer.words}: raises it to {offer.severity}") for offer in offers]
        if choices:  # else there is nothing to confirm
            self.fields["words"] = forms.ChoiceField(choices=choices, widget=forms.RadioSelect, label="I confirm")


class NamingForm(IncidentForm):
    """Names contacts; those that are known are read once for all forms of a page."""

    def __init__(self, *args, contacts: list[EscalationContact] | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.contacts = known_contacts() if contacts is None else contacts

    def named(self, *kinds: str) -> list[EscalationContact]:
        return [contact for contact in self.contacts if contact.kind in kinds]


class PersonForm(NamingForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["contact"] = _one_of(self.named("person"), "Person")


class VendorForm(NamingForm):
    text = forms.CharField(widget=_text(3), max_length=2000, label="What they should know or do")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["contact"] = _one_of(self.named("vendor"), "Vendor")
        self.order_fields(["contact"])


class HelpForm(NamingForm):
    """Whom to ask to help: persons, or everybody of a team or role."""

    words = forms.CharField(required=False, max_length=250, label="What you need them for")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        known = {str(row.pk): row for row in self.named("person", "team", "role")}
        self.fields["contacts"] = forms.TypedMultipleChoiceField(
            choices=[(pk, f"{row}" if row.kind == "person" else f"{row} ({row.kind})") for pk, row in known.items()],
            coerce=known.__getitem__, label="Whom",
        )  # fmt: skip
        self.order_fields(["contacts"])


class RoleForm(PersonForm):
    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        choices = [(role.key, role.label) for role in roles_of(incident)]
        self.fields["role"] = forms.ChoiceField(choices=choices, label="Role")
        self.order_fields(["role"])


class MergeForm(IncidentForm):
    into = forms.ModelChoiceField(
        Incident.objects.filter(status__in=OPEN), widget=forms.NumberInput, label="Number of the other incident",
        error_messages={"invalid_choice": "There is no open incident of this number."},
    )  # fmt: skip


class CorrectForm(forms.Form):
    text = forms.CharField(widget=_text(3), label="What is right instead")


class ShowForm(forms.Form):
    show = forms.ChoiceField(choices=list(SHOW.items()), required=False)

    @classmethod
    def chosen(cls, data) -> str:
        """The kind of timeline entries asked for; everything when the choice is unknown."""
        form = cls(data)
        return (form.cleaned_data["show"] if form.is_valid() else "") or "all"
