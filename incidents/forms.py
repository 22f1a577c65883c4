"""Forms of the responder pages; each gives its action the arguments it takes."""

from django import forms

from oncall.models import EscalationContact
from policies.models import Policy, Severity


class DeclareForm(forms.Form):
    """Open an incident by hand."""

    policy = forms.ModelChoiceField(Policy.objects.all(), empty_label=None)
    severity = forms.ModelChoiceField(Severity.objects.select_related("policy").order_by("policy__key", "rank"))
    title = forms.CharField(max_length=250, label="What is wrong?")
    impact = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}), label="Who is affected?")
    drill = forms.BooleanField(required=False, label="This is a drill")

    def clean(self):
        data = super().clean()
        policy, severity = data.get("policy"), data.get("severity")
        if policy and severity and severity.policy_id != policy.pk:
            self.add_error("severity", f"{severity} is a level of {severity.policy}; choose one of {policy}.")
        return data


class NoteForm(forms.Form):
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), label="Note")


class ReasonForm(forms.Form):
    reason = forms.CharField(required=False, max_length=500)
    override_reason = forms.CharField(required=False, max_length=500)


class UpdateForm(forms.Form):
    text = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}), label="What people should know")
    impact = forms.CharField(required=False, max_length=500)
    cause = forms.CharField(required=False, max_length=500)
    eta = forms.CharField(required=False, max_length=120, label="ETA")


class SeverityForm(forms.Form):
    severity = forms.ModelChoiceField(Severity.objects.none(), empty_label=None)
    reason = forms.CharField(max_length=250)

    def __init__(self, *args, incident, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["severity"].queryset = incident.policy.severities.order_by("rank")


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=[(r, r.capitalize()) for r in ("commander", "communications", "first responder")])
    contact = forms.ModelChoiceField(
        EscalationContact.objects.filter(kind="person", active=True), empty_label=None, label="Person"
    )
