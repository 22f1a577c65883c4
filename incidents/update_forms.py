"""Forms of the update pages: one for each template, prefilled with what is known, and one for the interval."""

from django import forms

from notifications.own_words import BadWording
from policies.durations import BadDuration, parse_duration

from . import update_templates, updates
from .models import Incident, UpdateTemplate

LABELS = {
    "status": "Status",
    "start": "Started",
    "impact": "Impact: who is affected, and how",
    "cause": "Cause",
    "eta": "When it will be over (ETA)",
    "estimate": "Estimate for the fix",
    "summary": "What happened",
}
STATES = {
    "degraded_performance": "Degraded performance",
    "partial_outage": "Partial outage",
    "major_outage": "Major outage",
    "operational": "Operational",
}
"""What a published incident may make of components, in the words that status pages use."""
LONG = frozenset(["impact", "cause", "summary"])
STORED = {"impact": "impact", "cause": "cause", "eta": "eta", "estimate": "eta"}
"""Fields that the incident itself keeps: what is typed here is known everywhere from then on."""


class TellForm(forms.Form):
    """An update of one template. An empty text takes the template's own words, filled when it is sent."""

    def __init__(self, *args, incident: Incident, template: UpdateTemplate, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.incident, self.template = incident, template
        known = updates.facts(incident)
        for name in update_templates.names(template):
            widget = forms.Textarea(attrs={"rows": 2}) if name in LONG else forms.TextInput()
            # a field left empty is refused by the update itself, which names it
            self.fields[name] = forms.CharField(
                label=LABELS.get(name, name.replace("_", " ").capitalize()), initial=known.get(name, ""),
                required=False, max_length=2000, widget=widget,
            )  # fmt: skip
        words = self.own_words()
        self.fields["text"] = forms.CharField(
            label="What people should know", required=False, max_length=10_000, initial=words, show_hidden_initial=True,
            widget=forms.Textarea(attrs={"rows": 5}),
            help_text="Left as it is, the fields above are put into it when it is sent." if words else "",
        )  # fmt: skip
        if template.publish and not template.closing:
            usual = template.component_status.replace("_", " ") or "As bad as the level says"
            self.fields["component_status"] = forms.ChoiceField(
                choices=[("", usual.capitalize()), *STATES.items()], required=False,
                label="What becomes of its components on the status page",
            )  # fmt: skip

    def own_words(self) -> str:
        try:
            return update_templates.text_of(self.template, self.incident, {})
        except BadWording:
            return ""

    @property
    def text(self) -> str:
        """What was typed; empty when the template's own words were left as they were."""
        changed = "text" in self.changed_data or "initial-text" not in self.data
        typed = self.cleaned_data["text"].strip()
        return typed if changed and typed != self.own_words() else ""

    @property
    def given(self) -> dict[str, str]:
        names = update_templates.names(self.template)
        return {name: self.cleaned_data[name].strip() for name in names}

    def facts(self) -> dict[str, str]:
        """What the incident learns from it."""
        return {STORED[name]: value for name, value in self.given.items() if name in STORED and value}


class CadenceForm(forms.Form):
    every = forms.CharField(max_length=20, label="An update at least every", help_text="As 10m or 1h.")

    def clean_every(self):
        text = self.cleaned_data["every"].strip()
        try:
            return parse_duration(f"{text}m" if text.isdecimal() else text)
        except BadDuration as error:
            raise forms.ValidationError(str(error)) from None


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=250, label="Why?")
