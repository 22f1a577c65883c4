"""The form that declares an incident of one policy, made from what the policy offers."""

from typing import Any
from uuid import uuid4

from django import forms

from policies.models import Policy, Severity

from .forms import IncidentForm
from .models import Incident, IncidentField
from .triage import Line

PREFIX = "field-"


def _text(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class DeclareForm(forms.Form):
    """Open an incident by hand.

    lines   the symptom table as things stand; those that hold are ticked beforehand
    """

    symptoms = forms.MultipleChoiceField(required=False, label="What is seen?", widget=forms.CheckboxSelectMultiple)
    severity = forms.TypedChoiceField(required=False, label="How bad is it?", widget=forms.RadioSelect)
    reason = forms.CharField(
        required=False, max_length=250, label="Why another level than the proposed one?",
        help_text="Only when you choose another one.",
    )  # fmt: skip
    title = forms.CharField(max_length=250, required=False, label="What is wrong?",
                            help_text="Left empty, it is called after what is seen.")  # fmt: skip
    type = forms.ChoiceField(required=False, label="Kind of incident")
    component = forms.ChoiceField(required=False, label="Component")
    impact = forms.CharField(required=False, widget=_text(2), label="Who is affected?")
    drill = forms.BooleanField(required=False, label="This is a drill")
    private = forms.BooleanField(
        required=False, label="Private", help_text="Only those who work on it see it, a security matter for example."
    )
    # sent twice by a nervous thumb, it still opens one incident
    nonce = forms.CharField(max_length=40, widget=forms.HiddenInput, initial=lambda: uuid4().hex)

    def __init__(self, *args, policy: Policy, lines: list[Line], **kwargs):
        super().__init__(*args, **kwargs)
        self.policy, self.lines = policy, lines
        self.levels = {str(level.pk): level for level in policy.levels}
        self.fields["symptoms"].choices = [(line.symptom.key, line.symptom.label) for line in lines]  # type: ignore[attr-defined]
        self.fields["symptoms"].initial = [line.symptom.key for line in lines if line.holds]
        severity = self.fields["severity"]
        severity.choices = [(pk, str(level)) for pk, level in self.levels.items()]  # type: ignore[attr-defined]
        severity.coerce, severity.empty_value = self._level, None  # type: ignore[attr-defined]
        self._offer("type", [(row.key, str(row)) for row in policy.incident_types.all()])
        self._offer("component", [(row.key, str(row)) for row in policy.incident_components.all()])
        self.own = list(policy.incident_fields.all())
        known = {row.key: str(row) for row in policy.incident_types.all()}
        for row in self.own:
            kinds = ", ".join(known.get(key, key) for key in row.types)
            self.fields[PREFIX + row.key] = _field(row, kinds)
        if not lines:
            del self.fields["symptoms"], self.fields["reason"]

    def _level(self, pk: str) -> Severity:
        return self.levels[pk]

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        if choices:
            self.fields[name].choices = [("", "Not said"), *choices]  # type: ignore[attr-defined]
        else:
            del self.fields[name]

    def given(self, name: str):
        """What was filled in, "" for a field that this policy does not have."""
        return self.cleaned_data.get(name) or ""

    @property
    def own_values(self) -> dict:
        """The policy's own fields that were filled in, by key, as they were typed."""
        said = {row.key: self.data.get(PREFIX + row.key, "") for row in self.own}
        return {key: text for key, text in said.items() if text}

    def refuse(self, faults: dict[str, str]) -> None:
        """Show what `declaring` found wrong beside the field it is about."""
        for name, words in faults.items():
            name = PREFIX + name.removeprefix("fields.") if name.startswith("fields.") else name
            self.add_error(name if name in self.fields else None, words)

    @property
    def choices_of_level(self) -> list[tuple[str, Severity, bool]]:
        """Value, level and whether it is chosen, the gravest first."""
        chosen = str(self["severity"].value() or "")
        return [(pk, level, pk == chosen) for pk, level in self.levels.items()]

    @property
    def rows_of_symptoms(self) -> list[tuple[Line, bool]]:
        """Each line of the table and whether it is ticked."""
        ticked = set(self["symptoms"].value() or []) if "symptoms" in self.fields else set()
        return [(line, line.symptom.key in ticked) for line in self.lines]

    @property
    def rest(self) -> list:
        """The fields that the page shows one after the other, below level and symptoms."""
        return [self[name] for name in self.fields if name not in ("symptoms", "severity", "reason", "nonce")]


class TriageForm(IncidentForm):
    """Judge an incident that is open by the symptom table."""

    reason = forms.CharField(required=False, max_length=250, label="Why another level than the proposed one?")

    def __init__(self, *args, incident: Incident, **kwargs):
        super().__init__(*args, incident=incident, **kwargs)
        rows = list(incident.policy.symptoms.select_related("severity"))
        levels = {str(level.pk): level for level in incident.policy.levels}
        labels = [(row.key, f"{row.label} ({row.severity.key})" if row.severity else row.label) for row in rows]
        self.fields["symptoms"] = forms.MultipleChoiceField(
            choices=labels, label="What is seen?", widget=forms.CheckboxSelectMultiple
        )
        self.fields["severity"] = forms.TypedChoiceField(
            choices=[("", "The proposed one"), *((pk, str(level)) for pk, level in levels.items())], required=False,
            coerce=levels.__getitem__, empty_value=None, label="Level",
        )  # fmt: skip
        self.order_fields(["symptoms", "severity", "reason"])


def _field(row: IncidentField, kinds: str) -> forms.Field:
    """A field as the browser shows it; what is right is judged where commands and the API are judged too."""
    name = row.label or row.key.replace("_", " ").replace("-", " ").capitalize()
    needed = f" (needed{f' for {kinds}' if kinds else ''})" if row.required else f" (for {kinds})" if kinds else ""
    more: dict[str, Any] = {"required": False, "label": f"{name}{needed}", "help_text": row.help}
    match row.kind:
        case IncidentField.Kind.LONG:
            return forms.CharField(widget=_text(3), **more)
        case IncidentField.Kind.CHOICE:
            return forms.CharField(
                widget=forms.Select(choices=[("", "Not said"), *((c, c) for c in row.choices)]), **more
            )
        case IncidentField.Kind.BOOL:
            choices = [("", "Not said"), ("yes", "Yes"), ("no", "No")]
            return forms.CharField(widget=forms.Select(choices=choices), **more)
        case IncidentField.Kind.NUMBER:
            return forms.CharField(widget=forms.TextInput(attrs={"inputmode": "decimal"}), **more)
        case IncidentField.Kind.DATE:
            return forms.CharField(widget=forms.DateInput(attrs={"type": "date"}), **more)
        case IncidentField.Kind.LINK:
            return forms.CharField(widget=forms.URLInput(), **more)
    return forms.CharField(**more)
