"""What a person may do with a flag."""

from django import forms

VALUES = (("on", "On"), ("off", "Off"))


class StoreForm(forms.Form):
    value = forms.ChoiceField(
        choices=[*VALUES, ("", "Nothing, so that the default counts")], required=False, label="Store"
    )
    reason = forms.CharField(max_length=250, label="Why?")

    @property
    def wanted(self) -> bool | None:
        return {"on": True, "off": False}.get(self.cleaned_data["value"])


class TemporaryForm(forms.Form):
    value = forms.ChoiceField(choices=VALUES, label="For a time")
    reason = forms.CharField(max_length=250, label="Why?")
    incident = forms.IntegerField(
        required=False, min_value=1, label="Number of the incident", help_text="It asks for this flag before its end."
    )

    @property
    def wanted(self) -> bool:
        return self.cleaned_data["value"] == "on"
