"""What a person enters on the own contact page."""

from datetime import timedelta
from zoneinfo import available_timezones

from django import forms

from notifications.models import Account
from notifications.transports import TRANSPORTS, AddressRefused
from policies.durations import BadDuration, parse_duration
from policies.models import Severity

from .models import ContactMethod, EscalationContact, PersonalRule, Urgency

FOR_PLACES = frozenset({"jira"})
"""Kinds that are no way to reach a person."""
OWN_HANDS = frozenset({"email"})
"""Kinds that need neither an account nor a URL."""
LONGEST = timedelta(hours=24)


def kinds(*, may_post: bool) -> list[tuple[str, str]]:
    """The kinds that can be sent with here: those that need an account with a provider only where there is one.

    may_post   also those whose address is a URL of the person's choice, to which Opscenter then posts
    """
    accounts = set(Account.objects.filter(enabled=True).values_list("kind", flat=True))
    return [
        (kind, transport.label)
        for kind, transport in TRANSPORTS.items()
        if kind not in FOR_PLACES
        and (not transport.account or transport.account in accounts)
        and (may_post or kind in OWN_HANDS or transport.account)
    ]


class MethodForm(forms.ModelForm):
    """A new way to be reached."""

    kind = forms.ChoiceField(label="Reached by")
    address = forms.CharField(
        max_length=2000,
        help_text="An e-mail address, a phone number such as +31205550100, or the address your chat gave you.",
    )

    class Meta:
        model = ContactMethod
        fields = ["kind", "address"]

    def __init__(self, *args, may_post: bool, **kwargs):
        super().__init__(*args, **kwargs)
        _choose(self.fields["kind"], kinds(may_post=may_post))

    def clean(self):
        data = super().clean() or self.cleaned_data
        kind = data.get("kind", self.instance.kind)
        if kind and "address" in data:
            data["address"] = data["address"].strip()
            self._check(kind, data["address"])
        return data

    def _check(self, kind: str, address: str) -> None:
        transport = TRANSPORTS.get(kind)
        if transport is None:
            self.add_error("address", f"There is no way to send to a {kind!r} any more; add another method.")
            return
        try:
            transport.check_address(address)
        except AddressRefused as refusal:
            self.add_error("address", str(refusal))
        for other in ContactMethod.objects.filter(contact=self.instance.contact_id).exclude(pk=self.instance.pk):
            if (other.kind, other.address) == (kind, address):
                self.add_error("address", "You have this address already.")


class AddressForm(MethodForm):
    """Another address for a method that there is; the stored one is not shown."""

    class Meta(MethodForm.Meta):
        fields = ["address"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        del self.fields["kind"]
        self.initial["address"] = ""


class SettingsForm(forms.ModelForm):
    """Language, zone and quiet hours."""

    timezone = forms.CharField(label="Time zone", help_text="Such as Europe/Amsterdam; quiet hours are of its clock.")
    quiet_from = forms.TimeField(
        label="Quiet from", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_until = forms.TimeField(
        label="Quiet until", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="What is of low urgency waits until then. Pages get through.",
    )  # fmt: skip
    quiet_levels = forms.MultipleChoiceField(
        label="Only these levels may wake me", required=False, widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: every page gets through. A page of another level is then asked of your back-up or the "
        "next step at once, and reaches you in the morning. If nobody else is left, you are asked all the same.",
    )  # fmt: skip

    class Meta:
        model = EscalationContact
        fields = ["language", "timezone", "quiet_from", "quiet_until", "quiet_levels"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        keys = Severity.objects.filter(page=True).order_by("rank", "key").values_list("key", flat=True)
        names = list(dict.fromkeys([*keys, *self.instance.quiet_levels]))
        _choose(self.fields["quiet_levels"], [(name, name) for name in names])
        if not names:
            del self.fields["quiet_levels"]

    def clean_timezone(self):
        zone = self.cleaned_data["timezone"].strip()
        if zone not in available_timezones():
            raise forms.ValidationError(f"There is no time zone {zone!r}; write one such as Europe/Amsterdam or UTC.")
        return zone

    def clean(self):
        data = super().clean() or self.cleaned_data
        if (data.get("quiet_from") is None) != (data.get("quiet_until") is None) and not self.errors:
            self.add_error("quiet_until", "Quiet hours need a beginning and an end; leave both empty for none.")
        return data


class MethodChoice(forms.ModelChoiceField):
    """One of the person's methods, by kind and address."""

    def label_from_instance(self, obj):
        return f"{label_of(obj)} {hint_of(obj)}"


class RuleForm(forms.ModelForm):
    """By which method, how long after the first word."""

    urgency = forms.ChoiceField(choices=[(Urgency.HIGH, "When I am paged"), (Urgency.LOW, "Of what can wait")])
    after = forms.CharField(initial="0m", max_length=20, help_text="0m: at once; 2m, 90s, 1h.")

    class Meta:
        model = PersonalRule
        fields = ["urgency", "method", "after"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        mine = ContactMethod.objects.filter(contact=self.instance.contact_id).select_related("contact")
        self.fields["method"] = MethodChoice(mine, empty_label=None)

    def clean_after(self):
        text = self.cleaned_data["after"].strip()
        try:
            after = timedelta(0) if text in ("", "0") else parse_duration(text)
        except BadDuration as error:
            raise forms.ValidationError(str(error)) from error
        if not timedelta(0) <= after <= LONGEST:
            raise forms.ValidationError("A rule waits a day at most.")
        return after

    def clean(self):
        data = super().clean() or self.cleaned_data
        if not self.errors and self.instance.contact.rules.filter(**data).exists():
            raise forms.ValidationError("You have this rule already.")
        return data


def _choose(field: forms.Field, choices: list[tuple[str, str]]) -> None:
    """Give a field the choices that are known only now."""
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices


def label_of(method: ContactMethod) -> str:
    transport = TRANSPORTS.get(method.kind)
    return transport.label if transport else method.kind


def hint_of(method: ContactMethod) -> str:
    """The address as its owner sees it: whole where it is no secret, else enough to recognise it."""
    transport = TRANSPORTS.get(method.kind)
    if "://" in method.address or transport is None:
        return transport.hint(method.address) if transport else ""
    return method.address
