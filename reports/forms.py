"""Forms of the pages of reports."""

from django import forms

from notifications.transports.base import AddressRefused
from notifications.transports.email import Email
from oncall.models import ContactMethod, EscalationContact


class TextForm(forms.Form):
    """The document as a person would have it."""

    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "true"}), label="The report in Markdown", strip=False
    )


class LinkForm(forms.Form):
    """Where it was put."""

    link = forms.URLField(
        max_length=500, required=False, label="Where it was put", assume_scheme="https",
        widget=forms.URLInput(attrs={"placeholder": "https://… (a page in Notion, a wiki)"}),
    )  # fmt: skip


class MailForm(forms.Form):
    """To whom it goes: people with an e-mail address, and other addresses."""

    contacts = forms.TypedMultipleChoiceField(required=False, coerce=int, label="People")
    addresses = forms.CharField(
        required=False, max_length=2000, label="Other addresses", help_text="With commas between them."
    )
    words = forms.CharField(
        required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}), label="What you add"
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        reached = ContactMethod.objects.filter(kind="email", contact__active=True).values("contact")
        people = EscalationContact.objects.filter(pk__in=reached)
        self.fields["contacts"].choices = [(one.pk, str(one)) for one in people]  # type: ignore[attr-defined]

    def clean_addresses(self) -> list[str]:
        """The addresses, each once; ValidationError names the first that is none."""
        found = [one.strip() for one in self.cleaned_data["addresses"].replace(";", ",").split(",") if one.strip()]
        for address in found:
            try:
                Email().check_address(address)
            except AddressRefused as refusal:
                raise forms.ValidationError(str(refusal)) from None
        return list(dict.fromkeys(found))

    def clean(self):
        super().clean()
        data = self.cleaned_data
        if not self.errors and not data.get("contacts") and not data.get("addresses"):
            self.add_error("contacts", "Choose a person, or write an address.")
        return data
